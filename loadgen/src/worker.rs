//! One worker: a thread with its own runtime, feed, book and connections,
//! which shares nothing with other workers while an operation is under way.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use services::Trouble;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

use crate::book::{Book, Closed};
use crate::clock::Clock;
use crate::collector::Collector;
use crate::deadlines::Deadlines;
use crate::error::LoadError;
use crate::feed::{Feed, Supply};
use crate::horizon::Horizon;
use crate::identity::IdentityRef;
use crate::job::Late;
use crate::lane::Lane;
use crate::limit::Limit;
use crate::outcome::{Answer, Reason};
use crate::payload::Calendar;
use crate::pump::{self, Pump};
use crate::schedule::Stride;
use crate::tally::LATE;
use crate::transport::Target;

/// What every worker of a run knows.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) run: String,
    pub(crate) workload: String,
    pub(crate) supply: Arc<Supply>,
    pub(crate) late: Late,
    pub(crate) workers: u64,
    pub(crate) target: Target,
    pub(crate) timeout: Duration,
    pub(crate) grace: Duration,
    pub(crate) clock: Clock,
    pub(crate) calendar: Calendar,
    pub(crate) horizon: Horizon,
    /// Leave at once; what is under way is cut off.
    pub(crate) abort: AtomicBool,
    /// Why the target does not let us in, which ended the run.
    pub(crate) denied: Mutex<Option<Trouble>>,
    pub(crate) collector: Collector,
}

impl Order {
    /// Ends the run at once for what no waiting mends.
    pub(crate) fn deny(&self, trouble: &Trouble) {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        denied.get_or_insert_with(|| trouble.clone());
        self.abort.store(true, Ordering::Relaxed);
        self.horizon.stop();
    }
}

/// A worker's figures, for whoever watches; refreshed once a tick.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    pub(crate) due: AtomicU64,
    pub(crate) acked: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) indeterminate: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) under_way: AtomicU64,
}

/// What the connections of a worker have in common.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) order: Arc<Order>,
    pub(crate) feed: Rc<Feed>,
    pub(crate) book: Book,
    pub(crate) deadlines: Deadlines,
    /// Connections that stand.
    pub(crate) standing: Cell<usize>,
    /// How many there are.
    pub(crate) connections: usize,
    /// When all of them stood for the first time, after T0.
    pub(crate) complete: Cell<Option<Duration>>,
    /// Since when, after T0, no connection stands and none could be made.
    pub(crate) cut_off: Cell<Option<Duration>>,
    /// What this machine had no more of when a connection was last tried.
    pub(crate) limit: Cell<Option<Limit>>,
    /// Told when the feed closes.
    pub(crate) closing: Notify,
}

/// One worker's result.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) closed: Closed,
    pub(crate) pump: Pump,
    /// When all of its connections stood for the first time, after T0.
    pub(crate) complete: Option<Duration>,
}

impl Worker {
    fn new(order: Arc<Order>, stride: Stride, connections: usize) -> Rc<Self> {
        let feed = Feed::new(Arc::clone(&order.supply), stride, order.workers);
        let book = Book::new(&order.run, &order.workload, stride);
        Rc::new(Self {
            order,
            feed,
            book,
            deadlines: Deadlines::default(),
            standing: Cell::new(0),
            connections,
            complete: Cell::new(None),
            cut_off: Cell::new(None),
            limit: Cell::new(None),
            closing: Notify::new(),
        })
    }

    pub(crate) fn now(&self) -> Duration {
        self.feed.now()
    }

    pub(crate) fn identity(&self, sequence: u64) -> IdentityRef<'_> {
        IdentityRef { run: &self.order.run, workload: &self.order.workload, sequence }
    }

    /// Stops handing out operations, and tells every connection.
    pub(crate) fn close_feed(&self) {
        if self.is_refused() {
            self.give_up(self.now());
        }
        let forgone = self.feed.close();
        for _ in 0..self.book.forgo(&forgone) {
            self.feed.settled();
        }
        self.closing.notify_waiters();
    }

    /// Whether the target takes no connection at all, and no limit of ours is why.
    fn is_refused(&self) -> bool {
        self.cut_off.get().is_some() && self.limit.get().is_none()
    }

    /// Why an operation is not sent that has waited for a connection in vain.
    pub(crate) fn unsent(&self) -> Reason {
        self.limit.get().map_or(Reason::Unsent, Reason::Here)
    }

    /// Operations for which there is no connection have failed at the target: it was
    /// not the generator that could not keep up.
    pub(crate) fn give_up(&self, due_before: Duration) {
        let (now, answer) = (self.now(), Answer::Failed(self.unsent()));
        while let Some(op) = self.feed.take_older(due_before) {
            if self.book.settle(op, None, now, &answer, (None, None)) {
                self.feed.settled();
            }
        }
    }

    /// Drops the operations that can no longer be started in time.
    pub(crate) fn drop_late(&self, now: Duration) {
        let Some(before) = now.checked_sub(LATE) else { return };
        if self.is_refused() {
            return self.give_up(before);
        }
        while let Some(op) = self.feed.take_older(before) {
            self.book.drop_op(op);
            self.feed.settled();
        }
    }

    /// Refreshes the figures for whoever watches.
    pub(crate) fn publish(&self, gauge: &Gauge) {
        let tally = self.book.tally();
        gauge.due.store(self.feed.due(), Ordering::Relaxed);
        gauge.acked.store(tally.acked, Ordering::Relaxed);
        gauge.failed.store(tally.failed, Ordering::Relaxed);
        gauge.indeterminate.store(tally.indeterminate, Ordering::Relaxed);
        gauge.dropped.store(tally.dropped, Ordering::Relaxed);
        gauge.late.store(tally.late, Ordering::Relaxed);
        gauge.under_way.store(self.feed.taken().saturating_sub(tally.settled()), Ordering::Relaxed);
    }
}

/// Runs one worker to its end on this thread.
pub(crate) fn run(
    order: &Arc<Order>,
    stride: Stride,
    connections: u32,
    gauge: &Gauge,
) -> Result<Done, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::Thread { source })?;
    let local = LocalSet::new();
    let worker = Worker::new(Arc::clone(order), stride, connections as usize);
    let pump = local.block_on(&runtime, async {
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let lane = Lane::new(&worker);
            let order = Arc::clone(order);
            tasks.spawn_local(async move { order.target.drive(&lane).await });
        }
        let pump = pump::run(&worker, &mut tasks, gauge).await;
        tasks.shutdown().await;
        pump
    })?;
    // Whatever still holds the worker ends with the tasks of the runtime.
    drop(local);
    runtime.shutdown_timeout(Duration::from_millis(100));
    let ended = worker.now();
    let worker = Rc::into_inner(worker).expect("every connection of the worker has ended");
    let below = order.horizon.advance(0).below;
    let Worker { feed, book, complete, .. } = worker;
    let closed = book.close(ended, &feed, stride, below, &order.collector);
    let settled = closed.tally;
    gauge.due.store(settled.due, Ordering::Relaxed);
    gauge.indeterminate.store(settled.indeterminate, Ordering::Relaxed);
    gauge.under_way.store(0, Ordering::Relaxed);
    Ok(Done { closed, pump, complete: complete.get() })
}
