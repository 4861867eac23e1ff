//! The time limits of operations, without a timer for each of them.
//!
//! Each connection has one slot with the time at which its wait ends; the pump
//! looks through the slots once a tick. So a limit is kept to within a tick,
//! which is 1 ms under load and at most 20 ms when the run is nearly idle.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

/// The limits of all connections of a worker.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(RefCell<Vec<Slot>>);

#[derive(Debug, Default)]
struct Slot {
    /// When the wait ends, after T0; `None` while nobody waits.
    at: Option<Duration>,
    over: bool,
    waker: Option<Waker>,
}

impl Deadlines {
    /// A slot for one more connection.
    pub(crate) fn slot(&self) -> usize {
        let mut slots = self.0.borrow_mut();
        slots.push(Slot::default());
        slots.len() - 1
    }

    /// Ends the waits whose time is over.
    pub(crate) fn sweep(&self, now: Duration) {
        for slot in self.0.borrow_mut().iter_mut() {
            if slot.at.is_some_and(|at| at <= now) {
                slot.at = None;
                slot.over = true;
                if let Some(waker) = slot.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Waits for `work` until `at` after T0; `None` if it did not end in time.
    pub(crate) async fn limit<F: Future>(
        &self,
        slot: usize,
        at: Duration,
        work: F,
    ) -> Option<F::Output> {
        let mut work = pin!(work);
        let _armed = self.arm(slot, at);
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let slot = &mut self.0.borrow_mut()[slot];
            if slot.over {
                return Poll::Ready(None);
            }
            match &mut slot.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => slot.waker = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }

    fn arm(&self, slot: usize, at: Duration) -> Armed<'_> {
        let mut slots = self.0.borrow_mut();
        slots[slot].at = Some(at);
        slots[slot].over = false;
        Armed { deadlines: self, slot }
    }
}

/// Frees the slot when the wait ends in any way.
struct Armed<'a> {
    deadlines: &'a Deadlines,
    slot: usize,
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        let slot = &mut self.deadlines.0.borrow_mut()[self.slot];
        slot.at = None;
        slot.waker = None;
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::Context;

    use super::*;

    #[test]
    fn a_wait_ends_at_its_time_and_not_before() {
        let deadlines = Deadlines::default();
        let slot = deadlines.slot();
        let mut cx = Context::from_waker(Waker::noop());
        let at = Duration::from_secs(2);
        let mut wait = Box::pin(deadlines.limit(slot, at, pending::<()>()));
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        deadlines.sweep(Duration::from_secs(1));
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        deadlines.sweep(at);
        assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(None));
        drop(wait);
        let mut wait = Box::pin(deadlines.limit(slot, at, ready(7)));
        assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(Some(7)));
    }
}
