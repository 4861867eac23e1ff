//! The programs as their users run them.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod amqp;
mod broker;
mod canary;
mod cluster;
mod commands;
mod deployments;
mod detection;
mod external;
mod ingest;
mod interrupts;
mod kills;
mod messages;
mod own;
mod reach;
mod refusals;
mod roles;
mod rollouts;
mod secrets;
mod stops;
mod strangers;
mod support;
mod worker_queue;
