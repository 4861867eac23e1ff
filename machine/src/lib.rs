//! What this machine has and does: its processes and its pressure, read from
//! `/proc` and nowhere else, and what programs write.
//!
//! Parsers are pure functions of texts; thin shells read the files. What the
//! kernel does not tell is unknown, never 0.

pub mod output;
pub mod pressure;
pub mod process;
pub mod program;
pub mod shared_memory;
mod text;
