//! The reference pipeline: events over HTTP into a Kafka topic, by workers that fetch an
//! object for each into results, and those into PostgreSQL, each once.

#![expect(dead_code, reason = "the processes that use these parts are not written yet")]

mod event;
mod objects;
mod offsets;
mod processor;
mod tactics;
mod variant;
mod worker;

pub use variant::Variant;
