//! Counters that a Prometheus server scrapes every few seconds, of two versions at
//! different moments, without any load of the run's own.

use reports::record::{Finding, Verdict::*};
use scenarios::plan::check::{Canary, CheckKind, Figure, ShareOf, Split};
use scenarios::plan::probe::Scraped;
use scenarios::plan::{Cause, LeftOut, Probe, ProbeKind};
use scenarios::template::Template;
use scenarios::units::{Share, Span, Unit};

use super::scene::{Scene, check, names};
use crate::history::Sample;
use crate::judge::judge;

/// A counter that stands at `value(t)` when it is scraped, every so often.
fn scraped(
    mut scene: Scene,
    probe: &str,
    (every, offset): (f64, f64),
    value: impl Fn(f64) -> f64,
) -> Scene {
    scene.plan.probes.push(Probe {
        name: probe.to_owned(),
        every: "500ms".parse().unwrap(),
        kind: ProbeKind::Promql {
            url: Template::new("http://127.0.0.1:9090"),
            query: "requests_total".to_owned(),
            counter: true,
            unit: Unit::Count,
            waits: false,
            scraped: Some(Scraped {
                by: None,
                above: None,
                lookback: Span::seconds(120),
                absent_is_zero: false,
            }),
        },
    });
    let times = (0..).map(|step| offset + every * f64::from(step)).take_while(|&at| at < 60.0);
    let samples = times.map(|at| Sample { at, label: "".into(), value: value(at).floor() });
    scene.history.samples.edit(&format!("{probe}.value"), |list| *list = samples.collect());
    scene
}

const REQUESTS: fn(f64) -> f64 = |at| 100.0 * at;
const NONE: fn(f64) -> f64 = |_| 0.0;

/// Both versions, scraped every two seconds at different moments; of each how many
/// of its requests failed up to a time.
fn versions(canary: impl Fn(f64) -> f64, stable: impl Fn(f64) -> f64) -> Scene {
    let scene = scraped(Scene::new(), "canary", (2.0, 0.4), REQUESTS);
    let scene = scraped(scene, "canary-errors", (2.0, 0.402), canary);
    let scene = scraped(scene, "stable", (2.0, 1.4), REQUESTS);
    scraped(scene, "stable-errors", (2.0, 1.4), stable)
}

fn errors(max: f64) -> CheckKind {
    let value = |probe: &str| format!("{probe}.value");
    CheckKind::Canary(Canary {
        phases: names(&["load"]),
        confidence: Share(0.99),
        figure: Figure::Share(ShareOf {
            of: value("canary-errors"),
            to: value("canary"),
            stable: Some((value("stable-errors"), value("stable"))),
            max: Some(Share(max)),
            more: None,
        }),
    })
}

fn found(mut scene: Scene, kind: CheckKind) -> Finding {
    scene.find(kind)
}

#[test]
fn a_canary_is_judged_by_what_was_scraped() {
    let finding = found(versions(NONE, NONE), errors(0.02));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    let finding = found(versions(|at| 5.0 * at, NONE), errors(0.02));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.since.is_some_and(|since| since >= 8.0), "{finding:?}");
}

#[test]
fn what_both_suffer_is_seen_although_they_are_scraped_at_other_moments() {
    // From 20 s to 23 s a third of all requests fails, of whichever version.
    let bad = |at: f64| 33.0 * (at - 20.0).clamp(0.0, 3.0);
    let finding = found(versions(bad, bad), errors(0.02));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert!(finding.why.contains("left out"), "{}", finding.why);
    let finding = found(versions(bad, NONE), errors(0.02));
    assert_ne!(finding.verdict, Held, "{}", finding.why);
}

#[test]
fn a_few_scrapes_prove_nothing_however_many_requests_they_count() {
    let rarely = |scene, probe: &str, value: fn(f64) -> f64| {
        scraped(scene, probe, (7.0, 0.4), move |at| 1_000.0 * value(at))
    };
    let scene = rarely(Scene::new(), "canary", REQUESTS);
    let scene = rarely(scene, "canary-errors", NONE);
    let scene = rarely(scene, "stable", REQUESTS);
    let scene = rarely(scene, "stable-errors", NONE);
    let finding = found(scene, errors(0.02));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("of 7 s each: it takes 8"), "{}", finding.why);
}

#[test]
fn a_counter_that_is_no_part_of_the_other_is_not_judged() {
    let finding = found(versions(|at| 300.0 * at, NONE), errors(0.02));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("no part of it"), "{}", finding.why);
}

#[test]
fn a_split_is_judged_although_the_versions_are_scraped_at_other_moments() {
    let split = |share| {
        CheckKind::Canary(Canary {
            phases: names(&["load"]),
            confidence: Share(0.99),
            figure: Figure::Split(Split {
                canary: "canary.value".to_owned(),
                stable: "stable.value".to_owned(),
                shares: vec![Share(share)],
                tolerance: Share(0.1),
            }),
        })
    };
    let finding = found(versions(NONE, NONE), split(0.5));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    let finding = found(versions(NONE, NONE), split(0.2));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
}

#[test]
fn a_run_without_load_is_one_where_a_check_counts_the_traffic() {
    let mut scene = versions(NONE, NONE);
    scene.plan.checks = vec![check("errors", errors(0.02))];
    let load = |scene: &Scene| {
        let findings = judge(&scene.plan, &scene.history).findings;
        findings.into_iter().find(|finding| finding.check == "load-was-offered").unwrap()
    };
    assert_eq!(load(&scene).verdict, Held);
    assert_eq!(judge(&scene.plan, &scene.history).verdict, Held);
    // Whoever switches the load off means it; what could not be done was not meant.
    for (cause, expected) in [(Cause::SwitchedOff, Held), (Cause::Unable, Inconclusive)] {
        let (kind, name, why) = ("workload".to_owned(), "users".to_owned(), String::new());
        let mut without = scene.clone_scene();
        without.plan.left_out.push(LeftOut { kind, name, why, cause });
        assert_eq!(load(&without).verdict, expected, "{cause:?}");
    }
    // Nobody sent anything: the load is none of ours, and the check says nothing.
    let mut idle = scene.clone_scene();
    idle.history.samples.edit_all(|_, samples| {
        samples.iter_mut().for_each(|sample| sample.value = 0.0);
    });
    assert_eq!(judge(&idle.plan, &idle.history).verdict, Inconclusive);
    scene.plan.checks.clear();
    assert_eq!(load(&scene).verdict, Inconclusive);
}
