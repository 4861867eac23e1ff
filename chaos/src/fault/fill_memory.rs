//! Memory is taken and written to by a process of the tool's own.
//!
//! It is the first process that the kernel ends when memory runs out, and the
//! fault is refused when it would leave less than a reserve.

use std::time::Duration;

use async_trait::async_trait;
use machine::pressure::Memory;
use scenarios::plan::fault::FillMemory;
use scenarios::units::Size;

use super::burn_cpu::gone;
use super::burner::{Burner, Takes};
use super::{About, Strike};
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "fill_memory",
    command: "fill-memory",
    does: "takes memory for a while",
    confirmed: "the process that takes it has it resident",
    undone: "that process is ended; it ends by itself in any case",
    contract: "a machine may be short of memory; caches shrink, nothing accepted may be lost",
};

/// What is left to everybody else.
const RESERVE: u64 = 256 << 20;

pub(super) fn prepare(asked: &FillMemory) -> Result<Box<dyn Strike>, FaultError> {
    let available = Memory::now()
        .map_err(|source| FaultError::System { what: "read /proc/meminfo".to_owned(), source })?
        .available;
    if asked.size.0.saturating_add(RESERVE) > available {
        return Err(FaultError::Blocked {
            what: format!("taking {} of memory", asked.size.shown()),
            why: format!(
                "{} is available, and {} is left to the others",
                Size(available).shown(),
                Size(RESERVE).shown()
            ),
        });
    }
    Ok(Box::new(Fill { size: asked.size, lasts: asked.lasts.0, burner: None }))
}

struct Fill {
    size: Size,
    lasts: Duration,
    burner: Option<Burner>,
}

#[async_trait]
impl Strike for Fill {
    fn victims(&self) -> Vec<String> {
        vec![format!("{} of this machine's memory", self.size.shown())]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let burner = Burner::start(Takes::Memory(self.size.0), self.lasts)?;
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
        let has = self.burner.as_ref().and_then(|burner| burner.pinned().resident()).unwrap_or(0);
        if has >= self.size.0 {
            return Ok(());
        }
        let what = format!("{} of {} are resident", Size(has).shown(), self.size.shown());
        Err(FaultError::NotConfirmed { what, within: Duration::ZERO })
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        gone(self.burner.as_ref(), within).await
    }
}
