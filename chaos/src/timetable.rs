//! When each fault is due and whom it hits: functions of the plan and its seed.
//!
//! The same plan and seed give the same timetable and, among the same
//! candidates, the same victims, whatever the order in which they are listed.

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::plan::{Fault, Pick, Preference, Timeline};

use crate::fault::Order;

/// A fault at its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The fault's place in the plan's list, from 0.
    pub index: usize,
    /// What the report calls it.
    pub name: String,
    /// When it is due, since the start of the first phase.
    pub at: Duration,
    /// When its phase ends, and with it the wait for what must happen before.
    pub until: Duration,
    /// Where its own random choices come from. It depends on the run's seed and
    /// the fault's name only, so that a fault that is added to a scenario does
    /// not change whom the others hit.
    pub seed: u64,
    /// The fault as the plan has it.
    pub fault: Fault,
}

/// A fault that has no place in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimetableError {
    /// Its phase is not one of the plan's.
    #[error("fault {fault:?} is due in phase {phase:?}, which the plan does not have")]
    UnknownPhase {
        /// The fault's name.
        fault: String,
        /// The phase that it names.
        phase: String,
    },
}

/// Lays the faults out in time, the earliest first; faults that are due at the
/// same instant keep the order of the plan.
///
/// # Errors
/// When a fault names a phase that the timeline does not have.
pub fn expand(
    faults: &[Fault],
    timeline: &Timeline,
    seed: u64,
) -> Result<Vec<Planned>, TimetableError> {
    let place = |(index, fault): (usize, &Fault)| {
        let (from, until) = timeline.span(&fault.phase).ok_or_else(|| {
            TimetableError::UnknownPhase { fault: fault.name.clone(), phase: fault.phase.clone() }
        })?;
        Ok(Planned {
            index,
            name: fault.name.clone(),
            at: from + fault.at.0,
            until,
            seed: scenarios::seed::of(seed, &fault.name),
            fault: fault.clone(),
        })
    };
    let mut planned = faults.iter().enumerate().map(place).collect::<Result<Vec<_>, _>>()?;
    planned.sort_by_key(|planned| (planned.at, planned.index));
    Ok(planned)
}

impl Planned {
    /// The fault, ready to be carried out with these addresses.
    #[must_use]
    pub fn order(&self, targets: &BTreeMap<String, String>) -> Order {
        Order {
            name: self.name.clone(),
            seed: self.seed,
            heal_within: self.fault.heal_within.0,
            kind: self.fault.kind.clone(),
            targets: targets.clone(),
        }
    }
}

/// Why no victims could be chosen. There is never a substitute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// There is no candidate at all.
    #[error("matches nothing; see that the target runs and that its name is right")]
    Nothing,
    /// There are candidates, but fewer than were asked for.
    #[error("matches {found} where {asked} are to be hit; ask for fewer or for \"all\"")]
    TooFew {
        /// How many were asked for.
        asked: u32,
        /// How many candidates there are.
        found: usize,
    },
}

/// Chooses victims among the candidates and gives them in their own order. The
/// order in which the candidates are listed makes no difference. `since` tells
/// since when a candidate has been there, for choices of the oldest; those of
/// the same age are taken in their own order.
///
/// # Errors
/// When there are fewer candidates than asked for, or none.
pub fn choose<C: Clone + Ord, S: Ord>(
    candidates: &[C],
    pick: Pick,
    seed: u64,
    since: impl Fn(&C) -> S,
) -> Result<Vec<C>, ChoiceError> {
    let mut sorted = candidates.to_vec();
    sorted.sort();
    sorted.dedup();
    let found = sorted.len();
    if found == 0 {
        return Err(ChoiceError::Nothing);
    }
    let count = pick.of(found);
    if found < count {
        let asked = u32::try_from(count).unwrap_or(u32::MAX);
        return Err(ChoiceError::TooFew { asked, found });
    }
    match pick.preference {
        Preference::Random => fastrand::Rng::with_seed(seed).shuffle(&mut sorted),
        Preference::Oldest => sorted.sort_by_key(since),
    }
    sorted.truncate(count);
    sorted.sort();
    Ok(sorted)
}

#[cfg(test)]
mod tests;
