//! What a deployment is to be, and what may be asked of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::amount::{self, Amount};
use super::controller::MOST;
use super::crash_loop::Pace;

/// A deployment as it is declared, in the words of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name, of which the pods' names are made: `download-worker`.
    pub name: String,
    /// How many pods there are to be.
    pub replicas: u32,
    /// What they run: `download-worker:v1`.
    pub image: String,
    /// How many pods more than desired a rolling update may have.
    pub max_surge: Amount,
    /// How many of the desired pods a rolling update may leave unavailable.
    pub max_unavailable: Amount,
    /// A pod is available when it has been ready for so long (`minReadySeconds`).
    pub min_ready: Duration,
    /// A rollout that makes no progress for so long has exceeded its deadline.
    pub progress_deadline: Duration,
    /// Between SIGTERM and SIGKILL (`terminationGracePeriodSeconds`).
    pub grace: Duration,
    /// How many revisions without pods are kept for an undo.
    pub history: usize,
    /// The pace of restarts.
    pub pace: Pace,
}

impl Spec {
    /// One pod, and Kubernetes' own values for the rest, but for the pace of restarts and
    /// the deadline (60 s instead of 600 s).
    pub fn new(name: &str, image: &str) -> Self {
        Self {
            name: name.to_owned(),
            replicas: 1,
            image: image.to_owned(),
            max_surge: Amount::Percent(25),
            max_unavailable: Amount::Percent(25),
            min_ready: Duration::ZERO,
            progress_deadline: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            history: 10,
            pace: Pace::default(),
        }
    }

    /// Sets how many pods there are to be.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets the room of a rolling update.
    #[must_use]
    pub fn room(mut self, max_surge: Amount, max_unavailable: Amount) -> Self {
        (self.max_surge, self.max_unavailable) = (max_surge, max_unavailable);
        self
    }

    /// Why it cannot be carried out, if so.
    pub fn flaw(&self) -> Option<String> {
        if self.replicas > MOST {
            return Some(format!("{MOST} pods are the most in a lab"));
        }
        amount::flaw(self.max_surge, self.max_unavailable).or_else(|| {
            let why = "progress_deadline must be longer than min_ready";
            (self.progress_deadline <= self.min_ready).then(|| why.to_owned())
        })
    }
}

/// What the pods of one revision are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// What they run.
    pub image: String,
    /// How often a rollout was asked for without another image, as
    /// `kubectl rollout restart` leaves an annotation.
    pub restarted: u64,
}

/// What somebody asks of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Another image for all pods.
    SetImage {
        /// What they are to run.
        image: String,
    },
    /// New pods of the same image.
    Rollout,
    /// No more pods are replaced for now.
    Pause,
    /// Pods are replaced again.
    Resume,
    /// The template of an earlier revision.
    Undo {
        /// Which one; the one before if absent.
        #[serde(default)]
        to: Option<u64>,
    },
    /// Another number of pods.
    Scale {
        /// How many there are to be.
        replicas: u32,
    },
}

/// Why a request is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The deployment is paused.
    #[error("{name} is paused; resume it first")]
    Paused {
        /// The deployment.
        name: String,
    },
    /// There is no revision to go back to.
    #[error("{name} has no revision before this one")]
    NoEarlier {
        /// The deployment.
        name: String,
    },
    /// That revision does not exist any more or never did.
    #[error("{name} has no revision {asked}; it has {known}")]
    NoRevision {
        /// The deployment.
        name: String,
        /// What was asked for.
        asked: u64,
        /// Those that exist, comma separated.
        known: String,
    },
    /// No machine has room for so many.
    #[error("{name} cannot have {asked} pods: {most} are the most in a lab")]
    TooMany {
        /// The deployment.
        name: String,
        /// What was asked for.
        asked: u32,
        /// The most.
        most: u32,
    },
    /// It is another one than was meant, or something newer was asked of it.
    #[error("{name} {how}")]
    Changed {
        /// The deployment.
        name: String,
        /// What is other than was meant.
        how: String,
    },
    /// A canary cannot have more pods than there are.
    #[error("the canary of {name} cannot have {asked} pods: there are {replicas} in all")]
    Weight {
        /// The deployment.
        name: String,
        /// What was asked for.
        asked: u32,
        /// How many pods both have together.
        replicas: u32,
    },
}
