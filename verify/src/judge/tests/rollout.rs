//! Rollouts, against orchestrators that say that something is done which is not.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reports::record::{
    DeploymentCounts, DeploymentLook, DeploymentRecord, DeploymentStep, PodRecord, Restored,
    Rollback, Verdict,
};
use scenarios::plan::check::{CheckKind, Rollout};
use scenarios::plan::deployment::Step;
use scenarios::plan::{Afterwards, Change, Deployment, Orchestrator};
use scenarios::template::Template;
use scenarios::units::Span;

use super::scene::Scene;
use crate::judge::{Breach, judge, so_far};

use Verdict::{Held, Inconclusive, Violated};

/// What is seen of so many pods that all run an image and are ready.
fn look(image: &str, pods: u32) -> DeploymentLook {
    let counts = DeploymentCounts {
        desired: pods,
        replicas: pods,
        updated: pods,
        ready: pods,
        available: pods,
        ..DeploymentCounts::default()
    };
    let pod = |number| PodRecord {
        name: format!("worker-{number}"),
        image: image.to_owned(),
        ready: true,
        phase: "Running".to_owned(),
        ..PodRecord::default()
    };
    DeploymentLook {
        image: Some(image.to_owned()),
        counts: Some(counts),
        pods: (0..pods).map(pod).collect(),
        ..DeploymentLook::default()
    }
}

/// A step that was due at a time, asked for at once and done 4 s later.
fn done(name: &str, change: Change, due: f64) -> DeploymentStep {
    DeploymentStep {
        name: name.to_owned(),
        phase: "load".to_owned(),
        what: name.to_owned(),
        change,
        due,
        within: 10.0,
        asked: Some(due),
        confirmed: Some(due + 0.1),
        done: Some(due + 4.0),
        failed: None,
        why: None,
        unasked: false,
        skipped: None,
        superseded_by: None,
        at_end: None,
        canary_at_end: None,
    }
}

/// A deployment of 6 pods that gets a new image, a canary of 1 in 6, none again, and goes
/// back; all of it done.
fn rolled_out() -> DeploymentRecord {
    let weight = |pods| Change::Weight { pods, of: 6, image: "new".to_owned() };
    let steps = vec![
        DeploymentStep {
            at_end: Some(look("w:2", 6)),
            ..done("to-new", Change::SetImage { image: "new".to_owned() }, 9.0)
        },
        DeploymentStep {
            at_end: Some(look("w:1", 6)),
            ..done("back", Change::Undo { revision: None }, 15.0)
        },
        DeploymentStep {
            at_end: Some(look("w:1", 5)),
            canary_at_end: Some(look("w:2", 1)),
            ..done("canary", weight(1), 21.0)
        },
        DeploymentStep {
            at_end: Some(look("w:1", 6)),
            canary_at_end: Some(look("w:2", 0)),
            ..done("away", weight(0), 27.0)
        },
    ];
    DeploymentRecord {
        name: "worker".to_owned(),
        orchestrator: "the lab's controller".to_owned(),
        canary: Some("worker-canary".to_owned()),
        steps,
        rolled_back: None,
        restored: Some(Restored { at: 50.0, how: None, problem: None }),
    }
}

/// A run of this record, with the check `rolled-out` on it.
fn scene(record: DeploymentRecord, max_restarts: u64) -> Scene {
    let mut scene = Scene::new().good_workload("publish");
    let planned = rolled_out().steps;
    let steps = planned.iter().map(|step| Step {
        name: step.name.clone(),
        phase: step.phase.clone(),
        at: Span::seconds(step.due as u64 - 8),
        change: step.change.clone(),
        within: Span::seconds(step.within as u64),
        overlaps: false,
    });
    let images = [("stable", "w:1"), ("new", "w:2")];
    let images = images.map(|(name, image)| (name.to_owned(), image.to_owned()));
    scene.plan.deployments.push(Deployment {
        name: "worker".to_owned(),
        at: Orchestrator::Control(Template::new("http://127.0.0.1:1")),
        canary: Some("worker-canary".to_owned()),
        container: String::new(),
        images: BTreeMap::from(images),
        after: Afterwards::Restore,
        roll_back_if: Vec::new(),
        roll_back_within: Span::seconds(300),
        steps: steps.collect(),
    });
    scene.history.deployments.push(record);
    let kind = CheckKind::Rollout(Rollout {
        deployment: "worker".to_owned(),
        steps: Vec::new(),
        max_restarts,
        excused_by: Vec::new(),
    });
    scene.plan.checks.push(super::scene::check("rolled-out", kind));
    scene
}

/// The verdicts of the check and of the steps' own, and why.
fn judged(record: DeploymentRecord, max_restarts: u64) -> (Verdict, Verdict, String) {
    let scene = scene(record, max_restarts);
    let judgement = judge(&scene.plan, &scene.history);
    let finding = |name: &str| judgement.findings.iter().find(|one| one.check == name).unwrap();
    let check = finding("rolled-out");
    (check.verdict, finding("steps-taken").verdict, check.why.clone())
}

/// What the check says of what is written so far.
fn breach(record: DeploymentRecord) -> Option<Breach> {
    let scene = scene(record, 0);
    so_far(&scene.plan.checks[0], &scene.plan, &scene.history)
}

#[test]
fn what_is_done_in_time_with_every_pod_new_and_ready_holds() {
    let (check, taken, why) = judged(rolled_out(), 0);
    assert_eq!((check, taken), (Held, Held), "{why}");
}

#[test]
fn a_step_that_is_said_to_be_done_and_is_not_is_found() {
    type Lie = fn(&mut DeploymentLook);
    let lies: [(&str, Lie, &str); 6] = [
        ("an old pod", |look| look.pods[3].image = "w:0".to_owned(), "runs w:0, not w:2"),
        ("not ready", |look| look.pods[3].ready = false, "worker-3 was not ready"),
        ("another image", |look| look.image = Some("w:3".to_owned()), "is to run w:3"),
        ("one missing", |look| look.counts.as_mut().unwrap().available = 5, "5 available"),
        ("old ones left", |look| look.counts.as_mut().unwrap().replicas = 7, "not done"),
        ("a restart", |look| look.pods[1].restarts = 1, "1 restart"),
    ];
    for (lie, change, expected) in lies {
        let mut record = rolled_out();
        change(record.steps[0].at_end.as_mut().unwrap());
        let (check, _, why) = judged(record, 0);
        assert_eq!(check, Violated, "{lie}: {why}");
        assert!(why.contains("to-new") && why.contains(expected), "{lie}: {why}");
    }
    let mut record = rolled_out();
    record.steps[2].canary_at_end = Some(look("w:1", 1));
    assert_eq!(judged(record, 0).0, Violated, "the canary runs the stable image");
    let mut record = rolled_out();
    record.steps[2].at_end = Some(look("w:1", 6));
    assert_eq!(judged(record, 0).0, Violated, "the stable one has given up no pod");
}

#[test]
fn a_step_that_failed_or_took_too_long_is_violated_and_one_without_a_word_is_not() {
    let mut record = rolled_out();
    let step = &mut record.steps[0];
    (step.done, step.failed) = (None, Some(29.0));
    step.why = Some("the progress deadline is exceeded".to_owned());
    let (check, taken, why) = judged(record, 0);
    assert_eq!((check, taken), (Violated, Held), "{why}");
    assert!(why.contains("progress deadline"), "{why}");

    let mut record = rolled_out();
    record.steps[3].done = Some(27.0 + 10.6);
    assert_eq!(judged(record, 0).0, Violated, "10.6 s of 10 s");

    let mut record = rolled_out();
    record.steps[1].done = None;
    assert_eq!(judged(record, 0).0, Inconclusive, "nobody saw its end");

    let mut record = rolled_out();
    let step = &mut record.steps[1];
    (step.asked, step.done, step.unasked) = (None, None, true);
    step.why = Some("connection refused".to_owned());
    let (check, taken, _) = judged(record, 0);
    assert_eq!((check, taken), (Inconclusive, Inconclusive), "it was never asked for");

    let mut record = rolled_out();
    record.restored.as_mut().unwrap().problem = Some("connection refused".to_owned());
    let (check, taken, _) = judged(record, 0);
    assert_eq!((check, taken), (Held, Inconclusive), "the new version may still be there");
}

#[test]
fn a_rollback_of_the_run_itself_is_judged_and_what_it_left_out_is_meant() {
    let rolled_back = |done: Option<f64>, failed, at_end: &DeploymentLook| {
        let mut record = rolled_out();
        for step in &mut record.steps[1..] {
            (step.asked, step.confirmed, step.done) = (None, None, None);
            (step.at_end, step.canary_at_end) = (None, None);
            step.skipped = Some("rolled back".to_owned());
        }
        record.rolled_back = Some(Rollback {
            asked: 20.0,
            within: 8.0,
            done,
            failed,
            why: None,
            unasked: false,
            at_end: Some(at_end.clone()),
            canary_at_end: Some(look("w:2", 0)),
        });
        judged(record, 0)
    };
    let whole = look("w:1", 6);
    let (check, taken, why) = rolled_back(Some(25.0), None, &whole);
    assert_eq!((check, taken), (Inconclusive, Held), "the steps left out are unknown: {why}");
    assert_eq!(rolled_back(Some(29.0), None, &whole).0, Violated, "9 s of 8 s");
    assert_eq!(rolled_back(None, Some(28.0), &whole).0, Violated, "it failed");
    let (check, _, why) = rolled_back(Some(25.0), None, &look("w:2", 6));
    assert_eq!(check, Violated, "it runs the new version still");
    assert!(why.contains("w:2, not w:1"), "{why}");
}

#[test]
fn a_step_that_failed_is_a_breach_as_soon_as_it_is_told() {
    let mut record = rolled_out();
    for step in &mut record.steps[1..] {
        (step.asked, step.confirmed, step.done) = (None, None, None);
        (step.at_end, step.canary_at_end) = (None, None);
    }
    assert_eq!(breach(record.clone()), None, "what is still to come is no breach");
    let step = &mut record.steps[0];
    (step.done, step.failed) = (None, Some(19.0));
    step.why = Some("the progress deadline is exceeded".to_owned());
    let told = breach(record.clone()).unwrap();
    assert_eq!((told.judged_to, told.since), (19.0, Some(19.0)));
    assert!(told.why.contains("progress deadline"), "{}", told.why);
    record.steps[0].failed = None;
    assert_eq!(breach(record), None, "nothing came to an end yet");
}

proptest! {
    /// A breach that was told while the run went on is in the verdict of the whole run,
    /// and what lies after the cut does not make one.
    #[test]
    fn the_whole_run_is_no_better_than_what_was_told_of_it(
        broken in 0_usize..4,
        late in any::<bool>(),
        to in 0.0_f64..40.0,
    ) {
        let mut record = rolled_out();
        let step = &mut record.steps[broken];
        let end = step.due + 11.0;
        match late {
            true => step.done = Some(end),
            false => (step.done, step.failed) = (None, Some(end)),
        }
        let scene = scene(record.clone(), 0);
        let check = &scene.plan.checks[0];
        let seen = so_far::at(check, &scene.plan, &scene.history, to);
        prop_assert_eq!(seen.is_some(), end <= to);
        prop_assert_eq!(judged(record, 0).0, Violated);
    }

    /// Taking knowledge away never makes a rollout that was done one that was not, and a
    /// record in which something is amiss never holds by it.
    #[test]
    fn taking_knowledge_away_blames_nobody(
        step in 0_usize..4,
        what in 0_u32..7,
        broken in prop::option::of(0_usize..4),
    ) {
        let mut record = rolled_out();
        if let Some(broken) = broken {
            record.steps[broken].done = Some(record.steps[broken].due + 11.0);
        }
        let before = judged(record.clone(), 0).0;
        match what {
            0 => record.steps[step].at_end = None,
            1 => record.steps[step].canary_at_end = None,
            2 => record.steps[step].done = None,
            3 => record.steps[step].asked = None,
            4 => drop(record.steps.remove(step)),
            5 => record.steps[step].at_end.as_mut().unwrap().counts = None,
            _ => record.steps[step].at_end.as_mut().unwrap().pods.clear(),
        }
        let after = judged(record, 0).0;
        match before {
            Held => prop_assert_ne!(after, Violated),
            _ => prop_assert_ne!(after, Held),
        }
    }
}
