//! What each variant does differently. This is where the bugs are planted; everything
//! else asks here and is correct in every variant.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use super::variant::Variant;

/// The version of a worker: the tag of its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Version {
    /// The stable one.
    V1,
    /// The one that is rolled out.
    V2,
}

/// When the offset of an event is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// When its result is in the broker.
    AfterResult,
    /// When it is received.
    BeforeWork,
    /// So often, whatever has been received by then.
    Every(Duration),
}

/// What one version of one variant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tactics {
    variant: Variant,
    version: Version,
}

impl Tactics {
    pub(crate) fn new(variant: Variant, version: Version) -> Self {
        Self { variant, version }
    }

    pub(crate) fn version(self) -> Version {
        self.version
    }

    fn is(self, variant: Variant) -> bool {
        self.variant == variant
    }

    /// Whether this is the new version of a variant whose new version is bad.
    fn is_new(self, variant: Variant) -> bool {
        self.is(variant) && self.version == Version::V2
    }

    pub(crate) fn commit(self) -> Commit {
        match self.variant {
            Variant::CommitBeforeProcess => Commit::BeforeWork,
            Variant::AutoCommitTimer => Commit::Every(Duration::from_millis(500)),
            _ => Commit::AfterResult,
        }
    }

    /// Whether what was processed is committed before partitions are given up.
    pub(crate) fn commits_on_revoke(self) -> bool {
        !self.is(Variant::NoCommitOnRevoke)
    }

    /// Whether the process ends as soon as it is started.
    pub(crate) fn crashes(self) -> bool {
        self.is_new(Variant::V2CrashLoop)
    }

    /// Whether the process ever joins the group and says that it is ready.
    pub(crate) fn gets_ready(self) -> bool {
        !self.is_new(Variant::V2NeverReady)
    }

    /// What an event takes longer.
    pub(crate) fn drags(self) -> Option<Duration> {
        self.is_new(Variant::V2Slow).then_some(Duration::from_millis(100))
    }

    /// Whether an event fails at its first try, in a process that has run for `up`. `chance`
    /// is the event's own, evenly from 0 to 99,999.
    pub(crate) fn fails_at_first(self, up: Duration, chance: u32) -> bool {
        let of_100_000 = match self.variant {
            Variant::V2Errors => 2_000,
            Variant::V2ErrorsLate if up >= Duration::from_secs(20) => 3_000,
            _ => 0,
        };
        self.version == Version::V2 && chance < of_100_000
    }

    /// Whether the result has the fields of its event that nobody here knows.
    pub(crate) fn keeps_unknown_fields(self) -> bool {
        !self.is_new(Variant::V2DropsUnknownFields)
    }

    /// Whether a circuit breaker that has opened tries a call after a while.
    pub(crate) fn breaker_tries_again(self) -> bool {
        !self.is(Variant::BreakerStuckOpen)
    }

    /// Whether nobody processes the events of a partition.
    pub(crate) fn stalls(self, partition: i32) -> bool {
        self.is(Variant::StuckPartition) && partition == 7
    }

    /// Whether an event that cannot be read is tried for ever.
    pub(crate) fn blocks_on_poison(self) -> bool {
        self.is(Variant::PoisonBlocksPartition)
    }

    /// Whether it refuses to start where the new version has run.
    pub(crate) fn refuses_to_go_back(self) -> bool {
        self.is(Variant::RollbackFails) && self.version == Version::V1
    }

    /// Whether SIGTERM is ignored.
    pub(crate) fn is_deaf(self) -> bool {
        self.is(Variant::UngracefulStop)
    }
}

impl Variant {
    /// Whether a result that comes again changes nothing.
    pub(crate) fn writes_once(self) -> bool {
        // What a rebalance repeats is seen only where nobody takes it out again.
        !matches!(self, Self::NotIdempotentSink | Self::NoCommitOnRevoke)
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    /// Everything that a version does.
    fn deeds(variant: Variant, version: Version) -> String {
        let it = Tactics::new(variant, version);
        let late = Duration::from_secs(60);
        format!(
            "{:?} {} {} {} {:?} {} {} {} {} {} {} {} {}",
            it.commit(),
            it.commits_on_revoke(),
            it.crashes(),
            it.gets_ready(),
            it.drags(),
            it.fails_at_first(late, 1_999),
            it.keeps_unknown_fields(),
            it.breaker_tries_again(),
            it.stalls(7),
            it.blocks_on_poison(),
            it.refuses_to_go_back(),
            it.is_deaf(),
            variant.writes_once(),
        )
    }

    #[test]
    fn every_bug_differs_from_what_is_correct_and_bad_new_versions_have_good_old_ones() {
        for variant in Variant::iter().skip(1) {
            let both = [Version::V1, Version::V2]
                .map(|version| deeds(variant, version) != deeds(Variant::Correct, version));
            let expected = match variant {
                variant if variant.to_string().starts_with("v2-") => [false, true],
                Variant::RollbackFails => [true, false],
                _ => [true, true],
            };
            assert_eq!(both, expected, "{variant}");
        }
    }

    #[test]
    fn errors_are_as_many_as_told_and_late_ones_come_late() {
        let share = |variant, up| {
            let it = Tactics::new(variant, Version::V2);
            let up = Duration::from_secs(up);
            (0..100_000).filter(|chance| it.fails_at_first(up, *chance)).count()
        };
        assert_eq!(share(Variant::V2Errors, 0), 2_000);
        assert_eq!(share(Variant::V2ErrorsLate, 19), 0);
        assert_eq!(share(Variant::V2ErrorsLate, 20), 3_000);
    }
}
