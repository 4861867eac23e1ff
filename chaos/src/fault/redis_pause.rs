//! A Redis server that answers nobody for a while (`CLIENT PAUSE`), as one does
//! that forks, swaps or runs a slow script.
//!
//! The pause carries its own time limit in the server, so it ends whatever
//! becomes of this program, and the undo needs no password.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use scenarios::plan::fault::PauseRedis;
use tokio::sync::Mutex;

use super::{About, Order, Strike};
use crate::patience::Patience;
use crate::redis_server::Server;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "redis_pause",
    command: "redis-pause",
    does: "has Redis answer nobody for a while",
    confirmed: "another connection gets no answer",
    undone: "the pause ends by itself, and cannot be ended before unless only writes wait",
    contract: "a server may take any time to answer; nothing it acknowledged may be lost",
};

/// Too long for an answer of a server that is not paused.
const SILENCE: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What the clocks of this program and of the server may differ by.
const MARGIN: Duration = Duration::from_secs(1);

pub(super) async fn prepare(
    asked: &PauseRedis,
    order: &Order,
) -> Result<Box<dyn Strike>, FaultError> {
    let url = order.fill(&asked.url)?;
    let (control, probe) = (Server::connect(&url).await?, Server::connect(&url).await?);
    let (lasts, all) = (asked.lasts.0, !asked.writes_only);
    Ok(Box::new(Pause { control, probe: Mutex::new(probe), lasts, all }))
}

struct Pause {
    control: Server,
    probe: Mutex<Server>,
    lasts: Duration,
    all: bool,
}

#[async_trait]
impl Strike for Pause {
    fn victims(&self) -> Vec<String> {
        vec![self.control.shown().to_owned()]
    }

    fn thing(&self) -> Option<String> {
        Some(format!("the pause of {}", self.control.shown()))
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        #[expect(clippy::disallowed_methods, reason = "the undo says when the fault ends")]
        let by = Timestamp::now() + self.lasts + MARGIN;
        Ok(Undo::Expires { what: format!("the pause of {}", self.control.shown()), by })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        self.control.pause(self.lasts, self.all).await
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        // A short pause is over before a long silence.
        let within = SILENCE.min(self.lasts / 2);
        if self.probe.lock().await.answers(within, !self.all).await {
            let what = "the server answers".to_owned();
            return Err(FaultError::NotConfirmed { what, within });
        }
        Ok(())
    }

    async fn release(&mut self) -> Option<String> {
        // A pause of all commands holds this one as well, until it is over.
        let answered = self.control.unpause(self.lasts + MARGIN).await;
        answered.then(|| format!("{} answers again", self.control.shown()))
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        let patience = Patience::new(within, LOOK_EVERY);
        while !self.probe.lock().await.answers(within, !self.all).await {
            if !patience.pause().await {
                let what = "the server does not answer".to_owned();
                return Err(FaultError::NotHealed { what, within });
            }
        }
        Ok(Some("the server answers".to_owned()))
    }
}
