//! Operations that are sent twice, until both sendings are settled.
//!
//! The system under test must let such an operation take effect once. So it is
//! acknowledged if either sending was, it has failed only if both have, and
//! it is indeterminate otherwise. Its times are those of the first sending.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Settled;
use crate::feed::Sending;
use crate::outcome::Outcome;

/// What became of the second sendings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resent {
    /// Definitely accepted.
    pub acked: u64,
    /// Definitely not done.
    pub failed: u64,
    /// Unknown.
    pub indeterminate: u64,
    /// Not made, because the run ended first.
    pub unsent: u64,
}

impl Resent {
    /// How many operations were sent, or were to be sent, twice.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.acked + self.failed + self.indeterminate + self.unsent
    }

    /// Adds what another worker saw.
    pub(crate) fn merge(&mut self, other: Self) {
        self.acked += other.acked;
        self.failed += other.failed;
        self.indeterminate += other.indeterminate;
        self.unsent += other.unsent;
    }

    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Acked => self.acked += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Indeterminate => self.indeterminate += 1,
        }
    }
}

/// Operations of which one sending is settled, and the count of the others.
#[derive(Debug, Default)]
pub(super) struct Twins {
    half: BTreeMap<u64, Half>,
    resent: Resent,
}

#[derive(Debug, Clone, Copy)]
enum Half {
    /// The first is settled.
    First(Settled),
    /// The second is settled, the first is under way.
    Second(Settled),
    /// The second will not be made, the first is under way.
    Alone,
}

impl Twins {
    /// Takes in one sending; gives the operation as a whole if it was the last
    /// one.
    pub(super) fn settle(&mut self, sending: Sending, settled: Settled) -> Option<Settled> {
        let earlier = self.half.remove(&settled.seq);
        if sending == Sending::Second {
            self.resent.count(settled.outcome);
            let Some(Half::First(first)) = earlier else {
                self.half.insert(settled.seq, Half::Second(settled));
                return None;
            };
            let outcome = both(first.outcome, settled.outcome);
            return Some(Settled { outcome, ..first });
        }
        match earlier {
            Some(Half::Second(second)) => {
                Some(Settled { outcome: both(settled.outcome, second.outcome), ..settled })
            }
            Some(Half::Alone) => Some(settled),
            _ => {
                self.half.insert(settled.seq, Half::First(settled));
                None
            }
        }
    }

    /// The second sending will not be made; gives the operation as a whole if
    /// the first is settled.
    pub(super) fn forgo(&mut self, seq: u64) -> Option<Settled> {
        self.resent.unsent += 1;
        if let Some(Half::First(first)) = self.half.remove(&seq) {
            return Some(first);
        }
        self.half.insert(seq, Half::Alone);
        None
    }

    /// Nothing is settled any more. Gives the operations of which the first
    /// sending was; the second, if it was made, is unknown.
    pub(super) fn cut_off(&mut self) -> Vec<Settled> {
        let mut left = Vec::new();
        for half in std::mem::take(&mut self.half).into_values() {
            match half {
                Half::First(first) => {
                    self.resent.count(Outcome::Indeterminate);
                    let outcome = both(first.outcome, Outcome::Indeterminate);
                    left.push(Settled { outcome, ..first });
                }
                // The first sending is unknown, and so is the operation,
                // unless the second was accepted. Its times are not known.
                Half::Second(second) => {
                    let outcome = both(second.outcome, Outcome::Indeterminate);
                    left.push(Settled { outcome, started: None, ..second });
                }
                Half::Alone => {}
            }
        }
        left
    }

    pub(super) fn resent(&self) -> Resent {
        self.resent
    }
}

fn both(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Acked, _) | (_, Outcome::Acked) => Outcome::Acked,
        (Outcome::Failed, Outcome::Failed) => Outcome::Failed,
        _ => Outcome::Indeterminate,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settled(outcome: Outcome) -> Settled {
        let due = Duration::from_secs(1);
        Settled { seq: 7, due, started: Some(due), finished: due, outcome }
    }

    const ALL: [Outcome; 3] = [Outcome::Acked, Outcome::Failed, Outcome::Indeterminate];

    /// Whichever sending is settled first, the operation has one fate: the one
    /// that can be true of both.
    #[test]
    fn the_order_of_the_sendings_does_not_matter() {
        for first in ALL {
            for second in ALL {
                let mut twins = Twins::default();
                assert!(twins.settle(Sending::First, settled(first)).is_none());
                let one = twins.settle(Sending::Second, settled(second)).unwrap();
                assert!(twins.settle(Sending::Second, settled(second)).is_none());
                let other = twins.settle(Sending::First, settled(first)).unwrap();
                assert_eq!(one.outcome, other.outcome);
                let acked = first == Outcome::Acked || second == Outcome::Acked;
                assert_eq!(one.outcome == Outcome::Acked, acked);
                let failed = first == Outcome::Failed && second == Outcome::Failed;
                assert_eq!(one.outcome == Outcome::Failed, failed);
                assert!(twins.cut_off().is_empty());
            }
        }
    }

    #[test]
    fn a_second_sending_that_is_not_made_changes_nothing() {
        for outcome in ALL {
            let mut twins = Twins::default();
            assert!(twins.settle(Sending::First, settled(outcome)).is_none());
            assert_eq!(twins.forgo(7).unwrap().outcome, outcome);
            assert!(twins.forgo(7).is_none());
            assert_eq!(twins.settle(Sending::First, settled(outcome)).unwrap().outcome, outcome);
            assert_eq!(twins.resent().unsent, 2);
        }
    }

    #[test]
    fn what_is_cut_off_is_not_failed() {
        let mut twins = Twins::default();
        assert!(twins.settle(Sending::First, settled(Outcome::Failed)).is_none());
        assert_eq!(twins.cut_off()[0].outcome, Outcome::Indeterminate);
        assert!(twins.settle(Sending::Second, settled(Outcome::Acked)).is_none());
        assert_eq!(twins.cut_off()[0].outcome, Outcome::Acked);
    }
}
