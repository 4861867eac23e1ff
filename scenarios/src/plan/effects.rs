//! Effects: where it is read what the system did in the end.

use serde::{Deserialize, Serialize};

use crate::pointer::Pointer;
use crate::template::Template;
use crate::units::Span;

/// A source of effects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Where it is read in which order the effects came to be.
    #[serde(default)]
    pub order: Option<OrderQuery>,
    /// How long after the load a missing effect is waited for.
    #[serde(default = "default_settle")]
    pub settle: Span,
}

fn default_settle() -> Span {
    Span::seconds(60)
}

/// Where effects are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        identity: IdentityAt,
    },
    /// A list that can be read again and again, until the system is quiet.
    Listing(Listing),
}

/// A list of identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// Rows of a database.
    Sql {
        /// `postgres://user:password@host/database`.
        url: Template,
        /// Gives an identity in its first column, in any order.
        query: String,
        /// How long the query may take.
        timeout: Span,
    },
    /// Entries of a Redis stream.
    RedisStream {
        /// The server.
        url: Template,
        /// The stream.
        stream: String,
        /// The field that holds the identity.
        field: String,
        /// A JSON pointer into the field, unless all of it is the identity.
        identity: Option<Pointer>,
    },
    /// Lines of a file.
    Ndjson {
        /// The file.
        file: Template,
        /// A JSON pointer into a line, unless all of it is the identity.
        identity: Option<Pointer>,
    },
    /// Lines of an answer.
    Http {
        /// Answers with a line for each effect.
        url: Template,
        /// A JSON pointer into a line, unless all of it is the identity.
        identity: Option<Pointer>,
    },
}

/// A query for the order in which effects came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderQuery {
    /// The database.
    pub url: Template,
    /// Gives a key and an identity: the rows of a key one after another, each
    /// key's in the order in which they came to be.
    pub query: String,
    /// How long the query may take.
    pub timeout: Span,
}

/// Where the identity of an operation stands in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityAt {
    /// In the property `message_id`.
    MessageId,
    /// In a field of the JSON body, by JSON pointer (RFC 6901): `/order/id`.
    JsonPointer(Pointer),
}

impl std::str::FromStr for IdentityAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "message_id" => Ok(Self::MessageId),
            pointer if pointer.starts_with('/') => {
                pointer.parse().map(Self::JsonPointer).map_err(|error| error.to_string())
            }
            other => Err(format!(
                "{other:?} is no place of an identity; write \"message_id\" or a JSON pointer such as \"/id\""
            )),
        }
    }
}

impl std::fmt::Display for IdentityAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MessageId => f.write_str("message_id"),
            Self::JsonPointer(pointer) => pointer.fmt(f),
        }
    }
}

impl Serialize for IdentityAt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdentityAt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
