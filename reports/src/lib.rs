//! The record of a run and its renderings, and the bounds of a scenario for the
//! monitoring of production. Pure: a record or a plan in, bytes out.
//!
//! [`record`] is the versioned schema of `verdict.json`; [`format`](mod@format) draws a
//! record for the reader it is meant for. Nothing here judges, opens a file or
//! asks the time.

pub mod format;
pub mod monitoring;
pub mod record;

pub use format::{Format, Options, render};
pub use record::Record;
