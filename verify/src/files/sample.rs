//! Some of what a workload will send, held against its schema before the load: a pure
//! function of the plan, its seed and its files.

use std::collections::BTreeMap;

use loadgen::payload::{Fields, Payload, PayloadError};
use loadgen::transport::redis;
use loadgen::{Content, IdentityRef, Shape, Transport};
use scenarios::plan::{SchemaFile, Workload};
use serde_json::{Map, Value};

use crate::contract::Contract;

/// Bodies that are looked at.
pub(super) const BODIES: usize = 48;
/// Bodies of poison that are looked at.
const POISONED: usize = 16;
/// The operations among which they are looked for.
pub(super) const OPERATIONS: u64 = 200_000;
/// The most characters of a body that are shown.
const SHOWN: usize = 200;
/// A time such as operations are sent at, in milliseconds since 1970.
pub(super) const TIME: u64 = 1_764_201_600_000;
/// A run's identity such as there are.
pub(super) const RUN: &str = "0a1b2c3d";

/// The contract of a schema, with what of it is probably not meant as it is written.
pub(super) fn contract(schema: &SchemaFile) -> Result<(Contract, Vec<String>), String> {
    let of = |why: &dyn std::fmt::Display| format!("schema {}: {why}", schema.file);
    let contract = Contract::new(&schema.text).map_err(|error| of(&error))?;
    let doubts = contract.doubts().map(|doubt| of(&doubt)).collect();
    Ok((contract, doubts))
}

/// Sees that bodies follow the schema, and that those of poison do not.
///
/// # Errors
/// The first body that does not follow, and what is wrong with it.
pub(super) fn follow(
    schema: &SchemaFile,
    workload: &Workload,
    transport: &Transport,
    shape: Shape,
    targets: &BTreeMap<String, String>,
) -> Result<Vec<String>, String> {
    let (contract, mut doubts) = contract(schema)?;
    // A program that takes the place of the transport is given no body.
    if matches!(transport, Transport::Command(command) if command.body.is_empty()) {
        return Ok(doubts);
    }
    let wrong = |error: PayloadError| error.to_string();
    let body = Body::of(transport, &shape).map_err(wrong)?;
    let render = |body: &Body, shape: &Shape, sequence| {
        let identity = IdentityRef { run: RUN, workload: &workload.name, sequence };
        body.render(&Fields { identity, time: TIME, shape })
    };
    let sound = (0..OPERATIONS).filter(|&sequence| !shape.is_poison(sequence));
    for sequence in sound.take(BODIES) {
        let text = render(&body, &shape, sequence);
        if let Some(breach) = contract.breach(&text) {
            return Err(format!(
                "the body of operation {sequence} does not follow {}: {breach}; correct the body or the schema. It is {}",
                schema.file,
                shown(&text)
            ));
        }
    }
    // Without a body of its own it is no text, and an entry of a stream keeps its fields.
    if let (Some(poison), Body::Text(_)) = (&workload.shape.poison_body, &body) {
        let poison = poison.fill(targets).map_err(|error| error.to_string())?;
        let shape =
            shape.with_poison_body(&poison).map_err(|error| format!("poison_body: {error}"))?;
        let Some(poison) = shape.poison_body.clone() else { return Ok(doubts) };
        let poison = Body::Text(poison);
        let mut poisoned =
            (0..OPERATIONS).filter(|&sequence| shape.is_poison(sequence)).take(POISONED);
        if let Some(text) = poisoned.find_map(|sequence| {
            let text = render(&poison, &shape, sequence);
            contract.is_followed(&text).then_some(text)
        }) {
            doubts.push(format!(
                "its poison follows {}, so whoever takes it is right: {}; change poison_body or the schema",
                schema.file,
                shown(&text)
            ));
        }
    }
    Ok(doubts)
}

/// What a schema is held against.
enum Body {
    /// A body.
    Text(Payload),
    /// The fields of an entry, as an object.
    Fields(Vec<(String, Payload)>),
}

impl Body {
    fn of(transport: &Transport, shape: &Shape) -> Result<Self, PayloadError> {
        let text = |content: &Content| Payload::body(content, shape).map(Self::Text);
        match transport {
            Transport::Http(http) => text(&http.body),
            Transport::Amqp(amqp) => text(&amqp.body),
            Transport::Kafka(kafka) => text(&kafka.body),
            Transport::Command(command) => text(&command.body),
            Transport::Redis(redis) => match (&redis.into, redis.fields.first()) {
                (redis::Into::List { .. } | redis::Into::Channel(_), Some((_, body))) => text(body),
                _ => {
                    let field = |(name, content): &(String, Content)| {
                        let payload = match content.is_padded() {
                            true => Payload::body(content, shape),
                            false => Payload::content(content, shape),
                        };
                        Ok((name.clone(), payload?))
                    };
                    redis.fields.iter().map(field).collect::<Result<_, _>>().map(Self::Fields)
                }
            },
        }
    }

    fn render(&self, fields: &Fields<'_>) -> Vec<u8> {
        let text = |payload: &Payload| {
            let mut out = Vec::new();
            payload.render(fields, &mut out);
            out
        };
        match self {
            Self::Text(payload) => text(payload),
            Self::Fields(all) => {
                let field = |(name, payload): &(String, Payload)| {
                    let value = String::from_utf8_lossy(&text(payload)).into_owned();
                    (name.clone(), Value::String(value))
                };
                let object: Map<String, Value> = all.iter().map(field).collect();
                Value::Object(object).to_string().into_bytes()
            }
        }
    }
}

/// A body, shortly.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(SHOWN) {
        _ if text.is_empty() => "empty".to_owned(),
        None => text.into_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
