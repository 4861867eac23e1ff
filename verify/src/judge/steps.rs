//! What to do with a new version at the end of each of its steps: promote, hold or
//! roll back, with a score.
//!
//! A step is a phase that a check `canary` judges. At its end every check that can be
//! judged so far is, on the run up to there. One that is violated advises to roll back;
//! a comparison that is not certain yet to hold; else to promote. Looking at each step
//! costs no certainty: the comparisons hold at every look.
//!
//! The *score* is for readers, as Kayenta has one: of each group of checks the part that
//! certainly holds by then, times 100, and the mean of the groups. What is not certain
//! yet counts like what does not hold: no data never scores. The groups are the four
//! golden signals (Beyer and others, *Site Reliability Engineering*, 2016, chapter 6). No
//! verdict goes by it: one violated check in ten is a violation.

use reports::record::{GroupScore, StepAdvice, StepRecord, Verdict};
use scenarios::plan::check::Figure;
use scenarios::plan::{Check, CheckKind, Plan, Severity};

use super::{so_far, words};
use crate::history::History;

/// The groups, in the order of the report.
const GROUPS: [&str; 4] = ["errors", "latency", "traffic", "saturation"];

/// One for each step that took place; none without a check `canary`.
pub(super) fn steps(plan: &Plan, history: &History) -> Vec<StepRecord> {
    let is_step = |phase: &str| plan.checks.iter().any(|check| compares_in(check, phase));
    let phases =
        history.phases.iter().filter(|phase| is_step(&phase.name) && phase.to > phase.from);
    phases.map(|phase| step(plan, history, &phase.name, phase.to)).collect()
}

fn compares_in(check: &Check, phase: &str) -> bool {
    match &check.kind {
        CheckKind::Canary(canary) => canary.phases.iter().any(|name| name == phase),
        _ => false,
    }
}

/// A check at the end of a step.
struct Heard<'a> {
    check: &'a Check,
    verdict: Verdict,
    why: String,
}

fn step(plan: &Plan, history: &History, phase: &str, to: f64) -> StepRecord {
    let hear = |check| {
        let opinion = so_far::opinion(check, plan, history, to)?;
        let end = if opinion.why.ends_with('.') { "" } else { "." };
        let why = format!("{}: {}{end}", check.name, opinion.why);
        Some(Heard { check, verdict: opinion.verdict, why })
    };
    let strict = plan.checks.iter().filter(|check| check.severity == Severity::Violation);
    let heard: Vec<Heard<'_>> = strict.filter_map(hear).collect();
    let (advice, why) = advice(&heard);
    let groups: Vec<GroupScore> = GROUPS.iter().filter_map(|name| score(name, &heard)).collect();
    let sum: f64 = groups.iter().map(|group| group.score).sum();
    let score = (!groups.is_empty()).then(|| sum / groups.len() as f64);
    StepRecord { phase: phase.to_owned(), to, advice, why, score, groups }
}

fn advice(heard: &[Heard<'_>]) -> (StepAdvice, String) {
    let is_comparison = |one: &&Heard<'_>| matches!(one.check.kind, CheckKind::Canary(_));
    if let Some(worst) = heard.iter().find(|one| one.verdict == Verdict::Violated) {
        return (StepAdvice::RollBack, worst.why.clone());
    }
    let mut compared = heard.iter().filter(is_comparison).peekable();
    if compared.peek().is_none() {
        return (StepAdvice::Hold, "Nothing was compared.".to_owned());
    }
    let open: Vec<&Heard<'_>> =
        compared.filter(|one| one.verdict == Verdict::Inconclusive).collect();
    match open.split_first() {
        None => (StepAdvice::Promote, "Everything that was compared certainly holds.".to_owned()),
        Some((first, [])) => (StepAdvice::Hold, first.why.clone()),
        Some((first, rest)) => {
            let names: Vec<&str> = rest.iter().map(|one| one.check.name.as_str()).collect();
            let why = format!("{} Not certain either: {}.", first.why, words::list(&names));
            (StepAdvice::Hold, why)
        }
    }
}

fn score(group: &str, heard: &[Heard<'_>]) -> Option<GroupScore> {
    let of_group = heard.iter().filter(|one| self::group(&one.check.kind) == group);
    let judged: Vec<Verdict> = of_group.map(|one| one.verdict).collect();
    let held = judged.iter().filter(|verdict| **verdict == Verdict::Held).count();
    (!judged.is_empty()).then(|| GroupScore {
        group: group.to_owned(),
        score: 100.0 * held as f64 / judged.len() as f64,
    })
}

fn group(kind: &CheckKind) -> &'static str {
    match kind {
        CheckKind::Canary(canary) => match canary.figure {
            Figure::Share(_) | Figure::Callers(_) => "errors",
            Figure::Latency(_) => "latency",
            Figure::Split(_) => "traffic",
        },
        CheckKind::Absence(_)
        | CheckKind::Ratio(_)
        | CheckKind::Effects(_)
        | CheckKind::Aggregate(_)
        | CheckKind::Answers(_)
        | CheckKind::Order(_)
        | CheckKind::Equal(_)
        | CheckKind::Schema(_)
        | CheckKind::Rollout(_) => "errors",
        CheckKind::Latency(_) | CheckKind::EndToEnd(_) | CheckKind::Recovery(_) => "latency",
        CheckKind::Speed(_) => "traffic",
        CheckKind::Bound(_) | CheckKind::Growth(_) | CheckKind::Trend(_) | CheckKind::Drain(_) => {
            "saturation"
        }
    }
}
