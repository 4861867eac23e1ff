//! SIGSTOP to processes for a while: alive for the network and for their
//! supervisor, and deaf. Heartbeats run out, leases expire.
//!
//! A watchdog sends SIGCONT when the time is over, whatever has become of this
//! program.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::Held;

use super::victims::{self, Victims};
use super::{About, Order, Scene, Strike};
use crate::undo::Undo;
use crate::victim::Signal;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "pause_process",
    command: "pause-process",
    does: "stops processes with SIGSTOP for a while",
    confirmed: "the process is in state T (stopped)",
    undone: "SIGCONT at the end; a watchdog sends it even if chaos is killed",
    contract: "a process may stall for any time; others may take its work over meanwhile",
};

pub(super) fn prepare(
    asked: &Held,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    Ok(Box::new(Pause(Victims::choose(&asked.role, asked.pick, order, scene)?)))
}

struct Pause(Victims);

#[async_trait]
impl Strike for Pause {
    fn victims(&self) -> Vec<String> {
        self.0.describe()
    }

    fn chosen(&self) -> Option<&Victims> {
        Some(&self.0)
    }

    fn thing(&self) -> Option<String> {
        Some(victims::STOPPED.to_owned())
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::ContinueProcesses { victims: self.0.pinned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let sent = self.0.signal(Signal::STOP);
        if Victims::is_hit(&sent) {
            // Seen before the watchdog's time begins: a short pause may be over
            // before anybody looks again.
            self.0.all_stopped().await?;
        }
        sent
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Ok(())
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        self.0.none_stopped(within).await?;
        Ok(Some(match self.0.gone() {
            0 => format!("{} run again", self.0.len()),
            gone => format!("{} run again; {gone} ended", self.0.len() - gone),
        }))
    }
}
