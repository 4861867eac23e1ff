//! Deployments: every step was asked for, at its time, and what the steps changed was
//! taken back in the end.
//!
//! Every run with deployments has this finding, as it has one on faults: a rollout that
//! was never asked for makes the calm after it worthless. Never violated: whether a step
//! was done is what checks `rollout` are for. Inconclusive when a step could not be asked
//! for, was not seen to be taken note of although it was not given up either, was asked
//! for long after its time without waiting for the one before, or never came to its turn;
//! and when a deployment could not be given back what it had. What was left out because
//! the deployment had been rolled back was meant to be.

use reports::record::{DeploymentRecord, DeploymentStep};
use scenarios::plan::Plan;

use super::opinion::{Opinion, evidence};
use super::words;
use crate::history::History;

/// A step may be asked for so long after its time, in seconds: the undo is written first,
/// and the machine may be busy.
const LATE: f64 = 5.0;

pub(super) fn judge(plan: &Plan, history: &History) -> Opinion {
    let bound = "every step of a deployment, asked for at its time, and taken back in the end";
    let (mut failures, mut told, mut asked, mut all) = (Vec::new(), Vec::new(), 0_u64, 0_u64);
    for planned in &plan.deployments {
        all += planned.steps.len() as u64;
        let Some(known) = history.deployment(&planned.name) else {
            failures.push(format!("deployment {} never came to its turn", planned.name));
            continue;
        };
        let mut free_at = 0.0_f64;
        for step in &planned.steps {
            let name = format!("step {} of {}", step.name, planned.name);
            let Some(seen) = known.steps.iter().find(|seen| seen.name == step.name) else {
                failures.push(format!("{name} never came to its turn"));
                continue;
            };
            let free = if step.overlaps { 0.0 } else { free_at };
            match failure(seen, free, known) {
                Some(why) => failures.push(format!("{name} {why}")),
                None => asked += 1,
            }
            told.push(evidence(name, seen.what.clone(), seen.asked));
            free_at = free_at.max(seen.done.or(seen.failed).unwrap_or(0.0));
        }
        let problem = known.restored.as_ref().and_then(|restored| restored.problem.as_ref());
        failures.extend(problem.map(|why| {
            format!("deployment {} could not be given back what it had: {why}", planned.name)
        }));
    }
    let measured = format!("{asked} of {}", words::plural(all, "step"));
    if failures.is_empty() {
        let why = format!("{measured} were asked for.");
        Opinion::held(bound, measured, why).evidence(told)
    } else {
        Opinion::doubtful(bound, measured, format!("{}.", failures.join("; "))).evidence(told)
    }
}

/// Why a step was not taken as it was planned, if so. Until `free` the one before it was
/// under way.
fn failure(step: &DeploymentStep, free: f64, known: &DeploymentRecord) -> Option<String> {
    if known.rolled_back.is_some() && step.skipped.is_some() {
        return None;
    }
    if let Some(why) = &step.skipped {
        return Some(format!("was left out: {why}"));
    }
    let why = step.why.as_deref().unwrap_or("the run had ended before");
    let Some(asked) = step.asked.filter(|_| !step.unasked) else {
        return Some(format!("could not be asked for: {why}"));
    };
    let late = asked - step.due.max(free);
    if late > LATE {
        return Some(format!("was asked for {} after its time", words::seconds(late)));
    }
    let is_seen = step.confirmed.is_some() || step.is_over();
    (!is_seen).then(|| "was asked for, and nobody saw that it was taken note of".to_owned())
}
