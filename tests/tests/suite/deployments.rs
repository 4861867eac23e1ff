//! Deployments of the reference system `rolling-deploy`, as a scenario of one's own takes
//! them through their steps: what is asked for comes about and is written down, and what
//! was there before is there again, whatever the end is.

use std::collections::BTreeMap;

use reports::record::DeploymentRecord;
use tests::sandbox::Sandbox;
use verify::folder::read;
use verify::history::History;

use crate::support::{sandbox, verify};

const SCENARIO: &str = r#"
name = "rolling"
title = "workers are updated"

[system]
reference = "rolling-deploy"
replicas = 2

[system.targets.ingester]
help = "takes events"
schemes = ["http"]

[system.targets.deployments]
help = "the controller"
schemes = ["http"]

[[phase]]
name = "baseline"
for = "5s"

[[phase]]
name = "rollout"
for = "90s"

[[workload]]
name = "event"
rate = "10/s"
phases = ["baseline", "rollout"]
http = { url = "${target.ingester}/events", body = '{"event_id":"@{id}","account":"@{key}","object":"object-@{seq}","occurred_at":1}' }
keys = 20

[[probe]]
name = "workers"
process = { role = "download-worker" }

[[deployment]]
name = "download-worker"
at = { control = "${target.deployments}" }
canary = "download-worker-canary"
images = { stable = "download-worker:v1", new = "download-worker:v2" }
ROLL_BACK

STEPS

[[fault]]
name = "kill-one"
phase = "rollout"
after = { deployment = "download-worker", step = "to-new", updated = 1 }
heal_within = "40s"
kill_process = { role = "download-worker" }

[[check]]
name = "no-worker-is-restarted"
title = "no worker crashes but by the fault"
absence = { series = "download-worker.restarts", phases = ["baseline", "rollout"], excused_by = ["kill-one"] }

[[check]]
name = "workers-serve"
title = "a worker is always available"
bound = { series = "download-worker.available", phases = ["rollout"], min = 1, for = "3s" }

[[check]]
name = "no-process-crashes"
title = "the processes are those of the deployment"
absence = { series = "workers.crashes", phases = ["baseline", "rollout"], excused_by = ["kill-one"] }
"#;

const STEPS: &str = r#"
[[deployment.step]]
name = "canary"
phase = "baseline"
at = "2s"
weight = "1 of 2"
within = "25s"

[[deployment.step]]
name = "no-canary"
phase = "rollout"
weight = "0 of 2"
within = "25s"

[[deployment.step]]
name = "to-new"
phase = "rollout"
set_image = "new"
within = "40s"

[[deployment.step]]
name = "back"
phase = "rollout"
at = "1s"
undo = "previous"
within = "40s"
"#;

/// A scenario that updates a deployment, whatever becomes of it.
pub(crate) fn updated() -> String {
    SCENARIO.replace("STEPS", STEPS).replace("ROLL_BACK", "")
}

fn scenario(sandbox: &Sandbox, steps: &str, roll_back: &str) -> String {
    let text = SCENARIO.replace("STEPS", steps).replace("ROLL_BACK", roll_back);
    sandbox.file("rolling.toml", &text).unwrap().to_string_lossy().into_owned()
}

fn history(sandbox: &Sandbox) -> History {
    read::read(&sandbox.run().unwrap()).unwrap().history
}

fn only(history: &History) -> &DeploymentRecord {
    let [deployment] = &history.deployments[..] else { panic!("{:?}", history.deployments) };
    deployment
}

fn values(history: &History, series: &str) -> Vec<f64> {
    history.samples.of(series).map(|sample| sample.value).collect()
}

#[test]
fn a_deployment_is_canaried_updated_undone_and_restored() {
    let sandbox = sandbox();
    let file = scenario(&sandbox, STEPS, "");
    let ended = verify(&sandbox, &["--scenario", &file]);
    let history = history(&sandbox);
    let deployment = only(&history);
    assert_eq!(deployment.orchestrator, "the lab's controller");
    for step in &deployment.steps {
        let times = [step.asked, step.confirmed, step.done].map(|at| at.unwrap_or(f64::NAN));
        assert!(times.is_sorted() && times[0] >= step.due, "{step:?}\n{}", ended.stderr);
    }
    let done: BTreeMap<&str, f64> =
        deployment.steps.iter().filter_map(|step| Some((step.name.as_str(), step.done?))).collect();
    let asked = |place: usize| deployment.steps[place].asked.unwrap();
    assert!(done["no-canary"] <= asked(2) && done["to-new"] <= asked(3), "one after the other");
    // One of two was the canary's, and ran the new image.
    let canary = deployment.steps[0].canary_at_end.as_ref().unwrap();
    assert_eq!(canary.image.as_deref(), Some("download-worker:v2"));
    assert_eq!(canary.counts.map(|counts| (counts.desired, counts.available)), Some((1, 1)));
    let new = deployment.steps[2].at_end.as_ref().unwrap();
    assert!(new.pods.iter().all(|pod| pod.image == "download-worker:v2" && pod.ready), "{new:?}");
    let restored = deployment.restored.as_ref().unwrap();
    assert!(restored.how.is_some() && restored.problem.is_none(), "{restored:?}");
    // The counts were taken all along.
    let seconds = history.phases.last().unwrap().to;
    let available = values(&history, "download-worker.available");
    assert!(available.len() as f64 > seconds, "{} in {seconds} s", available.len());
    assert!(values(&history, "download-worker-canary.available").contains(&1.0));
    // The fault came while the step was under way.
    let kill = history.fault("kill-one").unwrap();
    assert!(kill.problem.is_none() && kill.injected.unwrap() > asked(2), "{kill:?}");
    assert!(!history.troubles.contains_key("workers"), "{:?}", history.troubles);
    assert!(history.advised.is_empty());
    sandbox.expect_nothing_left().unwrap();
}

/// A check that is violated as soon as the new version is there.
const BREACH: &str = r#"
[[check]]
name = "never-new"
title = "no canary is there"
bound = { series = "download-worker-canary.available", phases = ["rollout"], max = 0 }
"#;

const CANARY: &str = r#"
[[deployment.step]]
name = "to-new"
phase = "rollout"
weight = "1 of 2"
within = "20s"

[[deployment.step]]
name = "later"
phase = "rollout"
at = "80s"
set_image = "new"
within = "5s"
"#;

fn short(sandbox: &Sandbox, more: &[&str]) -> History {
    let file = scenario(sandbox, CANARY, "roll_back_if = [\"never-new\"]");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("\"90s\"", "\"30s\"").replace("\"80s\"", "\"22s\"");
    let text = text.replace("step = \"to-new\", updated = 1", "step = \"later\"");
    sandbox.file("rolling.toml", &(text + BREACH)).unwrap();
    let line = [&["--scenario", file.as_str()], more].concat();
    verify(sandbox, &line);
    history(sandbox)
}

#[test]
fn a_check_has_a_deployment_rolled_back_where_that_is_asked_for() {
    let sandbox = sandbox();
    let history = short(&sandbox, &["--act"]);
    let [advice] = &history.advised[..] else { panic!("{:?}", history.advised) };
    assert_eq!((&*advice.check, advice.acted), ("never-new", true));
    let deployment = only(&history);
    let rollback = deployment.rolled_back.as_ref().unwrap();
    assert!(rollback.done.is_some_and(|done| done > rollback.asked), "{rollback:?}");
    let canary = rollback.canary_at_end.as_ref().and_then(|look| look.counts).unwrap();
    assert_eq!((canary.desired, canary.replicas), (0, 0));
    assert!(deployment.steps[1].skipped.as_ref().unwrap().contains("never-new"));
    // The run went on.
    assert!(!history.interrupted && history.phases.len() == 2);
}

#[test]
fn without_being_asked_a_run_only_says_that_it_would_roll_back() {
    let sandbox = sandbox();
    let history = short(&sandbox, &[]);
    let [advice] = &history.advised[..] else { panic!("{:?}", history.advised) };
    assert!(
        !advice.acted && advice.since.is_some() && advice.why.contains("allowed"),
        "{advice:?}"
    );
    let deployment = only(&history);
    assert_eq!(deployment.rolled_back, None);
    assert!(deployment.steps[0].done.is_some() && deployment.restored.is_some());
}
