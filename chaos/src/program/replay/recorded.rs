//! A run as the journal alone tells it.
//!
//! The journal knows no phases; its faults are laid into one, at the times at
//! which they were injected after the timetable was written.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos::journal::{Due, Entry, State};
use scenarios::Plan;
use scenarios::plan::{PLAN_VERSION, Phase, Place, Safety, System};
use scenarios::units::Span;

use super::Told;

const PHASE: &str = "replay";

/// The plan of a run and what became of its faults; `None` if the journal has
/// no timetable of it.
pub(super) fn run(entries: &[Entry], run: &str) -> Option<(Plan, BTreeMap<String, Told>)> {
    let of_run = || entries.iter().filter(|entry| entry.run == run);
    let begun = of_run().find(|entry| entry.due.is_some())?.ts;
    let since = |entry: &Entry| entry.ts.duration_since(begun).as_secs_f64().max(0.0);
    let mut dues: BTreeMap<&str, &Due> = BTreeMap::new();
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for entry in of_run() {
        if let Some(due) = &entry.due {
            dues.insert(&entry.fault, due);
            told.insert(entry.fault.clone(), Told::of(&entry.fault, &entry.kind, 0.0));
        }
        let Some(told) = told.get_mut(&entry.fault) else { continue };
        match &entry.state {
            // The moment before the fault, not that of the answer to it.
            State::Injecting { .. } => told.planned = since(entry),
            State::Injected { victims } => {
                told.injected = Some(told.planned);
                told.victims.clone_from(victims);
            }
            State::Failed { why } => told.problem = Some(why.clone()),
            _ => {}
        }
    }
    let first = dues.values().next()?;
    let (seed, allowed) = (first.seed, first.allowed.clone());
    let faults: Vec<_> = dues
        .into_iter()
        .map(|(name, due)| {
            let mut fault = due.plan.clone();
            fault.phase = PHASE.to_owned();
            let at = told.get(name).and_then(|told| told.injected).unwrap_or(0.0);
            fault.at = Span(Duration::try_from_secs_f64(at).unwrap_or_default());
            fault.after = None;
            fault
        })
        .collect();
    let last = faults.iter().map(|fault| fault.at.0).max().unwrap_or_default();
    let length = Span::seconds(last.as_secs() + 1);
    let plan = Plan {
        plan_version: PLAN_VERSION,
        name: run.to_owned(),
        title: format!("the faults of {run} once more"),
        description: String::new(),
        seed,
        variant: "correct".to_owned(),
        place: Place::Targets,
        system: System::default(),
        params: BTreeMap::new(),
        param_help: BTreeMap::new(),
        phases: vec![Phase { name: PHASE.to_owned(), length, stretch: false }],
        workloads: Vec::new(),
        faults,
        safety: Safety { allowed, ..Safety::default() },
        probes: Vec::new(),
        effects: Vec::new(),
        checks: Vec::new(),
        advice: Vec::new(),
        deployments: Vec::new(),
        left_out: Vec::new(),
    };
    Some((plan, told))
}
