//! Effects as messages of an exchange, tapped by a queue of the tool's own.
//!
//! The queue is bound before the load begins and gets a copy of every message
//! that the binding selects, beside the queues of the system under test. It
//! expires by itself ten minutes after the last reader has gone, should the
//! tool be killed. When the tap loses its connection it comes back and reads
//! on; but a queue that did not survive cannot show what it held, so the source
//! then says that it was blind.
//!
//! On an exchange that others use, messages never stop coming. So the reading
//! ends when what was in the queue as the load ended has been read, and nothing
//! of this run has come for a while.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use scenarios::locator::Locator;
use scenarios::redact::redact;
use services::Service;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::message::Message;
use super::order;
use super::schema::Inspector;
use crate::history::{Conformity, Order, Seen};

/// Messages that the broker sends ahead of their acknowledgement.
const AHEAD: u16 = 2_000;
/// Messages that are acknowledged at once.
const BATCH: u32 = 500;
/// The queue is deleted by the broker when nobody has used it for so long.
const EXPIRES_MS: i32 = 600_000;
/// The most foreign identities that are kept.
const FOREIGN: usize = 100;
/// How long a broker may take to let the tap in.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is tapped, with its addresses filled in.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The broker.
    pub url: String,
    /// The exchange to bind to.
    pub exchange: String,
    /// The binding key.
    pub routing_key: String,
    /// Where the identity stands in a message.
    pub identity: Locator,
    /// Where the key stands, if the order of effects is wanted.
    pub order: Option<Locator>,
    /// What messages are held against.
    pub schema: Option<Inspector>,
    /// The run whose operations are looked for.
    pub run: String,
    /// The names of the plan's workloads.
    pub workloads: Vec<String>,
}

impl Spec {
    /// What is tapped, for people.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}, exchange {}, messages {}", redact(&self.url), self.exchange, self.routing_key)
    }

    fn queue(&self) -> String {
        format!("shakedown.tap.{}", self.run)
    }
}

/// A tap that is reading.
pub struct Tap {
    task: JoinHandle<Seen>,
    finish: watch::Sender<Option<Finish>>,
}

/// How the tap comes to its end.
#[derive(Debug, Clone, Copy)]
struct Finish {
    quiet: Duration,
    deadline: Instant,
}

/// An open connection of the tap.
struct Line {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
}

impl Tap {
    /// Declares and binds the queue and begins to read.
    ///
    /// # Errors
    /// A text that says what the broker refused.
    pub async fn open(spec: Spec) -> Result<Self, String> {
        let line = tokio::time::timeout(PATIENCE, connect(&spec, true))
            .await
            .map_err(|_| "the broker did not answer within 10 s".to_owned())??;
        let (finish, asked) = watch::channel(None);
        let task = tokio::spawn(read(spec, line, asked));
        Ok(Self { task, finish })
    }

    /// Reads on until the queue is empty and nothing came for `quiet`, but at
    /// most for `limit`; then deletes the queue and gives what was seen.
    pub async fn finish(self, quiet: Duration, limit: Duration) -> Seen {
        let finish = Finish { quiet, deadline: Instant::now() + limit };
        let _ = self.finish.send(Some(finish));
        self.task.await.unwrap_or_else(|error| Seen {
            blind: Some(format!("the tap crashed: {error}")),
            ..Seen::default()
        })
    }
}

fn refusal(spec: &Spec, error: &lapin::Error) -> String {
    let text = error.to_string();
    if text.contains("NOT_FOUND") || text.contains("404") {
        format!(
            "exchange {:?} does not exist at {}; name the service's with --set exchange=NAME",
            spec.exchange,
            redact(&spec.url)
        )
    } else {
        format!("the tap at {} was refused: {text}", redact(&spec.url))
    }
}

/// Connects, and declares the queue where it is not there yet.
async fn connect(spec: &Spec, declare: bool) -> Result<Line, String> {
    let address = Service::Amqp.address(&spec.url).map_err(|error| error.to_string())?;
    let role = format!("tap:{}", spec.run);
    let connection = services::amqp::connect(&address, &role, PATIENCE).await;
    let connection = connection.map_err(|trouble| trouble.to_string())?;
    consume(spec, connection, declare).await.map_err(|error| refusal(spec, &error))
}

async fn consume(spec: &Spec, connection: Connection, declare: bool) -> lapin::Result<Line> {
    let channel = connection.create_channel().await?;
    let queue = spec.queue();
    if declare {
        let mut arguments = FieldTable::default();
        arguments.insert("x-expires".into(), AMQPValue::LongInt(EXPIRES_MS));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.as_str().into(), options, arguments).await?;
        channel
            .queue_bind(
                queue.as_str().into(),
                spec.exchange.as_str().into(),
                spec.routing_key.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    channel.basic_qos(AHEAD, BasicQosOptions::default()).await?;
    let consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "shakedown-tap".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    Ok(Line { connection, channel, consumer })
}

/// Reads until told to finish; comes back after a lost connection.
async fn read(spec: Spec, line: Line, mut asked: watch::Receiver<Option<Finish>>) -> Seen {
    let mut reader = Reader {
        seen: Seen::default(),
        schema: spec.schema.is_some().then(Conformity::default),
        order: spec.order.is_some().then(|| order::Reader::new(&spec.run, &spec.workloads)),
        found: 0,
        other: 0,
        keyless: 0,
        spec,
        unacked: 0,
        last_tag: 0,
        last_own: Instant::now(),
        left: None,
    };
    let mut line = Some(line);
    loop {
        if let Some(open) = &mut line {
            if reader.read_line(open, &mut asked).await {
                break;
            }
            reader.unacked = 0;
            // Messages that were read and not yet acknowledged come again with
            // the mark of a redelivery, which `take` knows.
            reader.seen.blind = Some("the tap lost its connection for a while".to_owned());
        }
        let finish = *asked.borrow();
        if finish.is_some_and(|finish| Instant::now() >= finish.deadline) {
            reader.seen.blind =
                Some("the tap lost its connection and did not get it back".to_owned());
            return reader.end();
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        line = connect(&reader.spec, false).await.ok();
    }
    if let Some(open) = line {
        let queue = reader.spec.queue();
        let _ =
            open.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await;
        let _ = open.connection.close(200, "done".into()).await;
    }
    reader.end()
}

struct Reader {
    spec: Spec,
    seen: Seen,
    /// Where the order of effects is wanted.
    order: Option<order::Reader>,
    /// Where messages are held against a schema.
    schema: Option<Conformity>,
    /// Messages with a text where the identity is looked for, and without.
    found: u64,
    other: u64,
    /// Effects without a key.
    keyless: u64,
    unacked: u32,
    last_tag: u64,
    /// When a message of this run came last.
    last_own: Instant,
    /// Messages that are still to be read, of those that the queue held when
    /// the end was asked for.
    left: Option<u64>,
}

impl Reader {
    /// Reads one connection; true when everything was read as asked, false when
    /// the connection is lost.
    async fn read_line(
        &mut self,
        line: &mut Line,
        asked: &mut watch::Receiver<Option<Finish>>,
    ) -> bool {
        loop {
            let finish = *asked.borrow_and_update();
            if finish.is_some() && self.left.is_none() {
                let Some(ready) = self.ready(line).await else { return false };
                // The broker has sent so many ahead that are not counted there.
                self.left = Some(ready + u64::from(AHEAD));
            }
            let patience = finish.map_or(Duration::from_millis(200), |finish| finish.quiet);
            let delivery = tokio::select! {
                delivery = line.consumer.next() => Some(delivery),
                () = tokio::time::sleep(patience) => None,
            };
            match delivery {
                Some(Some(Ok(delivery))) => {
                    self.take(&delivery);
                    self.last_tag = delivery.delivery_tag;
                    self.unacked += 1;
                    self.left = self.left.map(|left| left.saturating_sub(1));
                    if self.unacked >= BATCH && !self.acknowledge(line).await {
                        return false;
                    }
                }
                Some(_) => return false,
                None => {
                    if !self.acknowledge(line).await {
                        return false;
                    }
                    if finish.is_some() {
                        match self.ready(line).await {
                            Some(0) => return true,
                            Some(_) => {}
                            None => return false,
                        }
                    }
                }
            }
            let Some(finish) = finish else { continue };
            if self.left == Some(0) && self.last_own.elapsed() >= finish.quiet {
                return self.acknowledge(line).await;
            }
            if Instant::now() >= finish.deadline {
                let why = "the queue was not read to its end when the time was up";
                self.seen.blind = Some(why.to_owned());
                return true;
            }
        }
    }

    /// Acknowledges everything that was read; false when the connection is
    /// lost.
    async fn acknowledge(&mut self, line: &Line) -> bool {
        if self.unacked == 0 {
            return line.connection.status().connected();
        }
        self.unacked = 0;
        line.channel.basic_ack(self.last_tag, BasicAckOptions { multiple: true }).await.is_ok()
    }

    /// How many messages wait in the queue; nothing when the connection is lost.
    async fn ready(&self, line: &Line) -> Option<u64> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.spec.queue();
        let declared =
            line.channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
        Some(u64::from(declared.await.ok()?.message_count()))
    }

    /// Takes down one message.
    fn take(&mut self, delivery: &Delivery) {
        let message = Message::of(delivery);
        let found = self.spec.identity.find(&message);
        if let (Some(inspector), Some(schema)) = (&self.spec.schema, &mut self.schema)
            && !(delivery.redelivered && knows(&self.seen, found.as_deref()))
        {
            inspector.take(found.as_deref(), &message, schema);
        }
        let Some(text) = found else {
            self.other += 1;
            return;
        };
        self.found += 1;
        // What is no identity, or one of another run, is somebody else's.
        let Some(id) = loadgen::identity::parse(text.as_bytes()) else { return };
        if id.run != self.spec.run {
            return;
        }
        self.last_own = Instant::now();
        if !self.spec.workloads.iter().any(|workload| workload == id.workload) {
            self.seen.foreign_count += 1;
            if self.seen.foreign.len() < FOREIGN {
                self.seen.foreign.push(text);
            }
            return;
        }
        if let (Some(order), Some(key)) = (&mut self.order, &self.spec.order) {
            match key.find(&message) {
                Some(key) => order.take(&key, &text),
                None => self.keyless += 1,
            }
        }
        let effects = self.seen.workloads.entry(id.workload.to_owned()).or_default();
        // Only the tap itself makes the broker deliver again.
        if !(delivery.redelivered && effects.once.contains(id.sequence)) {
            effects.add(id.sequence);
        }
    }

    /// What was seen.
    fn end(mut self) -> Seen {
        if self.found == 0 && self.other > 0 {
            self.seen.blind = Some(format!(
                "none of {} messages has a text at {:?}, where the identity was looked for",
                self.other,
                self.spec.identity.to_string()
            ));
        }
        let keyless = self.keyless;
        self.seen.schema = self.schema;
        self.seen.order = self.order.map(|order| Order {
            workloads: order.finish(),
            trouble: (keyless > 0).then(|| {
                let place = self.spec.order.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{keyless} effects have no key at {place:?}")
            }),
        });
        self.seen
    }
}

/// Whether an effect of this identity was taken down.
fn knows(seen: &Seen, text: Option<&str>) -> bool {
    let identity = text.and_then(|text| loadgen::identity::parse(text.as_bytes()));
    identity.is_some_and(|id| {
        seen.workloads.get(id.workload).is_some_and(|told| told.once.contains(id.sequence))
    })
}
