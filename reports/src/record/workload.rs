//! What became of a workload over the whole run.

use serde::{Deserialize, Serialize};

use super::figure;

/// What became of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadRecord {
    /// The workload's name.
    pub name: String,
    /// What it did: `POST http://127.0.0.1:4000/publish`.
    pub target: String,
    /// Operations asked for per second.
    #[serde(deserialize_with = "figure::number")]
    pub rate_asked: f64,
    /// Operations started per second, over the time that load was due.
    #[serde(deserialize_with = "figure::number")]
    pub rate_got: f64,
    /// Operations by outcome.
    pub operations: Operations,
    /// From due to done.
    pub response: Option<Quantiles>,
    /// From started to done.
    pub service: Option<Quantiles>,
    /// From due to started.
    pub delay: Option<Quantiles>,
    /// Stretches in which nothing succeeded.
    pub outages: Vec<Outage>,
    /// The commonest errors with their counts.
    pub errors: Vec<(String, u64)>,
    /// Operations that were sent twice, if any were.
    #[serde(default)]
    pub resent: Option<ResentRecord>,
    /// Operations that were poison (also counted above).
    #[serde(default)]
    pub poison: u64,
}

/// Operations that were sent twice, by what became of the second sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResentRecord {
    /// Definitely accepted.
    pub acked: u64,
    /// Definitely not done.
    pub failed: u64,
    /// Unknown.
    pub indeterminate: u64,
    /// Not sent again, because the run ended first.
    pub unsent: u64,
    /// How the answers compare, where that was asked for.
    pub answers: Option<AnswersRecord>,
}

/// The answers to operations of which both sendings were accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersRecord {
    /// How many operations.
    pub pairs: u64,
    /// Both answers have the same value.
    pub agreed: u64,
    /// They have not.
    pub disagreed: u64,
    /// Neither has the value.
    pub valueless: u64,
    /// What one of them says could not be read.
    #[serde(default)]
    pub unread: u64,
    /// Said to be known when it came again.
    pub marked: u64,
    /// Not said to be.
    pub unmarked: u64,
    /// Said to be known when it came first.
    pub premature: u64,
}

/// Operations by outcome; `acked + failed + indeterminate + dropped = due`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    /// Came due.
    pub due: u64,
    /// Definitely accepted.
    pub acked: u64,
    /// Definitely not done.
    pub failed: u64,
    /// Unknown.
    pub indeterminate: u64,
    /// Never attempted.
    pub dropped: u64,
    /// Started late (also counted above).
    pub late: u64,
}

/// Quantiles of a distribution, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of values.
    pub count: u64,
    /// The arithmetic mean.
    #[serde(deserialize_with = "figure::number")]
    pub mean: f64,
    /// The median.
    #[serde(deserialize_with = "figure::number")]
    pub p50: f64,
    /// 95 %.
    #[serde(deserialize_with = "figure::number")]
    pub p95: f64,
    /// 99 %.
    #[serde(deserialize_with = "figure::number")]
    pub p99: f64,
    /// The greatest value.
    #[serde(deserialize_with = "figure::number")]
    pub max: f64,
}

/// A stretch in which no operation succeeded and at least one did not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// Seconds.
    #[serde(deserialize_with = "figure::number")]
    pub from: f64,
    /// Seconds.
    #[serde(deserialize_with = "figure::number")]
    pub to: f64,
    /// Operations that came due and did not succeed.
    pub operations: u64,
}
