//! Load against real servers and programs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod cluster;
mod command;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod offered;
mod omission;
mod program;
mod redis;
mod server;
mod support;
mod terminal;
