//! The records of a source follow its schema.

use loadgen::Fate;
use proptest::prelude::*;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use roaring::RoaringTreemap;
use scenarios::locator::Locator;
use scenarios::plan::check::{CheckKind, SchemaCheck};
use scenarios::plan::{Effects, EffectsSource, Listing, Place};
use scenarios::template::Template;
use scenarios::units::Span;

use super::scene::Scene;
use crate::history::{Conformity, Departure, Seen, Tally};

fn check(at_least: u64, max_invalid: u64) -> CheckKind {
    CheckKind::Schema(SchemaCheck { source: "documents".to_owned(), at_least, max_invalid })
}

fn tally(checked: u64, invalid: u64) -> Tally {
    let example = |number: u64| Departure {
        identity: (number > 0).then(|| format!("r/publish/{number}")),
        at: "/weight".to_owned(),
        what: "0 is less than 1".to_owned(),
    };
    Tally { checked, invalid, examples: (0..invalid.min(20)).map(example).collect() }
}

fn scene(schema: Option<Conformity>) -> Scene {
    let mut scene = Scene::new().good_workload("publish");
    let seen = Seen { schema, ..Seen::default() };
    scene.history.effects.insert("documents".to_owned(), Ok(seen));
    scene
}

fn of_run(own: Tally) -> Scene {
    scene(Some(Conformity { own, ..Conformity::default() }))
}

#[test]
fn records_that_depart_from_the_schema_violate_it() {
    let finding = of_run(tally(100, 0)).find(check(1, 0));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert_eq!(finding.measured, "0 of 100 depart");
    let finding = of_run(tally(100, 30)).find(check(1, 0));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert_eq!(finding.measured, "30 of 100 depart");
    assert!(finding.why.contains("/weight: 0 is less than 1"), "{}", finding.why);
    assert_eq!(finding.evidence.len(), 10);
    assert_eq!(finding.evidence[0].what, "a record without an identity");
    assert_eq!(finding.evidence[1].what, "record r/publish/1");
    assert_eq!(finding.evidence[1].seen, "/weight: 0 is less than 1");
    assert_eq!(of_run(tally(100, 2)).find(check(1, 2)).verdict, Held);
    assert_eq!(of_run(tally(100, 3)).find(check(1, 2)).verdict, Violated);
}

#[test]
fn without_records_nothing_is_held() {
    let mut never = Scene::new().good_workload("publish");
    assert!(never.find(check(1, 0)).why.contains("never read"));
    never.history.effects.insert("documents".to_owned(), Err("refused".to_owned()));
    let finding = never.find(check(1, 0));
    assert_eq!(finding.verdict, Inconclusive);
    assert!(finding.why.contains("could not be read: refused"), "{}", finding.why);
    let trouble = Conformity { trouble: Some("torn".to_owned()), ..Conformity::default() };
    for (schema, hint) in [
        (None, "not held against a schema"),
        (Some(trouble), "unknown: torn"),
        (Some(Conformity::default()), "a verdict needs 1"),
        (Some(Conformity { own: tally(9, 0), ..Conformity::default() }), "a verdict needs 10"),
        (Some(Conformity { foreign: 100, ..Conformity::default() }), "a verdict needs"),
        (Some(Conformity { poison: 100, ..Conformity::default() }), "a verdict needs"),
    ] {
        let at_least = if hint.ends_with("10") { 10 } else { 1 };
        let finding = scene(schema.clone()).find(check(at_least, 0));
        assert_eq!(finding.verdict, Inconclusive, "{schema:?}: {}", finding.why);
        assert!(finding.why.contains(hint), "{schema:?}: {}", finding.why);
    }
}

#[test]
fn a_source_that_lost_sight_holds_nothing_and_still_violates() {
    let blind = |invalid| {
        let mut scene = of_run(tally(100, invalid));
        let seen = scene.history.effects.get_mut("documents").unwrap().as_mut().unwrap();
        seen.blind = Some("the tap lost its connection for a while".to_owned());
        scene.find(check(1, 0))
    };
    assert_eq!(blind(0).verdict, Inconclusive);
    assert_eq!(blind(1).verdict, Violated);
}

fn of(own: Tally, unnamed: Tally, foreign: u64) -> Scene {
    let mut scene = scene(Some(Conformity { own, unnamed, foreign, ..Conformity::default() }));
    scene.plan.effects = vec![Effects {
        name: "documents".to_owned(),
        source: EffectsSource::AmqpTap {
            url: Template::new("amqp://h"),
            exchange: "events".to_owned(),
            routing_key: "#".to_owned(),
            identity: Locator::default(),
        },
        dead: None,
        order: None,
        schema: None,
        tries: None,
        at: None,
        dead_at: None,
        aggregate: None,
        settle: Span::seconds(1),
    }];
    scene
}

/// Nobody else writes in the lab, so a record that has lost its identity is the system's; but
/// a message may be what the load itself sent for poison.
#[test]
fn in_the_lab_every_record_is_of_this_run() {
    assert_eq!(of(tally(9, 0), tally(9, 0), 0).find(check(18, 0)).verdict, Held);
    let finding = of(tally(9, 0), tally(9, 1), 0).find(check(1, 0));
    assert_eq!((finding.verdict, finding.measured.as_str()), (Violated, "1 of 18 depart"));
    let poisoned = |source: Option<EffectsSource>| {
        let mut scene = of(tally(9, 0), tally(9, 1), 0);
        let workload = scene.history.workloads.get_mut("publish").unwrap();
        workload.poison = RoaringTreemap::from_iter([1]);
        assert_eq!(workload.ledger.fate(1), Some(Fate::Acked));
        if let Some(source) = source {
            scene.plan.effects[0].source = source;
        }
        scene.find(check(1, 0)).verdict
    };
    assert_eq!(poisoned(None), Inconclusive);
    let rows = Listing::Ndjson { file: Template::new("f"), identity: Locator::default() };
    assert_eq!(poisoned(Some(EffectsSource::Listing(rows))), Violated);
}

/// Where nobody knows whose any record is, all are judged; where those of the run are known,
/// others blame nobody and hold nothing.
#[test]
fn records_of_nobody_are_judged_only_where_none_is_known() {
    let of = |own, unnamed, foreign| {
        let mut scene = of(own, unnamed, foreign);
        scene.plan.place = Place::Targets;
        scene
    };
    assert_eq!(of(tally(0, 0), tally(9, 0), 0).find(check(1, 0)).verdict, Held);
    assert_eq!(of(tally(0, 0), tally(9, 1), 0).find(check(1, 0)).verdict, Violated);
    assert_eq!(of(tally(0, 0), tally(9, 1), 3).find(check(1, 0)).verdict, Inconclusive);
    assert_eq!(of(tally(9, 0), tally(9, 0), 0).find(check(1, 0)).verdict, Held);
    let finding = of(tally(9, 0), tally(9, 1), 0).find(check(1, 0));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("nobody knows whose"), "{}", finding.why);
}

proptest! {
    /// It is violated exactly when more records of the run depart from the schema than may;
    /// and held only when there are enough of them.
    #[test]
    fn a_verdict_goes_by_the_records_of_the_run(
        checked in 0_u64..50, share in 0.0_f64..=1.0, at_least in 1_u64..30, most in 0_u64..10,
        foreign in 0_u64..3,
    ) {
        let invalid = (checked as f64 * share).round() as u64;
        let own = tally(checked, invalid);
        let mut scene = scene(Some(Conformity { own, foreign, ..Conformity::default() }));
        let verdict = scene.find(check(at_least, most)).verdict;
        prop_assert_eq!(verdict == Violated, invalid > most);
        prop_assert_eq!(verdict == Held, invalid <= most && checked >= at_least);
    }
}
