//! Open-loop load with a ledger of every operation.
//!
//! A [`Job`] says what to offer and when; [`start`] sets it going on threads
//! of its own; [`Running::wait`] gives the [`Report`]. Operation *k* is due at
//! a time that the [`Schedule`] alone decides. Its response time counts from
//! then, so a stall of the target is in the figures (no coordinated omission).
//! Every operation that came due has exactly one fate in the [`Ledger`]:
//! acked, failed, indeterminate or dropped.
//!
//! ```text
//! schedule ─► pump ─► feed ─► transport ─► book ─► ledger, seconds, outages
//! ```

mod alarm;
pub mod answers;
mod backoff;
mod book;
mod clock;
mod collector;
pub mod compare;
pub mod content;
mod counter;
pub mod course;
pub mod data;
mod deadlines;
mod descriptors;
mod error;
mod feed;
pub mod hlog;
mod horizon;
pub mod identity;
mod instance;
mod job;
mod lane;
pub mod latency;
pub mod ledger;
mod limit;
pub mod outage;
pub mod outcome;
pub mod pace;
pub mod payload;
pub mod printable;
pub mod profile;
mod pump;
mod reach;
mod reader;
pub mod report;
mod ring;
mod route;
mod running;
pub mod schedule;
pub mod search;
pub mod shape;
mod split;
pub mod tally;
pub mod threshold;
mod tls;
pub mod transport;
mod worker;
pub mod worse;

pub use answers::{Answers, Compared};
pub use book::{Resent, Retries};
pub use content::Content;
pub use data::Data;
pub use error::LoadError;
pub use identity::{Identity, IdentityRef};
pub use instance::Instance;
pub use job::{Job, Late, Ready, room_for, start};
pub use latency::{Histogram, Latency, Quantiles};
pub use ledger::{Fate, Ledger, LedgerError};
pub use limit::Limit;
pub use outage::Outage;
pub use outcome::Outcome;
pub use pace::{Closed, Pace};
pub use pump::{LATE_TICK, Pump};
pub use reader::Received;
pub use report::{Connected, Progress, Report};
pub use route::Route;
pub use running::{Counters, Running};
pub use schedule::{Arrival, Schedule, ScheduleError, Segment, Stride, Window};
pub use shape::Shape;
pub use split::Split;
pub use tally::{Part, Second, Tally};
pub use threshold::{Kept, Threshold};
pub use tls::Tls;
pub use transport::{Amqp, Command, Compare, Http, HttpVersion, Kafka, Redis, Transport};
pub use worse::Worse;
