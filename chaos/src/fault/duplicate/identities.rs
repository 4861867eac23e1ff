//! The identities of duplicates: one JSON value a line, in a file beside the
//! journal, on the disk before the duplicate exists.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::journal::Journal;
use crate::{FaultError, JournalError};

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    run: &'a str,
    fault: &'a str,
    /// The queue or stream.
    to: &'a str,
    /// What the message calls itself.
    identity: &'a str,
}

/// The file, and what all of its lines say.
#[derive(Debug, Clone)]
pub(super) struct Identities {
    path: PathBuf,
    run: String,
    fault: String,
    to: String,
    file: Option<Arc<File>>,
}

impl Identities {
    /// Beside `chaos.ndjson` it is `chaos.duplicates.ndjson`.
    pub(super) fn at(journal: &Journal, fault: &str, to: &str) -> Self {
        let path = journal.path().with_extension("duplicates.ndjson");
        let [run, fault, to] = [journal.run(), fault, to].map(str::to_owned);
        Self { path, run, fault, to, file: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes or opens the file. No record, no injection.
    pub(super) fn open(&mut self) -> Result<(), FaultError> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let failed = |source| JournalError { what: "open", path: self.path.clone(), source };
        self.file = Some(Arc::new(file.map_err(failed)?));
        Ok(())
    }

    /// Writes some down and waits until they are on the disk.
    pub(super) fn write<'a>(&self, identities: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let (run, fault, to) = (&self.run, &self.fault, &self.to);
        let mut text = Vec::new();
        for identity in identities {
            serde_json::to_writer(&mut text, &Line { run, fault, to, identity })?;
            text.push(b'\n');
        }
        let Some(mut file) = self.file.as_deref() else {
            return Err(io::Error::other("the file of identities is not open"));
        };
        if text.is_empty() {
            return Ok(());
        }
        file.write_all(&text)?;
        file.sync_data()
    }
}
