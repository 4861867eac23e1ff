//! SIGTERM to processes: the end that an orchestrator or an administrator asks
//! for. A process may finish what it has begun; a server restarts gracefully.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::Victims as Asked;

use super::victims::Victims;
use super::{About, Order, Scene, Strike};
use crate::undo::Undo;
use crate::victim::Signal;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "terminate_process",
    command: "terminate-process",
    does: "sends SIGTERM to processes, which may end in good order",
    confirmed: "that very process is gone within 30 s, of its own accord",
    undone: "its start command where there is one; else its supervisor or owner starts it again",
    contract: "a process may be asked to end at any moment; nothing accepted may be lost",
};

/// The usual grace of an orchestrator.
const END_WITHIN: Duration = Duration::from_secs(30);

pub(super) fn prepare(
    asked: &Asked,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    Ok(Box::new(Terminate(Victims::choose(&asked.role, asked.pick, order, scene)?)))
}

struct Terminate(Victims);

#[async_trait]
impl Strike for Terminate {
    fn victims(&self) -> Vec<String> {
        self.0.describe()
    }

    fn chosen(&self) -> Option<&Victims> {
        Some(&self.0)
    }

    fn thing(&self) -> Option<String> {
        self.0.thing()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(self.0.started_again())
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        self.0.signal(Signal::TERM)
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        self.0.all_gone(END_WITHIN).await
    }

    async fn whole(
        &self,
        world: &dyn World,
        within: Duration,
    ) -> Result<Option<String>, FaultError> {
        self.0.replaced(world, within).await
    }
}
