//! Pods, and which of them are candidates.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::answer::Verdict;
use super::call::{Call, GET_POD, LIST_PODS, LIST_REPLICA_SETS};
use super::cluster::{unexpected, unreadable};
use super::{Cluster, Kind, KubernetesError, Workload};

/// What a Deployment's controller writes into the labels of its templates and pods.
pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";
/// The grace in seconds that the API gives a pod that asks for none.
const USUAL_GRACE: u64 = 30;

/// A pod as it was when it was looked at. The order is by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// Its name; a StatefulSet gives the same name again.
    pub name: String,
    /// What tells it from a later pod of that name.
    pub uid: String,
    /// Where it is.
    pub namespace: String,
    /// The machine on which it runs, once it is placed.
    pub node: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// How far it is.
    pub phase: Phase,
    /// Whether it passes its readiness checks.
    pub ready: bool,
    /// Whether it was told to end and is still there.
    pub terminating: bool,
    /// How long it may take to end when it is asked to.
    pub grace: Duration,
    /// What makes a new pod when this one is gone; `None` if nothing does.
    pub owner: Option<Owner>,
    /// The same in words, with the Deployment of a ReplicaSet: `deployment web`.
    pub keeper: Option<String>,
    /// The image of each container, by the container's name.
    pub images: BTreeMap<String, String>,
    /// What became of its containers so far.
    pub past: Vec<Past>,
}

/// What became of a container so far.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Past {
    /// Its name.
    pub container: String,
    /// How often it was started again.
    pub restarts: u64,
    /// Why its last run ended, as the cluster says it: `OOMKilled`; and with which
    /// exit code.
    pub ended: Option<(String, i64)>,
}

impl Past {
    fn read(status: &Value) -> Option<Self> {
        let last = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
        let ended = last.into_iter().find(|ended| ended.is_object());
        Some(Self {
            container: status["name"].as_str()?.to_owned(),
            restarts: status["restartCount"].as_u64().unwrap_or(0),
            ended: ended.map(|ended| {
                let reason = ended["reason"].as_str().unwrap_or("unknown");
                (reason.to_owned(), ended["exitCode"].as_i64().unwrap_or(-1))
            }),
        })
    }
}

/// The controller of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// `ReplicaSet`, `StatefulSet`, `DaemonSet`, `Job` or somebody's own.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
}

/// How far a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not every container has been started.
    Pending,
    /// At least one container runs.
    Running,
    /// Every container ended well.
    Succeeded,
    /// Every container ended and one did not end well.
    Failed,
    /// The machine does not answer.
    Unknown,
}

/// Which pods are meant; all of what is given must be true of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// A label selector as `kubectl -l` takes it.
    pub labels: Option<String>,
    /// A pod's name.
    pub name: Option<String>,
    /// What keeps the pods.
    pub workload: Option<Workload>,
}

impl Selection {
    /// The pods of a workload.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        Self { workload: Some(workload.clone()), ..Self::default() }
    }
}

impl Pod {
    /// Whether it can be hit: it runs, and nobody is ending it already.
    #[must_use]
    pub fn is_candidate(&self) -> bool {
        self.phase == Phase::Running && !self.terminating
    }

    /// Whether it serves.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.is_candidate() && self.ready
    }

    fn read(object: &Value) -> Option<Self> {
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let phase = match object["status"]["phase"].as_str()? {
            "Pending" => Phase::Pending,
            "Running" => Phase::Running,
            "Succeeded" => Phase::Succeeded,
            "Failed" => Phase::Failed,
            _ => Phase::Unknown,
        };
        let images = elements(&object["spec"]["containers"])
            .filter_map(|container| Some((text(&container["name"])?, text(&container["image"])?)));
        Some(Self {
            name: text(&metadata["name"])?,
            uid: text(&metadata["uid"])?,
            namespace: text(&metadata["namespace"])?,
            node: text(&object["spec"]["nodeName"]),
            created: metadata["creationTimestamp"].as_str()?.parse().ok()?,
            phase,
            ready: elements(&object["status"]["conditions"])
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True"),
            terminating: metadata["deletionTimestamp"].is_string(),
            grace: Duration::from_secs(
                object["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(USUAL_GRACE),
            ),
            owner: owner(metadata),
            keeper: owner(metadata).map(|owner| keeper(metadata, &owner)),
            images: images.collect(),
            past: elements(&object["status"]["containerStatuses"]).filter_map(Past::read).collect(),
        })
    }
}

impl std::fmt::Display for Pod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pod {}/{} (uid {})", self.namespace, self.name, self.uid)?;
        self.node.as_ref().map_or(Ok(()), |node| write!(f, " on {node}"))
    }
}

/// The elements of a list; none if it is absent.
pub(super) fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The one owner that is the controller.
pub(super) fn owner(metadata: &Value) -> Option<Owner> {
    let controller = elements(&metadata["ownerReferences"]).find(|o| o["controller"] == true)?;
    let text = |key: &str| controller[key].as_str().map(str::to_owned);
    Some(Owner { kind: text("kind")?, name: text("name")?, uid: text("uid")? })
}

/// A ReplicaSet has the name of its Deployment with the hash of the template, which
/// each new version changes.
fn keeper(metadata: &Value, owner: &Owner) -> String {
    let hash = metadata["labels"][TEMPLATE_HASH].as_str();
    let root = hash.and_then(|hash| owner.name.strip_suffix(hash)?.strip_suffix('-'));
    match (owner.kind.as_str(), root) {
        ("ReplicaSet", Some(deployment)) => format!("deployment {deployment}"),
        (kind, _) => format!("{} {}", kind.to_lowercase(), owner.name),
    }
}

impl Cluster {
    /// The pods of a selection, whatever their state, in the order of their
    /// names.
    ///
    /// # Errors
    /// When they cannot be listed, or the named workload does not exist.
    pub async fn pods(&self, selection: &Selection) -> Result<Vec<Pod>, KubernetesError> {
        let keepers = match &selection.workload {
            Some(workload) => Some(self.keepers(workload).await?),
            None => None,
        };
        let kept = |pod: &Pod| {
            let owned_by = |uid: &String| pod.owner.as_ref().is_some_and(|owner| owner.uid == *uid);
            keepers.as_ref().is_none_or(|keepers| keepers.iter().any(owned_by))
        };
        let listed = self.list(LIST_PODS, selection.labels.as_deref()).await?;
        let call = Call::all(LIST_PODS, self.namespace());
        let mut pods = Vec::with_capacity(listed.len());
        for object in &listed {
            let pod = Pod::read(object).ok_or_else(|| unreadable(&call, "a pod lacks a part"))?;
            if selection.name.as_ref().is_none_or(|name| pod.name == *name) && kept(&pod) {
                pods.push(pod);
            }
        }
        pods.sort();
        Ok(pods)
    }

    /// Those of [`Cluster::pods`] that can be hit.
    ///
    /// # Errors
    /// Those of [`Cluster::pods`].
    pub async fn candidates(&self, selection: &Selection) -> Result<Vec<Pod>, KubernetesError> {
        let mut pods = self.pods(selection).await?;
        pods.retain(Pod::is_candidate);
        Ok(pods)
    }

    /// A pod by its name.
    pub(super) async fn pod(&self, name: &str) -> Result<Option<Pod>, KubernetesError> {
        let call = Call::one(GET_POD, self.namespace(), name)?;
        match self.call(&call).await? {
            Verdict::Done(object) => match Pod::read(&object) {
                Some(pod) => Ok(Some(pod)),
                None => Err(unreadable(&call, "the pod lacks a part")),
            },
            Verdict::Gone => Ok(None),
            verdict => Err(unexpected(&call, &verdict)),
        }
    }

    /// Who controls the pods of a workload, by uid: a StatefulSet does it itself,
    /// a Deployment through its ReplicaSets.
    async fn keepers(&self, workload: &Workload) -> Result<Vec<String>, KubernetesError> {
        let uid = self.state(workload).await?.uid;
        match workload.kind {
            Kind::StatefulSet => Ok(vec![uid]),
            Kind::Deployment => {
                let sets = self.replica_sets(&uid).await?;
                let uid = |set: &Value| set["metadata"]["uid"].as_str().map(str::to_owned);
                Ok(sets.iter().filter_map(uid).collect())
            }
        }
    }

    /// The ReplicaSets of a Deployment.
    pub(super) async fn replica_sets(&self, uid: &str) -> Result<Vec<Value>, KubernetesError> {
        let mut sets = self.list(LIST_REPLICA_SETS, None).await?;
        sets.retain(|set| owner(&set["metadata"]).is_some_and(|owner| owner.uid == uid));
        Ok(sets)
    }
}
