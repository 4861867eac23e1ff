//! Processes are asked to end, and kept down for a while: workers that are
//! scaled to nothing, a database that is away.
//!
//! Their supervisor must know, or it would start them at once; so this works
//! where the supervisor can be told, or where there is none: then a command
//! starts them again, at the end or, should this program be killed, by a watchdog.
//! When the run that told a supervisor ends, by whatever means, its lab ends with
//! it.

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
    command: "stop_process, in a scenario",
    does: "ends processes with SIGTERM, or the signal it is given (after 10 s SIGKILL), and keeps them down for a while",
    confirmed: "that very process is gone",
    undone: "its supervisor in the lab, or its start command, starts it again at the end",
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
    // Without a supervisor there is nobody to be told.
    if !victims.has_command() {
        victims.names().try_for_each(|name| scene.world.may_hold(name).map_err(refused(name)))?;
    }
    let signal = match asked.signal {
        StopSignal::Term => Signal::TERM,
        StopSignal::Int => Signal::INT,
        StopSignal::Quit => Signal::QUIT,
    };
    let (lasts, world) = (asked.lasts.0, Arc::clone(&scene.world));
    let by = super::holder(order, scene);
    Ok(Box::new(Stop { victims, by, signal, lasts, world, held: Vec::new(), intruders: 0 }))
}

fn refused(name: &str) -> impl FnOnce(String) -> FaultError {
    let what = format!("keeping {name} down");
    |why| FaultError::Blocked { what, why }
}

struct Stop {
    victims: Victims,
    /// This fault among those that hold the same.
    by: String,
    signal: Signal,
    lasts: Duration,
    world: Arc<dyn World>,
    /// Those that are kept down.
    held: Vec<String>,
    /// How many somebody had started again when it was for us to do.
    intruders: usize,
}

#[async_trait]
impl Strike for Stop {
    fn victims(&self) -> Vec<String> {
        self.victims.describe()
    }

    fn chosen(&self) -> Option<&Victims> {
        Some(&self.victims)
    }

    fn thing(&self) -> Option<String> {
        self.victims.thing()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        if self.victims.has_command() {
            return Ok(self.victims.started_again());
        }
        let why = "whoever keeps them down ends with its run, or starts them again";
        Ok(Undo::Nothing { why: why.to_owned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let names: Vec<String> = self.victims.names().map(str::to_owned).collect();
        for name in names.into_iter().filter(|_| !self.victims.has_command()) {
            self.world.hold(&name).map_err(refused(&name))?;
            self.held.push(name);
        }
        let sent = self.victims.signal(self.signal);
        if Victims::is_hit(&sent) && self.victims.all_gone(GRACE).await.is_err() {
            self.victims.kill_the_rest();
        }
        sent
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        self.victims.killed().await
    }

    async fn release(&mut self) -> Option<String> {
        if self.victims.has_command() {
            self.intruders = self.victims.intruders(self.world.as_ref(), &self.by);
            return None;
        }
        let names = std::mem::take(&mut self.held);
        names.iter().for_each(|name| self.world.let_go(name));
        Some(format!("let {} start again", names.join(", ")))
    }

    async fn whole(
        &self,
        world: &dyn World,
        within: Duration,
    ) -> Result<Option<String>, FaultError> {
        if self.intruders > 0 {
            let what = format!(
                "somebody else had started {} of {} again; leave out the start command, and break \
                 what is supervised with run_command and programs that stop and start it",
                self.intruders,
                self.victims.among()
            );
            return Err(FaultError::NotConfirmed { what, within: self.lasts });
        }
        self.victims.replaced(world, within).await
    }
}
