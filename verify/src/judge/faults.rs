//! Faults: everything that was to be broken was broken, seen to be broken, and
//! whole again in time.
//!
//! Every run has this finding, because a fault that never landed makes the
//! calm after it worthless. Never violated: whether the system bore the fault is
//! what the other checks are for. Inconclusive when a planned fault was not
//! injected, was blocked, hit nothing, was not confirmed, did not heal within its
//! time, or has a problem; or when it was injected before its time, long after
//! it, or outside of its phase: that is not what the scenario asks for. Evidence:
//! each fault with its victims. Faults that this run skips are not planned; but
//! where it skips all of them, each must have been skipped by its name or switched
//! off: a system that nothing was done to has not borne what the scenario asks
//! for.

use reports::record::FaultRecord;
use scenarios::plan::{Cause, Fault, LeftOut, Plan};

use super::opinion::{Opinion, evidence};
use super::words;
use crate::history::History;

/// What the watch for the healing may add to it, in seconds.
const SLACK: f64 = 1.0;
/// A fault may come so much before its time, in seconds: clocks are rounded.
const EARLY: f64 = 0.1;
/// A fault may come so long after its time, in seconds: the undo is written
/// first, victims are found, and the machine may be busy.
const LATE: f64 = 5.0;

pub(super) fn judge(plan: &Plan, history: &History) -> Opinion {
    let bound = "every planned fault, injected, confirmed and healed";
    if plan.faults.is_empty() {
        return without(plan, bound);
    }
    let mut failures = Vec::new();
    let mut told = Vec::new();
    for fault in &plan.faults {
        let known = history.fault(&fault.name);
        match known {
            Some(known) => {
                told.push(evidence(
                    format!("fault {}", fault.name),
                    format!("{} hit {}", known.kind, words::list(&known.victims)),
                    known.injected,
                ));
                failures.extend(failure(fault, plan, known, history));
            }
            None => failures.push(format!("fault {} never came to its turn", fault.name)),
        }
    }
    let landed = plan.faults.len() - failures.len();
    let measured = format!("{landed} of {}", words::plural(plan.faults.len() as u64, "fault"));
    if failures.is_empty() {
        let why = format!("{measured} landed and healed.");
        Opinion::held(bound, measured, why).evidence(told)
    } else {
        Opinion::doubtful(bound, measured, format!("{}.", failures.join("; "))).evidence(told)
    }
}

/// What it means that the run has no faults: nothing, where the scenario has none
/// or somebody said so of each.
fn without(plan: &Plan, bound: &str) -> Opinion {
    let unasked = |item: &&LeftOut| item.kind == "fault" && item.cause == Cause::Unable;
    let unasked: Vec<&LeftOut> = plan.left_out.iter().filter(unasked).collect();
    if unasked.is_empty() {
        return Opinion::held(bound, "no faults", "No fault is part of this run.");
    }
    let names: Vec<&str> = unasked.iter().map(|item| item.name.as_str()).collect();
    let flags: Vec<String> = names.iter().map(|name| format!("--skip-fault {name}")).collect();
    let why = format!(
        "No fault of the scenario is left in this run, so nothing says that the system bears one: {} could not be part of it. If that is meant, say so with {}.",
        words::list(&names),
        flags.join(" ")
    );
    let told = unasked.iter().map(|item| evidence(format!("fault {}", item.name), &item.why, None));
    Opinion::doubtful(bound, "no faults", why).evidence(told)
}

/// When a fault is due, in seconds.
pub(super) fn due(fault: &Fault, plan: &Plan) -> f64 {
    let phase = plan.timeline().span(&fault.phase).map_or(0.0, |(from, _)| from.as_secs_f64());
    phase + fault.at.as_secs_f64()
}

/// When the system should be whole again after a fault at the latest, in seconds.
pub(super) fn whole_by(fault: &Fault, injected: f64) -> f64 {
    let lasts = fault.kind.lasts().as_secs_f64();
    injected + fault.heal_within.as_secs_f64().max(lasts) + SLACK
}

/// Whether the record does not tell for certain what became of a fault: nothing
/// of its end, or times that cannot be what the plan asks for.
pub(super) fn is_untold(fault: &Fault, plan: &Plan, known: Option<&FaultRecord>) -> bool {
    let Some(known) = known else { return true };
    match known.injected {
        // One that did not come to pass always has a reason.
        None => known.problem.is_none() && !known.blocked,
        Some(injected) => mistimed(fault, plan, injected).is_some(),
    }
}

/// How the time of a fault differs from what was planned, if it does.
fn mistimed(fault: &Fault, plan: &Plan, injected: f64) -> Option<String> {
    let due = due(fault, plan);
    let end = plan.timeline().span(&fault.phase).map_or(f64::INFINITY, |(_, to)| to.as_secs_f64());
    let (name, at, planned) = (&fault.name, words::seconds(injected), words::seconds(due));
    if injected < due - EARLY {
        Some(format!("fault {name} was injected at {at}, before its time, {planned}"))
    } else if injected >= end {
        Some(format!("fault {name} was injected at {at}, after phase {} had ended", fault.phase))
    } else if injected > due + LATE && fault.after.is_none() {
        Some(format!("fault {name} was injected at {at}, long after its time, {planned}"))
    } else {
        None
    }
}

fn failure(fault: &Fault, plan: &Plan, known: &FaultRecord, history: &History) -> Option<String> {
    let name = &fault.name;
    let within = fault.heal_within.as_secs_f64();
    if known.blocked {
        let why = known.problem.as_deref().unwrap_or("nobody said why");
        return Some(format!("fault {name} was blocked: {why}"));
    }
    if let Some(problem) = &known.problem {
        return Some(format!("fault {name}: {problem}"));
    }
    let Some(injected) = known.injected else {
        return Some(format!("fault {name} was not injected"));
    };
    if let Some(why) = mistimed(fault, plan, injected) {
        return Some(why);
    }
    if known.victims.is_empty() {
        return Some(format!("fault {name} hit nothing"));
    }
    if known.confirmed.is_none() {
        return Some(format!("fault {name} was injected and not seen to have landed"));
    }
    // Taken back early or late, the system is to be whole so long after its time.
    let over = injected + fault.kind.lasts().as_secs_f64();
    let over = known.undone.map_or(over, |undone| undone.min(over));
    match (known.healed, known.undone.filter(|_| history.interrupted)) {
        (Some(healed), _) if healed - over <= within + SLACK => None,
        (Some(healed), _) => Some(format!(
            "fault {name} took {} to heal, and may take {}",
            words::seconds(healed - over),
            fault.heal_within
        )),
        (None, Some(undone)) => Some(format!(
            "fault {name} was over at {}, and the run was interrupted before it was seen to heal",
            words::seconds(undone)
        )),
        (None, None) => Some(format!("fault {name} did not heal within {}", fault.heal_within)),
    }
}
