//! Load against real servers and programs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod amqp;
mod answers;
mod cluster;
mod command;
mod compared;
mod connections;
mod content;
mod denied;
mod http;
mod http2;
mod http_nginx;
mod instances;
#[cfg(feature = "kafka")]
mod kafka;
mod limits;
mod offered;
mod omission;
mod output;
mod program;
mod reach;
mod redirect;
mod redis;
mod server;
mod split;
mod support;
mod terminal;
mod tls;
