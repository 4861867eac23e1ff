//! Effects: where it is read what the system did in the end.

use serde::{Deserialize, Serialize};

use crate::template::Template;

/// A source of effects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// What checks call it.
    pub name: String,
    /// Where the effects are read.
    pub source: EffectsSource,
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
}

/// Where the identity of an operation stands in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityAt {
    /// In the property `message_id`.
    MessageId,
    /// In a field of the JSON body, by JSON pointer (RFC 6901): `/order/id`.
    JsonPointer(String),
}

impl std::str::FromStr for IdentityAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "message_id" => Ok(Self::MessageId),
            pointer if pointer.starts_with('/') => Ok(Self::JsonPointer(pointer.to_owned())),
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
            Self::JsonPointer(pointer) => f.write_str(pointer),
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
