//! The manifest: an Indexed Job, and what merges its results.

use std::time::Duration;

use jiff::Timestamp;
use scenarios::units::Span;
use serde_json::{Value, json};

use super::{JobArgs, yaml};

/// Where results are.
const RESULTS: &str = "/results";
/// Where the files of a ConfigMap are.
const FILES: &str = "/files";
/// A user that is not root, whatever the image says, and to whose group volumes belong.
const USER: u32 = 10_001;

/// Everything that the manifest says.
pub(super) struct Plan<'a> {
    pub(super) name: String,
    pub(super) run: String,
    pub(super) start: Timestamp,
    /// Seconds after which pods that still run are ended; `None` of a load without an end.
    pub(super) deadline: Option<u64>,
    /// The arguments of `loadgen`, escaped.
    pub(super) words: Vec<String>,
    pub(super) args: &'a JobArgs,
}

impl Plan<'_> {
    /// The manifest as YAML.
    pub(super) fn text(&self) -> String {
        let Self { run, start, args, name, .. } = self;
        let mut out = format!(
            "# Run {run}: {} instances of loadgen that begin at {start}. Apply this before: a pod\n\
             # that is not ready by then offers nothing, and is missing in the merged report.\n",
            args.instances
        );
        if args.volume.is_some() {
            out.push_str(
                "# The second Job merges; its exit code is that of a single run. The report:\n",
            );
            out.push_str(&format!("#   kubectl logs --follow job/{name}-merge\n"));
            out.push_str(&yaml::document(&self.job()));
            out.push_str("---\n");
            out.push_str(&yaml::document(&self.merge()));
        } else {
            out.push_str(&format!(
                "# When job/{name} is complete or failed (kubectl wait --for=condition=complete job/{name}),\n\
                 # fetch what was stored into one folder, and merge it:\n\
                 #   loadgen merge FOLDER --out html=report.html\n"
            ));
            out.push_str(&yaml::document(&self.job()));
        }
        out
    }

    /// The Job whose pods offer the load.
    pub(super) fn job(&self) -> Value {
        let args = self.args;
        let mut pod = self.pod();
        let mut load = self.container("loadgen", &args.image, self.words.clone());
        load["env"] = json!(self.environment());
        if args.files.is_some() {
            load["workingDir"] = json!(FILES);
        }
        match &args.store_command {
            None => pod["containers"] = json!([load]),
            Some(command) => {
                // It is run when the load has ended, and only if its results are whole.
                pod["initContainers"] = json!([load]);
                pod["containers"] = json!([self.store(command)]);
            }
        }
        // Each on a machine of its own, as far as there are so many.
        pod["topologySpreadConstraints"] = json!([{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": self.labels("load") },
        }]);
        let mut spec = json!({
            "completionMode": "Indexed",
            "completions": args.instances,
            "parallelism": args.instances,
            // An instance that failed is missing; a second one would offer its part again, late.
            "backoffLimitPerIndex": 0,
            "podReplacementPolicy": "Failed",
            "template": { "metadata": { "labels": self.labels("load") }, "spec": pod },
        });
        if let Some(deadline) = self.deadline {
            spec["activeDeadlineSeconds"] = json!(deadline);
        }
        self.object(&self.name, "load", &spec)
    }

    /// The Job that merges what is in the volume.
    pub(super) fn merge(&self) -> Value {
        let folder = format!("{RESULTS}/{}", self.run);
        let mut words = vec!["merge".to_owned(), folder.clone()];
        // It begins with the others, and waits for them a little longer than they may take.
        let longest = self.deadline.map_or(Duration::from_hours(24), Duration::from_secs);
        words.extend(["--wait".to_owned(), Span(longest).to_string()]);
        for (flag, file) in [
            ("--out", format!("json={folder}/report.json")),
            ("--out", format!("html={folder}/report.html")),
            ("--ledger", format!("{folder}/operations.ledger")),
            ("--hlog", format!("{folder}/latency.hlog")),
        ] {
            words.extend([flag.to_owned(), file]);
        }
        let mut pod = self.pod();
        pod["containers"] = json!([self.container("merge", &self.args.image, words)]);
        let spec = json!({
            // What the report comes to is no reason to try again.
            "backoffLimit": 0,
            "activeDeadlineSeconds": longest.as_secs() + 600,
            "template": { "metadata": { "labels": self.labels("merge") }, "spec": pod },
        });
        self.object(&format!("{}-merge", self.name), "merge", &spec)
    }

    fn object(&self, name: &str, component: &str, spec: &Value) -> Value {
        let mut metadata = json!({ "name": name, "labels": self.labels(component) });
        if let Some(namespace) = &self.args.namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec })
    }

    fn labels(&self, component: &str) -> Value {
        json!({
            "app.kubernetes.io/name": "loadgen",
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/component": component,
        })
    }

    /// What a pod of either Job has but its containers.
    fn pod(&self) -> Value {
        let mut volumes = vec![match &self.args.volume {
            Some(claim) => {
                json!({ "name": "results", "persistentVolumeClaim": { "claimName": claim } })
            }
            None => json!({ "name": "results", "emptyDir": {} }),
        }];
        if let Some(name) = &self.args.files {
            volumes.push(json!({ "name": "files", "configMap": { "name": name } }));
        }
        let mut pod = json!({
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "volumes": volumes,
        });
        if let Some(account) = &self.args.service_account {
            pod["serviceAccountName"] = json!(account);
        }
        pod
    }

    fn container(&self, name: &str, image: &str, words: Vec<String>) -> Value {
        let args = self.args;
        let mut mounts = vec![json!({ "name": "results", "mountPath": RESULTS })];
        if args.files.is_some() {
            mounts.push(json!({ "name": "files", "mountPath": FILES, "readOnly": true }));
        }
        let mut container = json!({
            "name": name,
            "image": image,
            "command": ["loadgen"],
            "args": words,
            "resources": {
                "requests": { "cpu": args.cpu, "memory": args.memory },
                "limits": { "memory": args.memory },
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "readOnlyRootFilesystem": true,
            },
            "volumeMounts": mounts,
        });
        if let Some(secret) = &args.secret {
            container["envFrom"] = json!([{ "secretRef": { "name": secret } }]);
        }
        container
    }

    /// What tells an instance its part. Kubernetes adds `JOB_COMPLETION_INDEX`.
    fn environment(&self) -> Vec<Value> {
        let results = match self.args.volume {
            Some(_) => format!("{RESULTS}/{}", self.run),
            None => RESULTS.to_owned(),
        };
        vec![
            json!({ "name": "LOADGEN_RUN", "value": self.run }),
            json!({ "name": "LOADGEN_INSTANCES", "value": self.args.instances.to_string() }),
            json!({ "name": "LOADGEN_START_AT", "value": self.start.to_string() }),
            json!({ "name": "LOADGEN_RESULTS", "value": results }),
            json!({
                "name": "LOADGEN_HOST",
                "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } },
            }),
        ]
    }

    /// The container that takes the results away.
    fn store(&self, command: &str) -> Value {
        let image = self.args.store_image.as_ref().unwrap_or(&self.args.image);
        let mut store = self.container("store", image, Vec::new());
        store["command"] = json!(["/bin/sh", "-c"]);
        // The shell replaces its own dollars, and Kubernetes none.
        store["args"] = json!([command.replace('$', "$$")]);
        store["workingDir"] = json!(RESULTS);
        store["env"] = json!([
            { "name": "LOADGEN_RUN", "value": self.run },
            // Tools keep what they like in a home, which this user has not.
            { "name": "HOME", "value": "/tmp" },
        ]);
        if let Some(context) = store["securityContext"].as_object_mut() {
            context.remove("readOnlyRootFilesystem");
        }
        store
    }
}
