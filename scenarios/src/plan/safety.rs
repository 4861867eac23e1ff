//! How far the faults of a run may go.

use serde::{Deserialize, Serialize};

use crate::program::Program;

/// Guards over all faults of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Safety {
    /// The most victims that may be under faults at the same time; 0 is no
    /// limit. A fault that would go beyond it is refused.
    pub most_victims: u32,
    /// Checks that are looked at on live figures: when one is violated, no more
    /// faults are injected and those that are there are taken back.
    pub stop_if: Vec<String>,
    /// `--abort-on-fail`: those checks are looked at as long as the run lasts, whether
    /// there are faults or not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abort_on_fail: bool,
    /// What is run when one of them is violated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_abort: Option<Program>,
    /// What the person who started the run allowed beyond this machine, as it was
    /// typed: hosts, process ids, namespaces. No file can allow anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}
