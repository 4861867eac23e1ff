//! How each variant comes by a channel, and what it leaves behind. This is
//! where the bugs are planted; everything else is correct in every variant.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::{Channel, Connection};
use tokio::time::{Instant, sleep};

use super::arguments::Arguments;
use super::link::{self, Link, NoChannel};
use super::message::{self, Message, Outcome, Problem};
use super::pool::{Pool, Turn};
use super::variant::Variant;
use crate::reference::diary::Diary;

/// Without a channel in this time the message is not sent.
const CHANNEL_LIMIT: Duration = Duration::from_secs(2);
/// `slow-leak` forgets one channel in so many publishes.
const SLOW_LEAK: u64 = 300;
/// `slow-publish` is slow for one in so many publishes.
const SLOW_PUBLISH: u64 = 10;
const SLOW_BY: Duration = Duration::from_millis(1_300);
/// `close-first` closes a channel for one in so many publishes.
const CLOSE_FIRST: u64 = 20;
/// `crash` dies of this publish.
const CRASH: u64 = 700;
/// `connection-leak` stops here: each connection costs half a megabyte, a thread
/// and two descriptors, and the machine is shared.
const MOST_CONNECTIONS: u64 = 600;

/// The variant's way to publish.
pub(crate) struct Tactics {
    arguments: Arc<Arguments>,
    link: Arc<Link>,
    pool: Pool,
    publishes: AtomicU64,
    /// Dropping a handle would close the channel, so a leak keeps it.
    forgotten: Mutex<Vec<Channel>>,
    forgotten_connections: Mutex<Vec<Connection>>,
}

impl Tactics {
    pub(crate) fn new(arguments: Arc<Arguments>, link: Arc<Link>) -> Self {
        Self {
            arguments,
            link,
            pool: Pool::new(),
            publishes: AtomicU64::new(0),
            forgotten: Mutex::new(Vec::new()),
            forgotten_connections: Mutex::new(Vec::new()),
        }
    }

    /// What is done with a new connection before requests may use it.
    pub(crate) async fn prepare(&self, connection: &Connection) -> Result<(), NoChannel> {
        match self.arguments.variant {
            Variant::Correct
            | Variant::LeakOnError
            | Variant::SlowLeak
            | Variant::SlowPublish
            | Variant::CloseFirst
            | Variant::Crash
            | Variant::FlakyHealth
            | Variant::StaleChannel => self.pool.fill(connection).await,
            Variant::LeakEveryPublish
            | Variant::ConnectionLeak
            | Variant::Churn
            | Variant::LoseOnExhaustion => Ok(()),
        }
    }

    /// Whether the replica's own connection is open.
    pub(crate) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Waits until it is.
    pub(crate) async fn ready(&self) {
        self.link.up().await;
    }

    /// Publishes one message, at most four at a time.
    pub(crate) async fn publish(&self, message: &Message) -> Outcome {
        self.stumble().await;
        let deadline = Instant::now() + CHANNEL_LIMIT;
        let Some(turn) = self.pool.turn(deadline).await else {
            let words = format!("no channel was free within {} s", CHANNEL_LIMIT.as_secs());
            return Outcome::NotSent(Problem::new("publish_not_sent", words));
        };
        let outcome = match self.arguments.variant {
            Variant::Correct | Variant::SlowPublish | Variant::Crash | Variant::FlakyHealth => {
                self.pooled(turn, message, deadline).await
            }
            Variant::CloseFirst => self.close_first(turn, message, deadline).await,
            Variant::LeakOnError => self.leak_on_error(turn, message, deadline).await,
            Variant::SlowLeak => self.slow_leak(turn, message, deadline).await,
            Variant::StaleChannel => self.stale(turn, message, deadline).await,
            Variant::LeakEveryPublish => self.leak(message, deadline).await,
            Variant::LoseOnExhaustion => self.lose(message, deadline).await,
            Variant::Churn => self.churn(message, deadline).await,
            Variant::ConnectionLeak => Ok(self.leak_connection(message).await),
        };
        outcome.unwrap_or_else(|no_channel| Outcome::NotSent(no_channel.problem()))
    }

    /// Borrows a channel of the pool; one that is broken is replaced.
    async fn pooled(
        &self,
        mut turn: Turn<'_>,
        message: &Message,
        deadline: Instant,
    ) -> Result<Outcome, NoChannel> {
        let channel = self.borrow(&mut turn, deadline).await?;
        let sent = message::send(&channel, message).await;
        turn.slot = sent.usable.then_some(channel);
        Ok(sent.outcome)
    }

    /// What some variants do before a publish.
    async fn stumble(&self) {
        let nth = || self.publishes.fetch_add(1, Ordering::Relaxed) + 1;
        match self.arguments.variant {
            Variant::SlowPublish if nth().is_multiple_of(SLOW_PUBLISH) => sleep(SLOW_BY).await,
            Variant::Crash if nth() == CRASH => std::process::exit(1),
            _ => {}
        }
    }

    /// As `pooled`, but one publish in some closes its channel first.
    async fn close_first(
        &self,
        mut turn: Turn<'_>,
        message: &Message,
        deadline: Instant,
    ) -> Result<Outcome, NoChannel> {
        let nth = self.publishes.fetch_add(1, Ordering::Relaxed) + 1;
        if !nth.is_multiple_of(CLOSE_FIRST) {
            return self.pooled(turn, message, deadline).await;
        }
        let channel = self.borrow(&mut turn, deadline).await?;
        let _ = channel.close(200, "done".into()).await;
        let words = "the channel was closed before the publish".to_owned();
        Ok(Outcome::NotSent(Problem::new("amqp_channel_closed", words)))
    }

    /// As `pooled`, but a channel that saw a failure is set aside, unclosed.
    async fn leak_on_error(
        &self,
        mut turn: Turn<'_>,
        message: &Message,
        deadline: Instant,
    ) -> Result<Outcome, NoChannel> {
        let channel = self.borrow(&mut turn, deadline).await?;
        let sent = message::send(&channel, message).await;
        if sent.outcome == Outcome::Confirmed {
            turn.slot = Some(channel);
        } else {
            self.forget(channel);
        }
        Ok(sent.outcome)
    }

    async fn slow_leak(
        &self,
        turn: Turn<'_>,
        message: &Message,
        deadline: Instant,
    ) -> Result<Outcome, NoChannel> {
        let number = self.publishes.fetch_add(1, Ordering::Relaxed) + 1;
        if number.is_multiple_of(SLOW_LEAK) {
            self.forget(self.link.open_channel(deadline).await?);
        }
        self.pooled(turn, message, deadline).await
    }

    /// As `pooled`, but what is broken stays in its slot.
    async fn stale(
        &self,
        mut turn: Turn<'_>,
        message: &Message,
        deadline: Instant,
    ) -> Result<Outcome, NoChannel> {
        if turn.slot.is_none() {
            turn.slot = Some(self.link.open_channel(deadline).await?);
        }
        let Some(channel) = turn.open_slot() else {
            return Err(NoChannel::Other("the channel of this slot is closed".to_owned()));
        };
        Ok(message::send(channel, message).await.outcome)
    }

    async fn leak(&self, message: &Message, deadline: Instant) -> Result<Outcome, NoChannel> {
        let channel = self.link.open_channel(deadline).await?;
        let sent = message::send(&channel, message).await;
        self.forget(channel);
        Ok(sent.outcome)
    }

    async fn lose(&self, message: &Message, deadline: Instant) -> Result<Outcome, NoChannel> {
        match self.leak(message, deadline).await {
            Err(NoChannel::Exhausted) => {
                let problem = NoChannel::Exhausted.problem();
                Diary.error(problem.code, &problem.message);
                Ok(Outcome::Confirmed)
            }
            outcome => outcome,
        }
    }

    async fn churn(&self, message: &Message, deadline: Instant) -> Result<Outcome, NoChannel> {
        let channel = self.link.open_channel(deadline).await?;
        let sent = message::send(&channel, message).await;
        if sent.usable {
            let _ = channel.close(200, "done".into()).await;
        }
        Ok(sent.outcome)
    }

    async fn leak_connection(&self, message: &Message) -> Outcome {
        let number = self.publishes.fetch_add(1, Ordering::Relaxed) + 1;
        if number > MOST_CONNECTIONS {
            let words = format!("too many open connections: {MOST_CONNECTIONS}");
            return Outcome::NotSent(Problem::new("too_many_open_connections", words));
        }
        let open = async {
            let name = self.arguments.name.clone();
            let connection = self.link.connect(name).await.map_err(NoChannel::Other)?;
            let channel = link::open_channel(&connection).await?;
            Ok((connection, channel))
        };
        match open.await {
            Err(no_channel) => Outcome::NotSent(NoChannel::problem(no_channel)),
            Ok((connection, channel)) => {
                let sent = message::send(&channel, message).await;
                self.forget(channel);
                let mut connections =
                    self.forgotten_connections.lock().unwrap_or_else(PoisonError::into_inner);
                connections.push(connection);
                sent.outcome
            }
        }
    }

    /// The turn's channel, taken out of its slot; a new one if it is broken.
    async fn borrow(&self, turn: &mut Turn<'_>, deadline: Instant) -> Result<Channel, NoChannel> {
        match turn.slot.take() {
            Some(channel) if channel.status().connected() => Ok(channel),
            _ => self.link.open_channel(deadline).await,
        }
    }

    fn forget(&self, channel: Channel) {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
    }
}
