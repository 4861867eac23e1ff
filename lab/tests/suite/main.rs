//! The lab against real processes, real servers and its own reference systems.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod canary;
mod deployment;
mod ingest;
mod kafka;
mod keeper;
mod mongodb;
mod publisher;
mod rabbitmq;
mod rolling_deploy;
mod stores;
mod support;
mod worker_queue;
