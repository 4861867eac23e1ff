//! What each variant does differently. This is where the bugs are planted;
//! everything else asks here and is correct in every variant.

use std::time::Duration;

use super::embedding::DIMENSION;
use super::variant::Variant;

/// How often an event that fails by its own fault is tried again.
const RETRIES: u32 = 5;
/// Events that a worker works on at the same time: the database answers several at
/// once, and more would only be in each other's way.
const HANDS: usize = 8;

/// How a worker learns that an event has taken effect already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dedupe {
    /// By the document that it is going to change, if nobody changes it in between.
    Atomic,
    /// By a look before, which may be out of date when it acts.
    CheckFirst,
    /// Not at all.
    Never,
}

/// What becomes of a message that does not follow the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A copy with this count of retries waits in the queue of so many's delay, or in
    /// the main queue where it has none.
    Retry { count: Option<u32>, delay: Option<u32> },
    /// To the dead letters.
    Bury,
    /// Back into the queue.
    Requeue,
    /// Forgotten.
    Drop,
}

impl Variant {
    pub(crate) fn dedupe(self) -> Dedupe {
        match self {
            Self::NoDedupe => Dedupe::Never,
            Self::DedupeCheckThenAct => Dedupe::CheckFirst,
            _ => Dedupe::Atomic,
        }
    }

    /// Whether an update is made only to the version that it was computed from.
    pub(crate) fn locks(self) -> bool {
        self != Self::LostUpdate
    }

    /// What passes between what a worker has seen and what it does about it.
    pub(crate) fn dawdles(self) -> Option<Duration> {
        let slow = matches!(self, Self::DedupeCheckThenAct | Self::LostUpdate);
        slow.then_some(Duration::from_millis(15))
    }

    /// Whether an event that is known raises the version.
    pub(crate) fn counts_duplicates(self) -> bool {
        self == Self::VersionTwice
    }

    /// Whether the process dies of an event that is known.
    pub(crate) fn dies_of_duplicate(self, redelivered: bool) -> bool {
        self == Self::CrashOnDuplicate && !redelivered
    }

    /// Numbers of a vector.
    pub(crate) fn dimension(self) -> usize {
        if self == Self::WrongDimension { DIMENSION - 1 } else { DIMENSION }
    }

    /// Whether an event that is older than the newest one is added with what is left
    /// of it.
    pub(crate) fn decays_late_events(self) -> bool {
        self != Self::WrongDecay
    }

    /// Whether an event that is older than the newest one takes the place of all that
    /// is there.
    pub(crate) fn overwrites(self, redelivered: bool) -> bool {
        self == Self::StaleWrite && redelivered
    }

    /// Whether the broker forgets a message when it delivers it.
    pub(crate) fn takes_without_ack(self) -> bool {
        self == Self::AutoAck
    }

    /// What a message that was acknowledged before its effect waits in memory.
    /// `None` acknowledges what has taken effect.
    pub(crate) fn acks_before_writing(self) -> Option<Duration> {
        (self == Self::AckBeforeWrite).then_some(Duration::from_millis(30))
    }

    /// Whether a message goes to the dead letters unread.
    pub(crate) fn buries_unread(self, redelivered: bool) -> bool {
        self == Self::DlqEverythingOnRestart && redelivered
    }

    /// Whether an event is given up for a failure that would pass.
    pub(crate) fn gives_up_at_once(self) -> bool {
        self == Self::NackWithoutRequeue
    }

    /// How many messages may be delivered and not acknowledged; 0 is no limit.
    pub(crate) fn prefetch(self, agreed: u16) -> u16 {
        if self == Self::PrefetchHoard { 0 } else { agreed }
    }

    /// How many events a worker works on at the same time.
    pub(crate) fn hands(self) -> usize {
        if self == Self::SlowWorker { 1 } else { HANDS }
    }

    /// What an event takes longer.
    pub(crate) fn drags(self) -> Option<Duration> {
        (self == Self::SlowWorker).then_some(Duration::from_millis(250))
    }

    /// How many retries there are queues for.
    pub(crate) fn retries(self) -> u32 {
        if self == Self::TooManyRetries { RETRIES + 2 } else { RETRIES }
    }

    /// What becomes of poison that was retried so often before.
    pub(crate) fn verdict(self, retried: u32) -> Verdict {
        let next = retried + 1;
        match self {
            Self::RequeueForever => Verdict::Requeue,
            Self::SkipPoison => Verdict::Drop,
            _ if retried >= self.retries() => Verdict::Bury,
            Self::RetryWithoutBackoff => Verdict::Retry { count: Some(next), delay: None },
            Self::RetryLosesHeader => Verdict::Retry { count: None, delay: Some(next) },
            _ => Verdict::Retry { count: Some(next), delay: Some(next) },
        }
    }

    /// Whether its counters say what happened.
    pub(crate) fn is_honest(self) -> bool {
        self != Self::MetricsLie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correct_variant_has_none_of_the_bugs() {
        let correct = Variant::Correct;
        assert_eq!(correct.dedupe(), Dedupe::Atomic);
        assert!(correct.locks() && correct.decays_late_events() && correct.is_honest());
        assert!(correct.dawdles().is_none() && correct.drags().is_none());
        assert!(correct.acks_before_writing().is_none() && !correct.takes_without_ack());
        assert!(!correct.counts_duplicates() && !correct.gives_up_at_once());
        assert_eq!((correct.dimension(), correct.prefetch(20)), (DIMENSION, 20));
        for redelivered in [false, true] {
            assert!(!correct.dies_of_duplicate(redelivered) && !correct.overwrites(redelivered));
            assert!(!correct.buries_unread(redelivered));
        }
    }

    #[test]
    fn poison_is_tried_again_five_times_each_after_its_own_wait() {
        for retried in 0..5 {
            let count = Some(retried + 1);
            assert_eq!(Variant::Correct.verdict(retried), Verdict::Retry { count, delay: count });
        }
        assert_eq!(Variant::Correct.verdict(5), Verdict::Bury);
        assert_ne!(Variant::TooManyRetries.verdict(6), Verdict::Bury);
        assert_eq!(Variant::TooManyRetries.verdict(7), Verdict::Bury);
        assert_eq!(Variant::RetryWithoutBackoff.verdict(5), Verdict::Bury);
        let forgetful = Verdict::Retry { count: None, delay: Some(1) };
        assert_eq!(Variant::RetryLosesHeader.verdict(0), forgetful);
    }

    /// It dies before the acknowledgement, so what killed it comes again, as a
    /// redelivery.
    #[test]
    fn a_worker_does_not_die_of_the_same_duplicate_twice() {
        assert!(Variant::CrashOnDuplicate.dies_of_duplicate(false));
        assert!(!Variant::CrashOnDuplicate.dies_of_duplicate(true));
    }
}
