//! The link `latest` among the runs: to the run that came to its verdict last.

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::folder::Folder;

/// The link's name.
pub const LATEST: &str = "latest";

/// Makes `latest` lead to this run. The link is made beside its place and then put there, so
/// that it always leads to a run, and the last of two runs that end at once has it. It is
/// relative, so that all runs can be moved together. What is no link and stands in its place
/// stays.
///
/// # Errors
/// When something else stands in its place, or the link cannot be made, as on a file system
/// that has none.
pub fn point(run: &Folder) -> io::Result<()> {
    let path = run.path();
    let (Some(runs), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("the run has no folder above it"));
    };
    link(runs, Path::new(name))
}

/// Makes `latest` in a folder of runs lead to one of them.
pub(super) fn link(runs: &Path, name: &Path) -> io::Result<()> {
    let place = runs.join(LATEST);
    match std::fs::symlink_metadata(&place) {
        Ok(there) if !there.is_symlink() => {
            return Err(io::Error::other(format!("{} is no link", place.display())));
        }
        _ => {}
    }
    // No other run has the same name, and so none makes the same link.
    let mut beside = name.as_os_str().to_owned();
    beside.push(".latest");
    let beside = runs.join(beside);
    let _ = std::fs::remove_file(&beside);
    symlink(name, &beside)?;
    std::fs::rename(&beside, &place).inspect_err(|_| {
        // What is left of the attempt is of no use; the error matters more.
        let _ = std::fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_has_the_link_and_nothing_else_is_touched() {
        let runs = tempfile::tempdir().unwrap();
        let run = |name: &str| Folder::create(runs.path(), "shop", "now", name).unwrap();
        let (one, two) = (run("1"), run("2"));
        point(&one).unwrap();
        point(&two).unwrap();
        let place = runs.path().join(LATEST);
        assert_eq!(std::fs::read_link(&place).unwrap(), Path::new("shop-now-2"));
        assert_eq!(place.canonicalize().unwrap(), two.path().canonicalize().unwrap());
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        let why = point(&one).unwrap_err().to_string();
        assert!(why.ends_with("is no link") && place.is_dir(), "{why}");
        let names = std::fs::read_dir(runs.path()).unwrap().count();
        assert_eq!(names, 3, "nothing is left beside it");
    }

    #[test]
    fn two_runs_that_end_at_once_leave_a_link_to_one_of_them() {
        let runs = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for name in 0..8 {
                let runs = runs.path();
                scope.spawn(move || {
                    let run = Folder::create(runs, "shop", "now", &name.to_string()).unwrap();
                    for _ in 0..50 {
                        point(&run).unwrap();
                        assert!(runs.join(LATEST).join("ledger").is_dir(), "it leads to a run");
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 9);
    }
}
