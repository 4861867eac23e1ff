//! All that can be desired of a deployment and of its canary, set at once.

use serde::{Deserialize, Serialize};

/// What is desired from now on; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setting {
    /// Only where the deployment is this one.
    pub uid: Option<String>,
    /// Only where nothing newer was asked of the deployment.
    pub generation: Option<u64>,
    /// What its pods are to run.
    pub image: Option<String>,
    /// How many pods it and its canary are to have together.
    pub replicas: Option<u32>,
    /// Whether no pods are replaced for now.
    pub paused: Option<bool>,
    /// The same of the canary.
    pub canary: Option<OfCanary>,
}

/// What is desired of a canary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfCanary {
    /// Only where nothing newer was asked of the canary.
    pub generation: Option<u64>,
    /// What its pods are to run.
    pub image: Option<String>,
    /// How many of the pods are its.
    pub pods: Option<u32>,
}
