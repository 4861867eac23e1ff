//! The lab against real processes, real servers and its own publisher.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod keeper;
mod publisher;
mod rabbitmq;
mod stores;
mod support;
