//! Reading a run back from its folder.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadgen::{Latency, Shape};
use reports::record::PhaseRecord;
use roaring::RoaringTreemap;
use scenarios::Plan;
use serde::Deserialize;

use super::{Folder, FolderError};
use crate::event::{Event, Stamped, WorkloadSummary};
use crate::history::{
    self, AnswersHistory, Dead, History, Order, Sample, Seen, SeenWorkload, Times, WorkloadHistory,
};

/// The most log lines of a probe that the judge is shown.
const LINES: usize = 2_000;

/// What a run's folder says of the run, beside its history.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The run's identity.
    pub run: String,
    /// The version of the program that ran it.
    pub version: String,
    /// The command that does it again.
    pub again: String,
    /// When it began, in UTC, RFC 3339.
    pub started: String,
    /// How long it took in all, in seconds.
    pub seconds: f64,
    /// The addresses, without passwords.
    pub targets: BTreeMap<String, String>,
    /// What the brokers are.
    pub brokers: Vec<String>,
    /// What the reader of the report should know.
    pub warnings: Vec<String>,
    /// What each workload did.
    pub workloads: BTreeMap<String, WorkloadSummary>,
    /// Where effects were read, by source.
    pub sources: BTreeMap<String, String>,
}

/// A run as its folder tells it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The plan.
    pub plan: Plan,
    /// The facts.
    pub facts: Facts,
    /// The history.
    pub history: History,
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> FolderError {
    let path = path.to_owned();
    move |why| FolderError::Read { path, why }
}

fn garbled(path: &Path, why: impl ToString) -> FolderError {
    FolderError::Garbled { path: path.to_owned(), why: why.to_string() }
}

/// Reads a run's folder. A run that was killed is read as far as it went, and
/// counts as interrupted.
///
/// # Errors
/// When a file cannot be read, or holds something else.
pub fn read(folder: &Folder) -> Result<Told, FolderError> {
    let path = folder.plan();
    let text = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
    let plan = scenarios::plan_from_toml(&text).map_err(|why| garbled(&path, why))?;
    let mut facts = Facts::default();
    let mut history = History { interrupted: true, ..History::default() };
    read_events(&folder.events(), &mut facts, &mut history)?;
    history.samples = read_samples(&folder.samples())?;
    read_workloads(folder, &plan, &facts, &mut history)?;
    read_effects(folder, &plan, &mut history)?;
    Ok(Told { plan, facts, history })
}

/// The lines of a file; one that is missing has none, and a torn last line,
/// as a killed run may leave it, is passed over by the callers.
fn lines(path: &Path) -> Result<Vec<String>, FolderError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unreadable(path)(error)),
    }
}

fn read_events(path: &Path, facts: &mut Facts, history: &mut History) -> Result<(), FolderError> {
    let lines = lines(path)?;
    let count = lines.len();
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str::<Stamped>(line) {
            Ok(stamped) => apply(stamped, facts, history),
            Err(_) if index + 1 == count => {}
            Err(error) => return Err(garbled(path, format!("line {}: {error}", index + 1))),
        }
    }
    Ok(())
}

pub(super) fn apply(stamped: Stamped, facts: &mut Facts, history: &mut History) {
    match stamped.event {
        Event::RunStarted { run, version, again } => {
            facts.run = run;
            facts.version = version;
            facts.again = again;
            facts.started = stamped.time;
        }
        Event::SystemReady { targets, brokers, .. } => {
            facts.targets = targets;
            facts.brokers = brokers;
        }
        Event::PhaseStarted { .. } | Event::Process { .. } => {}
        Event::PhaseEnded { phase, from, to } => {
            history.phases.push(PhaseRecord { name: phase, from, to });
        }
        Event::FaultPlanned { fault } | Event::FaultChanged { fault } => {
            match history.faults.iter_mut().find(|known| known.name == fault.name) {
                Some(known) => *known = fault,
                None => history.faults.push(fault),
            }
        }
        Event::LogLine { probe, line } => {
            let lines = history.lines.entry(probe).or_default();
            if lines.len() < LINES {
                lines.push(line);
            }
        }
        Event::ProbeTrouble { probe, why } => {
            history.troubles.insert(probe, why);
        }
        Event::RunStopped { stop } => {
            let at = (stop.at * 10.0).round() / 10.0;
            facts.warnings.push(format!("Stopped by {} at {at} s: {}", stop.check, stop.why));
            history.stopped = Some(stop);
        }
        Event::Warning { text } => facts.warnings.push(text),
        Event::WorkloadEnded { workload, summary } => {
            facts.workloads.insert(workload, *summary);
        }
        Event::EffectsRead { source, place, error, blind, foreign, foreign_count, dead, order } => {
            facts.sources.insert(source.clone(), place);
            let seen = match error {
                Some(why) => Err(why),
                None => Ok(Seen {
                    foreign,
                    foreign_count,
                    blind,
                    dead: dead.map(|part| Dead { trouble: part.error, ..Dead::default() }),
                    order: order.map(|part| Order { trouble: part.error, ..Order::default() }),
                    ..Seen::default()
                }),
            };
            history.effects.insert(source, seen);
        }
        Event::RunEnded { interrupted, seconds } => {
            history.interrupted = interrupted;
            facts.seconds = seconds;
        }
    }
}

fn read_samples(path: &Path) -> Result<BTreeMap<String, Vec<Sample>>, FolderError> {
    let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    let mut labels: HashSet<Arc<str>> = HashSet::new();
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(samples),
        Err(error) => return Err(unreadable(path)(error)),
    };
    let mut rows = csv::Reader::from_reader(BufReader::new(file));
    let mut row = csv::StringRecord::new();
    loop {
        match rows.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            // Only the last row can be short: the one that a killed run tore.
            Err(error) if matches!(error.kind(), csv::ErrorKind::UnequalLengths { .. }) => break,
            Err(error) => return Err(garbled(path, error)),
        }
        let (Ok(at), Ok(value)) = (row[0].parse::<f64>(), row[3].parse::<f64>()) else { break };
        if !(at.is_finite() && value.is_finite()) {
            continue;
        }
        let label = labels.get(&row[2]).cloned().unwrap_or_else(|| {
            let label: Arc<str> = Arc::from(&row[2]);
            labels.insert(label.clone());
            label
        });
        let sample = Sample { at, label, value };
        match samples.get_mut(&row[1]) {
            Some(list) => list.push(sample),
            None => {
                samples.insert(row[1].to_owned(), vec![sample]);
            }
        }
    }
    for list in samples.values_mut() {
        list.sort_by(|a, b| a.at.total_cmp(&b.at));
    }
    Ok(samples)
}

fn read_workloads(
    folder: &Folder,
    plan: &Plan,
    facts: &Facts,
    history: &mut History,
) -> Result<(), FolderError> {
    let mut latencies = read_latencies(&folder.latency())?;
    for workload in &plan.workloads {
        let Some(summary) = facts.workloads.get(&workload.name) else { continue };
        let path = folder.outcomes_of(&workload.name);
        let ledger = loadgen::Ledger::load(&path).map_err(|why| garbled(&path, why))?;
        let latencies = latencies.remove(&workload.name).unwrap_or_default();
        let shape = Shape::from_plan(workload, plan.seed);
        let answers = match summary.answers {
            Some(counts) => Some(AnswersHistory {
                counts,
                guilty: read_rows(&folder.answers_of(&workload.name))?,
            }),
            None => None,
        };
        let told = WorkloadHistory {
            poison: history::poison(&shape, ledger.due()),
            shape,
            resent: summary.resent,
            answers,
            ledger,
            response: latencies.response,
            latency: latencies.whole,
            outages: summary.outages.clone(),
            pump: summary.pump,
            broken: summary.broken.clone(),
        };
        history.workloads.insert(workload.name.clone(), told);
    }
    Ok(())
}

/// The lines of a file, each a JSON object.
fn read_rows<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, FolderError> {
    let file = std::fs::File::open(path).map_err(unreadable(path))?;
    let row = |line: std::io::Result<String>| {
        serde_json::from_str(&line.map_err(unreadable(path))?).map_err(|why| garbled(path, why))
    };
    BufReader::new(file).lines().map(row).collect()
}

/// The latencies of one workload.
#[derive(Default)]
struct Latencies {
    response: Vec<(u64, Times)>,
    whole: Box<Latency>,
}

/// The latencies of every workload, by name. The log is read a line at a time,
/// because a soak's histograms do not fit into memory together.
fn read_latencies(path: &Path) -> Result<BTreeMap<String, Latencies>, FolderError> {
    let mut workloads: BTreeMap<String, Latencies> = BTreeMap::new();
    let log = match std::fs::read(path) {
        Ok(log) => log,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(workloads),
        Err(error) => return Err(unreadable(path)(error)),
    };
    for interval in loadgen::hlog::intervals(&log) {
        let interval = interval.map_err(|why| garbled(path, why))?;
        let Some((workload, which)) = interval.tag.rsplit_once('.') else { continue };
        let latencies = workloads.entry(workload.to_owned()).or_default();
        let whole = match which {
            "delay" => &mut latencies.whole.delay,
            "service" => &mut latencies.whole.service,
            "response" => {
                let second = interval.start.as_secs();
                latencies.response.push((second, Times::of(&interval.histogram)));
                &mut latencies.whole.response
            }
            _ => continue,
        };
        whole.add(&interval.histogram).map_err(|why| garbled(path, why))?;
    }
    for latencies in workloads.values_mut() {
        latencies.response.sort_by_key(|&(second, _)| second);
    }
    Ok(workloads)
}

fn read_effects(folder: &Folder, plan: &Plan, history: &mut History) -> Result<(), FolderError> {
    #[derive(Deserialize)]
    struct Repeated {
        sequence: u64,
        effects: u32,
    }
    for effects in &plan.effects {
        let Some(Ok(seen)) = history.effects.get_mut(&effects.name) else { continue };
        for workload in &plan.workloads {
            read_dead(folder, &effects.name, &workload.name, seen)?;
            read_order(folder, &effects.name, &workload.name, seen)?;
            let (once, more): (PathBuf, PathBuf) = folder.effects_of(&effects.name, &workload.name);
            if !once.exists() {
                continue;
            }
            let mut told = SeenWorkload { once: bitmap(&once)?, ..SeenWorkload::default() };
            let file = std::fs::File::open(&more).map_err(unreadable(&more))?;
            for line in BufReader::new(file).lines() {
                let line = line.map_err(unreadable(&more))?;
                let row: Repeated =
                    serde_json::from_str(&line).map_err(|why| garbled(&more, why))?;
                told.more.insert(row.sequence, row.effects);
            }
            seen.workloads.insert(workload.name.clone(), told);
        }
    }
    Ok(())
}

fn bitmap(path: &Path) -> Result<RoaringTreemap, FolderError> {
    let bytes = std::fs::read(path).map_err(unreadable(path))?;
    RoaringTreemap::deserialize_from(&bytes[..]).map_err(|why| garbled(path, why))
}

fn read_dead(
    folder: &Folder,
    source: &str,
    workload: &str,
    seen: &mut Seen,
) -> Result<(), FolderError> {
    let path = folder.dead_of(source, workload);
    if let Some(dead) = &mut seen.dead
        && path.exists()
    {
        dead.workloads.insert(workload.to_owned(), bitmap(&path)?);
    }
    Ok(())
}

fn read_order(
    folder: &Folder,
    source: &str,
    workload: &str,
    seen: &mut Seen,
) -> Result<(), FolderError> {
    let path = folder.order_of(source, workload);
    if let Some(order) = &mut seen.order
        && path.exists()
    {
        let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
        let ordered = serde_json::from_slice(&bytes).map_err(|why| garbled(&path, why))?;
        order.workloads.insert(workload.to_owned(), ordered);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use loadgen::answers::{Flaw, Guilty};

    use super::*;

    #[test]
    fn answers_read_back_as_they_were_written() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(parent.path(), "shop", "now", "r").unwrap();
        let row = |kind, first: Option<&str>| Guilty {
            id: "r/checkout/7".to_owned(),
            kind,
            first: first.map(str::to_owned),
            second: None,
        };
        let rows = vec![row(Flaw::Disagreed, Some("\"a\"")), row(Flaw::Unmarked, None)];
        folder.put_answers("checkout", rows.iter().cloned()).unwrap();
        let path = folder.answers_of("checkout");
        assert_eq!(read_rows::<Guilty>(&path).unwrap(), rows);
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(first.starts_with("{\"id\":\"r/checkout/7\",\"kind\":\"disagreed\",\"first\":"));
    }
}
