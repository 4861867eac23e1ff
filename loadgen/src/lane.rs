//! One connection's view of its worker: where operations come from, where
//! their answers go, and how long to wait.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use crate::feed::{Op, Taker};
use bytes::BufMut;
use services::Trouble;

use crate::answers::Said;
use crate::identity::IdentityRef;
use crate::outcome::{Answer, Reason};
use crate::payload::{Fields, Payload};
use crate::reach::Unready;
use crate::shape::Shape;
use crate::split::Place;
use crate::worker::Worker;

/// No UTF-8, no JSON, no beginning of any usual format.
const POISON: &[u8] = b"\xff\xfe\x00{poison\xff";

/// One connection's place in its worker.
#[derive(Debug)]
pub(crate) struct Lane {
    worker: Rc<Worker>,
    taker: Taker,
    slot: usize,
}

impl Lane {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        Self {
            worker: Rc::clone(worker),
            taker: worker.feed.taker(),
            slot: worker.deadlines.slot(),
        }
    }

    /// Another place in the same worker, for a connection that carries many
    /// operations and does for each what others do for their only one.
    pub(crate) fn another(&self) -> Self {
        Self::new(&self.worker)
    }

    /// The time after T0.
    pub(crate) fn now(&self) -> Duration {
        self.worker.now()
    }

    /// How long it is until T0; `None` when it has come.
    pub(crate) fn until_start(&self) -> Option<Duration> {
        self.worker.order.clock.until_start()
    }

    /// How long an operation may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.worker.order.timeout
    }

    /// The workload's name.
    pub(crate) fn workload(&self) -> &str {
        &self.worker.order.workload
    }

    /// The identity of an operation.
    pub(crate) fn identity(&self, op: &Op) -> IdentityRef<'_> {
        self.worker.identity(op.seq)
    }

    /// Appends the text of an operation that is begun at `now` after T0.
    pub(crate) fn render(&self, payload: &Payload, op: &Op, now: Duration, out: &mut impl BufMut) {
        let order = &*self.worker.order;
        let time = order.calendar.unix_millis(now);
        let fields = Fields { identity: self.identity(op), time, shape: &order.supply.shape };
        payload.render(&fields, out);
    }

    /// Appends the body of an operation that is begun at `now` after T0:
    /// its template filled in or, if it is poison, that of poison or something
    /// that no reader of text understands.
    pub(crate) fn render_body(
        &self,
        payload: &Payload,
        op: &Op,
        now: Duration,
        out: &mut impl BufMut,
    ) {
        if !self.shape().is_poison(op.seq) {
            self.render(payload, op, now, out);
        } else if let Some(poison) = &self.shape().poison_body {
            self.render(poison, op, now, out);
        } else {
            let size = self.shape().size(op.seq).unwrap_or(POISON.len());
            let mut left = size.max(POISON.len());
            while left > 0 {
                let piece = &POISON[..left.min(POISON.len())];
                out.put_slice(piece);
                left -= piece.len();
            }
        }
    }

    /// Sizes, keys and random fields of the operations.
    pub(crate) fn shape(&self) -> &Shape {
        &self.worker.order.supply.shape
    }

    /// The next operation that is due; `None` when there will be no more.
    pub(crate) async fn next(&self) -> Option<Op> {
        self.taker.next().await
    }

    /// The next operation, if one is due already.
    pub(crate) fn try_next(&self) -> Option<Op> {
        self.taker.try_next()
    }

    /// Settles an operation that began at `started` after T0 and ends now.
    pub(crate) fn settle(&self, op: Op, started: Duration, answer: &Answer) {
        self.settle_at(op, started, self.now(), answer);
    }

    /// Settles an operation that began and ended at these times after T0.
    /// Whoever settles many at once reads the clock once.
    pub(crate) fn settle_at(&self, op: Op, started: Duration, finished: Duration, answer: &Answer) {
        if self.worker.book.settle(op, Some(started), finished, answer, (None, None)) {
            self.worker.feed.settled();
        }
    }

    /// [`Lane::settle`], with what the answer said where answers are compared, and who
    /// gave it where figures are split.
    pub(crate) fn settle_said(
        &self,
        op: Op,
        started: Duration,
        answer: &Answer,
        said: Option<Said>,
        part: Option<usize>,
    ) {
        let place = part.map(|part| Place { part, key: self.shape().key(op.seq) });
        if self.worker.book.settle(op, Some(started), self.now(), answer, (said, place)) {
            self.worker.feed.settled();
        }
    }

    /// Waits for `work` until `at` after T0; `None` if it did not end in time.
    pub(crate) async fn limit<F: Future>(&self, at: Duration, work: F) -> Option<F::Output> {
        self.worker.deadlines.limit(self.slot, at, work).await
    }

    /// Waits before another attempt, unless the run ends first.
    pub(crate) async fn pause(&self, pause: Duration) {
        let closing = self.worker.closing.notified();
        if !self.worker.feed.is_closed() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = closing => {}
            }
        }
    }

    /// Whether nothing more is handed out: the run is about to end.
    pub(crate) fn is_closing(&self) -> bool {
        self.worker.feed.is_closed()
    }

    /// Notes that a connection stands, for as long as the guard lives.
    pub(crate) fn standing(&self) -> Standing {
        self.worker.standing.update(|standing| standing + 1);
        let all = self.worker.standing.get() >= self.worker.connections;
        if all && self.worker.complete.get().is_none() {
            self.worker.complete.set(Some(self.now()));
        }
        self.worker.cut_off.set(None);
        self.worker.limit.set(None);
        Standing(Rc::clone(&self.worker))
    }

    /// Notes that no connection could be made, and why.
    pub(crate) fn refused(&self, reason: &Reason) {
        self.worker.limit.set(match reason {
            Reason::Here(limit) => Some(*limit),
            _ => None,
        });
        if self.worker.standing.get() == 0 && self.worker.cut_off.get().is_none() {
            self.worker.cut_off.set(Some(self.now()));
        }
    }

    /// Why an operation is not sent for which this connection could not be made.
    pub(crate) fn unmade(&self, error: &Unready) -> Reason {
        if let Unready::Denied(trouble) = error {
            self.denied(trouble);
        }
        error.reason()
    }

    /// The target answers that it does not let us in, or do this, which no waiting
    /// mends. Where it has not done anything for us yet, that ends the run.
    pub(crate) fn denied(&self, trouble: &Trouble) {
        if self.worker.book.tally().acked == 0 {
            self.worker.order.deny(trouble);
        }
    }

    /// How many operations of this worker were acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.worker.book.tally().acked
    }

    /// Notes that an operation was sent again so often, and whether it was
    /// acknowledged then.
    pub(crate) fn retried(&self, attempts: u64, answer: &Answer) {
        self.worker.book.retried(attempts, answer);
    }

    /// Notes that an operation was sent again because its connection, which had been
    /// kept open, ended without an answer, and what came of it.
    pub(crate) fn idled_out(&self, answer: &Answer) {
        self.worker.book.idled_out(answer);
    }

    /// Why an operation is not sent that has waited for a connection in vain.
    pub(crate) fn unsent(&self) -> Reason {
        self.worker.unsent()
    }

    /// Gives up the operations that have been due for longer than the timeout
    /// while the worker had no connection at all: nobody waits for them any
    /// more, and sending them now would only be a burst of stale requests.
    pub(crate) fn give_up_stale(&self) {
        let Some(since) = self.worker.cut_off.get() else { return };
        let now = self.now();
        let Some(before) = now.checked_sub(self.timeout()) else { return };
        if since > before {
            return;
        }
        self.worker.give_up(before);
    }
}

/// A connection stands while this lives.
#[derive(Debug)]
pub(crate) struct Standing(Rc<Worker>);

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.standing.update(|standing| standing - 1);
    }
}
