//! The way of every fault: prepare, inject, confirm, heal.
//!
//! A fault is one file below this one, with the same parts in the same order:
//! what it is ([`About`]), what is asked for, whom it hits, its landing, its
//! confirmation, and how the system is seen whole again.

pub(crate) mod close_connections;
pub(crate) mod kill_process;
pub(crate) mod pause_process;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::journal::{Journal, State};
use crate::process::Pinned;
use crate::undo::Undo;
use crate::{CloseConnections, FaultError, KillProcess, PauseProcess, World};

/// A fault that is to be carried out now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What the journal and the report call it; unique in its run.
    pub name: String,
    /// Where the choice of victims comes from.
    pub seed: u64,
    /// How long the system may take to be whole again after it was taken back.
    pub heal_within: Duration,
    /// What is done.
    pub action: Action,
}

/// What a fault does, with everything filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// SIGKILL.
    KillProcess(KillProcess),
    /// SIGSTOP for a while.
    PauseProcess(PauseProcess),
    /// AMQP connections closed by the broker.
    CloseConnections(CloseConnections),
}

impl Action {
    /// The word by which files name this kind: `kill_process`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KillProcess(_) => kill_process::ABOUT.kind,
            Self::PauseProcess(_) => pause_process::ABOUT.kind,
            Self::CloseConnections(_) => close_connections::ABOUT.kind,
        }
    }

    /// How long it lasts before it is to be healed; zero for what happens in an
    /// instant.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        match self {
            Self::PauseProcess(pause) => pause.lasts,
            Self::KillProcess(_) | Self::CloseConnections(_) => Duration::ZERO,
        }
    }
}

/// What a kind of fault is, for people who choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct About {
    /// The word by which files name it: `kill_process`.
    pub kind: &'static str,
    /// The subcommand of the program: `kill-process`.
    pub command: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What is seen before it counts as landed.
    pub confirmed: &'static str,
    /// How it ends.
    pub undone: &'static str,
    /// Whether the system under test must cope with it, by which contract.
    pub contract: &'static str,
}

/// Every kind of fault.
#[must_use]
pub fn catalogue() -> [About; 3] {
    [kill_process::ABOUT, pause_process::ABOUT, close_connections::ABOUT]
}

/// Where faults are carried out. Clones share everything.
#[derive(Clone)]
pub struct Scene {
    /// The processes that may be hit.
    pub world: Arc<dyn World>,
    /// Where undos are written.
    pub journal: Arc<Journal>,
    /// The client for management APIs, from [`crate::http_client`].
    pub http: reqwest::Client,
}

/// A fault whose victims are chosen and pinned. Nothing has been touched.
#[must_use = "a prepared fault does nothing until it is injected"]
pub struct Prepared {
    order: Order,
    scene: Scene,
    strike: Strike,
}

/// A fault that was injected and must be healed. If it is dropped instead, its
/// undo stays open in the journal for [`crate::recover`].
#[must_use = "an injected fault must be healed"]
pub struct Injected {
    order: Order,
    scene: Scene,
    strike: Strike,
    undo: Undo,
}

/// How a fault ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Healed {
    /// What was done to take it back.
    pub undone: String,
    /// What was seen that makes the system whole again; `None` if nobody can
    /// tell, because who repairs it is not known here.
    pub seen: Option<String>,
}

/// Chooses and pins the victims. This is the dry run: nothing is touched.
///
/// # Errors
/// When there are no victims or too few, or they cannot be listed.
pub async fn prepare(order: &Order, scene: &Scene) -> Result<Prepared, FaultError> {
    let strike = match &order.action {
        Action::KillProcess(kill) => Strike::Kill(kill.prepare(order, scene)?),
        Action::PauseProcess(pause) => Strike::Pause(pause.prepare(order, scene)?),
        Action::CloseConnections(close) => Strike::Close(close.prepare(order, scene).await?),
    };
    Ok(Prepared { order: order.clone(), scene: scene.clone(), strike })
}

/// [`prepare`] and [`Prepared::inject`] in one. A fault that finds no victims is
/// journaled as failed.
///
/// # Errors
/// Those of both.
pub async fn inject(order: &Order, scene: &Scene) -> Result<Injected, FaultError> {
    match prepare(order, scene).await {
        Ok(prepared) => prepared.inject().await,
        Err(error) => {
            let state = State::Failed { why: error.to_string() };
            // The reason that nothing was injected matters more than its record.
            let _ = scene.journal.record(&order.name, order.action.kind(), state);
            Err(error)
        }
    }
}

impl Prepared {
    /// Whom it will hit, in words.
    #[must_use]
    pub fn victims(&self) -> Vec<String> {
        self.strike.victims()
    }

    /// Writes the undo down, syncs it, and then lets the fault happen. On an
    /// error whatever happened is taken back.
    ///
    /// # Errors
    /// When the undo cannot be written (nothing happened then), when a victim
    /// has gone, or when the system refuses.
    pub async fn inject(self) -> Result<Injected, FaultError> {
        let Self { order, scene, mut strike } = self;
        let undo = strike.arm().await?;
        let owner = std::process::id();
        let owner = Pinned::of(owner).unwrap_or(Pinned { pid: owner, start_time: 0 });
        let state = State::Injecting { undo: undo.clone(), owner };
        scene.journal.record(&order.name, order.action.kind(), state)?;
        let mut injected = Injected { order, scene, strike, undo };
        let landed = match injected.strike.land().await {
            Ok(()) => injected.record(State::Injected { victims: injected.victims() }),
            Err(error) => Err(error),
        };
        match landed {
            Ok(()) => Ok(injected),
            Err(error) => {
                injected.note(&error);
                injected.take_back().await?;
                Err(error)
            }
        }
    }
}

impl Injected {
    /// Whom it hit, in words.
    #[must_use]
    pub fn victims(&self) -> Vec<String> {
        self.strike.victims()
    }

    /// The order that it carries out.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Waits until the fault is seen to have landed. It is to be healed in any
    /// case.
    ///
    /// # Errors
    /// [`FaultError::NotConfirmed`] if it is not seen in time, and what keeps
    /// one from looking.
    pub async fn confirm(&self) -> Result<(), FaultError> {
        let confirmed = match &self.strike {
            Strike::Kill(kill) => kill.confirm().await,
            Strike::Pause(pause) => pause.confirm().await,
            Strike::Close(close) => close.confirm().await,
        };
        match confirmed {
            Ok(()) => self.record(State::Confirmed),
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    /// Takes the fault back, then waits until the system is seen whole again.
    ///
    /// # Errors
    /// [`FaultError::Undo`] if it cannot be taken back (it stays open in the
    /// journal then), [`FaultError::NotHealed`] if the system is not whole
    /// within the order's `heal_within`.
    pub async fn heal(mut self) -> Result<Healed, FaultError> {
        let undone = self.take_back().await?;
        let within = self.order.heal_within;
        let whole = match &self.strike {
            Strike::Kill(kill) => kill.whole(self.scene.world.as_ref(), within).await,
            Strike::Pause(pause) => pause.whole(within).await.map(Some),
            Strike::Close(close) => close.whole(within).await.map(Some),
        };
        match whole {
            Ok(seen) => {
                if let Some(how) = seen.clone() {
                    self.record(State::Healed { how })?;
                }
                Ok(Healed { undone, seen })
            }
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    /// Carries the undo out and writes down that it was.
    async fn take_back(&mut self) -> Result<String, FaultError> {
        match self.undo.perform().await {
            Ok(how) => {
                self.strike.disarm();
                self.record(State::Undone { how: how.clone() })?;
                Ok(how)
            }
            Err(error) => {
                let error = error.into();
                self.note(&error);
                Err(error)
            }
        }
    }

    fn record(&self, state: State) -> Result<(), FaultError> {
        Ok(self.scene.journal.record(&self.order.name, self.order.action.kind(), state)?)
    }

    /// Writes a failure down; the failure itself matters more than its record.
    fn note(&self, error: &FaultError) {
        let _ = self.record(State::Failed { why: error.to_string() });
    }
}

/// A fault with its victims.
enum Strike {
    Kill(kill_process::Strike),
    Pause(pause_process::Strike),
    Close(close_connections::Strike),
}

impl Strike {
    fn victims(&self) -> Vec<String> {
        match self {
            Self::Kill(kill) => kill.victims(),
            Self::Pause(pause) => pause.victims(),
            Self::Close(close) => close.victims(),
        }
    }

    /// Gets ready what ends the fault by itself, and gives the undo.
    async fn arm(&mut self) -> Result<Undo, FaultError> {
        match self {
            Self::Kill(kill) => Ok(kill.undo()),
            Self::Pause(pause) => pause.arm().await,
            Self::Close(close) => Ok(close.undo()),
        }
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        match self {
            Self::Kill(kill) => kill.land(),
            Self::Pause(pause) => pause.land(),
            Self::Close(close) => close.land().await,
        }
    }

    /// Clears away what [`Strike::arm`] got ready, after the undo.
    fn disarm(&mut self) {
        match self {
            Self::Pause(pause) => pause.disarm(),
            Self::Kill(_) | Self::Close(_) => {}
        }
    }
}
