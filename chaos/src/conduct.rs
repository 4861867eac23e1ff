//! Carries out a timetable: each fault at its time, side by side, and every one
//! of them taken back at the end, whatever the end is.
//!
//! This is the only way in which several faults are carried out; `chaos run`
//! and the conductor of `verify` differ in whom they tell ([`Watch`]) and in
//! why they stop. The life of a fault: it is due (and what must happen before
//! has happened), it is injected, seen to have landed, lasts, is taken back,
//! and the system is seen whole. [`Baton::take_back`] cuts a life short at any
//! point but in the middle of an injection or of an undo; what stands is then
//! taken back in the reverse order of its injection, as one takes down what
//! was put up. Nothing is injected after it.

mod entry;
mod life;
mod preview;
mod standing;
mod steps;
#[cfg(test)]
mod tests;
mod tide;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fault::inject_if;
use crate::journal::Due;
use crate::limits::Limits;
use crate::timetable::Planned;
use crate::{FaultError, Injected, Order, Scene};

pub use entry::{Entry, Expected};
use life::Life;
pub use preview::Preview;
use standing::Standing;
pub use steps::{StepSeen, Steps};
pub use tide::Baton;
use tide::Tide;

/// Somebody who is told what becomes of each fault, as it happens.
pub trait Watch: Send + Sync {
    /// A fault went a step further.
    fn see(&self, fault: &Planned, step: &Step);
}

/// A step in the life of a fault, in the order in which they come. A failure
/// may come at any point, and what was injected is taken back after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Step {
    /// The system accepted it.
    Injected {
        /// Whom it hit.
        victims: Vec<String>,
    },
    /// It was seen to have landed.
    Confirmed,
    /// What was done is taken back.
    Undone {
        /// What was done.
        how: String,
    },
    /// The system was seen whole again, or nobody can tell.
    Healed {
        /// What was seen.
        how: Option<String>,
    },
    /// Something did not go as planned.
    Failed {
        /// In which way.
        manner: Manner,
        /// Why.
        why: String,
    },
}

/// How a fault did not go as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// A guard, a limit, a permission or the system itself refused it. Nothing
    /// is broken, and nothing is wrong with the system.
    Blocked,
    /// The run ended, or what must happen before never did.
    NotReached,
    /// It hit nobody, or was not seen to have landed.
    NotLanded,
    /// It was taken back and the system is not whole.
    NotHealed,
    /// It could not be taken back.
    StillThere,
}

impl From<&FaultError> for Manner {
    fn from(error: &FaultError) -> Self {
        match error {
            FaultError::Undo { .. } => Self::StillThere,
            error if error.is_unhealed() => Self::NotHealed,
            error if error.is_refusal() => Self::Blocked,
            _ => Self::NotLanded,
        }
    }
}

/// How many operations of each workload are acknowledged so far.
pub type Acked = watch::Receiver<BTreeMap<String, u64>>;

/// What the conductor does to faults; a fake in its own tests.
#[async_trait]
trait Hands: Clone + Send + Sync + 'static {
    type Held: Holding;

    /// Writes down that a fault is due later.
    fn announce(&self, due: Due) -> Result<(), FaultError>;

    /// Chooses the victims and lets the fault happen.
    async fn inject(
        &self,
        order: &Order,
        expected: Option<&Expected>,
    ) -> Result<Self::Held, FaultError>;

    fn limits(&self) -> &Arc<Limits>;
}

/// A fault that is there.
#[async_trait]
trait Holding: Send + Sync {
    fn victims(&self) -> Vec<String>;
    async fn confirm(&self) -> Result<(), FaultError>;
    async fn take_back(&mut self) -> Result<String, FaultError>;
    async fn whole(self) -> Result<Option<String>, FaultError>;
}

#[async_trait]
impl Hands for Scene {
    type Held = Injected;

    fn announce(&self, due: Due) -> Result<(), FaultError> {
        Ok(self.journal.plan(due)?)
    }

    async fn inject(
        &self,
        order: &Order,
        expected: Option<&Expected>,
    ) -> Result<Injected, FaultError> {
        let look = |prepared| match expected {
            Some(expected) => expected.meets(prepared),
            None => prepared,
        };
        inject_if(order, self, look).await
    }

    fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }
}

#[async_trait]
impl Holding for Injected {
    fn victims(&self) -> Vec<String> {
        Self::victims(self)
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Self::confirm(self).await
    }

    async fn take_back(&mut self) -> Result<String, FaultError> {
        Self::take_back(self).await
    }

    async fn whole(self) -> Result<Option<String>, FaultError> {
        Self::whole(self).await
    }
}

/// A timetable that is being carried out.
#[must_use = "faults are to be waited for"]
pub struct Conduct {
    lives: JoinSet<()>,
    baton: Baton,
}

/// What all faults of a timetable share.
pub struct Setting {
    /// The start of the first phase.
    pub zero: Instant,
    /// The seed of the run, for the journal.
    pub seed: u64,
    /// What the run is allowed beyond this machine, for the journal.
    pub allowed: Vec<String>,
    /// The counts for faults that wait for the load; without them such a fault
    /// never comes to its turn.
    pub acked: Option<Acked>,
    /// How far deployments are, for faults that wait for a step; the same of these.
    pub steps: Option<Steps>,
    /// Who is told.
    pub watch: Arc<dyn Watch>,
}

/// Writes every fault into the journal as planned and begins to carry them out.
/// It must be called on a tokio runtime. Dropping the result cuts every fault
/// off: what stands then is for [`crate::recover`].
pub fn conduct(entries: Vec<Entry>, scene: &Scene, setting: Setting) -> Conduct {
    start(entries, scene, setting)
}

fn start<H: Hands>(entries: Vec<Entry>, hands: &H, setting: Setting) -> Conduct {
    let tide = Arc::new(watch::channel(Tide::Going).0);
    let standing = Arc::new(Standing::default());
    let mut lives = JoinSet::new();
    for entry in entries {
        let life = Life {
            hands: hands.clone(),
            entry,
            zero: setting.zero,
            acked: setting.acked.clone(),
            steps: setting.steps.clone(),
            watch: Arc::clone(&setting.watch),
            standing: Arc::clone(&standing),
            tide: Arc::clone(&tide),
        };
        // In order, before any of them begins: the journal is the timetable.
        let due = Due {
            seed: setting.seed,
            allowed: setting.allowed.clone(),
            plan: life.entry.planned.fault.clone(),
        };
        match life.hands.announce(due) {
            Ok(()) => drop(lives.spawn(life.live())),
            Err(error) => life.failed(&error),
        }
    }
    Conduct { lives, baton: Baton { tide, limits: Arc::clone(hands.limits()) } }
}

impl Conduct {
    /// What ends it before its time; may be given to several.
    #[must_use]
    pub fn baton(&self) -> Baton {
        self.baton.clone()
    }

    /// Whether every fault has come to its end.
    pub fn is_over(&mut self) -> bool {
        while self.lives.try_join_next().is_some() {}
        self.lives.is_empty()
    }

    /// Waits until every fault has come to its end.
    pub async fn finish(&mut self) {
        while self.lives.join_next().await.is_some() {}
    }
}

/// After a stop, a fault whose undo hangs keeps those that were injected before
/// it for so long.
const HANGS: Duration = Duration::from_secs(15);
