//! What is seen of a deployment and of its canary.

use scenarios::plan::Change;
use serde::{Deserialize, Serialize};

/// A deployment and its canary at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The deployment.
    pub stable: Status,
    /// The deployment beside it; none if the plan names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Status>,
}

/// What one deployment is seen to be, in the words of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// What tells it from another one of its name: a uid, or the identity of the lab's
    /// controller with the name; empty where nobody says.
    pub uid: String,
    /// Which version of what is asked for this is; it grows with every change.
    pub generation: u64,
    /// The version that the controller has seen.
    pub observed_generation: u64,
    /// What the pods are to run; `None` where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The revision of the present template; `None` where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Whether no pods are replaced for now.
    pub paused: bool,
    /// How many pods there are; `None` where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// How far the rollout is.
    pub progress: Progress,
    /// The pods, those that were asked to end as well, the oldest first where that is
    /// known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodLook>,
}

/// How many pods there are. Those that were asked to end are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many there are to be.
    pub desired: u32,
    /// How many there are.
    pub replicas: u32,
    /// How many are of the present template.
    pub updated: u32,
    /// How many are ready.
    pub ready: u32,
    /// How many have been ready for long enough.
    pub available: u32,
    /// How many are missing until all that there are to be are available.
    pub unavailable: u32,
    /// How often pods that are there have been restarted.
    pub restarts: u32,
}

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Pods are replaced.
    Going,
    /// Its controller says that it is complete.
    Complete,
    /// It has made no progress for longer than its deadline.
    Exceeded {
        /// What its controller says of that.
        reason: String,
    },
    /// No pods are replaced for now.
    Paused,
    /// Nobody says.
    Unknown,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodLook {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub image: String,
    /// Whether it is ready.
    pub ready: bool,
    /// How often it has been restarted.
    pub restarts: u32,
    /// `Pending`, `Running`, `CrashLoopBackOff`, `Terminating` and the like.
    pub phase: String,
    /// How its process last ended, or why it could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<String>,
}

impl PodLook {
    /// Whether it was asked to end and is still there.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.phase == TERMINATING
    }
}

pub(super) const TERMINATING: &str = "Terminating";

impl Status {
    /// Whether its controller has seen what was last asked for.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.observed_generation >= self.generation
    }

    /// Whether its controller has seen what was last asked for, every pod is of the
    /// present template and available, and no other is left, not even one that ends.
    /// Where nobody tells counts, whether its rollout is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let Some(counts) = self.counts else { return self.progress == Progress::Complete };
        let Counts { desired, replicas, updated, ready, available, .. } = counts;
        self.is_seen()
            && [replicas, updated, ready, available].iter().all(|&count| count == desired)
            && !self.pods.iter().any(PodLook::is_ending)
    }
}

impl Look {
    /// What tells the deployment from another one of its name.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.stable.uid
    }

    /// Both, the deployment first.
    pub fn statuses(&self) -> impl Iterator<Item = &Status> {
        std::iter::once(&self.stable).chain(&self.canary)
    }

    /// Whether what was asked for is so, and done. A pause is as soon as it is seen.
    #[must_use]
    pub fn is_done(&self, change: &Change) -> bool {
        let desired = |status: &Status| status.counts.map(|counts| counts.desired);
        let stable = desired(&self.stable);
        let canary = self.canary.as_ref().and_then(desired).unwrap_or(0);
        let all_done = || self.statuses().all(Status::is_done);
        match change {
            Change::Pause => self.stable.paused && self.stable.is_seen(),
            Change::Weight { pods, of, .. } => {
                canary == *pods && stable == of.checked_sub(*pods) && all_done()
            }
            Change::Scale { replicas } => {
                stable.is_none_or(|stable| stable.saturating_add(canary) == *replicas) && all_done()
            }
            Change::SetImage { .. } | Change::Resume | Change::Restart | Change::Undo { .. } => {
                self.stable.is_done()
            }
        }
    }
}
