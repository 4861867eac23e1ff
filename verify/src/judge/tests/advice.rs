//! What to do about the system's size.

use proptest::prelude::*;
use reports::record::{AdviceRecord, AdviceState};
use scenarios::plan::advice::{Advice, Condition, Figure, Limit, When};
use scenarios::plan::{Probe, ProbeKind};
use scenarios::units::{Quantity, Share, Span, Unit};

use super::scene::{Scene, names};
use crate::judge::judge;

const DEPTH: &str = "broker.messages_ready";

fn series(name: &str, limit: Limit, lasting: Option<u64>) -> Condition {
    let figure = Figure::Series(name.to_owned());
    Condition { figure, phases: names(&["load"]), limit, lasting: lasting.map(Span::seconds) }
}

fn above(value: f64) -> Limit {
    Limit::Above(Quantity::count(value))
}

fn below(value: f64) -> Limit {
    Limit::Below(Quantity::count(value))
}

fn times(limit: fn(Quantity) -> Limit, seconds: f64) -> Condition {
    let figure = Figure::Latency { workload: "publish".to_owned(), quantile: Share(0.95) };
    let limit = limit(Quantity { value: seconds, unit: Unit::Seconds });
    Condition { figure, phases: names(&["load"]), limit, lasting: None }
}

fn advised(scene: &mut Scene, when: When) -> AdviceRecord {
    let (name, say) = ("scale-up".to_owned(), "add workers".to_owned());
    scene.plan.advice = vec![Advice { name, say, when }];
    judge(&scene.plan, &scene.history).advised.remove(0)
}

fn met(scene: &mut Scene, condition: Condition) -> (Option<bool>, String) {
    let record = advised(scene, When::Any(vec![condition]));
    let condition = record.conditions.into_iter().next().unwrap();
    let expected = match condition.met {
        Some(true) => AdviceState::Given,
        Some(false) => AdviceState::NotGiven,
        None => AdviceState::Unknown,
    };
    assert_eq!(record.state, expected);
    (condition.met, condition.measured)
}

/// The phase `load` is from second 8 to second 36.
fn depth(value: impl Fn(f64) -> Option<f64>) -> Scene {
    Scene::new().good_workload("publish").sampled(DEPTH, value)
}

#[test]
fn a_series_must_lie_beyond_for_all_of_the_time() {
    let peak = |from: f64, to: f64| {
        depth(move |at| Some(if (from..to).contains(&at) { 1_500.0 } else { 10.0 }))
    };
    let steadily = || series(DEPTH, above(1_000.0), Some(10));
    let (is_met, measured) = met(&mut peak(12.0, 23.0), steadily());
    assert_eq!(is_met, Some(true), "{measured}");
    assert!(measured.contains("from 12.1 s on, at least 1,500 throughout"), "{measured}");
    let (is_met, measured) = met(&mut peak(12.0, 21.0), steadily());
    assert_eq!(is_met, Some(false), "{measured}");
    assert_eq!(met(&mut peak(0.0, 0.0), steadily()).1, "never above 1,000");
    // Twice six seconds are not ten; and what comes behind the phase is not looked at.
    let twice = |at: f64| {
        Some(if (12.0..18.0).contains(&at) || (20.0..26.0).contains(&at) { 1_500.0 } else { 10.0 })
    };
    assert_eq!(met(&mut depth(twice), steadily()).0, Some(false));
    assert_eq!(met(&mut peak(30.0, 60.0), steadily()).0, Some(false));
}

#[test]
fn a_silence_ends_a_stretch_and_hides_one() {
    let silent = |at: f64| (!(15.0..24.0).contains(&at)).then_some(1_500.0);
    let steadily = |seconds| series(DEPTH, above(1_000.0), Some(seconds));
    // From 8 to 15, and from 24 to 36: twelve seconds are proof, whatever was between.
    assert_eq!(met(&mut depth(silent), steadily(11)).0, Some(true));
    let (is_met, why) = met(&mut depth(silent), steadily(20));
    assert_eq!(is_met, None, "{why}");
    assert!(why.contains("no samples"), "{why}");
}

#[test]
fn without_a_time_the_median_counts() {
    let half =
        |share: f64| depth(move |at| Some(if at < 8.0 + 28.0 * share { 500.0 } else { 10.0 }));
    assert_eq!(
        met(&mut half(0.6), series(DEPTH, above(100.0), None)),
        (Some(true), "median 500".to_owned())
    );
    assert_eq!(met(&mut half(0.4), series(DEPTH, above(100.0), None)).0, Some(false));
    assert_eq!(met(&mut half(0.4), series(DEPTH, below(100.0), None)).0, Some(true));
    // On the limit it lies on neither side.
    let on = || depth(|_| Some(100.0));
    assert_eq!(met(&mut on(), series(DEPTH, above(100.0), None)).0, Some(false));
    assert_eq!(met(&mut on(), series(DEPTH, below(100.0), None)).0, Some(false));
}

#[test]
fn of_several_labels_the_average_counts() {
    let limit = |value| Limit::Above(Quantity { value, unit: Unit::Share });
    let busy = |a: f64, b: f64| {
        let mut scene = Scene::new().good_workload("publish");
        for (label, value) in [("worker-1", a), ("worker-2", b)] {
            for series in ["process.busy", "process.running"] {
                scene = scene.labelled(series, label, move |_| Some(value));
            }
        }
        scene
    };
    let (is_met, measured) = met(&mut busy(0.9, 0.8), series("process.busy", limit(0.8), None));
    assert_eq!((is_met, measured.as_str()), (Some(true), "median 85%"));
    assert_eq!(met(&mut busy(0.9, 0.6), series("process.busy", limit(0.8), None)).0, Some(false));
}

#[test]
fn what_was_not_seen_is_unknown() {
    let unseen = || Scene::new().good_workload("publish");
    for lasting in [None, Some(10)] {
        for limit in [above(1.0), below(1.0)] {
            assert_eq!(met(&mut unseen(), series(DEPTH, limit, lasting)).0, None);
        }
    }
    // A phase that did not take place.
    let mut short = depth(|_| Some(10.0));
    short.history.phases.retain(|phase| phase.name != "load");
    assert_eq!(met(&mut short, series(DEPTH, below(100.0), None)).0, None);
    let mut nobody = Scene::new();
    assert_eq!(met(&mut nobody, times(Limit::Above, 1.0)).0, None);
    // A stream that never was is empty, and says nothing.
    let mut never = depth(|_| Some(0.0));
    never.plan.probes.push(Probe {
        name: "streams".to_owned(),
        every: Span::seconds(1),
        kind: ProbeKind::RedisStreams {
            url: scenarios::template::Template::new("redis://h"),
            streams: vec!["s".to_owned()],
            group: None,
        },
    });
    never = never.labelled("streams.length", "s", |_| Some(0.0));
    let key = ("streams".to_owned(), "s".to_owned());
    never.history.never_there.insert(key, "stream s".to_owned());
    let (is_met, why) = met(&mut never, series("streams.length", below(1.0), None));
    assert_eq!(is_met, None, "{why}");
    assert!(why.contains("never existed"), "{why}");
}

#[test]
fn response_times_are_those_of_the_check() {
    let mut quick = Scene::new().good_workload("publish");
    assert_eq!(met(&mut quick, times(Limit::Above, 1.0)).0, Some(false));
    let (is_met, measured) = met(&mut quick, times(Limit::Below, 1.0));
    assert_eq!(is_met, Some(true), "{measured}");
    assert!(measured.ends_with("ms"), "{measured}");
    assert_eq!(met(&mut quick, times(Limit::Above, 0.001)).0, Some(true));
    assert_eq!(met(&mut quick, times(Limit::Below, 0.001)).0, Some(false));
}

#[test]
fn no_verdict_goes_by_advice() {
    let mut scene = depth(|_| Some(1_500.0));
    let before = judge(&scene.plan, &scene.history);
    let record = advised(&mut scene, When::All(vec![series(DEPTH, above(1_000.0), Some(10))]));
    assert_eq!(record.state, AdviceState::Given);
    let after = judge(&scene.plan, &scene.history);
    assert_eq!((before.verdict, before.headline), (after.verdict, after.headline));
    assert_eq!(before.findings, after.findings);
}

/// A condition that is met, one that is not, and one of which nothing is known.
fn known(met: Option<bool>) -> Condition {
    match met {
        Some(true) => series(DEPTH, above(1.0), None),
        Some(false) => series(DEPTH, below(1.0), None),
        None => series("broker.channels", above(1.0), None),
    }
}

proptest! {
    /// Any: given by one that is met, unknown where none is and one is unknown. All: not
    /// given by one that is not met, unknown where each is met or unknown and one is.
    #[test]
    fn conditions_come_together(
        conditions in prop::collection::vec(prop_oneof![Just(Some(true)), Just(Some(false)), Just(None)], 1..5),
    ) {
        let mut scene = depth(|_| Some(10.0));
        let all: Vec<Condition> = conditions.iter().map(|&met| known(met)).collect();
        let has = |met: Option<bool>| conditions.contains(&met);
        let any = match (has(Some(true)), has(None)) {
            (true, _) => AdviceState::Given,
            (false, true) => AdviceState::Unknown,
            (false, false) => AdviceState::NotGiven,
        };
        let every = match (has(Some(false)), has(None)) {
            (true, _) => AdviceState::NotGiven,
            (false, true) => AdviceState::Unknown,
            (false, false) => AdviceState::Given,
        };
        prop_assert_eq!(advised(&mut scene, When::Any(all.clone())).state, any);
        prop_assert_eq!(advised(&mut scene, When::All(all)).state, every);
    }

    /// Taking samples away never turns an advice into its opposite.
    #[test]
    fn less_is_known_with_fewer_samples(
        from in 8_u32..36, length in 0_u32..28, kept in 0.0_f64..1.0, lasting in prop::option::of(5_u64..15),
    ) {
        let value = move |at: f64| if at >= f64::from(from) && at < f64::from(from + length) { 5.0 } else { 0.0 };
        let mut whole = depth(move |at| Some(value(at)));
        let mut part = depth(move |at| (at < 8.0 + 28.0 * kept).then(|| value(at)));
        let condition = series(DEPTH, above(1.0), lasting);
        let before = met(&mut whole, condition.clone()).0;
        let after = met(&mut part, condition).0;
        prop_assert!(after.is_none() || after == before, "{before:?} {after:?}");
    }
}
