//! The judge: what the history says about each promise.
//!
//! Pure functions of the plan and the history, with no file, socket or clock,
//! so that a run and its `recheck` come to the same verdict. One file for each
//! kind of check; its first lines say what breaks it and when there is no
//! telling. Five rules are common to all of them:
//!
//! - *No data never passes.* A phase that did not take place, a series that
//!   ends early, a generator that fell short: inconclusive, with the reason.
//! - *A proof stands.* Where one counterexample refutes a promise, gaps
//!   elsewhere do not take it back.
//! - *A host is no system.* What has to do with pace and breaks only while the run
//!   itself could not get a processor is inconclusive; whatever else it is stays.
//! - *The tool is no system.* What breaks after a fault should have been over that
//!   the tool did not take back, and may be its doing, is inconclusive.
//! - *The worst wins.* Violated over inconclusive over held; warnings do not
//!   count. A check that crashes is inconclusive.

mod absence;
mod absent;
mod advice;
mod aggregate;
mod anomalies;
mod answers;
mod basis;
mod bound;
pub mod canary;
pub mod compare;
mod counts;
mod dead;
mod deployments;
mod drain;
mod effects;
mod end_to_end;
mod equal;
mod faults;
mod flaws;
mod growth;
mod guilty;
mod join;
mod latency;
mod leftover;
mod load;
mod opinion;
mod order;
mod overdue;
pub mod past;
mod poison;
mod ratio;
mod recovery;
mod rises;
mod rising;
mod rollout;
mod schema;
mod series;
mod single;
mod so_far;
mod speed;
mod standstill;
mod starvation;
mod steps;
mod summary;
#[cfg(test)]
mod tests;
mod trend;
mod tries;
mod unhealed;
mod window;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};

use reports::record::{Advice, AdviceRecord, Basis, EffectsRecord, Finding, StepRecord, Verdict};
use scenarios::plan::{Check, CheckKind, Plan, Severity};

use self::opinion::Opinion;
use crate::history::{History, Stopped};

pub use anomalies::Anomalies;
pub(crate) use anomalies::{Anomalous, MORE};
pub(crate) use drain::drains_until;
pub use end_to_end::clock_of_records;
pub use join::{Join, join};
pub use single::{Class, classes};
pub use so_far::{Breach, so_far};
pub use starvation::starved;
pub(crate) use words::{number, share};

/// What the judge says about a run.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// First those that every run has, then one for each check in the order of
    /// the plan.
    pub findings: Vec<Finding>,
    /// The worst of the findings, warnings apart.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub headline: String,
    /// What to do about a violation.
    pub advice: Option<Advice>,
    /// The join of ledgers with effects, for each check that made one.
    pub effects: Vec<EffectsRecord>,
    /// The evidence in full, for each check that has some.
    pub anomalies: Vec<Anomalies>,
    /// What to do with a new version at the end of each of its steps.
    pub steps: Vec<StepRecord>,
    /// What to do about the system's size. No verdict goes by it.
    pub advised: Vec<AdviceRecord>,
}

/// Judges a run.
#[must_use]
pub fn judge(plan: &Plan, history: &History) -> Judgement {
    let history = &*flaws::without_impossible(plan, history);
    let mut bench = Bench::default();
    for always in always(plan, history) {
        bench.hear(&always, || match always.name.as_str() {
            "load-was-offered" => load::judge(plan, history),
            "steps-taken" => deployments::judge(plan, history),
            "faults-landed" => faults::judge(plan, history),
            "record-intact" => flaws::judge(history),
            _ => ended_early(history),
        });
    }
    for check in &plan.checks {
        let question = Question {
            name: check.name.clone(),
            title: check.title.clone(),
            kind: check.kind.word(),
            severity: check.severity,
        };
        bench.hear(&question, || weigh(check, plan, history));
        if let Some(finding) = bench.findings.last_mut() {
            // What a finding rests on decides nothing.
            let _ = catch_unwind(AssertUnwindSafe(|| basis::fill(finding, check, plan, history)));
        }
    }
    let verdict = summary::verdict(plan, &bench.findings);
    Judgement {
        verdict,
        headline: summary::headline(plan, history, &bench.findings, verdict),
        advice: summary::advice(&bench.findings, verdict),
        findings: bench.findings,
        effects: bench.effects,
        anomalies: bench.anomalies,
        steps: catch_unwind(AssertUnwindSafe(|| steps::steps(plan, history))).unwrap_or_default(),
        advised: catch_unwind(AssertUnwindSafe(|| advice::all(plan, history))).unwrap_or_default(),
    }
}

/// Something that a finding answers.
struct Question {
    name: String,
    title: String,
    kind: &'static str,
    severity: Severity,
}

/// The questions of every run that has something that they ask for, whatever its checks.
fn always(plan: &Plan, history: &History) -> Vec<Question> {
    let question = |name: &str, title: &str, kind| Question {
        name: name.to_owned(),
        title: title.to_owned(),
        kind,
        severity: Severity::Violation,
    };
    let mut questions = Vec::new();
    if history.interrupted || history.stopped.is_some() {
        questions.push(question("run-completed", "the run came to its end", "run"));
    }
    if !history.flaws.is_empty() {
        let title = "the record of the run is whole and possible";
        questions.push(question("record-intact", title, "record"));
    }
    questions.push(question(
        "load-was-offered",
        "the load was offered as planned, and something was accepted",
        "load",
    ));
    questions.push(question("faults-landed", "every planned fault landed and healed", "faults"));
    if !plan.deployments.is_empty() {
        let title = "every step of a deployment was asked for, and taken back in the end";
        questions.push(question("steps-taken", title, "deployments"));
    }
    questions
}

fn ended_early(history: &History) -> Opinion {
    let why = match &history.stopped {
        Some(Stopped { check, at, .. }) => format!("stopped by {check} at {}", words::seconds(*at)),
        None => "ended before its time".to_owned(),
    };
    let why = format!("The run was {why}, so what would have come is unknown.");
    Opinion::inconclusive("the whole run", why)
}

/// What a check comes to. The one that stopped the run was violated then,
/// whatever the short run would make of it.
fn weigh(check: &Check, plan: &Plan, history: &History) -> Opinion {
    let stopped = history.stopped.as_ref().filter(|stopped| stopped.check == check.name);
    let breach = stopped.and_then(|stopped| so_far::at(check, plan, history, stopped.judged_to));
    breach.unwrap_or_else(|| weigh_fairly(check, plan, history))
}

/// What a check comes to on a system that was there and could run.
fn weigh_fairly(check: &Check, plan: &Plan, history: &History) -> Opinion {
    match absent::why(check, plan, history) {
        Some(why) => Opinion::inconclusive("something that is there", why),
        None => {
            let opinion = weigh_whole(check, plan, history);
            let opinion = starvation::excused(check, plan, history, opinion);
            leftover::excused(check, plan, history, opinion)
        }
    }
}

fn weigh_whole(check: &Check, plan: &Plan, history: &History) -> Opinion {
    match &check.kind {
        CheckKind::Bound(check) => bound::judge(check, plan, history),
        CheckKind::Growth(check) => growth::judge(check, plan, history),
        CheckKind::Trend(check) => trend::judge(check, plan, history),
        CheckKind::Speed(check) => speed::judge(check, plan, history),
        CheckKind::Ratio(check) => ratio::judge(check, plan, history),
        CheckKind::Latency(check) => latency::judge(check, plan, history),
        CheckKind::Canary(check) => canary::judge(check, plan, history),
        CheckKind::Absence(check) => absence::judge(check, plan, history),
        CheckKind::Effects(check) => effects::judge(check, plan, history),
        CheckKind::Aggregate(check) => aggregate::judge(check, plan, history),
        CheckKind::EndToEnd(check) => end_to_end::judge(check, plan, history),
        CheckKind::Answers(check) => answers::judge(check, plan, history),
        CheckKind::Order(check) => order::judge(check, plan, history),
        CheckKind::Drain(check) => drain::judge(check, plan, history),
        CheckKind::Recovery(check) => recovery::judge(check, plan, history),
        CheckKind::Equal(check) => equal::judge(check, plan, history),
        CheckKind::Schema(check) => schema::judge(check, plan, history),
        CheckKind::Rollout(check) => rollout::judge(check, plan, history),
    }
}

/// Where opinions become findings.
#[derive(Default)]
struct Bench {
    findings: Vec<Finding>,
    effects: Vec<EffectsRecord>,
    anomalies: Vec<Anomalies>,
}

impl Bench {
    /// Takes down what a check comes to. One that crashes has come to nothing.
    fn hear(&mut self, question: &Question, check: impl FnOnce() -> Opinion) {
        let opinion = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no reason given".to_owned());
            let why = format!("The check crashed, which is an error of this program: {text}");
            Opinion::inconclusive("unknown", why)
        });
        let anomalies = Anomalies::new(&question.name, opinion.rows);
        if let Some((source, joined)) = opinion.joined {
            self.effects.push(EffectsRecord { check: question.name.clone(), source, joined });
        }
        self.findings.push(Finding {
            check: question.name.clone(),
            title: question.title.clone(),
            kind: question.kind.to_owned(),
            severity: question.severity,
            verdict: opinion.verdict,
            measured: opinion.measured,
            bound: opinion.bound,
            why: opinion.why,
            since: opinion.since,
            evidence: opinion.evidence,
            evidence_file: anomalies.as_ref().map(|anomalies| anomalies.file.clone()),
            series: opinion.series,
            limit: opinion.limit,
            basis: Some(Basis {
                estimates: opinion.estimates,
                observed: opinion.reached,
                ..Basis::default()
            }),
            times: Vec::new(),
        });
        self.anomalies.extend(anomalies);
    }
}
