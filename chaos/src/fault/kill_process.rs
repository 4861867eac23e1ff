//! SIGKILL to processes: the end that no process can prepare for.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::Victims as Asked;

use super::victims::Victims;
use super::{About, Order, Scene, Strike};
use crate::undo::Undo;
use crate::victim::Signal;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "kill_process",
    command: "kill-process",
    does: "sends SIGKILL to processes",
    confirmed: "that very process (id and start time) is gone",
    undone: "its start command where there is one; else its supervisor or owner starts it again",
    contract: "any process may die at any moment; nothing acknowledged may be lost",
};

pub(super) fn prepare(
    asked: &Asked,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    Ok(Box::new(Kill(Victims::choose(&asked.role, asked.pick, order, scene)?)))
}

struct Kill(Victims);

#[async_trait]
impl Strike for Kill {
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
        self.0.signal(Signal::KILL)
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        self.0.killed().await
    }

    async fn whole(
        &self,
        world: &dyn World,
        within: Duration,
    ) -> Result<Option<String>, FaultError> {
        self.0.replaced(world, within).await
    }
}
