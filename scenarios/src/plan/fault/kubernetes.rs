//! Faults in a Kubernetes cluster.

use serde::{Deserialize, Serialize};

use super::Pick;
use super::statement::{Choice, Harm, Statement};
use crate::units::Span;

/// Pods of a namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pods {
    /// The kubeconfig's context; empty for the current one, or the cluster
    /// that the tool runs in.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// A label selector: `app=worker`.
    pub labels: String,
    /// Which of them are hit.
    pub pick: Pick,
}

impl Statement for Pods {
    fn harms(&self) -> Harm<'_> {
        Harm::Cluster { context: &self.context, namespace: &self.namespace }
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        Span::seconds(0)
    }
}

/// A deployment or stateful set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The kubeconfig's context; empty for the current one.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// `deployment/NAME` or `statefulset/NAME`.
    pub of: String,
}

impl Statement for Rollout {
    fn harms(&self) -> Harm<'_> {
        Harm::Cluster { context: &self.context, namespace: &self.namespace }
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        Span::seconds(0)
    }
}

/// Another image for a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetImage {
    /// What gets it.
    #[serde(flatten)]
    pub rollout: Rollout,
    /// The container.
    pub container: String,
    /// The image.
    pub image: String,
    /// For how long; zero leaves it.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for SetImage {
    fn harms(&self) -> Harm<'_> {
        self.rollout.harms()
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// Another number of pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// What gets it.
    #[serde(flatten)]
    pub rollout: Rollout,
    /// How many pods.
    pub replicas: u32,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for Scale {
    fn harms(&self) -> Harm<'_> {
        self.rollout.harms()
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}
