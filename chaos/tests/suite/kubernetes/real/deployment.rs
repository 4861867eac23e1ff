//! A deployment with a canary beside it, taken through every step on a real cluster, and
//! given back what it had: the way to Kubernetes of the deployments of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos::deployment::{Look, Port, Progress, Status};
use chaos::{Limits, Undo};
use scenarios::plan::{Afterwards, Change, Deployment, Orchestrator, Step};
use scenarios::template::Template;
use scenarios::units::Span;
use tokio::time::Instant;

use super::ground::{Ground, deployment};

const OLD: &str = "registry.k8s.io/pause:3.9";
const NEW: &str = "registry.k8s.io/pause:3.10";
const NEWEST: &str = "registry.k8s.io/pause:3.10.1";
/// A busy cluster may take long for anything.
const WITHIN: Duration = Duration::from_secs(120);

fn plan(namespace: &str, changes: &[Change]) -> Deployment {
    let step = |(number, change): (usize, &Change)| Step {
        name: format!("step-{number}"),
        phase: "rollout".to_owned(),
        at: Span(Duration::ZERO),
        change: change.clone(),
        within: Span(WITHIN),
        overlaps: false,
    };
    let images = [("stable", OLD), ("new", NEW), ("newest", NEWEST)];
    Deployment {
        name: "worker".to_owned(),
        at: Orchestrator::Kubernetes(Template::literal(namespace)),
        canary: Some("worker-canary".to_owned()),
        container: String::new(),
        images: images.map(|(name, image)| (name.to_owned(), image.to_owned())).into(),
        after: Afterwards::Restore,
        roll_back_if: Vec::new(),
        roll_back_within: Span(WITHIN),
        steps: changes.iter().enumerate().map(step).collect(),
    }
}

fn image(name: &str) -> Change {
    Change::SetImage { image: name.to_owned() }
}

fn weight(pods: u32) -> Change {
    Change::Weight { pods, of: 4, image: "new".to_owned() }
}

/// Every kind of step.
fn changes() -> Vec<Change> {
    let undo = |revision| Change::Undo { revision };
    vec![
        image("new"),
        Change::Scale { replicas: 4 },
        Change::Pause,
        image("newest"),
        Change::Resume,
        undo(None),
        weight(1),
        weight(0),
        Change::Restart,
        undo(Some(1)),
    ]
}

async fn port(plan: &Deployment) -> Port {
    let http = chaos::http_client().unwrap();
    Port::new(plan, &http, &Limits::default()).await.unwrap()
}

/// As another process carries it out, which knows what was written down and nothing else.
fn written(undo: &Undo) -> Undo {
    serde_json::from_str(&serde_json::to_string(undo).unwrap()).unwrap()
}

/// Waits until a look shows something.
async fn until(port: &Port, what: &str, is_so: impl Fn(&Look) -> bool) -> Look {
    let begun = Instant::now();
    loop {
        let look = port.look().await.unwrap();
        if is_so(&look) {
            return look;
        }
        assert!(begun.elapsed() < WITHIN, "{what}: {look:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Asks for a change, and waits until it is seen and done.
async fn take(port: &Port, change: &Change) -> Look {
    let asked = port.ask(change).await.unwrap();
    let is_done = |look: &Look| {
        let of_canary = asked.canary_generation.is_none_or(|asked| {
            look.canary.as_ref().is_some_and(|canary| canary.observed_generation >= asked)
        });
        look.stable.observed_generation >= asked.generation && of_canary && look.is_done(change)
    };
    until(port, &format!("{change:?}"), is_done).await
}

fn desired(status: &Status) -> u32 {
    status.counts.unwrap().desired
}

/// The images of the pods that stay.
fn images(status: &Status) -> Vec<&str> {
    let staying = status.pods.iter().filter(|pod| !pod.is_ending());
    staying.map(|pod| pod.image.as_str()).collect()
}

/// What is desired of both.
fn wanted(look: &Look) -> BTreeMap<String, (Option<String>, u32, bool)> {
    let of = |status: &Status| {
        (status.name.clone(), (status.image.clone(), desired(status), status.paused))
    };
    look.statuses().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_deployment_takes_every_step_and_gets_back_what_it_had() {
    let ground = Ground::new().await;
    ground.make(&deployment("worker", 2)).await;
    ground.make(&deployment("worker-canary", 0)).await;
    ground.ready("app=worker", 2).await;
    let port = port(&plan(&ground.namespace, &changes())).await;
    let before = wanted(&port.look().await.unwrap());
    let undo = written(&port.undo().await.unwrap());
    assert_eq!(before["worker"], (Some(OLD.to_owned()), 2, false));

    let look = take(&port, &image("new")).await;
    assert_eq!(images(&look.stable), [NEW; 2], "{look:#?}");
    assert_eq!(look.stable.revision, Some(2));
    // What is so already is no change.
    assert!(!port.ask(&image("new")).await.unwrap().changed);

    let look = take(&port, &Change::Scale { replicas: 4 }).await;
    assert_eq!((desired(&look.stable), images(&look.stable).len()), (4, 4));

    take(&port, &Change::Pause).await;
    port.ask(&image("newest")).await.unwrap();
    let look = until(&port, "the paused rollout is seen", |look| look.stable.is_seen()).await;
    assert_eq!(images(&look.stable), [NEW; 4], "no pod is replaced while it is paused");
    assert!(!look.is_done(&image("newest")), "{look:#?}");
    let look = take(&port, &Change::Resume).await;
    assert_eq!(images(&look.stable), [NEWEST; 4]);

    let look = take(&port, &Change::Undo { revision: None }).await;
    assert_eq!(images(&look.stable), [NEW; 4], "the revision before");

    let look = take(&port, &weight(1)).await;
    let canary = look.canary.as_ref().unwrap();
    assert_eq!((desired(&look.stable), desired(canary)), (3, 1));
    assert_eq!(images(canary), [NEW]);
    let look = take(&port, &weight(0)).await;
    assert_eq!((desired(&look.stable), desired(look.canary.as_ref().unwrap())), (4, 0));

    let names = |look: &Look| -> Vec<String> {
        let staying = look.stable.pods.iter().filter(|pod| !pod.is_ending());
        staying.map(|pod| pod.name.clone()).collect()
    };
    let old = names(&look);
    let look = take(&port, &Change::Restart).await;
    assert!(names(&look).iter().all(|name| !old.contains(name)), "every pod is another one");

    let look = take(&port, &Change::Undo { revision: Some(1) }).await;
    assert_eq!(images(&look.stable), [OLD; 4]);

    let look = take(&port, &image("newest")).await;
    assert_eq!(images(&look.stable), [NEWEST; 4]);
    let how = undo.perform().await.unwrap().how;
    assert!(how.contains("set back"), "{how}");
    let look = until(&port, "it is as before", |look| {
        wanted(look) == before && look.statuses().all(Status::is_done)
    })
    .await;
    assert_eq!(images(&look.stable), [OLD; 2]);
    let how = undo.perform().await.unwrap().how;
    assert!(how.contains("as before already"), "twice does no harm: {how}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_deployment_that_somebody_else_has_changed_is_left_alone() {
    let ground = Ground::new().await;
    ground.make(&deployment("worker", 1)).await;
    ground.make(&deployment("worker-canary", 0)).await;
    ground.ready("app=worker", 1).await;
    let port = port(&plan(&ground.namespace, &changes())).await;
    let undo = written(&port.undo().await.unwrap());
    take(&port, &image("new")).await;
    let patch = serde_json::json!({"spec": {"replicas": 3}});
    ground.patch("/apis/apps/v1", "deployments/worker", &patch).await;
    let told = undo.perform().await.unwrap_err().to_string();
    assert!(told.contains("replicas") && told.contains('3'), "{told}");
    assert_eq!(ground.replicas("worker").await, 3);
    let look = until(&port, "the image is set back", |look| look.stable.is_done()).await;
    assert_eq!(images(&look.stable), [OLD; 3], "what nobody else has changed is set back");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_rollout_that_stalls_exceeds_its_deadline_and_is_rolled_back() {
    let ground = Ground::new().await;
    let mut object = deployment("worker", 2);
    object["spec"]["progressDeadlineSeconds"] = serde_json::json!(3);
    ground.make(&object).await;
    ground.make(&deployment("worker-canary", 0)).await;
    ground.ready("app=worker", 2).await;
    let mut plan = plan(&ground.namespace, &[image("new")]);
    // Nobody can pull this one.
    plan.images.insert("new".to_owned(), "nowhere/worker:1".to_owned());
    let port = port(&plan).await;
    let undo = written(&port.undo().await.unwrap());
    port.ask(&image("new")).await.unwrap();
    let exceeded = |look: &Look| matches!(look.stable.progress, Progress::Exceeded { .. });
    let look = until(&port, "the deadline is exceeded", exceeded).await;
    assert!(look.stable.counts.unwrap().available >= 1, "the old version still serves");
    undo.perform().await.unwrap();
    let look = until(&port, "it is rolled back", |look| look.stable.is_done()).await;
    assert_eq!(images(&look.stable), [OLD; 2]);
}
