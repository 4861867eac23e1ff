//! A worker's part in its group: which partitions it has, and what is committed of them.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Worker;
use super::counts::Reason;
use super::lane::{Lane, Record};
use crate::reference::diary::Diary;
use crate::reference::rolling_deploy::kafka::{self, EVENTS, WORKERS};
use crate::reference::rolling_deploy::tactics::Commit;
use crate::reference::server;

/// Between two commits of what is finished.
const COMMIT_EVERY: Duration = Duration::from_millis(1_000);
/// Between two looks at the lanes.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A lane that has so many events gets no more for now,
const FULL: usize = 200;
/// until it has so few.
const FREE: usize = 50;
/// What is under way when the process is to end has so long.
const FINISHED_WITHIN: Duration = Duration::from_secs(5);
/// Between two tries of a broker that is away.
const PAUSE: Duration = Duration::from_millis(100);

/// The partitions that this worker has, with their lanes once they have an event.
#[derive(Clone)]
struct Lanes {
    worker: Arc<Worker>,
    open: Arc<Mutex<BTreeMap<i32, Option<Lane>>>>,
}

impl ClientContext for Lanes {}

impl ConsumerContext for Lanes {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(list) = rebalance else { return };
        let revoked = partitions(list);
        Diary.info("partitions_revoked", &format!("{revoked:?}"));
        let mut open = self.lock();
        let lanes: Vec<(i32, Lane)> = revoked
            .iter()
            .filter_map(|partition| Some((*partition, open.remove(partition)??)))
            .collect();
        drop(open);
        lanes.iter().for_each(|(_, lane)| lane.give_up());
        if self.worker.tactics.commits_on_revoke() {
            let finished = lanes
                .iter()
                .filter_map(|(partition, lane)| Some((*partition, lane.offsets().take()?)));
            commit(consumer, finished.collect(), CommitMode::Sync);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(list) = rebalance else { return };
        let assigned = partitions(list);
        Diary.info("partitions_assigned", &format!("{assigned:?}"));
        // One that this worker had before, and was paused when it was revoked, still is.
        if let Err(error) = consumer.resume(list) {
            Diary.error("not_resumed", &error.to_string());
        }
        let mut open = self.lock();
        for partition in assigned {
            open.entry(partition).or_default();
        }
        self.worker.joined.store(true, Ordering::Relaxed);
    }
}

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Option<Lane>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an event to its lane.
    fn take(&self, consumer: &StreamConsumer<Self>, message: &BorrowedMessage<'_>) {
        let partition = message.partition();
        let mut open = self.lock();
        // What comes of a partition that is gone is somebody else's.
        let Some(lane) = open.get_mut(&partition) else { return };
        let lane = lane.get_or_insert_with(|| Lane::open(&self.worker, partition));
        self.worker.counts.consumed(EVENTS, partition);
        lane.take(Record {
            offset: message.offset(),
            key: message.key().unwrap_or_default().to_vec(),
            payload: message.payload().unwrap_or_default().to_vec(),
            received: Instant::now(),
        });
        if lane.waiting() >= FULL && !lane.paused {
            lane.paused = consumer.pause(&list([(partition, None)])).is_ok();
        }
        let received = match self.worker.tactics.commit() {
            Commit::BeforeWork => lane.offsets().take_received(),
            Commit::AfterResult | Commit::Every(_) => None,
        };
        drop(open);
        let received = received.map(|offset| (partition, offset));
        commit(consumer, received.into_iter().collect(), CommitMode::Async);
    }

    /// Has the broker go on sending what lanes have room for.
    fn resume(&self, consumer: &StreamConsumer<Self>) {
        for (partition, lane) in self.lock().iter_mut() {
            let Some(lane) = lane else { continue };
            if lane.paused && lane.waiting() <= FREE {
                lane.paused = consumer.resume(&list([(*partition, None)])).is_err();
            }
        }
    }

    /// Commits what is to be committed by now.
    fn commit(&self, consumer: &StreamConsumer<Self>, mode: CommitMode) {
        let commit_when = self.worker.tactics.commit();
        let offset = |lane: &Lane| match commit_when {
            Commit::AfterResult => lane.offsets().take(),
            Commit::BeforeWork | Commit::Every(_) => lane.offsets().take_received(),
        };
        let offsets: Vec<(i32, i64)> = self
            .lock()
            .iter()
            .filter_map(|(partition, lane)| Some((*partition, offset(lane.as_ref()?)?)))
            .collect();
        commit(consumer, offsets, mode);
    }

    /// Finishes what is under way, and begins nothing more.
    async fn close(&self) {
        self.lock().values().flatten().for_each(Lane::close);
        let begun = Instant::now();
        while begun.elapsed() < FINISHED_WITHIN
            && !self.lock().values().flatten().all(Lane::is_closed)
        {
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Consumes until told to stop.
pub(super) async fn consume(
    worker: Arc<Worker>,
    stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let lanes = Lanes { worker: Arc::clone(&worker), open: Arc::default() };
    let consumer = kafka::consumer(&worker.brokers, &worker.name, WORKERS, lanes.clone());
    let consumer = consumer.map_err(io::Error::other)?;
    consumer.subscribe(&[EVENTS]).map_err(io::Error::other)?;
    let every = match worker.tactics.commit() {
        Commit::Every(every) => every,
        Commit::AfterResult | Commit::BeforeWork => COMMIT_EVERY,
    };
    let [mut commits, mut looks] = [every, LOOK_EVERY].map(interval);
    // A commit that is late is not made twice.
    commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(server::told(stopping));
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = commits.tick() => lanes.commit(&consumer, CommitMode::Async),
            _ = looks.tick() => lanes.resume(&consumer),
            message = consumer.recv() => match message {
                Ok(message) => lanes.take(&consumer, &message),
                Err(error) => {
                    worker.counts.failed(Reason::Broker);
                    Diary.error("not_received", &error.to_string());
                    sleep(PAUSE).await;
                }
            },
        }
    }
    lanes.close().await;
    if worker.tactics.commits_on_revoke() {
        lanes.commit(&consumer, CommitMode::Sync);
    }
    // It leaves the group, which takes a moment, and no other task waits for it.
    tokio::task::spawn_blocking(move || drop(consumer)).await.map_err(io::Error::other)
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(TopicPartitionListElem::partition).collect()
}

fn list(partitions: impl IntoIterator<Item = (i32, Option<i64>)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        let mut entry = list.add_partition(EVENTS, partition);
        if let Some(offset) = offset {
            // Only an offset that cannot be is refused.
            let _ = entry.set_offset(Offset::Offset(offset));
        }
    }
    list
}

fn commit<C: ConsumerContext>(
    consumer: &impl Consumer<C>,
    offsets: Vec<(i32, i64)>,
    mode: CommitMode,
) {
    if offsets.is_empty() {
        return;
    }
    let offsets = offsets.into_iter().map(|(partition, offset)| (partition, Some(offset)));
    if let Err(error) = consumer.commit(&list(offsets), mode) {
        // What is not committed is processed again, and changes nothing then.
        Diary.error("not_committed", &error.to_string());
    }
}
