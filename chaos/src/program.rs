//! The parts of the program: its arguments, its subcommands, what it says and
//! how it ends.

pub(crate) mod arguments;
pub(crate) mod exit;
pub(crate) mod lists;
pub(crate) mod place;
pub(crate) mod proxy;
pub(crate) mod recovery;
pub(crate) mod say;
pub(crate) mod strike;
pub(crate) mod targets;
