//! The load in figures: rates, outcomes, latencies, outages and errors.

use std::fmt::Result;
use std::time::Duration;

use loadgen::{Histogram, Quantiles};
use pages::table::table;
use pages::words::{count, latency, moment, rate};
use pages::{document, putln};
use scenarios::units::Unit;

use super::{Offered, Title};

pub(super) fn write(out: &mut String, offered: &Offered, title: &Title) -> Result {
    let report = &offered.report;
    let totals = report.totals;
    document::section(out, "load", "Load in figures")?;
    let mut row = vec![
        report.ledger.workload().to_owned(),
        title.rate.map_or_else(|| "a closed loop".to_owned(), rate),
        rate(report.rate_acked()),
    ];
    let n = totals;
    row.extend([n.due, n.acked, n.failed, n.indeterminate, n.dropped, n.late].map(count));
    let columns =
        ["Workload", "Asked", "Got", "Due", "Acked", "Failed", "Indeterminate", "Dropped", "Late"];
    table(out, "Rates and outcomes", &columns, &[row])?;
    latencies(out, offered)?;
    parts(out, offered)?;
    beside(out, offered)?;
    outages(out, offered)?;
    putln!(out, "</section>")
}

fn latencies(out: &mut String, offered: &Offered) -> Result {
    let kinds = [
        ("response, from due to done", &offered.report.latency.response),
        ("service, from started to done", &offered.report.latency.service),
        ("delay, from due to started", &offered.report.latency.delay),
    ];
    let rows: Vec<_> =
        kinds.into_iter().filter(|(_, times)| !times.is_empty()).map(times).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let columns = ["Time", "Count", "Mean", "p50", "p90", "p95", "p99", "p99.9", "Max"];
    table(out, "Latencies", &columns, &rows)
}

fn times((name, histogram): (&str, &Histogram)) -> Vec<String> {
    let q = Quantiles::of(histogram);
    let mut row = vec![name.to_owned(), count(q.count), latency(histogram.mean() / 1e6)];
    row.extend([q.p50, q.p90, q.p95, q.p99, q.p999, q.max].map(shown));
    row
}

fn shown(time: Duration) -> String {
    latency(time.as_secs_f64())
}

/// What each value of a split answered.
fn parts(out: &mut String, offered: &Offered) -> Result {
    let report = &offered.report;
    if report.parts.is_empty() {
        return Ok(());
    }
    let row = |part: &loadgen::report::PartReport| {
        let (n, q) = (part.tally, Quantiles::of(&part.latency.response));
        let share = Unit::Share.show(n.due as f64 / report.measured.due.max(1) as f64);
        let mut row = vec![part.value.clone(), count(n.due), share];
        row.extend([n.acked, n.failed, n.indeterminate].map(count));
        let has_times = q.count > 0;
        row.extend(
            [q.p50, q.p95, q.p99].map(|time| if has_times { shown(time) } else { "–".to_owned() }),
        );
        row
    };
    let rows: Vec<_> = report.parts.iter().map(row).collect();
    let columns =
        ["Value", "Answered", "Share", "Acked", "Failed", "Indeterminate", "p50", "p95", "p99"];
    table(out, "By value of the split", &columns, &rows)
}

/// What happened beside plain operations.
fn beside(out: &mut String, offered: &Offered) -> Result {
    let report = &offered.report;
    let mut rows = Vec::new();
    let mut row = |what: &str, number: u64, told: String| {
        rows.push(vec![what.to_owned(), count(number), told]);
    };
    let again = report.duplicates;
    if again.planned() > 0 {
        let [acked, failed, unknown] = [again.acked, again.failed, again.indeterminate].map(count);
        let told = format!("{acked} acked again, {failed} failed, {unknown} indeterminate");
        row("sent twice", again.planned(), told);
    }
    for (what, retries) in [("retried", report.retries), ("idled out", report.idled_out)] {
        if retries.operations > 0 {
            let [attempts, acked] = [retries.attempts, retries.acked].map(count);
            let told = format!("sent again {attempts} times, {acked} acked in the end");
            row(what, retries.operations, told);
        }
    }
    if let Some(answers) = &report.answers {
        let n = answers.counts;
        let [agreed, disagreed, marked] = [n.agreed, n.disagreed, n.marked].map(count);
        let told = format!("{agreed} agreed, {disagreed} disagreed, {marked} marked as a hit");
        row("answers compared", n.pairs, told);
    }
    if let Some(received) = &report.received {
        let [messages, repeated, foreign] =
            [received.messages, received.repeated, received.foreign].map(count);
        let told = format!("{messages} messages, {repeated} repeated, {foreign} foreign");
        row("read back", received.seen.len(), told);
    }
    if rows.is_empty() {
        return Ok(());
    }
    table(out, "Beside plain operations", &["What", "Operations", "Of these"], &rows)
}

fn outages(out: &mut String, offered: &Offered) -> Result {
    let row = |outage: &loadgen::Outage| {
        let [from, to] = [outage.from, outage.to].map(|time| time.as_secs_f64());
        let end = if outage.open { "the end".to_owned() } else { moment(to) };
        vec![moment(from), end, moment(to - from), count(outage.operations)]
    };
    let rows: Vec<_> = offered.report.outages.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let columns = ["From", "To", "Lasted", "Did not succeed"];
    table(out, "Outages: nothing succeeded", &columns, &rows)
}

/// Whether something did not succeed for a reason that is known.
pub(super) fn has_errors(offered: &Offered) -> bool {
    all(offered).next().is_some()
}

/// Why operations did not succeed, the most frequent reason first.
pub(super) fn errors(out: &mut String, offered: &Offered) -> Result {
    let rows: Vec<_> = all(offered).map(|(why, times)| vec![why, count(times)]).collect();
    if rows.is_empty() {
        return Ok(());
    }
    document::section(out, "errors", "Errors by cause")?;
    table(out, "Most frequent errors", &["Error", "Times"], &rows)?;
    putln!(out, "</section>")
}

fn all(offered: &Offered) -> impl Iterator<Item = (String, u64)> {
    let report = &offered.report;
    let read = report.received.iter().flat_map(|received| &received.errors);
    let read = read.map(|(why, times)| (format!("while reading: {why}"), *times));
    report.errors.iter().cloned().chain(read)
}
