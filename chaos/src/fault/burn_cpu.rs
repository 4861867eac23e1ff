//! Processors are kept busy by a process of the tool's own: a noisy neighbour,
//! a runaway job. Everything else on the machine gets less.

use std::time::Duration;

use async_trait::async_trait;
use machine::process::Pinned;
use scenarios::plan::fault::BurnCpu;

use super::burner::{Burner, Takes};
use super::{About, Strike};
use crate::patience::Patience;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "burn_cpu",
    command: "burn-cpu",
    does: "keeps processors busy for a while",
    confirmed: "the burning process uses processor time",
    undone: "that process is ended; it ends by itself in any case",
    contract: "a machine may be busy with something else; time-outs must allow for it",
};

const SEE_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) fn prepare(asked: &BurnCpu) -> Box<dyn Strike> {
    Box::new(Burn { cores: asked.cores, lasts: asked.lasts.0, burner: None })
}

struct Burn {
    cores: u32,
    lasts: Duration,
    burner: Option<Burner>,
}

#[async_trait]
impl Strike for Burn {
    fn victims(&self) -> Vec<String> {
        let processors = if self.cores == 1 { "processor" } else { "processors" };
        vec![format!("{} {processors} of this machine", self.cores)]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let burner = Burner::start(Takes::Processors(self.cores), self.lasts)?;
        let undo = Undo::EndProcesses { victims: vec![burner.pinned()] };
        self.burner = Some(burner);
        Ok(undo)
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        match &mut self.burner {
            Some(burner) => burner.begin().await,
            None => Ok(()),
        }
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        let patience = Patience::new(SEE_WITHIN, LOOK_EVERY);
        loop {
            let pinned = self.burner.as_ref().map(Burner::pinned);
            let used = pinned.and_then(Pinned::cpu_time);
            if used.is_some_and(|used| used >= Duration::from_millis(50)) {
                return Ok(());
            }
            if !patience.pause().await {
                let what = "the burning process uses no processor time".to_owned();
                return Err(FaultError::NotConfirmed { what, within: SEE_WITHIN });
            }
        }
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        gone(self.burner.as_ref(), within).await
    }
}

/// Waits until a burner is gone.
pub(super) async fn gone(
    burner: Option<&Burner>,
    within: Duration,
) -> Result<Option<String>, FaultError> {
    let patience = Patience::new(within, LOOK_EVERY);
    while burner.is_some_and(|burner| burner.pinned().is_alive()) {
        if !patience.pause().await {
            let what = "the process that takes resources still runs".to_owned();
            return Err(FaultError::NotHealed { what, within });
        }
    }
    Ok(Some("what was taken is free again".to_owned()))
}
