//! Deployments and stateful sets of a Kubernetes cluster are rolled out again,
//! get another image, go back to what they were, or get another count of pods.
//!
//! What was before is in the journal, and the undo leaves alone what somebody
//! else has set since.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use scenarios::plan::fault::{Rollout as Asked, Scale, SetImage};

use super::pods::cluster;
use super::{About, Strike};
use crate::hold;
use crate::kubernetes::{Alteration, Altered, Change, Cluster, Gap, Kind, Swap, Workload};
use crate::undo::Undo;
use crate::{FaultError, Limits, World};

pub(super) const RESTART: About = About {
    kind: "restart_rollout",
    command: "restart-rollout",
    does: "has a deployment or stateful set replace its pods one after another",
    confirmed: "the API accepts the new template",
    undone: "nothing to undo; it counts as healed when the rollout is complete",
    contract: "a rollout may happen at any moment; nothing may be lost or done twice",
};

pub(super) const SET_IMAGE: About = About {
    kind: "set_image",
    command: "set-image",
    does: "gives a container another image for a while",
    confirmed: "the API accepts the new image",
    undone: "the image from before is set again; a watchdog does so even if chaos is killed",
    contract: "a new version may be rolled out, and rolled back, at any moment",
};

pub(super) const ROLL_BACK: About = About {
    kind: "roll_back",
    command: "roll-back",
    does: "takes a deployment back to its revision before",
    confirmed: "the API accepts the older template",
    undone: "nothing to undo; it counts as healed when the rollout is complete",
    contract: "a version may be rolled back at any moment; nothing may be lost or done twice",
};

pub(super) const SCALE: About = About {
    kind: "scale",
    command: "scale",
    does: "gives a deployment or stateful set another number of pods for a while",
    confirmed: "the API accepts the count",
    undone: "the count from before is set again; a watchdog does so even if chaos is killed",
    contract: "pods may come and go at any moment; nothing accepted may be lost",
};

pub(super) async fn restart(asked: &Asked, limits: &Limits) -> Result<Box<dyn Strike>, FaultError> {
    let cluster = cluster(&asked.context, &asked.namespace, limits).await?;
    let workload = workload(&asked.of)?;
    // It must exist, and whoever may not see how far it is must not start it.
    cluster.plan_restart(&workload).await?;
    Ok(Box::new(Restart { cluster, workload }))
}

pub(super) async fn set_image(
    asked: &SetImage,
    limits: &Limits,
) -> Result<Box<dyn Strike>, FaultError> {
    let container = (!asked.container.is_empty()).then(|| asked.container.clone());
    alter(&asked.rollout, Change::SetImage { container, image: asked.image.clone() }, true, limits)
        .await
}

pub(super) async fn roll_back(
    asked: &Asked,
    limits: &Limits,
) -> Result<Box<dyn Strike>, FaultError> {
    alter(asked, Change::RollBack, false, limits).await
}

pub(super) async fn scale(asked: &Scale, limits: &Limits) -> Result<Box<dyn Strike>, FaultError> {
    alter(&asked.rollout, Change::Scale { to: asked.replicas }, true, limits).await
}

async fn alter(
    asked: &Asked,
    change: Change,
    undone: bool,
    limits: &Limits,
) -> Result<Box<dyn Strike>, FaultError> {
    let cluster = cluster(&asked.context, &asked.namespace, limits).await?;
    let workload = workload(&asked.of)?;
    let alteration = cluster.draft(&workload, &change).await?;
    // Whoever may not see what becomes of it must not change it.
    let before = cluster.gap(&workload).await?;
    // What another fault has set already, this one can hold for longer.
    if !undone || hold::peek(&hold::record(&alteration.thing())).holders.is_empty() {
        alteration.changes()?;
    }
    Ok(Box::new(Alter { cluster, alteration, undone, before }))
}

/// Reads `deployment/NAME` or `statefulset/NAME`.
pub(super) fn workload(text: &str) -> Result<Workload, FaultError> {
    let kind = |word: &str| match word {
        "deployment" | "deployments" | "deploy" => Some(Kind::Deployment),
        "statefulset" | "statefulsets" | "sts" => Some(Kind::StatefulSet),
        _ => None,
    };
    text.split_once('/')
        .and_then(|(word, name)| Some(Workload { kind: kind(word)?, name: name.to_owned() }))
        .ok_or_else(|| FaultError::Setting {
            what: format!("workload {text:?}"),
            why: "write deployment/NAME or statefulset/NAME".to_owned(),
        })
}

struct Restart {
    cluster: Cluster,
    workload: Workload,
}

#[async_trait]
impl Strike for Restart {
    fn victims(&self) -> Vec<String> {
        vec![self.workload.to_string()]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::Nothing { why: "a restarted rollout runs to its end".to_owned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        #[expect(clippy::disallowed_methods, reason = "the annotation says when it was")]
        let now = Timestamp::now();
        Ok(self.cluster.restart(&self.workload, now).await?)
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Ok(())
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        self.cluster.wait_rollout(&self.workload, within).await?;
        Ok(Some(format!("the rollout of {} is complete", self.workload)))
    }
}

struct Alter {
    cluster: Cluster,
    alteration: Alteration,
    /// Whether it is taken back.
    undone: bool,
    /// How many pods were missing or too many.
    before: Gap,
}

#[async_trait]
impl Strike for Alter {
    fn victims(&self) -> Vec<String> {
        vec![self.alteration.to_string()]
    }

    fn thing(&self) -> Option<String> {
        self.undone.then(|| self.alteration.thing())
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        if !self.undone {
            return Ok(Undo::Nothing { why: "a rollback runs to its end".to_owned() });
        }
        // Another fault may have begun or ended since it was prepared.
        self.cluster.look_again(&mut self.alteration).await?;
        Ok(Undo::Kubernetes { alteration: Box::new(self.alteration.clone()) })
    }

    /// Seen before another fault can set the same.
    async fn land(&mut self) -> Result<(), FaultError> {
        let is_so = self.alteration.changes().is_err();
        let altered = match self.cluster.alter(&self.alteration).await {
            // Setting it once more changes nothing and tells what is set.
            Err(error) if error.is_indeterminate() => {
                match self.cluster.alter(&self.alteration).await? {
                    Altered::Already => Altered::Now,
                    altered => altered,
                }
            }
            altered => altered?,
        };
        let why = match altered {
            Altered::Now => return Ok(()),
            // As another fault has set it, which this one holds for longer.
            Altered::Already if is_so => return Ok(()),
            Altered::Already => "it was so already".to_owned(),
            Altered::Other { present } => format!("somebody else has set {present}"),
            Altered::Gone => "it is gone".to_owned(),
        };
        Err(FaultError::NotLanded { why: format!("{}: {why}", self.alteration) })
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Ok(())
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        let workload = &self.alteration.workload;
        match self.alteration.swap {
            Swap::Replicas { .. } => {
                Ok(Some(self.cluster.wait_count(workload, self.before, within).await?))
            }
            Swap::Image { .. } | Swap::Template { .. } => {
                self.cluster.wait_rollout(workload, within).await?;
                Ok(Some(format!("the rollout of {workload} is complete")))
            }
        }
    }
}
