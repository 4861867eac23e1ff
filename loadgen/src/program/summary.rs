//! The result of a run on standard output, for people or as JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use loadgen::printable::line;
use loadgen::tally::LATE;
use loadgen::{Quantiles, Report, Tally};
use scenarios::redact::Secrets;
use scenarios::units::Unit;

use super::Offered;
use super::args::{Output, Title};
use super::instances::whole::Instances;
use super::output::json;

/// So many pairs of answers that something is wrong with are named.
const GUILTY: usize = 5;

/// Prints the result; on standard error where a file has standard output.
pub(crate) fn print(offered: &Offered, title: &Title, output: &Output) -> anyhow::Result<()> {
    let text = if output.json {
        format!("{:#}\n", json::value(offered, title))
    } else {
        as_text(offered, title)
    };
    if output.has_stdout() {
        // Whoever closed the other end does not want to know.
        let _ = std::io::stderr().write_all(text.as_bytes());
        return Ok(());
    }
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

fn as_text(offered: &Offered, title: &Title) -> String {
    let report = &offered.report;
    let mut out = String::new();
    // Writing into a string cannot fail.
    if let Some(banner) = offered.instances.as_ref().and_then(Instances::banner) {
        let _ = writeln!(out, "{}", line(&banner));
    }
    let _ = write_text(&mut out, report, title);
    if let Some(instances) = &offered.instances {
        let _ = instances.write(&mut out);
    }
    let _ = write_verdicts(&mut out, offered);
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
    let accepted = match report.measured.acked {
        // So few have no rate.
        few @ 0..=1 => format!("{few} in all"),
        _ => rate(report.rate_acked()),
    };
    writeln!(out, "  asked {asked}, accepted {accepted}")?;
    for (name, count) in counts(&totals) {
        let share = Unit::Share.show(count as f64 / totals.due.max(1) as f64);
        writeln!(out, "  {name:<14}{count:>12}  {share:>7}")?;
    }
    write_rest_of_counts(out, report, &title.secrets)?;
    write_connected(out, report)?;
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
    write_parts(out, report)?;
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
    Ok(())
}

/// What each value of a split answered, and what nobody of them did.
fn write_parts(out: &mut String, report: &Report) -> std::fmt::Result {
    let mut answered = 0;
    for part in &report.parts {
        let Tally { due, acked, .. } = part.tally;
        answered += due;
        let share = |of: u64, all: u64| Unit::Share.show(of as f64 / all.max(1) as f64);
        write!(out, "  {:<14}{due:>12}  {:>7}", part.value, share(due, report.measured.due))?;
        if due > 0 {
            let q = Quantiles::of(&part.latency.response);
            let [p50, p95, p99] = [q.p50, q.p95, q.p99].map(seconds);
            write!(out, "  {} acked, p50 {p50}, p95 {p95}, p99 {p99}", share(acked, due))?;
        }
        writeln!(out)?;
    }
    if !report.parts.is_empty() {
        let other = report.measured.due.saturating_sub(answered);
        writeln!(out, "  {:<14}{other:>12}  answered by none of these, or not at all", "other")?;
    }
    Ok(())
}

/// The counts of operations with their names, in the usual order.
pub(crate) fn counts(tally: &Tally) -> [(&'static str, u64); 6] {
    [
        ("due", tally.due),
        ("acked", tally.acked),
        ("failed", tally.failed),
        ("indeterminate", tally.indeterminate),
        ("dropped", tally.dropped),
        ("late", tally.late),
    ]
}

fn write_rest_of_counts(out: &mut String, report: &Report, secrets: &Secrets) -> std::fmt::Result {
    let again = report.duplicates;
    if again.planned() > 0 {
        writeln!(
            out,
            "  {:<14}{:>12}  {} acked, {} failed, {} indeterminate, {} not sent again",
            "sent twice",
            again.planned(),
            again.acked,
            again.failed,
            again.indeterminate,
            again.unsent
        )?;
    }
    let retries = report.retries;
    if retries.operations > 0 {
        writeln!(
            out,
            "  {:<14}{:>12}  {} times in all, {} acked in the end",
            "retried", retries.operations, retries.attempts, retries.acked
        )?;
    }
    let idled_out = report.idled_out;
    if idled_out.operations > 0 {
        writeln!(
            out,
            "  {:<14}{:>12}  kept-alive connections ended unanswered and were made again, {} acked",
            "idled out", idled_out.operations, idled_out.acked
        )?;
    }
    if let Some(answers) = &report.answers {
        let counts = answers.counts;
        writeln!(
            out,
            "  {:<14}{:>12}  {} agreed, {} disagreed, {} without a value; {} marked, {} not, {} too early",
            "compared",
            counts.pairs,
            counts.agreed,
            counts.disagreed,
            counts.valueless,
            counts.marked,
            counts.unmarked,
            counts.premature
        )?;
        if counts.unread > 0 {
            writeln!(
                out,
                "  {:<14}{:>12}  came in an encoding that was not read; --compressed reads gzip",
                "unread", counts.unread
            )?;
        }
        for row in answers.guilty(report.ledger.run(), report.ledger.workload()).take(GUILTY) {
            let value = |value: Option<String>| {
                value.map_or_else(|| "nothing".to_owned(), |value| line(&secrets.hide(&value)))
            };
            let (first, second) = (value(row.first), value(row.second));
            writeln!(out, "  {} {:?}: {first}, then {second}", row.id, row.kind)?;
        }
    }
    if let Some(received) = &report.received {
        writeln!(
            out,
            "  {:<14}{:>12}  {} messages, {} repeated, {} redelivered, {} foreign",
            "read back",
            received.seen.len(),
            received.messages,
            received.repeated,
            received.redelivered,
            received.foreign
        )?;
        for (error, count) in &received.errors {
            writeln!(out, "  {count} × while reading: {error}")?;
        }
    }
    Ok(())
}

fn write_verdicts(out: &mut String, offered: &Offered) -> std::fmt::Result {
    for kept in &offered.kept {
        let word = if kept.held { "held" } else { "BROKEN" };
        writeln!(out, "  {word:<8}{}: {}", kept.threshold, kept.found)?;
    }
    if offered.is_in_vain() {
        writeln!(
            out,
            "  warning: not one operation was acked; see that the address, the request and what \
             counts as accepted are right"
        )?;
    }
    for (limit, count) in &offered.report.limits {
        writeln!(
            out,
            "  warning: {limit}, met by {count} operations, which says nothing of the target; {}",
            limit.advice()
        )?;
    }
    if !offered.kept_up() {
        let lost = seconds(offered.report.pump.lost);
        writeln!(out, "  the generator could not keep up for {lost}; give it more processor time")?;
    }
    Ok(())
}

/// Since when all connections stood, where that was not so from the start.
fn write_connected(out: &mut String, report: &Report) -> std::fmt::Result {
    let Some(connected) = report.connected else { return Ok(()) };
    let number = connected.connections;
    match connected.all_since {
        Some(since) if since < LATE => Ok(()),
        Some(since) => {
            writeln!(out, "  {number} connections stood from {} on, not before", seconds(since))
        }
        None if report.totals.acked == 0 => Ok(()),
        None => writeln!(out, "  {number} connections never stood all at once"),
    }
}

fn seconds(time: Duration) -> String {
    Unit::Seconds.show(time.as_secs_f64())
}
