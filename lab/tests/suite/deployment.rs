//! Deployments of real processes: what is asked by HTTP comes about, and nothing outlives
//! the lab.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::deployment::{
    Amount, DEPLOYMENTS, Deployments, Image, Pace, Readiness, Spec, Status, Workload,
};
use lab::{Lab, LabError};
use rustix::process::Signal;

use crate::support::{HOST, Host, away, http, is_alive, kill, kill_process, lab, patience, until};

/// The tests' only deployment.
const WORKER: &str = "worker";

fn image(env: &[(&str, &str)]) -> Image {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let argv = vec![HOST.to_owned(), "pod".to_owned()];
    Image { argv, env: env.iter().map(owned).collect(), told: None }
}

fn spec(replicas: u32) -> Spec {
    let mut spec = Spec::new(WORKER, "v1").replicas(replicas);
    spec.max_surge = Amount::Pods(1);
    spec.max_unavailable = Amount::Pods(0);
    spec.progress_deadline = Duration::from_secs(30);
    spec.grace = Duration::from_secs(20);
    spec.pace = Pace { first: Duration::from_millis(20), ..Pace::default() };
    spec
}

struct Scene {
    lab: Lab,
    deployments: Deployments,
    // Last: the lab writes its logs there until it ends.
    _folder: tempfile::TempDir,
}

impl Scene {
    fn start(spec: Spec) -> Self {
        let images = BTreeMap::from([
            ("v1".to_owned(), image(&[])),
            ("v2".to_owned(), image(&[("READY_AFTER", "100")])),
            ("never".to_owned(), image(&[("READY_AFTER", "never")])),
            ("crash".to_owned(), image(&[("READY_AFTER", "never"), ("CRASH_AFTER", "30")])),
            ("deaf".to_owned(), image(&[("DEAF", "1")])),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let lab = lab(folder.path());
        let workload = Workload { spec, images, readiness: Readiness::default() };
        let deployments = Deployments::start(&lab, &[workload], patience()).unwrap();
        Self { lab, deployments, _folder: folder }
    }

    fn status(&self) -> Status {
        self.deployments.status(WORKER).unwrap()
    }

    fn post(&self, what: &str, body: &str) -> (u16, serde_json::Value) {
        let url = format!("{}/deployments/{what}", self.deployments.url());
        let (status, body) = http("POST", &url, body).unwrap();
        (status, serde_json::from_str(&body).unwrap_or(body.into()))
    }

    fn ask(&self, what: &str, body: &str) {
        let (status, answer) = self.post(what, body);
        assert_eq!(status, 200, "{answer}");
    }

    fn complete(&self) -> Status {
        until("the rollout's end", || Some(self.status()).filter(Status::is_complete))
    }

    /// The names of the processes that run.
    fn running(&self) -> Vec<String> {
        let all = self.lab.processes().into_iter();
        let pods = all.filter(|process| process.role != DEPLOYMENTS && process.pid.is_some());
        pods.map(|process| process.name).collect()
    }
}

fn names(status: &Status) -> Vec<&str> {
    status.pods.iter().map(|pod| pod.name.as_str()).collect()
}

#[test]
fn a_new_image_replaces_every_process_and_enough_stay_available() {
    let scene = Scene::start(spec(3));
    let before = scene.complete();
    assert_eq!(names(&before), ["worker-1-1", "worker-1-2", "worker-1-3"]);
    assert_eq!(scene.running(), names(&before));
    let old = scene.lab.process("worker-1-1").unwrap();
    assert_eq!(old.role, WORKER);
    scene.ask("worker/set_image", r#"{"image": "v2"}"#);
    let after = until("the rollout's end", || {
        let status = scene.status();
        assert!(status.available >= 3 && status.replicas <= 4, "{status:?}");
        status.is_complete().then_some(status)
    });
    assert!(after.pods.iter().all(|pod| pod.image == "v2" || pod.phase == "Terminating"));
    assert_eq!((after.revision, after.restarts), (2, 0));
    until("the old ones' end", || (scene.running().len() == 3).then_some(()));
    assert!(!is_alive(old.pid.unwrap()));
    until("being forgotten", || scene.lab.process("worker-1-1").is_none().then_some(()));
    let url = scene.status().pods[0].url.clone().unwrap();
    assert_eq!(http("GET", &format!("{url}/ready"), "").unwrap().0, 200);
}

#[test]
fn a_killed_pod_is_started_again_in_its_place() {
    let scene = Scene::start(spec(2));
    let before = scene.complete();
    kill_process(&scene.lab, "worker-1-1");
    let after =
        until("its restart", || Some(scene.complete()).filter(|status| status.restarts == 1));
    assert_eq!(names(&after), names(&before));
    assert_eq!(after.pods[0].url, before.pods[0].url);
    assert_eq!(after.pods[0].last_end.as_deref(), Some("killed by signal 9 (SIGKILL)"));
}

#[test]
fn a_pod_that_a_fault_keeps_away_comes_back_when_it_is_let_go() {
    let scene = Scene::start(spec(2));
    away(&scene.lab, "worker-1-2", || {
        until("the missing pod", || (scene.status().available == 1).then_some(()));
    });
    scene.complete();
}

#[test]
fn a_pod_that_is_kept_away_can_be_replaced() {
    let scene = Scene::start(spec(2));
    scene.lab.hold("worker-1-2", patience()).unwrap();
    kill(scene.lab.process("worker-1-2").unwrap().pid.unwrap(), Signal::KILL);
    scene.ask("worker/rollout", "");
    scene.complete();
    until("the pods", || (scene.running().len() == 2).then_some(()));
    scene.lab.let_go("worker-1-2").unwrap();
    scene.ask("worker/pause", "");
    assert_eq!(scene.running(), ["worker-2-3", "worker-2-4"]);
}

#[test]
fn a_bad_version_is_undone_while_the_good_one_serves() {
    for bad in ["crash", "never", "missing"] {
        let short = Spec { progress_deadline: Duration::from_secs(2), ..spec(2) };
        let scene = Scene::start(short);
        scene.ask("worker/set_image", &format!(r#"{{"image": "{bad}"}}"#));
        let stuck = until("the deadline", || Some(scene.status()).filter(Status::is_stuck));
        assert_eq!(stuck.available, 2, "{bad}");
        assert_eq!(stuck.restarts > 0, bad != "never", "{bad}: {stuck:?}");
        scene.ask("worker/undo", "");
        let after = scene.complete();
        assert_eq!(after.image, "v1", "{bad}");
        until("the bad one's end", || (scene.running().len() == 2).then_some(()));
    }
}

#[test]
fn a_pod_that_ignores_sigterm_is_killed_after_its_grace() {
    let scene = Scene::start(Spec { grace: Duration::from_millis(300), ..spec(1) });
    scene.ask("worker/set_image", r#"{"image": "deaf"}"#);
    scene.complete();
    let deaf = scene.status().pods.into_iter().find(|pod| pod.image == "deaf").unwrap();
    let pid = scene.lab.process(&deaf.name).unwrap().pid.unwrap();
    scene.ask("worker/set_image", r#"{"image": "v1"}"#);
    until("its end", || (!is_alive(pid)).then_some(()));
    let log = std::fs::read_to_string(scene.lab.log(DEPLOYMENTS)).unwrap();
    assert!(log.contains(&format!("{} did not end in time", deaf.name)), "{log}");
}

#[test]
fn pause_resume_scale_and_a_canary_do_what_they_say() {
    let scene = Scene::start(spec(2));
    scene.ask("worker/pause", "");
    scene.ask("worker/set_image", r#"{"image": "v2"}"#);
    scene.ask("worker/scale", r#"{"replicas": 4}"#);
    until("the pods", || (scene.status().available == 4).then_some(()));
    assert!(scene.status().pods.iter().all(|pod| pod.image == "v1"));
    let (status, answer) = scene.post("worker/undo", "");
    assert_eq!(
        (status, answer["error"].as_str()),
        (409, Some("worker is paused; resume it first"))
    );
    scene.ask("worker/resume", "");
    assert!(scene.complete().pods.iter().all(|pod| pod.image == "v2" || !pod.ready));

    scene.ask("worker/canary", r#"{"pods": 1, "image": "v1"}"#);
    let canary = || scene.deployments.status("worker-canary").unwrap();
    until("the canary", || (canary().available == 1).then_some(()));
    until("the others", || (scene.status().available == 3).then_some(()));
    let role = scene.lab.process(&canary().pods[0].name).unwrap().role;
    assert_eq!(role, "worker-canary");
    scene.ask("worker/canary", r#"{"pods": 0}"#);
    until("all stable", || (scene.status().available == 4).then_some(()));
}

#[test]
fn what_cannot_be_done_is_said() {
    let scene = Scene::start(spec(1));
    for (what, body, status) in [
        ("nobody/pause", "", 404),
        ("worker/explode", "", 404),
        ("worker/scale", r#"{"replicas": "many"}"#, 400),
        ("worker/scale", r#"{"replicas": 100000}"#, 409),
        ("worker/undo", r#"{"to": 7}"#, 409),
        ("worker/canary", r#"{"pods": 2}"#, 409),
    ] {
        assert_eq!(scene.post(what, body).0, status, "{what} {body}");
    }
    let url = scene.deployments.url();
    let (_, page) = http("GET", &format!("{url}/metrics"), "").unwrap();
    let line = r#"kube_deployment_status_replicas_available{deployment="worker"} 1"#;
    assert!(page.contains(line), "{page}");
    let (_, all) = http("GET", &format!("{url}/deployments"), "").unwrap();
    assert!(all.contains("worker-canary"), "{all}");
}

#[test]
fn a_deployment_that_never_stands_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path());
    let short = Spec { progress_deadline: Duration::from_millis(500), ..spec(1) };
    let workload = Workload {
        spec: short,
        images: BTreeMap::from([("v1".to_owned(), image(&[("CRASH_AFTER", "1")]))]),
        readiness: Readiness { paths: vec!["/nowhere".to_owned()], ..Readiness::default() },
    };
    let error = Deployments::start(&lab, &[workload], patience()).unwrap_err();
    let LabError::Deployment { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.starts_with("only 0 of 1 pods are available in time; worker-1-1:"), "{reason}");
}

#[test]
fn a_released_lab_still_has_its_controller() {
    let Scene { lab, deployments, _folder } = Scene::start(spec(1));
    let pid = lab.process("worker-1-1").unwrap().pid.unwrap();
    let released = lab.release().unwrap();
    kill(pid, Signal::KILL);
    until("its restart", || (deployments.status(WORKER)?.restarts == 1).then_some(()));
    released.stop(patience()).unwrap();
    assert_eq!(deployments.status(WORKER), None);
}

#[test]
fn a_killed_parent_leaves_no_pod() {
    let mut host = Host::start("roll", &[]);
    until("ready", || (host.line() == ["ready"]).then_some(()));
    host.child.kill().unwrap();
    host.expect_nothing_left();
}

#[test]
fn a_killed_keeper_leaves_no_pod() {
    let mut host = Host::start("roll", &[]);
    let keeper: u32 = host.line()[1].parse().unwrap();
    until("ready", || (host.line() == ["ready"]).then_some(()));
    kill(keeper, Signal::KILL);
    drop(host.child.stdin.take());
    host.expect_nothing_left();
}
