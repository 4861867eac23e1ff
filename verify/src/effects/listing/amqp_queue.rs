//! Messages of a RabbitMQ queue, looked at and given back.
//!
//! The queue's messages are consumed without being acknowledged, as many as it had
//! when the look began, and then all of them are returned in their order: none is
//! lost, and each is again where it was. What is left of a look is the mark of a
//! redelivery. A quorum queue counts deliveries, too, and gives a message up at its
//! limit (20 from RabbitMQ 4 on, unless it was set): so messages that have been
//! delivered half so often are not looked at.
//!
//! Nobody else may consume meanwhile, or either would miss messages. So a queue that
//! has consumers is not read.
//!
//! A consumer is sent a bounded number of messages; when it has had them, the next
//! one is begun on the same channel. So no more than that are under way to us at a
//! time, and a quorum queue, which never sends one consumer more than 2,000, is read
//! to its end, too.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer, Queue};
use scenarios::locator::Record;
use services::{Address, Service};
use tokio::time::timeout;

use super::Take;
use crate::effects::message::Message;

/// Messages that one consumer is sent.
const AHEAD: u16 = 1_000;
/// How long a broker may take to let us in, or to take everything back.
const PATIENCE: Duration = Duration::from_secs(10);
/// When nothing has come for so long, the broker is asked what is left.
const QUIET: Duration = Duration::from_millis(500);
/// How long a queue may take until it knows that consumers have gone, and has again
/// what they returned.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);
/// The pause between two looks whether it does.
const SETTLING: Duration = Duration::from_millis(20);
/// A message that a quorum queue has delivered so often is not looked at.
const MOST_DELIVERIES: u64 = 10;

/// Hands over every message that the queue has now. A queue that does not exist has
/// none. Whether it exists.
pub(super) async fn read(
    url: &str,
    queue: &str,
    within: Duration,
    take: &mut Take<'_>,
) -> Result<bool, String> {
    let address = Service::Amqp.address(url).map_err(|error| error.to_string())?;
    let connection = services::amqp::connect(&address, "effects", PATIENCE).await;
    let connection = connection.map_err(|trouble| trouble.to_string())?;
    let look = Look { address: &address, queue };
    let mut came = 0;
    let read = timeout(within, look.read(&connection, &mut came, take)).await;
    // Whatever is still held goes back with it.
    let closing = connection.close(200, "done".into());
    let is_closed = timeout(PATIENCE, closing).await.is_ok_and(|closed| closed.is_ok());
    match read {
        Ok(Ok(true)) if !is_closed => {
            Err(look.told("the broker did not say that everything is back"))
        }
        Ok(read) => read,
        Err(_) => Err(look.told(&format!(
            "{came} messages came within {} s, and not all of them; give it a longer timeout",
            within.as_secs_f64()
        ))),
    }
}

/// What a message's own broker says of how often it was delivered before.
fn deliveries(message: &dyn Record) -> Option<u64> {
    let count = message.header("x-delivery-count")?;
    std::str::from_utf8(&count).ok()?.parse().ok()
}

struct Look<'a> {
    address: &'a Address,
    queue: &'a str,
}

impl Look<'_> {
    fn told(&self, why: &str) -> String {
        format!("queue {} at {}: {why}", self.queue, self.address.shown())
    }

    fn failed(&self, request: &str, error: &lapin::Error) -> String {
        services::amqp::trouble(self.address, request, error).to_string()
    }

    /// Reads, and returns everything, whatever became of the reading.
    async fn read(
        &self,
        connection: &Connection,
        came: &mut u64,
        take: &mut Take<'_>,
    ) -> Result<bool, String> {
        let channel = connection.create_channel().await;
        let channel = channel.map_err(|error| self.failed("a channel", &error))?;
        let found = match self.declared(&channel).await {
            Ok(found) => found,
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(self.failed("a passive declaration", &error)),
        };
        let found = self.settled(&channel, found).await?;
        self.alone(&found, 0)?;
        let mut consumers = Vec::new();
        let all = u64::from(found.message_count());
        let read = self.consume(&channel, all, &mut consumers, came, take).await;
        let back = self.give_back(&channel, &consumers, *came).await;
        read.and(back)?;
        let closed = channel.close(200, "done".into()).await;
        closed.map(|()| true).map_err(|error| self.failed("the end of a look", &error))
    }

    /// The queue when nobody consumes it, or else when the time is up: that a consumer
    /// has gone, a quorum queue knows a little later.
    async fn settled(&self, channel: &Channel, mut found: Queue) -> Result<Queue, String> {
        let begun = Instant::now();
        while found.consumer_count() > 0 && begun.elapsed() < SETTLED_WITHIN {
            tokio::time::sleep(SETTLING).await;
            let now = self.declared(channel).await;
            found = now.map_err(|error| self.failed("a passive declaration", &error))?;
        }
        Ok(found)
    }

    async fn declared(&self, channel: &Channel) -> lapin::Result<Queue> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.queue.into(), passive, FieldTable::default()).await
    }

    /// Sees that nobody else consumes, beside so many of our own.
    fn alone(&self, found: &Queue, own: usize) -> Result<(), String> {
        let others = (found.consumer_count() as usize).saturating_sub(own);
        match others {
            0 => Ok(()),
            _ => Err(self.told(&format!(
                "it has {others} consumers, from which a look would take messages; read a queue that nobody consumes"
            ))),
        }
    }

    async fn consume(
        &self,
        channel: &Channel,
        mut all: u64,
        consumers: &mut Vec<(Consumer, u64)>,
        came: &mut u64,
        take: &mut Take<'_>,
    ) -> Result<(), String> {
        let ahead = channel.basic_qos(AHEAD, BasicQosOptions::default()).await;
        ahead.map_err(|error| self.failed("a limit", &error))?;
        while *came < all {
            let name = format!("shakedown-look-{}", consumers.len());
            let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
            let consumer =
                channel.basic_consume(self.queue.into(), name.as_str().into(), options, none).await;
            let mut consumer = consumer.map_err(|error| self.failed("a consumer", &error))?;
            let (mut own, mut last) = (0, 0);
            let mut ended = Ok(());
            while own < AHEAD && *came < all && ended.is_ok() {
                match timeout(QUIET, consumer.next()).await {
                    Ok(Some(Ok(delivery))) => {
                        own += 1;
                        *came += 1;
                        last = delivery.delivery_tag;
                        ended = self.take(&delivery, take);
                    }
                    Ok(Some(Err(error))) => ended = Err(self.failed("a consumer", &error)),
                    Ok(None) => ended = Err(self.told("the broker ended the look")),
                    Err(_) => match self.declared(channel).await {
                        // What was to come has expired or was taken away.
                        Ok(now) if now.message_count() == 0 => all = *came,
                        Ok(now) => ended = self.alone(&now, consumers.len() + 1),
                        Err(error) => ended = Err(self.failed("a passive declaration", &error)),
                    },
                }
            }
            consumers.push((consumer, last));
            ended?;
        }
        let now = self.declared(channel).await;
        let now = now.map_err(|error| self.failed("a passive declaration", &error))?;
        self.alone(&now, consumers.len())
    }

    fn take(&self, delivery: &Delivery, take: &mut Take<'_>) -> Result<(), String> {
        let message = Message::of(delivery);
        if let Some(count) = deliveries(&message).filter(|&count| count >= MOST_DELIVERIES) {
            return Err(self.told(&format!(
                "it is a quorum queue that has delivered a message {count} times, to which each \
                 look adds one, and gives it up at its delivery limit; give the queue \
                 x-delivery-limit = -1, or let dead letters go to a classic queue"
            )));
        }
        take(&message);
        Ok(())
    }

    /// Returns everything, once nobody is left who would be sent it again, and waits
    /// until the queue has it.
    async fn give_back(
        &self,
        channel: &Channel,
        consumers: &[(Consumer, u64)],
        came: u64,
    ) -> Result<(), String> {
        let failed = |error: lapin::Error| self.failed("a return of messages", &error);
        for (consumer, _) in consumers {
            let tag = consumer.tag();
            channel.basic_cancel(tag, BasicCancelOptions::default()).await.map_err(failed)?;
        }
        // A quorum queue has what is returned in the order in which it is, and what
        // several consumers return at once in any.
        let last = consumers.iter().map(|(_, last)| *last).filter(|&last| last > 0);
        let everything = consumers.first().map(|_| 0);
        for tag in last.chain(everything) {
            let all = BasicNackOptions { multiple: true, requeue: true };
            channel.basic_nack(tag, all).await.map_err(failed)?;
        }
        let begun = Instant::now();
        while begun.elapsed() < SETTLED_WITHIN {
            let now = self.declared(channel).await.map_err(failed)?;
            if now.consumer_count() == 0 && u64::from(now.message_count()) >= came {
                break;
            }
            tokio::time::sleep(SETTLING).await;
        }
        Ok(())
    }
}

fn is_missing(error: &lapin::Error) -> bool {
    let text = error.to_string();
    text.contains("NOT_FOUND") || text.contains("NOT-FOUND")
}
