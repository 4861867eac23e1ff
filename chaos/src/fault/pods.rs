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
    undone: "nothing to undo; the pods' owner makes new ones",
    contract: "a node may fail at any moment; nothing acknowledged may be lost",
};

pub(super) const TERMINATE: About = About {
    kind: "terminate_pods",
    command: "terminate-pods",
    does: "deletes pods, which get the grace that they ask for",
    confirmed: "no pod with that UID exists any more",
    undone: "nothing to undo; the pods' owner makes new ones",
    contract: "a pod may be asked to end at any moment; nothing accepted may be lost",
};

pub(super) const EVICT: About = About {
    kind: "evict_pods",
    command: "evict-pods",
    does: "evicts pods, as far as disruption budgets allow",
    confirmed: "no pod with that UID exists any more",
    undone: "nothing to undo; the pods' owner makes new ones",
    contract: "a node may be drained at any moment, within the budgets",
};

/// Longer than the grace that pods usually ask for.
const GONE_WITHIN: Duration = Duration::from_secs(120);

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
    let cluster = cluster(&asked.context, &asked.namespace, &scene.limits).await?;
    let selection = Selection { labels: Some(asked.labels.clone()), ..Selection::default() };
    let candidates = cluster.candidates(&selection).await?;
    let what = format!("pod of {} with {}", asked.namespace, asked.labels);
    let victims = choose(&candidates, asked.pick, order.seed, |pod| pod.created)
        .map_err(|source| FaultError::Choice { what, source })?;
    Ok(Box::new(Hit { cluster, selection, how, before: candidates.len(), victims }))
}

/// The cluster, unless its namespace may not be hit.
pub(super) async fn cluster(
    context: &str,
    namespace: &str,
    limits: &crate::Limits,
) -> Result<Cluster, FaultError> {
    let place = crate::kubernetes::Place {
        kubeconfig: None,
        context: (!context.is_empty()).then(|| context.to_owned()),
        namespace: namespace.to_owned(),
    };
    Ok(Cluster::connect(&place, &limits.guard(), Limits::default()).await?)
}

struct Hit {
    cluster: Cluster,
    selection: Selection,
    how: How,
    before: usize,
    victims: Vec<Pod>,
}

#[async_trait]
impl Strike for Hit {
    fn victims(&self) -> Vec<String> {
        let describe = |pod: &Pod| format!("pod {} (uid {})", pod.name, pod.uid);
        self.victims.iter().map(describe).collect()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::Nothing { why: "the pods' owner makes new ones".to_owned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let mut missed = Vec::new();
        for pod in &self.victims {
            let struck = match self.how {
                How::Kill => self.cluster.kill(pod).await,
                How::Terminate => self.cluster.terminate(pod).await,
                How::Evict => self.cluster.evict(pod, None).await,
            };
            match struck {
                Ok(Struck::Now) => {}
                Ok(Struck::Missed(why)) => missed.push(format!("{}: {why}", pod.name)),
                // Whether it was hit is seen when it is looked for.
                Err(error) if error.is_indeterminate() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if missed.len() == self.victims.len() {
            return Err(FaultError::NotLanded { why: missed.join("; ") });
        }
        Ok(())
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Ok(self.cluster.wait_gone(&self.victims, GONE_WITHIN).await?)
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        let (selection, victims) = (&self.selection, &self.victims);
        Ok(Some(self.cluster.wait_whole(selection, victims, self.before, within).await?))
    }
}
