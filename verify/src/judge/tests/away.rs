//! Processes that a fault keeps away have no samples, and nobody misses them.

use reports::record::Finding;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::check::{Bound, CheckKind};
use scenarios::plan::fault::{Held as Paused, StopSignal, Stopped};
use scenarios::plan::{FaultKind, Pick};
use scenarios::units::{Quantity, Span};

use super::scene::{Scene, names};
use crate::history::Turn;

const INJECTED: f64 = 37.0;
const HEALED: f64 = 45.5;

/// Memory of each of these processes, which is not seen in some time.
fn unseen(labels: &[&str], from: f64, to: f64) -> Scene {
    labels.iter().fold(Scene::new(), |scene, label| {
        let value = move |at: f64| (!(from..to).contains(&at)).then_some(5e6);
        scene.labelled("process.resident", label, value)
    })
}

/// These are stopped for 8 s.
fn stopped(mut scene: Scene, victims: &[&str], healed: Option<f64>) -> Scene {
    scene = scene.fault("stop", INJECTED);
    scene.plan.faults[0].heal_within = Span::seconds(10);
    scene.plan.faults[0].kind = FaultKind::StopProcess(Stopped {
        role: "service".to_owned(),
        pick: Pick::ALL,
        lasts: Span::seconds(8),
        signal: StopSignal::Term,
    });
    let record = &mut scene.history.faults[0];
    record.healed = healed;
    record.victims = victims.iter().map(|victim| format!("{victim} (pid 17@4)")).collect();
    scene
}

fn memory(phases: &[&str]) -> CheckKind {
    CheckKind::Bound(Bound {
        series: "process.resident".to_owned(),
        phases: names(phases),
        min: None,
        max: Some(Quantity::count(1e9)),
        lasting: None,
        samples: 5,
    })
}

fn find(mut scene: Scene) -> Finding {
    scene.find(memory(&["load", "faults", "recovery"]))
}

#[test]
fn who_is_stopped_has_no_samples() {
    for labels in [&["service-1"][..], &["service-1", "service-2"]] {
        let finding = find(stopped(unseen(labels, INJECTED, HEALED), labels, Some(HEALED)));
        assert_eq!(finding.verdict, Held, "{}", finding.why);
    }
    // It ended in good order, which took 4 s.
    let labels = ["service-1", "service-2"];
    let mut slow = unseen(&labels[..1], INJECTED - 4.0, HEALED).labelled(
        "process.resident",
        "service-2",
        |at| (!(INJECTED..HEALED).contains(&at)).then_some(5e6),
    );
    slow.history.processes.push(Turn { at: INJECTED - 3.9, process: "service-1".to_owned() });
    let finding = find(stopped(slow, &labels, Some(HEALED)));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    // What was seen breaks its bound all the same.
    let mut high = stopped(unseen(&labels, INJECTED, HEALED), &labels, Some(HEALED));
    high.history.samples.edit("process.resident", |samples| samples[70].value = 2e9);
    assert_eq!(find(high).verdict, Violated);
}

#[test]
fn samples_that_are_missing_at_another_time_are_missed() {
    let labels = ["service-1"];
    let of = |from, to, healed| find(stopped(unseen(&labels, from, to), &labels, healed));
    assert_eq!(of(30.0, HEALED, Some(HEALED)).verdict, Inconclusive, "silent long before");
    assert_eq!(of(INJECTED, 54.0, Some(HEALED)).verdict, Inconclusive, "silent long after");
    // It was to be there again at 45 s.
    assert_eq!(of(INJECTED, 99.0, None).verdict, Inconclusive, "never there again");
    assert_eq!(of(15.0, 30.0, Some(HEALED)).verdict, Inconclusive, "before the fault");
}

#[test]
fn others_than_those_that_are_stopped_are_missed() {
    let both = ["service-1", "service-2"];
    let other = |victims: &[&str]| {
        find(stopped(unseen(&both, INJECTED, HEALED), victims, Some(HEALED))).verdict
    };
    assert_eq!(other(&["service-1"]), Inconclusive);
    assert_eq!(other(&["service-3"]), Inconclusive);
    assert_eq!(other(&both), Held);
    // Who is paused is there, and so are those of another role.
    let mut paused = stopped(unseen(&both, INJECTED, HEALED), &both, Some(HEALED));
    paused.plan.faults[0].kind = FaultKind::PauseProcess(Paused {
        role: "service".to_owned(),
        pick: Pick::ALL,
        lasts: Span::seconds(8),
    });
    assert_eq!(find(paused).verdict, Inconclusive);
    let mut elsewhere = stopped(unseen(&both, INJECTED, HEALED), &both, Some(HEALED));
    let FaultKind::StopProcess(stop) = &mut elsewhere.plan.faults[0].kind else { unreachable!() };
    stop.role = "database".to_owned();
    assert_eq!(find(elsewhere).verdict, Inconclusive);
}

#[test]
fn one_of_several_that_never_comes_back_is_missed_from_then_on() {
    let scene = |healed| {
        let scene = unseen(&["service-2"], 99.0, 99.0);
        let gone =
            scene.labelled("process.resident", "service-1", |at| (at < INJECTED).then_some(5e6));
        let mut gone = stopped(gone, &["service-1"], healed);
        gone.history.processes.push(Turn { at: INJECTED, process: "service-1".to_owned() });
        gone
    };
    let finding = find(scene(None));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("service-1 has no samples from"), "{}", finding.why);
    assert_eq!(find(scene(Some(HEALED))).verdict, Inconclusive);
    // A phase in which it was away for the whole time, and no other one is judged.
    let mut all = stopped(unseen(&["service-1"], 35.9, 48.1), &["service-1"], Some(HEALED));
    assert_eq!(all.find(memory(&["faults"])).verdict, Inconclusive, "no data never passes");
}
