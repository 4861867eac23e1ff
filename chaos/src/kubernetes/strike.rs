//! Pods that are ended: killed, terminated or evicted.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Verdict;
use super::call::{Call, Content, DELETE_POD, EVICT_POD};
use super::cluster::unexpected;
use super::{Cluster, KubernetesError, Pod};

/// What became of a pod that was to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// It ends because of this.
    Now,
    /// It was not hit, and nobody refused.
    Missed(Missed),
}

/// Why a pod was not hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// It was gone before.
    Gone,
    /// Another pod has its name now; that one was not touched.
    Replaced,
    /// Somebody else was ending it already. The API would say yes to everything.
    Terminating,
}

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gone => "it was gone before",
            Self::Replaced => "another pod has its name now, which was not touched",
            Self::Terminating => "somebody else was ending it already",
        })
    }
}

impl Cluster {
    /// Ends a pod without any grace. The API forgets it at once and its machine
    /// kills it with SIGKILL a moment later, so a StatefulSet may for that moment
    /// have two pods of one name.
    ///
    /// # Errors
    /// [`KubernetesError::Blocked`] if it is refused.
    pub async fn kill(&self, pod: &Pod) -> Result<Struck, KubernetesError> {
        self.delete(pod, Some(Duration::ZERO)).await
    }

    /// Ends a pod as a rollout does: SIGTERM, then SIGKILL after the pod's own
    /// grace period.
    ///
    /// # Errors
    /// [`KubernetesError::Blocked`] if it is refused.
    pub async fn terminate(&self, pod: &Pod) -> Result<Struck, KubernetesError> {
        self.delete(pod, None).await
    }

    /// Asks for a pod's eviction, once, as the drain of a machine does; with the
    /// pod's own grace period if none is given. Disruption budgets are respected,
    /// except for a pod that is Pending: the API evicts that one without asking
    /// them.
    ///
    /// # Errors
    /// [`KubernetesError::Blocked`] if a budget or somebody else refuses.
    pub async fn evict(
        &self,
        pod: &Pod,
        grace: Option<Duration>,
    ) -> Result<Struck, KubernetesError> {
        let mut options = options(pod, grace);
        options["kind"] = json!("DeleteOptions");
        options["apiVersion"] = json!("v1");
        let eviction = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": self.namespace()},
            "deleteOptions": options,
        });
        let call = Call::one(EVICT_POD, self.namespace(), &pod.name)?;
        self.strike(pod, &call.body(Content::Json, eviction)).await
    }

    /// Whether none of these very pods is there any more; another pod of the same
    /// name does not count.
    ///
    /// # Errors
    /// When the API cannot be asked.
    pub async fn are_gone(&self, pods: &[Pod]) -> Result<bool, KubernetesError> {
        for pod in pods {
            if self.pod(&pod.name).await?.is_some_and(|now| now.uid == pod.uid) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn delete(&self, pod: &Pod, grace: Option<Duration>) -> Result<Struck, KubernetesError> {
        let call = Call::one(DELETE_POD, self.namespace(), &pod.name)?;
        self.strike(pod, &call.body(Content::Json, options(pod, grace))).await
    }

    /// Looks first, because of a pod that terminates the answer does not say who
    /// ended it. Between the look and the request it may still begin to.
    async fn strike(&self, pod: &Pod, call: &Call) -> Result<Struck, KubernetesError> {
        match self.pod(&pod.name).await? {
            None => return Ok(Struck::Missed(Missed::Gone)),
            Some(now) if now.uid != pod.uid => return Ok(Struck::Missed(Missed::Replaced)),
            Some(now) if now.terminating => return Ok(Struck::Missed(Missed::Terminating)),
            Some(_) => {}
        }
        match self.call(call).await? {
            Verdict::Done(_) => Ok(Struck::Now),
            Verdict::Gone => Ok(Struck::Missed(Missed::Gone)),
            Verdict::Conflict => Ok(Struck::Missed(Missed::Replaced)),
            verdict @ Verdict::Expired => Err(unexpected(call, &verdict)),
        }
    }
}

/// How a pod is deleted. The uid makes sure that it is this one.
fn options(pod: &Pod, grace: Option<Duration>) -> Value {
    let mut options = json!({"preconditions": {"uid": pod.uid}});
    if let Some(grace) = grace {
        options["gracePeriodSeconds"] = json!(grace.as_secs());
    }
    options
}
