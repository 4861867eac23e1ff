//! Reading a run's folder while it is written.
//!
//! Each file is read on from where the last look ended, whole lines only: the
//! last one may be half-written. What is kept is what some checks need, so that
//! a soak can be followed for days.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

use scenarios::plan::check::Pace;
use scenarios::plan::{Check, Plan};
use scenarios::series::{HOST, HOST_NAME};

use super::read::{Facts, apply};
use super::{Folder, FolderError};
use crate::event::Stamped;
use crate::history::{History, Times, WorkloadHistory};

/// A run that goes on, as far as it is written down.
pub struct Follower {
    events: Tail,
    samples: Tail,
    latencies: Tail,
    /// The series and workloads that are kept; of a workload all series are.
    series: BTreeSet<String>,
    workloads: BTreeSet<String>,
    facts: Facts,
    history: History,
}

impl Follower {
    /// Follows what these checks need.
    #[must_use]
    pub fn new<'a>(
        folder: &Folder,
        plan: &Plan,
        checks: impl IntoIterator<Item = &'a Check>,
    ) -> Self {
        let mut series = BTreeSet::new();
        let mut workloads = BTreeSet::new();
        for check in checks {
            let mut kind = check.kind.clone();
            let states = kind.statement();
            series.extend(states.series().map(str::to_owned));
            if states.pace != Pace::Never {
                series.extend(HOST.iter().map(|info| format!("{HOST_NAME}.{}", info.name)));
            }
            workloads.extend(plan.workloads_of(&states));
        }
        let mut history = History::default();
        for name in &workloads {
            let told = WorkloadHistory::with_times(name, Vec::new());
            history.workloads.insert(name.clone(), told);
        }
        Self {
            events: Tail::new(folder.events()),
            samples: Tail::new(folder.samples()),
            latencies: Tail::new(folder.latency()),
            series,
            workloads,
            facts: Facts::default(),
            history,
        }
    }

    /// What is known of the run since the last look.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Reads on. Samples come before the events, so that a fault is known before
    /// what it did. A line that cannot be read is passed over: the judge of the
    /// whole run will say so.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn catch_up(&mut self) -> Result<(), FolderError> {
        let log = self.latencies.fresh()?;
        for interval in loadgen::hlog::intervals(&log).flatten() {
            let Some((workload, "response")) = interval.tag.rsplit_once('.') else { continue };
            if let Some(told) = self.history.workloads.get_mut(workload) {
                told.response.push((interval.start.as_secs(), Times::of(&interval.histogram)));
            }
        }
        let rows = self.samples.fresh()?;
        let mut rows =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&rows[..]);
        for row in rows.records().flatten() {
            self.take(&row);
        }
        for line in String::from_utf8_lossy(&self.events.fresh()?).lines() {
            if let Ok(stamped) = serde_json::from_str::<Stamped>(line) {
                apply(stamped, &mut self.facts, &mut self.history);
            }
        }
        Ok(())
    }

    fn take(&mut self, row: &csv::StringRecord) {
        let [at, series, label, value] = [0, 1, 2, 3].map(|column| row.get(column).unwrap_or(""));
        let of_workload =
            series.rsplit_once('.').is_some_and(|(name, _)| self.workloads.contains(name));
        // The line of headings has no time.
        let (Ok(at), Ok(value)) = (at.parse::<f64>(), value.parse::<f64>()) else { return };
        if !(of_workload || self.series.contains(series)) || !at.is_finite() || !value.is_finite() {
            return;
        }
        // Probes write in the order of their answers, which is nearly that of time.
        self.history.samples.add(series, at, label, value);
    }
}

/// A file that grows.
struct Tail {
    path: PathBuf,
    read: u64,
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// The whole lines that were written since the last look.
    fn fresh(&mut self) -> Result<Vec<u8>, FolderError> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => {}
            // A file that is not there yet has no lines yet.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(bytes),
            Err(why) => return Err(FolderError::Read { path: self.path.clone(), why }),
        }
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(whole);
        self.read += whole as u64;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_half_written_line_waits_for_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut tail = Tail::new(path.clone());
        assert!(tail.fresh().unwrap().is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.fresh().unwrap(), b"one\n");
        assert!(tail.fresh().unwrap().is_empty());
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(tail.fresh().unwrap(), b"two\nthree\n");
    }
}
