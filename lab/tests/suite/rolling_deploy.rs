//! The pipeline on a real Apache Kafka and PostgreSQL: every event has its result once,
//! through rollouts, kills and a rollback.

use lab::Lab;
use lab::deployment::Status;
use lab::reference::rolling_deploy::Variant;
use lab::reference::{self, Running, StartOptions};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{http, kill, lab, patience, until};

struct Scene {
    running: Running,
    lab: Lab,
    // Last: the lab writes its logs there until it ends.
    _folder: tempfile::TempDir,
}

impl Scene {
    fn start(variant: Variant, workers: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = lab(folder.path());
        let options = StartOptions {
            variant: variant.to_string(),
            replicas: workers,
            ..StartOptions::default()
        };
        let system = reference::system("rolling-deploy").unwrap();
        let running = system.start(&lab, &options, patience()).unwrap();
        Self { running, lab, _folder: folder }
    }

    fn target(&self, name: &str) -> &str {
        &self.running.targets[name]
    }

    /// Sends an event, and says whether it was accepted.
    fn send(&self, event: &Value) -> bool {
        let url = format!("{}/events", self.target("service"));
        http("POST", &url, &event.to_string()).is_some_and(|(status, _)| status == 202)
    }

    fn send_all(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let event = event(number);
            until("the event to be accepted", || self.send(&event).then_some(()));
        }
    }

    fn ask(&self, what: &str, body: &Value) {
        let url = format!("{}/deployments/download-worker/{what}", self.target("deployments"));
        let (status, answer) = http("POST", &url, &body.to_string()).unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    fn status(&self) -> Status {
        let url = format!("{}/deployments/download-worker", self.target("deployments"));
        serde_json::from_str(&http("GET", &url, "").unwrap().1).unwrap()
    }

    /// The first column of the first row.
    fn sql(&self, query: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = self.target("database");
            let (client, connection) =
                tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let rows = client.simple_query(query).await.unwrap();
            let row = rows.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            row.unwrap_or_default().to_owned()
        })
    }

    /// Waits until so many events have their result.
    fn results(&self, count: u32) {
        let count = count.to_string();
        let query = "select count(distinct event_id) from results";
        until("the results", || (self.sql(query) == count).then_some(()));
    }

    fn complete(&self) -> Status {
        until("the rollout's end", || Some(self.status()).filter(Status::is_complete))
    }
}

fn event(number: u32) -> Value {
    json!({
        "event_id": format!("run/load/{number}"),
        "account": format!("account-{}", number % 40),
        "object": format!("o-{}", number % 100),
        "occurred_at": 1_700_000_000_000_i64 + i64::from(number),
        "trace": number,
    })
}

#[test]
fn every_event_has_one_result_through_a_rollout_a_kill_and_a_rollback() {
    let scene = Scene::start(Variant::Correct, 3);
    let mut names: Vec<&str> = scene.running.targets.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["database", "deployments", "kafka", "metrics", "objects", "service"]);
    scene.send_all(0..200);
    scene.results(200);

    scene.ask("set_image", &json!({"image": "download-worker:v2"}));
    scene.send_all(200..600);
    let status = scene.complete();
    assert!(status.pods.iter().any(|pod| pod.image == "download-worker:v2"));
    let pid = scene.lab.process(&status.pods[0].name).unwrap().pid;
    pid.into_iter().for_each(|pid| kill(pid, Signal::KILL));
    scene.send_all(600..800);
    scene.ask("undo", &json!({}));
    scene.send_all(800..1_000);
    scene.results(1_000);
    scene.complete();
    assert_eq!(scene.sql("select count(*) from results"), "1000");
    assert_eq!(scene.sql("select count(distinct version) from results"), "2");
    assert_eq!(
        scene.sql("select others->>'trace' from results where event_id = 'run/load/7'"),
        "7"
    );

    for poison in [
        json!({"account": "a"}),
        json!({"event_id": "m", "account": "a", "object": "missing-1", "occurred_at": 1}),
    ] {
        assert!(scene.send(&poison));
    }
    let dead = || {
        let (_, page) = http("GET", scene.target("metrics"), "")?;
        let counts = page.lines().filter(|line| line.starts_with("kafka_dlq_messages_total{"));
        Some(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).sum::<u32>())
    };
    until("two dead letters", || (dead()? == 2).then_some(()));
}

#[test]
fn a_new_version_that_crashes_is_rolled_back_and_nothing_is_lost() {
    let scene = Scene::start(Variant::V2CrashLoop, 2);
    scene.ask("set_image", &json!({"image": "download-worker:v2"}));
    until("a crash loop", || (scene.status().restarts >= 2).then_some(()));
    scene.send_all(0..100);
    scene.ask("undo", &json!({}));
    assert_eq!(scene.complete().image, "download-worker:v1");
    scene.results(100);
}

#[test]
fn offsets_that_are_committed_before_the_work_lose_events_of_a_killed_worker() {
    let scene = Scene::start(Variant::CommitBeforeProcess, 1);
    // Every download takes so long that many events wait.
    let trouble = format!("{}/trouble", scene.target("objects"));
    http("PUT", &trouble, r#"{"delay_ms": 200}"#).unwrap();
    scene.send_all(0..200);
    until("some results", || (scene.sql("select count(*) from results") != "0").then_some(()));
    let pod = &scene.status().pods[0].name;
    kill(scene.lab.process(pod).unwrap().pid.unwrap(), Signal::KILL);
    until("its restart", || (scene.complete().restarts == 1).then_some(()));
    http("PUT", &trouble, "{}").unwrap();
    scene.send_all(200..300);
    let last = "select count(*) from results where event_id like 'run/load/2__'";
    until("what came later", || (scene.sql(last) == "100").then_some(()));
    let all: u32 = scene.sql("select count(*) from results").parse().unwrap();
    assert!(all < 300, "{all} of 300");
}

#[test]
fn the_old_version_does_not_come_back_where_a_rollback_fails() {
    let scene = Scene::start(Variant::RollbackFails, 1);
    scene.ask("set_image", &json!({"image": "download-worker:v2"}));
    scene.complete();
    scene.ask("undo", &json!({}));
    let why = |status: &Status| {
        let old = status.pods.iter().find(|pod| pod.image == "download-worker:v1")?;
        (old.restarts >= 2).then(|| old.last_end.clone())?
    };
    assert_eq!(until("a crash loop", || why(&scene.status())), "exit code 1");
    assert_eq!(scene.status().available, 1, "the new one goes on");
    scene.send_all(0..20);
    scene.results(20);
}
