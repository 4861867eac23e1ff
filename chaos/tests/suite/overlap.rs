//! Faults that hold one thing at the same time, whatever the thing is.

mod clock;
mod pause;
pub(crate) mod play;
mod programs;
mod redis;
mod toxics;
mod traffic;

pub(crate) use play::{Nobody, Thing, prove_on};
