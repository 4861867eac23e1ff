//! What every run has, and how findings make a verdict.

use loadgen::Fate;
use proptest::prelude::*;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::plan::check::{Bound, CheckKind, Ratio};
use scenarios::plan::workload::Arrival;
use scenarios::plan::{Cause, LeftOut, Severity};
use scenarios::units::{Quantity, Share};

use super::scene::{Scene, check, names};
use crate::judge::opinion::Opinion;
use crate::judge::{Bench, Judgement, Question, judge};

fn accepted() -> CheckKind {
    CheckKind::Ratio(Ratio {
        of: "publish.unsuccessful".to_owned(),
        to: "publish.due".to_owned(),
        phases: names(&["load"]),
        min: None,
        max: Share(0.01),
        at_least: 100,
    })
}

fn at_most(series: &str, max: f64) -> CheckKind {
    CheckKind::Bound(Bound {
        series: series.to_owned(),
        phases: names(&["load"]),
        min: None,
        max: Some(Quantity::count(max)),
        lasting: None,
        samples: 5,
    })
}

fn good() -> Scene {
    let mut scene = Scene::new()
        .good_workload("publish")
        .sampled("broker.channels", |_| Some(12.0))
        .fault("kill-one-process", 37.0);
    scene.plan.checks = vec![check("accepted", accepted())];
    scene
}

fn verdict_of(judgement: &Judgement, name: &str) -> Verdict {
    judgement.findings.iter().find(|finding| finding.check == name).unwrap().verdict
}

#[test]
fn a_good_run_holds() {
    let scene = good();
    let judgement = judge(&scene.plan, &scene.history);
    assert_eq!(judgement.verdict, Held, "{}", judgement.headline);
    assert_eq!(judgement.headline, "3 checks held over 2,550 operations and 1 fault");
    assert!(judgement.advice.is_none() && judgement.anomalies.is_empty());
    let order: Vec<&str> =
        judgement.findings.iter().map(|finding| finding.check.as_str()).collect();
    assert_eq!(order, ["load-was-offered", "faults-landed", "accepted"]);
}

#[test]
fn a_violation_says_what_to_do() {
    let mut scene = good();
    scene.plan.checks.push(check("channels", at_most("broker.channels", 5.0)));
    let judgement = judge(&scene.plan, &scene.history);
    assert_eq!(judgement.verdict, Violated);
    assert_eq!(judgement.headline, "channels is violated: 12 (at most 5)");
    let because = judgement.advice.unwrap().because;
    assert_eq!(
        because,
        ["channels: 12, where the bound is at most 5, broken since 8.1 s. broker.channels: 12, \
             outside the bound for 27.5 s"]
    );
    // As a warning it is told and does not count.
    scene.plan.checks[1].severity = Severity::Warning;
    let judgement = judge(&scene.plan, &scene.history);
    assert_eq!(judgement.verdict, Held);
    assert!(judgement.headline.ends_with("; 1 warning: channels"), "{}", judgement.headline);
}

#[test]
fn what_was_skipped_stands_in_the_headline() {
    let mut scene = good();
    scene.plan.left_out = vec![
        left_out("fault", "close", Cause::Skipped),
        left_out("check", "lag", Cause::Unable),
        left_out("probe", "broker", Cause::Unable),
        left_out("check", "drained", Cause::SwitchedOff),
    ];
    let judgement = judge(&scene.plan, &scene.history);
    assert_eq!(
        judgement.headline,
        "3 checks held over 2,550 operations and 1 fault; 1 fault and 2 checks skipped"
    );
    scene.plan.checks.push(check("unseen", at_most("broker.messages_ready", 5.0)));
    let headline = judge(&scene.plan, &scene.history).headline;
    assert!(headline.ends_with("; 1 fault and 2 checks skipped"), "{headline}");
    scene.plan.checks[1].kind = at_most("broker.channels", 5.0);
    let headline = judge(&scene.plan, &scene.history).headline;
    assert!(headline.ends_with("; 1 fault and 2 checks skipped"), "{headline}");
}

#[test]
fn a_run_whose_faults_were_all_left_out_unasked_is_not_held() {
    let without = |causes: &[Cause]| {
        let mut scene = good();
        scene.plan.faults.clear();
        scene.history.faults.clear();
        scene.plan.left_out =
            causes.iter().map(|&cause| left_out("fault", "kill", cause)).collect();
        judge(&scene.plan, &scene.history)
    };
    assert_eq!(without(&[]).verdict, Held, "the scenario has none");
    for asked in [Cause::Skipped, Cause::SwitchedOff] {
        let judgement = without(&[asked]);
        assert_eq!(judgement.verdict, Held);
        let headline = &judgement.headline;
        assert!(headline.ends_with("; 1 fault skipped, no fault is left"), "{headline}");
    }
    let judgement = without(&[Cause::Skipped, Cause::Unable]);
    assert_eq!(judgement.verdict, Inconclusive);
    assert_eq!(verdict_of(&judgement, "faults-landed"), Inconclusive);
    let finding = &judgement.findings[1];
    assert!(finding.why.contains("--skip-fault kill"), "{}", finding.why);
    assert!(judgement.headline.contains("2 faults skipped, no fault is left"));
    // One fault that is left is enough.
    let mut scene = good();
    scene.plan.left_out = vec![left_out("fault", "close", Cause::Unable)];
    assert_eq!(judge(&scene.plan, &scene.history).verdict, Held);
}

fn left_out(kind: &str, name: &str, cause: Cause) -> LeftOut {
    let why = "it needs the lab".to_owned();
    LeftOut { kind: kind.to_owned(), name: name.to_owned(), why, cause }
}

#[test]
fn an_inconclusive_warning_does_not_count() {
    let mut scene = good();
    scene.plan.checks.push(check("unseen", at_most("broker.messages_ready", 5.0)));
    assert_eq!(judge(&scene.plan, &scene.history).verdict, Inconclusive);
    scene.plan.checks[1].severity = Severity::Warning;
    assert_eq!(judge(&scene.plan, &scene.history).verdict, Held);
}

#[test]
fn without_a_check_nothing_is_proven() {
    let mut scene = good();
    scene.plan.checks[0].severity = Severity::Warning;
    assert_eq!(judge(&scene.plan, &scene.history).verdict, Inconclusive);
    scene.plan.checks.clear();
    let judgement = judge(&scene.plan, &scene.history);
    assert_eq!(judgement.verdict, Inconclusive);
    assert!(judgement.headline.contains("nothing is proven"));
}

#[test]
fn an_interrupted_run_never_holds() {
    let mut scene = good();
    scene.history.interrupted = true;
    let judgement = judge(&scene.plan, &scene.history);
    assert_eq!(judgement.verdict, Inconclusive);
    assert_eq!(verdict_of(&judgement, "run-completed"), Inconclusive);
    assert!(judgement.headline.contains("run-completed"));
}

#[test]
fn a_generator_that_falls_short_is_found_out() {
    type Change = fn(&mut Scene);
    let changes: [(&str, Change); 8] = [
        ("broke down", |scene| told(scene).broken = Some("panic".to_owned())),
        ("hosts that nobody allowed", |scene| told(scene).forbidden = 1),
        ("too many open files", |scene| {
            told(scene).limits = vec![("this machine: too many open files".to_owned(), 1)];
        }),
        ("could not keep up", |scene| told(scene).pump.lost_seconds = 2.0),
        ("could not keep up", |scene| told(scene).pump.worst_seconds = 2.5),
        ("nobody knows", |scene| told(scene).pump.lost_seconds = f64::NAN),
        ("left no ledger", |scene| scene.history.workloads.clear()),
        ("came due", |scene| scene.plan.workloads[0].rate.0 = 100.0),
    ];
    for (reason, change) in changes {
        let mut scene = good();
        change(&mut scene);
        let judgement = judge(&scene.plan, &scene.history);
        assert_eq!(verdict_of(&judgement, "load-was-offered"), Inconclusive, "{reason}");
        assert!(judgement.findings[0].why.contains(reason), "{}", judgement.findings[0].why);
        assert_eq!(judgement.verdict, Inconclusive);
    }
}

#[test]
fn chance_may_bring_fewer_operations() {
    let offered = |arrival| {
        let mut scene = good();
        // 6 % more than came due.
        scene.plan.workloads[0].rate.0 *= 1.06;
        scene.plan.workloads[0].arrival = arrival;
        verdict_of(&judge(&scene.plan, &scene.history), "load-was-offered")
    };
    assert_eq!(offered(Arrival::Uniform), Inconclusive);
    assert_eq!(offered(Arrival::Poisson), Held);
}

fn told(scene: &mut Scene) -> &mut crate::history::WorkloadHistory {
    scene.history.workloads.get_mut("publish").unwrap()
}

#[test]
fn load_must_be_attempted_and_accepted() {
    let of = |fate: fn(u64) -> Fate| {
        let scene = Scene::new().workload("publish", |_, k| (fate(k), 100));
        verdict_of(&judge(&scene.plan, &scene.history), "load-was-offered")
    };
    assert_eq!(of(|_| Fate::Failed), Inconclusive);
    assert_eq!(
        of(|k| if k.is_multiple_of(50) { Fate::Dropped } else { Fate::Acked }),
        Inconclusive
    );
    assert_eq!(of(|k| if k.is_multiple_of(50) { Fate::Failed } else { Fate::Acked }), Held);
    // A workload that is meant to be refused leaves it to another to be accepted.
    let scene =
        Scene::new().good_workload("publish").workload("returned", |_, _| (Fate::Failed, 100));
    assert_eq!(verdict_of(&judge(&scene.plan, &scene.history), "load-was-offered"), Held);
    let none = Scene::new();
    assert_eq!(verdict_of(&judge(&none.plan, &none.history), "load-was-offered"), Inconclusive);
}

#[test]
fn a_fault_must_land_and_heal() {
    type Change = fn(&mut reports::record::FaultRecord);
    let changes: [(&str, Change); 7] = [
        ("was not injected", |fault| fault.injected = None),
        ("not seen to have landed", |fault| fault.confirmed = None),
        ("did not heal", |fault| fault.healed = None),
        ("to heal, and may take", |fault| fault.healed = Some(50.0)),
        ("hit nothing", |fault| fault.victims.clear()),
        ("was blocked: nobody said why", |fault| fault.blocked = true),
        ("no such process", |fault| fault.problem = Some("no such process".to_owned())),
    ];
    for (reason, change) in changes {
        let mut scene = good();
        change(&mut scene.history.faults[0]);
        let judgement = judge(&scene.plan, &scene.history);
        let finding = &judgement.findings[1];
        assert_eq!(finding.verdict, Inconclusive, "{reason}");
        assert!(finding.why.contains(reason), "{}", finding.why);
    }
    let mut scene = good();
    scene.history.faults.clear();
    assert_eq!(verdict_of(&judge(&scene.plan, &scene.history), "faults-landed"), Inconclusive);
}

#[test]
fn a_crashed_check_is_inconclusive() {
    let mut bench = Bench::default();
    let question = Question {
        name: "it".to_owned(),
        title: String::new(),
        kind: "bound",
        severity: Severity::Violation,
    };
    bench.hear(&question, || panic!("out of {}", "luck"));
    assert_eq!(bench.findings[0].verdict, Inconclusive);
    assert!(bench.findings[0].why.contains("out of luck"));
    bench.hear(&question, || Opinion::held("", "", ""));
    assert_eq!(bench.findings[1].verdict, Held);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The verdict is the worst of the findings that count.
    #[test]
    fn the_worst_wins(kinds in prop::collection::vec((0_u8..3, any::<bool>()), 1..6)) {
        let mut scene = good();
        for (index, &(kind, warns)) in kinds.iter().enumerate() {
            let kind = match kind {
                0 => at_most("broker.channels", 50.0),
                1 => at_most("broker.messages_ready", 50.0),
                _ => at_most("broker.channels", 5.0),
            };
            let mut check = check(&format!("check-{index}"), kind);
            check.severity = if warns { Severity::Warning } else { Severity::Violation };
            scene.plan.checks.push(check);
        }
        let judgement = judge(&scene.plan, &scene.history);
        let order = [Held, Inconclusive, Violated];
        let worst = kinds.iter().filter(|(_, warns)| !warns).map(|&(kind, _)| order[usize::from(kind)]).max();
        prop_assert_eq!(judgement.verdict, worst.unwrap_or(Held));
        prop_assert_eq!(judgement.advice.is_some(), judgement.verdict == Violated);
        let again = judge(&scene.plan, &scene.history);
        prop_assert_eq!(judgement.findings, again.findings);
    }
}

/// Who is left with traffic on a new version has to read it first of all.
#[test]
fn an_abort_that_failed_is_in_the_headline() {
    let mut scene = good();
    scene.plan.checks = vec![check("few", at_most("broker.channels", 50.0))];
    let before = judge(&scene.plan, &scene.history);
    scene.history.abort_failed = Some(format!("it ended with exit code 7: {}", "x".repeat(500)));
    let after = judge(&scene.plan, &scene.history);
    assert_eq!(before.verdict, after.verdict);
    assert!(after.headline.starts_with(&before.headline), "{}", after.headline);
    assert!(after.headline.contains("on_abort failed (it ended with exit code 7"));
    assert!(after.headline.len() < before.headline.len() + 250, "{}", after.headline);
}
