//! Which operation is meant: `run/workload/sequence`, or without the run.

use loadgen::identity;

use crate::folder::read::Told;

/// An operation that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its workload, which the plan has.
    pub workload: String,
    /// Its number, which came due or may have.
    pub sequence: u64,
}

/// Why there is no such operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownOperation {
    /// The text is no identity.
    #[error(
        "{text:?} is no operation: write RUN/WORKLOAD/NUMBER or WORKLOAD/NUMBER; there are {known}"
    )]
    NoIdentity {
        /// What was asked for.
        text: String,
        /// The operations that there are.
        known: String,
    },
    /// It is one of another run.
    #[error(
        "{text} is an operation of run {of}, and this folder is of run {run}; give the folder \
         whose name ends with {of}"
    )]
    OtherRun {
        /// What was asked for.
        text: String,
        /// Its run.
        of: String,
        /// The run of the folder.
        run: String,
    },
    /// There is no such workload.
    #[error("the run has no workload {workload:?}; there are {known}")]
    NoWorkload {
        /// What was asked for.
        workload: String,
        /// The operations that there are.
        known: String,
    },
    /// No such operation came due, and none is known to have taken effect.
    #[error(
        "operation {sequence} of {workload} never came due and was never seen; there are {known}"
    )]
    NeverDue {
        /// The workload.
        workload: String,
        /// The number.
        sequence: u64,
        /// The operations that there are.
        known: String,
    },
}

impl Asked {
    /// Reads what is asked for: an operation that came due or was seen somewhere.
    ///
    /// # Errors
    /// When the text is no identity, or there is no such operation.
    pub fn of(text: &str, told: &Told) -> Result<Self, UnknownOperation> {
        let run = &told.facts.run;
        let whole = match text.matches('/').count() {
            1 => format!("{run}/{text}"),
            _ => text.to_owned(),
        };
        let Some(id) = identity::parse(whole.as_bytes()) else {
            let (text, known) = (text.to_owned(), ranges(told, None));
            return Err(UnknownOperation::NoIdentity { text, known });
        };
        if id.run != run {
            let (text, of) = (text.to_owned(), id.run.to_owned());
            return Err(UnknownOperation::OtherRun { text, of, run: run.clone() });
        }
        let (workload, sequence) = (id.workload.to_owned(), id.sequence);
        if !told.plan.workloads.iter().any(|planned| planned.name == workload) {
            let known = ranges(told, None);
            return Err(UnknownOperation::NoWorkload { workload, known });
        }
        let due = told.history.workloads.get(&workload).map(|known| known.ledger.due());
        // Without a ledger nobody knows how many there were.
        let is_due = due.is_none_or(|due| sequence < due);
        let was_seen =
            told.history.effects.values().filter_map(|seen| seen.as_ref().ok()).any(|seen| {
                seen.workloads.get(&workload).is_some_and(|seen| seen.once.contains(sequence))
                    || seen.dead.iter().any(|dead| {
                        dead.workloads.get(&workload).is_some_and(|dead| dead.contains(sequence))
                    })
            });
        if !is_due && !was_seen {
            let known = ranges(told, Some(&workload));
            return Err(UnknownOperation::NeverDue { workload, sequence, known });
        }
        Ok(Self { workload, sequence })
    }

    /// The identity, in a run.
    #[must_use]
    pub fn id(&self, run: &str) -> String {
        format!("{run}/{}/{}", self.workload, self.sequence)
    }
}

/// The operations of a run, or of one of its workloads: `r/publish/0 to r/publish/99`.
fn ranges(told: &Told, only: Option<&str>) -> String {
    let run = &told.facts.run;
    let planned = told.plan.workloads.iter().map(|workload| &workload.name);
    let ranges =
        planned.filter(|name| only.is_none_or(|only| only == *name)).map(|name| {
            match told.history.workloads.get(name).map(|known| known.ledger.due()) {
                Some(0) => format!("none of {name}"),
                Some(due) => format!("{run}/{name}/0 to {run}/{name}/{}", due - 1),
                None => format!("{run}/{name}/… (it left no ledger)"),
            }
        });
    let ranges: Vec<String> = ranges.collect();
    if ranges.is_empty() { "none".to_owned() } else { ranges.join(", ") }
}
