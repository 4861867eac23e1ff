//! The port and its undo against a controller that only remembers what is desired.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use scenarios::plan::deployment::{Afterwards, Step};
use scenarios::template::Template;
use scenarios::units::Span;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Clone, PartialEq)]
struct Fake {
    uid: String,
    generation: u64,
    image: String,
    total: u32,
    paused: bool,
    canary_image: String,
    pods: u32,
}

impl Fake {
    fn new() -> Self {
        let image = || "worker:v1".to_owned();
        Self {
            uid: "one".to_owned(),
            generation: 1,
            image: image(),
            total: 10,
            paused: false,
            canary_image: image(),
            pods: 0,
        }
    }

    fn desired(&self) -> (String, u32, bool, String, u32) {
        (self.image.clone(), self.total, self.paused, self.canary_image.clone(), self.pods)
    }

    fn told(&self, name: &str) -> Value {
        let is_canary = name.ends_with("-canary");
        let (image, desired) = match is_canary {
            true => (&self.canary_image, self.pods),
            false => (&self.image, self.total - self.pods),
        };
        json!({
            "name": name, "uid": format!("{name}/{}", self.uid), "generation": self.generation,
            "observed_generation": self.generation, "image": image, "revision": 1,
            "paused": self.paused && !is_canary, "desired": desired, "total": self.total,
            "replicas": desired, "updated": desired, "ready": desired, "available": desired,
            "unavailable": 0, "restarts": 0, "pods": [], "revisions": [{"image": "worker:v0"}],
            "conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}],
        })
    }

    fn answer(&mut self, line: &str, body: &Value) -> (u16, Value) {
        let path = line.split(' ').nth(1).unwrap();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let name = parts[1];
        let before = self.desired();
        match parts.get(2) {
            None => {}
            Some(&"set") => {
                let meant =
                    body["uid"].as_str().is_some_and(|uid| uid != format!("{name}/{}", self.uid));
                if meant || body["generation"] != self.generation {
                    return (412, json!({"error": "changed"}));
                }
                let text = |value: &Value, old: &str| value.as_str().unwrap_or(old).to_owned();
                let number = |value: &Value, old: u32| {
                    value.as_u64().map_or(old, |n| u32::try_from(n).unwrap())
                };
                self.image = text(&body["image"], &self.image);
                self.total = number(&body["replicas"], self.total);
                self.paused = body["paused"].as_bool().unwrap_or(self.paused);
                self.canary_image = text(&body["canary"]["image"], &self.canary_image);
                self.pods = number(&body["canary"]["pods"], self.pods);
            }
            Some(&"undo") => "worker:v0".clone_into(&mut self.image),
            Some(&"rollout") => self.generation += 1,
            Some(other) => panic!("{other}"),
        }
        let changed = before != self.desired();
        self.generation += u64::from(changed);
        let mut told = self.told(name);
        told["changed"] = changed.into();
        (200, told)
    }
}

fn serve(mut stream: TcpStream, fake: &Mutex<Fake>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (status, told) = fake.lock().unwrap().answer(&first, &body);
    write!(stream, "HTTP/1.1 {status} said\r\nconnection: close\r\n\r\n{told}").ok()
}

/// A controller that ends with the test's process.
fn controller() -> (Arc<Mutex<Fake>>, String) {
    let fake = Arc::new(Mutex::new(Fake::new()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::clone(&fake);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = serve(stream, &shared);
        }
    });
    (fake, url)
}

fn plan(url: &str, changes: &[Change]) -> Deployment {
    let step = |change: &Change| Step {
        name: "step".to_owned(),
        phase: "rollout".to_owned(),
        at: Span(Duration::ZERO),
        change: change.clone(),
        within: Span(Duration::from_secs(60)),
        overlaps: false,
    };
    Deployment {
        name: "worker".to_owned(),
        at: Orchestrator::Control(Template::literal(url)),
        canary: Some("worker-canary".to_owned()),
        container: String::new(),
        images: BTreeMap::from([
            ("stable".to_owned(), "worker:v1".to_owned()),
            ("new".to_owned(), "worker:v2".to_owned()),
        ]),
        after: Afterwards::Restore,
        roll_back_if: Vec::new(),
        roll_back_within: Span(Duration::from_secs(60)),
        steps: changes.iter().map(step).collect(),
    }
}

async fn port(url: &str, changes: &[Change]) -> Port {
    let http = crate::http_client().unwrap();
    Port::new(&plan(url, changes), &http, &Limits::default()).await.unwrap()
}

fn change() -> impl Strategy<Value = Change> {
    let image = || "new".to_owned();
    prop_oneof![
        Just(Change::SetImage { image: image() }),
        (0..=10u32).prop_map(move |pods| Change::Weight { pods, of: 10, image: image() }),
        (10..20u32).prop_map(|replicas| Change::Scale { replicas }),
        Just(Change::Pause),
        Just(Change::Resume),
        Just(Change::Restart),
        Just(Change::Undo { revision: None }),
    ]
}

fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_undo_of_any_steps_ends_in_what_was_before_unless_a_stranger_changed_it(
        changes in prop::collection::vec(change(), 1..6),
        asked in 0..6usize,
        stranger in any::<bool>(),
    ) {
        let (fake, url) = controller();
        let before = fake.lock().unwrap().desired();
        now(async {
            let port = port(&url, &changes).await;
            let undo = port.undo().await.unwrap();
            // Whoever takes it back is another program.
            let undo: Undo = serde_json::from_str(&serde_json::to_string(&undo).unwrap()).unwrap();
            for change in changes.iter().take(asked) {
                port.ask(change).await.unwrap();
            }
            if stranger {
                "worker:hotfix".clone_into(&mut fake.lock().unwrap().image);
            }
            let sets_image = changes
                .iter()
                .any(|change| matches!(change, Change::SetImage { .. } | Change::Undo { .. }));
            for _ in 0..2 {
                let done = undo.perform().await;
                let is_theirs = done.as_ref().is_err_and(crate::UndoError::is_left_alone);
                assert_eq!(is_theirs, stranger && sets_image, "{done:?}");
                assert!(is_theirs || done.is_ok(), "{done:?}");
                let mut expected = before.clone();
                if stranger {
                    "worker:hotfix".clone_into(&mut expected.0);
                }
                assert_eq!(fake.lock().unwrap().desired(), expected);
            }
        });
    }
}

#[tokio::test]
async fn another_controller_is_left_alone_and_one_that_ended_harms_nobody() {
    let (fake, url) = controller();
    let changes = [Change::SetImage { image: "new".to_owned() }];
    let port = port(&url, &changes).await;
    let undo = port.undo().await.unwrap();
    assert!(port.ask(&changes[0]).await.unwrap().changed);
    assert!(!port.ask(&changes[0]).await.unwrap().changed);
    assert!(port.look().await.unwrap().is_done(&changes[0]));
    "two".clone_into(&mut fake.lock().unwrap().uid);
    let how = undo.perform().await.unwrap().how;
    assert!(how.contains("not the one that was changed"), "{how}");
    assert_eq!(fake.lock().unwrap().image, "worker:v2");
    let Undo::Deployment { mut deployment } = undo else { panic!() };
    // Nobody listens at a port that was just let go of.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    deployment.at = At::Control { url: format!("http://{free}") };
    let how = Undo::Deployment { deployment }.perform().await.unwrap().how;
    assert!(how.contains("is gone"), "{how}");
}

#[tokio::test]
async fn programs_cannot_do_everything_and_tell_nothing_of_pods() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image");
    let sets = format!("printf '%s %s' \"$DEPLOYMENT\" \"$IMAGE\" > '{}'", file.display());
    let mut plan = plan("http://127.0.0.1:1", &[Change::Scale { replicas: 3 }]);
    plan.at = Orchestrator::Commands {
        set_image: scenarios::program::Program::literal_shell(&sets),
        roll_back: None,
        status: None,
    };
    let http = crate::http_client().unwrap();
    let error = Port::new(&plan, &http, &Limits::default()).await.err().unwrap().to_string();
    assert!(error.contains("no command does scale"), "{error}");
    plan.steps.clear();
    let port = Port::new(&plan, &http, &Limits::default()).await.unwrap();
    assert!(!port.tells_pods());
    assert_eq!(port.look().await.unwrap().stable.counts, None);
    let Undo::Deployment { deployment } = port.undo().await.unwrap() else { panic!() };
    assert!(deployment.parts.is_empty());
}

#[tokio::test]
async fn a_controller_is_named_without_a_password() {
    let http = crate::http_client().unwrap();
    let plan = plan("http://ann:hunter22@127.0.0.1:1", &[]);
    let error = Port::new(&plan, &http, &Limits::default()).await.err().unwrap();
    let told = error.to_string();
    assert!(error.is_usage() && told.contains("the controller's address"), "{told}");
    assert!(!told.contains("hunter22") && !told.contains("let a program"), "{told}");
}
