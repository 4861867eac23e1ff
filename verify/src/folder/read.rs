//! Reading a run back from its folder.
//!
//! A file that is missing, damaged or of another run takes nothing but itself
//! away: it is told as a [`Flaw`](crate::history::Flaw), what it would have said
//! is unknown, and the rest is judged.

mod effects;
mod events;
mod lines;
mod samples;
mod workloads;

use std::collections::BTreeMap;
use std::path::Path;

use scenarios::Plan;

use super::{Folder, FolderError, digest};
use crate::event::{Reader, WorkloadSummary, Written};
use crate::history::{Flaw, History, Times};

pub(super) use events::apply;

/// What a run's folder says of the run, beside its history.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The run's identity.
    pub run: String,
    /// The version of the record; 0 in old folders.
    pub record: u32,
    /// The version of the program that ran it.
    pub version: String,
    /// The command that does it again.
    pub again: String,
    /// When it began, in UTC, RFC 3339.
    pub started: String,
    /// How long it took in all, in seconds.
    pub seconds: f64,
    /// The plan that the run followed, and its digest.
    pub plan: Option<(String, String)>,
    /// Whether the run came to its end and wrote everything down.
    pub has_ended: bool,
    /// The digest of the samples.
    pub samples: Option<String>,
    /// How much was written.
    pub written: Option<Written>,
    /// The digests of the files that say nothing of their run themselves.
    pub files: BTreeMap<String, String>,
    /// The addresses, without passwords.
    pub targets: BTreeMap<String, String>,
    /// What the brokers are.
    pub brokers: Vec<String>,
    /// What the reader of the report should know.
    pub warnings: Vec<String>,
    /// Who looks at what such a text says is not there yet.
    pub awaited: BTreeMap<String, Vec<Reader>>,
    /// What each workload did.
    pub workloads: BTreeMap<String, WorkloadSummary>,
    /// Where effects were read, by source.
    pub sources: BTreeMap<String, String>,
    /// The workloads of which each source has a file, where it says so.
    pub effects: BTreeMap<String, Option<Vec<String>>>,
}

/// A run as its folder tells it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The plan by which it is judged.
    pub plan: Plan,
    /// The text of that plan.
    pub plan_text: String,
    /// The facts.
    pub facts: Facts,
    /// The history.
    pub history: History,
}

/// Reads a run's folder. A run that was killed is read as far as it went, and
/// counts as interrupted.
///
/// # Errors
/// When there is no plan by which it could be judged.
pub fn read(folder: &Folder) -> Result<Told, FolderError> {
    let mut facts = Facts::default();
    let mut history = History { interrupted: true, ..History::default() };
    events::read(folder, &mut facts, &mut history);
    let (plan, plan_text) = plan(folder, &facts, &mut history)?;
    samples::read(folder, &facts, &mut history);
    let latencies = workloads::latencies(folder, &facts, &mut history);
    workloads::read(folder, &plan, &facts, &mut history, latencies);
    effects::read(folder, &plan, &facts, &mut history);
    Ok(Told { plan, plan_text, facts, history })
}

/// Reads what a run's folder says of single operations: events, outcomes and effects,
/// without samples and latencies, which grow with the length of a run.
///
/// # Errors
/// When there is no plan.
pub fn read_operations(folder: &Folder) -> Result<Told, FolderError> {
    let mut facts = Facts::default();
    let mut history = History { interrupted: true, ..History::default() };
    events::read(folder, &mut facts, &mut history);
    let (plan, plan_text) = plan(folder, &facts, &mut history)?;
    workloads::read(folder, &plan, &facts, &mut history, workloads::Latencies::new());
    effects::read(folder, &plan, &facts, &mut history);
    Ok(Told { plan, plan_text, facts, history })
}

/// The latencies of a workload's operations that were due in one second, in microseconds,
/// by their kind: `delay`, `service`, `response`. The log is read as a stream.
///
/// # Errors
/// When the log cannot be read.
pub fn latencies_of(
    folder: &Folder,
    workload: &str,
    second: u64,
) -> std::io::Result<BTreeMap<String, Times>> {
    workloads::latencies_of(folder, workload, second)
}

/// The plan of `plan.toml`; where that is missing or damaged, the one that the
/// events have.
fn plan(
    folder: &Folder,
    facts: &Facts,
    history: &mut History,
) -> Result<(Plan, String), FolderError> {
    let path = folder.plan();
    let garbled = |why: String| FolderError::Garbled { path: path.clone(), why };
    let read = std::fs::read_to_string(&path)
        .map_err(|why| FolderError::Read { path: path.clone(), why })
        .and_then(|text| Ok((scenarios::plan_from_toml(&text).map_err(garbled)?, text)));
    let followed = facts.plan.as_ref().map(|(text, _)| text);
    let (error, text) = match (read, followed) {
        (Ok((plan, text)), Some(followed)) => match is_of_run(&plan, &text, followed) {
            Ok(()) => return Ok((plan, text)),
            Err(why) => (why.to_owned(), followed),
        },
        (Ok(read), None) => return Ok(read),
        (Err(error), Some(followed)) => (error.to_string(), followed),
        (Err(error), None) => return Err(error),
    };
    let plan = scenarios::plan_from_toml(text).map_err(garbled)?;
    let why = format!("{error}; the plan in events.jsonl is taken");
    history.flaws.push(Flaw::of("plan.toml", why));
    Ok((plan, text.clone()))
}

/// Whether a plan can be one by which the run is judged: that which it followed,
/// or one with other checks and advice. What was loaded and broken cannot be changed later.
fn is_of_run(plan: &Plan, text: &str, followed: &str) -> Result<(), &'static str> {
    if text == followed {
        return Ok(());
    }
    if followed.starts_with(text) {
        return Err("its end is missing");
    }
    let Ok(followed) = scenarios::plan_from_toml(followed) else { return Ok(()) };
    let rechecked = Plan {
        checks: followed.checks.clone(),
        advice: followed.advice.clone(),
        title: followed.title.clone(),
        description: followed.description.clone(),
        ..plan.clone()
    };
    if rechecked == followed {
        Ok(())
    } else {
        Err("it differs in more than its checks from the plan that the run followed")
    }
}

/// Whether a file is the one that the run wrote, as far as the record tells.
///
/// # Errors
/// What is wrong with it.
fn is_as_written(
    folder: &Folder,
    facts: &Facts,
    path: &Path,
    bytes: &[u8],
) -> Result<(), &'static str> {
    match facts.files.get(&folder.name_of(path)) {
        // Older records have no digests.
        _ if facts.record < 2 => Ok(()),
        Some(known) if *known == digest(bytes) => Ok(()),
        Some(_) => Err("it is not the file that the run wrote"),
        None => Err("the events do not say that the run wrote it"),
    }
}
