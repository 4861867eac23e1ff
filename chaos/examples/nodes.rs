//! Nodes of a cluster that has a control plane and no containers, for tests:
//! `nodes COUNT [IMAGE=COMMAND]…`, with the cluster of `KUBECONFIG`.
//!
//! A pod that is bound to one of them runs at once. Where a command is given for
//! the image of its container, that is a process of this machine, with the
//! container's environment, and is started again when it ends; another image is
//! one that waits, as `pause` does. A pod that is deleted gets SIGTERM, then has its
//! grace, and is removed.

#![expect(clippy::unwrap_used, reason = "what is not as it should be ends the tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use chaos::{Background, Held, Leash};
use http::{Method, Request};
use kube::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A node of which nothing is heard for 50 s is given up by its cluster.
const BEAT_EVERY: Duration = Duration::from_secs(10);
const RESTART_AFTER: Duration = Duration::from_millis(500);
const MERGE: &str = "application/merge-patch+json";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = chaos::hidden(&arguments) {
        return ExitCode::from(code);
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [count, programs @ ..] = words.as_slice() else {
        eprintln!("usage: nodes COUNT [IMAGE=COMMAND]…");
        return ExitCode::from(2);
    };
    let programs = programs.iter().map(|pair| {
        let (image, command) = pair.split_once('=').unwrap();
        (image.to_owned(), shell_words::split(command).unwrap())
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let nodes = (0..count.parse::<u32>().unwrap()).map(|number| format!("node-{number}"));
    let (names, programs) = (nodes.collect(), programs.collect());
    let ended = runtime.block_on(async {
        let client = Client::try_default().await?;
        Nodes { client, names, programs, pods: BTreeMap::new() }.run().await
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nodes: {error}");
            ExitCode::from(4)
        }
    }
}

struct Nodes {
    client: Client,
    names: BTreeSet<String>,
    /// What runs for an image.
    programs: BTreeMap<String, Vec<String>>,
    /// By their uid.
    pods: BTreeMap<String, Pod>,
}

/// A pod that runs.
#[derive(Default)]
struct Pod {
    containers: Vec<Container>,
    /// Since when it is to end.
    ending: Option<Instant>,
}

struct Container {
    name: String,
    image: String,
    command: Option<Vec<String>>,
    environment: Vec<(String, String)>,
    process: Option<Held>,
    /// When it may be started again.
    due: Option<Instant>,
    restarts: u32,
    /// How it ended before, with its exit code.
    before: Option<i32>,
    since: String,
}

impl Nodes {
    /// Until SIGTERM or SIGINT.
    async fn run(&mut self) -> Result<(), Failure> {
        for name in &self.names {
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
            self.send(Method::POST, "/api/v1/nodes", "application/json", &node).await?;
        }
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut beat: Option<Instant> = None;
        loop {
            if beat.is_none_or(|beat| beat.elapsed() > BEAT_EVERY) {
                self.beat().await?;
                beat = Some(Instant::now());
            }
            self.look().await?;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
            }
        }
    }

    async fn beat(&self) -> Result<(), Failure> {
        let room = json!({"cpu": "16", "memory": "32Gi", "pods": "500"});
        for name in &self.names {
            let ready = json!({"type": "Ready", "status": "True", "reason": "NodesRun",
                "lastHeartbeatTime": now(), "lastTransitionTime": now()});
            let status = json!({"status": {
                "capacity": room, "allocatable": room, "conditions": [ready],
            }});
            let path = format!("/api/v1/nodes/{name}/status");
            self.send(Method::PATCH, &path, MERGE, &status).await?;
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let list = self.send(Method::GET, "/api/v1/pods", "", &Value::Null).await?;
        let mut seen = BTreeSet::new();
        for pod in list["items"].as_array().into_iter().flatten() {
            let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
            if self.names.contains(node) {
                let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
                self.turn(pod, &uid).await?;
                seen.insert(uid);
            }
        }
        // Whoever was removed without its grace.
        self.pods.retain(|uid, _| seen.contains(uid));
        Ok(())
    }

    /// Brings a pod one step on.
    async fn turn(&mut self, pod: &Value, uid: &str) -> Result<(), Failure> {
        let is_over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let is_new = !self.pods.contains_key(uid);
        let known = self.pods.entry(uid.to_owned()).or_default();
        if pod["metadata"]["deletionTimestamp"].is_string() {
            let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
            if known.has_ended(Duration::from_secs(grace)) {
                self.pods.remove(uid);
                return self.remove(pod, uid).await;
            }
            return Ok(());
        }
        if is_new && !is_over {
            known.containers = containers(pod, &self.programs);
        }
        if known.step() || is_new && !is_over {
            let status = known.status();
            let path = format!("{}/status", path(pod));
            self.send(Method::PATCH, &path, MERGE, &status).await?;
        }
        Ok(())
    }

    async fn remove(&self, pod: &Value, uid: &str) -> Result<(), Failure> {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions",
            "gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
        self.send(Method::DELETE, &path(pod), "application/json", &options).await.map(drop)
    }

    /// What is gone or overtaken meanwhile is looked at anew, and so is a server that
    /// is away for a moment.
    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let mut request = Request::builder().method(method).uri(path);
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        match self.client.request::<Value>(request.body(body)?).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) if !matches!(status.code, 404 | 409 | 429 | 500..) => {
                Err(format!("{path}: {status}").into())
            }
            Err(error) => {
                eprintln!("nodes: {path}: {error}");
                Ok(Value::Null)
            }
        }
    }
}

impl Pod {
    /// Has its processes end, and says whether they have, or their grace is over.
    fn has_ended(&mut self, grace: Duration) -> bool {
        let begun = *self.ending.get_or_insert_with(|| {
            self.containers.iter().for_each(Container::terminate);
            Instant::now()
        });
        // What is dropped is killed.
        self.containers.iter_mut().all(|container| container.has_ended().is_some())
            || begun.elapsed() >= grace
    }

    /// Starts what is to run; whether anything has changed.
    fn step(&mut self) -> bool {
        let mut changed = false;
        for container in &mut self.containers {
            changed |= container.step();
        }
        changed
    }

    fn status(&self) -> Value {
        let ready = if self.containers.iter().all(Container::runs) { "True" } else { "False" };
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": now()});
        let containers: Vec<Value> = self.containers.iter().map(Container::status).collect();
        json!({"status": {
            "phase": "Running",
            "hostIP": "127.0.0.1",
            "podIP": "127.0.0.1",
            "startTime": now(),
            "conditions": [
                condition("PodScheduled", "True"),
                condition("Initialized", "True"),
                condition("ContainersReady", ready),
                condition("Ready", ready),
            ],
            "containerStatuses": containers,
        }})
    }
}

fn containers(pod: &Value, programs: &BTreeMap<String, Vec<String>>) -> Vec<Container> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = pod["spec"]["containers"].as_array().into_iter().flatten();
    let read = |container: &Value| {
        let image = text(&container["image"]);
        let words = container["args"].as_array().into_iter().flatten().map(text);
        let command = programs.get(&image).map(|command| {
            let words = words.collect::<Vec<_>>();
            [command.as_slice(), &words].concat()
        });
        let variables = container["env"].as_array().into_iter().flatten();
        let variables = variables.map(|entry| (text(&entry["name"]), text(&entry["value"])));
        let own = ("POD_NAME".to_owned(), text(&pod["metadata"]["name"]));
        Container {
            name: text(&container["name"]),
            image,
            command,
            environment: variables.chain([own]).collect(),
            process: None,
            due: None,
            restarts: 0,
            before: None,
            since: now(),
        }
    };
    listed.map(read).collect()
}

impl Container {
    fn runs(&self) -> bool {
        self.command.is_none() || self.process.is_some()
    }

    fn terminate(&self) {
        let pid = self.process.as_ref().and_then(Held::program);
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Its exit code, once it has ended; one without a process ends at once.
    fn has_ended(&mut self) -> Option<i32> {
        match &mut self.process {
            None => Some(0),
            Some(process) => process.try_wait().ok()?.map(|status| status.code().unwrap_or(137)),
        }
    }

    fn step(&mut self) -> bool {
        let Some(command) = &self.command else { return false };
        if self.process.is_some() {
            let Some(code) = self.has_ended() else { return false };
            (self.process, self.before) = (None, Some(code));
            self.due = Some(Instant::now() + RESTART_AFTER);
            return true;
        }
        if self.due.is_some_and(|due| due > Instant::now()) {
            return false;
        }
        self.restarts += u32::from(self.due.take().is_some());
        let (program, arguments) = command.split_first().unwrap();
        let mut leash = Leash::new(program, Background::Ends);
        let asked = leash.command().args(arguments).envs(self.environment.iter().cloned());
        asked.stdout(Stdio::null());
        self.process = Some(leash.run().unwrap());
        self.since = now();
        true
    }

    fn status(&self) -> Value {
        let state = match self.runs() {
            true => json!({"running": {"startedAt": self.since}}),
            false => json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        };
        let before = self.before.map(|code| {
            let reason = if code == 0 { "Completed" } else { "Error" };
            json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": now()}})
        });
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": self.image,
            "ready": self.runs(),
            "started": self.runs(),
            "restartCount": self.restarts,
            "state": state,
            "lastState": before.unwrap_or_else(|| json!({})),
        })
    }
}

fn path(pod: &Value) -> String {
    let word = |key: &str| pod["metadata"][key].as_str().unwrap_or_default();
    format!("/api/v1/namespaces/{}/pods/{}", word("namespace"), word("name"))
}

#[expect(clippy::disallowed_methods, reason = "a cluster's times are those of the wall clock")]
fn now() -> String {
    jiff::Timestamp::now().round(jiff::Unit::Second).unwrap().to_string()
}
