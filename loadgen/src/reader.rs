//! What consumers on the far side of a broker see of the run's operations.
//!
//! All consumers of a run live on one thread of its own, so that they never
//! hold up the load. Each has a [`Reader`], to which it tells every message.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use roaring::RoaringTreemap;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

use crate::error::LoadError;
use crate::identity;
use crate::latency::{self, Histogram};
use crate::outcome::{Reason, Reasons};
use crate::reach::Unready;
use crate::worker::Order;

/// How often the end of the consumers is looked for.
const GLANCE: Duration = Duration::from_millis(20);

/// With no message for this long after the load has ended, there are none
/// left.
const QUIET: Duration = Duration::from_secs(2);

/// What consumers are given to go once they are told.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the consumers of a run have seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Messages of any kind.
    pub messages: u64,
    /// The bytes of their bodies.
    pub bytes: u64,
    /// Messages that were marked as delivered before.
    pub redelivered: u64,
    /// Messages of this run that had been seen before.
    pub repeated: u64,
    /// Messages that do not belong to this run.
    pub foreign: u64,
    /// The operations of this run that were seen.
    pub seen: RoaringTreemap,
    /// Those of them that were seen more than once.
    pub twice: RoaringTreemap,
    /// From when an operation was due to when it was seen.
    pub latency: Histogram,
    /// What went wrong while reading, with how often.
    pub errors: Vec<(String, u64)>,
}

/// One consumer's way to tell what it sees.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The consumer's number, from 0.
    index: u32,
    /// The consumers of the run.
    count: u32,
    inbox: Rc<Inbox>,
}

#[derive(Debug)]
struct Inbox {
    order: Arc<Order>,
    seen: RefCell<Received>,
    errors: RefCell<Reasons>,
    /// When the last message came, after T0.
    last: RefCell<Duration>,
    ended: AtomicBool,
    ending: Notify,
}

impl Reader {
    /// The consumer's number among those of the run, from 0.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// How many consumers the run has.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The workload's name.
    pub(crate) fn workload(&self) -> &str {
        &self.inbox.order.workload
    }

    /// Takes in a message with this text as its identity (which may be
    /// anything) and this many bytes of body.
    pub(crate) fn take(&self, id: &[u8], bytes: usize, redelivered: bool) {
        let inbox = &*self.inbox;
        let now = inbox.order.clock.now();
        *inbox.last.borrow_mut() = now;
        let mut seen = inbox.seen.borrow_mut();
        seen.messages += 1;
        seen.bytes += bytes as u64;
        seen.redelivered += u64::from(redelivered);
        let ours = identity::parse(id).filter(|identity| {
            identity.run == inbox.order.run && identity.workload == inbox.order.workload
        });
        let Some(identity) = ours else {
            seen.foreign += 1;
            return;
        };
        if !seen.seen.insert(identity.sequence) {
            seen.repeated += 1;
            seen.twice.insert(identity.sequence);
        } else if let Some(due) = inbox.order.supply.pace.due(identity.sequence) {
            latency::record(&mut seen.latency, now.saturating_sub(due));
        }
    }

    /// How long a consumer may take to be let in, as an operation may.
    pub(crate) fn timeout(&self) -> Duration {
        self.inbox.order.timeout
    }

    /// Says that this consumer was not let in yet, so that silence does not
    /// mean that there are no messages left.
    #[cfg(feature = "kafka")]
    pub(crate) fn not_yet(&self) {
        *self.inbox.last.borrow_mut() = self.inbox.order.clock.now();
    }

    /// Notes what went wrong. The consumer should pause and try again.
    pub(crate) fn trouble(&self, trouble: impl Into<Unready>) {
        let reason = match trouble.into() {
            Unready::Limit(limit) => Reason::Here(limit),
            other => Reason::Lost(other.to_string()),
        };
        self.inbox.errors.borrow_mut().count(&reason);
    }

    /// Whether the consumers are to go.
    pub(crate) fn is_over(&self) -> bool {
        self.inbox.ended.load(Ordering::Relaxed)
    }

    /// Ends when the consumers are to go: the load has ended and every
    /// acknowledged operation was seen, or nothing more comes.
    pub(crate) async fn over(&self) {
        let ending = self.inbox.ending.notified();
        if !self.is_over() {
            ending.await;
        }
    }

    /// Waits before another attempt, unless the consumers are to go first.
    pub(crate) async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.over() => {}
        }
    }
}

/// The thread of the consumers.
#[derive(Debug)]
pub(crate) struct Readers {
    /// Set to the number of acknowledged operations when the load has ended.
    expected: Arc<AtomicU64>,
    thread: JoinHandle<Result<Received, LoadError>>,
}

/// The load goes on.
const UNDER_WAY: u64 = u64::MAX;

impl Readers {
    /// Starts the consumers; returns when each has been polled once.
    pub(crate) fn start(order: &Arc<Order>, consumers: u32) -> Result<Self, LoadError> {
        let expected = Arc::new(AtomicU64::new(UNDER_WAY));
        let (up, ready) = mpsc::channel();
        let body = {
            let (order, expected) = (Arc::clone(order), Arc::clone(&expected));
            move || run(&order, consumers, &expected, &up)
        };
        let thread = thread::Builder::new()
            .name("readers".to_owned())
            .spawn(body)
            .map_err(|source| LoadError::Thread { source })?;
        // An error is told when the thread is joined.
        let _ = ready.recv();
        Ok(Self { expected, thread })
    }

    /// The load has ended with this many acknowledged operations: waits for
    /// the consumers.
    pub(crate) fn finish(self, acked: u64) -> Result<Received, LoadError> {
        self.expected.store(acked, Ordering::Release);
        self.thread.join().unwrap_or_else(|panic| Err(LoadError::from_panic(&*panic)))
    }
}

fn run(
    order: &Arc<Order>,
    consumers: u32,
    expected: &AtomicU64,
    up: &mpsc::Sender<()>,
) -> Result<Received, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::Thread { source })?;
    let local = LocalSet::new();
    let inbox = Rc::new(Inbox {
        order: Arc::clone(order),
        seen: RefCell::new(Received {
            messages: 0,
            bytes: 0,
            redelivered: 0,
            repeated: 0,
            foreign: 0,
            seen: RoaringTreemap::new(),
            twice: RoaringTreemap::new(),
            latency: latency::histogram(),
            errors: Vec::new(),
        }),
        errors: RefCell::default(),
        last: RefCell::default(),
        ended: AtomicBool::new(false),
        ending: Notify::new(),
    });
    local.block_on(&runtime, async {
        let mut tasks = JoinSet::new();
        for index in 0..consumers {
            let reader = Reader { index, count: consumers, inbox: Rc::clone(&inbox) };
            let order = Arc::clone(order);
            tasks.spawn_local(async move { order.target.consume(&reader).await });
        }
        tokio::task::yield_now().await;
        let _ = up.send(());
        watch(&inbox, expected).await;
        inbox.ended.store(true, Ordering::Relaxed);
        inbox.ending.notify_waiters();
        let all = async {
            while let Some(joined) = tasks.join_next().await {
                joined.map_err(LoadError::panicked)?;
            }
            Ok::<_, LoadError>(())
        };
        let ended = tokio::time::timeout(FAREWELL, all).await.unwrap_or(Ok(()));
        tasks.shutdown().await;
        ended
    })?;
    drop(local);
    runtime.shutdown_timeout(Duration::from_millis(100));
    let mut received = inbox.seen.borrow().clone();
    received.errors = inbox.errors.borrow().top();
    Ok(received)
}

/// Waits until the load has ended and there is nothing more to see.
async fn watch(inbox: &Inbox, expected: &AtomicU64) {
    let mut since = None;
    loop {
        tokio::time::sleep(GLANCE).await;
        if inbox.order.abort.load(Ordering::Relaxed) {
            return;
        }
        let acked = expected.load(Ordering::Acquire);
        if acked == UNDER_WAY {
            continue;
        }
        let now = inbox.order.clock.now();
        let quiet_since = (*since.get_or_insert(now)).max(*inbox.last.borrow());
        if inbox.seen.borrow().seen.len() >= acked || now >= quiet_since + QUIET {
            return;
        }
    }
}
