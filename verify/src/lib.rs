//! Conducts a run, judges its history and reports.
//!
//! [`conduct`] is the shell that owns sockets, clocks and files; it writes a
//! [`history`] through [`folder`]. [`judge`] takes the history as a value and
//! comes to findings; [`report`] has them drawn.

pub mod calibration;
pub mod cli;
pub mod clock;
pub mod command;
pub mod conduct;
mod contract;
pub mod effects;
pub mod event;
pub mod exit;
mod files;
pub mod folder;
pub mod github;
pub mod guards;
pub mod history;
pub mod judge;
mod kafka;
pub mod lines;
pub mod live;
mod management;
pub mod mongodb;
pub mod observe;
pub mod operation;
mod postgres;
pub mod preflight;
pub mod probe;
pub mod program;
pub mod progress;
pub mod record;
mod redis_server;
pub mod report;
pub mod runs;
pub mod setup;
pub mod signal;
pub mod stats;
pub mod targets;
