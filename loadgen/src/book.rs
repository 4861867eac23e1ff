//! Where a worker writes down what became of each operation.

use std::cell::RefCell;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answers::{Answers, Said};
use crate::collector::Collector;
use crate::feed::{Feed, Op, Sending};
use crate::ledger::{Fate, Ledger, Writer};
use crate::outage::{Outage, Outages};
use crate::outcome::{Answer, Outcome, Reason, Reasons};
use crate::ring::Ring;
use crate::schedule::Stride;
use crate::split::{Keys, Place};
use crate::tally::{Again, Tally};
pub use twins::Resent;
use twins::{Sent, Twins};

mod twins;

/// Operations that were sent again by the transport itself, each with the same
/// identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retries {
    /// How many there were.
    pub operations: u64,
    /// How often they were sent, the first time of each left out.
    pub attempts: u64,
    /// How many of them were acknowledged in the end.
    pub acked: u64,
}

impl Retries {
    fn one(attempts: u64, answer: &Answer) -> Self {
        Self { operations: 1, attempts, acked: u64::from(*answer == Answer::Acked) }
    }

    /// Adds those of another worker or instance.
    pub fn merge(&mut self, other: Self) {
        self.operations += other.operations;
        self.attempts += other.attempts;
        self.acked += other.acked;
    }
}

/// The records of one worker.
#[derive(Debug)]
pub(crate) struct Book(RefCell<Pages>);

#[derive(Debug)]
struct Pages {
    ledger: Writer,
    twins: Twins,
    ring: Ring,
    outages: Outages,
    reasons: Reasons,
    retries: Retries,
    idled_out: Retries,
    /// Without `due`, which is known at the end.
    tally: Tally,
    keys: Keys,
    /// When the first and the last operation that were settled had been due,
    /// after T0.
    dues: Option<(Duration, Duration)>,
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
    pub(crate) retries: Retries,
    pub(crate) idled_out: Retries,
    pub(crate) tally: Tally,
    pub(crate) duplicates: Resent,
    pub(crate) answers: Answers,
    pub(crate) keys: Keys,
    pub(crate) dues: Option<(Duration, Duration)>,
    pub(crate) last: Duration,
}

/// How a sending went.
#[derive(Debug, Clone, Copy)]
struct Settled {
    seq: u64,
    due: Duration,
    /// Absent if it was never begun.
    started: Option<Duration>,
    finished: Duration,
    outcome: Outcome,
    /// Nothing was attempted, for want of something of this machine.
    never_left: bool,
    again: Again,
    /// Who answered it, where that is asked for.
    place: Option<Place>,
}

impl Book {
    pub(crate) fn new(run: &str, workload: &str, stride: Stride) -> Self {
        Self(RefCell::new(Pages {
            ledger: Writer::new(run, workload, stride),
            twins: Twins::default(),
            ring: Ring::default(),
            outages: Outages::default(),
            reasons: Reasons::default(),
            retries: Retries::default(),
            idled_out: Retries::default(),
            tally: Tally::default(),
            keys: Keys::default(),
            dues: None,
            last: Duration::ZERO,
            second: 0,
        }))
    }

    /// Settles a sending that ended at `finished` after T0. `started` is
    /// absent if it was never begun. Says whether the operation has its fate
    /// now; one that is sent twice has it when both are settled. What the
    /// answer said is there where answers are compared, and who gave it where figures
    /// are split.
    #[expect(clippy::needless_pass_by_value, reason = "taking the operation settles it for good")]
    pub(crate) fn settle(
        &self,
        op: Op,
        started: Option<Duration>,
        finished: Duration,
        answer: &Answer,
        (said, place): (Option<Said>, Option<Place>),
    ) -> bool {
        let outcome = answer.outcome();
        let again = Again {
            hits: u8::from(said.as_ref().is_some_and(|said| said.hit == Some(true))),
            ..Again::default()
        };
        let never_left = answer.never_left();
        let mut settled = Settled {
            seq: op.seq,
            due: op.due,
            started,
            finished,
            outcome,
            never_left,
            again,
            place,
        };
        let mut pages = self.0.borrow_mut();
        if let Some(reason) = answer.reason() {
            pages.reasons.count(reason);
        }
        if !never_left {
            pages.outages.record(outcome, started.unwrap_or(op.due), finished);
        }
        if let Some(said) = said.as_ref().filter(|said| said.retried) {
            pages.twins.answers().retried(said);
        }
        if op.sending != Sending::Only {
            match pages.twins.settle(op.sending, Sent { settled, said }) {
                Some(both) => settled = both,
                None => return false,
            }
        }
        pages.enter(settled);
        true
    }

    /// The second sendings of these operations will not be made. Gives the
    /// number of operations that have their fate now.
    pub(crate) fn forgo(&self, seconds: &[Op]) -> usize {
        let mut pages = self.0.borrow_mut();
        let mut entered = 0;
        for op in seconds {
            if let Some(settled) = pages.twins.forgo(op.seq) {
                pages.enter(settled);
                entered += 1;
            }
        }
        entered
    }

    /// An operation was sent again so often, and this came of it.
    pub(crate) fn retried(&self, attempts: u64, answer: &Answer) {
        self.0.borrow_mut().retries.merge(Retries::one(attempts, answer));
    }

    /// An operation was sent again on a new connection, and this came of it.
    pub(crate) fn idled_out(&self, answer: &Answer) {
        self.0.borrow_mut().idled_out.merge(Retries::one(1, answer));
    }

    /// An operation that came due is not attempted at all.
    #[expect(clippy::needless_pass_by_value, reason = "taking the operation settles it for good")]
    pub(crate) fn drop_op(&self, op: Op) {
        self.0.borrow_mut().drop_one(op.seq, op.due);
    }

    /// What was settled so far; `due` is not known yet.
    pub(crate) fn tally(&self) -> Tally {
        self.0.borrow().tally
    }

    /// The time is `now` after T0: ends the seconds that are over and hands on
    /// those that are sealed. The operations below `below` are released.
    pub(crate) fn pass(&self, now: Duration, feed: &Feed, below: u64, collector: &Collector) {
        let mut pages = self.0.borrow_mut();
        if pages.second < now.as_secs() {
            pages.end_seconds(now.as_secs(), feed, below);
        }
        pages.hand_on(collector);
    }

    /// Ends the records at `now` after T0. What was handed out and has no fate
    /// is indeterminate; the operations from there to `below` were never
    /// handed out and are dropped.
    pub(crate) fn close(
        self,
        now: Duration,
        feed: &Feed,
        stride: Stride,
        below: u64,
        collector: &Collector,
    ) -> Closed {
        let mut pages = self.0.into_inner();
        let next = feed.next_seq();
        let open_loop = feed.due_of(next.saturating_sub(1)).is_some();
        let below = if open_loop { below } else { next };
        let last = below.checked_sub(1).and_then(|last| feed.due_of(last)).unwrap_or(now);
        pages.end_seconds(last.as_secs() + 1, feed, below);
        pages.cut_off(now, feed, next);
        for seq in (next..below).step_by(stride.workers as usize) {
            if let Some(due) = feed.due_of(seq) {
                pages.drop_one(seq, due);
            }
        }
        pages.hand_on(collector);
        let due = stride.below(below);
        pages.tally.due = due;
        let (duplicates, answers) = pages.twins.finish();
        Closed {
            ledger: pages.ledger.finish(due),
            stretches: pages.outages.finish(now),
            reasons: pages.reasons,
            retries: pages.retries,
            idled_out: pages.idled_out,
            tally: pages.tally,
            duplicates,
            answers,
            keys: pages.keys,
            dues: pages.dues,
            last: pages.last,
        }
    }
}

impl Pages {
    /// Writes down the fate of an operation.
    fn enter(&mut self, settled: Settled) {
        let Settled { seq, due, started, finished, outcome, never_left, again, place } = settled;
        if never_left {
            self.last = self.last.max(finished);
            self.drop_one(seq, due);
            return;
        }
        if again != Again::default() {
            self.tally.count_again(again);
            self.ring.count_again(due, again);
        }
        self.ledger.record(seq, outcome.into());
        self.tally.count(outcome);
        let part = place.map(|place| place.part);
        self.tally.late += u64::from(self.ring.record(outcome, due, started, finished, part));
        if let Some(place) = place {
            self.keys.count(place, outcome);
        }
        self.last = self.last.max(finished);
        self.was_due(due);
    }

    fn drop_one(&mut self, seq: u64, due: Duration) {
        self.ledger.record(seq, Fate::Dropped);
        self.ring.drop_one(due);
        self.tally.dropped += 1;
        self.was_due(due);
    }

    fn was_due(&mut self, due: Duration) {
        let (first, last) = self.dues.unwrap_or((due, due));
        self.dues = Some((first.min(due), last.max(due)));
    }

    /// Operations below `next` that were handed out and never settled: their
    /// connection was cut off at the very end.
    fn cut_off(&mut self, now: Duration, feed: &Feed, next: u64) {
        for settled in self.twins.cut_off() {
            self.enter(settled);
        }
        for seq in self.ledger.missing(next) {
            // In a closed loop operations are numbered in the order in which
            // they were taken, so the first of them belongs to the first
            // second that misses one.
            let second = || self.ring.wanting().map(Duration::from_secs);
            let due = feed.due_of(seq).or_else(second).unwrap_or(now);
            self.reasons.count(&Reason::CutOff);
            self.outages.record(Outcome::Indeterminate, due, now);
            let outcome = Outcome::Indeterminate;
            let again = Again::default();
            let never_left = false;
            let finished = now;
            let started = None;
            let place = None;
            self.enter(Settled { seq, due, started, finished, outcome, never_left, again, place });
        }
    }

    fn end_seconds(&mut self, until: u64, feed: &Feed, below: u64) {
        for second in self.second..until {
            self.ring.over(second, feed.due_in(second, below));
        }
        self.second = self.second.max(until);
    }

    fn hand_on(&mut self, collector: &Collector) {
        while let Some(sealed) = self.ring.pop() {
            let spares = collector.add(sealed);
            self.ring.refill(spares);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Instant;

    use proptest::prelude::*;
    use scenarios::units::Rate;

    use super::*;
    use crate::clock::Clock;
    use crate::feed::Supply;
    use crate::limit::Limit;
    use crate::pace::{self, Pace};
    use crate::schedule::Schedule;
    use crate::shape::{Again, Duplicates, Shape};

    const LENGTH: Duration = Duration::from_secs(4);

    fn answer(number: u8) -> Option<Answer> {
        match number {
            0 => Some(Answer::Acked),
            1 => Some(Answer::Failed(Reason::Unsent)),
            4 => Some(Answer::Failed(Reason::Here(Limit::Files))),
            2 => Some(Answer::Indeterminate(Reason::Timeout)),
            _ => None,
        }
    }

    fn again() -> impl Strategy<Value = Again> {
        let later = (0_u64..3).prop_map(|ms| Again::Later(Duration::from_millis(ms)));
        prop_oneof![Just(Again::AtOnce), Just(Again::Concurrently), later]
    }

    proptest! {
        // Each case has histograms of its own, which are slow to make unoptimized.
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is settled, sent twice, cut off or never taken, in a loop
        /// open or closed, and wherever the run is stopped: every operation
        /// that came due has one fate, and the seconds add up to the whole.
        #[test]
        fn nothing_is_lost_from_the_books(
            rate in 1.0_f64..80.0,
            open in any::<bool>(),
            share in prop_oneof![Just(0.0), 0.1_f64..1.0],
            when in again(),
            answers in prop::collection::vec(0_u8..5, 0..150),
            stopped in 0.0_f64..1.0,
            workers in 1_u64..4,
        ) {
            let schedule = Schedule::constant(Rate(rate), LENGTH).unwrap();
            let mut below = (stopped * schedule.total() as f64) as u64;
            let pace = if open {
                Pace::Open(schedule)
            } else {
                Pace::Closed(pace::Closed { count: None, duration: Some(LENGTH) })
            };
            let shape =
                Shape { duplicates: Duplicates { share, when }, ..Shape::default() };
            let clock = Clock::new(Instant::now() - Duration::from_secs(2));
            let supply = Arc::new(Supply { pace, shape, clock, max_in_flight: None });
            if !open {
                below = u64::MAX >> 2;
            }
            let (sender, receiver) = mpsc::channel();
            let collector = Collector::start(workers as usize, Duration::ZERO, sender).unwrap();
            let mut whole = Ledger::new("r", "w");
            let mut sum = Tally::default();
            let mut taken = 0;
            for worker in 0..workers {
                let stride = Stride { worker, workers };
                let book = Book::new("r", "w", stride);
                let feed = Feed::new(Arc::clone(&supply), stride, workers);
                let taker = feed.taker();
                let mut now = Duration::ZERO;
                feed.release(below, now);
                for &number in &answers {
                    let Some(op) = taker.try_next() else { break };
                    now = now.max(op.due);
                    if let Some(answer) = answer(number) {
                        book.settle(op, Some(now), now, &answer, (None, None));
                    }
                    feed.release(below, now);
                    book.pass(now, &feed, below, &collector);
                }
                book.forgo(&feed.close());
                taken += feed.taken();
                let closed = book.close(LENGTH + LENGTH, &feed, stride, below, &collector);
                prop_assert_eq!(closed.tally.settled(), closed.tally.due);
                whole.merge(&closed.ledger).unwrap();
                sum += closed.tally;
            }
            prop_assert!(whole.is_complete());
            prop_assert_eq!(whole.due(), if open { below } else { taken });
            let collected = collector.finish().unwrap();
            prop_assert_eq!(collected.measured, sum);
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
