//! Sources of effects: what the system under test did in the end.

pub mod aggregate;
pub mod amqp_tap;
pub mod dead;
pub mod listing;
mod message;
pub mod offered;
pub mod order;
pub mod schema;
pub mod times;
