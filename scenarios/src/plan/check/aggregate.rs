//! Records that many operations came to together: what must hold of them.

use serde::{Deserialize, Serialize};

use super::{Live, Names, Pace, Phases, Statement};

/// Every record says what the operations of its key come to: as many as were
/// acknowledged, and those whose outcome is unknown or not; and the right value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregateCheck {
    /// The source, which gives aggregates.
    pub source: String,
    /// The workloads whose operations are in the records.
    pub workloads: Vec<String>,
    /// The fewest records of these operations' keys that make a verdict.
    pub at_least: u64,
}

impl AggregateCheck {
    pub(super) fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::WholeRun,
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::List(&mut self.workloads),
            sources: Names::one(&self.source),
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Never,
        }
    }
}
