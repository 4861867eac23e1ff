//! Takes back what killed programs left behind, from the journal.

use serde::Serialize;

use crate::journal::{Journal, JournalError, Open, State, open_faults};
use crate::process::Pinned;
use crate::victim::Signal;

/// Whose faults are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the journal's own run.
    OwnRun,
    /// Those whose program has ended; a fault in the hands of a running program
    /// is left to it.
    Orphans,
    /// Every one, even under the hands of a running program.
    Everything,
}

/// A fault that was open, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// The run to which it belongs.
    pub run: String,
    /// Its name.
    pub fault: String,
    /// What had been done: `pause_process`.
    pub kind: String,
    /// What was done now, why it could not be, or who has it in hand.
    pub how: String,
}

/// What a recovery did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Faults that were taken back.
    pub undone: Vec<Recovered>,
    /// Faults that are still there, with the reason.
    pub failed: Vec<Recovered>,
    /// Faults that a running program has in hand.
    pub in_hand: Vec<Recovered>,
    /// Lines of the journal, from 1, that could not be read.
    pub unreadable: Vec<usize>,
}

/// Takes back the open faults of a journal, the latest first, and writes down
/// that they are. One that cannot be taken back does not keep the others.
///
/// # Errors
/// When the journal cannot be read or written.
pub async fn recover(journal: &Journal, reach: Reach) -> Result<Report, JournalError> {
    let record = journal.read()?;
    let mut report = Report { unreadable: record.unreadable, ..Report::default() };
    crate::leash::settle().await;
    for open in open_faults(&record.entries) {
        if reach == Reach::OwnRun && open.run != journal.run() {
            continue;
        }
        if reach == Reach::Orphans && open.owner.is_alive() {
            let how = format!("process {} has it in hand", open.owner.pid);
            report.in_hand.push(recovered(open, how));
            continue;
        }
        // One that cannot be ended only takes it back once more.
        let end = |watchdog: Option<Pinned>| {
            watchdog.map(|watchdog| crate::undo::send(watchdog, Signal::KILL))
        };
        if open.undo.is_for_one() {
            end(open.watchdog);
        }
        match open.undo.perform().await {
            Ok(how) => {
                end(open.watchdog);
                let state = State::Undone { how: how.clone() };
                journal.record_for(&open.run, &open.fault, &open.kind, state)?;
                report.undone.push(recovered(open, how));
            }
            Err(error) => report.failed.push(recovered(open, error.to_string())),
        }
    }
    Ok(report)
}

fn recovered(open: Open, how: String) -> Recovered {
    Recovered { run: open.run, fault: open.fault, kind: open.kind, how }
}
