//! Checks of a system that stores what it accepts: dead letters, order, drain,
//! recovery and counts that must agree.

use loadgen::Fate;
use proptest::prelude::*;
use reports::record::Finding;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use roaring::RoaringTreemap;
use scenarios::plan::ProbeKind;
use scenarios::plan::check::{
    After, CheckKind, DeadLetters, Drain, EffectsCheck, Equal, OrderCheck, Ratio, Recovery,
};
use scenarios::template::Template;
use scenarios::units::{Quantity, Share, Span, Unit};

use super::scene::{Scene, check, names};
use crate::effects::order::Reader;
use crate::history::{Dead, Order, Seen, SeenWorkload};
use crate::judge::{drains_until, judge};

const GOOD: (Fate, u64) = (Fate::Acked, 3_000);

fn dead_letters(allowed: DeadLetters) -> CheckKind {
    CheckKind::Effects(EffectsCheck {
        source: "rows".to_owned(),
        workloads: names(&["publish"]),
        dead_letters: allowed,
        tries: None,
    })
}

/// Everything is acknowledged, 10 to 19 are poison, and these stand among the
/// dead letters instead of having an effect.
fn poisoned(change: impl FnOnce(&mut Seen)) -> Scene {
    let mut scene = Scene::new().good_workload("publish");
    let known = scene.history.workloads.get_mut("publish").unwrap();
    known.poison = (10..20).collect();
    let acked = known.ledger.of(Fate::Acked) - &known.poison;
    let mut seen = Seen::default();
    seen.workloads.insert("publish".to_owned(), SeenWorkload { once: acked, more: [].into() });
    let dead = [("publish".to_owned(), known.poison.clone())];
    seen.dead = Some(Dead { workloads: dead.into(), ..Dead::default() });
    change(&mut seen);
    scene.history.effects.insert("rows".to_owned(), Ok(seen));
    scene
}

fn once(seen: &mut Seen) -> &mut RoaringTreemap {
    &mut seen.workloads.get_mut("publish").unwrap().once
}

fn dead(seen: &mut Seen) -> &mut RoaringTreemap {
    seen.dead.as_mut().unwrap().workloads.get_mut("publish").unwrap()
}

#[test]
fn exactly_the_poisoned_ones_are_dead_letters() {
    let mut scene = poisoned(|_| {});
    let finding = scene.find(dead_letters(DeadLetters::Poison));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert_eq!(finding.measured, "2,550 acknowledged, 2,540 seen once, 10 dead-lettered");
    assert_eq!(judge(&scene.plan, &scene.history).effects[0].joined.dead_lettered, 10);
    assert_eq!(scene.find(dead_letters(DeadLetters::Allowed)).verdict, Held);
    let finding = scene.find(dead_letters(DeadLetters::None));
    assert_eq!(finding.verdict, Violated);
    assert!(finding.measured.starts_with("10 dead-lettered"), "{}", finding.measured);
}

#[test]
fn every_lie_about_dead_letters_is_named() {
    let cases: [(&str, Scene); 5] = [
        // Given up although nothing was wrong with it.
        (
            "dead-lettered",
            poisoned(|seen| {
                dead(seen).insert(30);
                once(seen).remove(30);
            }),
        ),
        // The same, and stored all the same.
        (
            "dead-lettered",
            poisoned(|seen| {
                dead(seen).insert(30);
            }),
        ),
        // Poison that was stored.
        (
            "spared",
            poisoned(|seen| {
                dead(seen).remove(12);
                once(seen).insert(12);
            }),
        ),
        // Poison that is nowhere.
        (
            "lost",
            poisoned(|seen| {
                dead(seen).remove(12);
            }),
        ),
        (
            "unexpected",
            poisoned(|seen| {
                dead(seen).insert(1 << 40);
            }),
        ),
    ];
    for (kind, mut scene) in cases {
        let finding = scene.find(dead_letters(DeadLetters::Poison));
        assert_eq!(finding.verdict, Violated, "{kind}: {}", finding.why);
        assert!(finding.measured.starts_with(&format!("1 {kind}")), "{kind}: {}", finding.measured);
        let judgement = judge(&scene.plan, &scene.history);
        let rows: Vec<_> = judgement.anomalies[0].rows().collect();
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["anomaly"], kind);
    }
}

#[test]
fn dead_letters_that_could_not_be_read_prove_nothing() {
    let unread = |seen: &mut Seen| {
        seen.dead = Some(Dead { trouble: Some("refused".to_owned()), ..Dead::default() });
    };
    for allowed in [DeadLetters::Poison, DeadLetters::Allowed] {
        let finding = poisoned(unread).find(dead_letters(allowed));
        assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
        assert!(finding.why.contains("refused"));
    }
    // Lost or given up: either way it should have had its effect.
    assert_eq!(poisoned(unread).find(dead_letters(DeadLetters::None)).verdict, Violated);
    let beyond = poisoned(|seen| {
        unread(seen);
        once(seen).remove(30);
    });
    let mut beyond = beyond;
    assert_eq!(beyond.find(dead_letters(DeadLetters::Poison)).verdict, Violated);
    let mut without = poisoned(|seen| seen.dead = None);
    assert_eq!(without.find(dead_letters(DeadLetters::Poison)).verdict, Inconclusive);
}

fn order() -> CheckKind {
    CheckKind::Order(OrderCheck {
        source: "rows".to_owned(),
        workloads: names(&["publish"]),
        at_least: 100,
    })
}

/// 500 keys in turn at 50 operations a second: ten seconds between two of a
/// key. Rows are swapped by their places in the list of their key.
fn ordered(answer: impl Fn(u64, u64) -> (Fate, u64), swap: &[(u64, usize, usize)]) -> Scene {
    let mut scene = Scene::new().workload("publish", answer);
    let workloads = names(&["publish"]);
    let mut reader = Reader::new("r", &workloads);
    for key in 0..500_u64 {
        let mut rows: Vec<u64> = (key..2_550).step_by(500).collect();
        for &(_, a, b) in swap.iter().filter(|(of, ..)| *of == key) {
            rows.swap(a, b);
        }
        for row in rows {
            reader.take(&format!("key-{key}"), &format!("r/publish/{row}"));
        }
    }
    let order = Order { workloads: reader.finish(), trouble: None };
    let seen = Seen { order: Some(order), ..Seen::default() };
    scene.history.effects.insert("rows".to_owned(), Ok(seen));
    scene
}

#[test]
fn operations_of_a_key_keep_their_order() {
    let finding = ordered(|_, _| GOOD, &[]).find(order());
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    let finding = ordered(|_, _| GOOD, &[(7, 1, 2)]).find(order());
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert_eq!(finding.evidence[0].what, "operation publish/507");
    assert!(finding.evidence[0].seen.contains("key-7"), "{:?}", finding.evidence);
}

#[test]
fn operations_under_way_together_may_be_swapped() {
    // Everything that was due while one second lasted took twelve seconds, so
    // the next of its key was sent before it was answered.
    let slow = |at: u64, _| if at == 8 { (Fate::Acked, 12_000_000) } else { GOOD };
    // Operations 150 to 199 are due in second 8.
    let finding = ordered(slow, &[(160, 0, 1)]).find(order());
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert!(finding.why.contains("1 operation came after"), "{}", finding.why);
    assert_eq!(ordered(slow, &[(20, 0, 1)]).find(order()).verdict, Violated);
    // Nobody knows when what was not answered was accepted.
    let silent = |at: u64, _| if at == 8 { (Fate::Indeterminate, 3_000) } else { GOOD };
    assert_eq!(ordered(silent, &[(160, 0, 1)]).find(order()).verdict, Held);
}

#[test]
fn one_after_another_leaves_no_doubt() {
    let slow = |_, _| (Fate::Acked, 12_000_000);
    let serial = |swap: &[(u64, usize, usize)], duplicates: f64| {
        let mut scene = ordered(slow, swap);
        scene.plan.workloads[0].max_in_flight = Some(1);
        scene.plan.workloads[0].shape.duplicates = Share(duplicates);
        scene.find(order())
    };
    let finding = serial(&[(160, 0, 1)], 0.0);
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.evidence[0].seen.contains("answered before that one was sent"));
    assert_eq!(serial(&[], 0.0).verdict, Held);
    // The first of two sendings may be the one that was lost.
    assert_eq!(serial(&[(160, 0, 1)], 0.01).verdict, Inconclusive);
    // Nobody knows when what was not answered was accepted.
    let silent = |_, sequence| if sequence == 160 { (Fate::Indeterminate, 3_000) } else { GOOD };
    let mut scene = ordered(silent, &[(160, 0, 1)]);
    scene.plan.workloads[0].max_in_flight = Some(1);
    assert_eq!(scene.find(order()).verdict, Held);
}

#[test]
fn an_order_needs_rows() {
    let mut none = Scene::new().good_workload("publish");
    assert_eq!(none.find(order()).verdict, Inconclusive);
    none.history.effects.insert("rows".to_owned(), Ok(Seen::default()));
    assert!(none.find(order()).why.contains("no query for the order"));
    let trouble = Order { trouble: Some("torn".to_owned()), ..Order::default() };
    let seen = Seen { order: Some(trouble), ..Seen::default() };
    none.history.effects.insert("rows".to_owned(), Ok(seen));
    assert!(none.find(order()).why.contains("torn"));
    // Answers that take as long as it takes a key to come again put nothing to
    // the test.
    let finding = ordered(|_, _| (Fate::Acked, 12_000_000), &[]).find(order());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
}

fn drain(after: After, to: f64, within: u64) -> CheckKind {
    CheckKind::Drain(Drain {
        series: "broker.messages_ready".to_owned(),
        after,
        to: Quantity::count(to),
        within: Span::seconds(within),
        lasting: None,
    })
}

fn ready(value: impl Fn(f64) -> Option<f64>) -> Scene {
    Scene::new().sampled("broker.messages_ready", value)
}

#[test]
fn a_backlog_drains_in_time() {
    // The faults end at 48 s.
    let phase = || After::Phase("faults".to_owned());
    let falling = |speed: f64| move |at: f64| Some((100.0 - (at - 48.0).max(0.0) * speed).max(0.0));
    let finding = ready(falling(50.0)).find(drain(phase(), 0.0, 10));
    assert_eq!((finding.verdict, finding.measured.as_str()), (Held, "2.1 s"), "{}", finding.why);
    let finding = ready(falling(5.0)).find(drain(phase(), 0.0, 10));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(!finding.evidence.is_empty() && finding.evidence_file.is_some());
    // The time is longer than the run.
    for within in [30, 300] {
        let finding = ready(falling(1.0)).find(drain(phase(), 0.0, within));
        assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
        assert!(finding.why.contains("before the time was up"), "{}", finding.why);
    }
    // A probe that goes blind at the end of the load drains nothing.
    let blind = |at: f64| (at < 47.0).then_some(0.0);
    assert_eq!(ready(blind).find(drain(phase(), 0.0, 10)).verdict, Inconclusive);
    let late = |at: f64| (!(48.0..57.0).contains(&at)).then_some(if at < 48.0 { 9.0 } else { 0.0 });
    assert_eq!(ready(late).find(drain(phase(), 0.0, 10)).verdict, Inconclusive);
    assert_eq!(Scene::new().find(drain(phase(), 0.0, 10)).verdict, Inconclusive);
}

/// A run goes on until there is telling, and no longer.
#[test]
fn what_may_still_drain_is_waited_for_as_long_as_it_may() {
    let kind = |after, lasting: Option<u64>| {
        let CheckKind::Drain(drain) = drain(after, 0.0, 30) else { unreachable!() };
        CheckKind::Drain(Drain { lasting: lasting.map(Span::seconds), ..drain })
    };
    let until =
        |scene: &Scene, kind| drains_until(&check("drains", kind), &scene.plan, &scene.history);
    let phase = || After::Phase("faults".to_owned());
    let (full, empty) = (ready(|_| Some(7.0)), ready(|at| Some(if at < 50.0 { 7.0 } else { 0.0 })));
    assert_eq!(until(&full, kind(phase(), None)), Some(48.0 + 30.0));
    assert_eq!(until(&full, kind(phase(), Some(5))), Some(48.0 + 30.0 + 5.0));
    assert_eq!(until(&empty, kind(phase(), Some(5))), None);
    // It must stay so for longer than has been seen.
    assert_eq!(until(&empty, kind(phase(), Some(15))), Some(48.0 + 30.0 + 15.0));
    assert_eq!(until(&Scene::new(), kind(phase(), None)), Some(48.0 + 30.0), "no sample yet");
    // What never was, and what says nothing of draining, is not waited for.
    assert_eq!(until(&full, kind(After::Fault("none".to_owned()), None)), None);
    assert_eq!(until(&full, dead_letters(DeadLetters::None)), None);
}

#[test]
fn every_label_must_drain_and_stay() {
    let mut scene = Scene::new().labelled("broker.messages_ready", "a", |_| Some(0.0)).labelled(
        "broker.messages_ready",
        "b",
        |_| Some(7.0),
    );
    let finding = scene.find(drain(After::Phase("faults".to_owned()), 0.0, 8));
    assert_eq!((finding.verdict, finding.measured.as_str()), (Violated, "7 of b after 8 s"));
    assert_eq!(finding.evidence.len(), 1);
    // It touches the level and rises again.
    let bounce = |at: f64| Some(if (49.0..50.0).contains(&at) { 0.0 } else { 7.0 });
    let mut lasting = drain(After::Phase("faults".to_owned()), 0.0, 8);
    assert_eq!(ready(bounce).find(lasting.clone()).verdict, Held);
    if let CheckKind::Drain(drain) = &mut lasting {
        drain.lasting = Some(Span::seconds(2));
    }
    assert_eq!(ready(bounce).find(lasting).verdict, Violated);
}

#[test]
fn a_drain_after_a_fault_counts_from_its_healing() {
    let after = || After::Fault("kill".to_owned());
    // Injected at 37 s, healed at 39 s.
    let value = |at: f64| Some(if (37.0..41.0).contains(&at) { 50.0 } else { 0.0 });
    let finding = ready(value).fault("kill", 37.0).find(drain(after(), 0.0, 5));
    assert_eq!((finding.verdict, finding.measured.as_str()), (Held, "2.1 s"));
    assert_eq!(ready(value).fault("kill", 37.0).find(drain(after(), 0.0, 1)).verdict, Violated);
    let mut unhealed = ready(value).fault("kill", 37.0);
    unhealed.history.faults[0].healed = None;
    assert_eq!(unhealed.find(drain(after(), 0.0, 5)).verdict, Inconclusive);
}

fn recovery(series: &str) -> CheckKind {
    CheckKind::Recovery(Recovery {
        series: series.to_owned(),
        baseline: "load".to_owned(),
        after: "kill".to_owned(),
        tolerance: Share(0.1),
        floor: None,
        within: Span::seconds(5),
        lasting: Span::seconds(2),
    })
}

#[test]
fn a_level_and_a_counter_come_back() {
    let level =
        |until: f64| move |at: f64| Some(if (37.0..until).contains(&at) { 90.0 } else { 10.0 });
    let find =
        |until| ready(level(until)).fault("kill", 37.0).find(recovery("broker.messages_ready"));
    let finding = find(41.0);
    assert_eq!((finding.verdict, finding.measured.as_str()), (Held, "2.1 s"), "{}", finding.why);
    assert_eq!(find(47.0).verdict, Violated);
    let counter = |until: f64| {
        move |at: f64| {
            let stood = (at.min(until) - 37.0).clamp(0.0, until - 37.0);
            Some((at - stood) * 100.0)
        }
    };
    let opened = |until: f64| {
        let scene = Scene::new().sampled("broker.channels_opened", counter(until));
        scene.fault("kill", 37.0).find(recovery("broker.channels_opened"))
    };
    assert_eq!(opened(40.0).verdict, Held, "{}", opened(40.0).why);
    assert_eq!(opened(48.0).verdict, Violated, "{}", opened(48.0).why);
}

/// To be down is no recovery, however low it is.
#[test]
fn what_is_there_comes_back_by_being_there() {
    let health = |up: fn(f64) -> f64| {
        let mut scene = Scene::new().sampled("shop.up", move |at| Some(up(at)));
        let url = Template::new("http://127.0.0.1:1/".to_owned());
        scene.plan.probes.push(scenarios::plan::Probe {
            name: "shop".to_owned(),
            every: "500ms".parse().unwrap(),
            kind: ProbeKind::Health { url },
        });
        scene.fault("kill", 37.0).find(recovery("shop.up"))
    };
    let back = health(|at| if (37.0..41.0).contains(&at) { 0.0 } else { 1.0 });
    assert_eq!((back.verdict, back.measured.as_str()), (Held, "2.1 s"), "{}", back.why);
    assert_eq!(health(|at| if at >= 37.0 { 0.0 } else { 1.0 }).verdict, Violated);
    let flaps = |at: f64| if at >= 37.0 && at.rem_euclid(2.0) < 1.0 { 0.0 } else { 1.0 };
    assert_eq!(health(flaps).verdict, Violated, "it must stay");
    assert_eq!(health(|at| if at < 41.0 { 0.0 } else { 1.0 }).verdict, Inconclusive);
}

#[test]
fn a_recovery_needs_a_baseline_and_a_healed_fault() {
    let steady = || ready(|_| Some(10.0));
    assert_eq!(steady().find(recovery("broker.messages_ready")).verdict, Inconclusive);
    let late = ready(|at| (at > 36.0).then_some(1.0)).fault("kill", 37.0);
    let mut late = late;
    assert_eq!(late.find(recovery("broker.messages_ready")).verdict, Inconclusive);
    let still = Scene::new().sampled("broker.channels_opened", |_| Some(5.0)).fault("kill", 37.0);
    let mut still = still;
    assert_eq!(still.find(recovery("broker.channels_opened")).verdict, Inconclusive);
}

fn equal(counts: &[&str]) -> Equal {
    Equal {
        counts: names(counts),
        phases: Vec::new(),
        tolerance: Share(0.0),
        at_least: 1,
        lower_bounds: false,
    }
}

/// A workload of 2,550 operations beside a service that says it saw so many,
/// and is killed where `reset` says so.
fn counted(says: f64, reset: Option<f64>) -> Scene {
    let mut scene = Scene::new().good_workload("publish").sampled("service.value", move |at| {
        Some(
            (at / 55.0).min(1.0) * says
                - if reset.is_some_and(|reset| at > reset) { 50.0 } else { 0.0 },
        )
    });
    scene.plan.probes.push(scenarios::plan::Probe {
        name: "service".to_owned(),
        every: "500ms".parse().unwrap(),
        kind: ProbeKind::Sql {
            url: Template::new("postgres://h/d"),
            query: "select 1".to_owned(),
            timeout: Span::seconds(5),
            counter: true,
            unit: Unit::Count,
            waits: false,
        },
    });
    // The first look is just before the load.
    scene.history.samples.add("service.value", -0.5, "", 0.0);
    scene
}

fn agree(scene: &mut Scene, check: Equal) -> Finding {
    scene.find(CheckKind::Equal(check))
}

#[test]
fn counts_of_the_same_thing_agree() {
    let counts = ["publish.acked", "service.value"];
    let finding = agree(&mut counted(2_550.0, None), equal(&counts));
    assert_eq!(
        (finding.verdict, finding.measured.as_str()),
        (Held, "2,550 / 2,550"),
        "{}",
        finding.why
    );
    for lie in [2_549.0, 2_551.0, 0.0] {
        let finding = agree(&mut counted(lie, None), equal(&counts));
        assert_eq!(finding.verdict, Violated, "{lie}: {}", finding.why);
        assert_eq!(finding.evidence.len(), 2);
    }
    let tolerant = Equal { tolerance: Share(0.01), ..equal(&counts) };
    assert_eq!(agree(&mut counted(2_540.0, None), tolerant.clone()).verdict, Held);
    assert_eq!(agree(&mut counted(2_500.0, None), tolerant).verdict, Violated);
    // The sum of what was acknowledged and what was not.
    let sum = equal(&["publish.acked + publish.failed", "publish.due"]);
    assert_eq!(agree(&mut counted(1.0, None), sum).verdict, Held);
}

#[test]
fn a_count_that_began_again_is_a_lower_bound() {
    let counts = ["publish.acked", "service.value"];
    // What it had counted is counted again from 0: more than there was.
    let mut reset = counted(2_550.0, Some(30.0));
    let falls = |scene: &mut Scene, by: f64| {
        scene.history.samples.edit("service.value", |samples| {
            samples.iter_mut().filter(|sample| sample.at > 30.0).for_each(|s| s.value -= by);
        });
    };
    falls(&mut reset, 1_340.0);
    let finding = agree(&mut reset, equal(&counts));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.measured.contains("at least"), "{}", finding.measured);
    // More than there was is a lie even of a lower bound.
    let mut more = counted(9_000.0, Some(30.0));
    falls(&mut more, 4_600.0);
    assert_eq!(agree(&mut more, equal(&counts)).verdict, Violated);
}

#[test]
fn what_rises_across_the_end_of_a_phase_may_be_what_is_missing() {
    let of_load = |counts: &[&str]| Equal { phases: names(&["load"]), ..equal(counts) };
    // A hundred of a hundred, whatever is counted later.
    let mut all = counted_in_load(100.0, 7.0);
    let check = || of_load(&["broker.channels_opened", "broker.channels_closed"]);
    assert_eq!(agree(&mut all, check()).verdict, Held);
    // One less, and one across the end: nobody knows.
    let mut late = counted_in_load(99.0, 1.0);
    let finding = agree(&mut late, check());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("across the end of a phase"), "{}", finding.why);
    // Two less, of which one may have come late: a lie all the same.
    let mut lie = counted_in_load(98.0, 1.0);
    assert_eq!(agree(&mut lie, check()).verdict, Violated);
    // More than there was is more, whenever it was.
    let mut more = counted_in_load(101.0, 1.0);
    assert_eq!(agree(&mut more, check()).verdict, Violated);
}

/// Of a hundred things in the phase `load` one counter counts all, and another so many,
/// and so many across the end of the phase.
fn counted_in_load(counted: f64, last: f64) -> Scene {
    let phase = Scene::new().history.phase("load").unwrap().clone();
    let middle = f64::midpoint(phase.from, phase.to);
    let all = move |at: f64| Some(if at > middle { 100.0 } else { 0.0 });
    let some = move |at: f64| {
        let late = if at > phase.to { last } else { 0.0 };
        Some(if at > middle { counted } else { 0.0 } + late)
    };
    Scene::new().sampled("broker.channels_opened", all).sampled("broker.channels_closed", some)
}

#[test]
fn nothing_counted_is_no_agreement() {
    let nothing = equal(&["publish.failed", "publish.indeterminate"]);
    assert_eq!(agree(&mut counted(1.0, None), nothing).verdict, Inconclusive);
    let mut unseen = counted(2_550.0, None);
    unseen.history.samples.remove("service.value");
    assert_eq!(
        agree(&mut unseen, equal(&["publish.acked", "service.value"])).verdict,
        Inconclusive
    );
    let mut early = counted(2_550.0, None);
    early.history.samples.retain("service.value", |sample| sample.at < 50.0);
    assert_eq!(agree(&mut early, equal(&["publish.acked", "service.value"])).verdict, Inconclusive);
}

#[test]
fn a_share_has_a_least_and_a_greatest() {
    let band = || {
        CheckKind::Ratio(Ratio {
            of: "publish.failed".to_owned(),
            to: "publish.due".to_owned(),
            phases: names(&["load"]),
            min: Some(Share(0.02)),
            max: Share(0.10),
            at_least: 100,
        })
    };
    let failing = |every: u64| {
        Scene::new().workload("publish", move |_, k| {
            if k.is_multiple_of(every) { (Fate::Failed, 100) } else { GOOD }
        })
    };
    assert_eq!(failing(40).find(band()).verdict, Held);
    assert_eq!(failing(100).find(band()).verdict, Violated);
    assert_eq!(failing(5).find(band()).verdict, Violated);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever moves between rows and dead letters, the check holds exactly
    /// when the rows are what was acknowledged without the poison, and the dead
    /// letters are the poison.
    #[test]
    fn rows_and_dead_letters_are_exact(gone in prop::collection::btree_set(0_u64..60, 0..6), given_up in prop::collection::btree_set(0_u64..60, 0..6), stored in prop::collection::btree_set(10_u64..20, 0..4)) {
        let mut truth = (RoaringTreemap::new(), RoaringTreemap::new());
        let mut before = truth.clone();
        let mut scene = poisoned(|seen| {
            before = (once(seen).clone(), dead(seen).clone());
            gone.iter().for_each(|&k| { once(seen).remove(k); });
            stored.iter().for_each(|&k| { once(seen).insert(k); dead(seen).remove(k); });
            given_up.iter().for_each(|&k| { dead(seen).insert(k); });
            truth = (once(seen).clone(), dead(seen).clone());
        });
        let finding = scene.find(dead_letters(DeadLetters::Poison));
        prop_assert_eq!(finding.verdict == Held, truth == before, "{}", finding.why);
    }

    /// However rows are swapped, the check is violated exactly when a pair of a
    /// key is out of order, because all answers are quick and keys come seldom.
    #[test]
    fn an_order_is_exact(swaps in prop::collection::vec((0_u64..50, 0_usize..5, 0_usize..5), 0..4)) {
        let finding = ordered(|_, _| GOOD, &swaps).find(order());
        let is_sorted = (0..50).all(|key| {
            let mut rows: Vec<u64> = (0..6).collect();
            swaps.iter().filter(|(of, ..)| *of == key).for_each(|&(_, a, b)| rows.swap(a, b));
            rows.is_sorted()
        });
        prop_assert_eq!(finding.verdict == Held, is_sorted, "{}", finding.why);
    }

    /// A service that counts wrongly by anything at all is found out.
    #[test]
    fn counts_are_exact(lie in 0_u32..5_000) {
        let finding = agree(&mut counted(f64::from(lie), None), equal(&["publish.acked", "service.value"]));
        prop_assert_eq!(finding.verdict == Held, lie == 2_550, "{}", finding.why);
    }

    /// A longer time never turns a drain that was held into one that was not.
    #[test]
    fn more_time_never_breaks_a_drain(speed in 1.0_f64..100.0, within in 1_u64..10, more in 0_u64..3) {
        let find = |within| {
            ready(|at| Some((100.0 - (at - 48.0).max(0.0) * speed).max(0.0)))
                .find(drain(After::Phase("faults".to_owned()), 0.0, within)).verdict
        };
        if find(within) == Held {
            prop_assert_eq!(find(within + more), Held);
        }
    }
}
