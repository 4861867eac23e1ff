//! What must hold of the steps of a deployment.

use serde::{Deserialize, Serialize};

use super::{Live, Names, Pace, Phases, Statement};

/// Each of the steps is done in its time; then every pod runs what it is to run, is ready,
/// and was hardly ever started again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The deployment.
    pub deployment: String,
    /// The steps that are judged; all of them where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// How often pods that a step has made may have been started again by its end.
    #[serde(default)]
    pub max_restarts: u64,
    /// Faults of which every victim excuses a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excused_by: Vec<String>,
}

impl Rollout {
    pub(super) fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::WholeRun,
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::NONE,
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::List(&mut self.excused_by),
            live: Live::ByStep,
            pace: Pace::Always,
        }
    }
}
