//! How far a rollout is.

use super::{Cluster, KubernetesError, Phase, Pod, Selection, State, Workload};

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// Every pod is a new one and is ready.
    Complete,
    /// It goes on; this is what it waits for.
    Going {
        /// In words.
        waits_for: String,
    },
    /// Its controller has given up.
    Stuck {
        /// Why.
        why: String,
    },
}

impl Rollout {
    /// Reads it from a workload and its pods. The first part is what `kubectl
    /// rollout status` looks at, and it trusts the controller's counts; the pods
    /// themselves have the last word. Of a StatefulSet with a partition the pods
    /// below it stay old.
    #[must_use]
    pub fn of(state: &State, pods: &[Pod]) -> Self {
        let going = |waits_for: String| Self::Going { waits_for };
        let State { wanted, updated, replicas, available, .. } = *state;
        let due = wanted.saturating_sub(state.partition);
        if state.observed_generation < state.generation {
            return going("the controller to see the change".to_owned());
        }
        if let Some(why) = &state.stuck {
            return Self::Stuck { why: why.clone() };
        }
        if updated < due {
            return going(format!("{updated} of {due} pods to be new"));
        }
        let old = replicas.saturating_sub(updated);
        if old > wanted - due {
            return going(format!("{} old pods to end", old - (wanted - due)));
        }
        if available < updated {
            return going(format!("{available} of {updated} new pods to be available"));
        }
        if state.older_revision && state.partition == 0 {
            return going("the older revision to be given up".to_owned());
        }
        // A pod that its machine evicted stays as Failed for ever.
        let ended =
            |pod: &Pod| pod.terminating || matches!(pod.phase, Phase::Succeeded | Phase::Failed);
        let stays: Vec<&Pod> = pods.iter().filter(|pod| !ended(pod)).collect();
        let is_new = |pod: &&&Pod| {
            let same = |(name, image)| pod.images.get(name) == Some(image);
            pod.is_up() && state.images.iter().all(same)
        };
        let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
        let (all, new) = (count(stays.len()), count(stays.iter().filter(is_new).count()));
        if new < due || all.saturating_sub(new) > wanted - due {
            return going(format!("{new} of {due} pods to be ready with the new image"));
        }
        Self::Complete
    }
}

impl Cluster {
    /// How far the rollout of a workload is.
    ///
    /// # Errors
    /// When the workload does not exist or something cannot be read.
    pub async fn rollout(&self, workload: &Workload) -> Result<Rollout, KubernetesError> {
        // The pods first: a rollout that begins in between is then seen.
        let pods = self.pods(&Selection::of(workload)).await?;
        Ok(Rollout::of(&self.state(workload).await?, &pods))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment() -> Value {
        json!({
            "metadata": {"uid": "d", "generation": 2},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [
                {"name": "app", "image": "app:2"},
            ]}}},
            "status": {
                "observedGeneration": 2, "replicas": 1, "updatedReplicas": 1,
                "readyReplicas": 1, "availableReplicas": 1,
            },
        })
    }

    fn pod(image: &str, ready: bool) -> Pod {
        Pod {
            grace: std::time::Duration::ZERO,
            name: "app-1".to_owned(),
            uid: "p".to_owned(),
            namespace: "shop".to_owned(),
            node: None,
            created: jiff::Timestamp::UNIX_EPOCH,
            phase: Phase::Running,
            ready,
            terminating: false,
            owner: None,
            keeper: None,
            past: Vec::new(),
            images: [("app".to_owned(), image.to_owned())].into(),
        }
    }

    fn seen(change: impl FnOnce(&mut Value), pods: &[Pod]) -> Rollout {
        let mut object = deployment();
        change(&mut object);
        Rollout::of(&State::read(&object).unwrap(), pods)
    }

    fn waits_for(change: impl FnOnce(&mut Value), pods: &[Pod]) -> String {
        match seen(change, pods) {
            Rollout::Going { waits_for } => waits_for,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_complete_only_when_every_pod_is_new_and_ready() {
        let new = [pod("app:2", true)];
        assert_eq!(seen(|_| {}, &new), Rollout::Complete);
        for (key, value, text) in [
            ("observedGeneration", 1, "see the change"),
            ("updatedReplicas", 0, "0 of 1 pods to be new"),
            ("replicas", 2, "1 old pods to end"),
            ("availableReplicas", 0, "0 of 1 new pods to be available"),
        ] {
            let told = waits_for(|object| object["status"][key] = json!(value), &new);
            assert!(told.contains(text), "{told}");
        }
        for pods in [vec![], vec![pod("app:1", true)], vec![pod("app:2", false)]] {
            assert!(waits_for(|_| {}, &pods).contains("ready with the new image"));
        }
    }

    #[test]
    fn pods_that_are_ending_or_have_ended_do_not_count() {
        let ending = Pod { terminating: true, ..pod("app:1", false) };
        let evicted = Pod { phase: Phase::Failed, ..pod("app:1", false) };
        assert_eq!(seen(|_| {}, &[ending, evicted, pod("app:2", true)]), Rollout::Complete);
    }

    #[test]
    fn a_controller_that_gave_up_is_told() {
        let condition = json!([{"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "timed out"}]);
        let stuck = seen(|object| object["status"]["conditions"] = condition, &[]);
        assert_eq!(stuck, Rollout::Stuck { why: "timed out".to_owned() });
    }

    #[test]
    fn the_pods_below_a_partition_stay_old() {
        let partition = |updated: u64| {
            move |object: &mut Value| {
                object["spec"]["replicas"] = json!(2);
                object["spec"]["updateStrategy"] = json!({"rollingUpdate": {"partition": 1}});
                object["status"] = json!({"observedGeneration": 2, "replicas": 2,
                    "updatedReplicas": updated, "readyReplicas": 2, "availableReplicas": 2,
                    "currentRevision": "a", "updateRevision": "b"});
            }
        };
        let pods = [pod("app:1", true), pod("app:2", true)];
        assert_eq!(seen(partition(1), &pods), Rollout::Complete);
        assert!(waits_for(partition(0), &pods).contains("0 of 1 pods to be new"));
        let none = [pod("app:1", true), pod("app:1", true)];
        assert!(waits_for(partition(1), &none).contains("0 of 1 pods to be ready"));
    }

    #[test]
    fn a_stateful_set_gives_its_older_revision_up_at_the_end() {
        let revisions = |object: &mut Value| {
            object["status"]["currentRevision"] = json!("a");
            object["status"]["updateRevision"] = json!("b");
        };
        assert!(waits_for(revisions, &[pod("app:2", true)]).contains("older revision"));
    }
}
