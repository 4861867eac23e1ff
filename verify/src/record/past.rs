//! How runs of the same scenario, variant and target came out before, for the record.

use reports::record::{
    Joined, PastChange, PastFigure, PastRecord, PastRun, Record, Verdict, WorkloadRecord,
};
use scenarios::units::Unit;

use crate::folder::Folder;
use crate::judge::past::{FEWEST, Measure, told};
use crate::runs::before::Before;
use crate::runs::head::Head;
use crate::stats::spread::Spread;

/// So many workloads, and checks of effects, have figures.
const MOST: usize = 4;
/// So many standard deviations are noise, as `verify compare --last` has it.
const NOISE: f64 = 3.0;

/// A count of a join.
type Count = fn(&Joined) -> u64;

/// The past of a record, by the runs before it, the oldest first; nothing without any. `up`
/// leads from the folder of this record to that of all runs.
pub(crate) fn past(record: &Record, before: &[Before], up: &str) -> Option<PastRecord> {
    let last = before.last()?;
    Some(PastRecord {
        runs: before.iter().map(|run| past_run(run, up)).collect(),
        figures: figures(record, before),
        changes: changes(record, &last.head),
    })
}

fn past_run(run: &Before, up: &str) -> PastRun {
    let name = run.path.file_name().unwrap_or_default().to_string_lossy();
    let report = Folder::at(&run.path).file("report.html");
    let file = if report.exists() { "/report.html" } else { "" };
    PastRun {
        page: format!("{up}{name}{file}"),
        started: run.head.run.started.clone(),
        verdict: run.head.verdict,
        interrupted: run.head.run.interrupted,
    }
}

/// The p99 and the rate of each workload, and what was lost and duplicated by each check.
fn figures(record: &Record, before: &[Before]) -> Vec<PastFigure> {
    let mut figures = Vec::new();
    for workload in record.workloads.iter().take(MOST) {
        let of = |figure: fn(&WorkloadRecord) -> Option<f64>| {
            let of = move |head: &Head| {
                let old = head.workloads.iter().find(|old| old.name == workload.name)?;
                // Another rate is another question.
                let apart = (old.rate_asked - workload.rate_asked).abs();
                (apart <= workload.rate_asked.abs() * 0.01).then(|| figure(old)).flatten()
            };
            (of, figure(workload))
        };
        let name = &workload.name;
        let (old, now) = of(|workload| workload.response.as_ref().map(|times| times.p99));
        figures.push(figure(format!("p99 of {name}"), Unit::Seconds, before, &old, now));
        let (old, now) = of(|workload| Some(workload.rate_got));
        figures.push(figure(format!("rate of {name}"), Unit::PerSecond, before, &old, now));
    }
    for effects in record.effects.iter().take(MOST) {
        let lost: Count = |joined| joined.lost;
        let duplicated: Count = |joined| joined.duplicated;
        for (what, count) in [("lost", lost), ("duplicated", duplicated)] {
            let old = |head: &Head| {
                let old = head.effects.iter().find(|old| old.check == effects.check)?;
                Some(count(&old.joined) as f64)
            };
            let now = Some(count(&effects.joined) as f64);
            let name = format!("{what} by {}", effects.check);
            figures.push(figure(name, Unit::Count, before, &old, now));
        }
    }
    figures
}

fn figure(
    name: String,
    unit: Unit,
    before: &[Before],
    of: &dyn Fn(&Head) -> Option<f64>,
    now: Option<f64>,
) -> PastFigure {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let mut values: Vec<Option<f64>> = before.iter().map(|run| finite(of(&run.head))).collect();
    let sure = before.iter().zip(&values).filter(|(run, _)| is_sure(&run.head));
    let sure: Vec<f64> = sure.filter_map(|(_, value)| *value).collect();
    let usual = Spread::of(&sure);
    let now = finite(now);
    values.push(now);
    PastFigure {
        name,
        unit,
        values,
        median: usual.map(|usual| usual.median),
        noise: usual.filter(|usual| usual.count >= FEWEST).map(|usual| NOISE * usual.deviation),
        told: told(&Measure::Of(unit), usual.as_ref(), now, NOISE),
    }
}

/// Whether a run can say how a later one should be.
fn is_sure(head: &Head) -> bool {
    !head.run.interrupted && head.verdict != Verdict::Inconclusive
}

/// The checks that came to another verdict than in the run before.
fn changes(record: &Record, before: &Head) -> Vec<PastChange> {
    let mut changes = Vec::new();
    for finding in &record.findings {
        let then = before.checks.iter().find(|check| check.check == finding.check);
        let then = then.map(|check| check.verdict);
        if then != Some(finding.verdict) {
            let check = finding.check.clone();
            changes.push(PastChange { check, before: then, now: Some(finding.verdict) });
        }
    }
    for check in &before.checks {
        if record.findings.iter().all(|finding| finding.check != check.check) {
            let before = Some(check.verdict);
            changes.push(PastChange { check: check.check.clone(), before, now: None });
        }
    }
    changes
}
