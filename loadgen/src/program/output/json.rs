//! The result as JSON. Times are in seconds.

use std::time::Duration;

use loadgen::report::PartReport;
use loadgen::{Answers, Histogram, Outage, Quantiles, Received, Report};
use serde_json::{Map, Value, json};

use super::super::Offered;
use super::super::args::Title;
use super::super::instances::whole::Instances;

/// So many pairs of answers that something is wrong with are named.
const GUILTY: usize = 100;

/// The whole result; `version` changes with its shape.
pub(crate) fn value(offered: &Offered, title: &Title) -> Value {
    let report = &offered.report;
    let latency: Map<_, _> = report
        .latency
        .named()
        .into_iter()
        .map(|(name, histogram)| (name.to_owned(), quantiles(histogram)))
        .collect();
    json!({
        "version": 1,
        "target": title.target,
        "run": report.ledger.run(),
        "workload": report.ledger.workload(),
        "interrupted": offered.interrupted,
        "instances": offered.instances.as_ref().map(Instances::value),
        "operations": report.totals,
        "warm_up_seconds": report.warm_up.as_secs(),
        "measured": report.measured,
        "duplicates": report.duplicates,
        "retries": report.retries,
        "idled_out": report.idled_out,
        "connections": report.connected.map(|connected| json!({
            "asked": connected.connections,
            "all_since_seconds": connected.all_since.map(|since| since.as_secs_f64()),
        })),
        "split": report.parts.iter().map(part).collect::<Vec<_>>(),
        "answers": report.answers.as_ref().map(|answers| {
            let mut value = self::answers(answers, report);
            title.secrets.hide_in(&mut value);
            value
        }),
        "rates": {
            "asked_per_second": title.rate,
            "due_per_second": report.rate_asked(),
            "acked_per_second": report.rate_acked(),
        },
        "latency_seconds": latency,
        "outages": report.outages.iter().map(outage).collect::<Vec<_>>(),
        "errors": reasons(&report.errors),
        "received": report.received.as_ref().map(received),
        "thresholds": offered.kept,
        "generator": {
            "kept_up": offered.kept_up(),
            "ticks": report.pump.ticks,
            "late_ticks": report.pump.late_ticks,
            "worst_seconds": report.pump.worst.as_secs_f64(),
            "lost_seconds": report.pump.lost.as_secs_f64(),
            "limits": report.limits.iter().map(|(limit, count)| {
                json!({"limit": limit, "operations": count, "advice": limit.advice()})
            }).collect::<Vec<_>>(),
        },
        "seconds": offered.rows.iter().map(|row| json!({
            "second": row.second,
            "operations": row.tally,
            "response_p50": seconds(row.response.p50, row.response.count),
            "response_p99": seconds(row.response.p99, row.response.count),
            "response_max": seconds(row.response.max, row.response.count),
        })).collect::<Vec<_>>(),
    })
}

/// What one value of a split answered.
fn part(part: &PartReport) -> Value {
    let Quantiles { count, p50, p95, p99, max, .. } = Quantiles::of(&part.latency.response);
    let micros = |time: Duration| time.as_micros() as u64;
    json!({
        "value": part.value, "answered": part.tally.due, "acked": part.tally.acked,
        "failed": part.tally.failed, "indeterminate": part.tally.indeterminate,
        "response_us": {
            "count": count, "p50": micros(p50), "p95": micros(p95), "p99": micros(p99),
            "max": micros(max),
        },
    })
}

/// How the answers compare, with the first pairs that something is wrong with.
fn answers(answers: &Answers, report: &Report) -> Value {
    let (run, workload) = (report.ledger.run(), report.ledger.workload());
    let guilty: Vec<_> = answers.guilty(run, workload).take(GUILTY).collect();
    let mut value = json!(answers.counts);
    value["guilty"] = json!(guilty);
    value
}

/// A time; nothing where nothing was timed.
fn seconds(time: Duration, count: u64) -> Option<f64> {
    (count > 0).then_some(time.as_secs_f64())
}

fn quantiles(histogram: &Histogram) -> Value {
    let at = |quantile| {
        (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile) as f64 / 1e6)
    };
    json!({
        "count": histogram.len(),
        "mean": (!histogram.is_empty()).then(|| histogram.mean() / 1e6),
        "p50": at(0.5),
        "p90": at(0.9),
        "p95": at(0.95),
        "p99": at(0.99),
        "p99.9": at(0.999),
        "p99.99": at(0.9999),
        "max": at(1.0),
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

fn reasons(errors: &[(String, u64)]) -> Vec<Value> {
    errors.iter().map(|(reason, count)| json!({"reason": reason, "count": count})).collect()
}

fn received(received: &Received) -> Value {
    json!({
        "messages": received.messages,
        "bytes": received.bytes,
        "operations": received.seen.len(),
        "redelivered": received.redelivered,
        "repeated": received.repeated,
        "foreign": received.foreign,
        "latency_seconds": quantiles(&received.latency),
        "errors": reasons(&received.errors),
    })
}
