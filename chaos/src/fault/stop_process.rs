//! Processes are asked to end, and kept down for a while: workers that are
//! scaled to nothing, a database that is away.
//!
//! Their supervisor must know, or it would start them at once; so this works
//! where the supervisor can be told. When the run that told it ends, by
//! whatever means, its lab ends with it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::{StopSignal, Stopped};

use super::victims::Victims;
use super::{About, Order, Scene, Strike};
use crate::undo::Undo;
use crate::victim::Signal;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "stop_process",
    command: "stop_process, in a scenario with a lab",
    does: "ends processes with SIGTERM, or the signal it is given (after 10 s SIGKILL), and keeps them down for a while",
    confirmed: "that very process is gone",
    undone: "its supervisor starts it again at the end",
    contract: "a part may be away for a time; what was accepted waits and is done later",
};

/// Whoever does not end within this time is killed.
const GRACE: Duration = Duration::from_secs(10);

pub(super) fn prepare(
    asked: &Stopped,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    let victims = Victims::choose(&asked.role, asked.pick, order, scene)?;
    let signal = match asked.signal {
        StopSignal::Term => Signal::TERM,
        StopSignal::Int => Signal::INT,
        StopSignal::Quit => Signal::QUIT,
    };
    Ok(Box::new(Stop { victims, signal, world: Arc::clone(&scene.world), held: Vec::new() }))
}

struct Stop {
    victims: Victims,
    signal: Signal,
    world: Arc<dyn World>,
    /// Those that are kept down.
    held: Vec<String>,
}

#[async_trait]
impl Strike for Stop {
    fn victims(&self) -> Vec<String> {
        self.victims.describe()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let why = "whoever keeps them down ends with its run, or starts them again";
        Ok(Undo::Nothing { why: why.to_owned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let names: Vec<String> = self.victims.names().map(str::to_owned).collect();
        for name in names {
            self.world
                .hold(&name)
                .map_err(|why| FaultError::Blocked { what: format!("keeping {name} down"), why })?;
            self.held.push(name);
        }
        self.victims.signal(self.signal)?;
        if self.victims.all_gone(GRACE).await.is_err() {
            // One that has ended meanwhile needs no signal.
            let _ = self.victims.signal(Signal::KILL);
        }
        Ok(())
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        self.victims.killed().await
    }

    async fn release(&mut self) -> Option<String> {
        let names = std::mem::take(&mut self.held);
        names.iter().for_each(|name| self.world.let_go(name));
        Some(format!("let {} start again", names.join(", ")))
    }

    async fn whole(
        &self,
        world: &dyn World,
        within: Duration,
    ) -> Result<Option<String>, FaultError> {
        self.victims.replaced(world, within).await
    }
}
