//! The parts of the program: its arguments, its subcommands, what it says and
//! how it ends.

pub(crate) mod addresses;
pub(crate) mod again;
pub(crate) mod arguments;
pub(crate) mod campaign;
pub(crate) mod chronicle;
pub(crate) mod condition;
pub(crate) mod exit;
pub(crate) mod lists;
pub(crate) mod log;
pub(crate) mod place;
pub(crate) mod proxy;
pub(crate) mod recovery;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod say;
pub(crate) mod strike;
pub(crate) mod targets;
