//! What must have drained some time after a phase or a fault is looked at until it has, or
//! its time is up: a run that ended before could not tell.

use std::time::Duration;

use scenarios::plan::{Check, CheckKind, Plan};
use tokio::time::sleep;

use super::ConductError;
use crate::clock::Clock;
use crate::folder::Folder;
use crate::folder::follow::Follower;
use crate::judge::drains_until;
use crate::progress::Progress;
use crate::signal::Cancel;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// The last sample may be written down so much later, in seconds.
const BEHIND: f64 = 1.5;

/// Waits until nothing of the plan can still drain in time, or the run is cancelled.
///
/// # Errors
/// When the thread that reads the run's folder crashed.
pub(super) async fn settle(
    plan: &Plan,
    folder: &Folder,
    clock: Clock,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(), ConductError> {
    let drains = |check: &&Check| matches!(check.kind, CheckKind::Drain(_));
    let checks: Vec<Check> = plan.checks.iter().filter(drains).cloned().collect();
    let mut told = false;
    let mut follower = Follower::new(folder, plan, &checks);
    while !checks.is_empty() && !cancel.is_cancelled() {
        let read = tokio::task::spawn_blocking(move || {
            // What cannot be read now may be in a moment, and nothing waits for ever.
            let _ = follower.catch_up();
            follower
        });
        follower = read.await.map_err(|error| ConductError::Crashed {
            part: "the watch of what drains",
            why: error.to_string(),
        })?;
        let until = checks.iter().filter_map(|check| drains_until(check, plan, follower.history()));
        if until.fold(f64::NEG_INFINITY, f64::max) + BEHIND <= clock.now() {
            break;
        }
        if !std::mem::replace(&mut told, true) {
            progress.step("waiting until what must drain has, or its time is up");
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            () = cancel.cancelled() => {}
        }
    }
    Ok(())
}
