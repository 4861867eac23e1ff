//! Compare: a run does as well as an earlier one.
//!
//! Figures and intervals are those of the check [`super::canary`], with the later run
//! as the version under test and the earlier one as the stable version. What differs is
//! that both did not take place at the same time: no weather is common to them. So a
//! second of one is not held against a second of the other, but each phase as a whole
//! against the same phase, and what either could be by chance widens the interval
//! ([`figures`]). Comparing the other way round never breaks the same figure as well.
//!
//! What two runs cannot tell apart is another version from another machine, and the
//! record says so. As far as a host was seen to be starved it is left out: a breach that
//! is none without those seconds is inconclusive, and so is what holds only against a
//! starved baseline. The same where a load was not offered or a fault did not land.

mod alike;
mod condition;
mod figures;
mod seconds;

use reports::record::{Advice, Finding, SeriesRecord, Verdict};
use scenarios::plan::check::LatencyOf;
use scenarios::plan::workload::Expect;
use scenarios::plan::{Cause, LeftOut, Plan, Severity};
use scenarios::units::{Share, Span};

use self::figures::{Figure, Pairing};
use super::canary::part::Part;
use super::opinion::Opinion;
use super::{Anomalies, Bench, Question, canary, faults, flaws, load, words};
use crate::history::History;

pub use condition::{conditions, decide};

/// One of the two runs.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Its plan.
    pub plan: &'a Plan,
    /// Its history.
    pub history: &'a History,
}

/// What is asked of the later run.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The confidence with which all figures together are right.
    pub confidence: Share,
    /// How many points more of the operations may be unsuccessful.
    pub more: Share,
    /// How much longer response times may be …
    pub higher: Share,
    /// … and by how much at most …
    pub higher_by: Span,
    /// … though by so much in any case.
    pub floor: Span,
    /// The quantiles that are compared beside the typical response time.
    pub quantiles: Vec<Share>,
    /// The phases; without any, those that the scenario's checks judge.
    pub phases: Vec<String>,
    /// The workloads or parts of them; without any, all that both runs have.
    pub workloads: Vec<String>,
}

/// Why two runs cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// The record of one of them is damaged.
    #[error(
        "the record of the {side} is damaged: {what}; compare with a run whose folder is whole"
    )]
    Damaged {
        /// Which of the two.
        side: &'static str,
        /// The damaged part and what is wrong with it.
        what: String,
    },
    /// They are runs of different scenarios.
    #[error(
        "the baseline is a run of {baseline} and the run one of {run}; compare two runs of one scenario"
    )]
    Scenarios {
        /// The scenario of the baseline.
        baseline: String,
        /// That of the run.
        run: String,
    },
    /// There is no such phase in both.
    #[error("no phase {name:?} is in both runs; there are {known}")]
    Phase {
        /// The name that was asked for.
        name: String,
        /// The phases of both.
        known: String,
    },
    /// There is no such workload in both.
    #[error("no workload {name:?} is in both runs and asks for the same; there are {known}")]
    Workload {
        /// The name that was asked for.
        name: String,
        /// The workloads and parts that can be compared.
        known: String,
    },
    /// A condition that two runs alone do not answer.
    #[error(
        "--fail-if '{condition}': how far that wanders from run to run, two runs do not tell; give \
         a percentile, typical, errors or checks, or compare with several runs: --last 10"
    )]
    Condition {
        /// The condition.
        condition: String,
    },
    /// Nothing is left that could be compared.
    #[error("the runs have nothing in common that could be compared: {why}")]
    Nothing {
        /// Why the workloads and phases are not.
        why: String,
    },
}

/// What the comparison comes to.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// What makes the runs fit to be compared, then one for each figure of each
    /// workload in each phase.
    pub findings: Vec<Finding>,
    /// The worst of the findings.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub headline: String,
    /// What to do about a violation.
    pub advice: Option<Advice>,
    /// The evidence in full.
    pub anomalies: Vec<Anomalies>,
    /// The compared figures by second, `run` and `baseline` at the times of the run.
    pub series: Vec<SeriesRecord>,
    /// What differs between the runs beside the version, in sentences.
    pub differences: Vec<String>,
    /// What is not compared, and why.
    pub left_out: Vec<LeftOut>,
}

const NAMES: [&str; 2] = ["baseline", "run"];

/// The kind of a finding about a figure.
const KIND: &str = "compare";

/// How many seconds a phase has by the plans, and how many operations of a workload.
fn planned(plans: [&Plan; 2], workload: &str, phase: &str) -> (f64, f64) {
    let of = |plan: &Plan| {
        let length = plan.phases.iter().find(|planned| planned.name == phase);
        let seconds = length.map_or(0.0, |planned| planned.length.as_secs_f64());
        let rate = plan.workloads.iter().find(|planned| planned.is_named(workload));
        (seconds, seconds * rate.map_or(0.0, |planned| planned.rate.0))
    };
    let [before, now] = plans.map(of);
    (before.0.min(now.0), before.1.min(now.1))
}

/// Compares a run with an earlier one.
///
/// # Errors
/// When that makes no sense.
pub fn compare(
    baseline: Side<'_>,
    run: Side<'_>,
    asked: &Asked,
) -> Result<Comparison, Incomparable> {
    let whole = [baseline, run].map(|side| flaws::without_impossible(side.plan, side.history));
    for (name, history) in NAMES.into_iter().zip(&whole) {
        if let Some(flaw) = history.flaws.first() {
            let part = flaw.series.as_ref().unwrap_or(&flaw.part);
            return Err(Incomparable::Damaged {
                side: name,
                what: format!("{part}: {}", flaw.why),
            });
        }
    }
    let mut common = alike::find(baseline.plan, run.plan, asked)?;
    let mut differences = alike::differences(baseline.plan, run.plan);
    differences.extend(alike::hosts(baseline.history, run.history));

    let mut bench = Bench::default();
    for (name, side) in NAMES.into_iter().zip([baseline, run]) {
        fitness(&mut bench, name, side);
    }
    let unfit = bench.findings.iter().find(|finding| finding.verdict != Verdict::Held);
    let unfit = unfit.map(|finding| format!("{}: {}", finding.check, finding.why));

    let figures = |name: &str| -> Vec<Figure> {
        let is_refused = run
            .plan
            .workloads
            .iter()
            .any(|workload| workload.is_named(name) && workload.expect == Expect::Refused);
        let times = asked.quantiles.iter().map(|&quantile| Figure::Quantile(quantile));
        let times = std::iter::once(Figure::Typical).chain(times);
        std::iter::once(Figure::Errors).chain(times.filter(|_| !is_refused)).collect()
    };
    let count: usize = common.pairs.iter().map(|(workload, _)| figures(workload).len()).sum();
    let error = (1.0 - asked.confidence.0) / count.max(1) as f64;
    let mut series = Vec::new();
    for (workload, phase) in &common.pairs {
        let pairing = Pairing::of([baseline, run], workload, phase, asked, error);
        for figure in figures(workload) {
            let name = format!("{workload}.{}", figure.word());
            if let Ok(pairing) = &pairing {
                pairing.draw(figure, &name, &mut series);
            }
            let question = Question {
                name: format!("{workload}.{phase}.{}", figure.word()),
                title: format!("{} of {workload} in {phase}", figure.title()),
                kind: KIND,
                severity: Severity::Violation,
            };
            bench.hear(&question, || {
                let bound = figure.bound(asked);
                let part = match &pairing {
                    Ok(pairing) => pairing.judge(figure),
                    Err(why) => Part::open(&question.title, why),
                };
                let opinion = canary::sum_up(&bound, vec![part]);
                unless_unfit(opinion, unfit.as_deref()).drawn(&name, None)
            });
            let is_open = |one: &mut Finding| one.verdict == Verdict::Inconclusive;
            let planned = planned([baseline.plan, run.plan], workload, phase);
            if let Some(why) = figure.too_small(planned, asked, error)
                && let Some(open) = bench.findings.pop_if(is_open)
            {
                let (kind, name) = ("check".to_owned(), open.check);
                common.left_out.push(LeftOut { kind, name, why, cause: Cause::Unable });
            }
        }
    }
    let findings = bench.findings;
    let count = findings.iter().filter(|finding| finding.kind == KIND).count();
    let worst = findings.iter().map(|finding| finding.verdict).max();
    let verdict = worst.filter(|_| count > 0).unwrap_or(Verdict::Inconclusive);
    Ok(Comparison {
        headline: headline(&findings, verdict, count, asked.confidence),
        advice: advice(&findings, verdict),
        verdict,
        findings,
        anomalies: bench.anomalies,
        series,
        differences,
        left_out: common.left_out,
    })
}

/// Whether the load of a run was offered and its faults landed. Never violated: what a
/// run is worth by itself its own verdict says.
fn fitness(bench: &mut Bench, name: &str, side: Side<'_>) {
    let question = |check: &str, kind, title: &str| Question {
        name: format!("{name}.{check}"),
        title: format!("{name}: {title}"),
        kind,
        severity: Severity::Violation,
    };
    let Side { plan, history } = side;
    let offered = question("load-was-offered", "load", "the load was offered as planned");
    bench.hear(&offered, || never_violated(load::judge(plan, history)));
    if !(plan.faults.is_empty() && faults::judge(plan, history).verdict == Verdict::Held) {
        let landed = question("faults-landed", "faults", "every planned fault landed and healed");
        bench.hear(&landed, || never_violated(faults::judge(plan, history)));
    }
}

fn never_violated(opinion: Opinion) -> Opinion {
    Opinion { verdict: opinion.verdict.min(Verdict::Inconclusive), ..opinion }
}

/// A breach that the generator or a fault may have made blames nobody.
fn unless_unfit(opinion: Opinion, unfit: Option<&str>) -> Opinion {
    match unfit {
        Some(unfit) if opinion.verdict == Verdict::Violated => {
            let why = format!(
                "{} But the runs were not loaded and broken alike ({}).",
                opinion.why,
                unfit.trim_end_matches('.')
            );
            Opinion { verdict: Verdict::Inconclusive, why, ..opinion }
        }
        _ => opinion,
    }
}

fn headline(findings: &[Finding], verdict: Verdict, count: usize, confidence: Share) -> String {
    let such: Vec<&Finding> = findings.iter().filter(|one| one.verdict == verdict).collect();
    let others = match such.len().saturating_sub(1) as u64 {
        0 => String::new(),
        more => format!(" ({} more)", words::count(more)),
    };
    match (verdict, such.first()) {
        (Verdict::Held, _) => format!(
            "{} no worse than in the baseline, within the tolerances, with {confidence} confidence",
            words::plural(count as u64, "figure")
        ),
        (Verdict::Violated, Some(first)) => {
            format!("{} is worse than in the baseline: {}{others}", first.check, first.measured)
        }
        _ if count == 0 => {
            "no phase is long enough to compare anything in, so nothing is proven".to_owned()
        }
        (_, Some(first)) => format!("could not be judged: {}: {}{others}", first.check, first.why),
        (_, None) => "nothing was compared, so nothing is proven".to_owned(),
    }
}

fn advice(findings: &[Finding], verdict: Verdict) -> Option<Advice> {
    let worse = findings.iter().filter(|finding| finding.verdict == Verdict::Violated);
    let because = |one: &Finding| {
        format!("{}: {}, where the bound is {}", one.check, one.measured, one.bound)
    };
    (verdict == Verdict::Violated).then(|| Advice {
        what: "Run the version of the baseline again, on the host of the later run, and compare \
               with that: if the later run is worse still, do not ship its version."
            .to_owned(),
        because: worse.map(because).collect(),
    })
}

/// How much longer something may take, as the check `canary` has it.
fn latency_of(asked: &Asked, quantile: Option<Share>) -> LatencyOf {
    LatencyOf {
        workloads: Vec::new(),
        stable: Vec::new(),
        quantile,
        max: None,
        higher: Some(asked.higher),
        higher_by: Some(asked.higher_by),
        floor: Some(asked.floor),
    }
}
