//! The Kubernetes cluster for tests: nothing is left of it, whatever ends it. Needs the
//! programs of a control plane, so that `scripts/test-kubernetes` runs these.

use std::process::Command;
use std::time::{Duration, Instant};

use chaos::Process;
use chaos::victim::{Signal, Victim};
use http::Request;
use kube::Client;
use machine::process::children;
use serde_json::{Value, json};
use tests::program::Profile;
use tests::run::Run;
use tests::sandbox::Sandbox;
use verify::exit;

use crate::support::expect;

/// Starts a cluster with a command that goes on; `None` where nobody has built one.
fn start(sandbox: &Sandbox) -> Option<Run> {
    if std::env::var_os("SHAKEDOWN_CONTROL_PLANE").is_none() {
        eprintln!("left out: scripts/test-kubernetes --own runs it");
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_control-plane"));
    command.args(["--nodes", "1", "--", "sh", "-c", "echo up >&2; exec sleep 600"]);
    sandbox.dress(&mut command);
    let mut run = Run::start(&mut command).unwrap();
    let is_up = |run: &mut Run| run.said().is_ok_and(|said| said.lines().any(|line| line == "up"));
    assert!(run.wait_for("the cluster", is_up).unwrap(), "{}", run.said().unwrap());
    Some(run)
}

#[test]
#[ignore = "needs a control plane: run scripts/test-kubernetes --own"]
fn nothing_is_left_of_a_cluster_whose_program_is_killed() {
    let sandbox = Sandbox::new(Profile::from_environment()).unwrap();
    let Some(mut run) = start(&sandbox) else { return };
    run.signal(Signal::KILL).unwrap();
    assert_eq!(run.end().unwrap().signal, Some(9));
    sandbox.expect_nothing_left().unwrap();
}

#[test]
#[ignore = "needs a control plane: run scripts/test-kubernetes --own"]
fn a_cluster_whose_keeper_is_killed_ends_its_command() {
    let sandbox = Sandbox::new(Profile::from_environment()).unwrap();
    let Some(run) = start(&sandbox) else { return };
    let below = children(run.id()).unwrap();
    let is_keeper = |process: &Process| {
        machine::process::command_line(process.pid).iter().any(|word| word == "__keeper")
    };
    let keeper = below.into_iter().filter_map(Process::find).find(is_keeper).unwrap();
    Victim::pin(keeper).unwrap().signal(Signal::KILL).unwrap();
    let ended = run.end().unwrap();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("the cluster has ended"), "{ended:?}");
    sandbox.expect_nothing_left().unwrap();
}

const SCENARIO: &str = r#"
name = "pods"
title = "a worker that is killed is replaced"

[system]
[system.roles.worker]
help = "does the work"

[[phase]]
name = "load"
for = "10s"

[[workload]]
name = "tick"
rate = "5/s"
phases = ["load"]
command = { run = "true" }

[[probe]]
name = "workers"
process = { role = "worker" }

[[fault]]
name = "kill"
phase = "load"
at = "2s"
kill_process = { role = "worker", pick = "one" }

[[check]]
name = "only-the-killed-are-replaced"
title = "nobody is started again but for the fault"
absence = { series = "workers.restarts", phases = ["load"], excused_by = ["kill"] }
"#;

/// Sends one request to the cluster of `KUBECONFIG`.
async fn send(method: &str, path: &str, body: &Value) -> Value {
    let client = Client::try_default().await.expect("KUBECONFIG leads to a cluster");
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    client.request(request.body(body).unwrap()).await.unwrap()
}

/// A namespace with a deployment of two workers that are ready.
async fn workers(namespace: &str) {
    let named = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    send("POST", "/api/v1/namespaces", &named).await;
    let labels = json!({"app": "worker"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "app", "image": "registry.k8s.io/pause:3.9"}],
            }},
        },
    });
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    send("POST", &path, &deployment).await;
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let seen = send("GET", &format!("{path}/worker"), &Value::Null).await;
        if seen["status"]["readyReplicas"] == 2 {
            return;
        }
        assert!(Instant::now() < deadline, "{seen}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_role_that_pods_play_is_hit_and_watched() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sandbox = Sandbox::new(Profile::from_environment()).unwrap();
    let namespace = format!("shakedown-roles-{}", std::process::id());
    workers(&namespace).await;
    let file = sandbox.file("pods.toml", SCENARIO).unwrap();
    let role = |labels: &str| format!("worker=k8s:{namespace}/{labels}");
    let run = |role: &str, more: &[&str]| {
        let file = file.to_string_lossy().into_owned();
        let mut words = vec!["--scenario", &file, "--role", role];
        words.extend(more);
        sandbox.verify(&words).unwrap().end().unwrap()
    };
    let ended = run(&role("app=worker"), &[]);
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{}{}", ended.stdout, ended.stderr);
    let ended = run(&role("app=worker"), &["--skip-fault", "kill"]);
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{}{}", ended.stdout, ended.stderr);
    let ended = run(&role("app=nobody"), &[]);
    expect(&ended, exit::INCONCLUSIVE, &["no pod", "app=nobody"]);
    send("DELETE", &format!("/api/v1/namespaces/{namespace}"), &Value::Null).await;
    sandbox.expect_nothing_left().unwrap();
}

#[test]
fn a_cluster_that_does_not_answer_is_told_before_the_load() {
    let sandbox = Sandbox::new(Profile::from_environment()).unwrap();
    let file = sandbox.file("pods.toml", SCENARIO).unwrap();
    let port = lab::free_port().unwrap();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody"}}],
    });
    let kubeconfig = sandbox.file("kubeconfig", &kubeconfig.to_string()).unwrap();
    let file = file.to_string_lossy().into_owned();
    let words = ["--scenario", &file, "--role", "worker=k8s:shop/app=worker"];
    let mut command = sandbox.command(tests::program::Program::Verify, &words).unwrap();
    let ended = Run::start(command.env("KUBECONFIG", &kubeconfig)).unwrap().end().unwrap();
    expect(&ended, exit::ENVIRONMENT, &["fault kill", "probe workers", "no answer"]);
    assert!(sandbox.runs().iter().all(|run| !run.join("ledger").exists()));
}
