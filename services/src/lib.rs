//! The services that the tools talk to: one file for each, which says what an
//! address of it looks like, where its hosts are, what messages advise about
//! it, and how to connect.
//!
//! An address is read whole or refused ([`mod@address`]), and connections are
//! made from what was read, never from the text: what a guard saw is what is
//! connected to. The rule of what may be shown of an address is
//! [`scenarios::redact`].

pub mod address;
mod amqp;
mod http;
mod kafka;
mod management;
mod mongodb;
mod postgres;
mod prometheus;
mod proxy;
mod redis;
mod service;

pub use address::{Address, AddressError, Host};
pub use service::{About, Scheme, Service};
