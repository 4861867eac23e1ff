//! Deployments that are rolled out, canaried and rolled back while a run goes on: one
//! port with three answers, the lab's controller, a cluster, and programs of the user's
//! own (ADR 17).
//!
//! A [`Port`] looks and asks. What its plan can set is taken back by one undo, which
//! [`Port::guard`] writes down and gives to a watchdog before anything is asked.

mod guarded;
mod look;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use scenarios::plan::{Change, Deployment};
use serde::{Deserialize, Serialize};

use crate::undo::Undo;
use crate::{Aim, FaultError, Journal, Limits};

pub use guarded::Guarded;
pub use look::{Counts, Look, PodLook, Progress, Status};

/// What came of something that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The generation of the deployment after that.
    pub generation: u64,
    /// That of its canary, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_generation: Option<u64>,
    /// Whether anything changed: what is so already is no change.
    pub changed: bool,
}

/// The way to a deployment and its canary.
#[derive(Debug, Clone)]
pub struct Port {
    plan: Deployment,
}

/// The hosts that steps of a deployment are aimed at, for [`crate::guard::hosts`]. A
/// cluster has the guard of [`Limits::within`]; programs name their hosts themselves.
///
/// # Errors
/// When the control API's address cannot be read.
pub fn aims_of_deployment(_deployment: &Deployment) -> Result<Vec<Aim>, FaultError> {
    Ok(Vec::new())
}

impl Port {
    /// The way to a deployment whose addresses and images are filled in. Nothing is
    /// asked yet, but for a cluster its kubeconfig is read and its guard asked.
    ///
    /// # Errors
    /// [`FaultError::Setting`] for a step that its orchestrator cannot take, and for a
    /// secret that would stand in the journal; [`FaultError::Blocked`] if the guard of a
    /// cluster refuses it; those of its configuration.
    pub async fn new(
        deployment: &Deployment,
        _http: &Client,
        _limits: &Limits,
    ) -> Result<Self, FaultError> {
        Ok(Self { plan: deployment.clone() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// What the deployment and its canary are now.
    ///
    /// # Errors
    /// When nobody answers, or there is no such deployment.
    pub async fn look(&self) -> Result<Look, FaultError> {
        Err(self.not_yet())
    }

    /// Asks for a change, once. That the answer is good means that the API took it, and
    /// nothing else. [`Guarded::ask`] is what a run uses.
    ///
    /// # Errors
    /// When it is refused, or whether it was taken is not known.
    pub async fn ask(&self, _change: &Change) -> Result<Asked, FaultError> {
        Err(self.not_yet())
    }

    /// Asks for the image called `stable` (what was there before, if the plan has none)
    /// and the counts from before, unpaused, in one request where the API can.
    ///
    /// # Errors
    /// Those of [`Port::ask`].
    pub async fn roll_back(&self, _before: &Look) -> Result<Asked, FaultError> {
        Err(self.not_yet())
    }

    /// What takes back every value that a step of the plan or a rollback can set.
    #[must_use]
    pub fn undo(&self, _before: &Look) -> Undo {
        Undo::Nothing { why: "nothing is asked yet".to_owned() }
    }

    /// Writes the undo down, syncs it, and gives it to a watchdog, which takes the
    /// deployment back when this program has ended without having done so, and after
    /// `lasts` in any case. To be called before the first step.
    ///
    /// # Errors
    /// When the undo cannot be written or the watchdog not started: then nothing may be
    /// asked.
    pub async fn guard(
        self,
        journal: Arc<Journal>,
        _limits: Arc<Limits>,
        _lasts: Duration,
    ) -> Result<Guarded, FaultError> {
        let before = self.look().await?;
        Ok(Guarded::new(self, before, journal))
    }

    fn not_yet(&self) -> FaultError {
        let what = format!("deployment {}", self.plan.name);
        FaultError::Setting { what, why: "it is not built yet".to_owned() }
    }
}
