//! Programs of the user's own that workloads, probes, sources of effects, faults and
//! deployments run: each must be there, and a text for a shell must be one that it can
//! read. None is run; which program a text starts nobody knows.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use machine::program;
use scenarios::plan::fault::Harm;
use scenarios::plan::{Access, Plan, Transport};
use scenarios::program::Program;

use crate::targets::TargetError;

/// Every program that the run itself starts, each with whose it is.
fn all(plan: &Plan) -> Vec<(String, &Program)> {
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
        let of = |key: &str| format!("deployment {}, {key}", deployment.name);
        all.extend(deployment.at.named_programs().map(|(key, run)| (of(key), run)));
    }
    all.extend(plan.safety.on_abort.iter().map(|run| ("on_abort".to_owned(), run)));
    all
}

/// Every program of a plan that is not there.
pub(super) fn missing(plan: &Plan) -> Vec<TargetError> {
    let missing = all(plan).into_iter().filter_map(|(what, run)| {
        let file = run.file().filter(|file| !program::is_there(file))?;
        let why = format!("there is no program {file:?}; write a path or a name that is in PATH");
        Some(TargetError::Unusable { what, why })
    });
    let mut missing: Vec<TargetError> = missing.collect();
    missing.dedup_by_key(|error| error.to_string());
    missing
}

/// Every text for a shell that the shell cannot read.
pub(super) fn unreadable(plan: &Plan) -> Vec<TargetError> {
    let mut all = all(plan);
    for workload in &plan.workloads {
        if let Transport::Command(command) = &workload.transport {
            all.push((format!("workload {}", workload.name), &command.run));
        }
    }
    let roles = plan.system.roles.iter().filter(|(_, role)| !role.start.is_empty());
    all.extend(roles.map(|(name, role)| (format!("role {name}, start"), &role.start)));
    let unreadable = all.into_iter().filter_map(|(what, program)| {
        let said = flaw(program)?;
        let why = format!(
            "sh cannot read {program} ({said}); see that every quote and bracket in it is closed, \
             or write a list, which no shell sees"
        );
        Some(TargetError::Mistaken { what, why })
    });
    unreadable.collect()
}

/// What the shell says of a text that it cannot read.
fn flaw(program: &Program) -> Option<String> {
    let Program::Shell(_) = program else { return None };
    // Whatever an address is, it is part of one word.
    let any = program.targets().into_iter().map(|key| (key, "x".to_owned()));
    let words = program.words(&any.collect::<BTreeMap<_, _>>()).ok()?;
    let [sh, arguments @ ..] = &words[..] else { return None };
    // It reads the text and carries out nothing of it.
    let read = Command::new(sh).arg("-n").args(arguments).stdin(Stdio::null()).output().ok()?;
    if read.status.success() {
        return None;
    }
    let said = String::from_utf8_lossy(&read.stderr);
    let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    Some(said.trim().trim_start_matches("sh: ").trim_start_matches("-c: ").to_owned())
}

#[cfg(test)]
mod tests {
    use scenarios::template::Template;

    use super::*;

    #[test]
    fn a_text_is_read_by_the_shell_and_not_carried_out() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let touch = format!("touch {}", mark.display());
        for (text, is_right) in [
            (&*touch, true),
            ("./deploy \"$DEPLOYMENT\" ${target.db} '${target.db}' > log", true),
            ("./deploy \"x", false),
            ("./deploy 'x", false),
            ("if true; then ./deploy", false),
            ("(./deploy", false),
        ] {
            let said = flaw(&Program::Shell(Template::new(text)));
            assert_eq!(said.is_none(), is_right, "{text}: {said:?}");
        }
        assert!(!mark.exists());
        assert_eq!(flaw(&Program::literal(["./deploy", "\"x"])), None, "no shell sees a list");
    }
}
