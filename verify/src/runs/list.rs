//! Which runs there are: every folder of a run below a folder, with what it came to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use reports::record::{Joined, Verdict};
use serde::Serialize;

use super::head::{self, Head};
use super::hold::goes_on;
use super::name::{Name, is_half_removed};
use crate::event::{Event, Stamped};
use crate::folder::Folder;

/// The most of the first line of `events.jsonl` that is read, in bytes.
const FIRST: u64 = 64 << 10;

/// A run, as its folder tells it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The folder.
    pub path: PathBuf,
    /// Its name as runs are given it, where it has one.
    pub name: Option<Name>,
    /// The scenario.
    pub scenario: String,
    /// When the run began.
    pub started: Option<SystemTime>,
    /// What became of it.
    pub state: State,
    /// The head of its record, where it has one.
    pub head: Option<Head>,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It goes on, or may.
    GoesOn,
    /// It came to no verdict: it was killed, or could not be set up.
    NoVerdict,
    /// It was held.
    Held,
    /// It was inconclusive.
    Inconclusive,
    /// It was violated.
    Violated,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::GoesOn => "goes on",
            Self::NoVerdict => "no verdict",
            Self::Held => Verdict::Held.word(),
            Self::Inconclusive => Verdict::Inconclusive.word(),
            Self::Violated => Verdict::Violated.word(),
        }
    }
}

impl From<Verdict> for State {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Held => Self::Held,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Violated => Self::Violated,
        }
    }
}

/// A folder that may be one of a run and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The folder.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// What there is in a folder of runs.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The runs, the latest first.
    pub runs: Vec<Listed>,
    /// What could not be read, by name.
    pub unreadable: Vec<Unreadable>,
}

/// Lists the runs below a folder. What is no folder of a run is passed over.
///
/// # Errors
/// When the folder itself cannot be read.
pub fn list(runs: &Path) -> std::io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in std::fs::read_dir(runs)? {
        let path = entry?.path();
        // The link `latest` would list a run twice.
        let is_folder = std::fs::symlink_metadata(&path).is_ok_and(|known| known.is_dir());
        let name = path.file_name().and_then(|name| name.to_str());
        if !is_folder || name.is_some_and(is_half_removed) {
            continue;
        }
        match look(&path) {
            Ok(found) => listing.runs.extend(found),
            Err(why) => listing.unreadable.push(Unreadable { path, why }),
        }
    }
    listing.runs.sort_by(|a, b| (b.started, &b.path).cmp(&(a.started, &a.path)));
    listing.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

/// What a folder is, if it is one of a run.
fn look(path: &Path) -> Result<Option<Listed>, String> {
    let folder = Folder::at(path);
    // That a folder may not be looked into is an error, and not that nothing is in it.
    std::fs::read_dir(path).map_err(|error| error.to_string())?;
    let name = path.file_name().and_then(|name| Name::read(name.to_str()?));
    if folder.verdict().exists() {
        let head = head::read(&folder.verdict()).map_err(|why| format!("verdict.json: {why}"))?;
        let started = head.run.started.parse::<Timestamp>().ok().map(SystemTime::from);
        return Ok(Some(Listed {
            path: path.to_owned(),
            scenario: head.run.scenario.clone(),
            started: started.or(name.as_ref().map(|name| name.started)),
            state: head.verdict.into(),
            name,
            head: Some(head),
        }));
    }
    if !folder.events().exists() && !folder.plan().exists() {
        return Ok(None);
    }
    let began = match first(&folder) {
        Ok(began) => began,
        // `chaos run` has a plan and events, too, and no samples.
        Err(_) if !folder.samples().exists() => return Ok(None),
        Err(why) => return Err(format!("events.jsonl: {why}")),
    };
    let scenario = name.as_ref().map_or_else(|| "unknown".to_owned(), |n| n.scenario.clone());
    let state = if goes_on(&folder) { State::GoesOn } else { State::NoVerdict };
    let started = began.and_then(|(_, time)| time.parse::<Timestamp>().ok()).map(SystemTime::from);
    let started = started.or(name.as_ref().map(|name| name.started));
    Ok(Some(Listed { path: path.to_owned(), name, scenario, started, state, head: None }))
}

/// The run and the time of the first event; nothing where there is none yet.
///
/// # Errors
/// Why that is no event of a run's beginning.
pub(super) fn first(folder: &Folder) -> Result<Option<(String, String)>, String> {
    let file = match std::fs::File::open(folder.events()) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut line = Vec::new();
    let read = BufReader::new(file).take(FIRST).read_until(b'\n', &mut line);
    read.map_err(|error| error.to_string())?;
    if line.is_empty() {
        return Ok(None);
    }
    let stamped: Stamped = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
    match stamped.event {
        Event::RunStarted { run, .. } => Ok(Some((run, stamped.time))),
        _ => Err("its first line does not begin a run".to_owned()),
    }
}

impl Listed {
    /// The variant of the reference system, in the lab.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.head.as_ref()?.run.variant.as_deref()
    }

    /// The figures that say most, each with its name: operations, how many had no success,
    /// the longest p99 of a workload in seconds, and how many operations were lost and so on.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<&'static str, f64> {
        let Some(head) = &self.head else { return BTreeMap::new() };
        let sum = |of: fn(&reports::record::Operations) -> u64| {
            head.workloads.iter().map(|workload| of(&workload.operations)).sum::<u64>() as f64
        };
        let mut figures = BTreeMap::new();
        figures.insert("operations", sum(|all| all.due));
        figures.insert("unsuccessful", sum(|all| all.failed + all.indeterminate));
        let p99 = head.workloads.iter().filter_map(|workload| Some(workload.response?.p99));
        if let Some(p99) = p99.filter(|p99| p99.is_finite()).max_by(f64::total_cmp) {
            figures.insert("p99_seconds", p99);
        }
        figures.insert("faults", head.faults.len() as f64);
        // Several checks may look at the same effects.
        let most = |of: fn(&Joined) -> u64| {
            head.effects.iter().map(|join| of(&join.joined)).max().unwrap_or(0) as f64
        };
        if !head.effects.is_empty() {
            figures.insert("lost", most(|joined| joined.lost));
            figures.insert("duplicated", most(|joined| joined.duplicated));
            figures.insert("dead_lettered", most(|joined| joined.dead_lettered));
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_and_the_others_are_listed() {
        let runs = tempfile::tempdir().unwrap();
        let put = |name: &str, file: &str, text: &str| {
            let path = runs.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join(file), text).unwrap();
        };
        let began = "{\"time\":\"2026-11-28T14:33:55Z\",\"event\":\"run-started\",\"run\":\"207140c5\",\
                     \"version\":\"0\",\"again\":\"\"}\n";
        put("shop-20261128T143355Z-207140c5", "events.jsonl", began);
        put("broken", "verdict.json", "{\"schema\":1,");
        put("torn", "events.jsonl", "{\"time\":");
        put("torn", "samples.csv", "");
        put("faults-of-chaos", "events.jsonl", "{\"event\":\"fault-planned\"}\n");
        put("photos", "cat.jpg", "");
        super::super::latest::link(runs.path(), Path::new("shop-20261128T143355Z-207140c5"))
            .unwrap();
        let listing = list(runs.path()).unwrap();
        assert_eq!(listing.runs.len(), 1);
        assert_eq!((&*listing.runs[0].scenario, listing.runs[0].state), ("shop", State::GoesOn));
        let named: Vec<_> =
            listing.unreadable.iter().map(|one| one.path.file_name().unwrap()).collect();
        assert_eq!(named, ["broken", "torn"]);
    }
}
