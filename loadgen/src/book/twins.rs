//! Operations that are sent twice, until both sendings are settled.
//!
//! The system under test must let such an operation take effect once. So it is
//! acknowledged if either sending was, it has failed only if both have, and
//! it is indeterminate otherwise. Its times are those of the first sending.
//! Where both were accepted and answers are compared, they are compared here.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Settled;
use crate::answers::{Answers, Pair, Said};
use crate::feed::Sending;
use crate::outcome::Outcome;
use crate::tally::Again;

/// What became of the second sendings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resent {
    /// Definitely accepted.
    pub acked: u64,
    /// Definitely not done.
    pub failed: u64,
    /// Unknown.
    pub indeterminate: u64,
    /// Not made, because the run ended first or this machine could not.
    pub unsent: u64,
}

impl Resent {
    /// How many operations were sent, or were to be sent, twice.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.acked + self.failed + self.indeterminate + self.unsent
    }

    /// Adds what another worker or instance saw.
    pub fn merge(&mut self, other: Self) {
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
    answers: Answers,
}

/// A sending that is settled, and what its answer said.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) settled: Settled,
    pub(super) said: Option<Said>,
}

#[derive(Debug)]
enum Half {
    /// The first is settled.
    First(Sent),
    /// The second is settled, the first is under way.
    Second(Sent),
    /// The second will not be made, the first is under way.
    Alone,
}

impl Twins {
    /// Takes in one sending; gives the operation as a whole if it was the last
    /// one.
    pub(super) fn settle(&mut self, sending: Sending, sent: Sent) -> Option<Settled> {
        let seq = sent.settled.seq;
        let other = self.half.remove(&seq);
        if sending == Sending::Second {
            match sent.settled.never_left {
                true => self.resent.unsent += 1,
                false => self.resent.count(sent.settled.outcome),
            }
            let Some(Half::First(first)) = other else {
                self.half.insert(seq, Half::Second(sent));
                return None;
            };
            return Some(self.join(first, sent));
        }
        match other {
            Some(Half::Second(second)) => Some(self.join(sent, second)),
            Some(Half::Alone) => Some(sent.settled),
            _ => {
                self.half.insert(seq, Half::First(sent));
                None
            }
        }
    }

    /// The operation as a whole.
    fn join(&mut self, first: Sent, second: Sent) -> Settled {
        let (a, b) = (first.settled, second.settled);
        let disagreed = match (first.said, second.said) {
            (Some(one), Some(other)) => {
                let (earlier, later) = if a.finished <= b.finished {
                    ((a, one), (b, other))
                } else {
                    ((b, other), (a, one))
                };
                let overlaps = later.0.started.is_none_or(|at| at < earlier.0.finished);
                self.answers.compare(a.seq, &Pair { earlier: earlier.1, later: later.1, overlaps })
            }
            _ => false,
        };
        let again = Again {
            resent: true,
            acked: b.outcome == Outcome::Acked,
            hits: a.again.hits + b.again.hits,
            disagreed,
        };
        let never_left = a.never_left && b.never_left;
        Settled { outcome: both(a.outcome, b.outcome), never_left, again, ..a }
    }

    /// The second sending will not be made; gives the operation as a whole if
    /// the first is settled.
    pub(super) fn forgo(&mut self, seq: u64) -> Option<Settled> {
        self.resent.unsent += 1;
        if let Some(Half::First(first)) = self.half.remove(&seq) {
            return Some(first.settled);
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
                Half::First(Sent { settled: first, .. }) => {
                    self.resent.count(Outcome::Indeterminate);
                    let outcome = both(first.outcome, Outcome::Indeterminate);
                    let again = Again { resent: true, ..first.again };
                    left.push(Settled { outcome, never_left: false, again, ..first });
                }
                // The first sending is unknown, and so is the operation,
                // unless the second was accepted. Its times are not known.
                Half::Second(Sent { settled: second, .. }) => {
                    let outcome = both(second.outcome, Outcome::Indeterminate);
                    let acked = second.outcome == Outcome::Acked;
                    let again = Again { resent: true, acked, ..second.again };
                    left.push(Settled {
                        outcome,
                        started: None,
                        never_left: false,
                        again,
                        ..second
                    });
                }
                Half::Alone => {}
            }
        }
        left
    }

    /// The comparison of the answers so far.
    pub(super) fn answers(&mut self) -> &mut Answers {
        &mut self.answers
    }

    /// What became of the second sendings, and how the answers compare.
    pub(super) fn finish(self) -> (Resent, Answers) {
        (self.resent, self.answers)
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
    use crate::answers::Value;

    fn settled(outcome: Outcome) -> Sent {
        answered(outcome, 1..1, None)
    }

    /// A sending between these seconds, and what the answer said.
    fn answered(outcome: Outcome, time: std::ops::Range<u64>, said: Option<Said>) -> Sent {
        let due = Duration::from_secs(1);
        let started = Some(Duration::from_secs(time.start));
        let finished = Duration::from_secs(time.end);
        let hits = u8::from(said.as_ref().is_some_and(|said| said.hit == Some(true)));
        let again = Again { hits, ..Again::default() };
        let never_left = false;
        let place = None;
        let settled = Settled { seq: 7, due, started, finished, outcome, never_left, again, place };
        Sent { settled, said }
    }

    /// Whichever sending is answered first counts as the earlier one.
    #[test]
    fn answers_are_compared_in_the_order_in_which_they_came() {
        let said = |value: &str, hit| {
            Some(Said {
                value: Value::Text(value.into()),
                hit: Some(hit),
                retried: false,
                unread: false,
            })
        };
        for (first, second, overlapped) in [(1..2, 2..3, false), (1..4, 2..3, true)] {
            let mut twins = Twins::default();
            let first = answered(Outcome::Acked, first, said("a", overlapped));
            let second = answered(Outcome::Acked, second, said("b", !overlapped));
            assert!(twins.settle(Sending::First, first).is_none());
            let whole = twins.settle(Sending::Second, second).unwrap();
            let again = Again { resent: true, acked: true, hits: 1, disagreed: true };
            assert_eq!(whole.again, again);
            let answers = twins.finish().1;
            assert_eq!((answers.counts.marked, answers.counts.premature), (1, 0));
            let guilty = answers.guilty("r", "w").next().unwrap();
            let values = if overlapped { ("b", "a") } else { ("a", "b") };
            assert_eq!(
                (guilty.first.as_deref(), guilty.second.as_deref()),
                (Some(values.0), Some(values.1))
            );
        }
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
            assert_eq!(twins.finish().0.unsent, 2);
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
