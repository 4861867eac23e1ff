//! Sources of effects: what the system under test did in the end.

pub mod amqp_tap;
pub mod dead;
pub mod listing;
mod message;
pub mod order;
