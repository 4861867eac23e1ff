//! One message: the request, the entry in a stream, and what is stored.

use std::collections::BTreeMap;

use redis::FromRedisValue;
use redis::streams::StreamId;
use serde::Deserialize;

/// Names and values of an entry.
pub(crate) type Fields = Vec<(String, String)>;

/// Longer names are no names.
const LONGEST_NAME: usize = 255;
/// What a worker can store.
const KNOWN_TYPES: [&str; 5] = ["text/", "image/", "audio/", "video/", "application/json"];

/// The body of `POST /api/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) conversation_id: String,
    sender_id: String,
    content: String,
    content_type: String,
    pub(crate) client_message_id: String,
    recipient_ids: Vec<String>,
}

impl Request {
    /// The error says what is wrong with it.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let request: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let names = [
            ("conversationId", &request.conversation_id),
            ("senderId", &request.sender_id),
            ("contentType", &request.content_type),
            ("clientMessageId", &request.client_message_id),
        ];
        let recipients = request.recipient_ids.iter().map(|recipient| ("recipientIds", recipient));
        for (key, value) in names.into_iter().chain(recipients) {
            if value.is_empty() || value.len() > LONGEST_NAME {
                return Err(format!("\"{key}\" must have 1 to {LONGEST_NAME} bytes"));
            }
        }
        Ok(request)
    }

    /// What is put into a stream, beside what only Redis can say.
    pub(crate) fn fields(
        self,
        message_id: &str,
        correlation_id: String,
        accepted_at: &str,
    ) -> Fields {
        let recipients = serde_json::json!(self.recipient_ids).to_string();
        let fields = [
            ("messageId", message_id.to_owned()),
            ("idempotencyKey", self.client_message_id),
            ("correlationId", correlation_id),
            ("conversationId", self.conversation_id),
            ("senderId", self.sender_id),
            ("contentType", self.content_type),
            ("content", self.content),
            ("recipientIds", recipients),
            ("acceptedAt", accepted_at.to_owned()),
        ];
        fields.map(|(key, value)| (key.to_owned(), value)).into()
    }
}

/// Why a message can never be stored: a code for machines, words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

/// An entry as a worker gets it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) fields: Fields,
    pub(crate) message: Result<Message, Rejection>,
}

/// A message that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) message_id: String,
    pub(crate) idempotency_key: String,
    pub(crate) correlation_id: String,
    pub(crate) conversation_id: String,
    pub(crate) sender_id: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) accepted_at: String,
    pub(crate) accepted_seq: u64,
}

impl Entry {
    pub(crate) fn read(entry: StreamId) -> Self {
        let text = |value| String::from_redis_value(value).unwrap_or_default();
        let fields: BTreeMap<String, String> =
            entry.map.into_iter().map(|(key, value)| (key, text(value))).collect();
        let message = Message::read(&fields);
        Self { id: entry.id, fields: fields.into_iter().collect(), message }
    }

    /// What the dead letters are given: the entry, and why.
    pub(crate) fn dead_letter(&self, stream: &str, why: &Rejection, attempts: u32) -> Fields {
        let added = [
            ("deadLetterCode", why.code.to_owned()),
            ("deadLetterReason", why.reason.clone()),
            ("deadLetterAttempts", attempts.to_string()),
            ("sourceStream", stream.to_owned()),
            ("sourceId", self.id.clone()),
        ];
        let added = added.map(|(key, value)| (key.to_owned(), value));
        self.fields.iter().cloned().chain(added).collect()
    }
}

impl Message {
    fn read(fields: &BTreeMap<String, String>) -> Result<Self, Rejection> {
        let malformed = |reason: String| Rejection { code: "entry_malformed", reason };
        let take = |key: &str| {
            fields.get(key).cloned().ok_or_else(|| malformed(format!("the entry has no {key}")))
        };
        let recipients = serde_json::from_str(&take("recipientIds")?)
            .map_err(|error| malformed(format!("recipientIds: {error}")))?;
        let accepted_seq = take("acceptedSeq")?
            .parse()
            .map_err(|error| malformed(format!("acceptedSeq: {error}")))?;
        let content_type = take("contentType")?;
        if !KNOWN_TYPES.iter().any(|known| content_type.starts_with(known)) {
            let reason = format!("content of the type {content_type} cannot be stored");
            return Err(Rejection { code: "content_type_unsupported", reason });
        }
        Ok(Self {
            message_id: take("messageId")?,
            idempotency_key: take("idempotencyKey")?,
            correlation_id: take("correlationId")?,
            conversation_id: take("conversationId")?,
            sender_id: take("senderId")?,
            content_type,
            body: take("content")?,
            recipients,
            accepted_at: take("acceptedAt")?,
            accepted_seq,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"conversationId":"c","senderId":"s","content":"hello",
        "contentType":"text/plain","clientMessageId":"k","recipientIds":["a","b"],"more":1}"#;

    fn entry(change: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<Message, Rejection> {
        let request = Request::parse(BODY.as_bytes()).unwrap();
        let fields = request.fields("m", "x".into(), "2026-01-01T00:00:00Z");
        let mut fields: BTreeMap<_, _> = fields.into_iter().collect();
        fields.insert("acceptedSeq".into(), "7".into());
        change(&mut fields);
        Message::read(&fields)
    }

    #[test]
    fn a_request_becomes_an_entry_and_an_entry_a_message() {
        let message = entry(|_| ()).unwrap();
        assert_eq!((message.message_id.as_str(), message.idempotency_key.as_str()), ("m", "k"));
        assert_eq!((message.recipients.len(), message.accepted_seq), (2, 7));
    }

    #[test]
    fn a_request_that_is_none_is_told_what_is_missing() {
        assert!(Request::parse(b"hello").is_err());
        let error = Request::parse(BODY.replace("senderId", "sender").as_bytes()).unwrap_err();
        assert!(error.contains("senderId"), "{error}");
        let error = Request::parse(BODY.replace("\"k\"", "\"\"").as_bytes()).unwrap_err();
        assert!(error.contains("clientMessageId"), "{error}");
    }

    #[test]
    fn what_cannot_be_stored_is_known_by_its_code() {
        let poison = |fields: &mut BTreeMap<String, String>| {
            fields.insert("contentType".into(), "application/x-poison".into());
        };
        assert_eq!(entry(poison).unwrap_err().code, "content_type_unsupported");
        let missing = |fields: &mut BTreeMap<String, String>| {
            fields.remove("content");
        };
        assert_eq!(entry(missing).unwrap_err().code, "entry_malformed");
    }
}
