//! Pods of a Kubernetes cluster: how many there are and are ready, which images they
//! run, and how often their containers were started again or replaced, since the run
//! began. It only reads.
//!
//! A pod that is new beside those of the first look, when one of them is gone, is one
//! in its place. Restarts of a container of which nobody has seen the last one are
//! those that the cluster counts.

use std::collections::{BTreeMap, BTreeSet};

use chaos::kubernetes::{Cluster, KubernetesError, Limits, Place, Pod, Selection};

use crate::observe::ProbeObserver;

/// Reasons that are counted from the first look on, so that none is 0 and not unknown.
const REASONS: [&str; 3] = ["Completed", "Error", "OOMKilled"];

pub(super) struct Pods {
    context: String,
    namespace: String,
    labels: String,
    cluster: Option<Cluster>,
    tally: Tally,
}

impl Pods {
    pub(super) fn new(context: &str, namespace: &str, labels: &str) -> Self {
        Self {
            context: context.to_owned(),
            namespace: namespace.to_owned(),
            labels: labels.to_owned(),
            cluster: None,
            tally: Tally::default(),
        }
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        match self.pods().await {
            Ok(pods) => {
                self.tally.see(&pods, observer);
                Ok(())
            }
            Err(error) => {
                // A token may have expired: the kubeconfig is read again.
                self.cluster = None;
                Err(error.to_string())
            }
        }
    }

    async fn pods(&mut self) -> Result<Vec<Pod>, KubernetesError> {
        let cluster = match &mut self.cluster {
            Some(cluster) => cluster,
            none => none.insert(cluster(&self.context, &self.namespace).await?),
        };
        let selection = Selection { labels: Some(self.labels.clone()), ..Selection::default() };
        cluster.pods(&selection).await
    }
}

/// A namespace of a cluster, to look at.
pub(crate) async fn cluster(context: &str, namespace: &str) -> Result<Cluster, KubernetesError> {
    let place = Place {
        context: (!context.is_empty()).then(|| context.to_owned()),
        namespace: namespace.to_owned(),
        ..Place::default()
    };
    Cluster::to_look(&place, Limits { answer: super::PATIENCE, ..Limits::default() }).await
}

/// What was counted since the first look.
#[derive(Debug, Default)]
struct Tally {
    begun: bool,
    /// Pods by uid.
    known: BTreeSet<String>,
    /// How often each container, of a pod, had been started again at the last look.
    restarts: BTreeMap<(String, String), u64>,
    restarted: u64,
    replaced: u64,
    /// The most pods that there were at once.
    most: usize,
    terminations: BTreeMap<String, u64>,
}

impl Tally {
    fn see(&mut self, pods: &[Pod], observer: &ProbeObserver) {
        let at = observer.now();
        for line in self.count(pods) {
            observer.line(at, &line.0, &line.1);
        }
        let there: Vec<&Pod> = pods.iter().filter(|pod| !pod.terminating).collect();
        let ready = there.iter().filter(|pod| pod.is_up()).count();
        let images: BTreeSet<&String> = there.iter().flat_map(|pod| pod.images.values()).collect();
        observer.value(at, "pods", there.len() as f64);
        observer.value(at, "ready", ready as f64);
        observer.value(at, "unready", (there.len() - ready) as f64);
        observer.value(at, "images", images.len() as f64);
        observer.value(at, "restarts", (self.restarted + self.replaced) as f64);
        observer.value(at, "replaced", self.replaced as f64);
        for (reason, count) in &self.terminations {
            observer.labelled(at, "terminations", reason, *count as f64);
        }
    }

    /// Counts what is new; gives a line for each container that ended: its pod, and
    /// what became of it.
    fn count(&mut self, pods: &[Pod]) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        if !self.begun {
            self.terminations.extend(REASONS.map(|reason| (reason.to_owned(), 0)));
        }
        for pod in pods {
            for past in &pod.past {
                let key = (pod.uid.clone(), past.container.clone());
                // What happened before the first look is not of this run.
                let from = if self.begun { 0 } else { past.restarts };
                let before = self.restarts.insert(key, past.restarts).unwrap_or(from);
                let more = past.restarts.saturating_sub(before);
                self.restarted += more;
                if more == 0 {
                    continue;
                }
                let (reason, code) = past.ended.clone().unwrap_or(("unknown".to_owned(), -1));
                *self.terminations.entry(reason.clone()).or_default() += more;
                let image = pod.images.get(&past.container).map_or("", String::as_str);
                let text = format!(
                    "container {} ({image}) ended and was started again: {reason}, exit code {code}",
                    past.container
                );
                lines.push((pod.name.clone(), text));
            }
        }
        let there = pods.iter().filter(|pod| !pod.terminating).count();
        let new = pods.iter().filter(|pod| !self.known.contains(&pod.uid)).count();
        if self.begun {
            // More pods than ever before are no substitutes.
            let grown = there.saturating_sub(self.most);
            self.replaced += new.saturating_sub(grown) as u64;
        }
        self.most = self.most.max(there);
        self.known.extend(pods.iter().map(|pod| pod.uid.clone()));
        self.begun = true;
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chaos::kubernetes::{Past, Phase};

    use super::*;

    fn pod(uid: &str, restarts: u64, reason: &str) -> Pod {
        Pod {
            name: format!("web-{uid}"),
            uid: uid.to_owned(),
            namespace: "shop".to_owned(),
            node: None,
            created: jiff::Timestamp::UNIX_EPOCH,
            phase: Phase::Running,
            ready: true,
            terminating: false,
            grace: Duration::from_secs(30),
            owner: None,
            keeper: None,
            images: BTreeMap::from([("app".to_owned(), "app:1".to_owned())]),
            past: vec![Past {
                container: "app".to_owned(),
                restarts,
                ended: (restarts > 0).then(|| (reason.to_owned(), 137)),
            }],
        }
    }

    #[test]
    fn what_was_before_the_run_is_not_of_it_and_what_comes_is_counted_once() {
        let mut tally = Tally::default();
        assert!(tally.count(&[pod("a", 7, "Error"), pod("b", 0, "")]).is_empty());
        assert_eq!((tally.restarted, tally.replaced), (0, 0));
        let lines = tally.count(&[pod("a", 8, "OOMKilled"), pod("b", 0, "")]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].1.contains("OOMKilled, exit code 137"), "{lines:?}");
        tally.count(&[pod("a", 8, "OOMKilled"), pod("b", 0, "")]);
        assert_eq!((tally.restarted, tally.replaced), (1, 0));
        assert_eq!(tally.terminations["OOMKilled"], 1);
        assert_eq!(tally.terminations["Error"], 0);
    }

    #[test]
    fn a_pod_in_the_place_of_another_is_replaced_and_more_pods_are_not() {
        let mut tally = Tally::default();
        tally.count(&[pod("a", 0, ""), pod("b", 0, "")]);
        tally.count(&[pod("a", 0, ""), pod("c", 0, "")]);
        assert_eq!(tally.replaced, 1);
        tally.count(&[pod("a", 0, ""), pod("c", 0, ""), pod("d", 0, "")]);
        assert_eq!(tally.replaced, 1, "it was scaled out");
        let ending = Pod { terminating: true, ..pod("c", 0, "") };
        tally.count(&[pod("a", 0, ""), ending, pod("d", 0, ""), pod("e", 2, "Error")]);
        assert_eq!((tally.replaced, tally.restarted), (2, 2));
    }
}
