//! Where a worker writes down what became of each operation.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::collector::Collector;
use crate::feed::Op;
use crate::ledger::{Fate, Ledger};
use crate::outage::{Outage, Outages};
use crate::outcome::{Answer, Reason, Reasons};
use crate::ring::Ring;
use crate::schedule::{Schedule, Stride};
use crate::tally::Tally;

/// The records of one worker.
#[derive(Debug)]
pub(crate) struct Book(RefCell<Pages>);

#[derive(Debug)]
struct Pages {
    stride: Stride,
    ledger: Ledger,
    ring: Ring,
    outages: Outages,
    reasons: Reasons,
    /// Without `due` and `dropped`, which are known at the end.
    tally: Tally,
    /// When the last operation was settled, after T0.
    last: Duration,
    /// The first second that is not over.
    second: u64,
}

/// One worker's records at the end of its run.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) ledger: Ledger,
    pub(crate) stretches: Vec<Outage>,
    pub(crate) reasons: Reasons,
    pub(crate) tally: Tally,
    pub(crate) last: Duration,
}

impl Book {
    pub(crate) fn new(run: &str, workload: &str, stride: Stride) -> Self {
        Self(RefCell::new(Pages {
            stride,
            ledger: Ledger::new(run, workload),
            ring: Ring::default(),
            outages: Outages::default(),
            reasons: Reasons::default(),
            tally: Tally::default(),
            last: Duration::ZERO,
            second: 0,
        }))
    }

    /// Settles an operation that ended at `finished` after T0. `started` is
    /// absent if it was never begun.
    #[expect(clippy::needless_pass_by_value, reason = "taking the operation settles it for good")]
    pub(crate) fn settle(
        &self,
        op: Op,
        started: Option<Duration>,
        finished: Duration,
        answer: &Answer,
    ) {
        self.0.borrow_mut().settle(op.seq, op.due, started, finished, answer);
    }

    /// What was settled so far; `due` and `dropped` are not known yet.
    pub(crate) fn tally(&self) -> Tally {
        self.0.borrow().tally
    }

    /// The time is `now` after T0: ends the seconds that are over and hands on
    /// those that are sealed. The operations below `below` are released.
    pub(crate) fn pass(
        &self,
        now: Duration,
        schedule: &Schedule,
        below: u64,
        collector: &Mutex<Collector>,
    ) {
        let mut pages = self.0.borrow_mut();
        if pages.second < now.as_secs() {
            pages.end_seconds(now.as_secs(), schedule, below);
        }
        pages.hand_on(collector);
    }

    /// Ends the records at `now` after T0. Operations below `next` were handed
    /// out, those from there to `below` never were.
    pub(crate) fn close(
        self,
        now: Duration,
        schedule: &Schedule,
        next: u64,
        below: u64,
        collector: &Mutex<Collector>,
    ) -> Closed {
        let mut pages = self.0.into_inner();
        pages.cut_off(now, schedule, next);
        pages.drop_rest(schedule, next, below);
        if let Some(last) = below.checked_sub(1).and_then(|last| schedule.due(last)) {
            pages.end_seconds(last.as_secs() + 1, schedule, below);
        }
        pages.hand_on(collector);
        let due = pages.stride.below(below);
        pages.ledger.add_due(due);
        pages.tally.due = due;
        Closed {
            ledger: pages.ledger,
            stretches: pages.outages.finish(now),
            reasons: pages.reasons,
            tally: pages.tally,
            last: pages.last,
        }
    }
}

impl Pages {
    fn settle(
        &mut self,
        seq: u64,
        due: Duration,
        started: Option<Duration>,
        finished: Duration,
        answer: &Answer,
    ) {
        let outcome = answer.outcome();
        self.ledger.record(seq, outcome.into());
        self.tally.count(outcome);
        self.tally.late += u64::from(self.ring.record(outcome, due, started, finished));
        self.outages.record(outcome, started.unwrap_or(due), finished);
        self.last = self.last.max(finished);
        if let Some(reason) = answer.reason() {
            self.reasons.count(reason);
        }
    }

    /// Operations that were handed out and never settled: their connection was
    /// cut off at the very end.
    fn cut_off(&mut self, now: Duration, schedule: &Schedule, next: u64) {
        if self.tally.settled() == self.stride.below(next) {
            return;
        }
        let settled = self.ledger.settled();
        let answer = Answer::Indeterminate(Reason::CutOff);
        for seq in (self.stride.worker..next).step_by(self.stride.workers as usize) {
            if !settled.contains(seq) {
                let due = schedule.due(seq).unwrap_or(now);
                self.settle(seq, due, None, now, &answer);
            }
        }
    }

    fn drop_rest(&mut self, schedule: &Schedule, next: u64, below: u64) {
        for seq in (next..below).step_by(self.stride.workers as usize) {
            if let Some(due) = schedule.due(seq) {
                self.ledger.record(seq, Fate::Dropped);
                self.ring.drop_one(due);
                self.tally.dropped += 1;
            }
        }
    }

    fn end_seconds(&mut self, until: u64, schedule: &Schedule, below: u64) {
        let released = |second| {
            let seq = schedule.released_before(Duration::from_secs(second));
            self.stride.below(seq.min(below))
        };
        for second in self.second..until {
            self.ring.over(second, released(second + 1) - released(second));
        }
        self.second = self.second.max(until);
    }

    fn hand_on(&mut self, collector: &Mutex<Collector>) {
        while let Some(sealed) = self.ring.pop() {
            // A worker that panicked has not spoilt a sum of numbers.
            let mut collector = collector.lock().unwrap_or_else(PoisonError::into_inner);
            collector.add(sealed.second, sealed.tally, sealed.latency.as_deref());
            drop(collector);
            if let Some(latency) = sealed.latency {
                self.ring.recycle(latency);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use proptest::prelude::*;
    use scenarios::units::Rate;

    use super::*;

    fn answer(number: u8) -> Option<Answer> {
        match number {
            0 => Some(Answer::Acked),
            1 => Some(Answer::Failed(Reason::Unsent)),
            2 => Some(Answer::Indeterminate(Reason::Timeout)),
            _ => None,
        }
    }

    proptest! {
        // Each case has histograms of its own, which are slow to make unoptimized.
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever is settled, cut off or never taken, and wherever the run
        /// is stopped: every operation that came due has one fate, and the
        /// seconds add up to the whole.
        #[test]
        fn nothing_is_lost_from_the_books(
            rate in 1.0_f64..80.0,
            answers in prop::collection::vec(0_u8..4, 0..150),
            stopped in 0.0_f64..1.0,
            workers in 1_u64..4,
        ) {
            let schedule = Schedule::constant(Rate(rate), Duration::from_secs(4)).unwrap();
            let below = (stopped * schedule.total() as f64) as u64;
            let (sender, receiver) = mpsc::channel();
            let collector = Mutex::new(Collector::new(workers as usize, sender));
            let mut whole = Ledger::new("r", "w");
            let mut sum = Tally::default();
            for worker in 0..workers {
                let stride = Stride { worker, workers };
                let book = Book::new("r", "w", stride);
                let mut next = worker;
                for &number in &answers {
                    if next >= below {
                        break;
                    }
                    let due = schedule.due(next).unwrap();
                    if let Some(answer) = answer(number) {
                        book.settle(Op { seq: next, due }, Some(due), due, &answer);
                    }
                    book.pass(due, &schedule, below, &collector);
                    next += workers;
                }
                let closed = book.close(Duration::from_secs(5), &schedule, next, below, &collector);
                prop_assert_eq!(closed.tally.settled(), closed.tally.due);
                whole.merge(&closed.ledger).unwrap();
                sum += closed.tally;
            }
            prop_assert!(whole.is_complete());
            prop_assert_eq!(whole.due(), below);
            let collected = collector.into_inner().unwrap().finish();
            let mut seconds = Tally::default();
            for (_, tally) in collected.seconds {
                prop_assert_eq!(tally.settled(), tally.due);
                seconds += tally;
            }
            prop_assert_eq!(seconds, sum);
            let numbers: Vec<_> = receiver.try_iter().map(|second| second.second).collect();
            prop_assert!(numbers.is_sorted());
            prop_assert_eq!(sum.failed, whole.count(Fate::Failed));
            prop_assert_eq!(sum.dropped, whole.count(Fate::Dropped));
        }
    }
}
