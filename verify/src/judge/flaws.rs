//! Flaws: what the record says and what cannot be.
//!
//! A countable thing below zero, a count of the tool's own that falls, an
//! operation that is in no count or in two, phases that overlap: no system did
//! that, the record is damaged. Impossible values are taken out before anything
//! is judged, and what they were part of cannot be held.
//!
//! Every record that has flaws has the finding `record-intact`. Never violated:
//! a damaged record says nothing against the system.

use std::borrow::Cow;
use std::collections::BTreeMap;

use scenarios::plan::{Plan, ProbeKind};
use scenarios::series::{DEPLOYMENT, HOST, HOST_NAME, WORKLOAD};
use scenarios::units::Unit;

use super::opinion::{Opinion, evidence};
use super::series::is_own_count;
use super::words;
use crate::history::{Flaw, History, Sample};
use loadgen::Fate;

/// Phases are written with microseconds.
const ROUNDING: f64 = 1e-3;

/// The history without what cannot be, and with its flaws.
pub(super) fn without_impossible<'a>(plan: &Plan, history: &'a History) -> Cow<'a, History> {
    let mut found = phases(plan, history);
    found.extend(faults(history));
    let mut dropped = Vec::new();
    for (name, samples) in &history.samples {
        let Some(rule) = Rule::of(plan, name) else { continue };
        if let Some(why) = rule.broken(samples) {
            found.push(Flaw::of_series(name, why));
            dropped.push((name, rule));
        }
    }
    for workload in &plan.workloads {
        found.extend(counts(history, &workload.name));
    }
    if found.is_empty() {
        return Cow::Borrowed(history);
    }
    let mut history = history.clone();
    for (name, rule) in dropped {
        if let Some(samples) = history.samples.get_mut(name) {
            samples.retain(|sample| !rule.is_impossible(sample));
        }
    }
    history.flaws.extend(found);
    history.flaws.sort();
    history.flaws.dedup();
    Cow::Owned(history)
}

/// Whether the record is what a run writes. It is asked only where it is not.
pub(super) fn judge(history: &History) -> Opinion {
    let bound = "everything that the run wrote, as it wrote it";
    let shown = |flaw: &Flaw| flaw.series.clone().unwrap_or_else(|| flaw.part.clone());
    let told = history.flaws.iter().map(|flaw| evidence(shown(flaw), flaw.why.clone(), None));
    let Some(first) = history.flaws.first() else {
        return Opinion::held(bound, "whole", "Nothing is missing or damaged.");
    };
    let others = match history.flaws.len() as u64 - 1 {
        0 => String::new(),
        more => format!("; {} more", words::count(more)),
    };
    let why = format!(
        "The record of the run is damaged, and what rests on the damaged parts is unknown: {}: {}{others}.",
        shown(first),
        first.why
    );
    let measured = words::plural(history.flaws.len() as u64, "damaged part");
    Opinion::doubtful(bound, measured, why).evidence(told)
}

/// Phases follow one another as the plan has them.
fn phases(plan: &Plan, history: &History) -> Vec<Flaw> {
    let mut found = Vec::new();
    let mut end = 0.0;
    for phase in &history.phases {
        let name = &phase.name;
        let flaw = |why: String| Flaw::of("phases", format!("phase {name} {why}"));
        if !(phase.from.is_finite() && phase.to.is_finite()) || phase.to < phase.from {
            found.push(flaw("ends before it begins".to_owned()));
        } else if phase.from < end - ROUNDING {
            found.push(flaw(format!(
                "begins at {}, before the one before it has ended",
                words::seconds(phase.from)
            )));
        } else if history.phases.iter().filter(|other| other.name == *name).count() > 1 {
            found.push(flaw("took place twice".to_owned()));
        } else if !plan.phases.iter().any(|planned| planned.name == *name) {
            found.push(flaw("is not of this plan".to_owned()));
        }
        end = end.max(phase.to);
    }
    found
}

/// The times of a fault come one after another.
fn faults(history: &History) -> Vec<Flaw> {
    let mut found = Vec::new();
    for fault in &history.faults {
        let steps = [
            ("injected", fault.injected),
            ("confirmed", fault.confirmed),
            ("healed", fault.healed),
        ];
        let known: Vec<(&str, f64)> =
            steps.into_iter().filter_map(|(step, at)| Some((step, at?))).collect();
        for pair in known.windows(2) {
            let [(first, early), (then, late)] = [pair[0], pair[1]];
            if early > late + ROUNDING {
                let why = format!(
                    "fault {} was {then} at {} and {first} at {}",
                    fault.name,
                    words::seconds(late),
                    words::seconds(early)
                );
                found.push(Flaw::of("events.jsonl", why));
            }
        }
    }
    found
}

/// What the values of a series can be.
#[derive(Clone, Copy)]
enum Rule {
    /// Never below 0.
    Countable,
    /// Never below 0, and never falling.
    OwnCount,
}

impl Rule {
    fn of(plan: &Plan, name: &str) -> Option<Self> {
        let (owner, last) = name.rsplit_once('.')?;
        let planned = plan.probes.iter().find(|probe| probe.name == owner);
        let kind = planned.map(|probe| &probe.kind);
        let infos = match kind {
            Some(kind) => kind.series(),
            None if owner == HOST_NAME => HOST.to_vec(),
            None if plan.has_deployment(owner) => DEPLOYMENT.to_vec(),
            None if plan.workloads.iter().any(|workload| workload.name == owner) => {
                WORKLOAD.to_vec()
            }
            None => return None,
        };
        let info = infos.into_iter().find(|info| info.name == last)?;
        if info.counter && is_own_count(kind, last) {
            return Some(Self::OwnCount);
        }
        // What somebody's query or metric says may be anything.
        let is_known = !matches!(
            kind,
            Some(
                ProbeKind::Sql { .. }
                    | ProbeKind::Mongodb { .. }
                    | ProbeKind::Promql { .. }
                    | ProbeKind::Prometheus { .. }
            )
        );
        let is_countable = info.counter
            || (is_known && matches!(info.unit, Unit::Count | Unit::Bytes | Unit::Seconds));
        is_countable.then_some(Self::Countable)
    }

    fn is_impossible(self, sample: &Sample) -> bool {
        !sample.value.is_finite() || sample.value < 0.0
    }

    fn broken(self, samples: &[Sample]) -> Option<String> {
        if let Some(sample) = samples.iter().find(|sample| self.is_impossible(sample)) {
            return Some(format!("it is {} at {}", sample.value, words::seconds(sample.at)));
        }
        let mut last: BTreeMap<&str, f64> = BTreeMap::new();
        for sample in samples.iter().filter(|_| matches!(self, Self::OwnCount)) {
            if let Some(before) = last.insert(&sample.label, sample.value)
                && sample.value < before
            {
                return Some(format!(
                    "it falls from {} to {} at {}, and it only ever rises",
                    words::number(before),
                    words::number(sample.value),
                    words::seconds(sample.at)
                ));
            }
        }
        None
    }
}

/// The counts of a workload agree with each other and with its ledger.
fn counts(history: &History, workload: &str) -> Vec<Flaw> {
    let list = |count: &str| history.samples.get(&format!("{workload}.{count}"));
    let mut found = Vec::new();
    let at =
        |count: &str, index: usize| list(count)?.get(index).map(|sample| (sample.at, sample.value));
    let parts = ["failed", "indeterminate", "dropped"];
    for index in 0..list("unsuccessful").map_or(0, Vec::len) {
        let Some((when, whole)) = at("unsuccessful", index) else { break };
        let values: Option<Vec<f64>> = parts
            .iter()
            .map(|part| at(part, index).filter(|&(other, _)| other == when).map(|(_, value)| value))
            .collect();
        // Rows that are missing are found where they are needed.
        let Some(values) = values else { continue };
        if values.iter().sum::<f64>() != whole {
            let why = format!(
                "at {} it is {} and its parts are {}",
                words::seconds(when),
                words::number(whole),
                words::number(values.iter().sum())
            );
            found.push(Flaw::of_series(&format!("{workload}.unsuccessful"), why));
            break;
        }
    }
    let Some(told) = history.workloads.get(workload).filter(|told| told.broken.is_none()) else {
        return found;
    };
    let fates = [
        ("acked", Fate::Acked),
        ("failed", Fate::Failed),
        ("indeterminate", Fate::Indeterminate),
        ("dropped", Fate::Dropped),
    ];
    let ledger = fates.map(|(count, fate)| (count, told.ledger.count(fate)));
    for (count, in_ledger) in ledger.into_iter().chain([("due", told.ledger.due())]) {
        let Some(last) = list(count).and_then(|samples| samples.last()) else { continue };
        if last.value != in_ledger as f64 {
            let why = format!(
                "it ends at {}, and the ledger has {}",
                words::number(last.value),
                words::count(in_ledger)
            );
            found.push(Flaw::of_series(&format!("{workload}.{count}"), why));
        }
    }
    found
}
