//! Unhealed: a fault that the system did not get over. What it ended was to be
//! started again by a supervisor, the tool watched for as long as that may take, and
//! it stayed away.
//!
//! Then nobody knows a time of healing that a recovery could be counted from, and
//! there will be none: the recovery is broken where its series is seen to be bad
//! until the time was up and from then on. Where the tool was to start the processes
//! it is the tool's failing ([`super::leftover`]), and nothing is known. Nor is it
//! where the host was starved meanwhile.

use reports::record::FaultRecord;
use scenarios::plan::{Fault, Plan};

use super::leftover::has_command;
use super::window::Span;
use super::words;
use crate::history::History;

/// The time in which a supervisor was to start again what a fault had ended.
pub(super) struct Unhealed {
    /// From when the fault was over until the time was up.
    pub(super) watched: Span,
    /// What became of it, in a sentence.
    pub(super) why: String,
}

/// What is known of a fault that a supervisor was to mend and did not.
pub(super) fn of(name: &str, plan: &Plan, history: &History) -> Option<Unhealed> {
    let fault = plan.faults.iter().find(|fault| fault.name == name)?;
    let known = history.fault(name).filter(|known| is_of_the_system(fault, plan, known))?;
    let from = known.undone?;
    let watched = Span { from, to: from + fault.heal_within.as_secs_f64() };
    let is_starved = history.apart.iter().any(|&(a, b)| a < watched.to && b > watched.from);
    let because = known.problem.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    let why = format!(
        "Fault {name} was over at {}, and its supervisor did not start again what it ended within {}{because}.",
        words::seconds(from),
        fault.heal_within
    );
    (!is_starved).then_some(Unhealed { watched, why })
}

/// Whether it landed whole, nothing of the tool is left of it, and nobody but the
/// system was to mend it.
fn is_of_the_system(fault: &Fault, plan: &Plan, known: &FaultRecord) -> bool {
    known.unhealed
        && known.confirmed.is_some()
        && known.healed.is_none()
        && !known.still_there
        && !known.blocked
        && fault.kind.ends_processes()
        && !has_command(fault, plan)
}
