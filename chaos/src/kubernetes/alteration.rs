//! Changes of a workload that can be taken back: its count of pods, an image,
//! its whole template.
//!
//! An [`Alteration`] holds what was and what is set, so it is its own undo and
//! can be written down before anything happens. Both ways are one exchange: look,
//! compare, and change what was looked at and nothing newer (by its
//! resourceVersion). Whatever somebody else has set meanwhile is left alone; that
//! includes the count of pods of an autoscaler.

pub(super) mod template;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Verdict;
use super::call::{Call, Content, get_scale, patch, patch_scale};
use super::cluster::{unexpected, unreadable};
use super::workload::{PAUSE, TRIES};
use super::{Cluster, Kind, KubernetesError, Limits, Place, State, Workload};
use template::{annotations, holder, name, revisions, template};

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
    /// The value from before, and the one that is set.
    pub(crate) fn ends(&self) -> (String, String) {
        match self {
            Self::Replicas { was, set } => (was.to_string(), set.to_string()),
            Self::Image { was, set, .. } | Self::Template { was, set } => {
                (was.clone(), set.clone())
            }
        }
    }

    /// Replaces the value from before. What is no count leaves a count as it is.
    pub(crate) fn give_back(&mut self, value: String) {
        match self {
            Self::Replicas { was, .. } => *was = value.parse().unwrap_or(*was),
            Self::Image { was, .. } | Self::Template { was, .. } => *was = value,
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
    /// [`KubernetesError::Theirs`] if somebody else has set something else since,
    /// [`KubernetesError::Elsewhere`] if the context leads to another cluster now,
    /// and when the API refuses or cannot be reached.
    pub async fn undo(&self, limits: Limits) -> Result<String, KubernetesError> {
        let (was, set) = self.swap.ends();
        self.put(&[&set], &was, limits).await
    }

    /// Whether it would change anything.
    ///
    /// # Errors
    /// [`KubernetesError::Impossible`] if it is so already.
    pub(crate) fn changes(&self) -> Result<(), KubernetesError> {
        let (was, set) = self.swap.ends();
        if was != set {
            return Ok(());
        }
        let what = format!("a change of {}", self.workload);
        let why = format!("its {} is {set} already", self.swap.word());
        Err(KubernetesError::Impossible { what, why })
    }

    /// What several alterations of the same thing share, and nothing else does.
    pub(crate) fn thing(&self) -> String {
        let container = match &self.swap {
            Swap::Image { container, .. } => format!(" of container {container}"),
            Swap::Replicas { .. } | Swap::Template { .. } => String::new(),
        };
        format!("the {}{container} of {} (uid {})", self.swap.word(), self.workload, self.uid)
    }

    /// [`Alteration::undo`] to any value, in place of any of these.
    pub(crate) async fn put(
        &self,
        instead_of: &[&str],
        value: &str,
        limits: Limits,
    ) -> Result<String, KubernetesError> {
        let cluster = Cluster::reconnect(&self.place, limits).await?;
        if cluster.server() != self.server {
            let now = cluster.server().to_owned();
            return Err(KubernetesError::Elsewhere { then: self.server.clone(), now });
        }
        let (word, workload) = (self.swap.word(), &self.workload);
        Ok(match cluster.exchange(self, instead_of, value).await? {
            Altered::Now => format!("set the {word} of {workload} back to {value}"),
            Altered::Already => format!("the {word} of {workload} was {value} already"),
            Altered::Other { present } => {
                let what = format!("the {word} of {workload}");
                return Err(KubernetesError::Theirs { what, present });
            }
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
        let alteration = self.draft(workload, change).await?;
        alteration.changes()?;
        Ok(alteration)
    }

    /// [`Cluster::plan`] for a change that may find what it would set.
    pub(crate) async fn draft(
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
                state.keeps_its_pods().map_or(Ok(()), |why| Err(impossible(why)))?;
                let (container, was) =
                    pick_container(&state, container.as_deref()).map_err(impossible)?;
                Swap::Image { container, was, set: image.clone() }
            }
            Change::RollBack if workload.kind == Kind::StatefulSet => {
                return Err(impossible("a StatefulSet is not rolled back here".to_owned()));
            }
            Change::RollBack => {
                state.keeps_its_pods().map_or(Ok(()), |why| Err(impossible(why)))?;
                let sets = self.replica_sets(&state.uid).await?;
                let (was, set) = revisions(&object, &sets).map_err(impossible)?;
                Swap::Template { was, set }
            }
        };
        let (place, server) = (self.place().clone(), self.server().to_owned());
        Ok(Alteration { place, server, workload: workload.clone(), uid: state.uid, swap })
    }

    /// Looks once more at what there is before a planned change.
    ///
    /// # Errors
    /// [`KubernetesError::Absent`] if the workload is gone, or when it cannot be
    /// read.
    pub(crate) async fn look_again(
        &self,
        alteration: &mut Alteration,
    ) -> Result<(), KubernetesError> {
        match self.present(alteration).await? {
            Some(present) if present.uid == alteration.uid => {
                alteration.swap.give_back(present.value);
                Ok(())
            }
            _ => Err(self.absent(&alteration.workload)),
        }
    }

    /// Carries a planned change out, unless somebody has changed the same since.
    ///
    /// # Errors
    /// When the API refuses or cannot be reached.
    pub async fn alter(&self, alteration: &Alteration) -> Result<Altered, KubernetesError> {
        let (was, set) = alteration.swap.ends();
        self.exchange(alteration, &[&was], &set).await
    }

    /// Takes it back, unless somebody has changed the same since.
    ///
    /// # Errors
    /// When the API refuses or cannot be reached.
    pub async fn take_back(&self, alteration: &Alteration) -> Result<Altered, KubernetesError> {
        let (was, set) = alteration.swap.ends();
        self.exchange(alteration, &[&set], &was).await
    }

    async fn exchange(
        &self,
        alteration: &Alteration,
        from: &[&str],
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
            if !from.contains(&present.value.as_str()) {
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
            Swap::Replicas { .. } => {
                let count: u32 = to.parse().map_err(|_| KubernetesError::Impossible {
                    what: format!("a change of {workload} to {to:?}"),
                    why: "that is no count".to_owned(),
                })?;
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
