//! Checks that are judged while the run goes on, because their violation ends it or says
//! that a deployment should be rolled back.
//!
//! A thread of its own follows the run's folder, as any reader could, and judges
//! what is written so far; it takes nothing from the load but a small share of
//! one processor.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use scenarios::Plan;
use scenarios::plan::Check;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::ConductError;
use crate::folder::Folder;
use crate::folder::follow::Follower;
use crate::judge::{Breach, so_far};

/// How often the run is judged.
const EVERY: Duration = Duration::from_secs(2);
/// Judging may take this part of a processor: the pause is so many times as
/// long as the last judgement.
const PAUSES: u32 = 20;

/// A check that was violated.
#[derive(Debug, Clone)]
pub(super) struct Met {
    pub(super) check: String,
    pub(super) breach: Breach,
}

/// Checks that are watched, or none. Each is told once.
pub(super) struct Breaches {
    met: UnboundedReceiver<Met>,
    /// Its end is the thread's.
    _alive: Sender<()>,
}

impl Breaches {
    /// Begins to watch these checks, on a thread of this name.
    pub(super) fn watch(
        plan: &Plan,
        folder: &Folder,
        checks: Vec<Check>,
        name: &str,
    ) -> Result<Self, ConductError> {
        let (alive, ended) = channel::<()>();
        let (tell, met) = unbounded_channel();
        if checks.is_empty() {
            return Ok(Self { met, _alive: alive });
        }
        let mut follower = Follower::new(folder, plan, &checks);
        let mut watch = Watch { plan: plan.clone(), checks, suspected: None };
        let work = move || {
            let mut pause = EVERY;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let begun = Instant::now();
                // A folder that cannot be read now may be in a moment; one that
                // cannot be written ends the run anyway.
                if follower.catch_up().is_ok()
                    && let Some(met) = watch.look(&follower)
                {
                    watch.checks.retain(|check| check.name != met.check);
                    // Nobody to tell: the run has ended.
                    if tell.send(met).is_err() || watch.checks.is_empty() {
                        return;
                    }
                }
                pause = EVERY.max(begun.elapsed() * PAUSES);
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
            ConductError::Crashed { part: "the watch of checks", why: error.to_string() }
        })?;
        Ok(Self { met, _alive: alive })
    }

    /// The next one that is violated; never ends where there is none.
    pub(super) async fn next(&mut self) -> Met {
        match self.met.recv().await {
            Some(met) => met,
            None => std::future::pending().await,
        }
    }
}

/// What is judged, and what was violated at the last look.
pub(super) struct Watch {
    pub(super) plan: Plan,
    pub(super) checks: Vec<Check>,
    pub(super) suspected: Option<String>,
}

impl Watch {
    /// The first check that is violated. One that a fault may excuse must be so
    /// at two looks in a row, since a fault's line may be behind what it did.
    pub(super) fn look(&mut self, follower: &Follower) -> Option<Met> {
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
