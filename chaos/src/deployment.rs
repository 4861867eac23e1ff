//! Deployments that are rolled out, canaried and rolled back while a run goes on: one
//! port with three answers, the lab's controller, a cluster, and programs of the user's
//! own (ADR 17).
//!
//! A [`Port`] looks and asks. What its plan can set is taken back by one undo, which
//! [`Port::guard`] writes down and gives to a watchdog before anything is asked.

mod commands;
mod control;
mod guarded;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod look;
mod part;
mod restoration;
mod way;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use scenarios::plan::{Change, Deployment, Orchestrator};
use scenarios::redact::Secrets;
use serde::{Deserialize, Serialize};

use crate::fault::at;
use crate::service::HTTP;
use crate::undo::Undo;
use crate::{Aim, FaultError, Journal, Limits};
pub(crate) use part::Values;
pub(crate) use way::{Present, Way, Wrote};

pub use guarded::Guarded;
pub use look::{Counts, Look, PodLook, Progress, Status};
pub use part::Part;
pub(crate) use restoration::Decision;
pub use restoration::{At, Identity, Kept, Restoration};

/// How often something is asked that others change all the time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// What came of something that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The generation of the deployment after that.
    pub generation: u64,
    /// That of its canary, if it has one and it may have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_generation: Option<u64>,
    /// Whether anything changed: what is so already is no change.
    pub changed: bool,
}

/// The way to a deployment and its canary. Clones share everything.
#[derive(Clone)]
pub struct Port {
    plan: Arc<Deployment>,
    way: Way,
}

/// The hosts that steps of a deployment are aimed at, for [`crate::guard::hosts`]. A
/// cluster has the guard of [`Limits::within`]; programs name their hosts themselves.
///
/// # Errors
/// When the control API's address cannot be read.
pub fn aims_of_deployment(deployment: &Deployment) -> Result<Vec<Aim>, FaultError> {
    match &deployment.at {
        Orchestrator::Control(url) => Ok(vec![at(HTTP, &url.fill(&BTreeMap::new())?)?]),
        Orchestrator::Kubernetes(_) | Orchestrator::Commands { .. } => Ok(Vec::new()),
    }
}

impl Port {
    /// The way to a deployment whose addresses and images are filled in. Nothing is
    /// asked yet, but for a cluster its kubeconfig is read and its guard asked.
    ///
    /// # Errors
    /// [`FaultError::Setting`] for a step that its orchestrator cannot take, for an image
    /// that has no value, and for a secret that would stand in the journal;
    /// [`FaultError::Blocked`] if the guard of a cluster refuses it; those of its
    /// configuration.
    pub async fn new(
        deployment: &Deployment,
        http: &Client,
        limits: &Limits,
    ) -> Result<Self, FaultError> {
        see_images(deployment)?;
        see_no_secret(deployment)?;
        let way = Way::to(deployment, http, limits).await?;
        Ok(Self { plan: Arc::new(deployment.clone()), way })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Whether a look tells how many pods there are, and how they fare.
    #[must_use]
    pub fn tells_pods(&self) -> bool {
        self.plan.at.tells_pods()
    }

    /// What the deployment and its canary are now.
    ///
    /// # Errors
    /// When nobody answers, or there is no such deployment.
    pub async fn look(&self) -> Result<Look, FaultError> {
        self.way.look().await
    }

    /// Asks for a change, once. That the answer is good means that the API took it, and
    /// nothing else. A run uses [`Guarded::ask`], which has an undo.
    ///
    /// # Errors
    /// When it is refused, or whether it was taken is not known.
    pub async fn ask(&self, change: &Change) -> Result<Asked, FaultError> {
        self.ask_of(change, None).await
    }

    /// [`Port::ask`], unless it is another deployment by now.
    async fn ask_of(&self, change: &Change, meant: Option<&str>) -> Result<Asked, FaultError> {
        match change {
            Change::Restart => self.way.restart().await,
            Change::Undo { revision } => self.way.go_back(*revision).await,
            _ => {
                let values = |present: &Present| {
                    let canary = present.of_canary();
                    part::values(&self.plan, change, self.way.counting(), canary)
                };
                self.set(values, meant).await
            }
        }
    }

    /// Sets values. A request of which no answer came is asked again once: setting the
    /// same twice sets it once.
    async fn set(
        &self,
        values: impl Fn(&Present) -> Values,
        meant: Option<&str>,
    ) -> Result<Asked, FaultError> {
        let gone = |why: &str| {
            let why = format!("deployment {}: {why}", self.plan.name);
            Err(FaultError::NotLanded { why })
        };
        let (mut unsure, mut tries) = (false, 0);
        loop {
            let Some(present) = self.way.present(&[]).await? else { return gone("it is gone") };
            if meant.is_some_and(|meant| meant != present.uid) {
                return gone("another one has its name by now");
            }
            match self.way.set(&values(&present), &present).await {
                Ok(Wrote::Now(asked)) => {
                    return Ok(Asked { changed: asked.changed || unsure, ..asked });
                }
                Ok(Wrote::Gone) => return gone("it is gone"),
                Ok(Wrote::Conflict) if tries < TRIES => tokio::time::sleep(PAUSE).await,
                Ok(Wrote::Conflict) => {
                    let why = format!("it was changed by others {tries} times meanwhile");
                    return gone(&why);
                }
                Err(error) if way::is_indeterminate(&error) && !unsure => unsure = true,
                Err(error) => return Err(error),
            }
            tries += 1;
        }
    }

    /// What takes back every value that a step of the plan or a rollback can set: what is
    /// desired now is what was before.
    ///
    /// # Errors
    /// When nobody answers, or there is no such deployment.
    pub async fn undo(&self) -> Result<Undo, FaultError> {
        let restoration = self.restoration().await?;
        Ok(Undo::Deployment { deployment: Box::new(restoration) })
    }

    async fn restoration(&self) -> Result<Restoration, FaultError> {
        let templates = match self.goes_back() {
            true => self.way.templates().await?,
            false => Vec::new(),
        };
        let present = self.way.present(&templates).await?;
        let present = present.ok_or_else(|| self.way.absent(&self.plan.name))?;
        Ok(Restoration::new(&self.plan, &self.way, present, templates))
    }

    /// Whether a step goes back to an earlier revision.
    fn goes_back(&self) -> bool {
        self.plan.steps.iter().any(|step| matches!(step.change, Change::Undo { .. }))
    }

    /// Writes the undo down, syncs it, and gives it to a watchdog, which takes the
    /// deployment back when this program has ended without having done so, and after
    /// `lasts` in any case. To be called before the first step.
    ///
    /// # Errors
    /// When the deployment cannot be looked at, the undo not be written or the watchdog
    /// not be started: then nothing may be asked.
    pub async fn guard(
        self,
        journal: Arc<Journal>,
        limits: Arc<Limits>,
        lasts: Duration,
    ) -> Result<Guarded, FaultError> {
        Guarded::new(self, journal, limits, lasts).await
    }
}

/// Lets a plan through whose steps name images that it has.
fn see_images(plan: &Deployment) -> Result<(), FaultError> {
    for step in &plan.steps {
        let (Change::SetImage { image } | Change::Weight { image, .. }) = &step.change else {
            continue;
        };
        if !plan.images.contains_key(image) {
            let what = format!("step {:?} of deployment {}", step.name, plan.name);
            let known: Vec<&str> = plan.images.keys().map(String::as_str).collect();
            let why =
                format!("there is no image called {image:?}; its images are {}", known.join(", "));
            return Err(FaultError::Setting { what, why });
        }
    }
    Ok(())
}

/// The undo is written to the journal as it stands.
fn see_no_secret(plan: &Deployment) -> Result<(), FaultError> {
    let has_secret = |told: serde_json::Value| {
        let text = told.to_string();
        Secrets::of_value(&told).hide(&text) != text
    };
    let at = serde_json::to_value(&plan.at).unwrap_or_default();
    let of_at = has_secret(at.clone());
    if !has_secret(serde_json::json!([at, plan.images])) {
        return Ok(());
    }
    let what = format!("deployment {}", plan.name);
    let why = match &plan.at {
        Orchestrator::Control(_) if of_at => {
            "the controller's address would be written to the journal with its password; give one \
             without, where the controller or a proxy before it asks for none"
        }
        _ => {
            "what it is told would be written to the journal with its password; let a program \
             read the password from a file or from its environment"
        }
    };
    Err(FaultError::Setting { what, why: why.to_owned() })
}

#[cfg(test)]
mod tests;
