//! What this machine has and does, read from `/proc`.
//!
//! Parsers are pure functions of texts; one thin shell reads the files. What
//! the kernel does not tell is unknown, never 0.

pub mod pressure;
