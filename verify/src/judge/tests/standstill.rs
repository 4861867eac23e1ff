//! What stands still while the host runs is no matter of its pace.

use proptest::prelude::*;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::check::{After, CheckKind, Drain};
use scenarios::units::{Quantity, Span};

use super::scene::Scene;

const READY: &str = "broker.messages_ready";

/// After the phase `load`, which ends at 36 s.
fn drain(series: &str, within: u64) -> CheckKind {
    CheckKind::Drain(Drain {
        series: series.to_owned(),
        after: After::Phase("load".to_owned()),
        to: Quantity::count(0.0),
        within: Span::seconds(within),
        lasting: None,
    })
}

/// A run with this series, whose load ends with the phase `load` or goes on to 56 s.
fn run(goes_on: bool, series: &str, label: &str, value: impl Fn(f64) -> f64) -> Scene {
    let mut scene = Scene::new();
    if !goes_on {
        let planned = scene.plan.phases.iter_mut().map(|phase| &mut phase.name);
        let phases = scene.history.phases.iter_mut().map(|phase| &mut phase.name);
        for name in planned.chain(phases).filter(|name| ["faults", "recovery"].contains(&&***name))
        {
            *name = format!("after-{name}");
        }
    }
    scene.good_workload("publish").labelled(series, label, |at| Some(value(at)))
}

/// Four seconds of starvation, and as long again behind them, are eight of twenty.
fn is_starved(second: u64) -> bool {
    (38..42).contains(&second)
}

#[test]
fn what_never_fell_is_no_matter_of_pace() {
    let stuck = || run(false, READY, "", |_| 90.0).host(is_starved);
    let finding = stuck().find(drain(READY, 20));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.why.contains("did not fall by anything in 1"), "{}", finding.why);
    // What rises late and stands still then is stuck as well.
    let late = run(false, READY, "", |at| if at < 36.5 { 80.0 } else { 90.0 });
    assert_eq!(late.host(is_starved).find(drain(READY, 20)).verdict, Violated);
    // Less than half of the time is left in which it could run.
    let starved = |second: u64| (38..45).contains(&second);
    let mut most = run(false, READY, "", |_| 90.0).host(starved);
    assert_eq!(most.find(drain(READY, 20)).verdict, Inconclusive);
}

#[test]
fn what_fell_or_is_fed_or_falls_later_may_be_slow() {
    let verdict = |goes_on: bool, within: u64, value: &dyn Fn(f64) -> f64| {
        run(goes_on, READY, "", value).host(is_starved).find(drain(READY, within)).verdict
    };
    assert_eq!(verdict(false, 20, &|at| if at < 50.0 { 90.0 } else { 89.0 }), Inconclusive);
    assert_eq!(verdict(false, 20, &|at| at.floor()), Inconclusive, "somebody feeds it");
    assert_eq!(verdict(true, 20, &|_| 90.0), Inconclusive, "the load does");
    // More time shows that it falls after all.
    assert_eq!(verdict(false, 18, &|at| if at < 55.0 { 90.0 } else { 0.0 }), Inconclusive);
    assert_eq!(verdict(false, 20, &|at| if at < 55.0 { 90.0 } else { 0.0 }), Held);
    // Whose load it is that nobody saw, nobody knows.
    let mut unseen = run(false, READY, "", |_| 90.0).host(is_starved);
    unseen.history.samples.remove("publish.due");
    assert_eq!(unseen.find(drain(READY, 20)).verdict, Inconclusive);
    unseen.plan.workloads.clear();
    assert_eq!(unseen.find(drain(READY, 20)).verdict, Inconclusive);
}

#[test]
fn the_label_that_did_not_drain_is_named() {
    let series = "broker.connection_channels";
    let scene = run(false, series, "a", |at| if at < 40.0 { 9.0 } else { 0.0 });
    let finding = scene.labelled(series, "b", |_| Some(7.0)).find(drain(series, 20));
    assert_eq!((finding.verdict, &*finding.measured), (Violated, "7 of b after 20 s"));
    let finding = run(false, READY, "", |_| 7.0).find(drain(READY, 20));
    assert_eq!(finding.measured, "7 after 20 s");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the series did: starvation takes blame away and never more, and what the
    /// record of the host no longer says makes nothing better.
    #[test]
    fn a_standstill_adds_no_blame(
        falls_at in 30.0_f64..62.0,
        to in prop::sample::select(vec![0.0, 89.0, 90.0]),
        within in 4_u64..24,
        starved in prop::collection::vec(prop::bool::weighted(0.3), 60),
        kept in prop::collection::vec(any::<bool>(), 60),
    ) {
        let value = move |at: f64| if at < falls_at { 90.0 } else { to };
        let scene = || run(false, READY, "", value);
        let plain = scene().find(drain(READY, within)).verdict;
        let with = scene().host(|second| starved[second as usize]).find(drain(READY, within));
        prop_assert!(with.verdict == plain || (plain, with.verdict) == (Violated, Inconclusive));
        let fewer = scene().host(|second| starved[second as usize] && kept[second as usize]);
        let fewer = fewer.clone_scene().find(drain(READY, within)).verdict;
        prop_assert!(with.verdict != Violated || fewer == Violated);
    }
}
