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
use std::sync::Arc;

use scenarios::plan::{Plan, ProbeKind};
use scenarios::series::HOST_NAME;
use scenarios::units::Unit;

use super::opinion::{Opinion, evidence};
use super::series::{info, is_own_count};
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
    for name in history.samples.names() {
        let Some(rule) = Rule::of(plan, name) else { continue };
        if let Some(why) = rule.broken(history.samples.of(name)) {
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
        history.samples.retain(name, |sample| !rule.is_impossible(sample));
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
        let is_ours = kind.is_some()
            || owner == HOST_NAME
            || plan.has_deployment(owner)
            || plan.workloads.iter().any(|workload| workload.name == owner);
        let info = info(plan, name).filter(|_| is_ours)?;
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

    /// Why these cannot be: the first value that none can have, or else the first fall.
    fn broken(self, samples: impl Iterator<Item = Sample>) -> Option<String> {
        let mut last: BTreeMap<Arc<str>, f64> = BTreeMap::new();
        let mut fall = None;
        for sample in samples {
            let Sample { at, value, .. } = sample;
            if self.is_impossible(&sample) {
                return Some(format!("it is {value} at {}", words::seconds(at)));
            }
            if fall.is_none()
                && matches!(self, Self::OwnCount)
                && let Some(before) = last.insert(sample.label, value)
                && value < before
            {
                fall = Some(format!(
                    "it falls from {} to {} at {}, and it only ever rises",
                    words::number(before),
                    words::number(value),
                    words::seconds(at)
                ));
            }
        }
        fall
    }
}

/// The counts of a workload agree with each other and with its ledger.
fn counts(history: &History, workload: &str) -> Vec<Flaw> {
    let series = |count: &str| format!("{workload}.{count}");
    let mut found = Vec::new();
    let mut parts =
        ["failed", "indeterminate", "dropped"].map(|count| history.samples.of(&series(count)));
    for Sample { at: when, value: whole, .. } in history.samples.of(&series("unsuccessful")) {
        let parts = parts.iter_mut().map(Iterator::next);
        let values = parts.map(|part| part.filter(|part| part.at == when).map(|part| part.value));
        // All of them have gone on by one before it is seen that one is missing.
        let values: Vec<Option<f64>> = values.collect();
        let values: Option<Vec<f64>> = values.into_iter().collect();
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
        let Some(last) = history.samples.last(&series(count)) else { continue };
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
