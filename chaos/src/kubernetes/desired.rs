//! What is desired of a Deployment, looked at and set as a whole: its count, whether it is
//! paused, and its template with one container's image, in one request.
//!
//! Only what was looked at is changed, and nothing newer (by its resourceVersion).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::alteration::template::{annotations, holder, name as name_of, template};
use super::answer::Verdict;
use super::call::{Call, Content, patch};
use super::cluster::{unexpected, unreadable};
use super::workload::RESTARTED_AT;
use super::{Cluster, Kind, KubernetesError, State, Workload};

const REVISION: &str = "deployment.kubernetes.io/revision";

/// A Deployment as it was when it was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) state: State,
    /// The version of the object of which the rest is true.
    pub(crate) version: String,
    /// That of the newest replica set, as far as the controller has written it.
    pub(crate) revision: Option<u64>,
    object: Value,
}

/// What is to be set; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) replicas: Option<u32>,
    pub(crate) paused: Option<bool>,
    /// The template of a ReplicaSet.
    pub(crate) template: Option<String>,
    /// A container and its image.
    pub(crate) image: Option<(String, String)>,
}

impl Desired {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Set {
    /// It was taken; this is the Deployment now.
    Now(Box<Seen>),
    /// Something else has changed the Deployment since it was looked at.
    Conflict,
    /// There is no such Deployment.
    Gone,
}

/// A revision of a Deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revision {
    /// The ReplicaSet that holds it.
    pub(crate) name: String,
    pub(crate) number: Option<u64>,
    /// The image of each container.
    pub(crate) images: BTreeMap<String, String>,
    template: Value,
}

impl Revision {
    fn read(set: &Value) -> Self {
        let number = set["metadata"]["annotations"][REVISION].as_str();
        let number = number.and_then(|number| number.parse().ok());
        let images = images(&set["spec"]["template"]);
        Self { name: name_of(set), number, images, template: template(set) }
    }

    /// Whether a Deployment has its template, whatever the container's image is and
    /// however often it was restarted.
    pub(crate) fn is_of(&self, seen: &Seen, container: &str) -> bool {
        bare(self.template.clone(), container) == bare(template(&seen.object), container)
    }
}

fn images(template: &Value) -> BTreeMap<String, String> {
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    containers
        .filter_map(|container| Some((text(&container["name"])?, text(&container["image"])?)))
        .collect()
}

/// A template without a container's image and without what a restart writes.
fn bare(mut template: Value, container: &str) -> Value {
    set_image(&mut template, container, "");
    if let Some(notes) = template["metadata"]["annotations"].as_object_mut() {
        notes.remove(RESTARTED_AT);
    }
    if template["metadata"]["annotations"].as_object().is_some_and(serde_json::Map::is_empty)
        && let Some(metadata) = template["metadata"].as_object_mut()
    {
        metadata.remove("annotations");
    }
    template
}

fn set_image(template: &mut Value, container: &str, image: &str) {
    let containers = template["spec"]["containers"].as_array_mut().into_iter().flatten();
    for own in containers.filter(|own| own["name"] == container) {
        own["image"] = image.into();
    }
}

fn read(object: Value) -> Option<Seen> {
    let state = State::read(&object)?;
    let metadata = &object["metadata"];
    let version = metadata["resourceVersion"].as_str()?.to_owned();
    let revision = metadata["annotations"][REVISION].as_str();
    let revision = revision.and_then(|revision| revision.parse().ok());
    Some(Seen { state, version, revision, object })
}

fn deployment(name: &str) -> Workload {
    Workload { kind: Kind::Deployment, name: name.to_owned() }
}

impl Cluster {
    /// A Deployment with all that is desired of it; `None` if there is none of that name.
    pub(crate) async fn seen(&self, name: &str) -> Result<Option<Seen>, KubernetesError> {
        match self.workload(&deployment(name)).await {
            Ok((_, object)) => {
                let seen = read(object).ok_or_else(|| KubernetesError::Impossible {
                    what: format!("a look at deployment {name}"),
                    why: "it has no resourceVersion".to_owned(),
                })?;
                Ok(Some(seen))
            }
            Err(KubernetesError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The revisions of a Deployment, in no order.
    pub(crate) async fn revisions(&self, seen: &Seen) -> Result<Vec<Revision>, KubernetesError> {
        let sets = self.replica_sets(&seen.state.uid).await?;
        Ok(sets.iter().map(Revision::read).collect())
    }

    /// Sets what is desired of a Deployment, in one request; nothing is sent where nothing
    /// is to be set.
    pub(crate) async fn desire(
        &self,
        name: &str,
        seen: &Seen,
        desired: &Desired,
    ) -> Result<Set, KubernetesError> {
        if desired.is_empty() {
            return Ok(Set::Now(Box::new(seen.clone())));
        }
        let (content, body) = match &desired.template {
            Some(set) => (Content::JsonPatch, self.whole(name, seen, desired, set).await?),
            None => (Content::StrategicPatch, some(seen, desired)),
        };
        let call = Call::one(patch(Kind::Deployment), self.namespace(), name)?.body(content, body);
        match self.call(&call).await? {
            Verdict::Done(object) => match read(object) {
                Some(seen) => Ok(Set::Now(Box::new(seen))),
                None => Err(unreadable(&call, "the deployment lacks a part")),
            },
            Verdict::Gone => Ok(Set::Gone),
            Verdict::Conflict => Ok(Set::Conflict),
            verdict @ Verdict::Expired => Err(unexpected(&call, &verdict)),
        }
    }

    /// A patch that replaces the whole template.
    async fn whole(
        &self,
        name: &str,
        seen: &Seen,
        desired: &Desired,
        holds: &str,
    ) -> Result<Value, KubernetesError> {
        let sets = self.replica_sets(&seen.state.uid).await?;
        let set = sets.iter().find(|set| name_of(set) == holds);
        let set = set.ok_or_else(|| KubernetesError::Impossible {
            what: format!("a change of deployment {name} to the template of {holds}"),
            why: "that ReplicaSet is gone; see revisionHistoryLimit".to_owned(),
        })?;
        let mut template = template(set);
        if let Some((container, image)) = &desired.image {
            set_image(&mut template, container, image);
        }
        let mut patch = vec![
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": seen.version}),
            json!({"op": "replace", "path": "/spec/template", "value": template}),
            json!({"op": "add", "path": "/metadata/annotations",
                "value": annotations(&seen.object, set)}),
        ];
        if let Some(replicas) = desired.replicas {
            patch.push(json!({"op": "add", "path": "/spec/replicas", "value": replicas}));
        }
        if let Some(paused) = desired.paused {
            patch.push(json!({"op": "add", "path": "/spec/paused", "value": paused}));
        }
        Ok(Value::Array(patch))
    }

    /// The ReplicaSet of an earlier revision: of this number, or the one before.
    pub(crate) async fn earlier(
        &self,
        name: &str,
        seen: &Seen,
        to: Option<u64>,
    ) -> Result<Revision, KubernetesError> {
        let impossible = |why: String| KubernetesError::Impossible {
            what: format!("an undo of deployment {name}"),
            why,
        };
        let sets = self.replica_sets(&seen.state.uid).await?;
        let now = holder(&seen.object, &sets).map(name_of);
        let mut known: Vec<Revision> = sets.iter().map(Revision::read).collect();
        known.retain(|revision| revision.number.is_some());
        known.sort_by_key(|revision| revision.number);
        let numbers: Vec<String> =
            known.iter().filter_map(|revision| revision.number).map(|n| n.to_string()).collect();
        let found = match to {
            Some(to) => known.into_iter().find(|revision| revision.number == Some(to)),
            None => known.into_iter().rev().find(|revision| Some(&revision.name) != now.as_ref()),
        };
        found.ok_or_else(|| match to {
            Some(to) => {
                impossible(format!("there is no revision {to}; it has {}", numbers.join(", ")))
            }
            None => impossible("there is no revision before the present".to_owned()),
        })
    }
}

/// A patch of what is named.
fn some(seen: &Seen, desired: &Desired) -> Value {
    let mut spec = serde_json::Map::new();
    if let Some(replicas) = desired.replicas {
        spec.insert("replicas".to_owned(), replicas.into());
    }
    if let Some(paused) = desired.paused {
        spec.insert("paused".to_owned(), paused.into());
    }
    if let Some((container, image)) = &desired.image {
        let containers = json!([{"name": container, "image": image}]);
        spec.insert("template".to_owned(), json!({"spec": {"containers": containers}}));
    }
    json!({"metadata": {"resourceVersion": seen.version}, "spec": spec})
}
