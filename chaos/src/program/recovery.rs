//! `chaos recover`: takes back what killed programs left behind.

use chaos::{RECOVER_WITHIN, Reach, Recovered, Report, accept, recover_within};
use serde_json::json;

use super::arguments::{Common, Recover};
use super::exit::{Exit, Trouble};
use super::say::Say;
use super::{log, place};

/// Takes back what is open in the journal.
pub(crate) fn run(asked: &Recover, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    if asked.list {
        return log::open(common, say);
    }
    let journal = place::journal(common)?;
    let reach = if asked.force { Reach::Everything } else { Reach::Orphans };
    let within = common.undo_within.map_or(RECOVER_WITHIN, |span| span.0);
    let recovery = async { Ok(recover_within(&journal, reach, within).await?) };
    let mut report = place::block_on(recovery)?;
    if asked.accept {
        accept(&journal, &mut report)?;
    }
    if report.undone.is_empty() && report.failed.is_empty() && !say.is_json() {
        say.step(&format!("nothing to take back in {}", journal.path().display()), &json!(null));
    }
    show(&report, say);
    Ok(if report.failed.is_empty() { Exit::Done } else { Exit::NotLanded })
}

/// Says what a recovery did.
pub(crate) fn show(report: &Report, say: &Say) {
    if say.is_json() {
        say.step("", &json!({"state": "recovered", "report": report}));
    }
    for Recovered { run, fault, how, .. } in report.undone.iter().filter(|_| !say.is_json()) {
        say.step(&format!("{fault} of {run}: {how}"), &json!(null));
    }
    for Recovered { run, fault, how, left_alone, .. } in &report.failed {
        let then = match left_alone {
            true => "chaos recover --accept leaves it so and closes it",
            false => "run chaos recover again",
        };
        say.warning(&format!("{fault} of {run} is still there: {how}; {then}"));
    }
    for Recovered { run, fault, how, .. } in &report.in_hand {
        say.warning(&format!("{fault} of {run} is left alone: {how}; --force takes it back"));
    }
    if !report.unreadable.is_empty() {
        let lines: Vec<String> = report.unreadable.iter().map(usize::to_string).collect();
        let lines = lines.join(", ");
        say.warning(&format!("lines of the journal that cannot be read, torn by a crash or of a later version: {lines}"));
    }
}
