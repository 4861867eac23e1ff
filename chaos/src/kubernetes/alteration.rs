//! Changes of a workload that can be taken back: its count of pods, an image,
//! its whole template.
//!
//! An [`Alteration`] holds what was and what is set, so it is its own undo and
//! can be written down before anything happens. Both ways are one exchange: look,
//! compare, and change what was looked at and nothing newer (by its
//! resourceVersion). Whatever somebody else has set meanwhile is left alone; that
//! includes the count of pods of an autoscaler.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Verdict;
use super::call::{Call, Content, get_scale, patch, patch_scale};
use super::cluster::{unexpected, unreadable};
use super::workload::{PAUSE, TRIES};
use super::{Cluster, Kind, KubernetesError, Limits, Place, State, Workload};

/// What is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The count of pods.
    Scale {
        /// How many there are to be.
        to: u32,
    },
    /// The image of a container.
    SetImage {
        /// Its name; may be left out if there is only one.
        container: Option<String>,
        /// The image that it is to have.
        image: String,
    },
    /// The template of the revision before, as `kubectl rollout undo` takes it.
    /// Deployments only: the revisions of StatefulSets need one right more.
    RollBack,
}

/// A change with what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Swap {
    /// The count of pods.
    Replicas {
        /// Before.
        was: u32,
        /// As it is set.
        set: u32,
    },
    /// The image of a container.
    Image {
        /// The container's name.
        container: String,
        /// Before.
        was: String,
        /// As it is set.
        set: String,
    },
    /// The template, by the name of the ReplicaSet that holds it.
    Template {
        /// Before.
        was: String,
        /// As it is set.
        set: String,
    },
}

/// A change of one workload of one cluster, and its undo. It holds no
/// credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alteration {
    /// Where it is.
    pub place: Place,
    /// The API server, so that a context that was changed since does not lead the
    /// undo to another cluster.
    pub server: String,
    /// What is changed.
    pub workload: Workload,
    /// Which one of that name.
    pub uid: String,
    /// What is changed about it.
    pub swap: Swap,
}

/// What an exchange did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Altered {
    /// It was changed.
    Now,
    /// It was so already.
    Already,
    /// Somebody else has set something else, which was left alone.
    Other {
        /// What is there.
        present: String,
    },
    /// The workload is gone, or another one has its name, which was left alone.
    Gone,
}

impl Swap {
    fn ends(&self) -> (String, String) {
        match self {
            Self::Replicas { was, set } => (was.to_string(), set.to_string()),
            Self::Image { was, set, .. } | Self::Template { was, set } => {
                (was.clone(), set.clone())
            }
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Replicas { .. } => "replicas",
            Self::Image { .. } => "image",
            Self::Template { .. } => "template",
        }
    }
}

impl std::fmt::Display for Alteration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (was, set) = self.swap.ends();
        write!(f, "{} of {} from {was} to {set}", self.swap.word(), self.workload)
    }
}

impl Alteration {
    /// Connects to where it was made and takes it back, and says in words what was
    /// done. Once more is harmless. The guard was asked before it was made.
    ///
    /// # Errors
    /// [`KubernetesError::Elsewhere`] if the context leads to another cluster now,
    /// and when the API refuses or cannot be reached.
    pub async fn undo(&self, limits: Limits) -> Result<String, KubernetesError> {
        let cluster = Cluster::reconnect(&self.place, limits).await?;
        if cluster.server() != self.server {
            let now = cluster.server().to_owned();
            return Err(KubernetesError::Elsewhere { then: self.server.clone(), now });
        }
        let (was, set) = self.swap.ends();
        let (word, workload) = (self.swap.word(), &self.workload);
        Ok(match cluster.take_back(self).await? {
            Altered::Now => format!("set the {word} of {workload} from {set} back to {was}"),
            Altered::Already => format!("the {word} of {workload} was {was} already"),
            Altered::Other { present } => format!(
                "left the {word} of {workload} alone: somebody has set it to {present} since"
            ),
            Altered::Gone => format!("left {workload} alone: it is not the one that was changed"),
        })
    }
}

/// What there is now.
struct Present {
    uid: String,
    /// The version of the object of which the rest is true.
    version: String,
    value: String,
    object: Value,
    replica_sets: Vec<Value>,
}

impl Cluster {
    /// Finds out what a change would change. Nothing is touched.
    ///
    /// # Errors
    /// [`KubernetesError::Absent`] if there is no such workload,
    /// [`KubernetesError::Impossible`] if it cannot be changed so or is so
    /// already.
    pub async fn plan(
        &self,
        workload: &Workload,
        change: &Change,
    ) -> Result<Alteration, KubernetesError> {
        let impossible = |why: String| KubernetesError::Impossible {
            what: format!("a change of {workload}"),
            why,
        };
        let (state, object) = self.workload(workload).await?;
        let swap = match change {
            Change::Scale { to } => {
                let call = Call::one(get_scale(workload.kind), self.namespace(), &workload.name)?;
                match self.call(&call).await? {
                    Verdict::Done(scale) => {
                        Swap::Replicas { was: replicas(&scale, &call)?, set: *to }
                    }
                    Verdict::Gone => return Err(self.absent(workload)),
                    verdict => return Err(unexpected(&call, &verdict)),
                }
            }
            Change::SetImage { container, image } => {
                let (container, was) =
                    pick_container(&state, container.as_deref()).map_err(impossible)?;
                Swap::Image { container, was, set: image.clone() }
            }
            Change::RollBack if workload.kind == Kind::StatefulSet => {
                return Err(impossible("a StatefulSet is not rolled back here".to_owned()));
            }
            Change::RollBack if state.paused => {
                let why = "it is paused; run kubectl rollout resume first";
                return Err(impossible(why.to_owned()));
            }
            Change::RollBack => {
                let sets = self.replica_sets(&state.uid).await?;
                let (was, set) = revisions(&object, &sets).map_err(impossible)?;
                Swap::Template { was, set }
            }
        };
        let (was, set) = swap.ends();
        if was == set {
            return Err(impossible(format!("its {} is {set} already", swap.word())));
        }
        let (place, server) = (self.place().clone(), self.server().to_owned());
        Ok(Alteration { place, server, workload: workload.clone(), uid: state.uid, swap })
    }

    /// Carries a planned change out, unless somebody has changed the same since.
    ///
    /// # Errors
    /// When the API refuses or cannot be reached.
    pub async fn alter(&self, alteration: &Alteration) -> Result<Altered, KubernetesError> {
        let (was, set) = alteration.swap.ends();
        self.exchange(alteration, &was, &set).await
    }

    /// Takes it back, unless somebody has changed the same since.
    ///
    /// # Errors
    /// When the API refuses or cannot be reached.
    pub async fn take_back(&self, alteration: &Alteration) -> Result<Altered, KubernetesError> {
        let (was, set) = alteration.swap.ends();
        self.exchange(alteration, &set, &was).await
    }

    async fn exchange(
        &self,
        alteration: &Alteration,
        from: &str,
        to: &str,
    ) -> Result<Altered, KubernetesError> {
        for _ in 0..TRIES {
            let Some(present) = self.present(alteration).await? else { return Ok(Altered::Gone) };
            if present.uid != alteration.uid {
                return Ok(Altered::Gone);
            }
            if present.value == to {
                return Ok(Altered::Already);
            }
            if present.value != from {
                return Ok(Altered::Other { present: present.value });
            }
            let call = self.change(alteration, &present, to)?;
            match self.call(&call).await? {
                Verdict::Done(_) => return Ok(Altered::Now),
                Verdict::Gone => return Ok(Altered::Gone),
                Verdict::Conflict => tokio::time::sleep(PAUSE).await,
                verdict @ Verdict::Expired => return Err(unexpected(&call, &verdict)),
            }
        }
        let what = alteration.workload.to_string();
        Err(KubernetesError::Contended { what, times: TRIES })
    }

    /// Looks at the value; `None` if the workload does not exist.
    async fn present(&self, alteration: &Alteration) -> Result<Option<Present>, KubernetesError> {
        let Alteration { workload, swap, .. } = alteration;
        let access = match swap {
            Swap::Replicas { .. } => get_scale(workload.kind),
            Swap::Image { .. } | Swap::Template { .. } => super::call::get(workload.kind),
        };
        let call = Call::one(access, self.namespace(), &workload.name)?;
        let object = match self.call(&call).await? {
            Verdict::Done(object) => object,
            Verdict::Gone => return Ok(None),
            verdict => return Err(unexpected(&call, &verdict)),
        };
        let text = |key: &str| {
            let text = object["metadata"][key].as_str().map(str::to_owned);
            text.ok_or_else(|| unreadable(&call, &format!("there is no {key}")))
        };
        let (uid, version) = (text("uid")?, text("resourceVersion")?);
        let replica_sets = match swap {
            Swap::Template { .. } => self.replica_sets(&uid).await?,
            _ => Vec::new(),
        };
        let value = match swap {
            Swap::Replicas { .. } => replicas(&object, &call)?.to_string(),
            Swap::Image { container, .. } => State::read(&object)
                .and_then(|mut state| state.images.remove(container))
                .unwrap_or_else(|| format!("nothing: there is no container {container}")),
            Swap::Template { .. } => holder(&object, &replica_sets)
                .map_or_else(|| "a template of no ReplicaSet".to_owned(), name),
        };
        Ok(Some(Present { uid, version, value, object, replica_sets }))
    }

    /// The request that sets a value on what was looked at.
    fn change(
        &self,
        alteration: &Alteration,
        present: &Present,
        to: &str,
    ) -> Result<Call, KubernetesError> {
        let Alteration { workload, swap, .. } = alteration;
        let metadata = json!({"resourceVersion": present.version});
        let (access, content, body) = match swap {
            Swap::Replicas { was, set } => {
                let count = if was.to_string() == to { was } else { set };
                let body = json!({"metadata": metadata, "spec": {"replicas": count}});
                (patch_scale(workload.kind), Content::MergePatch, body)
            }
            Swap::Image { container, .. } => {
                let containers = json!([{"name": container, "image": to}]);
                let spec = json!({"template": {"spec": {"containers": containers}}});
                let body = json!({"metadata": metadata, "spec": spec});
                (patch(workload.kind), Content::StrategicPatch, body)
            }
            Swap::Template { .. } => {
                let set = present.replica_sets.iter().find(|set| name(set) == to);
                let set = set.ok_or_else(|| KubernetesError::Impossible {
                    what: format!("a change of {workload} to the template of {to}"),
                    why: "that ReplicaSet is gone; see revisionHistoryLimit".to_owned(),
                })?;
                let body = json!([
                    {"op": "replace", "path": "/metadata/resourceVersion", "value": present.version},
                    {"op": "replace", "path": "/spec/template", "value": template(set)},
                    {"op": "add", "path": "/metadata/annotations",
                        "value": annotations(&present.object, set)},
                ]);
                (patch(workload.kind), Content::JsonPatch, body)
            }
        };
        Ok(Call::one(access, self.namespace(), &workload.name)?.body(content, body))
    }
}

/// The count that a Scale asks for; the API leaves a zero out.
fn replicas(scale: &Value, call: &Call) -> Result<u32, KubernetesError> {
    match &scale["spec"]["replicas"] {
        Value::Null => Ok(0),
        count => count
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| unreadable(call, "spec.replicas is no count")),
    }
}

/// The container that is meant, with its image.
fn pick_container(state: &State, named: Option<&str>) -> Result<(String, String), String> {
    let names = || state.images.keys().cloned().collect::<Vec<_>>().join(", ");
    let found = match named {
        Some(name) => state.images.get_key_value(name),
        None if state.images.len() == 1 => state.images.first_key_value(),
        None => return Err(format!("name one of its containers: {}", names())),
    };
    let (name, image) = found.ok_or_else(|| format!("its containers are {}", names()))?;
    Ok((name.clone(), image.clone()))
}

const REVISION: &str = "deployment.kubernetes.io/revision";
/// What its controller writes into the labels of a template.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// What `kubectl rollout undo` leaves as it is in a Deployment.
const ITS_OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// The names of the ReplicaSets of the present template and of the one before.
fn revisions(deployment: &Value, sets: &[Value]) -> Result<(String, String), String> {
    let now = holder(deployment, sets)
        .ok_or_else(|| "its present template has no ReplicaSet yet".to_owned())?;
    let revision = |set: &&Value| -> Option<u64> {
        set["metadata"]["annotations"][REVISION].as_str()?.parse().ok()
    };
    let others = sets.iter().filter(|set| name(set) != name(now) && revision(set).is_some());
    let before = others.max_by_key(revision);
    let before = before.ok_or_else(|| "there is no revision before the present".to_owned())?;
    Ok((name(now), name(before)))
}

/// The ReplicaSet of a Deployment's present template. Its revision would name it,
/// too, but is written later.
fn holder<'a>(deployment: &Value, sets: &'a [Value]) -> Option<&'a Value> {
    let present = template(deployment);
    sets.iter().find(|set| template(set) == present)
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// A template without what the controller adds.
fn template(object: &Value) -> Value {
    let mut template = object["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

fn annotations(deployment: &Value, set: &Value) -> Value {
    let of =
        |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let its_own = |key: &str| ITS_OWN.contains(&key);
    let mut kept = of(deployment);
    kept.retain(|key, _| its_own(key));
    kept.extend(of(set).into_iter().filter(|(key, _)| !its_own(key)));
    Value::Object(kept)
}
