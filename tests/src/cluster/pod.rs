//! A pod that is bound to one of the nodes, from its first container to its end.

use std::time::{Duration, Instant};

use lab::Lab;
use serde_json::{Value, json};

use super::container::{Container, Policy, now};
use super::images::Images;

/// A pod.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) namespace: String,
    address: String,
    since: String,
    containers: Vec<Container>,
    ending: Option<Ending>,
    /// Whether its status is to be written.
    pub(super) changed: bool,
}

#[derive(Debug)]
struct Ending {
    since: Instant,
    grace: Duration,
}

impl Pod {
    /// One that is seen for the first time.
    pub(super) fn new(object: &Value, uid: &str, address: String, images: &Images) -> Self {
        let (metadata, spec) = (&object["metadata"], &object["spec"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&metadata["name"]);
        let namespace = text(&metadata["namespace"]);
        let own = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOSTNAME", name.clone()),
            ("POD_NAME", name.clone()),
            ("POD_NAMESPACE", namespace.clone()),
            ("POD_UID", uid.to_owned()),
            ("POD_IP", address.clone()),
            ("NODE_NAME", text(&spec["nodeName"])),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let policy = Policy::read(spec["restartPolicy"].as_str().unwrap_or_default());
        let containers = spec["containers"].as_array().into_iter().flatten().map(|container| {
            let what = images.of(container["image"].as_str().unwrap_or_default());
            let process = format!("{name}-{}-{uid}", text(&container["name"]));
            Container::new(container, what, process, &own, policy, &address)
        });
        Self {
            containers: containers.collect(),
            name,
            namespace,
            address,
            since: now(),
            ending: None,
            changed: true,
        }
    }

    /// It was told to end, with this grace; the last grace counts.
    pub(super) fn end(&mut self, grace: Duration, lab: &Lab) {
        match &mut self.ending {
            Some(ending) => ending.grace = ending.grace.min(grace),
            None => {
                self.ending = Some(Ending { since: Instant::now(), grace });
                self.containers.iter().for_each(|container| container.terminate(lab));
            }
        }
    }

    /// Whether it has ended as it was told to.
    pub(super) fn is_over(&self, lab: &Lab) -> bool {
        self.ending.as_ref().is_some_and(|ending| {
            ending.since.elapsed() >= ending.grace
                || !self.containers.iter().any(|container| container.has_process(lab))
        })
    }

    /// Brings its containers on.
    pub(super) fn step(&mut self, lab: &Lab) {
        if self.ending.is_none() {
            for container in &mut self.containers {
                self.changed |= container.step(lab);
            }
        }
    }

    /// One of the lab's processes has ended; it may be one of this pod.
    pub(super) fn ended(&mut self, process: &str, code: Option<i32>, signal: Option<i32>) {
        let own = self.containers.iter_mut().find(|container| container.process == process);
        if let Some(container) = own {
            container.ended(code, signal);
            self.changed = true;
        }
    }

    /// Ends its processes without grace.
    pub(super) fn kill(&self, lab: &Lab) {
        self.containers.iter().for_each(|container| container.kill(lab));
    }

    pub(super) fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.name)
    }

    fn phase(&self) -> &'static str {
        let codes: Option<Vec<i32>> = self.containers.iter().map(Container::code).collect();
        match codes {
            Some(codes) if codes.iter().all(|&code| code == 0) => "Succeeded",
            Some(_) => "Failed",
            None if self.containers.iter().all(Container::has_started) => "Running",
            None => "Pending",
        }
    }

    pub(super) fn status(&self) -> Value {
        let ready = self.containers.iter().all(Container::is_ready);
        let condition = |kind: &str, is: bool| {
            let is = if is { "True" } else { "False" };
            json!({"type": kind, "status": is, "lastTransitionTime": now()})
        };
        let containers: Vec<Value> = self.containers.iter().map(Container::status).collect();
        json!({"status": {
            "phase": self.phase(),
            "hostIP": "127.0.0.1",
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": self.since,
            "conditions": [
                condition("PodScheduled", true),
                condition("Initialized", true),
                condition("ContainersReady", ready),
                condition("Ready", ready),
            ],
            "containerStatuses": containers,
        }})
    }
}
