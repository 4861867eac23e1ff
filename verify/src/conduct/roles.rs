//! Roles that processes of one's own play: seen before the load, and followed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chaos::{Process, Roles, World};
use scenarios::Plan;
use scenarios::plan::ProbeKind;
use tokio::time::MissedTickBehavior;

use crate::event::Event;
use crate::guards;
use crate::observe::Observer;

/// How often it is looked who is there.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A process that has just begun is not found by its command yet.
const BEGIN_WITHIN: Duration = Duration::from_secs(1);

/// The roles of a plan, each played by somebody now whom its faults may hit.
///
/// # Errors
/// Every selector that finds nobody, and everybody who may not be hit; one a line.
pub(crate) fn cast(plan: &Plan) -> Result<Arc<Roles>, String> {
    let guard = guards::guard(&plan.safety.allowed);
    // Without a command it is the supervisor's to start them again.
    let secrets = plan.secrets(&BTreeMap::new());
    let roles =
        Roles::new(&plan.system.roles, true, guard, &secrets).map_err(|error| error.to_string())?;
    let hit: BTreeSet<&str> = plan.faults.iter().filter_map(|fault| fault.kind.role()).collect();
    let watched = plan.probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Process { role } => Some(role.as_str()),
        _ => None,
    });
    let used: BTreeSet<&str> = hit.iter().copied().chain(watched).collect();
    let begun = Instant::now();
    while used.iter().any(|role| roles.check(role).is_err()) && begun.elapsed() < BEGIN_WITHIN {
        thread::park_timeout(BEGIN_WITHIN / 20);
    }
    let mut problems = Vec::new();
    for role in used {
        let errors = roles.check(role).err().unwrap_or_default();
        problems.extend(errors.iter().map(|error| format!("role {role}: {error}")));
        if hit.contains(role) {
            let refused = |process: &Process| roles.may_hit(process).err();
            let refused = roles.processes(role).iter().filter_map(refused).collect::<Vec<_>>();
            problems.extend(refused.iter().map(|error| format!("role {role}: {error}")));
        }
    }
    // That they are there is said otherwise.
    let _ = roles.changes();
    if problems.is_empty() { Ok(Arc::new(roles)) } else { Err(problems.join("\n")) }
}

/// Who plays the roles, one a line: `role worker: worker-1 is process 4711`.
pub(crate) fn told(plan: &Plan, roles: &Roles) -> Vec<String> {
    let mut lines = Vec::new();
    for (role, _) in plan.system.roles.iter().filter(|(role, _)| roles.has(role)) {
        for process in roles.processes(role) {
            lines.push(format!("role {role}: {process}, {}", chaos::role::shown(process.pid)));
        }
    }
    lines
}

/// Writes down who comes and goes, for as long as it is not dropped.
pub(crate) async fn follow(roles: Arc<Roles>, observer: Observer) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for change in roles.changes() {
            observer.event(Event::Process { name: change.name, what: change.what });
        }
    }
}
