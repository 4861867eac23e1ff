//! Who holds a thing that several faults can hold at the same time: a count of
//! pods, a file, a paused process.
//!
//! Each thing has a record beside the journals, in one folder for all programs
//! of a user, so that faults of two programs with two journals find each other.
//! It tells what was there before the first of them and what each has set since.
//! It is locked while one of them lands or is taken back, and it is gone when
//! the last of them is.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::patience::Patience;
use crate::process::Pinned;

/// Longer than any fault takes to land.
const FREE_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// So much of a digest tells things apart: 16 bytes.
const NAMED_BY: usize = 16;

/// A fault's part in a thing: where the record is, and under which name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The record.
    pub record: PathBuf,
    /// The fault, `RUN/NAME`.
    pub by: String,
}

/// A fault that holds a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The fault, `RUN/NAME`.
    pub(crate) by: String,
    /// The program that injects it and takes it back.
    owner: Pinned,
    /// The process that takes it back should the program not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watchdog: Option<Pinned>,
    /// Whether nobody tries to take it back any more.
    #[serde(default)]
    given_up: bool,
    /// What it has set, where a thing has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) set: Option<String>,
    /// The processes that it stopped or ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) victims: Vec<Pinned>,
    /// How many processes ran before.
    #[serde(default)]
    pub(crate) running: usize,
}

impl Holder {
    /// This program as the owner.
    pub(crate) fn new(by: String) -> Self {
        let pid = std::process::id();
        let owner = Pinned::of(pid).unwrap_or(Pinned { pid, start_time: 0 });
        let (set, victims) = (None, Vec::new());
        Self { by, owner, watchdog: None, given_up: false, set, victims, running: 0 }
    }

    /// Whether somebody is there who will take it back. What a killed program has
    /// left is not waited for.
    fn is_live(&self) -> bool {
        let mut keepers = [Some(self.owner), self.watchdog].into_iter().flatten();
        !self.given_up && keepers.any(Pinned::is_alive)
    }
}

/// What is known of a thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The thing, in words.
    thing: String,
    /// Its value before the first holder; `None` is one as well: no file.
    pub(crate) before: Option<String>,
    /// Who holds it, in the order in which they took it.
    pub(crate) holders: Vec<Holder>,
}

impl Record {
    /// The place of a holder.
    pub(crate) fn place(&self, by: &str) -> Option<usize> {
        self.holders.iter().position(|holder| holder.by == by)
    }

    /// Those who hold it beside this one, with their places.
    pub(crate) fn others<'a>(&'a self, by: &'a str) -> impl Iterator<Item = (usize, &'a Holder)> {
        let holders = self.holders.iter().enumerate();
        holders.filter(move |(_, holder)| holder.by != by && holder.is_live())
    }

    /// Whether one of the holders has set this, living or not.
    pub(crate) fn has_set(&self, value: Option<&str>) -> bool {
        value.is_some() && self.holders.iter().any(|holder| holder.set.as_deref() == value)
    }
}

/// A record that nobody else can read or change meanwhile.
#[derive(Debug)]
pub(crate) struct Grip {
    path: PathBuf,
    file: File,
    pub(crate) record: Record,
    /// Whether something else was there than a record.
    pub(crate) is_damaged: bool,
}

impl Grip {
    /// Waits until the record is free. A thing that nobody holds has an empty one.
    ///
    /// # Errors
    /// When it cannot be read or made, or is not free in time.
    pub(crate) async fn take(path: &Path) -> io::Result<Self> {
        let patience = Patience::new(FREE_WITHIN, LOOK_EVERY);
        loop {
            let options =
                OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
            let mut file = match options {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    path.parent().map_or(Ok(()), make)?;
                    continue;
                }
                file => file?,
            };
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => {
                    let read = read(&mut file)?;
                    let is_damaged = read.is_none();
                    let record = read.unwrap_or_default();
                    return Ok(Self { path: path.to_owned(), file, record, is_damaged });
                }
                // Whoever had it has removed it.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if !patience.pause().await {
                let why = "another fault on the same thing does not come to an end";
                return Err(io::Error::new(ErrorKind::TimedOut, why));
            }
        }
    }

    /// Writes down one more holder of a thing, after those who are there.
    ///
    /// # Errors
    /// When it may not be on the disk.
    pub(crate) fn add(&mut self, thing: &str, holder: Holder) -> io::Result<()> {
        thing.clone_into(&mut self.record.thing);
        self.record.holders.retain(|other| other.by != holder.by);
        self.record.holders.push(holder);
        self.write()
    }

    /// Writes down one more holder of a thing, before all others because it has set nothing
    /// yet, and gives what was there before the first of them. This is there now.
    ///
    /// # Errors
    /// When it may not be on the disk, or what is there is no record.
    pub(crate) fn join_first(
        &mut self,
        thing: &str,
        mut holder: Holder,
        now: &str,
    ) -> io::Result<String> {
        if self.is_damaged {
            let why = "it is damaged, so nobody knows who holds this beside; see with chaos \
                       recover --list that nothing is open, and remove it";
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        let record = &mut self.record;
        let before = match record
            .before
            .take()
            .filter(|_| record.holders.iter().any(|holder| holder.set.as_deref() == Some(now)))
        {
            Some(before) => before,
            None => now.to_owned(),
        };
        if record.others(&holder.by).next().is_none() {
            // What killed programs have left is this one's to take back now.
            record.holders.clear();
        }
        thing.clone_into(&mut record.thing);
        record.before = Some(before.clone());
        holder.set = Some(before.clone());
        record.holders.retain(|other| other.by != holder.by);
        record.holders.insert(0, holder);
        self.write()?;
        Ok(before)
    }

    /// Writes down what a holder has set now, which makes it the latest of all.
    ///
    /// # Errors
    /// When it may not be on the disk.
    pub(crate) fn raise(&mut self, by: &str, set: &str) -> io::Result<()> {
        let Some(place) = self.record.place(by) else { return Ok(()) };
        let mut holder = self.record.holders.remove(place);
        holder.set = Some(set.to_owned());
        self.record.holders.push(holder);
        self.write()
    }

    /// Writes down who takes it back should the program not.
    ///
    /// # Errors
    /// When it may not be on the disk.
    pub(crate) fn watched(&mut self, by: &str, watchdog: Pinned) -> io::Result<()> {
        self.change(by, |holder| holder.watchdog = Some(watchdog))
    }

    /// Writes down that nobody tries to take it back any more.
    ///
    /// # Errors
    /// When it may not be on the disk.
    pub(crate) fn give_up(&mut self, by: &str) -> io::Result<()> {
        self.change(by, |holder| holder.given_up = true)
    }

    fn change(&mut self, by: &str, change: impl FnOnce(&mut Holder)) -> io::Result<()> {
        match self.record.holders.iter_mut().find(|holder| holder.by == by) {
            Some(holder) => change(holder),
            None => return Ok(()),
        }
        self.write()
    }

    /// Writes down that it is held by this one no more. Where nobody living is
    /// left, the record ends: the thing is as it was.
    ///
    /// # Errors
    /// When it may not be on the disk.
    pub(crate) fn let_go(&mut self, by: &str) -> io::Result<()> {
        self.record.holders.retain(|holder| holder.by != by);
        self.is_damaged = false;
        if !self.record.holders.iter().any(Holder::is_live) {
            self.record.holders.clear();
            return Ok(());
        }
        self.write()
    }

    /// What was written before is longer or whole: whoever is killed in between
    /// leaves a record with something after it.
    fn write(&mut self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.record)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&bytes)?;
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_data()
    }
}

/// The record of a thing that nobody holds is removed under the lock. A damaged one
/// stays until an undo has done without it, or somebody has looked.
impl Drop for Grip {
    fn drop(&mut self) {
        if self.record.holders.is_empty() && !self.is_damaged {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where the record of a thing is.
pub(crate) fn record(thing: &str) -> PathBuf {
    let digest = Sha256::digest(thing.as_bytes());
    let name: String = digest.iter().take(NAMED_BY).map(|byte| format!("{byte:02x}")).collect();
    folder().join(name + ".json")
}

/// What is known of a thing at the moment, without a lock.
pub(crate) fn peek(path: &Path) -> Record {
    let read = File::open(path).and_then(|mut file| read(&mut file));
    read.ok().flatten().unwrap_or_default()
}

/// `${XDG_STATE_HOME:-~/.local/state}/shakedown`. A relative `XDG_STATE_HOME` does
/// not count, as its specification says.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    let folder = |key| env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("shakedown"))
}

/// A user without a folder for state that can be written has one for what is
/// temporary.
fn folder() -> PathBuf {
    let held = state_folder().map(|state| state.join("held"));
    held.filter(|held| make(held).is_ok()).unwrap_or_else(|| {
        let user = rustix::process::getuid().as_raw();
        env::temp_dir().join(format!("shakedown-held-{user}"))
    })
}

/// Makes a folder that is this user's own: what another has put there is not
/// believed.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let made = fs::symlink_metadata(folder)?;
    let is_own = made.is_dir() && made.uid() == rustix::process::geteuid().as_raw();
    let whose = || io::Error::new(ErrorKind::PermissionDenied, "the folder is somebody else's");
    is_own.then_some(()).ok_or_else(whose)
}

fn is_at(file: &File, path: &Path) -> bool {
    let (here, there) = (file.metadata(), fs::metadata(path));
    here.is_ok_and(|here| {
        there.is_ok_and(|there| (here.dev(), here.ino()) == (there.dev(), there.ino()))
    })
}

/// `None` where something else is there than a record. An empty file is one of
/// nobody.
fn read(file: &mut File) -> io::Result<Option<Record>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut records = serde_json::Deserializer::from_slice(&bytes).into_iter::<Record>();
    Ok(records.next().map_or_else(|| Some(Record::default()), Result::ok))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_damaged_record_is_seen_and_stays_until_it_is_let_go_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thing.json");
        for damaged in ["{\"thing\": \"a", "rubbish", "[]"] {
            fs::write(&path, damaged).unwrap();
            assert!(Grip::take(&path).await.unwrap().is_damaged, "{damaged}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
            Grip::take(&path).await.unwrap().let_go("run/fault").unwrap();
            assert!(!path.exists());
        }
        let mut grip = Grip::take(&path).await.unwrap();
        assert!(!grip.is_damaged);
        grip.add("a thing", Holder::new("run/fault".to_owned())).unwrap();
        drop(grip);
        // Whoever was killed while a shorter one was written has left this.
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("\"}]}");
        fs::write(&path, text).unwrap();
        let grip = Grip::take(&path).await.unwrap();
        assert!(!grip.is_damaged && grip.record.place("run/fault").is_some());
    }
}
