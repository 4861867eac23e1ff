//! Stop conditions: checks that are judged while faults are ahead or under way.
//!
//! A thread of its own follows the run's folder, as any reader could, and judges
//! what is written so far; it takes nothing from the load but a small share of
//! one processor.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use scenarios::Plan;
use scenarios::plan::Check;
use tokio::sync::oneshot;

use super::ConductError;
use super::faults::Breaking;
use crate::event::Event;
use crate::folder::Folder;
use crate::folder::follow::Follower;
use crate::history::Stopped;
use crate::judge::{Breach, so_far};
use crate::observe::Observer;
use crate::signal::Cancel;

/// How often the run is judged.
const EVERY: Duration = Duration::from_secs(2);
/// Judging may take this part of a processor: the pause is so many times as
/// long as the last judgement.
const PAUSES: u32 = 20;

/// Checks that are watched, or none.
pub(super) struct Stops {
    met: Option<oneshot::Receiver<Met>>,
    /// Whether a violation ends the run when no fault is ahead or under way, too.
    always: bool,
    /// Its end is the thread's.
    _alive: Option<Sender<()>>,
}

/// A condition that was met.
struct Met {
    check: String,
    breach: Breach,
}

impl Stops {
    /// Begins to watch the checks that the plan names; without faults there is
    /// nothing to stop, unless the run is to end at the first violation.
    pub(super) fn start(plan: &Plan, folder: &Folder) -> Result<Self, ConductError> {
        let named = plan.checks.iter().filter(|check| plan.safety.stop_if.contains(&check.name));
        let checks: Vec<Check> = named.cloned().collect();
        let always = plan.safety.abort_on_fail;
        if checks.is_empty() || (plan.faults.is_empty() && !always) {
            return Ok(Self { met: None, always, _alive: None });
        }
        let (alive, ended) = channel::<()>();
        let (tell, met) = oneshot::channel();
        let mut follower = Follower::new(folder, plan, &checks);
        let plan = plan.clone();
        let work = move || {
            let mut watch = Watch { plan, checks, suspected: None };
            let mut pause = EVERY;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let begun = Instant::now();
                // A folder that cannot be read now may be in a moment; one that
                // cannot be written ends the run anyway.
                if follower.catch_up().is_ok()
                    && let Some(met) = watch.look(&follower)
                {
                    // Nobody to tell: the run has ended.
                    let _ = tell.send(met);
                    return;
                }
                pause = EVERY.max(begun.elapsed() * PAUSES);
            }
        };
        thread::Builder::new()
            .name("stop-conditions".to_owned())
            .spawn(work)
            .map_err(|error| crashed(&error))?;
        Ok(Self { met: Some(met), always, _alive: Some(alive) })
    }

    /// Stops the run when a condition is met while faults are ahead or under
    /// way, or at any time. Never ends.
    pub(super) async fn watch(&mut self, breaking: &mut Breaking, seen: &Observer, stop: &Cancel) {
        if let Some(met) = self.met.take()
            && let Ok(Met { check, breach }) = met.await
            && (self.always || !breaking.is_over())
        {
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

fn crashed(error: &std::io::Error) -> ConductError {
    ConductError::Crashed { part: "the watch for stop conditions", why: error.to_string() }
}

/// What is judged, and what was violated at the last look.
struct Watch {
    plan: Plan,
    checks: Vec<Check>,
    suspected: Option<String>,
}

impl Watch {
    /// The first check that is violated. One that a fault may excuse must be so
    /// at two looks in a row, since a fault's line may be behind what it did.
    fn look(&mut self, follower: &Follower) -> Option<Met> {
        let before = self.suspected.take();
        for check in &self.checks {
            let Some(breach) = so_far(check, &self.plan, follower.history()) else { continue };
            let mut kind = check.kind.clone();
            let is_excusable = kind.statement().excused_by.iter().next().is_some();
            if is_excusable && before.as_ref() != Some(&check.name) {
                self.suspected.get_or_insert_with(|| check.name.clone());
                continue;
            }
            return Some(Met { check: check.name.clone(), breach });
        }
        None
    }
}

#[cfg(test)]
mod tests;
