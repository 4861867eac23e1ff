//! Throwaway real brokers as child processes, the reference systems that run on
//! them, and the supervisor that restarts and finally removes them all.
//!
//! A [`Lab`] is a handle to a *keeper*: a small process of its own that forks
//! every broker and replica, restarts them as an orchestrator would, and
//! removes every trace when the program that asked for the lab ends, by
//! whatever means it ends. On a lab stand [servers](server),
//! such as [`RabbitMq`] or [`Postgres`], a [`mod@reference`] system with its planted
//! bugs, and [deployments](deployment) of it.
//!
//! The keeper and the replicas are this same executable under hidden
//! subcommands: a program that uses the lab calls [`hidden`] first thing in
//! `main`. Everything is on the loopback interface.

pub mod deployment;
mod error;
mod handle;
mod http;
mod keeper;
mod need;
mod patience;
mod port;
mod proxy;
pub mod reference;
pub mod server;

pub use error::LabError;
pub use handle::table::ProcessState;
pub use handle::{Lab, LabOptions, Released};
pub use keeper::wire::{Event, ProcessSpec, Restart};
pub use need::{Need, Package, Registry, Way, provision};
pub use patience::Patience;
pub use port::free as free_port;
pub use proxy::{Proxy, ProxyOptions};
pub use server::Server;
pub use server::kafka::{Kafka, KafkaOptions};
pub use server::mongodb::{MongoDb, MongoDbOptions};
pub use server::postgres::{Postgres, PostgresOptions};
pub use server::rabbitmq::{RabbitMq, RabbitMqOptions};
pub use server::redis::{Redis, RedisOptions};

use std::ffi::OsString;

/// Runs a hidden subcommand if `arguments` (without the program's name) ask for
/// one, and gives its exit code; `None` means that the arguments are the user's.
pub fn hidden(arguments: &[OsString]) -> Option<u8> {
    let (first, rest) = arguments.split_first()?;
    match first.to_str()? {
        keeper::SUBCOMMAND => Some(keeper::run(rest)),
        deployment::driver::SUBCOMMAND => Some(deployment::driver::run(rest)),
        subcommand => reference::hidden(subcommand, rest),
    }
}
