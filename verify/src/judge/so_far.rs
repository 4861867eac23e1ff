//! A check on the run so far, for stop conditions.
//!
//! The run is cut off at the last moment of which everything is known that the
//! check needs, and judged as if it had been planned to end there: phases that
//! have not begun are no phases, and the one that goes on ends at the cut. Only
//! a breach counts. That a check is not violated yet says nothing.
//!
//! The run that was stopped is judged at the same cut later, so the breach that
//! stopped it is in its verdict, and `recheck` finds it again.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use reports::record::{DeploymentRecord, PhaseRecord, Verdict};
use scenarios::plan::check::Pace;
use scenarios::plan::{Check, CheckKind, Live, Plan, Statement};
use scenarios::series::HOST_NAME;
use scenarios::units::Span;

use super::opinion::Opinion;
use crate::history::{History, WorkloadHistory};

/// A check that is violated so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// The moment up to which the run was judged, in seconds.
    pub judged_to: f64,
    /// When the bound was first broken, in seconds, where the check tells.
    pub since: Option<f64>,
    /// What was measured, and what is allowed.
    pub why: String,
}

/// Whether the check is violated so far. Kinds that say nothing before the end,
/// and a check that crashes, are not.
#[must_use]
pub fn so_far(check: &Check, plan: &Plan, history: &History) -> Option<Breach> {
    let judged_to = known_to(&check.kind.clone().statement(), history)?;
    let opinion = at(check, plan, history, judged_to)?;
    let (measured, bound) = (&opinion.measured, &opinion.bound);
    let why = format!("{measured}, where {bound} is allowed. {}", opinion.why);
    Some(Breach { judged_to, since: opinion.since, why })
}

/// The samples' times are written with microseconds, so nothing lies between a
/// sample and this much behind it.
const BEHIND: f64 = 5e-7;

/// The host's pressure may be so late, in seconds; later, it is no longer watched.
const HOST_LATE: f64 = 5.0;

/// What the check comes to on the run up to a moment, if that is a violation.
pub(super) fn at(check: &Check, plan: &Plan, history: &History, to: f64) -> Option<Opinion> {
    let opinion = catch_unwind(AssertUnwindSafe(|| opinion(check, plan, history, to))).ok()??;
    (opinion.verdict == Verdict::Violated).then_some(opinion)
}

/// What the check comes to on the run up to a moment; nothing where none of its phases
/// has begun, or only the end of a run decides.
pub(super) fn opinion(check: &Check, plan: &Plan, history: &History, to: f64) -> Option<Opinion> {
    if check.kind.clone().statement().live == Live::No {
        return None;
    }
    let (mut plan, phases) = cut_plan(plan, to);
    let mut check = check.clone();
    let mut judged = check.kind.statement().phases;
    if !judged.begin(|name| phases.iter().any(|phase| phase.name == name)) {
        return None;
    }
    // Those that share a probability of error share it at every look.
    plan.checks.retain(|check| matches!(check.kind, CheckKind::Canary(_)));
    let names = plan.workloads_of(&check.kind.statement());
    let history = cut_history(&check.kind.statement(), &names, history, phases, to);
    Some(super::weigh_fairly(&check, &plan, &history))
}

/// The last moment of which everything is known that the check reads. A sample
/// belongs to what is before the cut.
fn known_to(states: &Statement<'_>, history: &History) -> Option<f64> {
    let of_workloads = states.workloads.iter().map(|workload| format!("{workload}.acked"));
    let mut known = match states.live {
        Live::ByStep => last_told(&history.deployments)?,
        Live::BySample | Live::BySecond | Live::No => f64::INFINITY,
    };
    for series in states.series().map(str::to_owned).chain(of_workloads) {
        known = known.min(history.samples.last(&series)?.at);
    }
    // What excuses a breach must be known as well, unless nobody records it.
    if states.pace != Pace::Never {
        let host = history.samples.last(&format!("{HOST_NAME}.window"));
        known = host
            .map(|last| last.at)
            .filter(|at| known - at < HOST_LATE)
            .map_or(known, |at| known.min(at));
    }
    match states.live {
        _ if known.is_infinite() => None,
        Live::BySample => Some(known + BEHIND),
        Live::BySecond => Some(known.floor()),
        Live::ByStep => Some(known),
        Live::No => None,
    }
}

/// When the last step of a deployment was done or failed.
fn last_told(deployments: &[DeploymentRecord]) -> Option<f64> {
    let ended = deployments.iter().flat_map(|deployment| {
        let steps = deployment.steps.iter().flat_map(|step| [step.done, step.failed]);
        let rollbacks = deployment.rolled_back.iter();
        steps.chain(rollbacks.flat_map(|rollback| [rollback.done, rollback.failed])).flatten()
    });
    ended.max_by(f64::total_cmp)
}

/// What was known of a deployment at the cut.
fn cut_deployment(whole: &DeploymentRecord, to: f64) -> DeploymentRecord {
    let mut cut = whole.clone();
    let is_later = |at: &mut f64| *at > to;
    for step in &mut cut.steps {
        let is_open =
            step.done.take_if(is_later).is_some() | step.failed.take_if(is_later).is_some();
        if is_open {
            (step.why, step.at_end, step.canary_at_end) = (None, None, None);
        }
        step.confirmed.take_if(is_later);
        step.asked.take_if(is_later);
    }
    cut.rolled_back.take_if(|rollback| rollback.asked > to);
    if let Some(rollback) = &mut cut.rolled_back
        && (rollback.done.take_if(is_later).is_some() | rollback.failed.take_if(is_later).is_some())
    {
        (rollback.why, rollback.at_end, rollback.canary_at_end) = (None, None, None);
    }
    cut
}

/// The plan of a run that ends at the cut, and its phases.
fn cut_plan(plan: &Plan, to: f64) -> (Plan, Vec<PhaseRecord>) {
    let mut phases = Vec::new();
    for (name, from, until) in plan.timeline().iter() {
        let (from, until) = (from.as_secs_f64(), until.as_secs_f64().min(to));
        if from < until {
            phases.push(PhaseRecord { name: name.to_owned(), from, to: until });
        }
    }
    let mut plan = plan.clone();
    plan.phases.truncate(phases.len());
    for (phase, record) in plan.phases.iter_mut().zip(&phases) {
        let length = std::time::Duration::try_from_secs_f64(record.to - record.from);
        phase.length = Span(length.unwrap_or_default());
    }
    (plan, phases)
}

/// What the check needs of the history, up to the cut.
fn cut_history(
    states: &Statement<'_>,
    names: &BTreeSet<String>,
    history: &History,
    phases: Vec<PhaseRecord>,
    to: f64,
) -> History {
    let mut cut = History {
        phases,
        faults: history.faults.clone(),
        deployments: history.deployments.iter().map(|whole| cut_deployment(whole, to)).collect(),
        lines: history.lines.clone(),
        troubles: history.troubles.clone(),
        never_there: history.never_there.clone(),
        ..History::default()
    };
    let known = history.workloads.keys().map(String::as_str);
    let workloads: Vec<&str> = known.filter(|name| names.contains(*name)).collect();
    let is_known = |name: &str| {
        states.series().any(|series| series == name)
            || name.strip_prefix(HOST_NAME).is_some_and(|rest| rest.starts_with('.'))
            || name.rsplit_once('.').is_some_and(|(workload, _)| workloads.contains(&workload))
    };
    cut.samples = history.samples.up_to(to, is_known);
    for name in workloads {
        let response = history.workloads.get(name).map(|told| told.response.clone());
        let told = WorkloadHistory::with_times(name, response.unwrap_or_default());
        cut.workloads.insert(name.to_owned(), told);
    }
    cut
}
