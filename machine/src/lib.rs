//! What this machine has and does, read from `/proc`, and nowhere else.
//!
//! Parsers are pure functions of texts; thin shells read the files. What the
//! kernel does not tell is unknown, never 0.

pub mod pressure;
pub mod process;
pub mod shared_memory;
mod text;
