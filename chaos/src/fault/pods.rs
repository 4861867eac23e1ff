//! Pods of a Kubernetes cluster are killed, asked to end, or evicted.
//!
//! Each request is sent once, with the pod's UID as a precondition, so that a
//! pod that was replaced meanwhile is never hit. A budget that forbids an
//! eviction blocks the fault; nobody tries again behind its back.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::Pods as Asked;

use super::{About, Order, Scene, Strike};
use crate::kubernetes::{Cluster, Limits, Pod, Selection, Struck};
use crate::timetable::choose;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const KILL: About = About {
    kind: "kill_pods",
    command: "kill-pods",
    does: "deletes pods without grace",
    confirmed: "no pod with that UID exists any more",
    undone: "nothing to undo; a pod's owner makes a new one, a pod without an owner stays away",
    contract: "a node may fail at any moment; nothing acknowledged may be lost",
};

pub(super) const TERMINATE: About = About {
    kind: "terminate_pods",
    command: "terminate-pods",
    does: "deletes pods, which get the grace that they ask for",
    confirmed: "no pod with that UID exists any more",
    undone: "nothing to undo; a pod's owner makes a new one, a pod without an owner stays away",
    contract: "a pod may be asked to end at any moment; nothing accepted may be lost",
};

pub(super) const EVICT: About = About {
    kind: "evict_pods",
    command: "evict-pods",
    does: "evicts pods, as far as disruption budgets allow",
    confirmed: "no pod with that UID exists any more",
    undone: "nothing to undo; a pod's owner makes a new one, a pod without an owner stays away",
    contract: "a node may be drained at any moment, within the budgets",
};

/// A pod is gone so long after its grace is over, on a machine that is busy.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// A request of which no answer came has taken effect within this time, or never
/// arrived.
const ARRIVED_WITHIN: Duration = Duration::from_secs(5);

/// What is done to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Kill,
    Terminate,
    Evict,
}

pub(super) async fn prepare(
    asked: &Asked,
    how: How,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    if asked.labels.trim().is_empty() {
        let what = "labels: the empty text selects every pod of the namespace".to_owned();
        let why = "write a selector such as app=web".to_owned();
        return Err(FaultError::Setting { what, why });
    }
    let cluster = cluster(&asked.context, &asked.namespace, &scene.limits).await?;
    let selection = Selection { labels: Some(asked.labels.clone()), ..Selection::default() };
    let candidates = cluster.candidates(&selection).await?;
    let what = format!("pod of {} with {}", asked.namespace, asked.labels);
    // A pod that was not ready need not be replaced by one that is.
    let before = candidates.iter().filter(|pod| pod.is_up()).count();
    let victims = choose(&candidates, asked.pick, order.seed, |pod| pod.created)
        .map_err(|source| FaultError::Choice { what, source })?;
    Ok(Box::new(Hit { cluster, selection, how, before, victims }))
}

/// The cluster, unless its namespace may not be hit.
pub(super) async fn cluster(
    context: &str,
    namespace: &str,
    limits: &crate::Limits,
) -> Result<Cluster, FaultError> {
    let place = crate::kubernetes::Place {
        kubeconfig: None,
        merged: Vec::new(),
        context: (!context.is_empty()).then(|| context.to_owned()),
        namespace: namespace.to_owned(),
    };
    Ok(Cluster::connect(&place, &limits.guard(), Limits::default()).await?)
}

struct Hit {
    cluster: Cluster,
    selection: Selection,
    how: How,
    /// How many pods were ready.
    before: usize,
    victims: Vec<Pod>,
}

impl Hit {
    /// Each pod has the grace that it asks for.
    fn gone_within(&self) -> Duration {
        let grace = self.victims.iter().map(|pod| pod.grace).max().unwrap_or_default();
        if self.how == How::Kill { GONE_WITHIN } else { GONE_WITHIN + grace }
    }

    /// Victims of which nobody makes new ones.
    fn bare(&self) -> impl Iterator<Item = &Pod> {
        self.victims.iter().filter(|pod| pod.owner.is_none())
    }
}

#[async_trait]
impl Strike for Hit {
    fn victims(&self) -> Vec<String> {
        let describe = |pod: &Pod| {
            let keeper = pod.keeper.as_ref().map(|keeper| format!(" of {keeper}"));
            format!("pod {}{} (uid {})", pod.name, keeper.unwrap_or_default(), pod.uid)
        };
        self.victims.iter().map(describe).collect()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let bare: Vec<&str> = self.bare().map(|pod| pod.name.as_str()).collect();
        let why = match bare.len() {
            0 => "the pods' owner makes new ones".to_owned(),
            n if n == self.victims.len() => "nobody makes new ones: they have no owner".to_owned(),
            _ => format!("the pods' owner makes new ones, but nobody of {}", bare.join(", ")),
        };
        Ok(Undo::Nothing { why })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let (mut hit, mut missed, mut refused) = (Vec::new(), Vec::new(), None);
        let mut unsure = Vec::new();
        for pod in &self.victims {
            let struck = match self.how {
                How::Kill => self.cluster.kill(pod).await,
                How::Terminate => self.cluster.terminate(pod).await,
                How::Evict => self.cluster.evict(pod, None).await,
            };
            match struck {
                Ok(Struck::Now) => hit.push(pod.clone()),
                Ok(Struck::Missed(why)) => missed.push(format!("{}: {why}", pod.name)),
                Err(error) if error.is_indeterminate() => unsure.push((pod.clone(), error)),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        for (pod, error) in unsure {
            match self.cluster.wait_ending(&pod, ARRIVED_WITHIN).await {
                true => hit.push(pod),
                false => refused = refused.or(Some(error)),
            }
        }
        let (some, of) = (hit.len(), self.victims.len());
        if some > 0 {
            self.victims = hit;
        }
        match refused {
            Some(error) => Err(FaultError::from(error).after(some, of)),
            None if some == 0 => Err(FaultError::NotLanded { why: missed.join("; ") }),
            None => Ok(()),
        }
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Ok(self.cluster.wait_gone(&self.victims, self.gone_within()).await?)
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        let (selection, victims) = (&self.selection, &self.victims);
        if self.bare().count() == victims.len() {
            return Ok(None);
        }
        let away = self.bare().filter(|pod| pod.is_up()).count();
        let before = self.before.saturating_sub(away);
        Ok(Some(self.cluster.wait_whole(selection, victims, before, within).await?))
    }
}
