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
//! Each fault is one file under `fault/` behind the closed enum [`Action`].

mod error;
mod fault;
pub mod guard;
pub mod journal;
mod management;
mod patience;
pub mod process;
pub mod proxy;
mod recover;
pub mod timetable;
mod undo;
pub mod victim;
mod watchdog;
mod world;

pub use error::FaultError;
pub use fault::close_connections::CloseConnections;
pub use fault::kill_process::KillProcess;
pub use fault::pause_process::PauseProcess;
pub use fault::{About, Action, Healed, Injected, Order, Prepared, Scene, catalogue};
pub use fault::{inject, prepare};
pub use journal::{Journal, JournalError};
pub use management::http_client;
pub use process::{Pinned, Process};
pub use recover::{Reach, Recovered, Report, recover};
pub use timetable::{ChoiceError, Planned, choose, expand};
pub use undo::{Undo, UndoError};
pub use watchdog::hidden;
pub use world::World;
