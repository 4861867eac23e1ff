//! Whether a rollout gets on: the condition `Progressing` of Kubernetes.

use std::time::Duration;

/// What is counted of a deployment's pods; those that were asked to end are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Pods.
    pub(crate) replicas: u32,
    /// Pods of the present template.
    pub(crate) updated: u32,
    /// Pods that are ready.
    pub(crate) ready: u32,
    /// Pods that have been ready for long enough.
    pub(crate) available: u32,
}

impl Counts {
    /// Whether every pod is new and available.
    fn is_whole(self, replicas: u32) -> bool {
        self.updated == replicas && self.replicas == replicas && self.available == replicas
    }

    /// Whether a rollout has come further since `before`.
    fn is_further(self, before: Self) -> bool {
        self.updated > before.updated
            || self.replicas - self.updated < before.replicas - before.updated
            || self.ready > before.ready
            || self.available > before.available
    }
}

/// How far a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It goes on, and last came further then.
    Going { since: Duration },
    /// Every pod was new and available. It stays so whatever becomes of the pods, until
    /// another rollout begins.
    Complete { at: Duration },
    /// It did not get on for too long.
    Exceeded { at: Duration },
}

/// The progress of the present rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    deadline: Duration,
    pub(crate) stage: Stage,
    last: Counts,
}

impl Progress {
    pub(crate) fn new(deadline: Duration) -> Self {
        let stage = Stage::Going { since: Duration::ZERO };
        Self { deadline, stage, last: Counts::default() }
    }

    /// Another rollout begins, or one goes on that was paused.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.stage = Stage::Going { since: now };
    }

    /// Takes note of what there is. While it is paused nothing is late.
    pub(crate) fn note(&mut self, now: Duration, counts: Counts, replicas: u32, paused: bool) {
        let is_further = counts.is_further(self.last);
        self.last = counts;
        self.stage = match self.stage {
            Stage::Complete { .. } => self.stage,
            _ if counts.is_whole(replicas) => Stage::Complete { at: now },
            _ if is_further => Stage::Going { since: now },
            Stage::Going { since } if !paused && now >= since + self.deadline => {
                Stage::Exceeded { at: now }
            }
            stage => stage,
        };
    }

    /// When the deadline is over.
    pub(crate) fn wakes_at(&self, paused: bool) -> Option<Duration> {
        match self.stage {
            Stage::Going { since } if !paused => Some(since + self.deadline),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn counts(replicas: u32, updated: u32, ready: u32) -> Counts {
        Counts { replicas, updated, ready, available: ready }
    }

    #[test]
    fn whoever_gets_on_is_not_late() {
        let mut progress = Progress::new(secs(10));
        progress.begin(secs(0));
        progress.note(secs(0), counts(3, 1, 2), 2, false);
        progress.note(secs(9), counts(3, 1, 2), 2, false);
        assert_eq!(progress.wakes_at(false), Some(secs(10)));
        progress.note(secs(9), counts(3, 1, 3), 2, false);
        progress.note(secs(18), counts(3, 1, 3), 2, false);
        assert_eq!(progress.stage, Stage::Going { since: secs(9) });
        progress.note(secs(19), counts(3, 1, 3), 2, false);
        assert_eq!(progress.stage, Stage::Exceeded { at: secs(19) });
        progress.note(secs(20), counts(2, 2, 2), 2, false);
        assert_eq!(progress.stage, Stage::Complete { at: secs(20) }, "late, but done");
        progress.note(secs(60), counts(2, 2, 0), 2, false);
        assert_eq!(progress.stage, Stage::Complete { at: secs(20) }, "no rollout is under way");
    }

    #[test]
    fn while_it_is_paused_nothing_is_late() {
        let mut progress = Progress::new(secs(10));
        progress.begin(secs(0));
        progress.note(secs(99), counts(0, 0, 0), 2, true);
        assert!(matches!(progress.stage, Stage::Going { .. }));
        assert_eq!(progress.wakes_at(true), None);
    }
}
