//! Deployments: what is updated, canaried and rolled back while a run goes on, and by
//! which steps. A deployment is a subject of the scenario beside its faults, with a
//! timeline of its own (ADR 17).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::program::Program;
use crate::units::Span;

/// A deployment with its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// What the orchestrator and the report call it: `download-worker`.
    pub name: String,
    /// Who orchestrates it.
    pub at: Orchestrator,
    /// The name of the deployment beside it that runs the new version for a share of the
    /// work; none if it has no canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// The container whose image is set; empty for the only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// The images that steps name: `stable`, `new`.
    pub images: BTreeMap<String, String>,
    /// What becomes of it when the run ends.
    pub after: Afterwards,
    /// The checks that say that it should be rolled back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roll_back_if: Vec<String>,
    /// How long a rollback may take, from when it is asked for to when it is done.
    pub roll_back_within: Span,
    /// What is done to it, in the order of time.
    pub steps: Vec<Step>,
}

/// Who orchestrates a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orchestrator {
    /// The API of a controller such as the lab's: `http://127.0.0.1:PORT`.
    Control(String),
    /// A cluster.
    Kubernetes {
        /// The kubeconfig's context; empty for the current one.
        context: String,
        /// The namespace.
        namespace: String,
    },
    /// Programs of the user's own.
    Commands {
        /// Sets the image that the environment gives in `IMAGE`.
        set_image: Program,
        /// Goes back to the image from before; `set_image` with the image `stable` where
        /// there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        roll_back: Option<Program>,
        /// Ends with 0 when the rollout is done, and with anything else as long as it is
        /// not; without it, a rollout is done when `set_image` has ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Program>,
    },
}

/// What becomes of a deployment when the run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// It gets back what it had before the first step.
    #[default]
    Restore,
    /// It stays as the last step left it, if that was done.
    Keep,
}

/// One step of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the report calls it.
    pub name: String,
    /// The phase in which it is due.
    pub phase: String,
    /// When, counted from the start of the phase.
    pub at: Span,
    /// What is asked for.
    pub change: Change,
    /// How long it may take, from when it is asked for to when it is done.
    pub within: Span,
    /// Whether it is asked for although the step before it is not done yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overlaps: bool,
}

/// What a step asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// All pods run another image, replaced one after another.
    SetImage {
        /// Its name among the deployment's images.
        image: String,
    },
    /// So many of all pods are the canary's, and run the other image.
    Weight {
        /// The canary's pods; 0 takes the canary away.
        pods: u32,
        /// Both deployments' pods together.
        of: u32,
        /// Its image, by its name among the deployment's.
        image: String,
    },
    /// Another number of pods.
    Scale {
        /// How many there are to be.
        replicas: u32,
    },
    /// No more pods are replaced for now.
    Pause,
    /// Pods are replaced again.
    Resume,
    /// All pods are replaced by new ones of the same image.
    Restart,
    /// Back to an earlier revision.
    Undo {
        /// Which one; the one before if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<u64>,
    },
}
