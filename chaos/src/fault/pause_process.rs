//! SIGSTOP to processes for a while: alive for the network and for their
//! supervisor, and deaf. Heartbeats run out, leases expire.
//!
//! A watchdog process is started before and sends SIGCONT when the time is
//! over, whatever has become of this program.

use std::time::Duration;

use scenarios::plan::Pick;

use super::{About, Order, Scene, kill_process};
use crate::FaultError;
use crate::patience::Patience;
use crate::process::Pinned;
use crate::undo::Undo;
use crate::victim::{Signal, Victim};
use crate::watchdog::Watchdog;

pub(super) const ABOUT: About = About {
    kind: "pause_process",
    command: "pause-process",
    does: "stops processes with SIGSTOP for a while",
    confirmed: "the process is in state T (stopped)",
    undone: "SIGCONT at the end; a watchdog sends it even if chaos is killed",
    contract: "a process may stall for any time; others may take its work over meanwhile",
};

const CONFIRM_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Stops processes of a role for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseProcess {
    /// The role whose running processes are the candidates.
    pub role: String,
    /// Which of them are stopped.
    pub pick: Pick,
    /// For how long: the time to live of the fault, kept by a watchdog.
    pub lasts: Duration,
}

impl PauseProcess {
    pub(super) fn prepare(&self, order: &Order, scene: &Scene) -> Result<Strike, FaultError> {
        let candidates = scene.world.processes(&self.role);
        let victims = kill_process::pin(&candidates, &self.role, self.pick, order.seed)?;
        Ok(Strike { victims, lasts: self.lasts, watchdog: None })
    }
}

/// Held victims and the watchdog that continues them.
pub(super) struct Strike {
    victims: Vec<Victim>,
    lasts: Duration,
    watchdog: Option<Watchdog>,
}

impl Strike {
    pub(super) fn victims(&self) -> Vec<String> {
        self.victims.iter().map(|victim| victim.process().to_string()).collect()
    }

    /// Starts the watchdog; its time begins when [`Strike::land`] lets it go or
    /// this program ends.
    pub(super) async fn arm(&mut self) -> Result<Undo, FaultError> {
        let victims: Vec<Pinned> = self.victims.iter().map(Victim::pinned).collect();
        let watchdog = Watchdog::start(&victims, self.lasts).await?;
        let undo = Undo::ContinueProcesses { victims, watchdog: watchdog.pinned() };
        self.watchdog = Some(watchdog);
        Ok(undo)
    }

    pub(super) fn land(&mut self) -> Result<(), FaultError> {
        self.victims.iter().try_for_each(|victim| victim.signal(Signal::STOP))?;
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.begin();
        }
        Ok(())
    }

    pub(super) async fn confirm(&self) -> Result<(), FaultError> {
        let patience = Patience::new(CONFIRM_WITHIN, LOOK_EVERY);
        while let Some(running) = self.victims.iter().find(|v| !v.pinned().is_stopped()) {
            if running.is_gone() || !patience.pause().await {
                let what = format!("{} is not stopped", running.process());
                return Err(FaultError::NotConfirmed { what, within: patience.limit });
            }
        }
        Ok(())
    }

    pub(super) fn disarm(&mut self) {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.end();
        }
    }

    /// Whole is when nobody is stopped any more.
    pub(super) async fn whole(&self, within: Duration) -> Result<String, FaultError> {
        let patience = Patience::new(within, LOOK_EVERY);
        while let Some(stopped) = self.victims.iter().find(|v| v.pinned().is_stopped()) {
            if !patience.pause().await {
                let what = format!("{} is still stopped", stopped.process());
                return Err(FaultError::NotHealed { what, within });
            }
        }
        let gone = self.victims.iter().filter(|victim| victim.is_gone()).count();
        Ok(match gone {
            0 => format!("{} run again", self.victims.len()),
            gone => format!("{} run again; {gone} ended", self.victims.len() - gone),
        })
    }
}
