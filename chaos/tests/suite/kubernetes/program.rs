//! The program against the mock: the same faults from the outside, with their
//! journal, their exit codes and their way back.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use chaos::journal::{End, State, read, stories};
use serde_json::json;

use super::mock::{Failure, Mock};
use crate::sleeper::wait_for;

/// A mock, a kubeconfig that leads to it, and a journal.
pub(super) struct Desk {
    pub(super) mock: Mock,
    pub(super) folder: tempfile::TempDir,
}

/// A kubeconfig that leads to a mock.
pub(crate) fn config(url: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "mock",
        "clusters": [{"name": "mock", "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [
            {"name": "mock", "context": {"cluster": "mock", "user": "nobody"}},
            {"name": "eu-prod", "context": {"cluster": "mock", "user": "nobody"}},
        ],
    })
}

impl Desk {
    pub(super) async fn new() -> Self {
        let (mock, folder) = (Mock::start().await, tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("config"), config(&mock.url).to_string()).unwrap();
        Self { mock, folder }
    }

    fn command(&self, arguments: &str) -> Command {
        self.command_in(arguments, "journal")
    }

    fn command_in(&self, arguments: &str, journal: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
        command.args(arguments.split(' ')).arg("--journal").arg(self.folder.path().join(journal));
        command.env("KUBECONFIG", self.folder.path().join("config")).stdin(Stdio::null());
        command.env("XDG_STATE_HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }

    /// Runs it beside the mock, which lives on this thread.
    pub(super) async fn run(&self, arguments: &str) -> (Option<i32>, String) {
        let mut command = self.command(arguments);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    pub(super) fn replicas(&self) -> u64 {
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
async fn pods_that_were_evicted_before_a_refusal_are_recorded_and_replaced() {
    let desk = Desk::new().await;
    desk.mock.change(|state| state.budget = Some(1));
    let (code, said) = desk.run("evict-pods -n shop -l app=web --pick 3").await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("1 of 3 were hit and the others not"), "{said}");
    assert!(said.contains("disruption budget") && said.contains("whole again: 3 of 3"), "{said}");
    let entries = read(&desk.folder.path().join("journal")).unwrap().entries;
    let hit = entries.iter().find_map(|entry| match &entry.state {
        State::Injected { victims } => Some(victims.len()),
        _ => None,
    });
    assert_eq!(hit, Some(1));
    assert_eq!(stories(&entries)[0].end, End::Failed);
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
    let (code, said) = desk.run("kill-pods --pick all -n shop -l ").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("selects every pod of the namespace"), "{said}");
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

/// A plan of one kill of a pod.
pub(super) fn kill_plan(namespace: &str, labels: &str) -> String {
    format!(
        "name = \"kill\"\n[[phase]]\nname = \"load\"\nfor = \"1s\"\n[[fault]]\nname = \
         \"kill\"\nphase = \"load\"\nkill_pods = {{ namespace = {namespace:?}, labels = \
         {labels:?} }}\n"
    )
}

/// Waits for the mock's objects, which live on this thread's runtime.
async fn replicas_become(desk: &Desk, count: u64) {
    let deadline = tokio::time::Instant::now() + crate::sleeper::PATIENCE;
    while desk.replicas() != count {
        assert!(tokio::time::Instant::now() < deadline, "waited too long for {count} replicas");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn ended(child: Child) -> (Option<i32>, String) {
    let wait = move || child.wait_with_output().unwrap();
    let output = tokio::task::spawn_blocking(wait).await.unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

fn piped(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn two_programs_with_two_journals_give_back_what_was_before_the_first() {
    let desk = Desk::new().await;
    let first = piped(&mut desk.command("scale deployment/web -n shop --replicas 2 --for 2s"));
    replicas_become(&desk, 2).await;
    let scale = "scale deployment/web -n shop --replicas 1 --for 4s";
    let second = piped(&mut desk.command_in(scale, "another journal"));
    replicas_become(&desk, 1).await;
    let (code, said) = ended(first).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("left to chaos-") && said.contains("holds it still"), "{said}");
    assert_eq!(desk.replicas(), 1);
    let (code, said) = ended(second).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(desk.replicas(), 3, "{said}");
    let (_, said) = desk.run("recover").await;
    assert!(said.contains("nothing to"), "{said}");
}

#[tokio::test]
async fn a_watchdog_gives_back_what_was_before_the_first() {
    let desk = Desk::new().await;
    let scale = "scale deployment/web -n shop --replicas 2 --for 1s --quiet";
    let mut first = desk.command(scale).spawn().unwrap();
    replicas_become(&desk, 2).await;
    let second = piped(&mut desk.command("scale deployment/web -n shop --replicas 1 --for 10ms"));
    first.kill().unwrap();
    first.wait().unwrap();
    let (code, said) = ended(second).await;
    assert_eq!(code, Some(0), "{said}");
    replicas_become(&desk, 3).await;
}

#[tokio::test]
async fn an_api_that_is_away_when_a_fault_ends_is_waited_for() {
    let desk = Desk::new().await;
    for (code, message) in [(503, "starting"), (403, "it is forbidden"), (401, "Unauthorized")] {
        let failure = Failure::Status(code, message, json!({}));
        // The first change is the fault.
        desk.mock.fail_later("patch", "deployments/scale", failure, 1, 3);
        let (code, said) = desk.run("scale deployment/web -n shop --replicas 1 --for 100ms").await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("back to 3, at try 4"), "{said}");
        assert_eq!(desk.replicas(), 3);
    }
}

#[tokio::test]
async fn a_watchdog_waits_for_an_api_that_is_away() {
    let desk = Desk::new().await;
    let scale = "scale deployment/web -n shop --replicas 1 --for 500ms --quiet";
    let mut chaos = desk.command(scale).spawn().unwrap();
    replicas_become(&desk, 1).await;
    chaos.kill().unwrap();
    chaos.wait().unwrap();
    let failure = Failure::Status(503, "starting", json!({}));
    desk.mock.fail_later("get", "deployments/scale", failure, 0, 3);
    replicas_become(&desk, 3).await;
}

#[tokio::test]
async fn what_stays_away_is_said_with_the_way_out() {
    let desk = Desk::new().await;
    let failure = Failure::Status(503, "starting", json!({}));
    desk.mock.fail_later("patch", "deployments/scale", failure, 1, 1000);
    let scale = "scale deployment/web -n shop --replicas 1 --for 100ms --undo-within 1s";
    let (code, said) = desk.run(scale).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("still there: chaos recover --journal /"), "{said}");
    assert!(said.contains("it was tried"), "{said}");
    let (code, said) = desk.run("recover --undo-within 1s").await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("run chaos recover again"), "{said}");
    desk.mock.mend();
    let (code, said) = desk.run("recover").await;
    assert_eq!((code, desk.replicas()), (Some(0), 3), "{said}");
}

#[tokio::test]
async fn what_somebody_else_has_changed_stays_open_until_it_is_accepted() {
    let desk = Desk::new().await;
    let chaos = piped(&mut desk.command("scale deployment/web -n shop --replicas 1 --for 1s"));
    replicas_become(&desk, 1).await;
    desk.mock.change(|state| {
        state.find("deployments", "web").unwrap()["spec"]["replicas"] = json!(5);
    });
    let (code, said) = ended(chaos).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("left alone: somebody has set it to 5 since"), "{said}");
    for (arguments, code, hint) in [
        ("recover", Some(3), "chaos recover --accept"),
        ("recover --accept", Some(0), "which is accepted"),
        ("recover", Some(0), "nothing to"),
    ] {
        let (ended, said) = desk.run(arguments).await;
        assert_eq!(ended, code, "{said}");
        assert!(said.contains(hint), "{said}");
    }
    assert_eq!(desk.replicas(), 5);
}

#[tokio::test]
async fn a_request_that_never_arrived_is_the_reason_and_nothing_is_waited_for() {
    let desk = Desk::new().await;
    desk.mock.fail("delete", "pods", Failure::Cut);
    let (code, said) = desk.run("kill-pods -n shop -l app=web").await;
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("no answer to DELETE") && !said.contains("are ready"), "{said}");
}

#[tokio::test]
async fn several_kubeconfigs_in_relative_places_lead_a_watchdog_back() {
    let desk = Desk::new().await;
    let empty = json!({"apiVersion": "v1", "kind": "Config"}).to_string();
    std::fs::write(desk.folder.path().join("empty"), empty).unwrap();
    let mut command = desk.command("scale deployment/web -n shop --replicas 1 --for 500ms --quiet");
    command.env("KUBECONFIG", "empty:config").current_dir(desk.folder.path());
    let mut chaos = command.spawn().unwrap();
    replicas_become(&desk, 1).await;
    chaos.kill().unwrap();
    chaos.wait().unwrap();
    replicas_become(&desk, 3).await;
}
