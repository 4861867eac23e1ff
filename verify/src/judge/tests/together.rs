//! What operations of a key came to together, and how long each took until its
//! effect.

use std::collections::BTreeMap;

use loadgen::Fate;
use loadgen::shape::Keys;
use proptest::prelude::*;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::locator::Locator;
use scenarios::plan::check::{AggregateCheck, CheckKind, EndToEnd, TimeBound, Timed};
use scenarios::plan::effects::Aggregate;
use scenarios::plan::effects::aggregate::{Function, Value};
use scenarios::plan::{Effects, EffectsSource, Listing, Place};
use scenarios::template::Template;
use scenarios::units::{Share, Span};

use super::scene::{Scene, names};
use crate::history::{
    Aggregated, Aggregates, ClockOffset, EffectTimes, Seen, TimedSecond, Times, Timing,
    ValueFinding,
};

const KEYS: u64 = 5;

/// A scene whose workload has five keys, and a source of aggregates that the
/// closure may falsify.
fn scene(fate: impl Fn(u64) -> Fate, lie: impl FnOnce(&mut Aggregates)) -> Scene {
    let mut scene = Scene::new().workload("events", |_, seq| (fate(seq), 3_000));
    let told = scene.history.workloads.get_mut("events").unwrap();
    told.shape.keys = Keys::default().over(KEYS);
    let mut aggregates = Aggregates::default();
    for seq in told.ledger.of(Fate::Acked) {
        let key = told.shape.key(seq);
        let entry = aggregates.keys.entry(key).or_insert_with(|| Aggregated {
            key,
            name: format!("user-{key}"),
            records: 1,
            count: Some(0.0),
            value: Some(ValueFinding::Right),
        });
        entry.count = entry.count.map(|count| count + 1.0);
    }
    lie(&mut aggregates);
    scene.plan.effects.push(Effects {
        name: "users".to_owned(),
        source: EffectsSource::Listing(Listing::Http {
            url: Template::new("http://127.0.0.1:1/"),
            identity: Locator::default(),
        }),
        dead: None,
        tries: None,
        schema: None,
        order: None,
        at: None,
        dead_at: None,
        aggregate: Some(Aggregate {
            key: "/user".parse().unwrap(),
            keys: "user-@{key}".to_owned(),
            count: Some("/version".parse().unwrap()),
            value: Some(Value {
                at: "/value".parse().unwrap(),
                tolerance: Share(1e-6),
                is: Function::Sum("/amount".parse().unwrap()),
            }),
        }),
        settle: Span::seconds(1),
    });
    let seen = Seen { aggregates: Some(aggregates), ..Seen::default() };
    scene.history.effects.insert("users".to_owned(), Ok(seen));
    scene
}

fn aggregate() -> CheckKind {
    CheckKind::Aggregate(AggregateCheck {
        source: "users".to_owned(),
        workloads: names(&["events"]),
        at_least: 1,
    })
}

fn good(lie: impl FnOnce(&mut Aggregates)) -> (Verdict, String) {
    let finding = scene(|_| Fate::Acked, lie).find(aggregate());
    (finding.verdict, finding.why)
}

fn key(told: &mut Aggregates, key: u64) -> &mut Aggregated {
    told.keys.get_mut(&key).unwrap()
}

#[test]
fn records_that_have_what_was_acknowledged_hold() {
    let (verdict, why) = good(|_| ());
    assert_eq!(verdict, Held, "{why}");
    assert!(why.contains("the right value"), "{why}");
}

#[test]
fn liars_are_violated() {
    type Lie = fn(&mut Aggregates);
    let lies: [(&str, Lie); 6] = [
        ("counts more than was sent", |told| key(told, 1).count = Some(1e6)),
        ("counts less than was acknowledged", |told| key(told, 1).count = Some(1.0)),
        ("has no record", |told| drop(told.keys.remove(&2))),
        ("has several records", |told| key(told, 3).records = 2),
        ("has another value", |told| {
            key(told, 4).value = Some(ValueFinding::Wrong("it is 3 instead of 4".to_owned()));
        }),
        ("was never sent", |told| {
            let stranger =
                Aggregated { key: 77, records: 1, count: Some(1.0), ..Aggregated::default() };
            told.keys.insert(77, stranger);
        }),
    ];
    for (what, lie) in lies {
        let (verdict, why) = good(lie);
        assert_eq!(verdict, Violated, "{what}: {why}");
        assert!(why.contains(what), "{why}");
    }
}

#[test]
fn what_is_not_known_is_not_held() {
    let (verdict, why) = good(|told| told.keys.values_mut().for_each(|told| told.count = None));
    assert_eq!(verdict, Inconclusive, "{why}");
    let unknown = |told: &mut Aggregates| {
        told.keys.values_mut().for_each(|told| {
            told.value = Some(ValueFinding::Unknown("who knows".to_owned()));
        });
    };
    let (verdict, why) = good(unknown);
    assert_eq!(verdict, Inconclusive, "{why}");
    assert!(why.contains("who knows"), "{why}");
    let (verdict, why) = good(|told| told.trouble = Some("it is away".to_owned()));
    assert_eq!(verdict, Inconclusive, "{why}");
    let mut nothing = scene(|_| Fate::Failed, |_| ());
    assert_eq!(nothing.find(aggregate()).verdict, Inconclusive);
    let mut never = scene(|_| Fate::Acked, |_| ());
    never.history.effects.clear();
    assert_eq!(never.find(aggregate()).verdict, Inconclusive);
    let mut elsewhere = scene(|_| Fate::Acked, |told| told.keys.clear());
    elsewhere.plan.place = Place::Targets;
    assert_eq!(elsewhere.find(aggregate()).verdict, Inconclusive);
    let mut broken = scene(|_| Fate::Acked, |told| key(told, 1).count = Some(1.0));
    broken.history.workloads.get_mut("events").unwrap().broken = Some("it fell over".to_owned());
    assert_eq!(broken.find(aggregate()).verdict, Inconclusive);
}

#[test]
fn what_may_still_come_is_not_missing_and_too_much_stays() {
    for (lie, expected) in [(Some(1.0), Inconclusive), (Some(1e6), Violated)] {
        let mut scene = scene(|_| Fate::Acked, |told| key(told, 1).count = lie);
        let Some(Ok(seen)) = scene.history.effects.get_mut("users") else { panic!() };
        seen.blind = Some("effects were still coming".to_owned());
        assert_eq!(scene.find(aggregate()).verdict, expected);
    }
}

#[test]
fn a_record_of_what_was_refused_is_unexpected() {
    let fate = |seq| if seq % KEYS == 2 { Fate::Failed } else { Fate::Acked };
    let lie = |told: &mut Aggregates| {
        let stranger = Aggregated { key: 2, records: 1, count: Some(0.0), ..Aggregated::default() };
        told.keys.insert(2, stranger);
    };
    assert_eq!(scene(fate, lie).find(aggregate()).verdict, Violated);
    assert_eq!(scene(fate, |_| ()).find(aggregate()).verdict, Held);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// A record that has all that was acknowledged, and of what is unknown any
    /// part, holds; one less or one more than can be is violated.
    #[test]
    fn counts_hold_from_what_was_acknowledged_to_what_may_be(
        unknown in prop::collection::vec(0_u64..2_000, 0..40),
        took in 0.0_f64..=1.0,
    ) {
        let unknown: std::collections::BTreeSet<u64> = unknown.into_iter().collect();
        let fate = |seq: u64| if unknown.contains(&seq) { Fate::Indeterminate } else { Fate::Acked };
        let of_key = unknown.iter().filter(|&seq| seq % KEYS == 1).count() as f64;
        let lie = |more: f64| move |told: &mut Aggregates| {
            let told = key(told, 1);
            told.count = told.count.map(|count| count + more);
        };
        let verdict = |more: f64| scene(fate, lie(more)).find(aggregate()).verdict;
        prop_assert_eq!(verdict((of_key * took).floor()), Held);
        prop_assert_eq!(verdict(of_key + 1.0), Violated);
        prop_assert_eq!(verdict(-1.0), Violated);
    }
}

/// A scene in which every operation took `took` microseconds, by its sequence.
fn timed(took: impl Fn(u64) -> Option<u64>, change: impl FnOnce(&mut Timing)) -> Scene {
    let mut scene = Scene::new().good_workload("events");
    let seconds = scene.history.workloads["events"].response.iter().map(|&(second, _)| second);
    let mut sequence = 0;
    let seconds = seconds.map(|second| {
        let mut histogram = loadgen::latency::histogram();
        for _ in 0..50 {
            if let Some(micros) = took(sequence) {
                histogram.record(micros).unwrap();
            }
            sequence += 1;
        }
        TimedSecond { second, acked: 50, times: Times::of(&histogram) }
    });
    let told = EffectTimes { seconds: seconds.collect(), ..EffectTimes::default() };
    let workloads = BTreeMap::from([("events".to_owned(), told)]);
    let mut timing = Timing { workloads, clock: None, trouble: None };
    change(&mut timing);
    let seen = Seen { times: Some(timing.clone()), dead_times: Some(timing), ..Seen::default() };
    scene.history.effects.insert("users".to_owned(), Ok(seen));
    scene
}

fn times(bound: TimeBound) -> CheckKind {
    CheckKind::EndToEnd(EndToEnd {
        source: "users".to_owned(),
        workloads: names(&["events"]),
        phases: names(&["load", "faults"]),
        of: Timed::Effects,
        bound,
    })
}

fn within(max: u64) -> CheckKind {
    times(TimeBound::Within { quantile: Share(0.95), max: Span::seconds(max) })
}

const SECOND: u64 = 1_000_000;

#[test]
fn effects_that_come_in_time_hold_and_late_ones_are_violated() {
    let late =
        |share: u64| move |seq: u64| Some(if seq % 100 < share { 40 * SECOND } else { SECOND });
    assert_eq!(timed(late(4), |_| ()).find(within(30)).verdict, Held);
    let finding = timed(late(6), |_| ()).find(within(30));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.since.is_some() && !finding.evidence.is_empty());
    // What never took effect did not do so in time.
    let never = |seq: u64| (seq % 100 >= 6).then_some(SECOND);
    assert_eq!(timed(never, |_| ()).find(within(30)).verdict, Violated);
}

#[test]
fn times_that_are_not_known_prove_nothing() {
    let told =
        |timing: &mut Timing| timing.workloads.get_mut("events").unwrap().untimed = 1_000_000;
    let never = |seq: u64| (seq % 100 >= 6).then_some(SECOND);
    assert_eq!(timed(never, told).find(within(30)).verdict, Inconclusive);
    let early = |timing: &mut Timing| {
        let told = timing.workloads.get_mut("events").unwrap();
        (told.early, told.earliest_us) = (3, 60 * SECOND);
    };
    let finding = timed(|_| Some(SECOND), early).find(within(30));
    assert_eq!(finding.verdict, Inconclusive);
    assert!(finding.why.contains("the clocks differ"), "{}", finding.why);
    let trouble = |timing: &mut Timing| timing.trouble = Some("it is away".to_owned());
    assert_eq!(timed(|_| Some(SECOND), trouble).find(within(30)).verdict, Inconclusive);
    let clock = |timing: &mut Timing| {
        timing.clock = Some(ClockOffset { offset_ms: 5.0, error_ms: 2_000.0 });
    };
    for (took, expected) in [(27, Held), (29, Inconclusive), (31, Inconclusive), (33, Violated)] {
        let verdict = timed(|_| Some(took * SECOND), clock).find(within(30)).verdict;
        assert_eq!(verdict, expected, "{took}");
    }
}

#[test]
fn what_is_given_up_too_soon_is_violated() {
    let check = || times(TimeBound::NotBefore(Span::seconds(5)));
    assert_eq!(timed(|_| Some(6 * SECOND), |_| ()).find(check()).verdict, Held);
    let one = |seq: u64| Some(if seq == 700 { SECOND } else { 6 * SECOND });
    assert_eq!(timed(one, |_| ()).find(check()).verdict, Violated);
    assert_eq!(timed(|_| None, |_| ()).find(check()).verdict, Inconclusive);
}

#[test]
fn a_clock_that_is_an_hour_behind_makes_nothing_quick() {
    let behind = |timing: &mut Timing| {
        let told = timing.workloads.get_mut("events").unwrap();
        (told.early, told.earliest_us) = (1_000, 3_590 * SECOND);
    };
    let finding = timed(|_| Some(0), behind).find(within(30));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("the clocks differ"), "{}", finding.why);
}

#[test]
fn times_of_later_than_their_reading_prove_that_the_clocks_differ() {
    let ahead = |by: u64| {
        move |timing: &mut Timing| {
            timing.workloads.get_mut("events").unwrap().latest_us = by * SECOND;
        }
    };
    let not_before = || times(TimeBound::NotBefore(Span::seconds(5)));
    // At once, by a clock that is an hour ahead.
    let finding = timed(|_| Some(3_600 * SECOND), ahead(3_590)).find(not_before());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("later than they were read"), "{}", finding.why);
    let finding = timed(|_| Some(3_600 * SECOND), ahead(3_590)).find(within(30));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    // Nothing takes less than no time, so that it is ahead by 12 s at most.
    let late = |seq: u64| Some(if seq % 100 == 7 { 12 } else { 60 } * SECOND);
    assert_eq!(timed(late, ahead(10)).find(not_before()).verdict, Inconclusive);
    assert_eq!(timed(late, ahead(10)).find(within(30)).verdict, Violated);
    assert_eq!(timed(late, ahead(10)).find(within(50)).verdict, Inconclusive);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// The longer everything takes, the worse the verdict.
    #[test]
    fn slower_is_never_better(took in prop::collection::vec(0_u64..60, 20..40), more in 0_u64..60) {
        let of = |seq: u64| took[seq as usize % took.len()];
        let fast = timed(|seq| Some(of(seq) * SECOND), |_| ()).find(within(30)).verdict;
        let slow = timed(|seq| Some((of(seq) + more) * SECOND), |_| ()).find(within(30)).verdict;
        prop_assert!(fast == slow || slow == Violated, "{:?} {:?}", fast, slow);
    }
}
