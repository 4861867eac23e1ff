//! Sources of effects: what the system under test did in the end.

pub mod amqp_tap;
pub mod listing;
pub mod order;
pub mod schema;
