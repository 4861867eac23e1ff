//! What stands below the findings: load, effects, faults, what was left out and
//! where to go from here.

use anstyle::Style;

use super::page::{Page, length};
use crate::format::turns::{self, Row};
use crate::format::{Format, text};
use crate::record::{FaultRecord, Quantiles, Record, WorkloadRecord};

/// So many errors and outages of a workload are shown.
const MOST: usize = 3;

/// The column behind the labels of a workload.
const LABEL: usize = 10;

pub(super) fn write(page: &mut Page, record: &Record) {
    let steps = record.steps.iter();
    section(page, "Steps", steps.map(|step| (step.phase.clone(), text::step(step))));
    if !record.workloads.is_empty() {
        page.heading("Load");
        record.workloads.iter().for_each(|workload| load(page, workload));
    }
    let effects = record.effects.iter();
    section(page, "Effects", effects.map(|e| (e.check.clone(), text::joined(&e.joined))));
    let faults = turns::rows(&record.faults).into_iter().map(|row| match row {
        Row::One(fault) => (fault.name.clone(), course(fault)),
        Row::Turns(name, all) => {
            (name.to_owned(), format!("{} {}", all[0].kind, turns::course(&all)))
        }
    });
    section(page, "Faults", faults);
    section(page, "Deployments", text::deployments(record).into_iter());
    let left_out = record.left_out.iter();
    section(
        page,
        "Skipped",
        left_out.map(|item| (format!("{} {}", item.kind, item.name), item.why.clone())),
    );
    if !record.warnings.is_empty() {
        page.heading("Warnings");
        for warning in &record.warnings {
            page.hanging("  ", "-", Style::new(), 2, warning);
        }
    }
    page.blank();
    // A comparison need not be written anywhere.
    if !record.run.folder.is_empty() {
        let report = format!("{}/{}", record.run.folder, Format::Html.file_name());
        page.hanging("", "Report", Style::new().bold(), 8, &report);
    }
    page.hanging("", "Again", Style::new().bold(), 8, &record.run.again);
}

/// A heading with a name and a text in each row, if there are any.
fn section(page: &mut Page, heading: &str, rows: impl Iterator<Item = (String, String)>) {
    let rows: Vec<_> = rows.collect();
    let Some(widest) = rows.iter().map(|(name, _)| length(name)).max() else {
        return;
    };
    page.heading(heading);
    for (name, text) in rows {
        page.hanging("  ", &name, Style::new(), widest.min(24) + 2, &text);
    }
}

fn load(page: &mut Page, workload: &WorkloadRecord) {
    page.hanging(
        "  ",
        &workload.name,
        Style::new(),
        length(&workload.name).min(24) + 2,
        &workload.target,
    );
    let mut row = |label: &str, text: &str| page.hanging("    ", label, Style::new(), LABEL, text);
    let (got, asked) = (text::rate(workload.rate_got), text::rate(workload.rate_asked));
    row("rate", &format!("{got} of {asked} asked"));
    let n = &workload.operations;
    row(
        "outcomes",
        &format!(
            "{} due: {} acked, {} failed, {} indeterminate, {} dropped; {} late",
            text::count(n.due),
            text::count(n.acked),
            text::count(n.failed),
            text::count(n.indeterminate),
            text::count(n.dropped),
            text::count(n.late),
        ),
    );
    for (label, quantiles) in [("response", &workload.response), ("service", &workload.service)] {
        if let Some(quantiles) = quantiles {
            row(label, &latencies(quantiles));
        }
    }
    for (label, text) in text::beside(workload) {
        row(label, &text);
    }
    for outage in workload.outages.iter().take(MOST) {
        row("outage", &text::outage(outage));
    }
    if workload.outages.len() > MOST {
        row("", &format!("{} more outages in the report", workload.outages.len() - MOST));
    }
    for (error, count) in workload.errors.iter().take(MOST) {
        row("error", &format!("{} × {error}", text::count(*count)));
    }
}

fn latencies(quantiles: &Quantiles) -> String {
    format!(
        "p50 {}, p95 {}, p99 {}, max {}",
        text::latency(quantiles.p50),
        text::latency(quantiles.p95),
        text::latency(quantiles.p99),
        text::latency(quantiles.max),
    )
}

/// `kill_process at 40s, landed, healed in 1.6s; hit worker 2, pid 4711`.
fn course(fault: &FaultRecord) -> String {
    let mut text = format!("{} {}", fault.kind, text::course(fault));
    if !fault.victims.is_empty() {
        text.push_str(&format!("; hit {}", fault.victims.join(", ")));
    }
    if let Some(problem) = &fault.problem {
        text.push_str(&format!("; {problem}"));
    }
    text
}
