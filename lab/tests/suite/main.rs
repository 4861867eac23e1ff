//! The lab against real processes, a real RabbitMQ and its own publisher.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod keeper;
mod publisher;
mod rabbitmq;
mod support;
