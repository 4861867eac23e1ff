//! Stop conditions: checks that are judged while faults are ahead or under way.

use scenarios::Plan;
use scenarios::plan::Check;

use super::ConductError;
use super::breaches::{Breaches, Met};
use super::faults::Breaking;
use crate::event::Event;
use crate::folder::Folder;
use crate::history::Stopped;
use crate::judge::Breach;
use crate::observe::Observer;
use crate::signal::Cancel;

/// Checks that are watched, or none.
pub(super) struct Stops {
    breaches: Breaches,
    /// Whether a violation ends the run when no fault is ahead or under way, too.
    always: bool,
}

impl Stops {
    /// Begins to watch the checks that the plan names; without faults and deployments there
    /// is nothing to stop, unless the run is to end at the first violation. What a
    /// deployment changed is there until the end.
    pub(super) fn start(plan: &Plan, folder: &Folder) -> Result<Self, ConductError> {
        let always = plan.safety.abort_on_fail || !plan.deployments.is_empty();
        let named = |check: &&Check| plan.safety.stop_if.contains(&check.name);
        let named = plan.checks.iter().filter(|_| always || !plan.faults.is_empty()).filter(named);
        let checks = named.cloned().collect();
        let breaches = Breaches::watch(plan, folder, checks, "stop-conditions")?;
        Ok(Self { breaches, always })
    }

    /// Stops the run when a condition is met while faults are ahead or under
    /// way, or at any time. Never ends.
    pub(super) async fn watch(&mut self, breaking: &mut Breaking, seen: &Observer, stop: &Cancel) {
        let Met { check, breach } = self.breaches.next().await;
        if self.always || !breaking.is_over() {
            let at = (seen.clock().now() * 1e3).round() / 1e3;
            breaking.take_back(&format!("stopped by {check} at {at} s"));
            let Breach { judged_to, why, .. } = breach;
            let stopped = Stopped { check, at, judged_to, why };
            seen.event(Event::RunStopped { stop: stopped });
            stop.cancel();
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests;
