//! When what speaks against a promise happened, from the evidence in full: operations by
//! when they were due, samples and seconds by when they were seen.

use std::collections::BTreeMap;

use loadgen::{Schedule, Shape};
use reports::record::{Finding, Occurrence, TimesRecord, Verdict};
use scenarios::plan::Plan;
use serde_json::Value;

use crate::effects::offered::schedule;
use crate::folder::read::Told;
use crate::judge::{Anomalies, Anomalous, MORE};

/// The most clusters of an anomaly; of more, those that lie nearest become one.
const CLUSTERS: usize = 120;
/// Kinds of checks whose rows are told by time, and what a row is.
const TIMED: [(&str, &str); 5] = [
    ("bound", "samples outside the bound"),
    ("ratio", "seconds in which it rose"),
    ("latency", "seconds with late answers"),
    ("end_to_end", "seconds with late effects"),
    ("speed", "rises"),
];

/// Says of each violated finding when its evidence happened.
pub(crate) fn fill(findings: &mut [Finding], anomalies: &[Anomalies], told: &Told) {
    let end = told.history.phases.last().map_or(1.0, |phase| phase.to);
    let near = (end / 400.0).max(0.25);
    for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::Violated) {
        let Some(known) = anomalies.iter().find(|known| known.check == finding.check) else {
            continue;
        };
        finding.times = operations(known, &told.plan, near);
        let timed = TIMED.iter().find(|(kind, _)| *kind == finding.kind);
        finding.times.extend(timed.and_then(|(_, what)| rows(what, known.listed(), near)));
    }
}

/// Gathers occurrences in any order.
struct Gathered {
    record: TimesRecord,
    near: f64,
}

impl Gathered {
    fn new(what: &str, is_due: bool, near: f64) -> Self {
        let record = TimesRecord { what: what.to_owned(), is_due, ..TimesRecord::default() };
        Self { record, near }
    }

    fn add(&mut self, at: f64, occurrence: impl Fn() -> (String, String)) {
        let record = &mut self.record;
        record.count += 1;
        let make = || {
            let (what, seen) = occurrence();
            Some(Occurrence { what, seen, at })
        };
        if record.first.as_ref().is_none_or(|first| at < first.at) {
            record.first = make();
        }
        if record.last.as_ref().is_none_or(|last| at >= last.at) {
            record.last = make();
        }
        match record.clusters.last_mut() {
            Some((_, to, count)) if at >= *to && at - *to <= self.near => {
                (*to, *count) = (at, *count + 1);
            }
            _ => record.clusters.push((at, at, 1)),
        }
    }

    fn finish(mut self) -> TimesRecord {
        self.record.clusters.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut near = self.near;
        loop {
            let mut joined: Vec<(f64, f64, u64)> = Vec::new();
            for (from, to, count) in self.record.clusters {
                match joined.last_mut() {
                    Some(last) if from - last.1 <= near => {
                        (last.1, last.2) = (last.1.max(to), last.2 + count);
                    }
                    _ => joined.push((from, to, count)),
                }
            }
            self.record.clusters = joined;
            if self.record.clusters.len() <= CLUSTERS {
                return self.record;
            }
            near *= 2.0;
        }
    }
}

/// Operations by what is wrong with them, the times when they were due.
fn operations(known: &Anomalies, plan: &Plan, near: f64) -> Vec<TimesRecord> {
    let mut schedules: BTreeMap<String, Option<Schedule>> = BTreeMap::new();
    let mut gathered: Vec<Gathered> = Vec::new();
    for cell in known.operations() {
        // What is unresolved speaks against nobody.
        if ["unresolved", "recovered"].contains(&cell.anomaly) {
            continue;
        }
        let name = cell.prefix.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let due = schedules.entry(name.to_owned()).or_insert_with(|| of_workload(plan, name));
        let Some(due) = due else { continue };
        if gathered.iter().all(|kind| kind.record.what != cell.anomaly) {
            gathered.push(Gathered::new(cell.anomaly, true, near));
        }
        let kind = gathered.iter_mut().find(|kind| kind.record.what == cell.anomaly);
        let Some(kind) = kind else { continue };
        of_cell(kind, &cell, due);
    }
    let found = gathered.into_iter().map(Gathered::finish);
    found.filter(|record| record.count > 0).collect()
}

fn of_cell(kind: &mut Gathered, cell: &Anomalous<'_>, due: &Schedule) {
    let seen = || format!("{}, {}", cell.outcome, cell.anomaly);
    for sequence in cell.sequences {
        let Some(at) = due.due(sequence) else { continue };
        kind.add(at.as_secs_f64(), || (format!("{}{sequence}", cell.prefix), seen()));
    }
    if let Some((sequence, times)) = cell.worst {
        let at = due.due(sequence).map_or(f64::NAN, |at| at.as_secs_f64());
        let what = format!("{}{sequence}", cell.prefix);
        kind.record.worst = Some(Occurrence { what, seen: format!("{times} effects"), at });
    }
}

fn of_workload(plan: &Plan, name: &str) -> Option<Schedule> {
    let workload = plan.workloads.iter().find(|workload| workload.name == name)?;
    schedule(plan, workload, &Shape::from_plan(workload, plan.seed)).ok()
}

/// Rows that say when they were seen.
fn rows(what: &str, rows: &[Value], near: f64) -> Option<TimesRecord> {
    let mut gathered = Gathered::new(what, false, near.max(1.5));
    for row in rows {
        if let Some(more) = row.get(MORE).and_then(Value::as_u64) {
            gathered.record.count += more;
        }
        let number = |name: &str| row.get(name).and_then(Value::as_f64);
        let Some(at) = number("at").or_else(|| number("second")) else { continue };
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        gathered.add(at, || {
            let what = if text("label").is_empty() { text("series") } else { text("label") };
            (what.to_owned(), String::new())
        });
    }
    Some(gathered.finish()).filter(|record| record.count > 0)
}
