//! The scratch folder of a lab: made by the keeper, so that there is never a
//! folder without a keeper; removed by it; and swept by the next lab if both
//! the keeper and its parent were killed at once.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use machine::process::{self, Pinned};
use rustix::fs::FlockOperation;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::server;

const PREFIX: &str = "shakedown-lab-";
/// In a folder that was kept on purpose: no sweep touches it.
const KEPT: &str = "KEPT";

/// A folder that belongs to the calling process.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) path: PathBuf,
    /// Held locked while the keeper lives. A sweeper in another container sees
    /// the folder but not the process: the lock tells it to keep off.
    _lock: File,
}

impl Scratch {
    /// `$TMPDIR/shakedown-lab-<pid>-<start time>`, open to its owner only.
    pub(crate) fn create(pid: u32, start_time: u64) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("{PREFIX}{pid}-{start_time}"));
        let named = |error: io::Error| {
            let words = format!("no scratch folder {} (TMPDIR): {error}", path.display());
            io::Error::new(error.kind(), words)
        };
        DirBuilder::new().mode(0o700).create(&path).map_err(named)?;
        let lock = File::open(&path)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path, _lock: lock })
    }

    /// Makes the folder of logs that go with this one. Processes without their logs
    /// are better than none.
    pub(crate) fn logs(&self) -> PathBuf {
        let logs = logs(&self.path);
        let _ = fs::create_dir(&logs);
        logs
    }

    /// Removes the folder, or marks it as kept.
    pub(crate) fn finish(self, keep: bool) -> io::Result<()> {
        server::tidy(&self.path);
        if keep {
            return File::create(self.path.join(KEPT)).map(drop);
        }
        remove(&self.path)
    }
}

/// Where logs are that go with a scratch folder.
pub(crate) fn logs(scratch: &Path) -> PathBuf {
    scratch.join("logs")
}

/// Removes a folder. A process that was killed a moment ago may still have
/// been writing, so "not empty" is worth a few more tries.
fn remove(path: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries < 20 => {
                tries += 1;
            }
            other => return other,
        }
    }
}

/// Removes every folder in `parent` whose keeper is dead, with the processes
/// that still belong to it. Errors are not for the caller of a new lab to
/// care about: what cannot be removed now is tried again next time.
pub(crate) fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_str().and_then(owner).is_some() {
            let _ = sweep_one(&path);
        }
    }
}

/// Removes one folder if its keeper is dead; tells whether it is gone.
pub(crate) fn sweep_one(path: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    let mine = metadata.uid() == rustix::process::geteuid().as_raw();
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(keeper) = name.and_then(owner) else { return Ok(false) };
    if !metadata.is_dir() || !mine || keeper.is_alive() {
        return Ok(false);
    }
    let lock = File::open(path)?;
    if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err()
        || path.join(KEPT).exists()
    {
        return Ok(false);
    }
    process::pids()?.into_iter().for_each(|pid| kill_leftover(pid, path));
    server::tidy(path);
    remove(path)?;
    Ok(true)
}

/// The keeper, from the name of its folder.
fn owner(name: &str) -> Option<Pinned> {
    let (pid, start_time) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some(Pinned { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? })
}

/// Whether a process belongs to `scratch`: its environment says so, or it works
/// in a folder there. Servers that write a title for themselves write it over
/// their environment.
fn is_marked(pid: u32, scratch: &Path) -> bool {
    process::has_variable(pid, super::MARKER, scratch)
        || process::working_folder(pid).is_some_and(|folder| folder.starts_with(scratch))
}

/// Kills a process that belongs to the folder. The process is held by
/// a descriptor first, so that a number used again in between is not hit.
fn kill_leftover(pid: u32, scratch: &Path) {
    let Some(raw) = Pid::from_raw(pid.cast_signed()) else { return };
    let Ok(held) = rustix::process::pidfd_open(raw, PidfdFlags::empty()) else { return };
    if is_marked(pid, scratch) {
        let _ = rustix::process::pidfd_send_signal(&held, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(parent: &Path, pid: u32, start_time: u64) -> PathBuf {
        let path = parent.join(format!("{PREFIX}{pid}-{start_time}"));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), "x").unwrap();
        path
    }

    #[test]
    fn only_the_folders_of_dead_keepers_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let me = std::process::id();
        let start_time = Pinned::of(me).unwrap().start_time;
        let alive = folder(parent.path(), me, start_time);
        let dead = folder(parent.path(), me, start_time + 1);
        let kept = folder(parent.path(), me, start_time + 2);
        fs::write(kept.join(KEPT), "").unwrap();
        let locked = folder(parent.path(), me, start_time + 3);
        let lock = File::open(&locked).unwrap();
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        let other = parent.path().join("shakedown-lab-notes");
        fs::create_dir(&other).unwrap();

        sweep(parent.path());

        assert!(!dead.exists());
        assert!(alive.exists() && kept.exists() && locked.exists() && other.exists());
    }
}
