//! Choosing and pinning processes, which several faults do.

use std::time::Duration;

use scenarios::plan::Pick;

use super::{Order, Scene};
use crate::hold;
use crate::patience::Patience;
use crate::process::Pinned;
use crate::role::Starting;
use crate::timetable::choose;
use crate::undo::Undo;
use crate::victim::{Signal, Victim};
use crate::{FaultError, Process, World};

/// A signal takes no time; a process in an uninterruptible wait may.
const SEE_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What every fault that stops processes holds.
pub(super) const STOPPED: &str = "stopped processes";

/// Held victims, and how many of their role ran before.
pub(super) struct Victims {
    role: String,
    before: usize,
    supervised: bool,
    starting: Option<Starting>,
    held: Vec<Victim>,
}

impl Victims {
    /// Chooses among the processes of a role and takes hold of the chosen.
    pub(super) fn choose(
        role: &str,
        pick: Pick,
        order: &Order,
        scene: &Scene,
    ) -> Result<Self, FaultError> {
        let candidates = scene.world.processes(role);
        candidates.iter().try_for_each(|candidate| scene.world.may_hit(candidate))?;
        let since = |process: &Process| process.start_time;
        let chosen = choose(&candidates, pick, order.seed, since)
            .map_err(|source| FaultError::Choice { what: format!("process {role:?}"), source })?;
        let held = chosen.into_iter().map(|process| Victim::pin(process).map_err(FaultError::from));
        Ok(Self {
            role: role.to_owned(),
            before: candidates.len(),
            supervised: scene.world.is_supervised(role),
            starting: scene.world.starting(role),
            held: held.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn describe(&self) -> Vec<String> {
        self.held.iter().map(|victim| victim.process().to_string()).collect()
    }

    /// How many there were to choose from.
    pub(super) fn among(&self) -> usize {
        self.before
    }

    /// Who they are.
    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.held.iter().map(Victim::process)
    }

    /// The undo of whatever ends them.
    pub(super) fn started_again(&self) -> Undo {
        if let Some(starting) = self.starting.clone() {
            let (before, victims) = (self.before, self.pinned());
            return Undo::StartProcesses { starting, before, victims };
        }
        let who = if self.supervised { "its supervisor" } else { "its owner" };
        Undo::Nothing { why: format!("{who} starts an ended process again") }
    }

    /// Whether a command starts them again, and nobody else.
    pub(super) fn has_command(&self) -> bool {
        self.starting.is_some()
    }

    /// What faults that are taken back by the same command hold together.
    pub(super) fn thing(&self) -> Option<String> {
        let starting = self.starting.as_ref()?;
        Some(format!("processes of {} in {}", starting.line(), starting.folder.display()))
    }

    /// How many others than the victims run now, beyond those that ran before and
    /// that no other fault has ended.
    pub(super) fn intruders(&self, world: &dyn World, by: &str) -> usize {
        let known = self.thing().map(|thing| hold::peek(&hold::record(&thing)));
        let known = known.unwrap_or_default();
        let own = known.holders.iter().find(|holder| holder.by == by);
        let before = own.map_or(self.before, |own| own.running.max(self.before));
        let mut down: Vec<Pinned> = self.pinned();
        down.extend(known.others(by).flat_map(|(_, other)| other.victims.iter().copied()));
        down.sort_unstable();
        down.dedup();
        let down = down.iter().filter(|id| !id.is_alive()).count();
        self.others(world).saturating_sub(before.saturating_sub(down))
    }

    fn others(&self, world: &dyn World) -> usize {
        let running = world.processes(&self.role);
        running.iter().map(Process::pinned).filter(|&id| self.counts(id)).count()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.held.iter().map(|victim| victim.process().name.as_str())
    }

    pub(super) fn pinned(&self) -> Vec<Pinned> {
        self.held.iter().map(Victim::pinned).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn gone(&self) -> usize {
        self.held.iter().filter(|victim| victim.is_gone()).count()
    }

    /// Signals one after the other. Those behind one that cannot be signalled are
    /// no victims any more.
    pub(super) fn signal(&mut self, signal: Signal) -> Result<(), FaultError> {
        let of = self.held.len();
        for hit in 0..of {
            if let Err(error) = self.held[hit].signal(signal) {
                if hit > 0 {
                    self.held.truncate(hit);
                }
                return Err(FaultError::from(error).after(hit, of));
            }
        }
        Ok(())
    }

    /// SIGKILL to whoever is still there.
    pub(super) fn kill_the_rest(&self) {
        for victim in &self.held {
            // One that has ended meanwhile needs no signal.
            let _ = victim.signal(Signal::KILL);
        }
    }

    /// Whether the fault landed at least in part.
    pub(super) fn is_hit(sent: &Result<(), FaultError>) -> bool {
        matches!(sent, Ok(()) | Err(FaultError::Partly { .. }))
    }

    /// Waits until all of them are gone.
    pub(super) async fn all_gone(&self, within: Duration) -> Result<(), FaultError> {
        let patience = Patience::new(within, LOOK_EVERY);
        while let Some(alive) = self.held.iter().find(|victim| !victim.is_gone()) {
            if !patience.pause().await {
                let what = format!("{} still runs", alive.process());
                return Err(FaultError::NotConfirmed { what, within });
            }
        }
        Ok(())
    }

    pub(super) async fn killed(&self) -> Result<(), FaultError> {
        self.all_gone(SEE_WITHIN).await
    }

    /// Waits until all of them are stopped.
    pub(super) async fn all_stopped(&self) -> Result<(), FaultError> {
        let patience = Patience::new(SEE_WITHIN, LOOK_EVERY);
        while let Some(running) = self.held.iter().find(|v| !v.pinned().is_stopped()) {
            if running.is_gone() || !patience.pause().await {
                let what = format!("{} is not stopped", running.process());
                return Err(FaultError::NotConfirmed { what, within: patience.limit });
            }
        }
        Ok(())
    }

    /// Waits until none of them is stopped any more.
    pub(super) async fn none_stopped(&self, within: Duration) -> Result<(), FaultError> {
        let patience = Patience::new(within, LOOK_EVERY);
        while let Some(stopped) = self.held.iter().find(|v| v.pinned().is_stopped()) {
            if !patience.pause().await {
                let what = format!("{} is still stopped", stopped.process());
                return Err(FaultError::NotHealed { what, within });
            }
        }
        Ok(())
    }

    /// Waits until the role has as many running processes as before, or as are wanted where
    /// that are fewer: what a rollout had too many goes by itself. What the
    /// world shows may be a moment old, so a victim that it still shows does not
    /// count. `None` where nobody starts them again.
    pub(super) async fn replaced(
        &self,
        world: &dyn World,
        within: Duration,
    ) -> Result<Option<String>, FaultError> {
        if !self.supervised && self.starting.is_none() {
            return Ok(None);
        }
        let patience = Patience::new(within, LOOK_EVERY);
        loop {
            let running = self.others(world);
            let wanted = world.wanted(&self.role).unwrap_or(self.before);
            let (before, role) = (self.before.min(wanted), &self.role);
            let seen = match running > before {
                true => format!("{running} processes of {role:?} run, and {before} did before"),
                false => format!("{running} of {before} processes of {role:?} run"),
            };
            if running >= before {
                return Ok(Some(seen));
            }
            if !patience.pause().await {
                return Err(FaultError::NotHealed { what: seen, within });
            }
        }
    }

    fn counts(&self, process: Pinned) -> bool {
        process.is_alive() && self.held.iter().all(|victim| victim.pinned() != process)
    }
}
