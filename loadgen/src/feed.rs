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

use crate::schedule::{Schedule, Stride};

/// An operation that was handed out. It cannot be copied: whoever holds it
/// settles it, once.
#[derive(Debug)]
pub(crate) struct Op {
    /// Its number within the workload.
    pub(crate) seq: u64,
    /// When it was due, after T0.
    pub(crate) due: Duration,
}

/// The released operations of one worker.
#[derive(Debug)]
pub(crate) struct Feed {
    schedule: Arc<Schedule>,
    stride: Stride,
    /// The next operation to hand out.
    next: Cell<u64>,
    /// Operations below this number are released.
    below: Cell<u64>,
    closed: Cell<bool>,
    waiting: RefCell<Waiting>,
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
}

impl Feed {
    pub(crate) fn new(schedule: Arc<Schedule>, stride: Stride) -> Rc<Self> {
        Rc::new(Self {
            schedule,
            stride,
            next: Cell::new(stride.worker),
            below: Cell::new(0),
            closed: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    /// Releases every operation below `seq`, and wakes as many connections as
    /// there is work for.
    pub(crate) fn release(&self, seq: u64) {
        if seq > self.below.get() {
            self.below.set(seq);
            self.wake(self.backlog());
        }
    }

    /// Hands out nothing any more; every waiting connection is told.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.wake(u64::MAX);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// How many operations are released and not handed out.
    pub(crate) fn backlog(&self) -> u64 {
        self.stride.below(self.below.get()) - self.taken()
    }

    /// How many operations were handed out.
    pub(crate) fn taken(&self) -> u64 {
        self.stride.below(self.next.get())
    }

    /// The number of the first operation that was not handed out.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next.get()
    }

    fn wake(&self, mut most: u64) {
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

    fn take(&self) -> Option<Op> {
        let seq = self.next.get();
        if self.closed.get() || seq >= self.below.get() {
            return None;
        }
        let due = self.schedule.due(seq).expect("only operations of the schedule are released");
        self.next.set(seq + self.stride.workers);
        Some(Op { seq, due })
    }

    /// The oldest operation that nobody took, if it was due before `before`.
    pub(crate) fn take_older(&self, before: Duration) -> Option<Op> {
        let due = self.schedule.due(self.next.get())?;
        if due < before { self.take() } else { None }
    }

    /// A place in which one connection waits for operations.
    pub(crate) fn taker(self: &Rc<Self>) -> Taker {
        let mut waiting = self.waiting.borrow_mut();
        waiting.slots.push(Slot::default());
        let slot = waiting.slots.len() - 1;
        Taker { feed: Rc::clone(self), slot }
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
        self.feed.take()
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
        if let Some(op) = feed.take() {
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
            if woken && feed.backlog() > 0 {
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

    use scenarios::units::Rate;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn feed() -> Rc<Feed> {
        let schedule = Schedule::constant(Rate(1_000.0), Duration::from_secs(1)).unwrap();
        Feed::new(Arc::new(schedule), Stride::WHOLE)
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
        feed.release(1);
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
            feed.release(1);
            assert_eq!(bell_b.0.load(Ordering::SeqCst), 0);
        }
        assert_eq!(bell_b.0.load(Ordering::SeqCst), 1);
        assert!(matches!(poll(next_b.as_mut(), &bell_b), Poll::Ready(Some(_))));
    }

    #[test]
    fn old_operations_can_be_taken_away() {
        let feed = feed();
        feed.release(10);
        assert_eq!(feed.take_older(Duration::from_millis(2)).unwrap().seq, 0);
        assert_eq!(feed.take_older(Duration::from_millis(2)).unwrap().seq, 1);
        assert!(feed.take_older(Duration::from_millis(2)).is_none());
        assert_eq!((feed.taken(), feed.backlog()), (2, 8));
    }
}
