//! Counts of operations by what became of them.

use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::latency::Latency;
use crate::outcome::Outcome;

/// An operation that starts later than this after it was due is *late*.
pub const LATE: Duration = Duration::from_millis(10);

/// How many operations came due, and what became of them. When a run has
/// ended, `acked + failed + indeterminate + dropped = due`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Came due.
    pub due: u64,
    /// Definitely accepted.
    pub acked: u64,
    /// Definitely not done.
    pub failed: u64,
    /// Unknown.
    pub indeterminate: u64,
    /// Never attempted, because the run ended first or this machine could not.
    pub dropped: u64,
    /// Started more than [`LATE`] after they were due, whatever their outcome.
    pub late: u64,
    /// Were sent for a second time.
    #[serde(default)]
    pub resent: u64,
    /// The second sending was accepted.
    #[serde(default)]
    pub resent_acked: u64,
    /// Accepted answers to operations that were sent again which say that the
    /// operation was known, where answers are compared.
    #[serde(default)]
    pub hits: u64,
    /// The answers to both sendings disagree, where answers are compared.
    #[serde(default)]
    pub disagreed: u64,
}

/// What an operation that was sent again adds to the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Again {
    /// It was sent a second time.
    pub(crate) resent: bool,
    /// That was accepted.
    pub(crate) acked: bool,
    /// Accepted answers that say that it was known.
    pub(crate) hits: u8,
    /// The answers disagree.
    pub(crate) disagreed: bool,
}

impl Tally {
    /// Counts the outcome of one operation.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Acked => self.acked += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Indeterminate => self.indeterminate += 1,
        }
    }

    /// Counts an operation that was sent again.
    pub(crate) fn count_again(&mut self, again: Again) {
        self.resent += u64::from(again.resent);
        self.resent_acked += u64::from(again.acked);
        self.hits += u64::from(again.hits);
        self.disagreed += u64::from(again.disagreed);
    }

    /// How many operations are accounted for.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.acked + self.failed + self.indeterminate + self.dropped
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.due += other.due;
        self.acked += other.acked;
        self.failed += other.failed;
        self.indeterminate += other.indeterminate;
        self.dropped += other.dropped;
        self.late += other.late;
        self.resent += other.resent;
        self.resent_acked += other.resent_acked;
        self.hits += other.hits;
        self.disagreed += other.disagreed;
    }
}

/// Everything about the operations that came due in one second of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// Which second after T0, from 0.
    pub second: u64,
    /// What became of its operations.
    pub tally: Tally,
    /// How long they took.
    pub latency: Latency,
    /// The same of those that each value of a split answered, in the order of the
    /// values: a worker's part may lack the last ones. What is due is what was
    /// answered.
    pub parts: Vec<Part>,
}

impl Second {
    /// A second of which nothing is known yet.
    #[must_use]
    pub fn empty(second: u64) -> Self {
        let (tally, latency, parts) = (Tally::default(), Latency::default(), Vec::new());
        Self { second, tally, latency, parts }
    }
}

/// The operations that one value of a split answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// What became of them.
    pub tally: Tally,
    /// How long they took.
    pub latency: Box<Latency>,
}

impl Part {
    /// Adds every part of `other` to those of `into`.
    pub(crate) fn merge(into: &mut Vec<Self>, other: &[Self]) {
        if into.len() < other.len() {
            into.resize_with(other.len(), Self::default);
        }
        for (into, from) in into.iter_mut().zip(other) {
            into.tally += from.tally;
            into.latency.merge(&from.latency);
        }
    }
}
