//! What it means that a system does not get over a fault by itself.

use proptest::prelude::*;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::check::{CheckKind, Recovery};
use scenarios::units::{Share, Span};

use super::leftover::{Back, OVER};
use super::scene::Scene;
use crate::history::Sample;

/// When the time is up in which a supervisor was to start it again.
const UP: f64 = OVER + 10.0;

fn recovery(series: &str) -> CheckKind {
    CheckKind::Recovery(Recovery {
        series: series.to_owned(),
        baseline: "load".to_owned(),
        after: "stop".to_owned(),
        tolerance: Share(0.1),
        floor: None,
        within: Span::seconds(2),
        lasting: Span::seconds(1),
    })
}

/// One process that is away from 37.2 s on until a time.
fn away(until: f64) -> Scene {
    let running = move |at: f64| Some(if (37.2..until).contains(&at) { 0.0 } else { 1.0 });
    Scene::new().sampled("process.running", running)
}

#[test]
fn a_supervised_process_that_stays_away_violates_the_recovery() {
    let mut scene = away(f64::INFINITY).stopped(Back::BySupervisor, None);
    let finding = scene.find(recovery("process.running"));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    let why = "Fault stop was over at 41 s, and its supervisor did not start again what it ended \
               within 10s: 0 of 1 processes run.";
    assert!(finding.why.starts_with(why), "{}", finding.why);
    assert_eq!(finding.since, Some(UP));
    // What is there to be started by the tool proves nothing, whatever is away.
    let mut scene = away(f64::INFINITY).stopped(Back::ByCommand, None);
    assert_eq!(scene.find(recovery("process.running")).verdict, Inconclusive);
}

/// A counter that stands still, and a level that only rises.
#[test]
fn every_series_that_stays_bad_shows_it() {
    let counter = |at: f64| Some(100.0 * at.min(37.0));
    let level = |at: f64| Some(if at < 37.0 { 10.0 } else { 10.0 * at });
    for (series, scene) in [
        ("broker.channels_opened", Scene::new().sampled("broker.channels_opened", counter)),
        ("broker.messages_ready", Scene::new().sampled("broker.messages_ready", level)),
    ] {
        let finding = scene.stopped(Back::BySupervisor, None).find(recovery(series));
        assert_eq!(finding.verdict, Violated, "{series}: {}", finding.why);
    }
}

#[test]
fn what_came_back_or_is_not_known_is_inconclusive() {
    let find = |scene: Scene| scene.stopped(Back::BySupervisor, None);
    let mut late = find(away(UP + 3.0));
    assert_eq!(late.find(recovery("process.running")).verdict, Inconclusive);
    // Others did its work.
    let mut covered = find(Scene::new().sampled("broker.messages_ready", |_| Some(3.0)));
    assert_eq!(covered.find(recovery("broker.messages_ready")).verdict, Inconclusive);
    // The run ended before the time was up, and nobody watched any more.
    let mut short = find(away(f64::INFINITY));
    short.history.faults[0].unhealed = false;
    assert_eq!(short.find(recovery("process.running")).verdict, Inconclusive);
    let mut starved = find(away(f64::INFINITY)).host(|second| second == 45);
    assert_eq!(starved.find(recovery("process.running")).verdict, Inconclusive);
}

/// Something that a record may lack.
#[derive(Debug, Clone, Copy)]
enum Gone {
    Samples(f64, f64),
    Confirmed,
    Undone,
    Watched,
    Healed,
    Fault,
}

fn gone() -> impl Strategy<Value = Gone> {
    prop_oneof![
        (0.0..60.0, 0.5..60.0).prop_map(|(from, length)| Gone::Samples(from, from + length)),
        Just(Gone::Confirmed),
        Just(Gone::Undone),
        Just(Gone::Watched),
        Just(Gone::Healed),
        Just(Gone::Fault),
    ]
}

fn take(scene: &mut Scene, gone: Gone) {
    let history = &mut scene.history;
    match (gone, history.faults.first_mut()) {
        (Gone::Samples(from, to), _) => {
            let is_left = |sample: &Sample| !(from..to).contains(&sample.at);
            history.samples.edit_all(|_, samples| samples.retain(is_left));
        }
        (Gone::Fault, _) => history.faults.clear(),
        (Gone::Confirmed, Some(fault)) => fault.confirmed = None,
        (Gone::Undone, Some(fault)) => fault.undone = None,
        (Gone::Watched, Some(fault)) => fault.unhealed = false,
        (Gone::Healed, Some(fault)) => fault.healed = None,
        (_, None) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is taken from a record, what held is not violated by it, nor the
    /// other way round.
    #[test]
    fn what_is_taken_away_turns_nothing_round(
        lasts in 38.0..70.0,
        heals in any::<bool>(),
        all in proptest::collection::vec(gone(), 1..4),
    ) {
        let healed = (heals && lasts < 52.0).then_some(lasts + 0.3);
        let mut scene = away(lasts).stopped(Back::BySupervisor, healed);
        let before = scene.find(recovery("process.running")).verdict;
        all.iter().for_each(|&gone| take(&mut scene, gone));
        let finding = scene.find(recovery("process.running"));
        let is_turned = matches!((before, finding.verdict), (Held, Violated) | (Violated, Held));
        prop_assert!(!is_turned, "{before:?} and then {:?}: {}", finding.verdict, finding.why);
    }
}
