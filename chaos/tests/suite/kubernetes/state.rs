//! The objects of the mock and its controllers, which work whenever a request has
//! been answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::SHOP;

/// The image with which everything begins.
pub(crate) const FIRST_IMAGE: &str = "registry.k8s.io/pause:3.9";
const REVISION: &str = "deployment.kubernetes.io/revision";

/// How many objects were made by all mocks of this process.
static MADE: AtomicU64 = AtomicU64::new(0);

/// All objects, by resource.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<&'static str, Vec<Value>>,
    /// The last version that was given to an object.
    pub(crate) version: u64,
    made: u64,
    /// Evictions that the budget still allows; `None` if there is no budget.
    pub(crate) budget: Option<u32>,
    /// The controllers rest for so many requests.
    pub(crate) rest: u32,
    /// Pods that were told to end are shown for so many requests.
    pub(crate) linger: u32,
    /// New pods do not become ready.
    pub(crate) unready: bool,
}

impl State {
    /// A deployment `web` of three pods and a stateful set `store` of two.
    pub(crate) fn shop() -> Self {
        let mut state = Self { linger: 2, ..Self::default() };
        for (resource, name, replicas) in [("deployments", "web", 3), ("statefulsets", "store", 2)]
        {
            let object = json!({
                "metadata": {"name": name, "generation": 1, "annotations": {"note": "first"}},
                "spec": {"replicas": replicas, "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "app", "image": FIRST_IMAGE}]},
                }},
            });
            state.insert(resource, object);
        }
        state.work();
        state
    }

    pub(crate) fn insert(&mut self, resource: &'static str, mut object: Value) -> Value {
        self.made += 1;
        let metadata = &mut object["metadata"];
        // As nobody else has it, in whatever process a mock runs.
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        metadata["uid"] = json!(format!("uid-{}-{made}", std::process::id()));
        metadata["namespace"] = json!(SHOP);
        metadata["creationTimestamp"] = json!(format!("2026-01-01T00:{:02}:00Z", self.made % 60));
        metadata["resourceVersion"] = json!(self.next_version());
        self.objects.entry(resource).or_default().push(object.clone());
        object
    }

    pub(crate) fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    pub(crate) fn find(&mut self, resource: &str, name: &str) -> Option<&mut Value> {
        let objects = self.objects.get_mut(resource)?;
        objects.iter_mut().find(|object| object["metadata"]["name"] == name)
    }

    pub(crate) fn remove(&mut self, resource: &str, name: &str) {
        if let Some(objects) = self.objects.get_mut(resource) {
            objects.retain(|object| object["metadata"]["name"] != name);
        }
    }

    /// Tells a pod to end.
    pub(crate) fn end_pod(&mut self, name: &str, grace: Option<u64>) {
        if grace == Some(0) {
            return self.remove("pods", name);
        }
        let linger = self.linger;
        let pod = self.find("pods", name).unwrap();
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T01:00:00Z");
        pod["lingers"] = json!(linger);
    }

    /// One round of the controllers.
    pub(crate) fn work(&mut self) {
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        if let Some(pods) = self.objects.get_mut("pods") {
            pods.retain(|pod| pod["lingers"] != 0);
            for pod in pods.iter_mut().filter(|pod| pod["lingers"].is_u64()) {
                pod["lingers"] = json!(pod["lingers"].as_u64().unwrap() - 1);
            }
        }
        for deployment in self.objects.get("deployments").cloned().unwrap_or_default() {
            let set = self.replica_set(&deployment);
            self.keep(&deployment, "ReplicaSet", &set);
            self.report("deployments", &deployment, &set);
        }
        for set in self.objects.get("statefulsets").cloned().unwrap_or_default() {
            self.keep(&set, "StatefulSet", &set);
            self.report("statefulsets", &set, &set);
        }
    }

    /// The replica set of a deployment's template, made if there is none; it gets
    /// the highest revision, as an old one does that is used again.
    fn replica_set(&mut self, deployment: &Value) -> Value {
        let name = deployment["metadata"]["name"].as_str().unwrap();
        let uid = &deployment["metadata"]["uid"];
        let sets = self.objects.entry("replicasets").or_default();
        let revision = |set: &Value| -> u64 {
            set["metadata"]["annotations"][REVISION].as_str().unwrap().parse().unwrap()
        };
        let own = |set: &&Value| set["metadata"]["ownerReferences"][0]["uid"] == *uid;
        let highest = sets.iter().filter(own).map(revision).max().unwrap_or(0);
        let same = |set: &&mut Value| {
            let mut template = set["spec"]["template"].clone();
            template["metadata"]["labels"].as_object_mut().unwrap().remove("pod-template-hash");
            own(&&**set) && template == deployment["spec"]["template"]
        };
        let set = match sets.iter_mut().find(same) {
            Some(set) => {
                if revision(set) != highest {
                    set["metadata"]["annotations"][REVISION] = json!((highest + 1).to_string());
                }
                set.clone()
            }
            None => {
                let hash = format!("h{}", sets.len());
                let mut template = deployment["spec"]["template"].clone();
                template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
                let mut annotations = deployment["metadata"]["annotations"].clone();
                annotations[REVISION] = json!((highest + 1).to_string());
                let owner = json!({
                    "kind": "Deployment", "name": name, "uid": uid, "controller": true,
                });
                let set = json!({
                    "metadata": {"name": format!("{name}-{hash}"), "annotations": annotations,
                        "ownerReferences": [owner]},
                    "spec": {"template": template},
                });
                self.insert("replicasets", set)
            }
        };
        let annotation = set["metadata"]["annotations"][REVISION].clone();
        self.find("deployments", name).unwrap()["metadata"]["annotations"][REVISION] = annotation;
        set
    }

    /// Makes and ends pods until there are as many as wanted, all of the template.
    fn keep(&mut self, workload: &Value, kind: &str, keeper: &Value) {
        let wanted = usize::try_from(workload["spec"]["replicas"].as_u64().unwrap()).unwrap();
        let (keeper_name, uid) = (&keeper["metadata"]["name"], &keeper["metadata"]["uid"]);
        let prefix = keeper_name.as_str().unwrap();
        let spec = &keeper["spec"]["template"]["spec"];
        let labels = &keeper["spec"]["template"]["metadata"]["labels"];
        let pods = self.objects.entry("pods").or_default();
        // Pods of the deployment's other replica sets are ended.
        let root = &workload["metadata"]["name"];
        let of_keeper = |pod: &Value| pod["metadata"]["ownerReferences"][0]["uid"] == *uid;
        let of_root = |pod: &Value| pod["metadata"]["labels"]["app"] == *root;
        let annotations = &keeper["spec"]["template"]["metadata"]["annotations"];
        let is_new = |pod: &Value| {
            pod["spec"]["containers"] == spec["containers"]
                && pod["metadata"]["annotations"] == *annotations
        };
        pods.retain(|pod| !of_root(pod) || (of_keeper(pod) && is_new(pod)));
        let lives =
            |pod: &Value| of_keeper(pod) && !pod["metadata"]["deletionTimestamp"].is_string();
        while pods.iter().filter(|pod| lives(pod)).count() > wanted {
            let last = pods.iter().rposition(lives).unwrap();
            pods.remove(last);
        }
        for number in 0_usize.. {
            let pods = self.objects.entry("pods").or_default();
            if pods.iter().filter(|pod| lives(pod)).count() >= wanted || number > wanted {
                return;
            }
            let name = if kind == "StatefulSet" {
                format!("{prefix}-{number}")
            } else {
                format!("{prefix}-{}", self.made)
            };
            // A stateful set waits until the old pod of that name is gone.
            if pods.iter().any(|pod| pod["metadata"]["name"] == name.as_str()) {
                continue;
            }
            let ready = if self.unready { "False" } else { "True" };
            let owner = json!({"kind": kind, "name": keeper_name, "uid": uid, "controller": true});
            let mut spec = spec.clone();
            spec["nodeName"] = json!("node-1");
            let pod = json!({
                "metadata": {"name": name, "labels": labels, "annotations": annotations,
                    "ownerReferences": [owner]},
                "spec": spec,
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
            });
            self.insert("pods", pod);
        }
    }

    /// Writes a workload's status.
    fn report(&mut self, resource: &str, workload: &Value, keeper: &Value) {
        let uid = &keeper["metadata"]["uid"];
        let own = |pod: &&Value| pod["metadata"]["ownerReferences"][0]["uid"] == *uid;
        let pods: Vec<&Value> = self.objects["pods"].iter().filter(own).collect();
        let ready = |pod: &&&Value| pod["status"]["conditions"][0]["status"] == "True";
        let ready = pods.iter().filter(ready).count();
        let mut status = json!({
            "observedGeneration": workload["metadata"]["generation"], "replicas": pods.len(),
            "updatedReplicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready,
        });
        if workload["spec"]["updateStrategy"]["type"] == "OnDelete" {
            // As after a change of its template that no pod has got yet.
            status["updatedReplicas"] = json!(0);
            status["currentRevision"] = json!("store-1");
            status["updateRevision"] = json!("store-2");
        }
        let name = workload["metadata"]["name"].as_str().unwrap();
        let now = self.find(resource, name).unwrap();
        if now["status"] != status {
            now["status"] = status;
            let version = self.next_version();
            self.find(resource, name).unwrap()["metadata"]["resourceVersion"] = json!(version);
        }
    }
}
