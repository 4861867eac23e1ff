//! A record that is silent, damaged or impossible: it holds nothing, and blames
//! nobody.

use loadgen::Fate;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::plan::ProbeKind;
use scenarios::plan::check::{
    Absence, After, Bound, CheckKind, DeadLetters, Drain, EffectsCheck, Latency, Recovery, Speed,
};
use scenarios::template::Template;
use scenarios::units::{Quantity, Rate, Share, Span};

use super::canary::{failing_more, slower};
use super::scene::{ALL, Scene, names};
use crate::history::{Seen, SeenWorkload};
use crate::judge::judge;

fn absence(series: &str, phases: &[&str], excused_by: &[&str]) -> CheckKind {
    CheckKind::Absence(Absence {
        series: series.to_owned(),
        phases: names(phases),
        excused_by: names(excused_by),
        samples: 5,
    })
}

fn at_most(series: &str, max: f64) -> CheckKind {
    CheckKind::Bound(Bound {
        series: series.to_owned(),
        phases: names(&["load", "faults"]),
        min: None,
        max: Some(Quantity::count(max)),
        lasting: None,
        samples: 5,
    })
}

/// The verdict on the whole run.
fn run_of(scene: &Scene) -> Verdict {
    judge(&scene.plan, &scene.history).verdict
}

#[test]
fn the_silence_of_one_process_is_not_filled_by_another() {
    for gone in [9.0, 22.0, 40.0] {
        for series in ["process.restarts", "errors.matches", "process.running"] {
            let mut scene = Scene::new().labelled(series, "service-1", |_| Some(0.0)).labelled(
                series,
                "service-2",
                |at| (at < gone).then_some(0.0),
            );
            let check = if series == "process.running" {
                at_most(series, 1.0)
            } else {
                absence(series, &["load", "faults"], &[])
            };
            let finding = scene.find(check);
            assert_eq!(finding.verdict, Inconclusive, "{series} from {gone} s on");
            assert!(finding.why.contains("service-2"), "{}", finding.why);
        }
    }
    // What is missing from the beginning was not born later.
    let mut late = Scene::new().labelled("process.restarts", "service-1", |_| Some(0.0)).labelled(
        "process.restarts",
        "service-2",
        |at| (at > 22.0).then_some(0.0),
    );
    assert_eq!(late.find(absence("process.restarts", &["load"], &[])).verdict, Inconclusive);
}

#[test]
fn a_stream_that_the_plan_promises_must_be_there() {
    let streams = |gone: Option<f64>| {
        let mut scene = Scene::new();
        let kind = ProbeKind::RedisStreams {
            url: Template::new("redis://h"),
            streams: vec!["s:0".to_owned(), "s:1".to_owned()],
            group: Some("g".to_owned()),
        };
        scene.plan.probes[0].kind = kind;
        scene
            .labelled("broker.lag", "s:0", |_| Some(1.0))
            .labelled("broker.lag", "s:1", |at| gone.is_none_or(|gone| at < gone).then_some(1.0))
    };
    assert_eq!(streams(None).find(at_most("broker.lag", 5.0)).verdict, Held);
    for gone in [-1.0, 20.0] {
        let finding = streams(Some(gone)).find(at_most("broker.lag", 5.0));
        assert_eq!(finding.verdict, Inconclusive, "gone from {gone} s on");
        assert!(finding.why.contains("s:1"), "{}", finding.why);
    }
}

#[test]
fn a_connection_may_end_where_something_explains_it() {
    let channels = |gone: f64| {
        Scene::new().labelled("broker.connection_channels", "a", |_| Some(4.0)).labelled(
            "broker.connection_channels",
            "b",
            move |at| (at < gone).then_some(4.0),
        )
    };
    let check = || at_most("broker.connection_channels", 9.0);
    assert_eq!(channels(20.0).find(check()).verdict, Inconclusive, "nothing explains it");
    assert_eq!(channels(37.5).fault("kill", 37.0).find(check()).verdict, Held, "a fault does");
    let total = |at: f64| Some(if at < 21.0 { 2.0 } else { 1.0 });
    let mut counted = channels(20.0).sampled("broker.connections", total);
    assert_eq!(counted.find(check()).verdict, Held, "the broker's total does");
    let breach = |at: f64| (at < 20.0).then_some(if at > 19.0 { 99.0 } else { 4.0 });
    let mut proven = Scene::new()
        .labelled("broker.connection_channels", "a", |_| Some(4.0))
        .labelled("broker.connection_channels", "b", breach);
    assert_eq!(proven.find(check()).verdict, Violated, "a proof stands");
}

#[test]
fn impossible_values_are_damage_and_no_data() {
    let at = |series: &str, label: &str, when: f64, value: f64, scene: &mut Scene| {
        scene.history.samples.edit(series, |samples| {
            let found = samples.iter_mut().find(|s| s.at >= when && &*s.label == label).unwrap();
            found.value = value;
        });
    };
    // A gauge of countable things below zero.
    let mut gauge = Scene::new().good_workload("publish").sampled("broker.channels", |_| Some(4.0));
    at("broker.channels", "", 20.0, -1.0, &mut gauge);
    assert_eq!(gauge.find(at_most("broker.channels", 9.0)).verdict, Inconclusive);
    assert_eq!(run_of(&gauge), Inconclusive);
    // A count of the tool's own that falls, as where a line was torn.
    let mut count = Scene::new().labelled("errors.matches", "a", |_| Some(24.0));
    count.history.samples.add("errors.matches", -0.5, "a", 24.0);
    at("errors.matches", "a", 59.0, 2.0, &mut count);
    let finding = count.find(absence("errors.matches", &["recovery", "settle"], &[]));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    // What did not succeed is the sum of its parts.
    let mut sum = Scene::new().good_workload("publish");
    at("publish.unsuccessful", "", 20.0, 3.0, &mut sum);
    assert_eq!(run_of(&sum), Inconclusive);
    // The seconds have what the ledger has.
    let mut ledger = Scene::new().good_workload("publish");
    ledger.history.workloads.get_mut("publish").unwrap().ledger.add_due(1);
    assert!(
        judge(&ledger.plan, &ledger.history).findings.iter().any(|f| f.check == "record-intact")
    );
    // Phases follow one another.
    let mut phases = Scene::new().good_workload("publish");
    phases.history.phases[2].from -= 1.0;
    let judged = judge(&phases.plan, &phases.history);
    let intact = judged.findings.iter().find(|finding| finding.check == "record-intact").unwrap();
    assert_eq!(intact.verdict, Inconclusive);
    assert!(intact.why.contains("before the one before it"), "{}", intact.why);
}

#[test]
fn a_fall_that_nothing_explains_proves_nothing() {
    let opened = |at: f64| Some(if (20.0..20.5).contains(&at) { 0.0 } else { 1_000.0 });
    let speed = || {
        CheckKind::Speed(Speed {
            series: "broker.channels_opened".to_owned(),
            phases: names(&["load"]),
            max: Rate(20.0),
            poison: None,
        })
    };
    // A single wild value is not a restart with a thousand channels.
    let finding = Scene::new().sampled("broker.channels_opened", opened).find(speed());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    let still = |at: f64| Some(if at < 20.0 { 1_000.0 } else { 0.0 });
    assert_eq!(
        Scene::new().sampled("broker.channels_opened", still).find(speed()).verdict,
        Inconclusive
    );
    let mut restarted = Scene::new().sampled("broker.channels_opened", still).fault("kill", 20.0);
    assert_eq!(restarted.find(speed()).verdict, Held, "a fault explains it");
}

#[test]
fn what_happened_at_the_edge_of_a_phase_belongs_to_neither_for_certain() {
    // In the last half second of the faults, seen first in the recovery.
    let errors = |when: f64| {
        Scene::new()
            .labelled("errors.matches", "a", move |at| Some(if at > when { 1.0 } else { 0.0 }))
    };
    let check = || absence("errors.matches", &["recovery", "settle"], &[]);
    assert_eq!(errors(47.9).find(check()).verdict, Inconclusive);
    assert_eq!(errors(48.4).find(check()).verdict, Violated);
    assert_eq!(errors(47.4).find(check()).verdict, Held);
    let before = || absence("errors.matches", &["load"], &[]);
    assert_eq!(errors(35.9).find(before()).verdict, Inconclusive);
    assert_eq!(errors(35.4).find(before()).verdict, Violated);
}

/// Errors that are first seen when the faults have begun, at 36.1 s.
fn errors_at_the_start_of_the_faults() -> Scene {
    Scene::new().labelled("errors.matches", "a", |at| Some(if at > 35.9 { 1.0 } else { 0.0 }))
}

#[test]
fn what_an_unjudged_phase_brings_at_its_start_is_not_held_against_the_phase_before() {
    let check = || absence("errors.matches", &["load"], &[]);
    // A fault that was injected before the rise was seen.
    let mut struck = errors_at_the_start_of_the_faults().fault("kill", 36.05);
    assert_eq!(struck.find(check()).verdict, Held);
    // A load that is new in that phase.
    let mut new = errors_at_the_start_of_the_faults().good_workload("publish");
    new.plan.workloads[0].phases = names(&["faults"]);
    assert_eq!(new.find(check()).verdict, Held);
    // Where that phase is judged as well, nothing excuses it.
    let mut judged = errors_at_the_start_of_the_faults().fault("kill", 36.05);
    assert_eq!(judged.find(absence("errors.matches", &["load", "faults"], &[])).verdict, Violated);
}

#[test]
fn what_happens_in_a_phases_last_half_second_is_not_excused_by_a_later_fault() {
    let check = || absence("errors.matches", &["load"], &[]);
    for injected in [36.2, 37.0, 41.0] {
        let mut later = errors_at_the_start_of_the_faults().fault("kill", injected);
        assert_eq!(later.find(check()).verdict, Inconclusive, "injected at {injected} s");
    }
    // Nor by one that did not come to pass, nor by a load that went on.
    let mut never = errors_at_the_start_of_the_faults().fault("kill", 36.05);
    never.history.faults[0].injected = None;
    assert_eq!(never.find(check()).verdict, Inconclusive);
    let mut old = errors_at_the_start_of_the_faults().good_workload("publish");
    assert_eq!(old.find(check()).verdict, Inconclusive);
    // What is certain of the judged phase stays a violation.
    let mut certain = Scene::new()
        .labelled("errors.matches", "a", |at| Some(if at > 35.4 { 1.0 } else { 0.0 }))
        .fault("kill", 36.05);
    assert_eq!(certain.find(check()).verdict, Violated);
}

#[test]
fn a_fault_at_the_wrong_time_has_not_landed() {
    let moved = |fault: &mut reports::record::FaultRecord, by: f64| {
        for at in [&mut fault.injected, &mut fault.confirmed, &mut fault.healed] {
            *at = at.map(|at| at + by);
        }
    };
    let shifted = |by: f64| {
        let mut scene = Scene::new().good_workload("publish").fault("kill", 37.0);
        moved(&mut scene.history.faults[0], by);
        judge(&scene.plan, &scene.history)
    };
    for (by, why) in [
        (10.0, "long after"),
        (15.0, "had ended"),
        (-2.0, "before its time"),
        (-40.0, "before its time"),
    ] {
        let judged = shifted(by);
        let finding = judged.findings.iter().find(|f| f.check == "faults-landed").unwrap();
        assert_eq!(finding.verdict, Inconclusive, "{by} s");
        assert!(finding.why.contains(why), "{}", finding.why);
    }
    // Out of their order: nobody knows what became of it.
    let mut scene = Scene::new().good_workload("publish").fault("kill", 37.0);
    scene.history.faults[0].confirmed = Some(36.0);
    let judged = judge(&scene.plan, &scene.history);
    assert!(
        judged.findings.iter().any(|f| f.check == "record-intact" && f.verdict == Inconclusive)
    );
}

#[test]
fn a_fault_whose_record_is_lost_blames_nobody() {
    let restarted = || {
        Scene::new()
            .labelled("process.restarts", "service-1", |at| Some(if at > 38.0 { 1.0 } else { 0.0 }))
            .fault("kill", 37.0)
    };
    let check = || absence("process.restarts", &ALL, &["kill"]);
    let mut lost = restarted();
    lost.history.faults.clear();
    assert_eq!(lost.find(check()).verdict, Inconclusive);
    let mut late = restarted();
    late.history.faults[0].injected = Some(52.0);
    assert_eq!(late.find(check()).verdict, Inconclusive);
    let mut never = restarted();
    never.history.faults[0].injected = None;
    never.history.faults[0].problem = Some("it matches nothing".to_owned());
    assert_eq!(never.find(check()).verdict, Violated, "it did not happen, and the record says so");
}

#[test]
fn seconds_that_are_missing_are_not_empty() {
    let latency = || {
        CheckKind::Latency(Latency {
            workload: "publish".to_owned(),
            phases: names(&["load"]),
            quantile: Share(0.95),
            max: Span("100ms".parse::<Span>().unwrap().0),
        })
    };
    // Everything fails for five seconds, and the rows of these are gone.
    let failing =
        |at: u64, _| (if (20..25).contains(&at) { Fate::Failed } else { Fate::Acked }, 3_000);
    let holed = || {
        let mut scene = Scene::new().workload("publish", failing).good_workload("stable");
        scene.history.samples.edit_all(|name, samples| {
            if name.starts_with("publish.") {
                samples.retain(|sample| !(21.0..25.0).contains(&sample.at));
            }
        });
        scene
    };
    let mut whole = Scene::new().workload("publish", failing).good_workload("stable");
    assert_eq!(whole.find(latency()).verdict, Violated);
    assert_eq!(holed().find(latency()).verdict, Inconclusive);
    assert_eq!(holed().find(slower()).verdict, Inconclusive);
    assert_eq!(holed().find(failing_more()).verdict, Inconclusive);
    // Nor do histograms that are gone make anything quick.
    let mut untimed = Scene::new().good_workload("publish").good_workload("stable");
    let told = untimed.history.workloads.get_mut("publish").unwrap();
    told.response.retain(|&(second, _)| second != 20);
    assert_eq!(untimed.find(latency()).verdict, Inconclusive);
    assert_eq!(untimed.find(slower()).verdict, Inconclusive);
}

#[test]
fn a_workload_whose_effects_are_lost_blames_nobody() {
    let check = || {
        CheckKind::Effects(EffectsCheck {
            source: "rows".to_owned(),
            workloads: names(&["publish", "other"]),
            dead_letters: DeadLetters::None,
            tries: None,
        })
    };
    let scene = |twice: bool| {
        let mut scene = Scene::new().good_workload("publish").good_workload("other");
        let acked = scene.history.workloads["publish"].ledger.of(Fate::Acked).clone();
        let more = if twice { [(3, 2)].into() } else { [].into() };
        let mut seen = Seen::default();
        seen.workloads.insert("publish".to_owned(), SeenWorkload { once: acked, more });
        seen.unread.insert("other".to_owned(), "it is missing".to_owned());
        scene.history.effects.insert("rows".to_owned(), Ok(seen));
        scene
    };
    let finding = scene(false).find(check());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("other") && finding.why.contains("missing"), "{}", finding.why);
    assert_eq!(scene(true).find(check()).verdict, Violated, "a proof in the rest stands");
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
fn a_throughput_that_stays_low_has_not_recovered() {
    // Good until the fault at 37 s, which heals at 39 s.
    let opened = |share: f64| {
        let count = move |at: f64| Some(100.0 * (at.min(37.0) + (at - 37.0).max(0.0) * share));
        Scene::new().sampled("broker.channels_opened", count).fault("kill", 37.0)
    };
    for share in [0.0, 0.5, 0.65, 0.8, 0.85] {
        let finding = opened(share).find(recovery("broker.channels_opened"));
        assert_eq!(finding.verdict, Violated, "at {share}: {}", finding.why);
    }
    assert_eq!(opened(0.95).find(recovery("broker.channels_opened")).verdict, Held);
}

#[test]
fn silence_while_it_must_stay_good_is_not_good() {
    let silent = |at: f64| !(39.5..44.5).contains(&at);
    let level =
        |at: f64| silent(at).then_some(if (37.0..39.0).contains(&at) { 90.0 } else { 10.0 });
    let mut gone = Scene::new().sampled("broker.messages_ready", level).fault("kill", 37.0);
    assert_ne!(gone.find(recovery("broker.messages_ready")).verdict, Held);
    let count = |at: f64| silent(at).then_some(100.0 * at);
    let mut gone = Scene::new().sampled("broker.channels_opened", count).fault("kill", 37.0);
    assert_ne!(gone.find(recovery("broker.channels_opened")).verdict, Held);
    let drain = CheckKind::Drain(Drain {
        series: "broker.messages_ready".to_owned(),
        after: After::Fault("kill".to_owned()),
        to: Quantity::count(10.0),
        within: Span::seconds(2),
        lasting: Some(Span::seconds(6)),
    });
    let mut gone = Scene::new().sampled("broker.messages_ready", level).fault("kill", 37.0);
    assert_ne!(gone.find(drain.clone()).verdict, Held);
    // One label that goes silent above the level has neither drained nor not.
    let mut one = Scene::new()
        .labelled("broker.messages_ready", "a", |_| Some(1.0))
        .labelled("broker.messages_ready", "b", |at| (at < 38.0).then_some(50.0))
        .fault("kill", 37.0);
    assert_eq!(one.find(drain).verdict, Inconclusive);
}
