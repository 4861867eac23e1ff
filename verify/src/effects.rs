//! Effects: reading what the system did in the end.

pub mod amqp_tap;
