//! Programs of the user's own that probes, sources of effects and faults run: each
//! must be there. None is run; which one a text for `sh -c` starts nobody knows.

use machine::program;
use scenarios::plan::fault::Harm;
use scenarios::plan::{Access, Plan};
use scenarios::program::Program;

use crate::targets::TargetError;

/// Every program of a plan that is not there.
pub(super) fn missing(plan: &Plan) -> Vec<TargetError> {
    let runs = |access| match access {
        Access::Runs(program) => Some(program),
        Access::Reads | Access::Writes(_) => None,
    };
    let mut all: Vec<(String, &Program)> = Vec::new();
    for probe in &plan.probes {
        all.extend(runs(probe.kind.access()).map(|run| (format!("probe {}", probe.name), run)));
    }
    for effects in &plan.effects {
        let found = effects.accesses().filter_map(runs);
        all.extend(found.map(|run| (format!("effects {}", effects.name), run)));
    }
    for fault in &plan.faults {
        if let Harm::Programs(programs) = fault.kind.harms() {
            let what = format!("fault {}", fault.name);
            all.extend(programs.into_iter().map(|run| (what.clone(), run)));
        }
    }
    for deployment in &plan.deployments {
        let what = format!("deployment {}", deployment.name);
        all.extend(deployment.at.programs().map(|run| (what.clone(), run)));
    }
    all.extend(plan.safety.on_abort.iter().map(|run| ("on_abort".to_owned(), run)));
    let missing = all.into_iter().filter_map(|(what, run)| {
        let file = run.file().filter(|file| !program::is_there(file))?;
        let why = format!("there is no program {file:?}; write a path or a name that is in PATH");
        Some(TargetError::Unusable { what, why })
    });
    let mut missing: Vec<TargetError> = missing.collect();
    missing.dedup_by_key(|error| error.to_string());
    missing
}
