//! Which runs are removed, and removing them.
//!
//! Kept are of each scenario the newest runs and, beside them, as many of the newest violated
//! ones: what broke a promise is what somebody will want to look at again, and it is gone only
//! when as many newer ones of its kind are there. A run that goes on is never removed, nor one
//! whose folder has a file `keep`, nor one that has another name than runs are given.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::hold::{goes_on, hold};
use super::list::{Listed, State, first};
use super::name::{REMOVING, is_half_removed};
use crate::folder::Folder;

/// The file with which a user keeps a run.
pub const KEEP: &str = "keep";

/// What is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The newest of each scenario, and as many of its newest violated ones.
    pub newest: usize,
    /// Whatever is not older than this.
    pub younger_than: Option<Duration>,
}

/// A run that may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its folder.
    pub path: PathBuf,
    /// Its scenario.
    pub scenario: String,
    /// How long ago it began.
    pub age: Duration,
    /// What became of it.
    pub state: State,
}

/// The runs that are removed, of those that are ours.
#[must_use]
pub fn chosen<'a>(runs: &'a [Candidate], keep: &Keep) -> Vec<&'a Candidate> {
    let mut newest: Vec<&Candidate> = runs.iter().collect();
    newest.sort_by(|a, b| (a.age, &b.path).cmp(&(b.age, &a.path)));
    let (mut all, mut violated) = (BTreeMap::new(), BTreeMap::new());
    let mut chosen = Vec::new();
    for run in newest {
        if run.state == State::GoesOn {
            continue;
        }
        let count = |counts: &mut BTreeMap<&'a str, usize>| {
            let count = counts.entry(run.scenario.as_str()).or_default();
            *count += 1;
            *count
        };
        let is_new = count(&mut all) <= keep.newest;
        let is_evidence = run.state == State::Violated && count(&mut violated) <= keep.newest;
        let is_young = keep.younger_than.is_some_and(|limit| run.age <= limit);
        if !(is_new || is_evidence || is_young) {
            chosen.push(run);
        }
    }
    chosen
}

/// Whether a folder is that of a run as this program makes them: a folder and no link, named
/// as runs are, with events that begin with the run of its name; and nobody keeps it.
#[must_use]
pub fn is_ours(run: &Listed) -> bool {
    let Some(name) = &run.name else { return false };
    let folder = Folder::at(&run.path);
    let is_folder = std::fs::symlink_metadata(&run.path).is_ok_and(|known| known.is_dir());
    let begins = || first(&folder).ok().flatten().is_some_and(|(run, _)| run == name.run);
    is_folder && !folder.file(KEEP).exists() && folder.plan().exists() && begins()
}

/// Folders whose removal was cut short: nobody else gives such names.
///
/// # Errors
/// When the folder of the runs cannot be read.
pub fn half_removed(runs: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(runs)? {
        let entry = entry?;
        let is_half = entry.file_name().to_str().is_some_and(is_half_removed);
        if is_half && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// A run that was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Its folder.
    pub path: PathBuf,
    /// What its files took on the disk.
    pub bytes: u64,
}

/// What the files below a folder take on the disk, in bytes. Links are not followed.
#[must_use]
pub fn size(path: &Path) -> u64 {
    let own = std::fs::symlink_metadata(path).map_or(0, |known| known.blocks() * 512);
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let below = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        _ => entry.metadata().map_or(0, |known| known.blocks() * 512),
    });
    own + below.sum::<u64>()
}

/// Removes the folder of a run. It first gets another name, so that half a run is never taken
/// for one.
///
/// # Errors
/// When the run goes on, or its files cannot be removed.
pub fn remove(path: &Path) -> std::io::Result<Removed> {
    // Held until it is gone, so that two programs do not remove it at once.
    let held = hold(path)?;
    if goes_on_but_for_us(path) {
        return Err(std::io::Error::other("it goes on"));
    }
    let bytes = size(path);
    let mut aside = path.as_os_str().to_owned();
    aside.push(REMOVING);
    let aside = PathBuf::from(aside);
    std::fs::rename(path, &aside)?;
    std::fs::remove_dir_all(&aside)?;
    drop(held);
    Ok(Removed { path: path.to_owned(), bytes })
}

/// Removes what is left of a removal that was cut short.
///
/// # Errors
/// When it cannot be removed.
pub fn finish(path: &Path) -> std::io::Result<Removed> {
    let bytes = size(path);
    std::fs::remove_dir_all(path)?;
    Ok(Removed { path: path.to_owned(), bytes })
}

/// The lock is ours; what remains is whether an older program writes.
fn goes_on_but_for_us(path: &Path) -> bool {
    super::hold::is_written(&Folder::at(path))
}

/// The candidates among listed runs.
#[must_use]
pub fn candidates(runs: &[Listed]) -> Vec<Candidate> {
    let ours = runs.iter().filter(|run| is_ours(run));
    ours.filter_map(|run| {
        let name = run.name.as_ref()?;
        let state = if goes_on(&Folder::at(&run.path)) { State::GoesOn } else { run.state };
        let age = super::moment::ago(name.started);
        let scenario = name.scenario.clone();
        Some(Candidate { path: run.path.clone(), scenario, age, state })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate() -> impl Strategy<Value = (u8, u64, u8)> {
        (0_u8..3, 0_u64..100, 0_u8..5)
    }

    fn candidates(told: &[(u8, u64, u8)]) -> Vec<Candidate> {
        let states =
            [State::GoesOn, State::NoVerdict, State::Held, State::Inconclusive, State::Violated];
        let of = |(number, &(scenario, days, state)): (usize, &(u8, u64, u8))| Candidate {
            path: PathBuf::from(number.to_string()),
            scenario: scenario.to_string(),
            age: Duration::from_secs(days * 86_400),
            state: states[usize::from(state)],
        };
        told.iter().enumerate().map(of).collect()
    }

    fn keep(newest: usize, days: Option<u64>) -> Keep {
        Keep { newest, younger_than: days.map(|days| Duration::from_secs(days * 86_400)) }
    }

    proptest! {
        /// A run that goes on is never removed, nor one that is young enough; of each
        /// scenario the newest stay, and as many violated ones.
        #[test]
        fn what_must_stay_stays(
            told in prop::collection::vec(candidate(), 0..40),
            newest in 0_usize..6,
            days in prop::option::of(0_u64..100),
        ) {
            let (runs, keep) = (candidates(&told), keep(newest, days));
            let gone = chosen(&runs, &keep);
            for run in &gone {
                prop_assert!(run.state != State::GoesOn);
                prop_assert!(days.is_none_or(|days| run.age.as_secs() > days * 86_400));
                let kept = runs.iter().filter(|other| {
                    other.scenario == run.scenario && other.age <= run.age && !gone.contains(other)
                });
                let kept: Vec<&Candidate> = kept.filter(|o| o.state != State::GoesOn).collect();
                prop_assert!(kept.len() >= newest);
                let violated = kept.iter().filter(|other| other.state == State::Violated).count();
                prop_assert!(run.state != State::Violated || violated >= newest);
            }
        }

        /// Removing once removes everything that is to go.
        #[test]
        fn a_second_time_removes_nothing(
            told in prop::collection::vec(candidate(), 0..40), newest in 0_usize..6,
        ) {
            let (runs, keep) = (candidates(&told), keep(newest, None));
            let gone: Vec<Candidate> = chosen(&runs, &keep).into_iter().cloned().collect();
            let left: Vec<Candidate> = runs.into_iter().filter(|run| !gone.contains(run)).collect();
            prop_assert!(chosen(&left, &keep).is_empty());
        }

        /// Whoever keeps more, or whatever is younger, never loses more.
        #[test]
        fn keeping_more_removes_no_more(
            told in prop::collection::vec(candidate(), 0..40),
            newest in 0_usize..6,
            days in 0_u64..100,
        ) {
            let runs = candidates(&told);
            let gone = chosen(&runs, &keep(newest, Some(days)));
            for more in [keep(newest + 1, Some(days)), keep(newest, Some(days + 10))] {
                prop_assert!(chosen(&runs, &more).iter().all(|run| gone.contains(run)));
            }
        }
    }
}
