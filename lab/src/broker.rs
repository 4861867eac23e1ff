//! Real brokers, started as private child processes of a lab: one file each.

pub mod rabbitmq;
