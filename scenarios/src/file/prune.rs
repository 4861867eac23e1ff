//! Takes what is left out of what stays.

use std::collections::BTreeMap;

use super::item::Out;
use super::links::{Key, step_key};
use crate::plan::{Change, CheckKind, Deployment, LeftOut, Plan, Step};

/// Takes the steps that are left out of the deployments and of the checks on them, and a
/// canary of which no step is left.
pub(super) fn steps(plan: &mut Plan, out: &BTreeMap<Key, Out>) {
    let gone = |deployment: &str, step: &str| out.get(&step_key(deployment, step));
    let has_weights =
        |steps: &[Step]| steps.iter().any(|step| matches!(step.change, Change::Weight { .. }));
    for deployment in &mut plan.deployments {
        let Deployment { name, steps, .. } = deployment;
        for step in steps.iter() {
            if let Some(Out { why, cause, .. }) = gone(name, &step.name) {
                let (kind, name) = step_key(name, &step.name);
                plan.left_out.push(LeftOut { kind, name, why: why.clone(), cause: *cause });
            }
        }
        let had_weights = has_weights(steps);
        steps.retain(|step| gone(name, &step.name).is_none());
        if had_weights && !has_weights(steps) {
            deployment.canary = None;
        }
    }
    for check in &mut plan.checks {
        if let CheckKind::Rollout(rollout) = &mut check.kind {
            rollout.steps.retain(|step| gone(&rollout.deployment, step).is_none());
        }
    }
}

/// Takes what is left out of the lists of the checks that stay. A list of which
/// nothing would remain is kept: its check has no data and says so.
pub(super) fn lists(plan: &mut Plan) {
    let workload = |name: &str| plan.workloads.iter().any(|workload| workload.is_named(name));
    let fault = |name: &str| plan.faults.iter().any(|fault| fault.name == name);
    let checks = &plan.checks;
    let is_kept = |name: &String| checks.iter().any(|check| check.name == *name);
    plan.safety.stop_if.retain(is_kept);
    for deployment in &mut plan.deployments {
        deployment.roll_back_if.retain(is_kept);
    }
    for check in &mut plan.checks {
        let mut states = check.kind.statement();
        if states.workloads.iter().any(workload) {
            states.workloads.retain(workload);
        }
        // No fault is needed to excuse anything.
        states.excused_by.retain(fault);
    }
}
