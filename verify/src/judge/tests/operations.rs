//! Checks of operations: ratio, latency and effects.

use std::collections::BTreeSet;

use loadgen::Fate;
use proptest::prelude::*;
use reports::record::Finding;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::Place;
use scenarios::plan::check::{CheckKind, DeadLetters, EffectsCheck, Latency, Ratio};
use scenarios::units::{Share, Span};

use super::scene::{Scene, names};
use crate::history::{Seen, SeenWorkload};
use crate::judge::judge;

const GOOD: (Fate, u64) = (Fate::Acked, 3_000);

fn ratio(phase: &str) -> CheckKind {
    CheckKind::Ratio(Ratio {
        of: "publish.unsuccessful".to_owned(),
        to: "publish.due".to_owned(),
        phases: names(&[phase]),
        min: None,
        max: Share(0.01),
        at_least: 100,
    })
}

#[test]
fn a_ratio_is_that_of_its_phase() {
    let finding = Scene::new().good_workload("publish").find(ratio("load"));
    assert_eq!((finding.verdict, finding.measured.as_str()), (Held, "0% (0 of 1,400)"));
    assert!(finding.why.contains("below 0.21%"), "{}", finding.why);
    let failing = |second: std::ops::Range<u64>| {
        Scene::new().workload("publish", move |at, _| {
            if second.contains(&at) { (Fate::Failed, 100) } else { GOOD }
        })
    };
    // Second 36 is the first of the next phase: the edge is exact.
    assert_eq!(failing(36..40).find(ratio("load")).verdict, Held);
    let finding = failing(35..40).find(ratio("load"));
    assert_eq!((finding.verdict, finding.measured.as_str()), (Violated, "3.57% (50 of 1,400)"));
    assert_eq!(finding.since, Some(35.0));
    assert_eq!(finding.evidence[0].seen, "50 of 50");
}

#[test]
fn the_observed_share_decides() {
    let some = |number: u64| {
        Scene::new().workload("publish", move |at, sequence| {
            if at >= 8 && sequence < 150 + number { (Fate::Failed, 100) } else { GOOD }
        })
    };
    assert_eq!(some(14).find(ratio("load")).verdict, Held, "exactly 1 %");
    assert_eq!(some(15).find(ratio("load")).verdict, Violated);
}

#[test]
fn a_ratio_needs_operations() {
    assert_eq!(Scene::new().find(ratio("load")).verdict, Inconclusive);
    let finding = Scene::new().good_workload("publish").find(ratio("settle"));
    assert_eq!(finding.verdict, Inconclusive, "nothing is due in settle");
    let mut cut = Scene::new().good_workload("publish");
    cut.history.samples.edit_all(|_, samples| samples.retain(|sample| sample.at < 20.0));
    assert_eq!(cut.find(ratio("load")).verdict, Inconclusive);
}

#[test]
fn a_generator_that_drops_is_not_the_systems_fault() {
    let mut scene =
        Scene::new().workload("publish", |at, _| if at >= 34 { (Fate::Dropped, 0) } else { GOOD });
    assert_eq!(scene.find(ratio("load")).verdict, Inconclusive);
}

fn latency() -> CheckKind {
    CheckKind::Latency(Latency {
        workload: "publish".to_owned(),
        phases: names(&["load"]),
        quantile: Share(0.95),
        max: Span::seconds(1),
    })
}

/// The finding when each operation of the load, numbered from 0 to 1,399, is
/// answered so.
fn answered(answer: impl Fn(u64) -> (Fate, u64)) -> Finding {
    let scene = Scene::new();
    scene.workload("publish", |at, k| if at >= 8 { answer(k - 150) } else { GOOD }).find(latency())
}

#[test]
fn a_quantile_counts_every_operation() {
    let slow =
        |share: u64| move |k: u64| if k % 100 < share { (Fate::Acked, 2_000_000) } else { GOOD };
    assert_eq!(answered(slow(0)).verdict, Held);
    assert_eq!(answered(slow(5)).verdict, Held);
    let finding = answered(slow(6));
    assert_eq!(finding.verdict, Violated);
    assert!(finding.measured.starts_with('2'), "{}", finding.measured);
    assert!(finding.since.is_some() && !finding.evidence.is_empty());
}

#[test]
fn refusals_and_silence_are_not_fast() {
    let bad = |fate, micros| move |k: u64| if k.is_multiple_of(10) { (fate, micros) } else { GOOD };
    let refused = answered(bad(Fate::Failed, 100));
    assert_eq!((refused.verdict, refused.measured.as_str()), (Violated, "no answer"));
    assert_eq!(answered(|_| (Fate::Failed, 100)).verdict, Violated);
    assert_eq!(answered(bad(Fate::Indeterminate, 5_000_000)).verdict, Violated);
    // Connections lost at once give no answer either; whether the quick ones
    // among so many are answers is unknown, and so they never pass.
    assert_ne!(answered(bad(Fate::Indeterminate, 100)).verdict, Held);
    assert_eq!(answered(bad(Fate::Dropped, 0)).verdict, Inconclusive);
}

#[test]
fn a_quantile_needs_operations() {
    let mut check = latency();
    if let CheckKind::Latency(latency) = &mut check {
        latency.quantile = Share(0.999);
    }
    assert_eq!(Scene::new().good_workload("publish").find(check).verdict, Inconclusive);
    assert_eq!(Scene::new().find(latency()).verdict, Inconclusive);
}

fn effects() -> CheckKind {
    CheckKind::Effects(EffectsCheck {
        source: "queue".to_owned(),
        workloads: names(&["publish"]),
        dead_letters: DeadLetters::None,
        tries: None,
    })
}

/// Operation 0 is refused, 1 is indeterminate, 2 never attempted, and the rest
/// acknowledged.
fn mixed() -> Scene {
    let mut scene = Scene::new().workload("publish", |_, k| match k {
        0 => (Fate::Failed, 100),
        1 => (Fate::Indeterminate, 100),
        2 => (Fate::Dropped, 0),
        _ => GOOD,
    });
    let mut seen = Seen::default();
    let acked = scene.history.workloads["publish"].ledger.of(Fate::Acked).clone();
    seen.workloads.insert("publish".to_owned(), SeenWorkload { once: acked, more: [].into() });
    scene.history.effects.insert("queue".to_owned(), Ok(seen));
    scene
}

fn changed(change: impl FnOnce(&mut Seen, &mut SeenWorkload)) -> Scene {
    let mut scene = mixed();
    if let Some(Ok(seen)) = scene.history.effects.get_mut("queue") {
        let mut workload = seen.workloads.remove("publish").unwrap();
        change(seen, &mut workload);
        seen.workloads.insert("publish".to_owned(), workload);
    }
    scene
}

#[test]
fn every_acknowledged_operation_once_holds() {
    let finding = mixed().find(effects());
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert!(
        finding.why.starts_with("2,547 acknowledged, each once; 0 of 1 refused"),
        "{}",
        finding.why
    );
    assert_eq!(changed(|_, seen| seen.add(1)).find(effects()).verdict, Held, "recovered");
    // A source that lost sight without losing anything.
    let blind = changed(|seen, _| seen.blind = Some("reconnected".to_owned())).find(effects());
    assert_eq!(blind.verdict, Held);
    assert!(blind.why.contains("reconnected"));
}

#[test]
fn each_anomaly_is_named() {
    let lost =
        |seen: &mut SeenWorkload| seen.once = seen.once.iter().filter(|k| k % 100 != 50).collect();
    let cases: [(&str, Scene); 6] = [
        ("lost", changed(|_, seen| lost(seen))),
        ("duplicated", changed(|_, seen| seen.add(7))),
        ("resurrected", changed(|_, seen| seen.add(0))),
        ("unexpected", changed(|_, seen| seen.add(2))),
        ("unexpected", changed(|_, seen| seen.add(1 << 40))),
        (
            "unexpected",
            changed(|seen, _| {
                seen.foreign = vec!["r/nobody/3".to_owned()];
                seen.foreign_count = 1;
            }),
        ),
    ];
    for (kind, mut scene) in cases {
        let finding = scene.find(effects());
        assert_eq!(finding.verdict, Violated, "{kind}: {}", finding.why);
        assert!(finding.measured.contains(kind), "{kind}: {}", finding.measured);
        assert!(finding.evidence[0].seen.starts_with(kind), "{kind}: {:?}", finding.evidence);
        let judgement = judge(&scene.plan, &scene.history);
        let rows: Vec<_> = judgement.anomalies[0].rows().collect();
        let named = rows.iter().filter(|row| row["anomaly"] == kind).count();
        assert_eq!(named, if kind == "lost" { 25 } else { 1 });
        assert_eq!(judgement.effects[0].source, "queue");
    }
    let finding = changed(|_, seen| (0..3).for_each(|_| seen.add(1))).find(effects());
    assert_eq!(finding.evidence[0].seen, "duplicated: indeterminate, 3 effects");
    assert_eq!(finding.evidence[0].what, "operation r/publish/1");
}

#[test]
fn what_a_source_cannot_see_proves_nothing() {
    let mut missing = mixed();
    missing.history.effects.insert("queue".to_owned(), Err("no such exchange".to_owned()));
    let finding = missing.find(effects());
    assert_eq!(finding.verdict, Inconclusive);
    assert!(finding.why.contains("no such exchange"));
    assert!(!finding.why.contains("--set"), "this scenario has no such parameter");
    missing.plan.params.insert("effects".to_owned(), "on".to_owned());
    assert!(missing.find(effects()).why.contains("--set effects=off"));
    missing.history.effects.clear();
    assert_eq!(missing.find(effects()).verdict, Inconclusive);

    let blind = |twice: bool| {
        changed(|seen, workload| {
            seen.blind = Some("reconnected".to_owned());
            workload.once.remove(50);
            if twice {
                workload.add(60);
            }
        })
    };
    assert_eq!(blind(false).find(effects()).verdict, Inconclusive);
    assert_eq!(blind(true).find(effects()).verdict, Violated);
}

#[test]
fn nothing_at_all_is_lost_in_the_lab_and_doubtful_elsewhere() {
    let nothing = || changed(|_, workload| workload.once.clear());
    assert_eq!(nothing().find(effects()).verdict, Violated);
    let mut elsewhere = nothing();
    elsewhere.plan.place = Place::Targets;
    assert_eq!(elsewhere.find(effects()).verdict, Inconclusive);
    let mut refusing = Scene::new().workload("publish", |_, _| (Fate::Failed, 100));
    refusing.history.effects.insert("queue".to_owned(), Ok(Seen::default()));
    assert_eq!(refusing.find(effects()).verdict, Inconclusive, "nothing was acknowledged");
}

#[test]
fn a_broken_generator_accuses_nobody() {
    let mut scene = changed(|_, seen| seen.add(2));
    scene.history.workloads.get_mut("publish").unwrap().broken = Some("out of memory".to_owned());
    assert_eq!(scene.find(effects()).verdict, Inconclusive);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However many acknowledged operations lose their effect or repeat it, the
    /// check counts exactly these and never holds with one of them.
    #[test]
    fn effects_are_counted_exactly(lost in prop::collection::btree_set(3_u64..2_550, 0..20), twice in prop::collection::btree_set(3_u64..2_550, 0..20)) {
        let mut scene = changed(|_, seen| {
            lost.iter().for_each(|&k| { seen.once.remove(k); });
            twice.iter().for_each(|&k| seen.add(k));
        });
        let finding = scene.find(effects());
        let joined = judge(&scene.plan, &scene.history).effects[0].joined;
        let both: BTreeSet<_> = lost.intersection(&twice).collect();
        prop_assert_eq!(joined.lost, (lost.len() - both.len()) as u64);
        prop_assert_eq!(joined.duplicated, (twice.len() - both.len()) as u64);
        prop_assert_eq!(finding.verdict == Held, joined.lost + joined.duplicated == 0);
    }

    /// More failures never turn a violated ratio or latency into a held one.
    #[test]
    fn more_failures_never_mend(every in 2_u64..12, more in 2_u64..12) {
        let find = |every: u64, more: Option<u64>, kind| {
            Scene::new().workload("publish", |_, k| {
                let fails = k.is_multiple_of(every) || more.is_some_and(|more| k.is_multiple_of(more));
                if fails { (Fate::Failed, 9) } else { GOOD }
            }).find(kind).verdict
        };
        for kind in [ratio("load"), latency()] {
            prop_assert!(find(every, Some(more), kind.clone()) >= find(every, None, kind));
        }
    }
}
