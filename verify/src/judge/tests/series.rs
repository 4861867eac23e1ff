//! Checks of sampled series: bound, growth, speed and absence. Trend has a file
//! of its own.

use proptest::prelude::*;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::check::{Absence, Bound, CheckKind, Growth, Speed, Trend};
use scenarios::units::{Quantity, Rate, Share, Span};

use super::scene::{ALL, Scene, names};
use crate::history::{Line, Trouble};

fn bound(lasting: Option<u64>) -> CheckKind {
    CheckKind::Bound(Bound {
        series: "broker.connection_channels".to_owned(),
        phases: names(&["load", "faults"]),
        min: None,
        max: Some(Quantity::count(50.0)),
        lasting: lasting.map(Span::seconds),
        samples: 5,
    })
}

fn channels(value: impl Fn(f64) -> Option<f64>) -> Scene {
    Scene::new().labelled("broker.connection_channels", "service-1", value)
}

#[test]
fn the_bound_itself_holds() {
    let finding = channels(|_| Some(50.0)).find(bound(None));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert_eq!(finding.measured, "50 (service-1)");
    assert_eq!(finding.limit, Some(50.0));
}

#[test]
fn one_sample_of_one_label_breaks_a_bound() {
    let mut scene =
        channels(|_| Some(4.0)).labelled("broker.connection_channels", "service-2", |at| {
            Some(if (20.0..20.5).contains(&at) { 2_047.0 } else { 4.0 })
        });
    let finding = scene.find(bound(None));
    assert_eq!(finding.verdict, Violated);
    assert_eq!(finding.measured, "2,047 (service-2)");
    assert_eq!(finding.since, Some(20.1));
    assert_eq!(finding.evidence.len(), 1);
    assert_eq!(finding.evidence_file.as_deref(), Some("evidence/it.ndjson"));
    // A breach in a phase that is not judged is none.
    let mut scene = channels(|at| Some(if at < 8.0 { 2_047.0 } else { 4.0 }));
    assert_eq!(scene.find(bound(None)).verdict, Held);
}

#[test]
fn a_lasting_breach_must_last() {
    let spike = |seconds: f64| {
        move |at: f64| Some(if at > 20.0 && at < 20.0 + seconds { 60.0 } else { 4.0 })
    };
    assert_eq!(channels(spike(2.0)).find(bound(Some(2))).verdict, Held);
    assert_eq!(channels(spike(3.0)).find(bound(Some(2))).verdict, Violated);
    // Nor do two short breaches with silence between them make a long one.
    let mut holed = channels(|at| match at {
        at if (20.0..21.0).contains(&at) || (24.0..25.0).contains(&at) => Some(60.0),
        at if (21.0..24.0).contains(&at) => None,
        _ => Some(4.0),
    });
    assert_eq!(holed.find(bound(Some(2))).verdict, Held);
}

#[test]
fn no_data_never_passes_a_bound() {
    let finding = Scene::new().find(bound(None));
    assert_eq!(finding.verdict, Inconclusive);
    let mut silent = channels(|at| (at < 37.0).then_some(4.0));
    let trouble = |at: f64, why: &str| Trouble { at: Some(at), why: why.to_owned() };
    let said = |silent: &mut Scene, troubles: Vec<Trouble>| {
        silent.history.troubles.insert("broker".to_owned(), troubles);
    };
    said(&mut silent, vec![trouble(36.8, "connection refused")]);
    let finding = silent.find(bound(None));
    assert_eq!(finding.verdict, Inconclusive);
    assert!(finding.why.contains("connection refused"), "{}", finding.why);
    // What it said long before, and saw again after, explains nothing.
    said(&mut silent, vec![trouble(12.0, "no such queue")]);
    let finding = silent.find(bound(None));
    assert!(!finding.why.contains("no such queue"), "{}", finding.why);
    assert!(finding.why.contains("see that probe broker reaches"), "{}", finding.why);
    // What it said before the phase explains it, where it saw nothing since.
    let mut gone = channels(|at| (at < 20.0).then_some(4.0));
    said(&mut gone, vec![trouble(20.1, "connection refused"), trouble(59.9, "no such host")]);
    let mut late = bound(None);
    if let CheckKind::Bound(bound) = &mut late {
        bound.phases = names(&["faults"]);
    }
    let finding = gone.find(late);
    assert!(finding.why.contains("connection refused"), "{}", finding.why);
    // A proof stands in spite of the silence.
    let mut proven = channels(|at| (at < 37.0).then_some(if at > 30.0 { 99.0 } else { 4.0 }));
    assert_eq!(proven.find(bound(None)).verdict, Violated);
    // A phase that did not take place.
    let mut short = channels(|_| Some(4.0));
    short.history.phases.retain(|phase| phase.name != "faults");
    assert_eq!(short.find(bound(None)).verdict, Inconclusive);
    // A value that is not a number proves nothing and passes nothing.
    let mut garbled = channels(|at| Some(if at > 20.0 { f64::NAN } else { 4.0 }));
    assert_eq!(garbled.find(bound(None)).verdict, Inconclusive);
}

fn growth(until: &str) -> CheckKind {
    CheckKind::Growth(Growth {
        series: "broker.channels".to_owned(),
        baseline: "baseline".to_owned(),
        until: until.to_owned(),
        workloads: names(&["publish"]),
        per: 1_000,
        max: 5.0,
    })
}

fn level(value: impl Fn(f64) -> Option<f64>) -> Scene {
    Scene::new().good_workload("publish").sampled("broker.channels", value)
}

#[test]
fn growth_is_rise_for_operations() {
    let finding = level(|_| Some(12.0)).find(growth("load"));
    assert_eq!((finding.verdict, finding.measured.as_str()), (Held, "0 per 1,000"));
    // 50 channels a second at 50 operations a second: each leaks one.
    let leak = |at: f64| Some(12.0 + (at - 8.0).clamp(0.0, 28.0) * 50.0);
    let mut scene = level(leak).labelled("broker.connection_channels", "service-1", leak).labelled(
        "broker.connection_channels",
        "service-2",
        |_| Some(6.0),
    );
    let finding = scene.find(growth("load"));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert_eq!(finding.limit, Some(19.0));
    assert!(finding.evidence.iter().any(|evidence| evidence.what == "connection service-1"));
    assert!(!finding.evidence.iter().any(|evidence| evidence.what.contains("service-2")));
    assert!(finding.since.is_some_and(|since| since < 9.0));
    assert_eq!(scene.find(growth("settle")).verdict, Violated);
}

#[test]
fn growth_bears_dips_and_falls() {
    assert_eq!(
        level(|at| Some(if at > 33.0 { 2.0 } else { 12.0 })).find(growth("load")).verdict,
        Held
    );
    assert_eq!(
        level(|at| Some(if at < 5.0 { 2.0 } else { 12.0 })).find(growth("load")).verdict,
        Held
    );
    // One spike at the end is not a level.
    assert_eq!(
        level(|at| Some(if at > 35.0 { 90.0 } else { 12.0 })).find(growth("load")).verdict,
        Held
    );
}

#[test]
fn growth_needs_levels_and_operations() {
    assert_eq!(Scene::new().good_workload("publish").find(growth("load")).verdict, Inconclusive);
    assert_eq!(level(|at| (at < 34.0).then_some(12.0)).find(growth("load")).verdict, Inconclusive);
    assert_eq!(level(|at| (at > 8.0).then_some(12.0)).find(growth("load")).verdict, Inconclusive);
    let mut few = level(|at| Some(12.0 + at * 50.0));
    if let CheckKind::Growth(mut check) = growth("load") {
        check.per = 10_000;
        let finding = few.find(CheckKind::Growth(check));
        assert_eq!(finding.verdict, Inconclusive);
        assert!(finding.why.contains("only 1,400 operations"), "{}", finding.why);
    }
    let mut unknown = level(|_| Some(12.0));
    unknown.history.samples.remove("publish.due");
    assert_eq!(unknown.find(growth("load")).verdict, Inconclusive);
}

fn speed() -> CheckKind {
    CheckKind::Speed(Speed {
        series: "broker.channels_opened".to_owned(),
        phases: names(&["load"]),
        max: Rate(20.0),
        poison: None,
    })
}

fn opened(value: impl Fn(f64) -> Option<f64>) -> Scene {
    Scene::new().sampled("broker.channels_opened", value)
}

#[test]
fn speed_is_rise_over_time() {
    // What the counter had before the run is not counted.
    let finding = opened(|at| Some(1e6 + 5.0 * at)).find(speed());
    assert_eq!((finding.verdict, finding.measured.as_str()), (Held, "5/s"));
    let finding = opened(|at| Some(250.0 * at)).find(speed());
    assert_eq!((finding.verdict, finding.measured.as_str()), (Violated, "250/s"));
    assert!(finding.since.is_some());
    // A counter that is set back goes on from 0.
    let finding =
        opened(|at| Some(if at < 20.0 { 250.0 * at } else { 250.0 * (at - 20.0) })).find(speed());
    assert_eq!(finding.verdict, Violated);
}

#[test]
fn speed_needs_samples() {
    assert_eq!(opened(|_| None).find(speed()).verdict, Inconclusive);
    assert_eq!(opened(|at| (at < 20.0).then_some(5.0 * at)).find(speed()).verdict, Inconclusive);
    // Half of the time is enough when it is enough for the whole.
    assert_eq!(opened(|at| (at < 20.0).then_some(900.0 * at)).find(speed()).verdict, Violated);
}

fn absence(series: &str, phases: &[&str], excused_by: &[&str]) -> CheckKind {
    CheckKind::Absence(Absence {
        series: series.to_owned(),
        phases: names(phases),
        excused_by: names(excused_by),
        samples: 5,
    })
}

fn lines_at(times: &'static [f64]) -> Scene {
    let mut scene = Scene::new().labelled("errors.matches", "service-1", move |at| {
        Some(times.iter().filter(|&&time| time <= at).count() as f64)
    });
    let line = |&at: &f64| Line {
        at_ms: (at * 1e3) as i64,
        source: "service-1".to_owned(),
        text: format!("E at {at}"),
    };
    scene.history.lines.insert("errors".to_owned(), times.iter().map(line).collect());
    scene
}

#[test]
fn a_line_in_a_judged_phase_breaks_absence() {
    let check = || absence("errors.matches", &["baseline", "load", "recovery", "settle"], &[]);
    assert_eq!(lines_at(&[]).find(check()).verdict, Held);
    assert_eq!(lines_at(&[37.0, 40.0]).find(check()).verdict, Held, "only in the phase of faults");
    let finding = lines_at(&[38.0, 50.0]).find(check());
    assert_eq!((finding.verdict, finding.measured.as_str()), (Violated, "1"));
    assert_eq!(finding.evidence[0].seen, "E at 50");
    assert_eq!(finding.since, Some(50.1));
    // The last sample, taken when the run is over, still counts.
    assert_eq!(lines_at(&[59.9]).find(check()).verdict, Violated);
    // So does what the very first sample shows of a counter of the tool's own.
    assert_eq!(lines_at(&[0.05]).find(absence("errors.matches", &ALL, &[])).verdict, Violated);
    assert_eq!(lines_at(&[2.0]).find(check()).verdict, Held, "before the baseline");
}

#[test]
fn what_comes_after_the_last_phase_of_a_killed_run_is_not_of_that_phase() {
    let check = || absence("errors.matches", &["baseline", "load"], &[]);
    // The run was killed in the phase of faults, whose end was never written.
    let mut scene = lines_at(&[40.0]);
    scene.history.phases.truncate(3);
    scene.history.interrupted = true;
    assert_eq!(scene.history.phases.last().unwrap().name, "load");
    assert_eq!(scene.find(check()).verdict, Held);
}

#[test]
fn absence_needs_samples() {
    let check = || absence("errors.matches", &["load"], &[]);
    assert_eq!(Scene::new().find(check()).verdict, Inconclusive);
    let mut late = Scene::new().sampled("errors.matches", |at| (at < 20.0).then_some(0.0));
    assert_eq!(late.find(check()).verdict, Inconclusive);
    // A rise across a long silence belongs to nobody knows which phase.
    let mut holed = Scene::new().sampled("errors.matches", |at| match at {
        at if (4.0..9.0).contains(&at) => None,
        at => Some(if at < 4.0 { 0.0 } else { 1.0 }),
    });
    let finding = holed.find(check());
    assert_eq!(finding.verdict, Inconclusive);
    assert!(finding.why.contains("in which phase"), "{}", finding.why);
}

#[test]
fn a_fault_excuses_its_victims_and_no_more() {
    let restarts = |extra: f64, when: f64| {
        Scene::new()
            .labelled("process.restarts", "service-1", |at| Some(if at > 38.0 { 1.0 } else { 0.0 }))
            .labelled("process.restarts", "service-2", move |at| {
                Some(if at > when { extra } else { 0.0 })
            })
            .fault("kill-one-process", 37.0)
    };
    let check = || absence("process.restarts", &ALL, &["kill-one-process"]);
    assert_eq!(restarts(0.0, 0.0).find(check()).verdict, Held);
    let finding = restarts(1.0, 39.0).find(check());
    assert_eq!((finding.verdict, finding.measured.as_str()), (Violated, "1"));
    // A restart before the fault is not its doing.
    let mut early = Scene::new()
        .labelled("process.restarts", "service-1", |at| Some(if at > 20.0 { 1.0 } else { 0.0 }))
        .fault("kill-one-process", 37.0);
    assert_eq!(early.find(check()).verdict, Violated);
    // Nor does a fault that never landed excuse anything.
    let mut missed = restarts(0.0, 0.0);
    missed.history.faults[0].injected = None;
    missed.history.faults[0].problem = Some("no such process".to_owned());
    assert_eq!(missed.find(check()).verdict, Violated);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No samples in a judged phase never hold, whatever the other samples are.
    #[test]
    fn no_samples_never_hold(value in 0.0_f64..40.0, phase in 0_usize..2) {
        let (from, to) = [(8.0, 36.0), (36.0, 48.0)][phase];
        let series = |at: f64| (!(from..to).contains(&at)).then_some(value);
        prop_assert_ne!(channels(series).find(bound(None)).verdict, Held);
        let errors = |at: f64| (!(from..to).contains(&at)).then_some(0.0);
        let mut scene = Scene::new().sampled("errors.matches", errors);
        prop_assert_ne!(scene.find(absence("errors.matches", &["load", "faults"], &[])).verdict, Held);
        let trend = CheckKind::Trend(Trend {
            series: "broker.connection_channels".to_owned(),
            phase: ["load", "faults"][phase].to_owned(),
            min_rise: Quantity::count(10.0),
            confidence: Share(0.99),
            samples: 20,
        });
        prop_assert_eq!(channels(series).find(trend).verdict, Inconclusive);
    }

    /// More samples of another label never turn violated into held.
    #[test]
    fn more_data_never_mends(values in prop::collection::vec(0.0_f64..60.0, 1..20)) {
        let mut scene = channels(|at| Some(if at > 30.0 { 51.0 } else { 4.0 }))
            .labelled("broker.connection_channels", "more", |at| values.get(at as usize % 30).copied());
        prop_assert_eq!(scene.find(bound(None)).verdict, Violated);
    }
}
