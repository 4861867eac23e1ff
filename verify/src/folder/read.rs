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

use super::{Folder, FolderError};
use crate::event::{WorkloadSummary, Written};
use crate::history::{Flaw, History};

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
    /// How much was written.
    pub written: Option<Written>,
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
    workloads::read(folder, &plan, &facts, &mut history);
    effects::read(folder, &plan, &facts, &mut history);
    Ok(Told { plan, plan_text, facts, history })
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
    match (read, &facts.plan) {
        (Ok(read), _) => Ok(read),
        (Err(error), Some((text, _))) => {
            history
                .flaws
                .push(Flaw::of("plan.toml", format!("{error}; the plan in events.jsonl is taken")));
            Ok((scenarios::plan_from_toml(text).map_err(garbled)?, text.clone()))
        }
        (Err(error), None) => Err(error),
    }
}

/// A file's name inside the run's folder.
fn name_of(folder: &Folder, path: &Path) -> String {
    path.strip_prefix(folder.path()).unwrap_or(path).display().to_string()
}
