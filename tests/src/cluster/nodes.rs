//! Nodes without containers: they register, keep their leases, and bring the pods
//! that are bound to them on, as a kubelet does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::Method;
use kube::core::WatchEvent;
use lab::{Event, Lab};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::api::{Api, JSON, MERGE_PATCH, status};
use super::container::now;
use super::images::Images;
use super::pod::Pod;

const STEP_EVERY: Duration = Duration::from_millis(100);
/// A node of which nothing is heard for 50 s is given up by its cluster.
const BEAT_EVERY: Duration = Duration::from_secs(10);
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
/// Those that are bound to a node.
const BOUND: &str = "/api/v1/pods?fieldSelector=spec.nodeName%21%3D";

type Events = BoxStream<'static, kube::Result<WatchEvent<Value>>>;

/// The nodes of a cluster and what runs on them.
pub(super) struct Nodes {
    api: Api,
    lab: Arc<Lab>,
    images: Images,
    names: BTreeSet<String>,
    /// When they were registered.
    since: String,
    /// By their uid.
    pods: BTreeMap<String, Pod>,
    /// How many pods there were so far.
    met: u32,
}

impl Nodes {
    /// Registers them.
    pub(super) async fn register(
        api: Api,
        lab: Arc<Lab>,
        count: u32,
        images: Images,
    ) -> Result<Self> {
        let names: BTreeSet<String> = (0..count).map(|number| format!("node-{number}")).collect();
        for name in &names {
            let labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"});
            let node = json!({"apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": labels}});
            api.send(Method::POST, "/api/v1/nodes", JSON, &node).await?;
            let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": name, "namespace": "kube-node-lease"},
                "spec": {"holderIdentity": name, "leaseDurationSeconds": 40}});
            api.send(Method::POST, LEASES, JSON, &lease).await?;
        }
        let (since, pods) = (now(), BTreeMap::new());
        let nodes = Self { api, lab, images, names, since, pods, met: 0 };
        nodes.beat().await?;
        Ok(nodes)
    }

    /// Until the lab ends.
    pub(super) async fn run(mut self) {
        let mut ended = ended_processes(&self.lab);
        let mut step = interval(STEP_EVERY);
        let mut beat = interval(BEAT_EVERY);
        for ticks in [&mut step, &mut beat] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut events: Option<Events> = None;
        loop {
            tokio::select! {
                event = next(&mut events) => match event {
                    Some(Ok(event)) => if !self.meet(event) { events = None; },
                    // It is listed anew.
                    Some(Err(_)) | None => events = None,
                },
                end = ended.recv() => match end {
                    Some((process, code, signal)) => {
                        let pods = self.pods.values_mut();
                        pods.for_each(|pod| pod.ended(&process, code, signal));
                    }
                    None => return,
                },
                _ = beat.tick() => self.told(self.beat().await),
                _ = step.tick() => {
                    if events.is_none() {
                        events = self.list().await.map_err(|error| self.tell(&error)).ok();
                    }
                    self.step().await;
                }
            }
        }
    }

    /// Looks at all pods, and follows them from there on.
    async fn list(&mut self) -> kube::Result<Events> {
        let list = self.api.get(BOUND).await?;
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        let there: BTreeSet<&str> =
            pods.iter().filter_map(|pod| pod["metadata"]["uid"].as_str()).collect();
        let gone: Vec<String> =
            self.pods.keys().filter(|uid| !there.contains(uid.as_str())).cloned().collect();
        gone.iter().for_each(|uid| self.forget(uid));
        pods.iter().for_each(|pod| self.see(pod));
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or("0");
        self.api.watch(&format!("{BOUND}&watch=true&resourceVersion={version}")).await
    }

    /// Whether the events can be followed on.
    fn meet(&mut self, event: WatchEvent<Value>) -> bool {
        match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => self.see(&pod),
            WatchEvent::Deleted(pod) => {
                self.forget(pod["metadata"]["uid"].as_str().unwrap_or_default());
            }
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(_) => return false,
        }
        true
    }

    fn see(&mut self, pod: &Value) {
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let Some(uid) = pod["metadata"]["uid"].as_str() else { return };
        if !self.names.contains(node) {
            return;
        }
        if !self.pods.contains_key(uid) {
            self.met += 1;
            let new = Pod::new(pod, uid, address(self.met), &self.images);
            self.pods.insert(uid.to_owned(), new);
        }
        if pod["metadata"]["deletionTimestamp"].is_string()
            && let Some(known) = self.pods.get_mut(uid)
        {
            let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
            known.end(Duration::from_secs(grace), &self.lab);
        }
    }

    /// A pod that was removed, with its grace or without.
    fn forget(&mut self, uid: &str) {
        if let Some(pod) = self.pods.remove(uid) {
            pod.kill(&self.lab);
        }
    }

    /// Brings every pod one step on and tells the API of it.
    async fn step(&mut self) {
        let mut over = Vec::new();
        for (uid, pod) in &mut self.pods {
            pod.step(&self.lab);
            if pod.is_over(&self.lab) {
                over.push(uid.clone());
            }
        }
        for uid in over {
            if let Some(pod) = self.pods.get(&uid) {
                pod.kill(&self.lab);
                let options = json!({"apiVersion": "v1", "kind": "DeleteOptions",
                    "gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
                let removed = self.api.send(Method::DELETE, &pod.path(), JSON, &options).await;
                if self.is_done(removed.map(drop)) {
                    self.pods.remove(&uid);
                }
            }
        }
        let changed: Vec<String> =
            self.pods.iter().filter(|(_, pod)| pod.changed).map(|(uid, _)| uid.clone()).collect();
        for uid in changed {
            let Some(pod) = self.pods.get(&uid) else { continue };
            let mut written = pod.status();
            // Not that of a later pod of the same name.
            written["metadata"] = json!({"uid": uid});
            let path = format!("{}/status", pod.path());
            let sent = self.api.send(Method::PATCH, &path, MERGE_PATCH, &written).await;
            if self.is_done(sent.map(drop))
                && let Some(pod) = self.pods.get_mut(&uid)
            {
                pod.changed = false;
            }
        }
    }

    /// Whether a request need not be sent again.
    fn is_done(&self, sent: kube::Result<()>) -> bool {
        match sent {
            Ok(()) => true,
            Err(error) => {
                let gone = matches!(status(&error), Some(404 | 409 | 422));
                if !gone {
                    self.tell(&error);
                }
                gone
            }
        }
    }

    /// Keeps the leases, and says again that the nodes are ready: where the API was
    /// away for long, they are not any more.
    async fn beat(&self) -> kube::Result<()> {
        for name in &self.names {
            self.report(name).await?;
            // In microseconds, as the API has it.
            let renewed = now().replace('Z', ".000000Z");
            let lease = json!({"spec": {"renewTime": renewed}});
            self.api.send(Method::PATCH, &format!("{LEASES}/{name}"), MERGE_PATCH, &lease).await?;
        }
        Ok(())
    }

    async fn report(&self, name: &str) -> kube::Result<()> {
        let room = json!({"cpu": "16", "memory": "32Gi", "pods": "500"});
        let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady",
            "lastHeartbeatTime": now(), "lastTransitionTime": self.since});
        let status = json!({"status": {
            "capacity": room, "allocatable": room, "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": name}],
        }});
        let path = format!("/api/v1/nodes/{name}/status");
        self.api.send(Method::PATCH, &path, MERGE_PATCH, &status).await.map(drop)
    }

    fn told(&self, sent: kube::Result<()>) {
        if let Err(error) = sent {
            self.tell(&error);
        }
    }

    /// Into a log: a server that is away may be what a test wants.
    fn tell(&self, error: &kube::Error) {
        let _ = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.lab.log("nodes"))
            .and_then(|mut log| std::io::Write::write_fmt(&mut log, format_args!("{error}\n")));
    }
}

/// An address of the loopback range for each pod, so that all of them can use the
/// same port.
fn address(number: u32) -> String {
    format!("127.{}.{}.{}", 1 + number / 50_000 % 200, number / 200 % 250, 1 + number % 200)
}

async fn next(events: &mut Option<Events>) -> Option<kube::Result<WatchEvent<Value>>> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

type Ended = (String, Option<i32>, Option<i32>);

/// Which processes of the lab end, with their exit code or signal.
fn ended_processes(lab: &Lab) -> mpsc::UnboundedReceiver<Ended> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let events = lab.events();
    std::thread::spawn(move || {
        for event in events {
            if let Event::Exited { name, code, signal, .. } = event
                && sender.send((name, code, signal)).is_err()
            {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_have_addresses_of_their_own() {
        let addresses: BTreeSet<String> = (0..40_000).map(address).collect();
        assert_eq!(addresses.len(), 40_000);
        assert!(addresses.iter().all(|address| address.starts_with("127.1.")));
    }
}
