//! A fault in its journal, as another process is told of it: whoever takes the
//! fault back writes that down where it stands.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf, absolute};

use serde::{Deserialize, Serialize};

use super::{Entry, Journal, JournalError, State, append, failure, now, who};

/// Where a fault is written down, whatever the working folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    journal: PathBuf,
    copy: Option<PathBuf>,
    run: String,
    fault: String,
    kind: String,
}

impl Journal {
    /// Where a fault of this run is written down.
    pub(crate) fn reference(&self, fault: &str, kind: &str) -> Result<Reference, JournalError> {
        let at = |path: &Path| absolute(path).map_err(failure("open", path));
        let copy = self.copy.as_ref().map(|(path, _)| at(path)).transpose()?;
        let (run, fault, kind) = (self.run.clone(), fault.to_owned(), kind.to_owned());
        Ok(Reference { journal: at(&self.path)?, copy, run, fault, kind })
    }
}

impl Reference {
    /// Writes down what the watchdog has done, and waits until it is on the disk. A
    /// journal that somebody has removed meanwhile is not made again.
    pub(crate) fn record_of_watchdog(self, state: State) -> Result<(), JournalError> {
        let existing = |path: &Path| -> std::io::Result<File> {
            OpenOptions::new().read(true).append(true).open(path)
        };
        let file = existing(&self.journal).map_err(failure("open", &self.journal))?;
        let copy = self.copy.and_then(|path| existing(&path).ok());
        let (by, due) = (format!("watchdog of {}", who()), None);
        let (run, fault, kind) = (self.run, self.fault, self.kind);
        let entry = Entry { ts: now(), by, run, fault, kind, due, state };
        append(&file, copy.as_ref(), &entry).map_err(failure("write to", &self.journal))
    }
}
