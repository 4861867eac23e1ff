//! Leftover: a fault that should have been over and was not, and not by a failing
//! of the system. The tool could not take it back, or what it ended did not come
//! back in time by the start command that somebody gave for it.
//!
//! From the moment when it should have been over something is missing that the
//! scenario promised to give back, so what breaks from then on is inconclusive:
//!
//! - A check whose samples and operations have a time is judged once more without
//!   what came after that moment, less the time-out of its workload: who waited for
//!   an answer then may have waited for what never came. What broke before stands.
//! - What must be so by some time, or at the end, is judged where that time came
//!   before.
//! - An operation that is lost or dead-lettered has no time. It may still wait for
//!   whoever is away, so it proves nothing, whenever it was accepted, unless the
//!   fault healed after all ([`super::effects`]).
//! - Whatever an absent process cannot do stands: effects that are duplicated,
//!   resurrected or unexpected, two different answers, a broken order.
//!
//! Where a supervisor is to start processes again, that they stay away is the
//! system's own failing, and is judged ([`super::unhealed`]).

use reports::record::{FaultRecord, Verdict};
use scenarios::plan::{Check, CheckKind, Fault, Plan};

use super::answers;
use super::faults::whole_by;
use super::opinion::Opinion;
use super::starvation;
use super::words;
use crate::history::History;

/// A fault that was there for longer than it should.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leftover {
    /// When it should have been over, in seconds.
    pub(super) since: f64,
    /// Whether it was over in the end, however late.
    pub(super) has_healed: bool,
    /// What became of it, in a sentence.
    pub(super) why: String,
}

/// What is left over in a run, from the earliest moment on.
pub(super) fn leftover(plan: &Plan, history: &History) -> Option<Leftover> {
    let found = plan.faults.iter().filter_map(|fault| {
        let known = history.fault(&fault.name)?;
        of(fault, plan, known, history)
    });
    found.reduce(|one, other| {
        let has_healed = one.has_healed && other.has_healed;
        let first = if other.since < one.since { other } else { one };
        Leftover { has_healed, ..first }
    })
}

fn of(fault: &Fault, plan: &Plan, known: &FaultRecord, history: &History) -> Option<Leftover> {
    let name = &fault.name;
    let lasts = fault.kind.lasts().as_secs_f64();
    let since = known.injected.unwrap_or(known.planned) + lasts;
    let at = words::seconds(since);
    let because = known.problem.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    if known.still_there {
        let why = format!(
            "Fault {name} should have been over at {at} and could not be taken back{because}."
        );
        return Some(Leftover { since, has_healed: known.healed.is_some(), why });
    }
    let injected = known.injected.filter(|_| has_command(fault, plan))?;
    let limit = whole_by(fault, injected);
    let is_late = match known.healed {
        Some(healed) => healed > limit,
        // Of a run that ended before nobody knows.
        None => {
            let end = history.phases.last().map_or(f64::NEG_INFINITY, |phase| phase.to);
            known.problem.is_some() || end >= limit
        }
    };
    let late = match known.healed {
        Some(healed) => format!("only at {}", words::seconds(healed)),
        None => format!("not within {}", fault.heal_within),
    };
    let why = format!(
        "Fault {name} should have been over at {at}, and what it ended came back {late} by its \
         start command{because}."
    );
    is_late.then(|| Leftover { since, has_healed: known.healed.is_some(), why })
}

/// Whether what a fault ends is started again by a command that somebody gave.
pub(super) fn has_command(fault: &Fault, plan: &Plan) -> bool {
    let role = fault.kind.role().and_then(|role| plan.system.roles.get(role));
    fault.kind.ends_processes() && role.is_some_and(|role| !role.start.is_empty())
}

/// What a check comes to when it is not held against the system what a fault of the
/// tool left behind.
pub(super) fn excused(check: &Check, plan: &Plan, history: &History, opinion: Opinion) -> Opinion {
    if opinion.verdict != Verdict::Violated {
        return opinion;
    }
    let Some(leftover) = leftover(plan, history) else { return opinion };
    if stands(check, plan, history, &opinion, &leftover) {
        return opinion;
    }
    let why = format!(
        "{} {} What breaks from then on is not the system's doing for certain; see that the fault \
         can be taken back, and repeat the run.",
        opinion.why, leftover.why
    );
    Opinion { verdict: Verdict::Inconclusive, why, ..opinion }
}

/// Whether a violation is one without what came after a fault should have been
/// over, too.
fn stands(
    check: &Check,
    plan: &Plan,
    history: &History,
    opinion: &Opinion,
    leftover: &Leftover,
) -> bool {
    let is_violated = |history: &History| {
        let opinion = super::weigh_whole(check, plan, history);
        // What is left may be the host's doing in its turn.
        starvation::excused(check, plan, history, opinion).verdict == Verdict::Violated
    };
    let from = leftover.since - waits(check, plan);
    match &check.kind {
        // It does so by itself, by kinds of anomalies; and no absence swaps effects.
        CheckKind::Effects(_)
        | CheckKind::Aggregate(_)
        | CheckKind::Order(_)
        | CheckKind::Schema(_) => true,
        CheckKind::Rollout(_) => opinion.since.is_some_and(|since| since < from),
        CheckKind::Answers(check) => {
            let mut before = history.clone();
            answers::keep_due_before(check, &mut before, from);
            is_violated(&before)
        }
        // Its time was up.
        CheckKind::Drain(_) | CheckKind::Recovery(_) => {
            opinion.since.is_some_and(|until| until <= leftover.since)
        }
        CheckKind::Equal(equal) => {
            let ends = |name: &String| history.phase(name).is_some_and(|phase| phase.to <= from);
            !equal.phases.is_empty() && equal.phases.iter().all(ends)
        }
        CheckKind::Bound(_)
        | CheckKind::Growth(_)
        | CheckKind::Trend(_)
        | CheckKind::Speed(_)
        | CheckKind::Ratio(_)
        | CheckKind::Latency(_)
        | CheckKind::EndToEnd(_)
        | CheckKind::Canary(_)
        | CheckKind::Absence(_) => {
            let apart = vec![(from.floor(), f64::INFINITY)];
            is_violated(&starvation::without(check, history, apart))
        }
    }
}

/// For how long an operation that a check reads may wait for its answer, in seconds.
fn waits(check: &Check, plan: &Plan) -> f64 {
    let mut kind = check.kind.clone();
    let states = kind.statement();
    let read = plan.workloads.iter().filter(|workload| states.is_of(&workload.name));
    read.map(|workload| workload.timeout.as_secs_f64()).fold(0.0, f64::max)
}
