//! Probes and sources of effects against real servers, private to each test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod effects;
mod endpoints;
mod folder;
#[cfg(feature = "kafka")]
mod kafka;
mod latest;
mod live;
mod mongodb;
mod preflight;
mod probes;
mod queues;
mod roles;
mod scraped;
mod support;
