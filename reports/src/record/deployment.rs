//! What became of a deployment: each of its steps, and its rollback.
//!
//! All times are in seconds since the start of the first phase.

use scenarios::plan::deployment::Change;
use serde::{Deserialize, Serialize};

use super::figure;

/// A deployment with everything that became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// The deployment's name.
    pub name: String,
    /// Who orchestrates it, in words: `the lab's controller`,
    /// `kubernetes staging/orders`, `commands`.
    pub orchestrator: String,
    /// The deployment beside it that runs the new version, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// Its steps, in the order of time.
    pub steps: Vec<DeploymentStep>,
    /// How it was rolled back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<Rollback>,
    /// What became of it when the run ended; none as long as the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
}

/// A step of a deployment, as far as it went. A step is due, asked for, confirmed, and
/// done or failed, or it was skipped; each of these has its time as soon as it is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentStep {
    /// The step's name.
    pub name: String,
    /// The phase in which it is due.
    pub phase: String,
    /// What it asks for, in words: `set image new (orders:2)`.
    pub what: String,
    /// What it asks for.
    pub change: Change,
    /// When it was planned.
    #[serde(deserialize_with = "figure::number")]
    pub due: f64,
    /// How long it may take, from when it is asked for to when it is done.
    #[serde(deserialize_with = "figure::number")]
    pub within: f64,
    /// When it began to be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<f64>,
    /// When the orchestrator was seen to have taken note of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<f64>,
    /// When it was seen to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<f64>,
    /// When it was given up, or it was known that it will not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<f64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it could not be asked for: nothing was changed, and nothing is known of how
    /// the system would have taken it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unasked: bool,
    /// Why it was never asked for, if it was left out when its time came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What set the same before it was done, so that it could not be done any more: a later
    /// step, or `the rollback`. Nobody failed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// What was seen when it was done or had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<DeploymentLook>,
    /// The same of the canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_at_end: Option<DeploymentLook>,
}

impl DeploymentStep {
    /// Whether nothing more becomes of it: it was done, failed, skipped or superseded.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.done.is_some()
            || self.failed.is_some()
            || self.skipped.is_some()
            || self.superseded_by.is_some()
    }

    /// Whether it was asked for and nothing has become of it yet.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.asked.is_some() && !self.is_over()
    }
}

/// What an orchestrator said of a deployment at one look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentLook {
    /// The image that its pods are to run; none where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Which revision that is; none where nobody counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Whether no pods are replaced for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// How many pods there are; none where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<DeploymentCounts>,
    /// Each pod, those that end as well; empty where nobody says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodRecord>,
}

/// How many pods a deployment has. Those that were asked to end are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentCounts {
    /// Pods that there are to be.
    pub desired: u32,
    /// Pods that there are.
    pub replicas: u32,
    /// Pods of these that are of the present template.
    pub updated: u32,
    /// Pods that are ready.
    pub ready: u32,
    /// Pods that have been ready for long enough.
    pub available: u32,
    /// Pods that are missing until all that there are to be are available.
    pub unavailable: u32,
    /// How often pods that are there were restarted.
    pub restarts: u32,
}

/// A pod of a deployment at one look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRecord {
    /// Its name.
    pub name: String,
    /// The image that it runs.
    pub image: String,
    /// Whether it is ready.
    pub ready: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// `Running`, `CrashLoopBackOff`, `Terminating` and the like.
    pub phase: String,
    /// How its process last ended, or why it could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<String>,
}

impl PodRecord {
    /// Whether it was asked to end and was still there.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.phase == "Terminating"
    }
}

/// How a deployment was rolled back while the run went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// When it was asked for.
    #[serde(deserialize_with = "figure::number")]
    pub asked: f64,
    /// How long it may take, from when it is asked for to when it is done.
    #[serde(deserialize_with = "figure::number")]
    pub within: f64,
    /// When every pod was seen to run the stable image and to be available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<f64>,
    /// When it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<f64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it could not be asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unasked: bool,
    /// What was seen when it was done or had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<DeploymentLook>,
    /// The same of the canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_at_end: Option<DeploymentLook>,
}

/// What became of a deployment when the run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    /// When that was known.
    #[serde(deserialize_with = "figure::number")]
    pub at: f64,
    /// What was done, in words: `it has again what it had before`, `kept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// Why it could not be restored, so that what the steps changed may still be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// That a check said that a deployment should be rolled back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollBackAdvice {
    /// The deployment.
    pub deployment: String,
    /// The check that was violated.
    pub check: String,
    /// Since when what it judges had been out of bounds, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
    /// When it was seen to be violated.
    #[serde(deserialize_with = "figure::number")]
    pub at: f64,
    /// The moment up to which the run had been judged then.
    #[serde(deserialize_with = "figure::number")]
    pub judged_to: f64,
    /// What was measured, and what is allowed.
    pub why: String,
    /// Whether the deployment was rolled back for it.
    pub acted: bool,
}
