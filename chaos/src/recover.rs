//! Takes back what killed programs left behind, from the journal.

use std::time::Duration;

use serde::Serialize;

use crate::journal::{Journal, JournalError, Open, State, open_faults};
use crate::process::Pinned;
use crate::undo::Undone;
use crate::undo::retry::RECOVER_WITHIN;
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
    /// Whether it could not be because somebody else has changed the thing since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_alone: bool,
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
    recover_within(journal, reach, RECOVER_WITHIN).await
}

/// [`recover`] that tries each again for so long while what it needs is away.
///
/// # Errors
/// When the journal cannot be read or written.
pub async fn recover_within(
    journal: &Journal,
    reach: Reach,
    within: Duration,
) -> Result<Report, JournalError> {
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
        match open.undo.insist(|| within, |_, _| {}).await {
            Ok(Undone { how, .. }) => {
                end(open.watchdog);
                let state = State::Undone { how: how.clone() };
                journal.record_for(&open.run, &open.fault, &open.kind, state)?;
                report.undone.push(recovered(open, how));
            }
            Err(error) => {
                let left_alone = error.is_left_alone();
                let failed = recovered(open, error.to_string());
                report.failed.push(Recovered { left_alone, ..failed });
            }
        }
    }
    Ok(report)
}

/// Closes what [`recover`] has left alone because somebody else has changed it
/// since: it is as they want it.
///
/// # Errors
/// When the journal cannot be written.
pub fn accept(journal: &Journal, report: &mut Report) -> Result<(), JournalError> {
    let (theirs, failed) =
        std::mem::take(&mut report.failed).into_iter().partition(|f| f.left_alone);
    report.failed = failed;
    let theirs: Vec<Recovered> = theirs;
    for mut fault in theirs {
        fault.how = format!("{}, which is accepted", fault.how);
        let state = State::Undone { how: fault.how.clone() };
        journal.record_for(&fault.run, &fault.fault, &fault.kind, state)?;
        report.undone.push(fault);
    }
    Ok(())
}

fn recovered(open: Open, how: String) -> Recovered {
    Recovered { run: open.run, fault: open.fault, kind: open.kind, how, left_alone: false }
}
