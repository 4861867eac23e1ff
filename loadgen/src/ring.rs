//! The seconds of a run whose operations are not all settled yet.
//!
//! An operation belongs to the second in which it was due, whenever its answer
//! comes. A second is sealed when it is over and each of its operations has a
//! fate; seconds are sealed in order. The histograms of sealed seconds are
//! used again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::latency::{self, Latency};
use crate::outcome::Outcome;
use crate::tally::{Again, LATE, Part, Tally};

/// The open seconds of one worker.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// The number of the oldest open second.
    first: u64,
    open: VecDeque<Open>,
    #[expect(clippy::vec_box, reason = "a histogram moves between here and a second, as it is")]
    spares: Vec<Box<Latency>>,
}

#[derive(Debug, Default)]
struct Open {
    tally: Tally,
    /// The second is over, so `tally.due` is known.
    over: bool,
    latency: Option<Box<Latency>>,
    /// By who answered, as far as anybody did.
    parts: Vec<Part>,
}

/// A sealed second; without histograms if nothing was attempted in it.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) second: u64,
    pub(crate) tally: Tally,
    pub(crate) latency: Option<Box<Latency>>,
    pub(crate) parts: Vec<Part>,
}

impl Ring {
    /// Takes in an operation that was attempted: due, started (if it was) and
    /// finished at these times after T0, and answered by this part. Says whether it
    /// was late.
    pub(crate) fn record(
        &mut self,
        outcome: Outcome,
        due: Duration,
        started: Option<Duration>,
        finished: Duration,
        part: Option<usize>,
    ) -> bool {
        let late = self.record_whole(outcome, due, started, finished);
        if let Some((part, started)) = part.zip(started) {
            let at = self.index(due.as_secs());
            let Self { open, spares, .. } = self;
            let parts = &mut open[at].parts;
            while parts.len() <= part {
                let latency = spares.pop().unwrap_or_default();
                parts.push(Part { tally: Tally::default(), latency });
            }
            let Part { tally, latency } = &mut parts[part];
            tally.count(outcome);
            tally.due += 1;
            time(latency, outcome, due, started, finished);
        }
        late
    }

    fn record_whole(
        &mut self,
        outcome: Outcome,
        due: Duration,
        started: Option<Duration>,
        finished: Duration,
    ) -> bool {
        let at = self.index(due.as_secs());
        let open = &mut self.open[at];
        open.tally.count(outcome);
        let Some(started) = started else { return false };
        let delay = started.saturating_sub(due);
        let late = delay > LATE;
        open.tally.late += u64::from(late);
        let spares = &mut self.spares;
        let latency = open.latency.get_or_insert_with(|| spares.pop().unwrap_or_default());
        time(latency, outcome, due, started, finished);
        late
    }

    /// Takes in that an operation, due at this time after T0 and not recorded
    /// yet, was sent again.
    pub(crate) fn count_again(&mut self, due: Duration, again: Again) {
        let at = self.index(due.as_secs());
        self.open[at].tally.count_again(again);
    }

    /// Takes in an operation that was never attempted.
    pub(crate) fn drop_one(&mut self, due: Duration) {
        let at = self.index(due.as_secs());
        self.open[at].tally.dropped += 1;
    }

    /// The second is over; this many operations came due in it.
    pub(crate) fn over(&mut self, second: u64, due: u64) {
        let at = self.index(second);
        self.open[at].tally.due = due;
        self.open[at].over = true;
    }

    /// The oldest second, if it is sealed.
    pub(crate) fn pop(&mut self) -> Option<Sealed> {
        self.open.pop_front_if(|open| open.over && open.tally.settled() == open.tally.due).map(
            |open| {
                let second = self.first;
                self.first += 1;
                Sealed { second, tally: open.tally, latency: open.latency, parts: open.parts }
            },
        )
    }

    /// The oldest open second of which operations are missing.
    pub(crate) fn wanting(&self) -> Option<u64> {
        let open = self.open.iter().position(|open| open.tally.settled() < open.tally.due)?;
        Some(self.first + open as u64)
    }

    /// Takes empty histograms for use again.
    #[expect(clippy::vec_box, reason = "a histogram moves between here and a second, as it is")]
    pub(crate) fn refill(&mut self, mut spares: Vec<Box<Latency>>) {
        self.spares.append(&mut spares);
    }

    fn index(&mut self, second: u64) -> usize {
        // An operation's second cannot be sealed before the operation is
        // settled, so it is never older than the oldest open one.
        let at = (second - self.first) as usize;
        if at >= self.open.len() {
            self.open.resize_with(at + 1, Open::default);
        }
        at
    }
}

/// Takes down how long an operation took.
fn time(
    latency: &mut Latency,
    outcome: Outcome,
    due: Duration,
    started: Duration,
    finished: Duration,
) {
    latency::record(&mut latency.delay, started.saturating_sub(due));
    if outcome != Outcome::Failed {
        latency::record(&mut latency.service, finished.saturating_sub(started));
        latency::record(&mut latency.response, finished.saturating_sub(due));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_second_is_sealed_when_it_is_over_and_settled() {
        let mut ring = Ring::default();
        ring.record(Outcome::Acked, ms(100), Some(ms(100)), ms(101), None);
        assert!(ring.pop().is_none(), "it is not over");
        ring.over(0, 2);
        assert!(ring.pop().is_none(), "one is missing");
        ring.over(1, 0);
        let late = ring.record(Outcome::Failed, ms(200), Some(ms(1_500)), ms(1_501), None);
        assert!(late);
        let sealed = ring.pop().unwrap();
        let expected = Tally { due: 2, acked: 1, failed: 1, late: 1, ..Tally::default() };
        assert_eq!((sealed.second, sealed.tally), (0, expected));
        let latency = sealed.latency.unwrap();
        assert_eq!((latency.delay.len(), latency.response.len()), (2, 1));
        assert_eq!(ring.pop().unwrap().second, 1);
        assert!(ring.pop().is_none());
    }

    proptest! {
        /// Whatever the order of the answers, each operation is counted in the
        /// second in which it was due, and the seconds come out in order.
        #[test]
        fn answers_in_any_order_are_counted_by_due_time(dues in prop::collection::vec(0_u64..5_000, 0..80)) {
            let mut ring = Ring::default();
            for second in 0..5 {
                ring.over(second, dues.iter().filter(|&&due| due / 1_000 == second).count() as u64);
            }
            let mut sealed = Vec::new();
            for &due in &dues {
                ring.record(Outcome::Acked, ms(due), Some(ms(due)), ms(9_000), None);
                sealed.extend(std::iter::from_fn(|| ring.pop()));
            }
            sealed.extend(std::iter::from_fn(|| ring.pop()));
            prop_assert_eq!(sealed.iter().map(|s| s.second).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
            prop_assert!(sealed.iter().all(|s| s.tally.settled() == s.tally.due));
            prop_assert_eq!(sealed.iter().map(|s| s.tally.due).sum::<u64>(), dues.len() as u64);
        }
    }
}
