//! End-to-end proofs: the programs as their users run them, against real
//! brokers, with every planted bug, and killed at every moment.
//!
//! A [`sandbox::Sandbox`] holds everything that a run can leave; a [`run::Run`]
//! is a program that is running in it; [`leftovers`] tells what outlived it.
//! [`matrix`] judges the judge, [`kill`] kills its conductor and [`plans`] the
//! program that injects faults. The tests in `tests/suite` and the program `prove` are
//! made of these; [`cluster`] is a Kubernetes cluster for tests that need one.

pub mod broker;
pub mod busy;
pub mod cluster;
pub mod kill;
pub mod leftovers;
pub mod machine;
pub mod matrix;
pub mod plans;
pub mod program;
pub mod run;
pub mod sandbox;
pub mod stranger;
pub mod system;
pub mod wait;
