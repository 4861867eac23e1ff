//! The program against the mock: the same faults from the outside, with their
//! journal, their exit codes and their way back.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;

use super::mock::{Failure, Mock};
use crate::sleeper::wait_for;

/// A mock, a kubeconfig that leads to it, and a journal.
struct Desk {
    mock: Mock,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Self {
        let (mock, folder) = (Mock::start().await, tempfile::tempdir().unwrap());
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "mock",
            "clusters": [{"name": "mock", "cluster": {"server": mock.url}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [
                {"name": "mock", "context": {"cluster": "mock", "user": "nobody"}},
                {"name": "eu-prod", "context": {"cluster": "mock", "user": "nobody"}},
            ],
        });
        std::fs::write(folder.path().join("config"), config.to_string()).unwrap();
        Self { mock, folder }
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
        command.args(arguments.split(' ')).arg("--journal").arg(self.journal());
        command.env("KUBECONFIG", self.folder.path().join("config")).stdin(Stdio::null());
        command
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Runs it beside the mock, which lives on this thread.
    async fn run(&self, arguments: &str) -> (Option<i32>, String) {
        let mut command = self.command(arguments);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    fn replicas(&self) -> u64 {
        let web = |state: &mut super::state::State| {
            state.find("deployments", "web").unwrap()["spec"]["replicas"].as_u64().unwrap()
        };
        self.mock.change(web)
    }
}

#[tokio::test]
async fn pods_are_killed_and_the_deployment_becomes_whole() {
    let desk = Desk::new().await;
    let (code, said) = desk.run("kill-pods -n shop -l app=web --pick 2 --seed 1").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("whole again: "), "{said}");
    assert_eq!(desk.mock.requests("delete", "pods").len(), 2);
}

#[tokio::test]
async fn a_refused_eviction_is_blocked_and_asked_for_once() {
    let desk = Desk::new().await;
    let words = "Cannot evict pod as it would violate the pod's disruption budget.";
    let details = json!({"causes": [{"reason": "DisruptionBudget"}]});
    desk.mock.fail("create", "pods/eviction", Failure::Status(429, words, details));
    let (code, said) = desk.run("evict-pods -n shop -l app=web").await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("was refused") && said.contains("disruption budget"), "{said}");
    assert_eq!(desk.mock.requests("create", "pods/eviction").len(), 1);
}

#[tokio::test]
async fn nobody_and_production_are_errors() {
    let desk = Desk::new().await;
    for (arguments, hint) in [
        ("kill-pods -n shop -l app=wbe", "matches nothing"),
        ("kill-pods -n kube-system -l app=web", "--allow kube-system"),
        ("kill-pods -n shop -l app=web --context eu-prod", "--allow eu-prod"),
        ("scale deployment/wbe -n shop --replicas 1 --for 1s", "does not exist"),
    ] {
        let (code, said) = desk.run(arguments).await;
        assert_eq!(code, Some(3), "{arguments}: {said}");
        assert!(said.contains(hint), "{arguments}: {said}");
    }
    let (code, said) = desk.run("scale web -n shop --replicas 1 --for 1s").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("deployment/NAME"), "{said}");
    assert!(desk.mock.requests("delete", "pods").is_empty());
}

#[tokio::test]
async fn a_count_of_pods_is_set_and_set_back() {
    let desk = Desk::new().await;
    let (code, said) = desk.run("scale deployment/web -n shop --replicas 1 --for 100ms").await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(desk.replicas(), 3);
    assert_eq!(desk.mock.requests("patch", "deployments/scale").len(), 2, "there and back");
}

#[tokio::test]
async fn what_a_killed_program_has_set_is_set_back_by_another() {
    let desk = Desk::new().await;
    let scale = "scale deployment/web -n shop --replicas 1 --for 1h --quiet";
    let mut chaos: Child = desk.command(scale).spawn().unwrap();
    let desk = tokio::task::spawn_blocking(move || {
        wait_for("the other count", || desk.replicas() == 1);
        chaos.kill().unwrap();
        chaos.wait().unwrap();
        desk
    })
    .await
    .unwrap();
    let (code, said) = desk.run("recover").await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(desk.replicas(), 3, "{said}");
    let (_, said) = desk.run("recover").await;
    assert!(said.contains("nothing to take back"), "{said}");
}
