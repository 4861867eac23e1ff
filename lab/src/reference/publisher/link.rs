//! The replica's one AMQP connection: opened, watched, and opened again.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::arguments::Arguments;
use super::message::Problem;
use super::tactics::Tactics;
use super::variant::Variant;
use crate::reference::amqp::{self, CONNECT_LIMIT};
use crate::reference::diary::Diary;

const QUEUE: &str = "events.out";
const BINDING: &str = "event.#";
/// The queue is a window on the last messages; it never fills the disk.
const QUEUE_LENGTH: i64 = 10_000;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why no channel could be had.
#[derive(Debug)]
pub(crate) enum NoChannel {
    /// The connection has as many channels as the broker allows.
    Exhausted,
    /// There is no connection, or it does not answer.
    Other(String),
}

impl NoChannel {
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::Exhausted => Problem::new(
                "no_free_channel_ids",
                "No free channel ids: the connection has as many channels as channel_max allows",
            ),
            Self::Other(reason) => Problem::new("publish_not_sent", reason),
        }
    }
}

/// The connection as it is now, if it is open.
pub(crate) struct Link {
    arguments: Arc<Arguments>,
    current: watch::Sender<Option<Arc<Connection>>>,
}

impl Link {
    pub(crate) fn new(arguments: Arc<Arguments>) -> Self {
        Self { arguments, current: watch::Sender::new(None) }
    }

    pub(crate) fn is_up(&self) -> bool {
        is_up(&self.current.borrow()).is_some()
    }

    /// Waits, as long as it takes, until the connection is open.
    pub(crate) async fn up(&self) -> Arc<Connection> {
        let mut current = self.current.subscribe();
        loop {
            if let Some(connection) = is_up(&current.borrow_and_update()) {
                return connection;
            }
            // The sender is part of this link, so there is always a next value.
            let _ = timeout(Duration::from_secs(1), current.changed()).await;
        }
    }

    /// A new channel in confirm mode, before `deadline`.
    pub(crate) async fn open_channel(&self, deadline: Instant) -> Result<Channel, NoChannel> {
        let open = async { open_channel(&*self.up().await).await };
        timeout_at(deadline, open).await.unwrap_or_else(|_| {
            Err(NoChannel::Other("no connection to the broker within 2 s".to_owned()))
        })
    }

    /// A connection of its own, called `name`.
    pub(crate) async fn connect(&self, name: String) -> Result<Connection, String> {
        amqp::connect(&self.arguments.amqp, name).await
    }

    /// Says goodbye to the broker, but does not wait long for its answer.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.current.send_replace(None) {
            amqp::close(&connection).await;
        }
    }
}

fn is_up(current: &Option<Arc<Connection>>) -> Option<Arc<Connection>> {
    current.as_ref().filter(|connection| connection.status().connected()).cloned()
}

/// A new channel in confirm mode.
pub(crate) async fn open_channel(connection: &Connection) -> Result<Channel, NoChannel> {
    let open = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    };
    open.await.map_err(|error: lapin::Error| match error.kind() {
        ErrorKind::ChannelsLimitReached => NoChannel::Exhausted,
        _ => NoChannel::Other(format!("no channel: {error}")),
    })
}

/// Keeps the link open for as long as the task runs: 100 ms after a loss, then
/// after pauses that double to 2 s.
pub(crate) async fn maintain(link: Arc<Link>, tactics: Arc<Tactics>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match establish(&link, &tactics).await {
            Ok(connection) => {
                pause = FIRST_PAUSE;
                Diary.info("amqp_connected", "connected to the broker");
                link.current.send_replace(Some(Arc::clone(&connection)));
                let reason = amqp::lost(&connection).await;
                link.current.send_replace(None);
                Diary.error("amqp_connection_lost", &reason);
                if link.arguments.variant == Variant::StaleChannel {
                    return;
                }
                sleep(FIRST_PAUSE).await;
            }
            Err(reason) => {
                Diary.error("amqp_connect_failed", &reason);
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Connects, declares the topology and fills the pool: only then is the link
/// shown to the requests, so that a healthy replica has all its channels.
async fn establish(link: &Link, tactics: &Tactics) -> Result<Arc<Connection>, String> {
    let connection = link.connect(link.arguments.name.clone()).await?;
    let prepare = async {
        declare(&connection, &link.arguments.exchange).await.map_err(|error| error.to_string())?;
        tactics.prepare(&connection).await.map_err(|no| no.problem().message)
    };
    let limit = format!("no answer within {} s", CONNECT_LIMIT.as_secs());
    timeout(CONNECT_LIMIT, prepare).await.unwrap_or(Err(limit))?;
    Ok(Arc::new(connection))
}

async fn declare(connection: &Connection, exchange: &str) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default;
    channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, none()).await?;
    let mut limits = FieldTable::default();
    limits.insert("x-max-length".into(), AMQPValue::LongLongInt(QUEUE_LENGTH));
    limits.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, limits).await?;
    let plain = QueueBindOptions::default();
    channel.queue_bind(QUEUE.into(), exchange.into(), BINDING.into(), plain, none()).await?;
    channel.close(200, "declared".into()).await
}
