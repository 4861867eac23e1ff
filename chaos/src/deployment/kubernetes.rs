//! Deployments of a cluster. The canary is a second Deployment, whose count is set along
//! with that of the stable one.

use jiff::Timestamp;

use super::look::TERMINATING;
use super::part::{Part, Values};
use super::{Asked, At, Counts, Look, PAUSE, PodLook, Present, Progress, Status, TRIES, Wrote};
use crate::FaultError;
use crate::kubernetes::{
    Alteration, Cluster, Desired, Kind, KubernetesError, Limits, Phase, Place, Pod, Rollout, Seen,
    Selection, Set, Swap, Workload,
};

/// A deployment of a cluster, and the one beside it.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    cluster: Cluster,
    name: String,
    canary: Option<String>,
    /// The container whose image is set; empty for the only one.
    container: String,
}

fn workload(name: &str) -> Workload {
    Workload { kind: Kind::Deployment, name: name.to_owned() }
}

/// What a pod was last seen to end by.
fn last_end(pod: &Pod) -> Option<String> {
    let ends = pod.past.iter().filter_map(|past| past.ended.as_ref());
    ends.map(|(reason, code)| format!("{reason} (exit code {code})")).next_back()
}

fn phase(pod: &Pod) -> &'static str {
    match pod.phase {
        _ if pod.terminating => TERMINATING,
        Phase::Pending => "Pending",
        Phase::Running => "Running",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Unknown => "Unknown",
    }
}

impl Kubernetes {
    pub(super) fn new(cluster: Cluster, name: &str, canary: Option<&str>, container: &str) -> Self {
        let (name, canary) = (name.to_owned(), canary.map(str::to_owned));
        Self { cluster, name, canary, container: container.to_owned() }
    }

    /// The way to what was changed before, unless the context leads to another cluster now.
    pub(super) async fn again(
        place: &Place,
        server: &str,
        name: &str,
        canary: Option<&str>,
        container: &str,
    ) -> Result<Self, FaultError> {
        let cluster = Cluster::to_look(place, Limits::default()).await?;
        if cluster.server() != server {
            let (then, now) = (server.to_owned(), cluster.server().to_owned());
            return Err(KubernetesError::Elsewhere { then, now }.into());
        }
        Ok(Self::new(cluster, name, canary, container))
    }

    pub(super) fn at(&self) -> At {
        At::Kubernetes {
            place: self.cluster.place().clone(),
            server: self.cluster.server().to_owned(),
            container: self.container.clone(),
            templates: Vec::new(),
        }
    }

    /// The name that a fault on the same count or image uses.
    pub(super) fn thing(&self, part: Part, present: &Present) -> Option<String> {
        let (name, uid) = match part.is_of_canary() {
            true => (self.canary.as_ref()?, present.canary_uid.as_ref()?),
            false => (&self.name, &present.uid),
        };
        let swap = match part {
            Part::Replicas | Part::CanaryReplicas => Swap::Replicas { was: 0, set: 0 },
            Part::Image | Part::CanaryImage => Swap::Image {
                container: present.containers.get(&part)?.clone(),
                was: String::new(),
                set: String::new(),
            },
            Part::Template | Part::Paused => return None,
        };
        let (place, server) = (self.cluster.place().clone(), self.cluster.server().to_owned());
        let (workload, uid) = (workload(name), uid.clone());
        Some(Alteration { place, server, workload, uid, swap }.thing())
    }

    async fn seen(&self, name: &str) -> Result<Seen, FaultError> {
        let absent = || KubernetesError::Absent {
            what: workload(name).to_string(),
            namespace: self.cluster.place().namespace.clone(),
        };
        Ok(self.cluster.seen(name).await?.ok_or_else(absent)?)
    }

    /// The container that is meant, with its image.
    fn image(&self, name: &str, seen: &Seen) -> Result<(String, String), FaultError> {
        let images = &seen.state.images;
        let found = match self.container.as_str() {
            "" if images.len() == 1 => images.first_key_value(),
            named => images.get_key_value(named),
        };
        let named = found.map(|(container, image)| (container.clone(), image.clone()));
        named.ok_or_else(|| FaultError::Setting {
            what: format!("deployment {name}: container {:?}", self.container),
            why: format!(
                "name one of its containers: {}",
                images.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        })
    }

    async fn status(&self, name: &str) -> Result<Status, FaultError> {
        // The pods first: a rollout that begins in between is then seen.
        let pods = self.cluster.pods(&Selection::of(&workload(name))).await?;
        let seen = self.seen(name).await?;
        let (container, image) = self.image(name, &seen)?;
        let state = &seen.state;
        let progress = match Rollout::of(state, &pods) {
            Rollout::Stuck { why } => Progress::Exceeded { reason: why },
            _ if state.paused => Progress::Paused,
            Rollout::Complete => Progress::Complete,
            Rollout::Going { .. } => Progress::Going,
        };
        let restarts = |pod: &Pod| -> u32 {
            let all: u64 = pod.past.iter().map(|past| past.restarts).sum();
            u32::try_from(all).unwrap_or(u32::MAX)
        };
        let counts = Counts {
            desired: state.wanted,
            replicas: state.replicas,
            updated: state.updated,
            ready: state.ready,
            available: state.available,
            unavailable: state.wanted.saturating_sub(state.available),
            restarts: pods.iter().map(restarts).fold(0, u32::saturating_add),
        };
        let mut sorted: Vec<&Pod> = pods.iter().collect();
        sorted.sort_by_key(|pod| pod.created);
        let looks = sorted.into_iter().map(|pod| PodLook {
            name: pod.name.clone(),
            image: pod.images.get(&container).cloned().unwrap_or_default(),
            ready: pod.ready,
            restarts: restarts(pod),
            phase: phase(pod).to_owned(),
            last_end: last_end(pod),
        });
        Ok(Status {
            name: name.to_owned(),
            uid: state.uid.clone(),
            generation: state.generation,
            observed_generation: state.observed_generation,
            image: Some(image),
            revision: seen.revision,
            paused: state.paused,
            counts: Some(counts),
            progress,
            pods: looks.collect(),
        })
    }

    pub(super) async fn look(&self) -> Result<Look, FaultError> {
        let stable = self.status(&self.name).await?;
        let canary = match &self.canary {
            Some(canary) => Some(self.status(canary).await?),
            None => None,
        };
        Ok(Look { stable, canary })
    }

    pub(super) async fn present(&self, known: &[String]) -> Result<Option<Present>, FaultError> {
        let Some(seen) = self.cluster.seen(&self.name).await? else { return Ok(None) };
        let (container, image) = self.image(&self.name, &seen)?;
        let revisions = self.cluster.revisions(&seen).await?;
        let mut present = Present {
            uid: seen.state.uid.clone(),
            version: seen.version.clone(),
            values: Values::from([
                (Part::Image, image),
                (Part::Replicas, seen.state.wanted.to_string()),
                (Part::Paused, seen.state.paused.to_string()),
            ]),
            images: revisions
                .iter()
                .filter_map(|own| own.images.get(&container).cloned())
                .collect(),
            ..Present::default()
        };
        if !known.is_empty() {
            let is_it = |name: &&String| {
                revisions.iter().any(|own| own.name == **name && own.is_of(&seen, &container))
            };
            let found = known.iter().find(is_it).cloned();
            let found = found.unwrap_or_else(|| "one of no revision".to_owned());
            present.values.insert(Part::Template, found);
        }
        present.containers.insert(Part::Image, container);
        if let Some(name) = &self.canary
            && let Some(seen) = self.cluster.seen(name).await?
        {
            let (container, image) = self.image(name, &seen)?;
            present.containers.insert(Part::CanaryImage, container);
            present.values.insert(Part::CanaryImage, image);
            present.values.insert(Part::CanaryReplicas, seen.state.wanted.to_string());
            present.canary_uid = Some(seen.state.uid.clone());
            present.canary_version = Some(seen.version);
        }
        Ok(Some(present))
    }

    /// The templates of its revisions, the present one first.
    pub(super) async fn templates(&self) -> Result<Vec<String>, FaultError> {
        let seen = self.seen(&self.name).await?;
        let (container, _) = self.image(&self.name, &seen)?;
        let (own, others): (Vec<_>, Vec<_>) = self
            .cluster
            .revisions(&seen)
            .await?
            .into_iter()
            .partition(|revision| revision.is_of(&seen, &container));
        if own.is_empty() {
            let what = format!("deployment {}", self.name);
            let why = "its present template has no ReplicaSet yet; try again".to_owned();
            return Err(FaultError::Setting { what, why });
        }
        Ok(own.into_iter().chain(others).map(|revision| revision.name).collect())
    }

    /// One request for each of both; those of the deployment first.
    pub(super) async fn set(
        &self,
        values: &Values,
        present: &Present,
    ) -> Result<Wrote, FaultError> {
        let parts = [Part::Image, Part::Template, Part::Replicas, Part::Paused];
        let stable = match self.desire(&self.name, &present.version, values, parts).await? {
            Ok(set) => set,
            Err(wrote) => return Ok(wrote),
        };
        let (mut changed, mut canary_generation) = (stable.1, None);
        if let (Some(canary), Some(version)) = (&self.canary, &present.canary_version) {
            let parts = [Part::CanaryImage, Part::CanaryReplicas];
            let canary = match self.desire(canary, version, values, parts).await? {
                Ok(set) => set,
                Err(wrote) => return Ok(wrote),
            };
            (changed, canary_generation) = (changed || canary.1, Some(canary.0));
        }
        Ok(Wrote::Now(Asked { generation: stable.0, canary_generation, changed }))
    }

    /// Sets some parts of one of both: its generation then, and whether it changed.
    async fn desire<const N: usize>(
        &self,
        name: &str,
        version: &str,
        values: &Values,
        parts: [Part; N],
    ) -> Result<Result<(u64, bool), Wrote>, FaultError> {
        let Some(seen) = self.cluster.seen(name).await? else { return Ok(Err(Wrote::Gone)) };
        if seen.version != version {
            return Ok(Err(Wrote::Conflict));
        }
        let (container, image) = self.image(name, &seen)?;
        let mut desired = Desired::default();
        for part in parts {
            let Some(value) = values.get(&part) else { continue };
            match part {
                Part::Image | Part::CanaryImage if *value != image => {
                    desired.image = Some((container.clone(), value.clone()));
                }
                Part::Image | Part::CanaryImage => {}
                Part::Replicas | Part::CanaryReplicas => {
                    let count = value.parse().ok();
                    desired.replicas = count.filter(|count| *count != seen.state.wanted);
                }
                Part::Paused => {
                    desired.paused = Some(value == "true").filter(|set| *set != seen.state.paused);
                }
                Part::Template => {
                    let revisions = self.cluster.revisions(&seen).await?;
                    let is_it = revisions
                        .iter()
                        .any(|own| own.name == *value && own.is_of(&seen, &container));
                    desired.template = (!is_it).then(|| value.clone());
                }
            }
        }
        if desired.template.is_some() {
            // The template has an image of its own, and another may be wanted.
            let wanted = values.get(&Part::Image).cloned().unwrap_or(image);
            desired.image = Some((container, wanted));
        }
        let before = seen.state.generation;
        Ok(match self.cluster.desire(name, &seen, &desired).await? {
            Set::Now(now) => Ok((now.state.generation, now.state.generation != before)),
            Set::Conflict => Err(Wrote::Conflict),
            Set::Gone => Err(Wrote::Gone),
        })
    }

    pub(super) async fn restart(&self) -> Result<Asked, FaultError> {
        #[expect(clippy::disallowed_methods, reason = "the annotation says when it was")]
        let now = Timestamp::now();
        self.cluster.restart(&workload(&self.name), now).await?;
        let generation = self.seen(&self.name).await?.state.generation;
        Ok(Asked { generation, canary_generation: None, changed: true })
    }

    /// The template of an earlier revision.
    pub(super) async fn go_back(&self, to: Option<u64>) -> Result<Asked, FaultError> {
        let what = format!("an undo of deployment {}", self.name);
        for _ in 0..TRIES {
            let seen = self.seen(&self.name).await?;
            if seen.state.paused {
                let why = "it is paused; resume it first".to_owned();
                return Err(FaultError::Blocked { what, why });
            }
            let revision = self.cluster.earlier(&self.name, &seen, to).await?;
            let desired = Desired { template: Some(revision.name), ..Desired::default() };
            match self.cluster.desire(&self.name, &seen, &desired).await? {
                Set::Now(now) => {
                    let generation = now.state.generation;
                    let changed = generation != seen.state.generation;
                    return Ok(Asked { generation, canary_generation: None, changed });
                }
                Set::Conflict => tokio::time::sleep(PAUSE).await,
                Set::Gone => {
                    return Err(FaultError::NotLanded { why: format!("{what}: it is gone") });
                }
            }
        }
        Err(KubernetesError::Contended { what, times: TRIES }.into())
    }
}
