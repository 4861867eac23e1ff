//! May I ship? The verdict, why, what was left out, and on what it was found.

use std::fmt::{Result, Write};

use scenarios::units::Unit;

use super::copy;
use super::escape::text as safe;
use crate::format::standing::{Standing, standing_so};
use crate::format::text;
use crate::record::{HostRecord, Record};
use scenarios::plan::skipped;

/// So many things that were left out are named in the banner; all stand below.
const NAMED: usize = 4;

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    let standing = Standing::of_run(record.verdict);
    let word = standing.word();
    writeln!(
        out,
        "<header class=\"banner {word}\"><div>\n\
         <p class=\"scenario\"><b>{}</b> {}</p>\n\
         <h1><span class=\"mark\" aria-hidden=\"true\">{}</span>{word}</h1>\n\
         <p class=\"headline\">{}</p>",
        safe(&record.run.scenario),
        safe(&record.run.title),
        standing.mark(),
        safe(text::headline(record)),
    )?;
    if let Some(advice) = &record.advice {
        writeln!(out, "<p class=\"ship\">{}</p>", safe(&advice.what))?;
    }
    tally(out, record)?;
    left_out(out, record)?;
    out.push_str("</div></header>\n");
    Ok(())
}

/// How many findings stand how.
fn tally(out: &mut String, record: &Record) -> Result {
    if record.findings.is_empty() {
        return Ok(());
    }
    out.push_str("<ul class=\"tally\" aria-label=\"Checks by result\">\n");
    for standing in Standing::ALL {
        let count = standing_so(record, standing).count();
        if count > 0 {
            let (word, mark) = (standing.word(), standing.mark());
            writeln!(
                out,
                "<li class=\"{word}\"><span aria-hidden=\"true\">{mark}</span> <b>{count}</b> {word}</li>"
            )?;
        }
    }
    if let Some(skipped) = skipped(&record.left_out) {
        writeln!(out, "<li class=\"skipped\"><a href=\"#skipped\">{}</a></li>", safe(&skipped))?;
    }
    out.push_str("</ul>\n");
    Ok(())
}

/// What this run says nothing about. It stands in the banner, never only below.
fn left_out(out: &mut String, record: &Record) -> Result {
    if record.left_out.is_empty() {
        return Ok(());
    }
    out.push_str("<div class=\"left-out\"><p>Left out, so nothing is said of it:</p>\n<ul>\n");
    for item in record.left_out.iter().take(NAMED) {
        writeln!(
            out,
            "<li><b>{}</b> ({}): {}</li>",
            safe(&item.name),
            safe(&item.kind),
            safe(&item.why)
        )?;
    }
    if record.left_out.len() > NAMED {
        let more = record.left_out.len() - NAMED;
        writeln!(out, "<li><a href=\"#skipped\">{more} more</a></li>")?;
    }
    out.push_str("</ul></div>\n");
    Ok(())
}

/// Where it was found, and the command that does it again.
pub(super) fn facts(out: &mut String, record: &Record) -> Result {
    let run = &record.run;
    let interrupted = if run.interrupted { ", interrupted" } else { "" };
    let facts = [
        ("Started", text::started(record)),
        ("Took", format!("{}{interrupted}", text::moment(run.seconds))),
        ("System", text::place(record)),
        ("With", run.brokers.join(", ")),
        ("Shakedown", run.version.clone()),
        ("Seed", run.seed.to_string()),
        ("Host", record.host.as_ref().map(host).unwrap_or_default()),
    ];
    out.push_str("<section class=\"card facts\" aria-label=\"The run\">\n<dl>");
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", safe(value))?;
    }
    out.push_str("</dl>\n<p class=\"again\">Run it again:</p>\n");
    copy(out, &run.again)?;
    out.push_str("</section>\n");
    Ok(())
}

/// `2 cores, busy 99.9% (others 0.3%), steal 0%, pressure cpu 68%, io 0.2%, memory 0%,
/// starved 0 s`.
fn host(host: &HostRecord) -> String {
    let percent = |share: f64| {
        let share = share * 100.0;
        if share >= 9.95 {
            format!("{share:.0}%")
        } else {
            Unit::Share.show((share * 10.0).round() / 1e3)
        }
    };
    let mut facts = Vec::new();
    facts.extend(host.cpus.map(|cpus| match cpus {
        1.0 => "1 core".to_owned(),
        cpus => format!("{} cores", text::figure(Unit::Count, cpus)),
    }));
    facts.extend(host.busy.map(|busy| match host.foreign {
        Some(foreign) => format!("busy {} (others {})", percent(busy), percent(foreign)),
        None => format!("busy {}", percent(busy)),
    }));
    facts.extend(host.steal.map(|steal| format!("steal {}", percent(steal))));
    let pressures =
        [("cpu", host.cpu_stalled), ("io", host.io_stalled), ("memory", host.memory_stalled)];
    let pressures = pressures.into_iter().filter_map(|(what, share)| Some((what, share?)));
    let pressures: Vec<String> =
        pressures.map(|(what, share)| format!("{what} {}", percent(share))).collect();
    if !pressures.is_empty() {
        facts.push(format!("pressure {}", pressures.join(", ")));
    }
    let starved = (host.starved.max(0.0) * 10.0).round() / 10.0;
    facts.push(format!("starved {} s", text::figure(Unit::Count, starved)));
    facts.join(", ")
}
