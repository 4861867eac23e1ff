//! Hands out due operations to the connections that are free.
//!
//! The pump releases operations once a tick; connections take them in order.
//! A connection that finds none waits in a slot of its own, and is woken when
//! there is one, the longest waiting first. Nothing is allocated or locked for
//! an operation: everything lives on the worker's one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Clock;
use crate::pace::Pace;
use crate::schedule::{Cursor, Schedule, Stride};
use crate::shape::{Again, Shape};

/// An operation that was handed out. It cannot be copied: whoever holds it
/// settles it, once.
#[derive(Debug)]
pub(crate) struct Op {
    /// Its number within the workload.
    pub(crate) seq: u64,
    /// When it was due, after T0.
    pub(crate) due: Duration,
    /// Which sending of the operation this is.
    pub(crate) sending: Sending,
}

/// Which sending of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// The only one.
    Only,
    /// The first of two.
    First,
    /// The second of two.
    Second,
}

/// What a worker hands out, and how.
#[derive(Debug)]
pub(crate) struct Supply {
    pub(crate) pace: Pace,
    pub(crate) shape: Shape,
    pub(crate) clock: Clock,
    /// The most operations under way at once among all workers of the run.
    pub(crate) max_in_flight: Option<u64>,
}

/// The released operations of one worker.
#[derive(Debug)]
pub(crate) struct Feed {
    supply: Arc<Supply>,
    stride: Stride,
    cursor: RefCell<Cursor>,
    /// This worker's part of the most operations under way.
    room: u64,
    /// The next operation to hand out.
    next: Cell<u64>,
    /// Operations below this number are released.
    below: Cell<u64>,
    settled: Cell<u64>,
    /// When the worker last looked at the clock, after T0.
    now: Cell<Duration>,
    closed: Cell<bool>,
    waiting: RefCell<Waiting>,
    seconds: RefCell<Seconds>,
    echoes: RefCell<Echoes>,
}

#[derive(Debug, Default)]
struct Waiting {
    slots: Vec<Slot>,
    /// Slots in the order in which they began to wait. A slot that gave up
    /// stays in line and is passed over.
    line: VecDeque<usize>,
}

#[derive(Debug, Default)]
struct Slot {
    waker: Option<Waker>,
    in_line: bool,
    /// The second sending of what this connection has just taken.
    echo: Option<Op>,
}

impl Feed {
    pub(crate) fn new(supply: Arc<Supply>, stride: Stride, workers: u64) -> Rc<Self> {
        let cursor = match &supply.pace {
            Pace::Open(schedule) => schedule.cursor(stride),
            Pace::Closed(_) => Schedule::default().cursor(stride),
        };
        let room = supply.max_in_flight.map_or(u64::MAX, |most| {
            let number = stride.worker % workers;
            most / workers + u64::from(number < most % workers)
        });
        Rc::new(Self {
            cursor: RefCell::new(cursor),
            supply,
            stride,
            room,
            next: Cell::new(stride.worker),
            below: Cell::new(0),
            settled: Cell::new(0),
            now: Cell::new(Duration::ZERO),
            closed: Cell::new(false),
            waiting: RefCell::default(),
            seconds: RefCell::default(),
            echoes: RefCell::default(),
        })
    }

    /// Releases every operation below `seq`, and second sendings that are due
    /// at `now`; wakes as many connections as there is work for.
    pub(crate) fn release(&self, seq: u64, now: Duration) {
        let mut work = self.echoes.borrow_mut().release(now);
        if seq > self.below.get() {
            self.below.set(seq);
            work = work.saturating_add(self.ready());
        }
        self.wake(work);
    }

    /// Looks at the clock. Operations of a closed loop that are taken from now
    /// on are due at this time, so it is looked at before they are.
    pub(crate) fn now(&self) -> Duration {
        let now = self.supply.clock.now();
        self.now.set(now);
        now
    }

    /// Hands out nothing any more; every waiting connection is told. Gives the
    /// second sendings that will not be made.
    pub(crate) fn close(&self) -> Vec<Op> {
        self.closed.set(true);
        self.wake(u64::MAX);
        let mut left = self.echoes.borrow_mut().drain();
        let mut waiting = self.waiting.borrow_mut();
        left.extend(waiting.slots.iter_mut().filter_map(|slot| slot.echo.take()));
        left
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// How many operations are released and not handed out.
    pub(crate) fn backlog(&self) -> u64 {
        self.stride.below(self.below.get()) - self.taken()
    }

    /// How many operations came due so far.
    pub(crate) fn due(&self) -> u64 {
        match self.supply.pace {
            Pace::Open(_) => self.stride.below(self.below.get()),
            Pace::Closed(_) => self.taken(),
        }
    }

    /// Whether every released operation, second sendings included, was handed
    /// out.
    pub(crate) fn is_empty(&self) -> bool {
        self.backlog() == 0
            && self.echoes.borrow().is_empty()
            && self.waiting.borrow().slots.iter().all(|slot| slot.echo.is_none())
    }

    /// How many operations were handed out.
    pub(crate) fn taken(&self) -> u64 {
        self.stride.below(self.next.get())
    }

    /// The number of the first operation that was not handed out.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next.get()
    }

    /// How many operations of this worker came due in a second that is over;
    /// those below `below` are released. Each second is asked for once, in
    /// order.
    pub(crate) fn due_in(&self, second: u64, below: u64) -> u64 {
        match &self.supply.pace {
            Pace::Open(schedule) => {
                let released = |second| {
                    let seq = schedule.released_before(Duration::from_secs(second));
                    self.stride.below(seq.min(below))
                };
                released(second + 1) - released(second)
            }
            Pace::Closed(_) => self.seconds.borrow_mut().take(second),
        }
    }

    /// When operation `seq` was or is due after T0; `None` in a closed loop.
    pub(crate) fn due_of(&self, seq: u64) -> Option<Duration> {
        self.supply.pace.due(seq)
    }

    /// An operation that was handed out has its fate.
    pub(crate) fn settled(&self) {
        let was_full = self.taken() - self.settled.get() >= self.room;
        self.settled.set(self.settled.get() + 1);
        // Elsewhere connections wait for what is due, not for room.
        if was_full && !self.closed.get() && self.ready() > 0 {
            self.wake(1);
        }
    }

    /// How many operations may be handed out at once.
    fn ready(&self) -> u64 {
        let under_way = self.taken() - self.settled.get();
        self.backlog().min(self.room.saturating_sub(under_way))
    }

    fn wake(&self, mut most: u64) {
        if most == 0 {
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        while most > 0 {
            let Some(slot) = waiting.line.pop_front() else { return };
            let slot = &mut waiting.slots[slot];
            slot.in_line = false;
            if let Some(waker) = slot.waker.take() {
                most -= 1;
                waker.wake();
            }
        }
    }

    /// The next operation for the connection in `slot`.
    fn take(&self, slot: usize) -> Option<Op> {
        if self.closed.get() {
            return None;
        }
        let twins = self.supply.shape.has_twins();
        if twins {
            let own = self.waiting.borrow_mut().slots[slot].echo.take();
            if let Some(op) = own.or_else(|| self.echoes.borrow_mut().pop()) {
                return Some(op);
            }
        }
        let seq = self.next.get();
        if seq >= self.below.get() || (self.room != u64::MAX && self.ready() == 0) {
            return None;
        }
        let mut op = self.advance(seq);
        if twins && self.supply.shape.is_twin(seq) {
            op.sending = Sending::First;
            self.echo(&op, slot);
        }
        Some(op)
    }

    fn advance(&self, seq: u64) -> Op {
        let due = match &self.supply.pace {
            Pace::Open(schedule) => self
                .cursor
                .borrow_mut()
                .due(schedule, seq)
                .expect("only operations of the schedule are released"),
            Pace::Closed(_) => {
                let now = self.now.get();
                self.seconds.borrow_mut().count(now.as_secs());
                now
            }
        };
        self.next.set(seq + self.stride.workers);
        Op { seq, due, sending: Sending::Only }
    }

    /// Plans the second sending of an operation that `slot` takes.
    fn echo(&self, op: &Op, slot: usize) {
        let echo = Op { seq: op.seq, due: op.due, sending: Sending::Second };
        match self.supply.shape.duplicates.when {
            Again::AtOnce => self.waiting.borrow_mut().slots[slot].echo = Some(echo),
            Again::Concurrently => {
                self.echoes.borrow_mut().ready.push_back(echo);
                self.wake(1);
            }
            Again::Later(pause) => {
                let at = self.now.get() + pause;
                self.echoes.borrow_mut().later.push_back((at, echo));
            }
        }
    }

    /// The oldest operation that nobody took, if it was due before `before`
    /// and has a time of its own to be due.
    pub(crate) fn take_older(&self, before: Duration) -> Option<Op> {
        let seq = self.next.get();
        if self.closed.get() || seq >= self.below.get() {
            return None;
        }
        let due = self.due_of(seq)?;
        (due < before).then(|| self.advance(seq))
    }

    /// A place in which one connection waits for operations.
    pub(crate) fn taker(self: &Rc<Self>) -> Taker {
        let mut waiting = self.waiting.borrow_mut();
        waiting.slots.push(Slot::default());
        let slot = waiting.slots.len() - 1;
        Taker { feed: Rc::clone(self), slot }
    }
}

/// How many operations of a closed loop were taken in each second.
#[derive(Debug, Default)]
struct Seconds(VecDeque<(u64, u64)>);

impl Seconds {
    fn count(&mut self, second: u64) {
        match self.0.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => self.0.push_back((second, 1)),
        }
    }

    fn take(&mut self, second: u64) -> u64 {
        self.0.pop_front_if(|&mut (first, _)| first == second).map_or(0, |(_, count)| count)
    }
}

/// Second sendings that wait.
#[derive(Debug, Default)]
struct Echoes {
    /// Due; whoever comes first takes one.
    ready: VecDeque<Op>,
    /// With the times after T0 at which they are due, in order.
    later: VecDeque<(Duration, Op)>,
}

impl Echoes {
    /// Makes ready what is due at `now`; says how many.
    fn release(&mut self, now: Duration) -> u64 {
        let mut released = 0;
        while let Some((_, op)) = self.later.pop_front_if(|&mut (at, _)| at <= now) {
            self.ready.push_back(op);
            released += 1;
        }
        released
    }

    fn pop(&mut self) -> Option<Op> {
        self.ready.pop_front()
    }

    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }

    fn drain(&mut self) -> Vec<Op> {
        let later = self.later.drain(..).map(|(_, op)| op);
        self.ready.drain(..).chain(later).collect()
    }
}

/// One connection's end of the feed.
#[derive(Debug)]
pub(crate) struct Taker {
    feed: Rc<Feed>,
    slot: usize,
}

impl Taker {
    /// The next operation, as soon as one is due; `None` when the feed is
    /// closed. Giving up the wait is safe: no operation is lost.
    pub(crate) fn next(&self) -> Next<'_> {
        Next { taker: self, asked: false }
    }

    /// The next operation, if one is due already.
    pub(crate) fn try_next(&self) -> Option<Op> {
        self.feed.take(self.slot)
    }
}

/// Waits for an operation.
#[derive(Debug)]
pub(crate) struct Next<'a> {
    taker: &'a Taker,
    /// It has waited, and has not got its operation.
    asked: bool,
}

impl Future for Next<'_> {
    type Output = Option<Op>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Op>> {
        let Taker { feed, slot } = self.taker;
        if feed.closed.get() {
            self.asked = false;
            return Poll::Ready(None);
        }
        if let Some(op) = feed.take(*slot) {
            self.asked = false;
            // The slot may still stand in line after a chance wake-up.
            feed.waiting.borrow_mut().slots[*slot].waker = None;
            return Poll::Ready(Some(op));
        }
        let mut waiting = feed.waiting.borrow_mut();
        let Waiting { slots, line } = &mut *waiting;
        let place = &mut slots[*slot];
        match &mut place.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => place.waker = Some(cx.waker().clone()),
        }
        if !place.in_line {
            place.in_line = true;
            line.push_back(*slot);
        }
        drop(waiting);
        self.asked = true;
        Poll::Pending
    }
}

impl Drop for Next<'_> {
    fn drop(&mut self) {
        if self.asked {
            let feed = &self.taker.feed;
            let woken = feed.waiting.borrow_mut().slots[self.taker.slot].waker.take().is_none();
            // It was woken for an operation that it will not take: pass the
            // call on.
            if woken && !feed.is_empty() {
                feed.wake(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use std::time::Instant;

    use scenarios::units::Rate;

    use super::*;
    use crate::shape::Duplicates;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn feed_of(pace: Pace, shape: Shape, max_in_flight: Option<u64>) -> Rc<Feed> {
        let supply = Supply { pace, shape, clock: Clock::new(Instant::now()), max_in_flight };
        Feed::new(Arc::new(supply), Stride::WHOLE, 1)
    }

    fn feed() -> Rc<Feed> {
        let schedule = Schedule::constant(Rate(1_000.0), Duration::from_secs(1)).unwrap();
        feed_of(Pace::Open(schedule), Shape::default(), None)
    }

    fn poll(next: Pin<&mut Next<'_>>, bell: &Arc<Bell>) -> Poll<Option<Op>> {
        next.poll(&mut Context::from_waker(&Waker::from(Arc::clone(bell))))
    }

    #[test]
    fn a_waiting_connection_is_woken_once_for_each_operation() {
        let feed = feed();
        let (a, b) = (feed.taker(), feed.taker());
        let (bell_a, bell_b) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
        let (mut next_a, mut next_b) = (pin!(a.next()), pin!(b.next()));
        assert!(poll(next_a.as_mut(), &bell_a).is_pending());
        assert!(poll(next_b.as_mut(), &bell_b).is_pending());
        feed.release(1, Duration::ZERO);
        assert_eq!(bell_a.0.load(Ordering::SeqCst), 1);
        assert_eq!(bell_b.0.load(Ordering::SeqCst), 0);
        assert!(matches!(poll(next_a.as_mut(), &bell_a), Poll::Ready(Some(Op { seq: 0, .. }))));
        feed.close();
        assert_eq!(bell_b.0.load(Ordering::SeqCst), 1);
        assert!(matches!(poll(next_b.as_mut(), &bell_b), Poll::Ready(None)));
    }

    #[test]
    fn a_call_that_nobody_answers_is_passed_on() {
        let feed = feed();
        let (a, b) = (feed.taker(), feed.taker());
        let (bell_a, bell_b) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
        let mut next_b = pin!(b.next());
        {
            let mut next_a = pin!(a.next());
            assert!(poll(next_a.as_mut(), &bell_a).is_pending());
            assert!(poll(next_b.as_mut(), &bell_b).is_pending());
            feed.release(1, Duration::ZERO);
            assert_eq!(bell_b.0.load(Ordering::SeqCst), 0);
        }
        assert_eq!(bell_b.0.load(Ordering::SeqCst), 1);
        assert!(matches!(poll(next_b.as_mut(), &bell_b), Poll::Ready(Some(_))));
    }

    #[test]
    fn old_operations_can_be_taken_away() {
        let feed = feed();
        feed.release(10, Duration::ZERO);
        assert_eq!(feed.take_older(Duration::from_millis(2)).unwrap().seq, 0);
        assert_eq!(feed.take_older(Duration::from_millis(2)).unwrap().seq, 1);
        assert!(feed.take_older(Duration::from_millis(2)).is_none());
        assert_eq!((feed.taken(), feed.backlog()), (2, 8));
    }

    #[test]
    fn no_more_are_under_way_than_allowed() {
        let endless = Pace::Closed(crate::pace::Closed { count: Some(5), duration: None });
        let feed = feed_of(endless, Shape::default(), Some(2));
        let taker = feed.taker();
        feed.release(5, Duration::ZERO);
        let bell = Arc::new(Bell::default());
        assert!(taker.try_next().is_some() && taker.try_next().is_some());
        let mut next = pin!(taker.next());
        assert!(poll(next.as_mut(), &bell).is_pending());
        feed.settled();
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
        assert!(matches!(poll(next.as_mut(), &bell), Poll::Ready(Some(Op { seq: 2, .. }))));
        assert_eq!((feed.due(), feed.backlog()), (3, 2));
    }

    #[test]
    fn twins_are_handed_out_twice() {
        for when in [Again::AtOnce, Again::Concurrently, Again::Later(Duration::ZERO)] {
            let shape = Shape { duplicates: Duplicates { share: 1.0, when }, ..Shape::default() };
            let closed = Pace::Closed(crate::pace::Closed { count: Some(1), duration: None });
            let feed = feed_of(closed, shape, None);
            let (a, b) = (feed.taker(), feed.taker());
            feed.release(1, Duration::ZERO);
            let first = a.try_next().unwrap();
            assert_eq!((first.seq, first.sending), (0, Sending::First));
            assert!(!feed.is_empty());
            feed.release(1, Duration::MAX);
            let other = b.try_next();
            assert_eq!(other.is_none(), when == Again::AtOnce, "{when:?}");
            let second = other.or_else(|| a.try_next()).unwrap();
            assert_eq!((second.seq, second.sending), (0, Sending::Second));
            assert!(feed.is_empty() && feed.close().is_empty());
        }
    }

    #[test]
    fn a_closed_feed_gives_back_what_will_not_be_sent_again() {
        for when in [Again::AtOnce, Again::Concurrently, Again::Later(Duration::MAX / 2)] {
            let shape = Shape { duplicates: Duplicates { share: 1.0, when }, ..Shape::default() };
            let closed = Pace::Closed(crate::pace::Closed { count: None, duration: None });
            let feed = feed_of(closed, shape, None);
            let taker = feed.taker();
            feed.release(9, Duration::ZERO);
            assert!(taker.try_next().is_some());
            let left = feed.close();
            assert_eq!(left.len(), 1, "{when:?}");
            assert_eq!(left[0].sending, Sending::Second);
        }
    }
}
