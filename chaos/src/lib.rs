//! Faults that are journaled, confirmed and always healed.
//!
//! The way of a fault: the [`timetable`] says when it is due and with which
//! seed; [`prepare`] chooses and pins the victims and touches nothing;
//! [`Prepared::inject`] writes the undo to the [`journal`], syncs it, and only
//! then acts; [`Injected::confirm`] waits until the fault is seen to have
//! landed; [`Injected::heal`] takes it back and waits until the system is whole
//! again. What a killed program leaves open, [`recover`] takes back from the
//! journal.
//!
//! Each fault is one file under `fault/` behind the closed enum [`scenarios::plan::FaultKind`].

pub mod conduct;
pub mod deployment;
mod error;
mod fault;
pub mod guard;
mod hold;
pub mod journal;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod leash;
mod limits;
mod management;
mod patience;
mod postgres_server;
pub mod process;
pub mod proxy;
mod recover;
mod redis_server;
pub mod role;
pub mod service;
pub mod timetable;
mod toxiproxy;
mod undo;
pub mod victim;
mod watchdog;
mod weight;
mod world;

use std::ffi::OsString;

pub use deployment::aims_of_deployment;
pub use error::FaultError;
#[cfg(feature = "kubernetes")]
pub use fault::at_cluster;
pub use fault::{About, Healed, Injected, Order, Prepared, Scene, catalogue};
pub use fault::{Aim, Front, aims, aims_behind, aims_of_programs, fronts, hosts_of, through};
pub use fault::{doubt, inject, nobody, prepare};
pub use hold::{Hold, state_folder};
pub use journal::{Journal, JournalError};
pub use leash::{Background, Leash, Leashed};
pub use limits::Limits;
pub use management::http_client;
pub use process::{Pinned, Process};
pub use recover::{Reach, Recovered, Report, accept, recover, recover_within};
pub use role::Roles;
pub use timetable::{ChoiceError, Planned, choose, expand};
pub use undo::program::{Ran, run_within, trimming};
pub use undo::retry::{RECOVER_WITHIN, UNDO_WITHIN};
pub use undo::{Undo, UndoError, Undone};
pub use world::World;

/// Runs a hidden subcommand if `arguments` (without the program's name) ask for
/// one, and gives its exit code; `None` means that they are the user's. A
/// program that injects faults calls this first thing in `main`.
#[must_use]
pub fn hidden(arguments: &[OsString]) -> Option<u8> {
    watchdog::hidden(arguments)
        .or_else(|| fault::burner(arguments))
        .or_else(|| proxy::hidden::hidden(arguments))
        .or_else(|| leash::hidden(arguments))
        .or_else(|| undo::start::hidden(arguments))
}
