//! Canary: the version under test against its bounds, and against the stable one.

use loadgen::Fate;
use reports::record::{Finding, StepAdvice, StepRecord, Verdict::*};
use scenarios::plan::check::{Callers, Canary, CheckKind, Figure, LatencyOf, ShareOf, Split};
use scenarios::plan::{Transport, workload as by};
use scenarios::units::{Share, Span};

use super::scene::{Scene, names};
use super::so_far::until;
use crate::judge::so_far;

const GOOD: (Fate, u64) = (Fate::Acked, 3_000);

fn canary(figure: Figure) -> CheckKind {
    canary_in(&["load"], figure)
}

fn canary_in(phases: &[&str], figure: Figure) -> CheckKind {
    CheckKind::Canary(Canary { phases: names(phases), confidence: Share(0.99), figure })
}

fn latency() -> LatencyOf {
    LatencyOf {
        workloads: names(&["publish"]),
        stable: names(&["stable"]),
        quantile: None,
        max: None,
        higher: Some(Share(0.25)),
        higher_by: Some(Span::seconds(1)),
        floor: None,
    }
}

/// The typical response time is at most a quarter higher than the stable version's.
pub(super) fn slower() -> CheckKind {
    canary(Figure::Latency(latency()))
}

fn share() -> ShareOf {
    ShareOf {
        of: "publish.unsuccessful".to_owned(),
        to: "publish.due".to_owned(),
        stable: Some(("stable.unsuccessful".to_owned(), "stable.due".to_owned())),
        max: None,
        more: Some(Share(0.05)),
    }
}

/// The share that fails is at most five points above the stable version's.
pub(super) fn failing_more() -> CheckKind {
    canary(Figure::Share(share()))
}

/// A slow second now and then, for both sides alike, as of a busy machine.
fn weather(at: u64) -> u64 {
    if at.is_multiple_of(5) { 400_000 } else { at % 7 * 10_000 }
}

fn versions(
    new: impl Fn(u64, u64) -> (Fate, u64),
    stable: impl Fn(u64, u64) -> (Fate, u64),
) -> Scene {
    Scene::new().workload("publish", new).workload("stable", stable)
}

fn held(finding: &Finding) {
    assert_eq!(finding.verdict, Held, "{}", finding.why);
}

fn violated(finding: &Finding) {
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.since.is_some() && !finding.evidence.is_empty(), "{finding:?}");
}

/// Not the same for all requests of a second.
fn spread(k: u64) -> u64 {
    k * 7_919 % 400
}

#[test]
fn versions_share_their_weather() {
    let stable = |at, k| (Fate::Acked, 3_000 + weather(at) + spread(k));
    let same = |at, k| (Fate::Acked, 3_050 + weather(at) + spread(k + 3));
    held(&versions(same, stable).find(slower()));
    let slow = |at, k| (Fate::Acked, (3_000 + weather(at)) * 3 / 2 + spread(k));
    violated(&versions(slow, stable).find(slower()));
}

#[test]
fn a_tail_is_seen_at_its_quantile_and_not_in_the_middle() {
    let stable = |_, k| (Fate::Acked, 3_000 + spread(k));
    let tail = |_, k: u64| {
        let slow = if k.is_multiple_of(6) { 9_000 } else { 0 };
        (Fate::Acked, 3_000 + slow + spread(k))
    };
    held(&versions(tail, stable).find(slower()));
    let at = |quantile| {
        let quantile = Some(Share(quantile));
        canary(Figure::Latency(LatencyOf { quantile, ..latency() }))
    };
    violated(&versions(tail, stable).find(at(0.9)));
    held(&versions(stable, stable).find(at(0.9)));
}

#[test]
fn what_came_when_the_stable_version_was_gone_is_compared_with_nothing() {
    let good = |_, k| (Fate::Acked, 3_000 + spread(k));
    let gone = |at, k| if at < 14 { good(at, k) } else { (Fate::Failed, 9) };
    let slow_then = |at, k| (Fate::Acked, if at < 14 { 3_000 } else { 30_000 } + spread(k));
    let finding = versions(slow_then, gone).find(slower());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("while the stable one answered"), "{}", finding.why);
}

#[test]
fn one_route_does_not_hide_behind_another() {
    let both = || {
        let workloads = names(&["publish", "other"]);
        canary(Figure::Latency(LatencyOf {
            workloads,
            stable: names(&["stable", "stable-other"]),
            ..latency()
        }))
    };
    let good = |_, k| (Fate::Acked, 3_000 + spread(k));
    let slow = |_, k| (Fate::Acked, 4_500 + spread(k));
    let scene = |other: fn(u64, u64) -> (Fate, u64)| {
        versions(good, good).workload("stable-other", good).workload("other", other)
    };
    held(&scene(good).find(both()));
    let finding = scene(slow).find(both());
    violated(&finding);
    assert!(finding.evidence[0].what.starts_with("other: "), "{:?}", finding.evidence);
}

#[test]
fn failures_are_held_against_the_bound_and_against_the_stable_version() {
    let failing = |every: u64| {
        move |_, k: u64| if k.is_multiple_of(every) { (Fate::Failed, 9) } else { GOOD }
    };
    let never = |_, _| GOOD;
    held(&versions(failing(100), never).find(failing_more()));
    violated(&versions(failing(6), never).find(failing_more()));
    held(
        &versions(failing(6), failing(6))
            .find(canary(Figure::Share(ShareOf { more: Some(Share(0.2)), ..share() }))),
    );
    let bound =
        |max| canary(Figure::Share(ShareOf { max: Some(Share(max)), more: None, ..share() }));
    held(&versions(never, never).find(bound(0.02)));
    violated(&versions(failing(10), never).find(bound(0.02)));
    let outage = |at, _| if (20..26).contains(&at) { (Fate::Failed, 9) } else { GOOD };
    assert_ne!(versions(outage, never).find(failing_more()).verdict, Held, "an outage of 6 s");
}

#[test]
fn what_breaks_both_is_not_the_new_versions_doing() {
    let bad_hour = |at, k: u64| match at % 4 {
        0 if k.is_multiple_of(2) => (Fate::Failed, 9),
        _ => GOOD,
    };
    let bound = ShareOf { max: Some(Share(0.02)), more: None, ..share() };
    held(&versions(bad_hour, bad_hour).find(canary(Figure::Share(bound.clone()))));
    violated(&versions(bad_hour, |_, _| GOOD).find(canary(Figure::Share(bound.clone()))));
    let always = |_, k: u64| if k.is_multiple_of(2) { (Fate::Failed, 9) } else { GOOD };
    let finding = versions(always, always).find(canary(Figure::Share(bound)));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("The stable version broke the bound itself"), "{}", finding.why);
    // The same of response times.
    let noisy = |at, k| (Fate::Acked, if at % 2 == 0 { 9_000 } else { 3_000 } + spread(k));
    let calm = |_, k| (Fate::Acked, 3_000 + spread(k));
    let max = || {
        canary(Figure::Latency(LatencyOf {
            quantile: Some(Share(0.9)),
            max: Some("5ms".parse().unwrap()),
            ..latency()
        }))
    };
    held(&versions(noisy, noisy).find(max()));
    violated(&versions(noisy, calm).find(max()));
}

#[test]
fn too_little_data_says_how_much_more_it_takes() {
    let max = |max| canary(Figure::Share(ShareOf { max: Some(Share(max)), more: None, ..share() }));
    let finding = versions(|_, _| GOOD, |_, _| GOOD).find(max(0.001));
    assert_eq!(finding.verdict, Inconclusive);
    assert!(finding.why.contains("more requests of the new version, about"), "{}", finding.why);
    let finding = Scene::new().good_workload("stable").find(slower());
    assert_eq!(finding.verdict, Inconclusive, "nothing is known of it");
    assert_eq!(Scene::new().good_workload("publish").find(slower()).verdict, Inconclusive);
    assert_eq!(Scene::new().find(failing_more()).verdict, Inconclusive);
}

/// The figures of a workload that is split: of its parts nothing failed.
fn split_with(whole: impl Fn(u64, u64) -> (Fate, u64)) -> Scene {
    let good = |_, _| GOOD;
    let mut scene = Scene::new().workload("users", whole);
    let Transport::Http(http) = &mut scene.plan.workloads[0].transport else { panic!() };
    let values = names(&["stable", "canary"]);
    http.split = Some(Box::new(by::Split { header: "x-version".to_owned(), values }));
    scene = scene.workload("users.stable", good).workload("users.canary", good);
    scene.plan.workloads.truncate(1);
    scene
}

/// A version that is down says nothing of itself.
#[test]
fn what_no_version_answered_is_not_passed_over() {
    let errors = || {
        let counter = |part: &str, count: &str| format!("users.{part}.{count}");
        canary(Figure::Share(ShareOf {
            of: counter("canary", "unsuccessful"),
            to: counter("canary", "due"),
            stable: Some((counter("stable", "unsuccessful"), counter("stable", "due"))),
            max: Some(Share(0.02)),
            more: None,
        }))
    };
    held(&split_with(|_, _| GOOD).find(errors()));
    let down = |_, k: u64| if k.is_multiple_of(10) { (Fate::Failed, 9) } else { GOOD };
    let finding = split_with(down).find(errors());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("answered by no version that is known"), "{}", finding.why);
    let callers = || {
        let workload = "users.canary".to_owned();
        canary(Figure::Callers(Callers { workload, max: Share(0.2) }))
    };
    let with_keys = |mut scene: Scene| {
        scene.history.workloads.get_mut("users.canary").unwrap().keys = vec![(50, 0); 20];
        scene.find(callers())
    };
    held(&with_keys(split_with(|_, _| GOOD)));
    assert_eq!(with_keys(split_with(down)).verdict, Inconclusive);
}

#[test]
fn the_split_is_what_was_asked_for() {
    let split = |share| {
        canary_in(
            &["load", "recovery"],
            Figure::Split(Split {
                canary: "publish.due".to_owned(),
                stable: "stable.due".to_owned(),
                shares: vec![Share(share), Share(share)],
                tolerance: Share(0.25),
            }),
        )
    };
    let mut both = versions(|_, _| GOOD, |_, _| GOOD);
    held(&both.find(split(0.5)));
    violated(&both.find(split(0.3)));
    violated(&both.find(split(0.9)));
    let finding = Scene::new().good_workload("stable").find(split(0.5));
    assert_eq!(finding.verdict, Inconclusive);
}

#[test]
fn callers_without_a_record_hold_nothing() {
    let callers =
        || canary(Figure::Callers(Callers { workload: "publish".to_owned(), max: Share(0.2) }));
    let mut scene = versions(|_, _| GOOD, |_, _| GOOD);
    assert_eq!(scene.find(callers()).verdict, Inconclusive);
    scene.history.workloads.get_mut("publish").unwrap().keys = vec![(50, 0), (50, 0)];
    held(&scene.find(callers()));
    scene.history.workloads.get_mut("publish").unwrap().keys = vec![(50, 0), (50, 50)];
    let finding = scene.find(callers());
    assert_eq!(finding.verdict, Violated);
    assert!(finding.why.contains("caller 1"), "{}", finding.why);
}

/// A look in the middle of a run has no more alarms to give away than the last one.
#[test]
fn a_look_during_the_run_is_as_strict_as_one_at_its_end() {
    let failing = |_, k: u64| if k.is_multiple_of(9) { (Fate::Failed, 9) } else { GOOD };
    let mut scene = versions(failing, |_, _| GOOD);
    let check = super::scene::check("it", failing_more());
    let first = |scene: &Scene| {
        let stopped = |&at: &u64| so_far(&check, &scene.plan, &until(scene, at as f64)).is_some();
        (0..=60).find(stopped)
    };
    scene.plan.checks = vec![check.clone()];
    let alone = first(&scene).unwrap();
    scene.plan.checks = vec![check.clone(); 5_000];
    let among_many = first(&scene);
    assert!(among_many.is_none_or(|at| at > alone), "{alone} s and {among_many:?}");
}

#[test]
fn many_checks_share_one_probability_of_error() {
    let failing = |_, k: u64| if k.is_multiple_of(11) { (Fate::Failed, 9) } else { GOOD };
    let mut scene = versions(failing, |_, _| GOOD);
    let low = |finding: &Finding| finding.measured.clone();
    let alone = scene.find(failing_more());
    let many = (0..50).map(|_| super::scene::check("one-of-many", failing_more()));
    scene.plan.checks = many.collect();
    let findings = crate::judge::judge(&scene.plan, &scene.history).findings;
    let among_many = findings.iter().find(|finding| finding.check == "one-of-many").unwrap();
    assert_ne!(low(&alone), low(among_many), "the interval is wider");
}

/// What each step of a scene advises, with these checks.
fn steps(scene: &Scene, checks: impl IntoIterator<Item = CheckKind>) -> Vec<StepRecord> {
    let mut plan = scene.plan.clone();
    let check = |(number, kind)| super::scene::check(&format!("check-{number}"), kind);
    plan.checks = checks.into_iter().enumerate().map(check).collect();
    crate::judge::judge(&plan, &scene.history).steps
}

#[test]
fn a_step_that_is_certain_is_promoted_and_one_that_is_worse_rolled_back() {
    let later = || canary_in(&["recovery"], Figure::Share(share()));
    let good = versions(|_, _| GOOD, |_, _| GOOD);
    let told = steps(&good, [later(), slower()]);
    let phases: Vec<&str> = told.iter().map(|step| step.phase.as_str()).collect();
    assert_eq!(phases, ["load", "recovery"]);
    for step in &told {
        assert_eq!((step.advice, step.score), (StepAdvice::Promote, Some(100.0)), "{step:?}");
    }
    // The first step is good.
    let late = |at: u64, k: u64| {
        if at >= 48 && k.is_multiple_of(2) { (Fate::Failed, 9) } else { GOOD }
    };
    let told = steps(&versions(late, |_, _| GOOD), [later(), slower()]);
    let advice: Vec<StepAdvice> = told.iter().map(|step| step.advice).collect();
    assert_eq!(advice, [StepAdvice::Promote, StepAdvice::RollBack], "{told:?}");
    let scores: Vec<(&str, f64)> =
        told[1].groups.iter().map(|group| (group.group.as_str(), group.score)).collect();
    assert_eq!(scores, [("errors", 0.0), ("latency", 100.0)]);
    assert_eq!(told[1].score, Some(50.0));
    assert!(told[1].why.starts_with("check-0: "), "{}", told[1].why);
}

/// No data never promotes, and a run without comparisons has no steps.
#[test]
fn a_step_of_which_little_is_known_is_held() {
    let scene = Scene::new().good_workload("stable");
    let told = steps(&scene, [failing_more()]);
    assert_eq!((told[0].advice, told[0].score), (StepAdvice::Hold, Some(0.0)), "{told:?}");
    let mut short = versions(|_, _| GOOD, |_, _| GOOD);
    // Nothing is certain of so few.
    let strict = Figure::Share(ShareOf { more: Some(Share(0.000_1)), ..share() });
    short.plan.checks.clear();
    let told = steps(&short, [canary(strict)]);
    assert_eq!(told[0].advice, StepAdvice::Hold, "{told:?}");
    assert!(told[0].why.contains("It needs"), "{}", told[0].why);
    assert!(steps(&short, [CheckKind::Absence(absence())]).is_empty());
}

fn absence() -> scenarios::plan::check::Absence {
    scenarios::plan::check::Absence {
        series: "process.restarts".to_owned(),
        phases: names(&["load"]),
        excused_by: Vec::new(),
        samples: 5,
    }
}
