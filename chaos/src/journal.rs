//! The undo journal: an append-only file of JSON lines, synced to the disk
//! before anything is broken. No record, no injection.
//!
//! Several programs may append to one journal at the same time. A line that a
//! killed program left half-written is skipped by readers and never damages
//! the next one.

mod reference;
mod story;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use scenarios::plan::Fault;
use scenarios::redact::Secrets;
use serde::{Deserialize, Serialize};

use crate::process::Pinned;
use crate::undo::Undo;

pub(crate) use reference::Reference;
pub use story::{End, Story, stories};

/// One line: what became of a fault, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written.
    pub ts: Timestamp,
    /// Who wrote it: `USER@HOST`, or `watchdog of USER@HOST`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The run to which the fault belongs.
    pub run: String,
    /// The fault's name, unique in its run.
    pub fault: String,
    /// What is done: `kill_process`.
    pub kind: String,
    /// The fault itself, where it is [`State::Planned`]: enough to do it again.
    /// Addresses of targets are open in it, and secrets that were written out
    /// are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Box<Due>>,
    /// What became of it.
    #[serde(flatten)]
    pub state: State,
}

/// A fault as it was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Due {
    /// The seed of the run.
    pub seed: u64,
    /// What the run was allowed beyond this machine, as it was typed. It allows
    /// nothing to whoever reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// The fault.
    pub plan: Fault,
}

/// The stations of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It is due later in this run.
    Planned,
    /// From this line on it may have happened. Until [`State::Undone`] it is
    /// open.
    Injecting {
        /// How it is taken back.
        undo: Undo,
        /// The program that injects it; while it runs, the fault is in hand.
        owner: Pinned,
        /// The process that takes it back when its time is over, whatever has
        /// become of the program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        watchdog: Option<Pinned>,
    },
    /// The system accepted it.
    Injected {
        /// Whom it hit.
        victims: Vec<String>,
    },
    /// It was seen to have landed.
    Confirmed,
    /// What was done is taken back, or there is nothing to take back.
    Undone {
        /// What was done.
        how: String,
    },
    /// The system was seen whole again.
    Healed {
        /// What was seen.
        how: String,
    },
    /// It did not land, or the system did not become whole in time.
    Failed {
        /// Why.
        why: String,
    },
}

impl State {
    /// The state as it may be written down.
    fn without(self, secrets: &Secrets) -> Self {
        let hide = |text: String| secrets.hide(&text);
        match self {
            Self::Planned | Self::Injecting { .. } | Self::Confirmed => self,
            Self::Injected { victims } => {
                Self::Injected { victims: victims.into_iter().map(hide).collect() }
            }
            Self::Undone { how } => Self::Undone { how: hide(how) },
            Self::Healed { how } => Self::Healed { how: hide(how) },
            Self::Failed { why } => Self::Failed { why: hide(why) },
        }
    }
}

/// A fault that may still be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// The run to which it belongs.
    pub run: String,
    /// Its name.
    pub fault: String,
    /// What was done.
    pub kind: String,
    /// How it is taken back.
    pub undo: Undo,
    /// The program that injected it.
    pub owner: Pinned,
    /// The process that takes it back in time.
    pub watchdog: Option<Pinned>,
}

/// Why the journal cannot be written or read. Nothing is injected then.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} the undo journal {}, and without a record nothing is injected: {source}", path.display())]
pub struct JournalError {
    /// What was tried: `open`, `write to`, `read`.
    pub what: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What stands in a journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Every line that could be read, in order.
    pub entries: Vec<Entry>,
    /// The numbers, from 1, of the lines that could not: torn by a crash, or
    /// written by a later version.
    pub unreadable: Vec<usize>,
}

/// A journal that is open for one run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    run: String,
    by: String,
    file: File,
    copy: Option<(PathBuf, File)>,
    secrets: Secrets,
}

impl Journal {
    /// Opens a journal for the faults of one run; the file and its folders are
    /// made if they are absent.
    ///
    /// # Errors
    /// When the file cannot be made or opened, or the folder not synced.
    pub fn open(path: impl Into<PathBuf>, run: impl Into<String>) -> Result<Self, JournalError> {
        let path = path.into();
        let file = open(&path).map_err(failure("open", &path))?;
        Ok(Self { path, run: run.into(), by: who(), file, copy: None, secrets: Secrets::default() })
    }

    /// Has every line written to a second file as well, for whoever looks at
    /// this run alone. The copy is not what is taken back from.
    ///
    /// # Errors
    /// When the file cannot be made or opened.
    pub fn copied_to(mut self, path: &Path) -> Result<Self, JournalError> {
        let copy = open(path).map_err(failure("open", path))?;
        self.copy = Some((path.to_owned(), copy));
        Ok(self)
    }

    /// Masks these in every line. An undo is written as it is, because it is
    /// carried out as it stands; no undo has a secret in it.
    #[must_use]
    pub fn hiding(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run whose faults are written here.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Writes a line and waits until it is on the disk.
    ///
    /// # Errors
    /// When the line may not have reached the disk.
    pub fn record(&self, fault: &str, kind: &str, state: State) -> Result<(), JournalError> {
        self.record_for(&self.run, fault, kind, state)
    }

    /// Writes down that a fault is due later.
    ///
    /// # Errors
    /// When the line may not have reached the disk.
    pub fn plan(&self, due: Due) -> Result<(), JournalError> {
        let (fault, kind) = (due.plan.name.clone(), due.plan.kind.word());
        let rule = Secrets::default();
        let hidden = self.secrets.hidden(&due.plan).or_else(|| rule.hidden(&due.plan));
        let due = Due { plan: hidden.unwrap_or(due.plan), ..due };
        let entry = self.entry(&self.run, &fault, kind, State::Planned);
        let entry = Entry { due: Some(Box::new(due)), ..entry };
        self.append(&entry).map_err(failure("write to", &self.path))
    }

    /// [`Journal::record`] for a fault of another run that is taken back now.
    pub(crate) fn record_for(
        &self,
        run: &str,
        fault: &str,
        kind: &str,
        state: State,
    ) -> Result<(), JournalError> {
        let entry = self.entry(run, fault, kind, state);
        self.append(&entry).map_err(failure("write to", &self.path))
    }

    fn entry(&self, run: &str, fault: &str, kind: &str, state: State) -> Entry {
        let ts = now();
        let (run, fault, kind) = (run.to_owned(), fault.to_owned(), kind.to_owned());
        let state = state.without(&self.secrets);
        Entry { ts, by: self.by.clone(), run, fault, kind, due: None, state }
    }

    /// Reads the whole journal.
    ///
    /// # Errors
    /// When the file cannot be read. Lines that are torn are not errors.
    pub fn read(&self) -> Result<Record, JournalError> {
        read(&self.path)
    }

    fn append(&self, entry: &Entry) -> io::Result<()> {
        append(&self.file, self.copy.as_ref().map(|(_, copy)| copy), entry)
    }
}

/// The lock keeps the look at the last byte and the write together when several
/// programs share the journal.
fn append(file: &File, copy: Option<&File>, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.lock()?;
    let written = end_torn_line(file)
        .and_then(|()| { file }.write_all(&line))
        .and_then(|()| file.sync_data());
    if let Some(mut copy) = copy {
        // The journal itself has the line, so nothing hangs on this one.
        let _ = copy.write_all(&line);
    }
    file.unlock()?;
    written
}

#[expect(clippy::disallowed_methods, reason = "the journal says when things happened")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// The user and the machine, for whoever asks later who broke it.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{}@{host}", named.unwrap_or_else(|| uid.to_string()))
}

/// Reads a journal; one that does not exist is empty.
///
/// # Errors
/// When the file exists and cannot be read.
pub fn read(path: &Path) -> Result<Record, JournalError> {
    match fs::read(path) {
        Ok(bytes) => Ok(parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
        Err(source) => Err(failure("read", path)(source)),
    }
}

/// The faults that may still be there: an undo was written and not carried out.
/// Those of the latest injection come first, as they are to be taken back.
#[must_use]
pub fn open_faults(entries: &[Entry]) -> Vec<Open> {
    let mut open: BTreeMap<_, (usize, Open)> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let key = (&entry.run, &entry.fault);
        match &entry.state {
            State::Injecting { undo, owner, watchdog } => {
                let fault = Open {
                    run: entry.run.clone(),
                    fault: entry.fault.clone(),
                    kind: entry.kind.clone(),
                    undo: undo.clone(),
                    owner: *owner,
                    watchdog: *watchdog,
                };
                open.insert(key, (at, fault));
            }
            State::Undone { .. } | State::Healed { .. } => {
                open.remove(&key);
            }
            // A fault that failed may be there in part.
            State::Planned | State::Injected { .. } | State::Confirmed | State::Failed { .. } => {}
        }
    }
    let mut open: Vec<(usize, Open)> = open.into_values().collect();
    open.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    open.into_iter().map(|(_, fault)| fault).collect()
}

fn parse(bytes: &[u8]) -> Record {
    let mut record = Record::default();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(entry) => record.entries.push(entry),
            Err(_) => record.unreadable.push(index + 1),
        }
    }
    record
}

fn open(path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    // The name of a new file is safe only when its folder is.
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Starts a new line if the last program to write was killed in the middle of
/// one.
fn end_torn_line(mut file: &File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last[0] == b'\n' { Ok(()) } else { file.write_all(b"\n") }
}

fn failure(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError { what, path, source }
}

#[cfg(test)]
mod tests;
