//! The toxics: what can be wrong with a connection. Each kind is one file below
//! this one, with its attributes and its [`Stage`], and an arm of [`Kind`].

mod amqp_delay;
mod amqp_drop;
mod amqp_duplicate;
mod amqp_poison;
mod amqp_reorder;
mod amqp_swallow_confirm;
mod amqp_withhold_ack;
mod bandwidth;
mod half_open;
mod http_drop_response;
mod http_duplicate;
mod latency;
mod limit_data;
mod partition;
mod redis_swallow_reply;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::protocol::Tally;
use super::stage::{Ground, Stage, Way};

pub use amqp_delay::AmqpDelay;
pub use amqp_reorder::AmqpReorder;
pub use amqp_swallow_confirm::AmqpSwallowConfirm;
pub use amqp_withhold_ack::AmqpWithholdAck;
pub use bandwidth::Bandwidth;
pub use half_open::HalfOpen;
pub use http_drop_response::HttpDropResponse;
pub use http_duplicate::HttpDuplicate;
pub use latency::Latency;
pub use limit_data::LimitData;
pub use partition::Partition;
pub use redis_swallow_reply::RedisSwallowReply;
pub use reset_peer::ResetPeer;
pub use slicer::Slicer;
pub use slow_close::SlowClose;
pub use timeout::Timeout;

pub use super::protocol::{Identity, Pick, Share};

/// What is wrong, with its attributes. In JSON these are the fields `type` and
/// `attributes`; an attribute that is left out is zero or false, one that does
/// not exist is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "attributes", rename_all = "snake_case")]
pub enum Kind {
    /// Everything comes later.
    Latency(Latency),
    /// Everything comes slowly.
    Bandwidth(Bandwidth),
    /// The end comes later.
    SlowClose(SlowClose),
    /// Nothing comes any more.
    Timeout(Timeout),
    /// The connection is reset.
    ResetPeer(ResetPeer),
    /// Everything comes in small pieces.
    Slicer(Slicer),
    /// The connection ends after so many bytes.
    LimitData(LimitData),
    /// One side is gone, and the other is not told.
    HalfOpen(HalfOpen),
    /// One direction stands still and flows again later.
    Partition(Partition),
    /// AMQP: publishes reach the broker twice.
    AmqpDuplicate(Pick),
    /// AMQP: publishes never reach the broker, and are confirmed.
    AmqpDrop(Pick),
    /// AMQP: publishes reach the broker later.
    AmqpDelay(AmqpDelay),
    /// AMQP: publishes swap places.
    AmqpReorder(AmqpReorder),
    /// AMQP: publishes have another body.
    AmqpPoison(Pick),
    /// AMQP: confirms never reach the client, and the connection ends.
    AmqpSwallowConfirm(AmqpSwallowConfirm),
    /// AMQP: acknowledgements never reach the broker, and the connection ends.
    AmqpWithholdAck(AmqpWithholdAck),
    /// Redis: replies never reach the client, and the connection ends.
    RedisSwallowReply(RedisSwallowReply),
    /// HTTP: requests reach the server twice.
    HttpDuplicate(HttpDuplicate),
    /// HTTP: responses never reach the client, and the connection ends.
    HttpDropResponse(HttpDropResponse),
}

/// The names of all kinds, for messages to people.
const NAMES: &str = "latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data, \
     half_open, partition, amqp_duplicate, amqp_drop, amqp_delay, amqp_reorder, amqp_poison, amqp_swallow_confirm, amqp_withhold_ack, redis_swallow_reply, http_duplicate, http_drop_response";

impl Kind {
    /// Reads a kind from its name and attributes.
    ///
    /// # Errors
    /// A sentence that says what is wrong with them.
    pub fn read(name: &str, attributes: Map<String, Value>) -> Result<Self, String> {
        if !NAMES.split(", ").any(|known| known == name) {
            return Err(format!("invalid toxic type {name:?}: there are {NAMES}"));
        }
        serde_json::from_value(json!({"type": name, "attributes": attributes}))
            .map_err(|error| format!("the attributes of {name}: {error}"))
    }

    /// The same kind with some attributes changed.
    ///
    /// # Errors
    /// A sentence that says what is wrong with them.
    pub fn changed(&self, attributes: Map<String, Value>) -> Result<Self, String> {
        let mut all = self.attributes();
        all.extend(attributes);
        Self::read(&self.name(), all)
    }

    /// What `type` says: `slow_close`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.field("type") {
            Value::String(name) => name,
            _ => String::new(),
        }
    }

    /// All attributes with their values.
    #[must_use]
    pub fn attributes(&self) -> Map<String, Value> {
        match self.field("attributes") {
            Value::Object(attributes) => attributes,
            _ => Map::new(),
        }
    }

    /// Whether it can strike some chunks or messages and let others pass.
    pub(crate) fn knows_chunks(&self) -> bool {
        !matches!(self, Self::SlowClose(_) | Self::HalfOpen(_) | Self::Partition(_))
    }

    fn field(&self, name: &str) -> Value {
        // Numbers, names and flags can always be written as JSON.
        serde_json::to_value(self).map(|mut value| value[name].take()).unwrap_or_default()
    }

    /// The stage for one connection.
    pub(crate) fn stage(&self, ground: Ground) -> Box<dyn Stage> {
        match self {
            Self::Latency(latency) => Box::new(latency.stage(ground)),
            Self::Bandwidth(bandwidth) => Box::new(bandwidth.stage(&ground)),
            Self::SlowClose(slow_close) => Box::new(slow_close.stage()),
            Self::Timeout(timeout) => Box::new(timeout.stage(&ground)),
            Self::ResetPeer(reset_peer) => Box::new(reset_peer.stage()),
            Self::Slicer(slicer) => Box::new(slicer.stage(ground)),
            Self::LimitData(limit_data) => Box::new(limit_data.stage()),
            Self::HalfOpen(half_open) => Box::new(half_open.stage(&ground)),
            Self::Partition(_) => Box::new(partition::Wall),
            Self::AmqpDuplicate(pick) => Box::new(amqp_duplicate::stage(pick, &ground)),
            Self::AmqpDrop(pick) => Box::new(amqp_drop::stage(pick, &ground)),
            Self::AmqpDelay(delay) => Box::new(delay.stage(&ground)),
            Self::AmqpReorder(reorder) => Box::new(reorder.stage(&ground)),
            Self::AmqpPoison(pick) => Box::new(amqp_poison::stage(pick, &ground)),
            Self::AmqpSwallowConfirm(swallow) => Box::new(swallow.stage(&ground)),
            Self::AmqpWithholdAck(withhold) => Box::new(withhold.stage(&ground)),
            Self::RedisSwallowReply(swallow) => Box::new(swallow.stage(&ground)),
            Self::HttpDuplicate(duplicate) => Box::new(duplicate.stage(&ground)),
            Self::HttpDropResponse(drop) => Box::new(drop.stage(&ground)),
        }
    }
}

/// For what a toxic's chance is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Once for each connection.
    #[default]
    Connection,
    /// For each chunk that is read, or each message by a toxic that knows
    /// messages.
    #[serde(alias = "message")]
    Chunk,
}

/// A toxic of a proxy. A changed one is another value with the same `id`.
#[derive(Debug, Clone, PartialEq)]
pub struct Toxic {
    /// Never used twice by a server.
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
    pub(crate) stream: Way,
    pub(crate) toxicity: f64,
    pub(crate) per: Per,
    pub(crate) life: Option<Life>,
    pub(crate) kind: Kind,
    /// What it has done so far; shared with what it is changed into.
    pub(crate) tally: Arc<Tally>,
}

/// How long something lives before the server removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) ttl: Duration,
    pub(crate) end: Instant,
}

impl Life {
    /// From now on; zero milliseconds is for ever.
    pub(crate) fn of(milliseconds: u64) -> Option<Self> {
        let ttl = Duration::from_millis(milliseconds);
        // What does not fit into the clock is for ever, too.
        let end = Instant::now().checked_add(ttl)?;
        (milliseconds > 0).then_some(Self { ttl, end })
    }
}

/// A number of milliseconds in an attribute. Longer than a century is a
/// century, so that no sum of times overflows.
fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds.min(100 * 365 * 24 * 3600 * 1000))
}
