//! The faults against real processes and servers, and against a management API
//! that answers like the real one.

#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up fails")]

mod close;
mod duplicate;
mod felt;
mod guards;
mod kill;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod management;
mod overlap;
mod own;
mod program;
mod proxy;
mod proxy_api;
mod proxy_clients;
mod proxy_messages;
mod roles;
mod run;
mod sleeper;
mod upstream;
