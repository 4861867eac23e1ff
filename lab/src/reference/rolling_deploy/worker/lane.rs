//! The events of one partition, one after another, so that those of an account stay in
//! their order.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Worker;
use super::counts::Reason;
use super::handler::{Done, Handler};
use crate::reference::diary::Diary;
use crate::reference::rolling_deploy::kafka::{DEAD, RESULTS};
use crate::reference::rolling_deploy::offsets::Offsets;

/// Between two tries to write to a broker that is away.
const PAUSE: Duration = Duration::from_millis(100);

/// An event as it was received.
pub(super) struct Record {
    pub(super) offset: i64,
    pub(super) key: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) received: Instant,
}

/// What a lane and its owner both look at.
#[derive(Default)]
struct Shared {
    offsets: Mutex<Offsets>,
    waiting: AtomicUsize,
    /// Whether nothing more is to be begun.
    closing: AtomicBool,
}

/// A partition that this worker has.
pub(super) struct Lane {
    shared: Arc<Shared>,
    queue: mpsc::UnboundedSender<Record>,
    task: JoinHandle<()>,
    /// Whether the broker was told to send nothing for now.
    pub(super) paused: bool,
}

impl Lane {
    pub(super) fn open(worker: &Arc<Worker>, partition: i32) -> Self {
        let shared = Arc::new(Shared::default());
        let (queue, records) = mpsc::unbounded_channel();
        let work = work(Arc::clone(worker), partition, Arc::clone(&shared), records);
        Self { shared, queue, task: tokio::spawn(work), paused: false }
    }

    pub(super) fn take(&self, record: Record) {
        self.offsets().begin(record.offset);
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.queue.send(record);
    }

    pub(super) fn offsets(&self) -> MutexGuard<'_, Offsets> {
        lock(&self.shared)
    }

    /// How many events it has that are not finished.
    pub(super) fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Gives the partition up: what is under way is left to whoever gets it.
    pub(super) fn give_up(&self) {
        self.task.abort();
    }

    /// Begins nothing more; the event under way is finished.
    pub(super) fn close(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
    }

    /// Whether nothing is under way after [`Lane::close`].
    pub(super) fn is_closed(&self) -> bool {
        self.task.is_finished() || self.waiting() == 0
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Offsets> {
    shared.offsets.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn work(
    worker: Arc<Worker>,
    partition: i32,
    shared: Arc<Shared>,
    mut records: mpsc::UnboundedReceiver<Record>,
) {
    if worker.tactics.stalls(partition) {
        return std::future::pending().await;
    }
    let mut handler = Handler::new(Arc::clone(&worker.handlers), &worker.objects);
    while let Some(record) = records.recv().await {
        if shared.closing.load(Ordering::Relaxed) {
            return;
        }
        let done = handler.handle(&record.payload).await;
        write(&worker, &record, done).await;
        worker.counts.took(record.received.elapsed());
        lock(&shared).finish(record.offset);
        shared.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writes what came of an event, until it is there.
async fn write(worker: &Worker, record: &Record, done: Done) {
    let (topic, payload, why) = match done {
        Done::Result(outcome) => match serde_json::to_vec(&outcome) {
            Ok(payload) => (RESULTS, payload, None),
            Err(error) => (DEAD, record.payload.clone(), Some(error.to_string())),
        },
        Done::Dead(why) => (DEAD, record.payload.clone(), Some(why)),
    };
    if let Some(why) = &why {
        worker.counts.dead();
        Diary.error("event_dead", why);
    }
    while let Err(error) = worker.writer.write(topic, &record.key, &payload, why.as_deref()).await {
        worker.counts.failed(Reason::Broker);
        Diary.error("result_not_written", &error.to_string());
        sleep(PAUSE).await;
    }
}
