//! What a deployment is seen to be, in the words of Kubernetes.

use serde::{Deserialize, Serialize};

/// The state of a deployment. Pods that were asked to end are listed and not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// What tells it from another one of its name, of another controller; empty where it
    /// has no process.
    #[serde(default)]
    pub uid: String,
    /// Which version of what is asked for this is; it grows with every request.
    pub generation: u64,
    /// The version that the controller has seen.
    pub observed_generation: u64,
    /// What the pods are to run.
    pub image: String,
    /// The revision of the newest replica set.
    pub revision: u64,
    /// Whether no pods are replaced for now.
    pub paused: bool,
    /// How many pods there are to be.
    pub desired: u32,
    /// How many pods it and its canary are to have together.
    pub total: u32,
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
    /// How many pods did not end within their grace period, and were killed.
    #[serde(default)]
    pub killed_ever: u64,
    /// `Available` and `Progressing`.
    pub conditions: Vec<Condition>,
    /// The pods, the oldest first.
    pub pods: Vec<PodStatus>,
    /// The revisions that can be gone back to, the oldest first.
    pub revisions: Vec<Revision>,
}

/// Something that is so, is not so, or is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `Available` or `Progressing`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A word: `ProgressDeadlineExceeded`.
    pub reason: String,
    /// When the controller last saw it change or get on, in milliseconds since it began.
    pub at_ms: u64,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodStatus {
    /// Its name, which is that of its process in the lab.
    pub name: String,
    /// What it runs.
    pub image: String,
    /// The revision of its replica set.
    pub revision: u64,
    /// `http://127.0.0.1:PORT`, where it alone answers; none if it never had a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `ContainerCreating`, `Running`, `CrashLoopBackOff` or `Terminating`.
    pub phase: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it has been ready for long enough.
    pub available: bool,
    /// How often it has been restarted.
    pub restarts: u32,
    /// How its process last ended, or why it could not be started.
    pub last_end: Option<String>,
}

/// A revision: a template that was once asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number; going back to one gives it the next number.
    pub revision: u64,
    /// What its pods run.
    pub image: String,
    /// How many pods it is to have.
    pub size: u32,
}

impl Status {
    /// Whether the controller has seen the last request and every pod is new and
    /// available.
    pub fn is_complete(&self) -> bool {
        let Self { desired, replicas, updated, available, .. } = *self;
        self.observed_generation == self.generation
            && [replicas, updated, available].iter().all(|&count| count == desired)
    }

    /// Whether the rollout has made no progress for too long.
    pub fn is_stuck(&self) -> bool {
        self.reason("Progressing") == Some("ProgressDeadlineExceeded")
    }

    /// The reason of a condition.
    pub fn reason(&self, kind: &str) -> Option<&str> {
        let condition = self.conditions.iter().find(|condition| condition.kind == kind)?;
        Some(&condition.reason)
    }
}
