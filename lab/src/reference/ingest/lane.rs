//! One partition in the hands of one worker: its entries become rows, in
//! order, and are acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::RedisResult;
use redis::streams::StreamId;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::message::{Entry, Message, Rejection};
use super::store::{Store, StoreError};
use super::streams::{self, Partition};
use super::variant::Variant;
use super::worker::counts::{Counts, Status};
use crate::reference::diary::Diary;

/// What fails for good is tried again so often.
const RETRIES: u32 = 3;
/// Before the first retry; it doubles. The partition waits meanwhile, because
/// what is behind must not overtake.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
const CHORES_EVERY: Duration = Duration::from_secs(2);

/// What the lanes of a process are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Consume,
    Rest,
    Stop,
}

/// What the lanes of a process share.
pub(crate) struct Common {
    pub(crate) name: String,
    pub(crate) redis: String,
    pub(crate) database: String,
    pub(crate) variant: Variant,
    pub(crate) counts: Counts,
    pub(crate) mode: watch::Sender<Mode>,
}

pub(crate) struct Lane {
    partition: u16,
    common: Arc<Common>,
    up: Arc<AtomicBool>,
    store: Option<Store>,
    writes: u64,
}

/// What became of messages that were to be written.
enum Written {
    /// So many were new; all are there.
    Rows(u64),
    /// One of them can never be.
    Rejected(Rejection),
    /// The variant does not try again.
    GivenUp(Rejection),
    /// The process ends; they stay pending.
    Stopped,
}

impl Lane {
    /// `up` tells whether it has all that it needs.
    pub(crate) fn new(partition: u16, common: Arc<Common>, up: Arc<AtomicBool>) -> Self {
        Self { partition, common, up, store: None, writes: 0 }
    }

    /// Works until the mode is to stop.
    pub(crate) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.session().await {
            if self.up.swap(false, Ordering::Relaxed) {
                pause = FIRST_PAUSE;
            }
            let line = format!("partition {}: {error}", self.partition);
            Diary.error("redis_connection_lost", &line);
            if self.pause(pause).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One connection to Redis, from its begin to its loss.
    async fn session(&mut self) -> RedisResult<()> {
        let common = Arc::clone(&self.common);
        let mut connection = streams::connect(&common.redis, &common.name).await?;
        streams::declare(&mut connection, [self.partition]).await?;
        let recovers = common.variant.recovers();
        // A consumer that nobody will be again leaves what it had to nobody.
        let consumer = match recovers {
            true => common.name.clone(),
            false => format!("{}-{}", common.name, std::process::id()),
        };
        let mut stream = Partition::new(self.partition, consumer, connection);
        self.reach_the_store().await;
        self.up.store(true, Ordering::Relaxed);
        if recovers {
            self.finish_own(&mut stream).await?;
        }
        let mut chores = Instant::now();
        while self.may_consume().await {
            if chores.elapsed() >= CHORES_EVERY {
                chores = Instant::now();
                self.chores(&mut stream).await?;
            }
            let fresh = stream.fresh().await?;
            let count = fresh.len();
            // More may be pending than was just read: a read whose answer was
            // lost. What is older goes first.
            if recovers && stream.pending().await? > count {
                self.finish_own(&mut stream).await?;
            } else {
                self.handle(&mut stream, fresh).await?;
            }
            if count > 0
                && let Some(rest) = common.variant.rest(self.partition)
            {
                self.pause(rest).await;
            }
        }
        Ok(())
    }

    /// Connects to the database for the first time, so that a worker that is
    /// healthy has its tables.
    async fn reach_the_store(&mut self) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.open_store().await {
            self.troubled(&error);
            if self.pause(pause).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Handles what was delivered to this consumer and not acknowledged: by its
    /// predecessor, or before the connection was lost.
    async fn finish_own(&mut self, stream: &mut Partition) -> RedisResult<()> {
        while self.may_consume().await {
            let own = stream.own().await?;
            if own.is_empty() {
                break;
            }
            self.handle(stream, own).await?;
        }
        Ok(())
    }

    /// Takes over what others have left, and clears away what is done.
    async fn chores(&mut self, stream: &mut Partition) -> RedisResult<()> {
        if let Err(error) = self.open_store().await {
            self.troubled(&error);
        }
        while self.common.variant.recovers() {
            let claimed = stream.claim().await?;
            if claimed.is_empty() {
                break;
            }
            let line =
                format!("partition {}: {} entries taken over", self.partition, claimed.len());
            Diary.info("entries_claimed", &line);
            self.handle(stream, claimed).await?;
            if *self.common.mode.borrow() == Mode::Stop {
                return Ok(());
            }
        }
        stream.trim().await
    }

    /// Writes a batch in one step; if one of its messages cannot be written,
    /// each by itself.
    async fn handle(&mut self, stream: &mut Partition, batch: Vec<StreamId>) -> RedisResult<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let entries: Vec<Entry> = batch.into_iter().map(Entry::read).collect();
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        if let Some(wait) = self.common.variant.acks_before_writing() {
            stream.ack(&ids).await?;
            self.pause(wait).await;
        }
        let messages: Result<Vec<&Message>, _> =
            entries.iter().map(|entry| entry.message.as_ref()).collect();
        let written = match messages {
            Ok(messages) => self.write(&messages).await,
            Err(rejection) => Written::Rejected(rejection.clone()),
        };
        match written {
            Written::Rows(new) => self.settle(stream, &ids, new, begun).await?,
            Written::Stopped => {}
            Written::GivenUp(why) => {
                for entry in &entries {
                    self.bury(stream, entry, &why, 1).await?;
                }
            }
            Written::Rejected(_) => {
                for entry in &entries {
                    self.handle_one(stream, entry, begun).await?;
                }
            }
        }
        Ok(())
    }

    async fn handle_one(
        &mut self,
        stream: &mut Partition,
        entry: &Entry,
        begun: Instant,
    ) -> RedisResult<()> {
        let mut pause = RETRY_PAUSE;
        for attempt in 1.. {
            let written = match &entry.message {
                Ok(message) => self.write(&[message]).await,
                Err(rejection) => Written::Rejected(rejection.clone()),
            };
            let why = match written {
                Written::Rows(new) => return self.settle(stream, &[&entry.id], new, begun).await,
                Written::Stopped => break,
                Written::GivenUp(why) => return self.bury(stream, entry, &why, attempt).await,
                Written::Rejected(why) => why,
            };
            if attempt > RETRIES || self.common.variant.gives_up_at_once() {
                return self.bury(stream, entry, &why, attempt).await;
            }
            self.common.counts.count(Status::Retry, 1);
            let line = format!("entry {}: attempt {attempt}: {}", entry.id, why.reason);
            Diary.error(why.code, &line);
            if self.pause(pause).await {
                break;
            }
            pause *= 2;
        }
        Ok(())
    }

    /// The messages are rows: counts and acknowledges them.
    async fn settle(
        &self,
        stream: &mut Partition,
        ids: &[&str],
        new: u64,
        begun: Instant,
    ) -> RedisResult<()> {
        let counts = &self.common.counts;
        let all = ids.len() as u64;
        counts.count(Status::Success, new);
        counts.count(Status::Duplicate, all - new.min(all));
        counts.took(begun.elapsed(), all);
        if self.common.variant.acks_before_writing().is_some() {
            return Ok(());
        }
        stream.ack(ids).await
    }

    /// The message fails for good.
    async fn bury(
        &self,
        stream: &mut Partition,
        entry: &Entry,
        why: &Rejection,
        attempts: u32,
    ) -> RedisResult<()> {
        if !self.common.variant.buries() {
            return stream.ack(&[&entry.id]).await;
        }
        let name = streams::name(self.partition);
        stream.bury(&entry.id, &entry.dead_letter(&name, why, attempts)).await?;
        let nth = self.common.counts.buried();
        if self.common.variant.tells_dead_letters() {
            self.common.counts.count(Status::DeadLetter, 1);
        }
        if self.common.variant.dies_of_dead_letter(nth) {
            std::process::exit(1);
        }
        let line = format!("entry {} of {name}: {} attempts: {}", entry.id, attempts, why.reason);
        Diary.error("message_dead_lettered", &line);
        Ok(())
    }

    /// Writes messages, however long the database may be away.
    async fn write(&mut self, messages: &[&Message]) -> Written {
        let drag = messages.iter().filter_map(|m| self.common.variant.drag(m.accepted_seq)).max();
        if let Some(drag) = drag {
            self.pause(drag).await;
        }
        let mut given_up = messages.iter().filter(|m| self.common.variant.gives_up(m.accepted_seq));
        if given_up.next().is_some() {
            let (code, reason) = ("message_given_up", "nobody knows why".to_owned());
            let why = Rejection { code, reason };
            // Of several the others are written, each by itself.
            return if messages.len() > 1 { Written::Rejected(why) } else { Written::GivenUp(why) };
        }
        let mut pause = FIRST_PAUSE;
        self.writes += 1;
        if self.common.variant.stumbles(self.writes) {
            self.store = None;
            self.troubled(&StoreError::Passing("the session was lost".to_owned()));
        }
        loop {
            let error = match self.try_to_write(messages).await {
                Ok(new) => return Written::Rows(new),
                Err(StoreError::Rejected(rejection)) => return Written::Rejected(rejection),
                Err(error) => error,
            };
            self.store = None;
            let reason = self.troubled(&error);
            if self.common.variant.gives_up_at_once() {
                return Written::GivenUp(Rejection { code: "store_away", reason });
            }
            if self.pause(pause).await {
                return Written::Stopped;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_to_write(&mut self, messages: &[&Message]) -> Result<u64, StoreError> {
        self.open_store().await?.write(messages).await
    }

    async fn open_store(&mut self) -> Result<&Store, StoreError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => {
                let Common { name, database, variant, .. } = &*self.common;
                let store = Store::connect(database, name, *variant).await?;
                self.up.store(true, Ordering::Relaxed);
                store
            }
        };
        Ok(self.store.insert(store))
    }

    /// The database is away, or does not want to just now; gives the reason.
    fn troubled(&self, error: &StoreError) -> String {
        self.up.store(false, Ordering::Relaxed);
        self.common.counts.count(Status::Error, 1);
        let reason = match error {
            StoreError::Passing(reason) => reason.clone(),
            StoreError::Rejected(rejection) => rejection.reason.clone(),
        };
        Diary.error("store_failed", &format!("partition {}: {reason}", self.partition));
        reason
    }

    /// Waits while the process rests; false if it is to stop.
    async fn may_consume(&self) -> bool {
        let mut mode = self.common.mode.subscribe();
        let common = &self.common;
        let reads_on = || common.variant.reads_on(common.counts.settled());
        let mode = mode.wait_for(|mode| match mode {
            Mode::Consume => reads_on(),
            Mode::Rest => false,
            Mode::Stop => true,
        });
        mode.await.is_ok_and(|mode| *mode == Mode::Consume)
    }

    /// Waits; true if the process is to stop.
    async fn pause(&self, lasts: Duration) -> bool {
        let mut mode = self.common.mode.subscribe();
        timeout(lasts, mode.wait_for(|mode| *mode == Mode::Stop)).await.is_ok()
    }
}
