//! Deployments and StatefulSets.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Verdict;
use super::call::{Call, Content, get, patch};
use super::cluster::{unexpected, unreadable};
use super::pod::elements;
use super::{Cluster, KubernetesError};

/// How often a change is tried. A controller writes its status at any time, and
/// each time the version of the whole object changes.
pub(super) const TRIES: u32 = 5;
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// What `kubectl rollout restart` writes.
pub(super) const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// What kind of workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pods without a name of their own.
    Deployment,
    /// Pods with lasting names.
    StatefulSet,
}

/// Something that keeps a number of pods, in the cluster's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Workload {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Deployment => "deployment",
            Kind::StatefulSet => "statefulset",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// A workload as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What tells it from a later one of its name.
    pub uid: String,
    /// Which version of its specification this is.
    pub generation: u64,
    /// Which version its controller has seen.
    pub observed_generation: u64,
    /// How many pods are wanted.
    pub wanted: u32,
    /// How many pods there are, old and new.
    pub replicas: u32,
    /// How many pods are made from the present template.
    pub updated: u32,
    /// How many pods are ready.
    pub ready: u32,
    /// How many pods have been ready for long enough.
    pub available: u32,
    /// The image of each container in the template.
    pub images: BTreeMap<String, String>,
    /// Why the rollout cannot go on, if its controller has given it up.
    pub stuck: Option<String>,
    /// Whether a Deployment is paused.
    pub paused: bool,
    /// Whether a StatefulSet still has pods of an older revision to replace.
    pub older_revision: bool,
    /// Whether a StatefulSet leaves it to others to end its old pods.
    pub on_delete: bool,
    /// How many pods of a StatefulSet stay as they are when it is rolled out.
    pub partition: u32,
}

impl State {
    pub(super) fn read(object: &Value) -> Option<Self> {
        let (spec, status) = (&object["spec"], &object["status"]);
        let count = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
        let so_far = |key: &str| count(&status[key]).unwrap_or(0);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let images = elements(&spec["template"]["spec"]["containers"])
            .filter_map(|container| Some((text(&container["name"])?, text(&container["image"])?)));
        let stuck = elements(&status["conditions"]).find(|condition| {
            condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded"
        });
        Some(Self {
            uid: text(&object["metadata"]["uid"])?,
            generation: object["metadata"]["generation"].as_u64()?,
            observed_generation: status["observedGeneration"].as_u64().unwrap_or(0),
            // The API fills in 1 by itself.
            wanted: count(&spec["replicas"]).unwrap_or(1),
            replicas: so_far("replicas"),
            updated: so_far("updatedReplicas"),
            ready: so_far("readyReplicas"),
            available: so_far("availableReplicas"),
            images: images.collect(),
            stuck: stuck.map(|condition| {
                text(&condition["message"]).unwrap_or_else(|| "its deadline has passed".to_owned())
            }),
            paused: spec["paused"] == true,
            older_revision: status["currentRevision"] != status["updateRevision"],
            on_delete: spec["updateStrategy"]["type"] == "OnDelete",
            partition: count(&spec["updateStrategy"]["rollingUpdate"]["partition"]).unwrap_or(0),
        })
    }

    /// Why no pod would be replaced if the template were changed.
    pub(super) fn keeps_its_pods(&self) -> Option<String> {
        if self.paused {
            return Some("it is paused; run kubectl rollout resume first".to_owned());
        }
        if self.on_delete {
            let why = "its updateStrategy is OnDelete, so that no pod would be replaced";
            return Some(why.to_owned());
        }
        let whole = self.partition > 0 && self.partition >= self.wanted;
        whole.then(|| {
            format!("its updateStrategy leaves all pods below {} as they are", self.partition)
        })
    }
}

impl Cluster {
    /// A workload as it is now.
    ///
    /// # Errors
    /// [`KubernetesError::Absent`] if it does not exist, or when it cannot be
    /// read.
    pub async fn state(&self, workload: &Workload) -> Result<State, KubernetesError> {
        Ok(self.workload(workload).await?.0)
    }

    /// A workload with all that is in it.
    pub(super) async fn workload(
        &self,
        workload: &Workload,
    ) -> Result<(State, Value), KubernetesError> {
        let call = Call::one(get(workload.kind), self.namespace(), &workload.name)?;
        match self.call(&call).await? {
            Verdict::Done(object) => match State::read(&object) {
                Some(state) => Ok((state, object)),
                None => Err(unreadable(&call, "the workload lacks a part")),
            },
            Verdict::Gone => Err(self.absent(workload)),
            verdict => Err(unexpected(&call, &verdict)),
        }
    }

    /// Has every pod replaced, one after the other, as `kubectl rollout restart`
    /// does. There is nothing to take back: taking the annotation away would
    /// replace every pod once more.
    ///
    /// # Errors
    /// [`KubernetesError::Absent`] if there is no such workload,
    /// [`KubernetesError::Blocked`] if it is refused.
    pub async fn restart(&self, workload: &Workload, at: Timestamp) -> Result<(), KubernetesError> {
        let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        for _ in 0..TRIES {
            let (state, object) = self.workload(workload).await?;
            see_restarted(workload, state.keeps_its_pods())?;
            let before = &object["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT];
            if before == at.as_str() {
                let why = "it was restarted within the same second".to_owned();
                see_restarted(workload, Some(why))?;
            }
            let change = json!({
                // Only what was looked at is changed, and nothing newer.
                "metadata": {"resourceVersion": object["metadata"]["resourceVersion"]},
                "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}},
            });
            let call = Call::one(patch(workload.kind), self.namespace(), &workload.name)?
                .body(Content::StrategicPatch, change);
            match self.call(&call).await? {
                Verdict::Done(_) => return Ok(()),
                Verdict::Gone => return Err(self.absent(workload)),
                Verdict::Conflict => tokio::time::sleep(PAUSE).await,
                verdict @ Verdict::Expired => return Err(unexpected(&call, &verdict)),
            }
        }
        Err(KubernetesError::Contended { what: workload.to_string(), times: TRIES })
    }

    /// Lets a workload through whose restart can be carried out and seen to its end.
    ///
    /// # Errors
    /// [`KubernetesError::Impossible`] if no pod would be replaced, and when its
    /// rollout cannot be read.
    pub(crate) async fn plan_restart(&self, workload: &Workload) -> Result<(), KubernetesError> {
        see_restarted(workload, self.state(workload).await?.keeps_its_pods())?;
        self.rollout(workload).await.map(drop)
    }

    pub(super) fn absent(&self, workload: &Workload) -> KubernetesError {
        let namespace = self.namespace().to_owned();
        KubernetesError::Absent { what: workload.to_string(), namespace }
    }
}

fn see_restarted(workload: &Workload, why_not: Option<String>) -> Result<(), KubernetesError> {
    let what = || format!("a restart of {workload}");
    why_not.map_or(Ok(()), |why| Err(KubernetesError::Impossible { what: what(), why }))
}
