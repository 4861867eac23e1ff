//! SIGKILL to processes: the end that no process can prepare for.

use std::time::Duration;

use scenarios::plan::Pick;

use super::{About, Order, Scene};
use crate::patience::Patience;
use crate::process::Pinned;
use crate::timetable::choose;
use crate::undo::Undo;
use crate::victim::{Signal, Victim};
use crate::{FaultError, Process, World};

pub(super) const ABOUT: About = About {
    kind: "kill_process",
    command: "kill-process",
    does: "sends SIGKILL to processes",
    confirmed: "that very process (id and start time) is gone",
    undone: "nothing to undo; its supervisor or owner starts it again",
    contract: "any process may die at any moment; nothing acknowledged may be lost",
};

/// A dead process takes no time; one in an uninterruptible wait may.
const CONFIRM_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Kills processes of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillProcess {
    /// The role whose running processes are the candidates.
    pub role: String,
    /// Which of them are killed.
    pub pick: Pick,
}

impl KillProcess {
    pub(super) fn prepare(&self, order: &Order, scene: &Scene) -> Result<Strike, FaultError> {
        let candidates = scene.world.processes(&self.role);
        let victims = pin(&candidates, &self.role, self.pick, order.seed)?;
        let supervised = scene.world.is_supervised();
        Ok(Strike { role: self.role.clone(), before: candidates.len(), supervised, victims })
    }
}

/// Chooses among the processes of a role and takes hold of the chosen.
pub(super) fn pin(
    candidates: &[Process],
    role: &str,
    pick: Pick,
    seed: u64,
) -> Result<Vec<Victim>, FaultError> {
    let chosen = choose(candidates, pick, seed)
        .map_err(|source| FaultError::Choice { what: format!("process {role:?}"), source })?;
    chosen.into_iter().map(|process| Victim::pin(process).map_err(FaultError::from)).collect()
}

/// Held victims, and how many of their role ran before.
pub(super) struct Strike {
    role: String,
    before: usize,
    supervised: bool,
    victims: Vec<Victim>,
}

impl Strike {
    pub(super) fn victims(&self) -> Vec<String> {
        self.victims.iter().map(|victim| victim.process().to_string()).collect()
    }

    pub(super) fn undo(&self) -> Undo {
        let who = if self.supervised { "its supervisor" } else { "its owner" };
        Undo::Nothing { why: format!("{who} starts a killed process again") }
    }

    pub(super) fn land(&self) -> Result<(), FaultError> {
        self.victims.iter().try_for_each(|victim| Ok(victim.signal(Signal::KILL)?))
    }

    pub(super) async fn confirm(&self) -> Result<(), FaultError> {
        let patience = Patience::new(CONFIRM_WITHIN, LOOK_EVERY);
        while let Some(alive) = self.victims.iter().find(|victim| !victim.is_gone()) {
            if !patience.pause().await {
                let what = format!("{} still runs", alive.process());
                return Err(FaultError::NotConfirmed { what, within: patience.limit });
            }
        }
        Ok(())
    }

    /// Whole is a role that again has as many running processes as before. What
    /// the world shows may be a moment old, so a victim that it still shows does
    /// not count.
    pub(super) async fn whole(
        &self,
        world: &dyn World,
        within: Duration,
    ) -> Result<Option<String>, FaultError> {
        if !self.supervised {
            return Ok(None);
        }
        let patience = Patience::new(within, LOOK_EVERY);
        loop {
            let running = world.processes(&self.role);
            let running = running.iter().map(Process::pinned).filter(|&id| self.counts(id)).count();
            let seen = format!("{running} of {} processes of {:?} run", self.before, self.role);
            if running >= self.before {
                return Ok(Some(seen));
            }
            if !patience.pause().await {
                return Err(FaultError::NotHealed { what: seen, within });
            }
        }
    }

    fn counts(&self, process: Pinned) -> bool {
        process.is_alive() && self.victims.iter().all(|victim| victim.pinned() != process)
    }
}
