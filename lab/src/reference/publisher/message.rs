//! One message: from the request to what became of it at the broker.

use std::time::Duration;

use axum::body::Bytes;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use serde::Deserialize;
use tokio::time::timeout;

use super::arguments::Arguments;

/// A confirm that takes longer is given up: nobody knows.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);
/// AMQP's short strings are counted in one byte.
const LONGEST_NAME: usize = 255;

/// What is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: String,
    exchange: String,
    routing_key: String,
    body: Bytes,
}

#[derive(Deserialize)]
struct Request {
    id: String,
    routing_key: Option<String>,
    exchange: Option<String>,
}

impl Message {
    /// The request's body is the message's body; the error says what is wrong.
    pub(crate) fn parse(body: Bytes, defaults: &Arguments) -> Result<Self, String> {
        let request: Request = serde_json::from_slice(&body)
            .map_err(|error| format!("the body must be JSON with an \"id\": {error}"))?;
        let exchange = request.exchange.unwrap_or_else(|| defaults.exchange.clone());
        let routing_key = request.routing_key.unwrap_or_else(|| defaults.routing_key.clone());
        if request.id.is_empty() {
            return Err("\"id\" must not be empty".to_owned());
        }
        for (name, value) in
            [("id", &request.id), ("exchange", &exchange), ("routing_key", &routing_key)]
        {
            if value.len() > LONGEST_NAME {
                return Err(format!("\"{name}\" must have at most {LONGEST_NAME} bytes"));
            }
        }
        Ok(Self { id: request.id, exchange, routing_key, body })
    }
}

/// Why a message was not confirmed: a code for machines, words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What became of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The broker has it.
    Confirmed,
    /// The broker definitely refused it and put it nowhere.
    Refused(Problem),
    /// It definitely never left this process.
    NotSent(Problem),
    /// It was sent, and no answer tells what became of it.
    Unknown(Problem),
}

/// An outcome, and whether the channel is as good as before.
pub(crate) struct Sent {
    pub(crate) outcome: Outcome,
    pub(crate) usable: bool,
}

/// Publishes one message on a channel in confirm mode and waits for the
/// confirm. The caller has the channel to itself, so whatever the broker says
/// on it is about this message.
pub(crate) async fn send(channel: &Channel, message: &Message) -> Sent {
    if !channel.status().connected() {
        let problem = Problem::new("publish_not_sent", "the channel is closed");
        return Sent { outcome: Outcome::NotSent(problem), usable: false };
    }
    // From here on, an error no longer proves that nothing was sent.
    let outcome = match timeout(CONFIRM_LIMIT, publish(channel, message)).await {
        Ok(Ok(confirmation)) => judge(confirmation),
        Ok(Err(error)) => blame(&error),
        Err(_) => {
            let words = format!("no confirm within {} s", CONFIRM_LIMIT.as_secs());
            let problem = Problem::new("publish_unconfirmed", words);
            // A late confirm must not meet the next message.
            return Sent { outcome: Outcome::Unknown(problem), usable: false };
        }
    };
    Sent { outcome, usable: channel.status().connected() }
}

async fn publish(channel: &Channel, message: &Message) -> lapin::Result<Confirmation> {
    let properties = BasicProperties::default()
        .with_message_id(ShortString::from(message.id.as_str()))
        .with_content_type(ShortString::from("application/json"))
        .with_delivery_mode(2);
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let exchange = ShortString::from(message.exchange.as_str());
    let routing_key = ShortString::from(message.routing_key.as_str());
    channel.basic_publish(exchange, routing_key, options, &message.body, properties).await?.await
}

fn judge(confirmation: Confirmation) -> Outcome {
    match confirmation {
        Confirmation::Ack(None) => Outcome::Confirmed,
        Confirmation::Ack(Some(returned)) => Outcome::Refused(Problem::new(
            "publish_returned",
            format!("the broker returned it: {} {}", returned.reply_code, returned.reply_text),
        )),
        // A message for several queues may have reached some of them.
        Confirmation::Nack(_) => {
            Outcome::Unknown(Problem::new("publish_nacked", "the broker answered basic.nack"))
        }
        Confirmation::NotRequested => Outcome::Unknown(Problem::new(
            "publish_unconfirmed",
            "the channel asks for no confirms",
        )),
    }
}

fn blame(error: &lapin::Error) -> Outcome {
    // A channel exception is the broker's refusal of the one message that was
    // in flight: no such exchange, no permission.
    if error.is_amqp_soft_error() {
        let words = format!("the broker closed the channel: {error}");
        return Outcome::Refused(Problem::new("amqp_channel_closed", words));
    }
    Outcome::Unknown(Problem::new("publish_unconfirmed", format!("the confirm was lost: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::Variant;
    use super::*;

    fn parse(body: &str) -> Result<Message, String> {
        let defaults = Arguments {
            name: "service-1".into(),
            listen: String::new(),
            private: String::new(),
            amqp: String::new(),
            exchange: "events".into(),
            routing_key: "event.created".into(),
            variant: Variant::Correct,
        };
        Message::parse(Bytes::copy_from_slice(body.as_bytes()), &defaults)
    }

    #[test]
    fn a_request_may_name_its_route_and_must_name_its_id() {
        let message = parse(r#"{"id":"a","text":"hello"}"#).unwrap();
        assert_eq!(
            (message.exchange.as_str(), message.routing_key.as_str()),
            ("events", "event.created")
        );
        let message = parse(r#"{"id":"a","exchange":"x","routing_key":"y"}"#).unwrap();
        assert_eq!((message.exchange.as_str(), message.routing_key.as_str()), ("x", "y"));
        assert!(parse("hello").unwrap_err().contains("JSON"));
        assert!(parse(r#"{"text":"x"}"#).unwrap_err().contains("id"));
        assert!(parse(r#"{"id":""}"#).is_err());
        let long = "x".repeat(256);
        assert!(parse(&format!(r#"{{"id":"{long}"}}"#)).unwrap_err().contains("255"));
    }
}
