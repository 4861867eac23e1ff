//! The pipeline's planted bugs.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumMessage, EnumString, IntoStaticStr};

/// The correct pipeline, or one with exactly one bug.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumIter,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Variant {
    /// Both versions do what they should.
    #[strum(message = "every event has one result, through rollout, canary and rollback")]
    Correct,
    /// The offset goes before the work.
    #[strum(message = "commits an offset before the event is processed: a killed worker loses it")]
    CommitBeforeProcess,
    /// What was done is not told when a partition is taken away.
    #[strum(
        message = "commits nothing when partitions are revoked, and the sink keeps what comes \
                       twice: a rebalance repeats effects"
    )]
    NoCommitOnRevoke,
    /// A result that comes again is written again.
    #[strum(message = "a result that comes again is written again")]
    NotIdempotentSink,
    /// Offsets go by the clock.
    #[strum(message = "commits twice a second what has been received, processed or not")]
    AutoCommitTimer,
    /// The new version does not start.
    #[strum(message = "the new version ends with exit code 1 as soon as it is started")]
    V2CrashLoop,
    /// The new version starts and does nothing.
    #[strum(message = "the new version is never ready")]
    V2NeverReady,
    /// The new version is too slow for the load.
    #[strum(message = "the new version takes 100 ms for an event: the lag grows")]
    V2Slow,
    /// The new version has errors.
    #[strum(message = "2 % of the new version's events fail at first, and are tried again")]
    V2Errors,
    /// The new version has errors, later.
    #[strum(
        message = "from 20 s after its start on, 3 % of the new version's events fail at first"
    )]
    V2ErrorsLate,
    /// The new version forgets what it does not know.
    #[strum(message = "the new version drops the fields of an event that it does not know")]
    V2DropsUnknownFields,
    /// The circuit breaker does not close again.
    #[strum(message = "a circuit breaker that has opened never lets a call through again")]
    BreakerStuckOpen,
    /// One partition stands.
    #[strum(message = "nobody processes partition 7")]
    StuckPartition,
    /// A message that nobody can read stops its partition.
    #[strum(message = "an event that cannot be read is tried for ever, and its partition stands")]
    PoisonBlocksPartition,
    /// There is no way back.
    #[strum(message = "the old version does not start where the new one has run")]
    RollbackFails,
    /// It has to be killed.
    #[strum(message = "workers ignore SIGTERM and are killed, which loses nothing")]
    UngracefulStop,
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_variant_is_found_by_its_own_name_and_says_what_it_does() {
        for variant in Variant::iter() {
            assert_eq!(variant.to_string().parse::<Variant>().unwrap(), variant);
            let written = serde_json::to_value(variant).unwrap();
            assert_eq!(written, variant.to_string(), "one name everywhere");
            assert!(variant.get_message().is_some_and(|about| !about.is_empty()), "{variant}");
        }
        assert_eq!(Variant::iter().next(), Some(Variant::Correct));
        assert_eq!(Variant::V2NeverReady.to_string(), "v2-never-ready");
    }
}
