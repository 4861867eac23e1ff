//! The time from when an operation was due until it took effect.

use serde::{Deserialize, Serialize};

use super::{Live, Names, Pace, Phases, Statement};
use crate::units::{Share, Span};

/// So many of the operations took effect within a time of when they were due, or
/// none became a dead letter sooner than after a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndToEnd {
    /// The source of effects, which tells when each came to be.
    pub source: String,
    /// The workloads.
    pub workloads: Vec<String>,
    /// The phases in which the operations were due.
    pub phases: Vec<String>,
    /// What is timed.
    pub of: Timed,
    /// The bound.
    pub bound: TimeBound,
}

/// What is timed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timed {
    /// What took effect.
    #[default]
    Effects,
    /// What was given up for good.
    DeadLetters,
}

/// What the times must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBound {
    /// The share `quantile` of them is at most `max`.
    Within {
        /// The share: `95%`.
        quantile: Share,
        /// The greatest time.
        max: Span,
    },
    /// Every one is at least this long.
    NotBefore(Span),
}

impl EndToEnd {
    pub(super) fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::Each(&mut self.phases),
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::List(&mut self.workloads),
            sources: Names::one(&self.source),
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: match self.bound {
                TimeBound::Within { .. } => Pace::Always,
                TimeBound::NotBefore(_) => Pace::Never,
            },
        }
    }
}
