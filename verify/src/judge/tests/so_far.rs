//! Checks on a run that goes on: a breach is seen as soon as there is one, what
//! is not known yet is none, and the verdict of a stopped run has it.

use loadgen::Fate;
use reports::record::Verdict::{Inconclusive, Violated};
use scenarios::plan::check::{Absence, Bound, CheckKind, Latency, Ratio};
use scenarios::units::{Quantity, Share, Span};

use super::scene::{Scene, check, names};
use crate::history::{History, Stopped};
use crate::judge::{judge, so_far};

/// What is known of the scene's run at a time.
pub(super) fn until(scene: &Scene, at: f64) -> History {
    let mut history = scene.history.clone();
    history.phases.retain(|phase| phase.to <= at);
    history.samples.edit_all(|_, list| list.retain(|sample| sample.at <= at));
    history.workloads.values_mut().for_each(|told| {
        told.response.retain(|&(second, _)| (second as f64) < at);
        told.ledger = loadgen::Ledger::new("", "");
    });
    history
}

/// The first whole second at which the check is violated so far.
fn first(scene: &Scene, kind: CheckKind) -> Option<u64> {
    let check = check("it", kind);
    (0..=60).find(|&at| so_far(&check, &scene.plan, &until(scene, at as f64)).is_some())
}

fn at_most(series: &str, phases: &[&str], max: f64) -> CheckKind {
    CheckKind::Bound(Bound {
        series: series.to_owned(),
        phases: names(phases),
        min: None,
        max: Some(Quantity::count(max)),
        lasting: None,
        samples: 5,
    })
}

fn accepted(max: f64, at_least: u64) -> CheckKind {
    CheckKind::Ratio(Ratio {
        of: "publish.unsuccessful".to_owned(),
        to: "publish.due".to_owned(),
        phases: names(&["load", "recovery"]),
        min: None,
        max: Share(max),
        at_least,
    })
}

#[test]
fn a_bound_is_broken_by_its_first_sample_in_its_phases() {
    let scene = Scene::new().sampled("broker.channels", |at| Some(at * 10.0));
    assert_eq!(first(&scene, at_most("broker.channels", &["load"], 100.0)), Some(11));
    // The value is too great in the phases before, which are not judged.
    assert_eq!(first(&scene, at_most("broker.channels", &["faults"], 100.0)), Some(37));
    assert_eq!(first(&scene, at_most("broker.channels", &["load"], 1_000.0)), None);
    assert_eq!(first(&Scene::new(), at_most("broker.channels", &["load"], 1.0)), None);
}

#[test]
fn a_counter_that_must_not_rise_stops_at_its_first_rise() {
    let rises = |at: f64| Some(if at > 20.0 { 1.0 } else { 0.0 });
    let scene = Scene::new().sampled("process.restarts", rises);
    let absence = |phases: &[&str]| {
        CheckKind::Absence(Absence {
            series: "process.restarts".to_owned(),
            phases: names(phases),
            excused_by: names(&["kill"]),
            samples: 5,
        })
    };
    assert_eq!(first(&scene, absence(&["load"])), Some(21));
    assert_eq!(first(&scene, absence(&["recovery"])), None);
    let excused = Scene::new().sampled("process.restarts", rises).fault("kill", 19.8);
    assert_eq!(first(&excused, absence(&["load"])), None);
}

#[test]
fn a_share_is_judged_when_there_is_enough_of_it() {
    let fails = |second, _| {
        let fate = if second >= 10 { Fate::Failed } else { Fate::Acked };
        (fate, 3_000)
    };
    let scene = Scene::new().workload("publish", fails);
    // The phase begins at 8 s, and 50 a second come due.
    assert_eq!(first(&scene, accepted(0.01, 100)), Some(11));
    assert_eq!(first(&scene, accepted(0.01, 400)), Some(16));
    assert_eq!(first(&Scene::new().good_workload("publish"), accepted(0.01, 100)), None);
}

#[test]
fn a_quantile_is_judged_when_there_is_enough_of_it() {
    let latency = || {
        CheckKind::Latency(Latency {
            workload: "publish".to_owned(),
            phases: names(&["load"]),
            quantile: Share(0.95),
            max: Span("100ms".parse::<Span>().unwrap().0),
        })
    };
    let slow = Scene::new().workload("publish", |_, _| (Fate::Acked, 900_000));
    // 59 operations prove something of 95 %, and the second has 50.
    assert_eq!(first(&slow, latency()), Some(10));
    assert_eq!(first(&Scene::new().good_workload("publish"), latency()), None);
}

#[test]
fn a_stopped_run_is_violated_by_what_stopped_it_and_not_complete() {
    let fails = |second, _| {
        let fate = if second >= 10 { Fate::Failed } else { Fate::Acked };
        (fate, 3_000)
    };
    let mut scene = Scene::new().workload("publish", fails);
    scene.plan.checks = vec![check("accepted", accepted(0.01, 100))];
    let breach = so_far(&scene.plan.checks[0], &scene.plan, &until(&scene, 11.0)).unwrap();
    scene.history.phases.truncate(2);
    // Without the mark the phase is too short for a verdict.
    assert_ne!(judge(&scene.plan, &scene.history).findings.pop().unwrap().verdict, Violated);
    scene.history.stopped = Some(Stopped {
        check: "accepted".to_owned(),
        at: 11.4,
        judged_to: breach.judged_to,
        why: breach.why,
    });
    let judged = judge(&scene.plan, &scene.history);
    assert_eq!(judged.verdict, Violated);
    assert_eq!(judged.findings.last().unwrap().verdict, Violated);
    let complete = &judged.findings[0];
    assert_eq!((complete.check.as_str(), complete.verdict), ("run-completed", Inconclusive));
    assert!(complete.why.contains("stopped by accepted at 11.4 s"), "{}", complete.why);
}
