//! The result of a run on standard output, for people or as JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use loadgen::{Outage, Quantiles, Report};
use scenarios::units::Unit;
use serde_json::{Value, json};

use super::Offered;
use super::args::{Output, Title};

/// Prints the result.
pub(crate) fn print(offered: &Offered, title: &Title, output: &Output) -> anyhow::Result<()> {
    let text = if output.json {
        format!("{:#}\n", as_json(offered, title))
    } else {
        as_text(offered, title)
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

fn as_json(offered: &Offered, title: &Title) -> Value {
    let report = &offered.report;
    let latency: serde_json::Map<_, _> = report
        .latency
        .named()
        .into_iter()
        .map(|(name, histogram)| (name.to_owned(), quantiles(Quantiles::of(histogram))))
        .collect();
    json!({
        "version": 1,
        "target": title.target,
        "run": report.ledger.run(),
        "workload": report.ledger.workload(),
        "interrupted": offered.interrupted,
        "operations": report.totals,
        "rates": {
            "asked_per_second": title.rate,
            "due_per_second": report.rate_asked(),
            "acked_per_second": report.rate_acked(),
        },
        "latency_seconds": latency,
        "outages": report.outages.iter().map(outage).collect::<Vec<_>>(),
        "errors": report
            .errors
            .iter()
            .map(|(reason, count)| json!({"reason": reason, "count": count}))
            .collect::<Vec<_>>(),
        "generator": {
            "ticks": report.pump.ticks,
            "late_ticks": report.pump.late_ticks,
            "worst_seconds": report.pump.worst.as_secs_f64(),
            "lost_seconds": report.pump.lost.as_secs_f64(),
        },
    })
}

fn quantiles(q: Quantiles) -> Value {
    let seconds = |time: Duration| (q.count > 0).then_some(time.as_secs_f64());
    json!({
        "count": q.count,
        "p50": seconds(q.p50),
        "p95": seconds(q.p95),
        "p99": seconds(q.p99),
        "p99.9": seconds(q.p999),
        "max": seconds(q.max),
    })
}

fn outage(outage: &Outage) -> Value {
    json!({
        "from_seconds": outage.from.as_secs_f64(),
        "to_seconds": outage.to.as_secs_f64(),
        "open": outage.open,
        "operations": outage.operations,
    })
}

fn as_text(offered: &Offered, title: &Title) -> String {
    let report = &offered.report;
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_text(&mut out, report, title);
    if offered.interrupted {
        out.push_str("interrupted: only what had come due is counted\n");
    }
    out
}

fn write_text(out: &mut String, report: &Report, title: &Title) -> std::fmt::Result {
    let totals = report.totals;
    let rate = |rate| Unit::PerSecond.show(rate);
    writeln!(out, "{}", title.target)?;
    let asked = title.rate.map_or_else(|| "a closed loop".to_owned(), rate);
    writeln!(out, "  asked {asked}, accepted {}", rate(report.rate_acked()))?;
    for (name, count) in [
        ("due", totals.due),
        ("acked", totals.acked),
        ("failed", totals.failed),
        ("indeterminate", totals.indeterminate),
        ("dropped", totals.dropped),
        ("late", totals.late),
    ] {
        let share = Unit::Share.show(count as f64 / totals.due.max(1) as f64);
        writeln!(out, "  {name:<14}{count:>12}  {share:>7}")?;
    }
    let [p50, p95, p99, max] = ["p50", "p95", "p99", "max"];
    writeln!(out, "  {:<14}{p50:>12}{p95:>12}{p99:>12}{max:>12}", "latency")?;
    for (name, histogram) in report.latency.named() {
        let q = Quantiles::of(histogram);
        write!(out, "  {name:<14}")?;
        for time in [q.p50, q.p95, q.p99, q.max] {
            let text = if q.count == 0 { "-".to_owned() } else { seconds(time) };
            write!(out, "{text:>12}")?;
        }
        writeln!(out)?;
    }
    for outage in &report.outages {
        let end = if outage.open { "the end of the run".to_owned() } else { seconds(outage.to) };
        let length = seconds(outage.to.saturating_sub(outage.from));
        let from = seconds(outage.from);
        writeln!(
            out,
            "  outage from {from} to {end} ({length}): {} operations",
            outage.operations
        )?;
    }
    for (reason, count) in &report.errors {
        writeln!(out, "  {count} × {reason}")?;
    }
    if report.pump.late_ticks > 0 {
        let lost = seconds(report.pump.lost);
        writeln!(out, "  the generator could not keep up for {lost}; give it more processor time")?;
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    Unit::Seconds.show(time.as_secs_f64())
}
