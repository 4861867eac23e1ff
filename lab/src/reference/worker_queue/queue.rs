//! The queues: the one that is worked on, those in which retries wait, and the dead
//! letters.

use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ExchangeKind};
use tokio::time::timeout;

use crate::reference::server::since_epoch;

/// Where events are published.
pub(crate) const EXCHANGE: &str = "user_events";
/// What is worked on; also its binding key.
pub(crate) const QUEUE: &str = "user_embedding_updates";
/// The exchange of the dead letters, and their queue.
pub(crate) const FAILED: &str = "failed";
/// The header that says how often a message was tried again.
const COUNT: &str = "x-retry-count";
/// The header of a dead letter that says when it became one, in milliseconds since 1970.
const DIED: &str = "x-died-at";
/// A confirm that takes longer is given up: nobody knows.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// What became of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Published {
    /// The broker has it.
    Confirmed,
    /// It definitely has not.
    NotTaken(String),
    /// It was sent, and no answer tells what became of it.
    Unknown(String),
}

/// Where the `number`th retry waits.
pub(crate) fn delayed(number: u32) -> String {
    format!("{QUEUE}.retry.{number}")
}

/// Declares all of them; the `number`th retry of so many waits `backoff` times
/// 2^(number − 1).
pub(crate) async fn declare(
    channel: &Channel,
    backoff: Duration,
    retries: u32,
) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default;
    channel.exchange_declare(FAILED.into(), ExchangeKind::Fanout, durable, none()).await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(FAILED.into(), durable, none()).await?;
    let plain = QueueBindOptions::default();
    channel.queue_bind(FAILED.into(), FAILED.into(), "".into(), plain, none()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-dead-letter-exchange".into(), text(FAILED));
    channel.queue_declare(QUEUE.into(), durable, arguments).await?;
    let durable_exchange = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel
        .exchange_declare(EXCHANGE.into(), ExchangeKind::Direct, durable_exchange, none())
        .await?;
    channel.queue_bind(QUEUE.into(), EXCHANGE.into(), QUEUE.into(), plain, none()).await?;
    for number in 1..=retries {
        let wait = backoff.saturating_mul(1 << (number - 1));
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let mut arguments = FieldTable::default();
        arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(wait));
        // The exchange without a name leads to the queue of the key.
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(QUEUE));
        channel.queue_declare(delayed(number).into(), durable, arguments).await?;
    }
    Ok(())
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// A new channel in confirm mode.
pub(crate) async fn confirming(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// How many messages are ready in a queue.
pub(crate) async fn ready(channel: &Channel, queue: &str) -> lapin::Result<u32> {
    let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue.into(), look, FieldTable::default()).await?;
    Ok(queue.message_count())
}

/// How often a message was tried again.
pub(crate) fn retried(delivery: &Delivery) -> u32 {
    let headers = delivery.properties.headers().as_ref();
    let count = headers.and_then(|headers| headers.inner().get(COUNT)).and_then(|value| {
        let long = value.as_long_int().map(i64::from);
        long.or_else(|| value.as_long_long_int())
    });
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

/// Where a copy of a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Copy {
    /// To a queue, with this count of retries.
    Retry {
        /// The queue.
        queue: String,
        /// The count; without one it is forgotten.
        count: Option<u32>,
    },
    /// To the dead letters, with the count that it came with and the time.
    DeadLetter,
}

/// Publishes a copy of a message.
///
/// Dead letters, too, are published and confirmed: what a classic queue passes on to its
/// dead-letter exchange by itself nobody confirms, and a broker that is killed soon after
/// may have lost it.
pub(crate) async fn publish_again(
    channel: &Channel,
    copy: &Copy,
    delivery: &Delivery,
) -> Published {
    let mut properties = properties();
    if let Some(id) = delivery.properties.message_id() {
        properties = properties.with_message_id(id.clone());
    }
    let mut headers = FieldTable::default();
    let (exchange, key, count) = match copy {
        Copy::Retry { queue, count } => ("", queue.as_str(), *count),
        Copy::DeadLetter => {
            let now = i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX);
            headers.insert(DIED.into(), AMQPValue::LongLongInt(now));
            (FAILED, "", Some(retried(delivery)))
        }
    };
    if let Some(count) = count {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        headers.insert(COUNT.into(), AMQPValue::LongInt(count));
    }
    let properties = properties.with_headers(headers);
    publish(channel, exchange, key, &delivery.data, properties).await
}

/// Publishes an event.
pub(crate) async fn publish_event(channel: &Channel, body: &[u8], id: Option<&str>) -> Published {
    let properties = match id {
        Some(id) => properties().with_message_id(ShortString::from(id)),
        None => properties(),
    };
    publish(channel, EXCHANGE, QUEUE, body, properties).await
}

fn properties() -> BasicProperties {
    BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(2)
}

async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Published {
    if !channel.status().connected() {
        return Published::NotTaken("the channel is closed".to_owned());
    }
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let sent = async {
        let sent = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
        sent.await?.await
    };
    match timeout(CONFIRM_WITHIN, sent).await {
        Ok(Ok(Confirmation::Ack(None))) => Published::Confirmed,
        Ok(Ok(Confirmation::Ack(Some(returned)))) => {
            Published::NotTaken(format!("the broker returned it: {}", returned.reply_text))
        }
        Ok(Ok(Confirmation::Nack(_))) => {
            Published::NotTaken("the broker answered basic.nack".to_owned())
        }
        Ok(Ok(Confirmation::NotRequested)) => {
            Published::Unknown("the channel asks for no confirms".to_owned())
        }
        Ok(Err(error)) => Published::Unknown(format!("the confirm was lost: {error}")),
        Err(_) => Published::Unknown(format!("no confirm within {} s", CONFIRM_WITHIN.as_secs())),
    }
}
