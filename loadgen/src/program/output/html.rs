//! The result as one page that needs no network and no script.

use std::fmt::{Result, Write};
use std::time::Duration;

use loadgen::Quantiles;
use loadgen::printable::line;
use scenarios::units::Unit;

use super::super::Offered;
use super::super::args::Title;
use super::super::recorder::Row;
use chart::{Chart, Line};

mod chart;

const STYLE: &str = include_str!("html/style.css");

/// The most points of a line; a longer run is drawn with the worst of each
/// stretch.
const POINTS: usize = 600;

/// The page.
pub(crate) fn render(offered: &Offered, title: &Title) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write(&mut out, offered, title);
    out
}

fn write(out: &mut String, offered: &Offered, title: &Title) -> Result {
    let target = escape(&title.target);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>loadgen: {target}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{target}</h1>"
    )?;
    lead(out, offered, title)?;
    thresholds(out, offered)?;
    operations(out, offered)?;
    charts(out, offered)?;
    latency(out, offered)?;
    troubles(out, offered)?;
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn lead(out: &mut String, offered: &Offered, title: &Title) -> Result {
    let report = &offered.report;
    let rate = |rate| Unit::PerSecond.show(rate);
    let asked = title.rate.map_or_else(|| "a closed loop".to_owned(), rate);
    writeln!(
        out,
        "<p class=\"lead\">Asked {asked}, accepted <b>{}</b>. Run {}.</p>",
        rate(report.rate_acked()),
        escape(report.ledger.run())
    )?;
    if let Some(instances) = &offered.instances {
        if let Some(banner) = instances.banner() {
            writeln!(out, "<p class=\"bad\">{}.</p>", escape(&banner))?;
        }
        let (there, of) = (instances.contributed.len(), instances.of);
        let clocks = escape(&instances.clocks());
        writeln!(out, "<p>Merged from {there} of {of} instances; {clocks}.</p>")?;
    }
    if offered.interrupted {
        out.push_str("<p class=\"bad\">Interrupted: only what had come due is counted.</p>\n");
    }
    for (limit, count) in &offered.report.limits {
        writeln!(
            out,
            "<p class=\"bad\">{}, met by {count} operations, which says nothing of the target; \
             {}.</p>",
            escape(&limit.to_string()),
            escape(limit.advice())
        )?;
    }
    if !offered.kept_up() {
        out.push_str(
            "<p class=\"bad\">The generator itself could not keep up; these figures say little \
             about the target. Give it more processor time.</p>\n",
        );
    }
    Ok(())
}

fn thresholds(out: &mut String, offered: &Offered) -> Result {
    if offered.kept.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Thresholds</h2>\n<table>\n");
    for kept in &offered.kept {
        let (class, word) = if kept.held { ("good", "held") } else { ("bad", "broken") };
        writeln!(
            out,
            "<tr><td class=\"{class}\">{word}</td><td>{}</td><td>{}</td></tr>",
            escape(&kept.threshold),
            escape(&kept.found)
        )?;
    }
    out.push_str("</table>\n");
    Ok(())
}

fn operations(out: &mut String, offered: &Offered) -> Result {
    let totals = offered.report.totals;
    out.push_str("<h2>Operations</h2>\n<table class=\"figures\">\n");
    for (name, count) in super::super::summary::counts(&totals) {
        let share = Unit::Share.show(count as f64 / totals.due.max(1) as f64);
        writeln!(out, "<tr><th>{name}</th><td>{count}</td><td>{share}</td></tr>")?;
    }
    let again = offered.report.duplicates;
    if again.planned() > 0 {
        writeln!(
            out,
            "<tr><th>sent twice</th><td>{}</td><td>{} accepted again</td></tr>",
            again.planned(),
            again.acked
        )?;
    }
    if let Some(received) = &offered.report.received {
        writeln!(
            out,
            "<tr><th>read back</th><td>{}</td><td>{} twice or more</td></tr>",
            received.seen.len(),
            received.repeated
        )?;
    }
    out.push_str("</table>\n");
    Ok(())
}

fn charts(out: &mut String, offered: &Offered) -> Result {
    let rows = &offered.rows;
    if rows.len() < 2 {
        return Ok(());
    }
    let ends = (rows[0].second as f64, rows[rows.len() - 1].second as f64 + 1.0);
    let bands: Vec<(f64, f64)> = offered
        .report
        .outages
        .iter()
        .map(|outage| (outage.from.as_secs_f64(), outage.to.as_secs_f64()))
        .collect();
    let line = |name, class, figure: &dyn Fn(&Row) -> Option<f64>| Line {
        name,
        class,
        points: points(rows, figure),
    };
    let count = |count: u64| Some(count as f64);
    out.push_str("<h2>Rate</h2>\n<p>Operations by the second in which they were due.</p>\n");
    let lines = [
        line("due", "a", &|row| count(row.tally.due)),
        line("accepted", "b", &|row| count(row.tally.acked)),
        line("not accepted", "c", &|row| count(row.tally.due - row.tally.acked)),
    ];
    Chart { ends, lines: &lines, bands: &bands, unit: Unit::PerSecond }.write(out)?;
    out.push_str("<h2>Response time</h2>\n<p>From when an operation was due to its answer.</p>\n");
    let time = |time: Duration, q: Quantiles| (q.count > 0).then_some(time.as_secs_f64());
    let lines = [
        line("longest", "c", &|row| time(row.response.max, row.response)),
        line("99 %", "b", &|row| time(row.response.p99, row.response)),
        line("half", "a", &|row| time(row.response.p50, row.response)),
    ];
    Chart { ends, lines: &lines, bands: &bands, unit: Unit::Seconds }.write(out)
}

/// The points of a line; of a long run the greatest of each stretch.
fn points(rows: &[Row], figure: &dyn Fn(&Row) -> Option<f64>) -> Vec<(f64, f64)> {
    rows.chunks(rows.len().div_ceil(POINTS).max(1))
        .filter_map(|chunk| {
            let greatest = chunk.iter().filter_map(figure).max_by(f64::total_cmp)?;
            Some((chunk[0].second as f64 + 0.5, greatest))
        })
        .collect()
}

fn latency(out: &mut String, offered: &Offered) -> Result {
    out.push_str(
        "<h2>Latency</h2>\n<table class=\"figures\">\n<tr class=\"head\"><th></th><th>half</th><th>95 %</th>\
         <th>99 %</th><th>99.9 %</th><th>longest</th><th>timed</th></tr>\n",
    );
    for (name, histogram) in offered.report.latency.named() {
        let q = Quantiles::of(histogram);
        write!(out, "<tr><th>{name}</th>")?;
        for time in [q.p50, q.p95, q.p99, q.p999, q.max] {
            let shown = match q.count {
                0 => "–".to_owned(),
                _ => Unit::Seconds.show(time.as_secs_f64()),
            };
            write!(out, "<td>{shown}</td>")?;
        }
        writeln!(out, "<td>{}</td></tr>", q.count)?;
    }
    out.push_str(
        "</table>\n<p>Delay: how late an operation was begun. Service: from its begin to its \
         answer. Response: both together, so that a stall of the target is in it.</p>\n",
    );
    Ok(())
}

fn troubles(out: &mut String, offered: &Offered) -> Result {
    let report = &offered.report;
    if !report.outages.is_empty() {
        out.push_str("<h2>Outages</h2>\n<ul>\n");
        for outage in &report.outages {
            let at = |time: Duration| Unit::Seconds.show(time.as_secs_f64());
            let end = if outage.open { "the end of the run".to_owned() } else { at(outage.to) };
            writeln!(
                out,
                "<li>from {} to {end}: {} operations</li>",
                at(outage.from),
                outage.operations
            )?;
        }
        out.push_str("</ul>\n");
    }
    if !report.errors.is_empty() {
        out.push_str("<h2>Not accepted, because</h2>\n<table>\n");
        for (reason, count) in &report.errors {
            writeln!(out, "<tr><td>{count}</td><td>{}</td></tr>", escape(reason))?;
        }
        out.push_str("</table>\n");
    }
    Ok(())
}

/// A text as it may stand in a page.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in line(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}
