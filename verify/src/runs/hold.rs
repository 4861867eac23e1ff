//! Runs that go on: the program of a run holds a lock on the run's folder, which the system
//! takes back when the program ends, however it does.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::moment::since_change;
use crate::folder::Folder;

/// How long the files of a run that goes on may stay as they are. Programs that are older
/// than the lock write samples each second.
const SILENCE: Duration = Duration::from_secs(15 * 60);

/// A lock on a run's folder, until it is dropped.
#[derive(Debug)]
pub struct Held {
    _folder: File,
}

/// Holds the folder of a run.
///
/// # Errors
/// When somebody else does, or the folder cannot be opened.
pub fn hold(folder: &Path) -> io::Result<Held> {
    let file = File::open(folder)?;
    file.try_lock()?;
    Ok(Held { _folder: file })
}

/// Whether a run goes on, or may: somebody holds its folder, or it has not come to its end
/// and was written to a moment ago.
#[must_use]
pub fn goes_on(folder: &Folder) -> bool {
    let is_held = match File::open(folder.path()) {
        Ok(file) => matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)),
        // Nobody knows.
        Err(_) => true,
    };
    is_held || is_written(folder)
}

/// Whether a run that has not come to a verdict was written to a moment ago.
pub(super) fn is_written(folder: &Folder) -> bool {
    let files = [folder.events(), folder.samples(), folder.latency()];
    let mut changes = files.iter().filter_map(|path| since_change(path));
    !folder.verdict().exists() && changes.any(|since| since < SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_as_long_as_its_program_holds_it() {
        let runs = tempfile::tempdir().unwrap();
        let folder = Folder::create(runs.path(), "shop", "now", "1").unwrap();
        std::fs::write(folder.verdict(), "{}").unwrap();
        assert!(!goes_on(&folder));
        let held = hold(folder.path()).unwrap();
        assert!(goes_on(&folder) && hold(folder.path()).is_err());
        drop(held);
        assert!(!goes_on(&folder));
        // A run without a verdict that was written to just now may go on.
        std::fs::remove_file(folder.verdict()).unwrap();
        std::fs::write(folder.events(), "").unwrap();
        assert!(goes_on(&folder));
    }
}
