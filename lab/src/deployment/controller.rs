//! The controller of one deployment, without clock and process: requests, observations
//! and the time go in, actions come out.
//!
//! It is what Kubernetes divides among its deployment controller, its replica set
//! controller and its kubelets. Pods that were asked to end are not counted, as there, so
//! for as long as they take there may be more processes than the surge allows.

use std::time::Duration;

use super::amount::Room;
use super::crash_loop::CrashLoop;
use super::pod::{Phase, Pod};
use super::progress::{Counts, Progress, Stage};
use super::sizes::{self, Count};
use super::spec::{Refusal, Request, Spec, Template};
use super::status::{Condition, PodStatus, Revision, Status};

/// More pods than this machine could have processes for are a slip.
pub(crate) const MOST: u32 = 1_000;

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start the process of a new pod.
    Start {
        /// The pod.
        pod: String,
        /// What it runs.
        image: String,
    },
    /// Start the process of a pod again.
    Restart {
        /// The pod.
        pod: String,
    },
    /// Ask a pod's process to end, by SIGTERM.
    Terminate {
        /// The pod.
        pod: String,
    },
    /// Kill a pod's process, which did not end in time.
    Kill {
        /// The pod.
        pod: String,
    },
}

/// What was seen of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Its process runs.
    Started,
    /// Its process ended, in words.
    Ended(String),
    /// Its process could not be started, in words.
    Refused(String),
    /// Its process says whether it is ready.
    Ready(bool),
}

/// The pods of one template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ReplicaSet {
    id: u32,
    revision: u64,
    template: Template,
    size: u32,
}

/// A deployment and everything that is known of it. Times are since the controller began.
#[derive(Debug, Clone)]
pub struct Deployment {
    spec: Spec,
    template: Template,
    replicas: u32,
    paused: bool,
    /// By revision, the oldest first.
    sets: Vec<ReplicaSet>,
    /// The oldest first.
    pods: Vec<Pod>,
    pods_made: u64,
    killed: u64,
    sets_made: u32,
    /// The desired number that the sizes were last made for, and the most pods for it.
    sized_for: (u32, u32),
    generation: u64,
    observed: u64,
    progress: Progress,
}

impl Deployment {
    /// A deployment that has no pods yet.
    pub fn new(spec: Spec) -> Self {
        let template = Template { image: spec.image.clone(), restarted: 0 };
        let progress = Progress::new(spec.progress_deadline);
        let mut new = Self {
            replicas: spec.replicas,
            template,
            paused: false,
            sets: Vec::new(),
            pods: Vec::new(),
            pods_made: 0,
            killed: 0,
            sets_made: 0,
            sized_for: (0, 0),
            generation: 1,
            observed: 0,
            progress,
            spec,
        };
        new.sized_for = new.sizing();
        new
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// How many pods there are to be.
    pub fn replicas(&self) -> u32 {
        self.replicas
    }

    /// Which version of what is asked for this is.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What the pods are to run.
    pub fn image(&self) -> &str {
        &self.template.image
    }

    /// Whether it has a pod of that name, ending ones included.
    pub fn has(&self, pod: &str) -> bool {
        self.pods.iter().any(|own| own.name == pod)
    }

    /// How many pods have been ready for long enough.
    pub fn available(&self, now: Duration) -> u32 {
        self.counts(now).available
    }

    /// Takes a request; whether it changes anything.
    ///
    /// # Errors
    /// [`Refusal`] if it cannot be carried out; then nothing has changed.
    pub fn ask(&mut self, request: &Request, now: Duration) -> Result<bool, Refusal> {
        let name = || self.spec.name.clone();
        let before = (self.template.clone(), self.replicas, self.paused);
        match request {
            Request::SetImage { image } => self.template.image.clone_from(image),
            Request::Rollout | Request::Undo { .. } if self.paused => {
                return Err(Refusal::Paused { name: name() });
            }
            Request::Rollout => {
                let most = self.sets.iter().map(|set| set.template.restarted).max();
                self.template.restarted = most.unwrap_or(0) + 1;
            }
            Request::Pause => self.paused = true,
            Request::Resume => self.paused = false,
            Request::Undo { to } => self.template = self.earlier(*to)?,
            Request::Scale { replicas } if *replicas > MOST => {
                return Err(Refusal::TooMany { name: name(), asked: *replicas, most: MOST });
            }
            Request::Scale { replicas } => self.replicas = *replicas,
        }
        let changed = before != (self.template.clone(), self.replicas, self.paused);
        self.generation += u64::from(changed);
        if changed && *request == Request::Resume && !self.is_settled() {
            // What it was paused for is not held against it.
            self.progress.begin(now);
        }
        Ok(changed)
    }

    /// The template of an earlier revision.
    fn earlier(&self, to: Option<u64>) -> Result<Template, Refusal> {
        let name = || self.spec.name.clone();
        let found = match to {
            Some(asked) => self.sets.iter().find(|set| set.revision == asked).ok_or_else(|| {
                let known = self.sets.iter().map(|set| set.revision.to_string());
                let known = known.collect::<Vec<_>>().join(", ");
                Refusal::NoRevision { name: name(), asked, known }
            }),
            None => {
                let mut earlier = self.sets.iter().rev();
                let found = earlier.find(|set| set.template != self.template);
                found.ok_or_else(|| Refusal::NoEarlier { name: name() })
            }
        };
        found.map(|set| set.template.clone())
    }

    /// Whether the rollout was complete before anything else was asked for.
    fn is_settled(&self) -> bool {
        matches!(self.progress.stage, Stage::Complete { .. })
            && self.sets.last().is_some_and(|set| set.template == self.template)
    }

    /// Takes note of what was seen of a pod. What is not known any more changes nothing.
    pub fn see(&mut self, pod: &str, seen: &Seen, now: Duration) {
        let Some(place) = self.pods.iter().position(|own| own.name == pod) else { return };
        let pod = &mut self.pods[place];
        match seen {
            Seen::Started => pod.started(now),
            Seen::Ready(ready) => pod.answered(now, *ready),
            Seen::Ended(_) | Seen::Refused(_) if pod.is_terminating() => {
                self.pods.remove(place);
            }
            Seen::Ended(how) | Seen::Refused(how) => pod.ended(now, how),
        }
    }

    /// What is to be done now. Whoever calls does it, and tells what is seen of it.
    pub fn act(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        self.observed = self.generation;
        self.make_revision(now);
        self.fit_pods(now, &mut actions);
        while self.resize(now) {
            self.fit_pods(now, &mut actions);
        }
        for pod in &mut self.pods {
            if pod.takes_restart(now) {
                actions.push(Action::Restart { pod: pod.name.clone() });
            }
            if pod.takes_kill(now) {
                self.killed += 1;
                actions.push(Action::Kill { pod: pod.name.clone() });
            }
        }
        self.forget_old_sets();
        let counts = self.counts(now);
        self.progress.note(now, counts, self.replicas, self.paused);
        actions
    }

    /// When [`Deployment::act`] is to be called although nothing has happened; the past is
    /// at once.
    pub fn wakes_at(&self, now: Duration) -> Option<Duration> {
        let pods = self.pods.iter().map(|pod| pod.wakes_at(now, self.spec.min_ready));
        pods.chain([self.progress.wakes_at(self.paused)]).flatten().min()
    }

    /// The newest replica set is that of the desired template, unless nothing may be
    /// replaced. One from before gets the next revision.
    fn make_revision(&mut self, now: Duration) {
        let is_newest = |set: &ReplicaSet| set.template == self.template;
        if self.paused || self.sets.last().is_some_and(is_newest) {
            return;
        }
        let revision = self.sets.last().map_or(1, |set| set.revision + 1);
        let mut set = match self.sets.iter().position(is_newest) {
            Some(place) => self.sets.remove(place),
            None => {
                self.sets_made += 1;
                let (id, template) = (self.sets_made, self.template.clone());
                ReplicaSet { id, revision, template, size: 0 }
            }
        };
        set.revision = revision;
        self.sets.push(set);
        self.progress.begin(now);
    }

    fn room(&self) -> Room {
        Room::of(self.replicas, self.spec.max_surge, self.spec.max_unavailable)
    }

    fn sizing(&self) -> (u32, u32) {
        (self.replicas, self.replicas + self.room().surge)
    }

    /// Takes the next step of the sizes; whether there was one.
    fn resize(&mut self, now: Duration) -> bool {
        let counts: Vec<Count> = self.sets.iter().map(|set| self.count(set, now)).collect();
        let (sizing, before) = (self.sizing(), self.sized_for);
        let sizes = if sizing.0 != before.0 && !self.sets.is_empty() {
            Some(sizes::rescale(&counts, self.replicas, self.room(), before.1))
        } else if self.paused {
            None
        } else {
            sizes::roll(&counts, self.replicas, self.room())
        };
        self.sized_for = sizing;
        let Some(sizes) = sizes else { return false };
        for (set, size) in self.sets.iter_mut().zip(sizes) {
            set.size = size;
        }
        true
    }

    fn count(&self, set: &ReplicaSet, now: Duration) -> Count {
        let own = self.pods.iter().filter(|pod| pod.set == set.id);
        let available = own.filter(|pod| pod.is_available(now, self.spec.min_ready)).count();
        Count { size: set.size, available: count(available) }
    }

    /// Makes and ends pods until every replica set has as many as it is to have.
    fn fit_pods(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for set in self.sets.clone() {
            let lives = |pod: &&mut Pod| pod.set == set.id && !pod.is_terminating();
            let mut own: Vec<&mut Pod> = self.pods.iter_mut().filter(lives).collect();
            own.sort_by_key(|pod| pod.worth());
            let (size, there) = (set.size as usize, own.len());
            let kill_at = now + self.spec.grace;
            for pod in own.into_iter().take(there.saturating_sub(size)) {
                if pod.end(kill_at) {
                    actions.push(Action::Terminate { pod: pod.name.clone() });
                }
            }
            for _ in there..size {
                self.pods_made += 1;
                let name = format!("{}-{}-{}", self.spec.name, set.id, self.pods_made);
                actions
                    .push(Action::Start { pod: name.clone(), image: set.template.image.clone() });
                let crashes = CrashLoop::new(self.spec.pace);
                self.pods.push(Pod::new(name, self.pods_made, set.id, crashes));
            }
        }
        self.pods.retain(|pod| pod.phase != Phase::Gone);
    }

    fn forget_old_sets(&mut self) {
        let Some(newest) = self.sets.last().map(|set| set.id) else { return };
        let pods = &self.pods;
        let is_old = |set: &ReplicaSet| {
            set.id != newest && set.size == 0 && pods.iter().all(|pod| pod.set != set.id)
        };
        let mut too_many =
            self.sets.iter().filter(|set| is_old(set)).count().saturating_sub(self.spec.history);
        self.sets.retain(|set| {
            let goes = too_many > 0 && is_old(set);
            too_many -= usize::from(goes);
            !goes
        });
    }

    fn counts(&self, now: Duration) -> Counts {
        let newest = self.sets.iter().find(|set| set.template == self.template);
        let newest = newest.map_or(0, |set| set.id);
        let mut counts = Counts::default();
        for pod in self.pods.iter().filter(|pod| !pod.is_terminating()) {
            counts.replicas += 1;
            counts.updated += u32::from(pod.set == newest);
            counts.ready += u32::from(pod.is_ready());
            counts.available += u32::from(pod.is_available(now, self.spec.min_ready));
        }
        counts
    }

    /// What it is now.
    pub fn status(&self, now: Duration) -> Status {
        let Counts { replicas, updated, ready, available } = self.counts(now);
        let revisions = self.sets.iter().map(|set| Revision {
            revision: set.revision,
            image: set.template.image.clone(),
            size: set.size,
        });
        Status {
            name: self.spec.name.clone(),
            uid: String::new(),
            generation: self.generation,
            observed_generation: self.observed,
            image: self.template.image.clone(),
            revision: self.sets.last().map_or(0, |set| set.revision),
            paused: self.paused,
            desired: self.replicas,
            total: self.replicas,
            replicas,
            updated,
            ready,
            available,
            unavailable: self.replicas.saturating_sub(available),
            restarts: self.pods.iter().map(|pod| pod.restarts).sum(),
            killed_ever: self.killed,
            conditions: vec![self.is_available(available), self.is_progressing()],
            pods: self.pods.iter().map(|pod| self.pod(pod, now)).collect(),
            revisions: revisions.collect(),
        }
    }

    fn pod(&self, pod: &Pod, now: Duration) -> PodStatus {
        let set = self.sets.iter().find(|set| set.id == pod.set);
        PodStatus {
            name: pod.name.clone(),
            image: set.map(|set| set.template.image.clone()).unwrap_or_default(),
            revision: set.map_or(0, |set| set.revision),
            url: None,
            phase: pod.word().to_owned(),
            ready: pod.is_ready(),
            available: pod.is_available(now, self.spec.min_ready),
            restarts: pod.restarts,
            last_end: pod.last_end.clone(),
        }
    }

    fn is_available(&self, available: u32) -> Condition {
        let enough = available >= self.replicas - self.room().unavailable;
        let (status, reason) = match enough {
            true => ("True", "MinimumReplicasAvailable"),
            false => ("False", "MinimumReplicasUnavailable"),
        };
        condition("Available", status, reason, Duration::ZERO)
    }

    fn is_progressing(&self) -> Condition {
        let (status, reason, at) = match self.progress.stage {
            Stage::Exceeded { at } => ("False", "ProgressDeadlineExceeded", at),
            Stage::Complete { at } if self.is_settled() => ("True", "NewReplicaSetAvailable", at),
            Stage::Going { since } | Stage::Complete { at: since } => match self.paused {
                true => ("Unknown", "DeploymentPaused", since),
                false => ("True", "ReplicaSetUpdated", since),
            },
        };
        condition("Progressing", status, reason, at)
    }
}

fn condition(kind: &str, status: &str, reason: &str, at: Duration) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
    }
}

fn count(pods: usize) -> u32 {
    u32::try_from(pods).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
