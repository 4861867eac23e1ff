//! Which hosts may be reached.
//!
//! Faults and load go to this machine without asking; any other machine must be
//! named. [`refused`] decides that, a pure function of names, addresses and
//! permissions; [`Guard`] asks the system for the rest (what a name means, which
//! addresses are this machine's own) and calls it. All programs share both, and
//! so give the same answer in the same words.

mod guard;
mod permission;
mod refusal;

pub use guard::{Guard, GuardError};
pub use permission::{PermissionError, permissions};
pub use refusal::{Ground, Host, Refusals, Refused, Use, refused};
