//! A tap on an exchange, and duplicates by the default exchange.
//!
//! The tap is a queue of this connection alone, bound like the queue that is
//! meant. Duplicates go straight to that queue, so that the tap does not see
//! them and nobody else gets them.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Confirmation, Connection, Consumer, ExchangeKind};
use scenarios::plan::fault::Duplicate as Asked;
use tokio::time::timeout;

use super::End;
use super::pen::{Pen, hash};
use crate::FaultError;
use crate::timetable::ChoiceError;
use services::{Address, Service, Trouble};

/// The tools' own connections are never hit by faults.
const OWN: &str = "shakedown:duplicate";
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// So many messages are looked at together: their identities share a write.
const BATCH: usize = 256;
/// What may wait in the tap. A tap that falls behind loses the oldest rather
/// than to fill the broker's memory.
const LONGEST: i64 = 100_000;

/// A connection with its tap.
pub(super) struct Tap {
    connection: Connection,
    address: Address,
    queue: String,
    exchange: String,
    routing_key: String,
    open: Option<(Channel, Consumer)>,
}

impl Tap {
    /// Connects and looks whether queue and exchange are there.
    pub(super) async fn connect(url: &str, asked: &Asked) -> Result<Self, FaultError> {
        if asked.exchange.is_empty() {
            return Err(FaultError::Setting {
                what: "exchange \"\"".to_owned(),
                why: "name the exchange by which messages reach the queue (--exchange); the \
                      default exchange cannot be tapped"
                    .to_owned(),
            });
        }
        let address = Service::Amqp.address(url).map_err(Trouble::from)?;
        let connection =
            services::amqp::connect(&address, "chaos:duplicate", CONNECT_WITHIN).await?;
        let tap = Self {
            connection,
            address,
            queue: asked.from.clone(),
            exchange: asked.exchange.clone(),
            routing_key: asked.routing_key.clone(),
            open: None,
        };
        tap.look().await?;
        Ok(tap)
    }

    /// A queue or exchange that is not there closes the channel that asks.
    async fn look(&self) -> Result<(), FaultError> {
        let channel = self.within("a channel", self.connection.create_channel()).await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let none = FieldTable::default;
        let queue = channel.queue_declare(self.queue.as_str().into(), passive, none());
        let missing = |what: String, error: FaultError| match &error {
            FaultError::Answer { answer, .. } if answer.contains("NOT_FOUND") => {
                FaultError::Choice { what, source: ChoiceError::Nothing }
            }
            _ => error,
        };
        self.within("the queue", queue)
            .await
            .map_err(|error| missing(format!("queue {:?}", self.queue), error))?;
        // The kind is not compared when one only asks.
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let name = self.exchange.as_str().into();
        let exchange = channel.exchange_declare(name, ExchangeKind::Topic, passive, none());
        self.within("the exchange", exchange)
            .await
            .map_err(|error| missing(format!("exchange {:?}", self.exchange), error))?;
        self.within("the end of a channel", channel.close(200, "looked".into())).await
    }

    /// Opens the tap: from now on every message is seen.
    pub(super) async fn open(&mut self) -> Result<(), FaultError> {
        let channel = self.within("a channel", self.connection.create_channel()).await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        self.within("confirms", confirms).await?;
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let mut limits = FieldTable::default();
        limits.insert("x-max-length".into(), AMQPValue::LongLongInt(LONGEST));
        // The broker gives it a name.
        let queue = self.within("a queue", channel.queue_declare("".into(), own, limits)).await?;
        let name = queue.name().clone();
        let [exchange, key] = [&self.exchange, &self.routing_key].map(|text| text.as_str().into());
        let (plain, none) = (QueueBindOptions::default(), FieldTable::default);
        let bind = channel.queue_bind(name.clone(), exchange, key, plain, none());
        self.within("a binding", bind).await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consume = channel.basic_consume(name, OWN.into(), options, none());
        let consumer = self.within("a consumer", consume).await?;
        self.open = Some((channel, consumer));
        Ok(())
    }

    /// Puts the chosen ones once more until the end.
    pub(super) async fn run(self, pen: &mut Pen, end: &mut End) -> Result<(), String> {
        let Some((channel, consumer)) = self.open else { return Ok(()) };
        let mut batches = consumer.ready_chunks(BATCH);
        loop {
            let batch = tokio::select! {
                batch = batches.next() => batch,
                () = end.came() => break,
            };
            let batch = batch.ok_or("the broker has closed the tap")?;
            let batch: Result<Vec<_>, _> = batch.into_iter().collect();
            let batch = batch.map_err(|error| error.to_string())?;
            let named = batch.into_iter().map(|delivery| (identity(&delivery), delivery));
            let chosen = pen.choose(named.collect())?;
            put(&channel, &self.queue, chosen, pen).await?;
        }
        let goodbye = self.connection.close(200, "done".into());
        // It is closed by the end of this value in any case.
        let _ = timeout(Duration::from_secs(5), goodbye).await;
        Ok(())
    }

    async fn within<T>(
        &self,
        what: &str,
        asked: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, FaultError> {
        let answer = timeout(ANSWER_WITHIN, asked).await;
        let late = |_| self.address.unreachable(&format!("no answer to {what}"));
        let answered = |error: lapin::Error| self.address.answered(what, &error.to_string());
        Ok(answer.map_err(late)?.map_err(answered)?)
    }
}

/// Publishes all of them as they are, then waits for the confirms.
async fn put(
    channel: &Channel,
    queue: &str,
    chosen: Vec<Delivery>,
    pen: &Pen,
) -> Result<(), String> {
    // One that reaches no queue comes back instead of vanishing.
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut confirms = Vec::with_capacity(chosen.len());
    for Delivery { properties, data, .. } in chosen {
        let published =
            channel.basic_publish("".into(), queue.into(), options, &data, properties).await;
        confirms.push(published.map_err(|error| error.to_string())?);
    }
    for confirm in confirms {
        match confirm.await.map_err(|error| error.to_string())? {
            Confirmation::Ack(None) => pen.accepted(1),
            other => return Err(format!("the broker did not take a duplicate: {other:?}")),
        }
    }
    Ok(())
}

/// What a message calls itself; of one without a name, what is in it.
fn identity(delivery: &Delivery) -> String {
    let named = delivery.properties.message_id().as_ref().map(|id| id.as_str().to_owned());
    named.unwrap_or_else(|| format!("body-{:016x}", hash(&delivery.data)))
}
