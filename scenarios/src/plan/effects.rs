//! Effects: where it is read what the system did in the end.

pub mod aggregate;
mod kafka;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::ask::Ask;
use super::schema_file::SchemaFile;
use crate::locator::{Locator, Part};
use crate::program::Program;
use crate::template::Template;
use crate::units::Span;

pub use aggregate::Aggregate;
pub use kafka::KafkaTopic;

/// A source of effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// What checks call it.
    pub name: String,
    /// Where the effects are read.
    pub source: EffectsSource,
    /// Where dead letters are read, so that what was given up for good is not
    /// taken for lost.
    #[serde(default)]
    pub dead: Option<Listing>,
    /// Where it stands in a dead letter how often the system tried the operation
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<Locator>,
    /// Where it is read in which order the effects came to be.
    #[serde(default)]
    pub order: Option<OrderSource>,
    /// Where it stands in a record when the effect came to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Locator>,
    /// Where it stands in a dead letter when it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_at: Option<Locator>,
    /// Set where a record is no effect of one operation, but what the operations
    /// of a key came to together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
    /// What each of its records must follow, but those of poison and dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaFile>,
    /// How long after the load a missing effect is waited for.
    #[serde(default = "default_settle")]
    pub settle: Span,
}

fn default_settle() -> Span {
    Span::seconds(60)
}

/// Where effects are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EffectsSource {
    /// Messages of an exchange, tapped by a queue of the tool's own that is
    /// bound before the load begins.
    AmqpTap {
        /// The broker.
        url: Template,
        /// The exchange to bind to; it must exist.
        exchange: String,
        /// The binding key.
        routing_key: String,
        /// Where the identity stands in a message.
        identity: Locator,
    },
    /// A list that can be read again and again, until the system is quiet.
    Listing(Listing),
}

impl EffectsSource {
    /// The words of all kinds.
    pub const WORDS: &'static [&'static str] = Self::VARIANTS;

    /// Whether it is of messages, among which what a load sends can be itself.
    #[must_use]
    pub const fn has_messages(&self) -> bool {
        match self {
            Self::AmqpTap { .. } => true,
            Self::Listing(listing) => match listing {
                Listing::RedisStream { .. }
                | Listing::RedisKey { .. }
                | Listing::AmqpQueue { .. }
                | Listing::KafkaTopic(_) => true,
                Listing::Sql { .. }
                | Listing::Mongodb { .. }
                | Listing::Ndjson { .. }
                | Listing::Http { .. }
                | Listing::Command { .. } => false,
            },
        }
    }
}

/// A list of identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Listing {
    /// Rows of a database.
    Sql {
        /// `postgres://user:password@host/database`.
        url: Template,
        /// Gives an identity in each row, in any order.
        query: String,
        /// How long the query may take.
        timeout: Span,
        /// Where it stands, unless it is the first column.
        #[serde(default)]
        identity: Locator,
    },
    /// Entries of a Redis stream.
    RedisStream {
        /// The server.
        url: Template,
        /// The stream.
        stream: String,
        /// The field that `identity` looks into where it names none; so plans
        /// were written when an identity had to be in a field by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// Where the identity stands in an entry.
        #[serde(default)]
        identity: Locator,
    },
    /// Elements of a Redis list, set or sorted set, or the fields of a hash.
    RedisKey {
        /// The server.
        url: Template,
        /// The key.
        key: String,
        /// Where the identity stands, unless it is the element or, in a hash,
        /// the name of the field.
        identity: Locator,
    },
    /// Documents of a MongoDB collection.
    Mongodb {
        /// `mongodb://user:password@host/database`.
        url: Template,
        /// The database, unless the address names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        database: Option<String>,
        /// The collection.
        collection: String,
        /// What is asked of it.
        ask: Ask,
        /// How long the answer may take.
        timeout: Span,
        /// Where the identity stands in a document.
        identity: Locator,
    },
    /// Messages of a RabbitMQ queue, which stay there.
    AmqpQueue {
        /// The broker.
        url: Template,
        /// The queue.
        queue: String,
        /// How long a look may take.
        timeout: Span,
        /// Where the identity stands in a message.
        identity: Locator,
    },
    /// Records of a Kafka topic, which stay there.
    KafkaTopic(KafkaTopic),
    /// Lines of a file.
    Ndjson {
        /// The file.
        file: Template,
        /// Where the identity stands in a line, unless it is the line.
        #[serde(default)]
        identity: Locator,
    },
    /// Lines of an answer.
    Http {
        /// Answers with a line for each effect.
        url: Template,
        /// Where the identity stands in a line, unless it is the line.
        #[serde(default)]
        identity: Locator,
    },
    /// Lines that a program writes.
    Command {
        /// The program.
        run: Program,
        /// How long it may take.
        timeout: Span,
        /// Where the identity stands in a line, unless it is the line.
        identity: Locator,
    },
}

impl Listing {
    /// The word by which the file names this kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Sql { .. } => "sql",
            Self::RedisStream { .. } => "redis_stream",
            Self::RedisKey { .. } => "redis_key",
            Self::Mongodb { .. } => "mongodb",
            Self::AmqpQueue { .. } => "amqp_queue",
            Self::KafkaTopic(_) => "kafka_topic",
            Self::Ndjson { .. } => "ndjson",
            Self::Http { .. } => "http",
            Self::Command { .. } => "command",
        }
    }

    /// The address that is read; a program has none.
    #[must_use]
    pub fn address(&self) -> Option<&Template> {
        match self {
            Self::Sql { url: address, .. }
            | Self::RedisStream { url: address, .. }
            | Self::RedisKey { url: address, .. }
            | Self::Mongodb { url: address, .. }
            | Self::AmqpQueue { url: address, .. }
            | Self::KafkaTopic(KafkaTopic { brokers: address, .. })
            | Self::Ndjson { file: address, .. }
            | Self::Http { url: address, .. } => Some(address),
            Self::Command { .. } => None,
        }
    }

    /// Where the identity stands in a record.
    #[must_use]
    pub fn identity(&self) -> Locator {
        match self {
            Self::RedisStream { field: Some(field), identity, .. }
                if identity.part == Part::Whole =>
            {
                Locator { part: Part::Field(field.clone()), ..identity.clone() }
            }
            Self::Sql { identity, .. }
            | Self::RedisStream { identity, .. }
            | Self::RedisKey { identity, .. }
            | Self::Mongodb { identity, .. }
            | Self::AmqpQueue { identity, .. }
            | Self::KafkaTopic(KafkaTopic { identity, .. })
            | Self::Ndjson { identity, .. }
            | Self::Http { identity, .. }
            | Self::Command { identity, .. } => identity.clone(),
        }
    }
}

/// Where it is read in which order effects came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OrderSource {
    /// A query of its own says.
    Query(OrderQuery),
    /// The source gives its effects in that order.
    Records(OrderKey),
}

/// The key of an effect, in a source that gives effects in the order in which
/// they came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderKey {
    /// Where it stands in a record.
    pub key: Locator,
}

impl Listing {
    /// The words of all kinds.
    pub const WORDS: &'static [&'static str] = Self::VARIANTS;
}

/// A query for the order in which effects came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderQuery {
    /// The database.
    pub url: Template,
    /// Gives a key and an identity: the rows of each key in the order in which
    /// they came to be.
    pub query: String,
    /// How long the query may take.
    pub timeout: Span,
}
