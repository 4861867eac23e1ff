//! A pipeline in a lab, and what is asked of it.

use lab::Lab;
use lab::deployment::Status;
use lab::reference::rolling_deploy::Variant;
use lab::reference::{self, Running, StartOptions};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{http, kill, lab, patience, until};

pub(super) struct Scene {
    pub(super) running: Running,
    pub(super) lab: Lab,
    // Last: the lab writes its logs there until it ends.
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(super) fn start(variant: Variant, workers: u16) -> Self {
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

    pub(super) fn target(&self, name: &str) -> &str {
        &self.running.targets[name]
    }

    /// Sends an event, and says whether it was accepted.
    pub(super) fn send(&self, event: &Value) -> bool {
        let url = format!("{}/events", self.target("ingester"));
        http("POST", &url, &event.to_string()).is_some_and(|(status, _)| status == 202)
    }

    pub(super) fn send_all(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let event = event(number);
            until("the event to be accepted", || self.send(&event).then_some(()));
        }
    }

    pub(super) fn ask(&self, what: &str, body: &Value) {
        let url = format!("{}/deployments/download-worker/{what}", self.target("deployments"));
        let (status, answer) = http("POST", &url, &body.to_string()).unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    pub(super) fn status(&self) -> Status {
        let url = format!("{}/deployments/download-worker", self.target("deployments"));
        serde_json::from_str(&http("GET", &url, "").unwrap().1).unwrap()
    }

    /// The first column of the first row.
    pub(super) fn sql(&self, query: &str) -> String {
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
    pub(super) fn results(&self, count: u32) {
        let count = count.to_string();
        let query = "select count(distinct event_id) from results";
        until("the results", || (self.sql(query) == count).then_some(()));
    }

    pub(super) fn complete(&self) -> Status {
        until("the rollout's end", || Some(self.status()).filter(Status::is_complete))
    }

    /// How many rows there are of each event.
    pub(super) fn rows(&self) -> (u32, u32) {
        let both = self.sql("select count(*) || ' ' || count(distinct event_id) from results");
        let (all, distinct) = both.split_once(' ').unwrap();
        (all.parse().unwrap(), distinct.parse().unwrap())
    }

    /// Has the object server make trouble.
    pub(super) fn trouble(&self, trouble: &Value) {
        let url = format!("{}/trouble", self.target("objects"));
        assert_eq!(http("PUT", &url, &trouble.to_string()).unwrap().0, 200);
    }

    /// The sum of the workers' samples that begin like this and have this in their labels.
    pub(super) fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, page) = http("GET", self.target("metrics"), "").unwrap_or_default();
        let samples = page
            .lines()
            .filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Kills a worker, and waits until it is back.
    pub(super) fn kill_worker(&self) {
        let pods = self.status().pods;
        // An old one may still be ending.
        let pod = pods.iter().find(|pod| pod.phase == "Running").unwrap();
        kill(self.lab.process(&pod.name).unwrap().pid.unwrap(), Signal::KILL);
        let restarts = |status: Status| {
            status.pods.into_iter().find(|own| own.name == pod.name).map(|own| own.restarts)
        };
        until("its restart", || (restarts(self.complete())? > pod.restarts).then_some(()));
    }

    pub(super) fn roll_out(&self) {
        self.ask("set_image", &json!({"image": "download-worker:v2"}));
    }
}

pub(super) fn event(number: u32) -> Value {
    json!({
        "event_id": format!("run/load/{number}"),
        "account": format!("account-{}", number % 40),
        "object": format!("o-{}", number % 100),
        "occurred_at": 1_700_000_000_000_i64 + i64::from(number),
        "trace": number,
    })
}
