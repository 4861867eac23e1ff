//! A fault that is there: how it is injected, confirmed, taken back and seen whole.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scenarios::units::Span;
use serde::Serialize;

use super::{Order, Prepared, Scene, Strike, holder};
use crate::FaultError;
use crate::journal::State;
use crate::limits::Permit;
use crate::process::Pinned;
use crate::undo::{Undo, UndoError, Undone, held};
use crate::watchdog::{Task, Watchdog};

/// A watchdog waits so much longer than the fault lasts: whoever has injected it
/// is to take it back, not two at once.
const MARGIN: Duration = Duration::from_secs(2);

/// A fault that was injected and must be healed. If it is dropped instead, its
/// undo stays open in the journal for [`crate::recover`].
#[must_use = "an injected fault must be healed"]
pub struct Injected {
    order: Order,
    scene: Scene,
    strike: Box<dyn Strike>,
    undo: Undo,
    watchdog: Option<Watchdog>,
    permit: Permit,
    /// What kept it from hitting all of its victims, until that is told.
    short: Mutex<Option<FaultError>>,
    /// The fault that holds the same thing still, once this one is taken back.
    left_to: Option<String>,
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

impl Prepared {
    /// Starts what ends the fault in any case, writes the undo down, syncs it,
    /// and then lets the fault happen. On an error whatever happened is taken
    /// back.
    ///
    /// # Errors
    /// When a limit forbids it or the undo cannot be written (nothing happened
    /// then), when a victim has gone, or when the system refuses.
    pub async fn inject(self) -> Result<Injected, FaultError> {
        let Self { order, scene, mut strike } = self;
        let failed = |error: FaultError| {
            let state = State::Failed { why: error.to_string() };
            let _ = scene.journal.record(&order.name, order.kind.word(), state);
            error
        };
        let permit = scene.limits.admit(strike.victims().len()).map_err(failed)?;
        // Until it has landed, no other fault on the same thing lands or ends.
        let mut grip = held::grip(strike.thing().as_deref()).await.map_err(failed)?;
        let armed = strike.arm().await.map_err(failed)?;
        let undo = match &mut grip {
            Some(grip) => grip.claim(holder(&order, &scene), armed).map_err(failed)?,
            None => armed,
        };
        let written = write_down(&order, &scene, &undo, grip.as_mut()).await;
        let watchdog = match written {
            Ok(watchdog) => watchdog,
            Err(error) => {
                drop(grip);
                // Nobody else may wait for it; that it failed matters more.
                let _ = undo.let_go().await;
                return Err(failed(error));
            }
        };
        let (left_to, short) = (None, Mutex::default());
        let mut injected =
            Injected { order, scene, strike, undo, watchdog, permit, short, left_to };
        // Where there is no value to set, who holds what is all that must be known.
        let grip = grip.filter(|_| injected.undo.sets_a_value());
        let landed = injected.strike.land().await;
        drop(grip);
        let landed = match landed {
            // What was hit is recorded and healed, also where the rest was not.
            Err(error @ FaultError::Partly { .. }) => {
                injected.short = Mutex::new(Some(error));
                Ok(())
            }
            landed => landed,
        };
        let landed = landed.and_then(|()| {
            if let Some(watchdog) = &mut injected.watchdog {
                watchdog.begin();
            }
            injected.record(State::Injected { victims: injected.victims() })
        });
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

/// Starts what ends the fault in any case, and writes the undo down.
async fn write_down(
    order: &Order,
    scene: &Scene,
    undo: &Undo,
    grip: Option<&mut held::Thing>,
) -> Result<Option<Watchdog>, FaultError> {
    let owner = std::process::id();
    let owner = Pinned::of(owner).unwrap_or(Pinned { pid: owner, start_time: 0 });
    let watchdog = match undo.needs_watchdog() && !order.lasts().is_zero() {
        true => {
            let record = scene.journal.reference(&order.name, order.kind.word())?;
            let task = Task { undo: undo.clone(), owner, record };
            Some(Watchdog::start(&task, order.lasts() + MARGIN).await?)
        }
        false => None,
    };
    let pinned = watchdog.as_ref().map(Watchdog::pinned);
    if let (Some(grip), Some(watchdog)) = (grip, pinned) {
        grip.watched(&holder(order, scene), watchdog)?;
    }
    let state = State::Injecting { undo: undo.clone(), owner, watchdog: pinned };
    scene.journal.record(&order.name, order.kind.word(), state)?;
    Ok(watchdog)
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
    /// [`FaultError::NotConfirmed`] if it is not seen in time,
    /// [`FaultError::Partly`] if it hit only some of its victims, and what keeps
    /// one from looking.
    pub async fn confirm(&self) -> Result<(), FaultError> {
        let short = self.short.lock().unwrap_or_else(PoisonError::into_inner).take();
        let confirmed = match short {
            Some(error) => Err(error),
            None => self.strike.confirm().await,
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
        Ok(Healed { undone, seen: self.whole().await? })
    }

    /// The second half of [`Injected::heal`]: waits until the system is seen
    /// whole again after [`Injected::take_back`], and says what was seen.
    ///
    /// # Errors
    /// [`FaultError::NotHealed`] if it is not within the order's `heal_within`.
    pub async fn whole(mut self) -> Result<Option<String>, FaultError> {
        if self.left_to.is_some() {
            // Whoever holds it still is to see it whole.
            self.permit.give_back();
            return Ok(None);
        }
        let within = self.order.heal_within;
        let whole = self.strike.whole(self.scene.world.as_ref(), within).await;
        self.permit.give_back();
        match whole {
            Ok(seen) => {
                if let Some(how) = seen.clone() {
                    self.record(State::Healed { how })?;
                }
                Ok(seen)
            }
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    /// The first half of [`Injected::heal`]: carries the undo out and writes
    /// down that it was; says what was done.
    ///
    /// # Errors
    /// [`FaultError::Undo`] if it cannot be taken back. Its victims count as
    /// under a fault from then on, until the end of the run.
    pub async fn take_back(&mut self) -> Result<String, FaultError> {
        if self.undo.is_for_one()
            && let Some(watchdog) = self.watchdog.take()
        {
            watchdog.end();
        }
        let undone = self.undone().await;
        match undone {
            Ok(Undone { how, left_to }) => {
                self.left_to = left_to;
                // It goes last: if anything fails before, it still does its work.
                if let Some(watchdog) = self.watchdog.take() {
                    watchdog.end();
                }
                self.record(State::Undone { how: how.clone() })?;
                Ok(how)
            }
            Err(error) => {
                self.permit.keep();
                let journal = self.scene.journal.path().to_owned();
                let error = FaultError::Undo { source: Box::new(error), journal };
                self.note(&error);
                Err(error)
            }
        }
    }

    /// What only this program can do is done where nobody else holds the thing.
    async fn undone(&mut self) -> Result<Undone, UndoError> {
        let limits = &self.scene.limits;
        let within = || limits.patience();
        let tell = |error: &UndoError, left: Duration| {
            let (name, left) = (&self.order.name, Span(Duration::from_secs(left.as_secs())));
            limits.tell(&format!(
                "{name} is still there: {error}. Taking it back is tried again for {left}"
            ));
        };
        if self.undo.is_left_to_others() {
            return self.undo.insist(within, tell).await;
        }
        match self.strike.release().await {
            Some(how) => {
                let left_to = self.undo.let_go().await?;
                Ok(Undone { how, left_to })
            }
            None => self.undo.insist(within, tell).await,
        }
    }

    fn record(&self, state: State) -> Result<(), FaultError> {
        Ok(self.scene.journal.record(&self.order.name, self.order.kind.word(), state)?)
    }

    /// Writes a failure down; the failure itself matters more than its record.
    fn note(&self, error: &FaultError) {
        let _ = self.record(State::Failed { why: error.to_string() });
    }
}
