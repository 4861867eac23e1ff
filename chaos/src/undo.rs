//! What takes a fault back, as a value that can be written down before the
//! fault exists and carried out by another program later.

use serde::{Deserialize, Serialize};

use crate::process::{Pinned, Process};
use crate::victim::{Signal, Victim, VictimError};

/// How a fault is taken back. Carrying it out twice is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Undo {
    /// Nothing: somebody else makes the system whole again.
    Nothing {
        /// Who, and how.
        why: String,
    },
    /// SIGCONT to processes that were stopped; their watchdog is sent home.
    ContinueProcesses {
        /// The processes that were stopped.
        victims: Vec<Pinned>,
        /// The process that would continue them when their time is over.
        watchdog: Pinned,
    },
}

/// Why a fault could not be taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// A stopped process could not be continued.
    #[error("a stopped process was not continued; run kill -CONT {pid} as its owner: {source}", pid = victim.pid)]
    Continue {
        /// The process that is still stopped.
        victim: Pinned,
        /// Why.
        source: VictimError,
    },
}

impl Undo {
    /// Takes the fault back and says what was done.
    ///
    /// # Errors
    /// When the fault is still there afterwards.
    pub async fn perform(&self) -> Result<String, UndoError> {
        match self {
            Self::Nothing { why } => Ok(format!("nothing to undo: {why}")),
            Self::ContinueProcesses { victims, watchdog } => continue_processes(victims, *watchdog),
        }
    }
}

/// The watchdog goes last: if anything fails before, it still does its work.
fn continue_processes(victims: &[Pinned], watchdog: Pinned) -> Result<String, UndoError> {
    let mut continued = 0;
    for &victim in victims {
        match send(victim, Signal::CONT) {
            Ok(()) => continued += 1,
            // A process that ended is not stopped any more.
            Err(VictimError::Gone { .. }) => {}
            Err(source) => return Err(UndoError::Continue { victim, source }),
        }
    }
    // A watchdog that cannot be ended only sends one more SIGCONT.
    let _ = send(watchdog, Signal::KILL);
    Ok(match victims.len() - continued {
        0 => format!("continued {continued} stopped"),
        gone => format!("continued {continued} stopped; {gone} had ended"),
    })
}

fn send(pinned: Pinned, signal: Signal) -> Result<(), VictimError> {
    let Pinned { pid, start_time } = pinned;
    Victim::pin(Process { name: "process".to_owned(), pid, start_time })?.signal(signal)
}
