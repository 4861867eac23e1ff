//! The load in figures: rates, outcomes, latencies, outages and errors of each workload.

use std::fmt::Result;

use pages::table::table;

use crate::format::text;
use crate::record::{Quantiles, Record, WorkloadRecord};

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.workloads.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"load\">\n<h2 id=\"load\">Load in figures</h2>\n",
    );
    let rows: Vec<_> = record.workloads.iter().map(outcomes).collect();
    table(
        out,
        "Rates and outcomes",
        &[
            "Workload",
            "Target",
            "Asked",
            "Got",
            "Due",
            "Acked",
            "Failed",
            "Indeterminate",
            "Dropped",
            "Late",
        ],
        &rows,
    )?;
    let rows: Vec<_> = record.workloads.iter().flat_map(latencies).collect();
    if !rows.is_empty() {
        table(
            out,
            "Latencies",
            &["Workload", "Time", "Count", "Mean", "p50", "p95", "p99", "Max"],
            &rows,
        )?;
    }
    let rows: Vec<_> = record.workloads.iter().flat_map(beside).collect();
    if !rows.is_empty() {
        table(out, "Sent twice, and poison", &["Workload", "What", "Operations"], &rows)?;
    }
    let rows: Vec<_> = record.workloads.iter().flat_map(outages).collect();
    if !rows.is_empty() {
        table(
            out,
            "Outages: nothing succeeded",
            &["Workload", "From", "To", "Lasted", "Did not succeed"],
            &rows,
        )?;
    }
    let rows: Vec<_> = record.workloads.iter().flat_map(errors).collect();
    if !rows.is_empty() {
        table(out, "Most frequent errors", &["Workload", "Times", "Error"], &rows)?;
    }
    out.push_str("</section>\n");
    Ok(())
}

fn outcomes(workload: &WorkloadRecord) -> Vec<String> {
    let n = &workload.operations;
    let mut row = vec![workload.name.clone(), workload.target.clone()];
    row.extend([workload.rate_asked, workload.rate_got].map(text::rate));
    row.extend([n.due, n.acked, n.failed, n.indeterminate, n.dropped, n.late].map(text::count));
    row
}

fn latencies(workload: &WorkloadRecord) -> Vec<Vec<String>> {
    let row = |what: &str, q: &Quantiles| {
        let mut row = vec![workload.name.clone(), what.to_owned(), text::count(q.count)];
        row.extend([q.mean, q.p50, q.p95, q.p99, q.max].map(text::latency));
        row
    };
    [
        ("response, from due to done", &workload.response),
        ("service, from started to done", &workload.service),
        ("delay, from due to started", &workload.delay),
    ]
    .into_iter()
    .filter_map(|(what, quantiles)| Some(row(what, quantiles.as_ref()?)))
    .collect()
}

fn beside(workload: &WorkloadRecord) -> Vec<Vec<String>> {
    let row =
        |(what, text): (&'static str, String)| vec![workload.name.clone(), what.to_owned(), text];
    text::beside(workload).into_iter().map(row).collect()
}

fn outages(workload: &WorkloadRecord) -> Vec<Vec<String>> {
    let row = |outage: &crate::record::Outage| {
        vec![
            workload.name.clone(),
            text::moment(outage.from),
            text::moment(outage.to),
            text::moment(outage.to - outage.from),
            text::count(outage.operations),
        ]
    };
    workload.outages.iter().map(row).collect()
}

fn errors(workload: &WorkloadRecord) -> Vec<Vec<String>> {
    let row = |(error, times): &(String, u64)| {
        vec![workload.name.clone(), text::count(*times), error.clone()]
    };
    workload.errors.iter().map(row).collect()
}
