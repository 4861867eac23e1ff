//! The services that the tools talk to: one file for each, which says what an
//! address of it looks like, where its hosts are, what messages advise about
//! it, and how to connect.
//!
//! An address is read whole or refused ([`mod@address`]), and connections are
//! made from what was read, never from the text: what a guard saw is what is
//! connected to. The rule of what may be shown of an address is
//! [`scenarios::redact`].

pub mod address;
pub mod amqp;
#[cfg(feature = "check")]
mod check;
pub mod http;
pub mod kafka;
#[cfg(any(feature = "check", feature = "mongodb"))]
mod listen;
pub mod management;
pub mod mongodb;
pub mod postgres;
mod prometheus;
mod proxy;
pub mod redis;
mod service;
mod trouble;

pub use address::{Address, AddressError, Host};
#[cfg(feature = "check")]
pub use check::check;
pub use service::{About, Scheme, Service};
pub use trouble::{Trouble, plain};

/// What the names of the tools' own sessions begin with; no fault hits them.
pub const OWN: &str = "shakedown:";

/// The name of a session of ours.
#[must_use]
pub fn name(role: &str) -> String {
    format!("{OWN}{role}")
}

/// There was no answer within this time.
#[cfg(any(feature = "amqp", feature = "mongodb", feature = "postgres", feature = "redis"))]
fn late(within: std::time::Duration) -> String {
    format!("no answer within {} s", within.as_secs_f64())
}
