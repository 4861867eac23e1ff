//! The runs before a run: of the same scenario, variant and target, beside its folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reports::Record;
use reports::record::WorkloadRecord;
use scenarios::plan::Place;

use super::head::{self, Head};
use super::name::Name;
use crate::folder::Folder;

/// So many runs are found at most …
const MOST: usize = 20;
/// … among so many of the same scenario, of which the beginnings of the records are read.
const LOOKED: usize = 100;

/// A run before another.
#[derive(Debug)]
pub struct Before {
    /// Its folder.
    pub path: PathBuf,
    /// The head of its record.
    pub head: Head,
}

/// The last runs of the same scenario, variant and target that came to a verdict before this
/// one, the oldest first. Only folders with names as runs are given them are looked into; what
/// cannot be read is passed over.
#[must_use]
pub fn before(folder: &Path, now: &Record) -> Vec<Before> {
    let parent = folder.parent().map(|parent| match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    });
    let entries = parent.and_then(|parent| std::fs::read_dir(parent).ok());
    let mut named: Vec<(Name, PathBuf)> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = Name::read(entry.file_name().to_str()?)?;
            let is_other = name.scenario == now.run.scenario && name.run != now.run.id;
            (is_other && entry.file_type().ok()?.is_dir()).then(|| (name, entry.path()))
        })
        .collect();
    named.sort_by(|(a, one), (b, other)| (b.started, other).cmp(&(a.started, one)));
    let found = named.into_iter().take(LOOKED).filter_map(|(_, path)| {
        let head = head::read(&Folder::at(&path).verdict()).ok()?;
        is_before(&head, now).then_some(Before { path, head })
    });
    let mut found: Vec<Before> = found.take(MOST).collect();
    found.reverse();
    found
}

/// Whether a run is of the same scenario, variant and target, and began earlier. The lab's
/// targets have other ports in each run and are the same.
fn is_before(head: &Head, now: &Record) -> bool {
    let (run, this) = (&head.run, &now.run);
    let same = run.scenario == this.scenario
        && run.variant == this.variant
        && run.place == this.place
        && run.id != this.id
        && run.started < this.started;
    same && (this.place == Place::Lab || targets(&head.workloads) == targets(&now.workloads))
}

fn targets(workloads: &[WorkloadRecord]) -> BTreeSet<&str> {
    workloads.iter().map(|workload| workload.target.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use reports::record::{Operations, Run, Verdict};

    use super::*;
    use crate::record::past::past;

    fn record(id: &str, hour: u32, verdict: Verdict, target: &str) -> Record {
        let run = Run {
            id: id.to_owned(),
            scenario: "shop".to_owned(),
            title: String::new(),
            description: String::new(),
            variant: None,
            place: Place::Targets,
            seed: 1,
            started: format!("2026-11-28T{hour:02}:00:00Z"),
            seconds: 60.0,
            interrupted: false,
            version: "0.1.0".to_owned(),
            brokers: Vec::new(),
            again: String::new(),
            folder: String::new(),
        };
        let mut record = Record::unrun(run, "environment", "nobody answers");
        record.verdict = verdict;
        record.findings[0].verdict = verdict;
        record.workloads = vec![WorkloadRecord {
            name: "load".to_owned(),
            target: target.to_owned(),
            rate_asked: 100.0,
            rate_got: 90.0 + f64::from(hour),
            operations: Operations::default(),
            response: None,
            service: None,
            delay: None,
            outages: Vec::new(),
            errors: Vec::new(),
            resent: None,
            poison: 0,
        }];
        record
    }

    /// Puts a run into a folder and gives the folder.
    fn put(runs: &Path, record: &Record, hour: u32) -> PathBuf {
        let path = runs.join(format!("shop-20261128T{hour:02}0000Z-{}", record.run.id));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("verdict.json"), record.to_json()).unwrap();
        path
    }

    #[test]
    fn only_runs_of_the_same_on_the_same_target_are_before() {
        let runs = tempfile::tempdir().unwrap();
        let put = |record: &Record, hour| put(runs.path(), record, hour);
        put(&record("00000001", 1, Verdict::Held, "http://a/"), 1);
        let second = put(&record("00000002", 2, Verdict::Violated, "http://a/"), 2);
        put(&record("00000003", 3, Verdict::Held, "http://b/"), 3);
        std::fs::write(second.join("report.html"), "").unwrap();
        let torn = put(&record("00000004", 4, Verdict::Held, "http://a/"), 4);
        std::fs::write(torn.join("verdict.json"), "{\"schema\":1,").unwrap();
        put(&record("00000006", 6, Verdict::Held, "http://a/"), 6);
        let now = record("00000005", 5, Verdict::Held, "http://a/");
        let before = before(&put(&now, 5), &now);
        let ids: Vec<&str> = before.iter().map(|run| run.head.run.id.as_str()).collect();
        assert_eq!(ids, ["00000001", "00000002"]);

        let past = past(&now, &before, "../").unwrap();
        assert_eq!(past.runs[0].page, "../shop-20261128T010000Z-00000001");
        assert_eq!(past.runs[1].page, "../shop-20261128T020000Z-00000002/report.html");
        let rate = &past.figures[1];
        assert_eq!(rate.values, [Some(91.0), Some(92.0), Some(95.0)]);
        assert_eq!((rate.median, rate.noise), (Some(91.5), None));
        assert!(rate.told.contains("2 runs, too few of 5"), "{}", rate.told);
        assert_eq!(past.changes.len(), 1);
        assert_eq!(past.changes[0].before, Some(Verdict::Violated));
    }

    #[test]
    fn without_a_past_there_is_none_and_nothing_fails() {
        let now = record("00000005", 5, Verdict::Held, "http://a/");
        for folder in ["/nowhere/at/all", "shop", "/"] {
            assert!(past(&now, &before(Path::new(folder), &now), "../").is_none());
        }
    }
}
