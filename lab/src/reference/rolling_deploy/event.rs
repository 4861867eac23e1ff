//! What goes through the pipeline: an event, and its result.
//!
//! An event of `events.raw` is `{"event_id", "account", "object", "occurred_at"}`, with its
//! account as key, and may have fields that nobody here knows. Its result, in
//! `events.results` with the same key, is `{"event_id", "account", "object", "bytes",
//! "digest", "version"}` and those fields.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::tactics::Version;

/// An identity is a key of the database, which takes no longer ones.
const LONGEST_ID: usize = 200;

/// Something that happened to an account, with an object to be fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) event_id: String,
    pub(crate) account: String,
    pub(crate) object: String,
    /// In Unix milliseconds.
    pub(crate) occurred_at: i64,
    /// What nobody here knows.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) event_id: String,
    pub(crate) account: String,
    pub(crate) object: String,
    /// The object's length.
    pub(crate) bytes: u64,
    /// The object's SHA-256, in hexadecimal digits.
    pub(crate) digest: String,
    /// Of the worker.
    pub(crate) version: Version,
    /// The event's fields that nobody here knows.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

impl Event {
    /// Reads an event; or says why it can never be processed.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let event: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let Self { event_id, account, object, .. } = &event;
        for (name, text) in [("event_id", event_id), ("account", account), ("object", object)] {
            if text.is_empty() || text.len() > LONGEST_ID {
                return Err(format!("{name} must have from 1 to {LONGEST_ID} bytes"));
            }
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match object.bytes().all(is_plain) {
            true => Ok(event),
            false => Err("object must be letters, digits, dashes and dots".to_owned()),
        }
    }
}

impl Outcome {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(event: &Value) -> Result<Event, String> {
        Event::parse(event.to_string().as_bytes())
    }

    #[test]
    fn what_nobody_knows_is_kept() {
        let written = json!({"event_id": "r/w/1", "account": "a", "object": "o-1",
            "occurred_at": 5, "trace": {"id": 7}});
        let event = parse(&written).unwrap();
        assert_eq!(event.others["trace"]["id"], 7);
        assert_eq!(serde_json::to_value(&event).unwrap(), written);
    }

    #[test]
    fn what_can_never_be_processed_is_told() {
        let good = json!({"event_id": "1", "account": "a", "object": "o", "occurred_at": 5});
        assert!(parse(&good).is_ok());
        for (field, value) in [
            ("event_id", json!("")),
            ("event_id", json!(7)),
            ("account", json!("a".repeat(201))),
            ("object", json!("../secret")),
            ("occurred_at", json!("now")),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(parse(&bad).is_err(), "{bad}");
        }
        assert!(Event::parse(b"\xff").is_err());
    }
}
