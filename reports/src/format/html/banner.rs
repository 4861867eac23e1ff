//! May I ship? The verdict, why, what was left out, and on what it was found.

use std::fmt::Result;

use pages::banner::{self, Banner};
use pages::{Markup, Standing, markup, put, putln};
use scenarios::plan::skipped;
use scenarios::units::Unit;

use crate::format::standing::{of_run, standing_so};
use crate::format::text;
use crate::record::{HostRecord, Record};

/// So many things that were left out are named in the banner; all stand below.
const NAMED: usize = 4;

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    let counts = Standing::ALL.map(|standing| (standing, standing_so(record, standing).count()));
    let skipped = skipped(&record.left_out).map_or_else(Markup::default, |skipped| {
        markup!("<li class=\"skipped\"><a href=\"#skipped\">{}</a></li>\n", skipped)
    });
    let tally = banner::tally("Checks by result", &counts, &skipped);
    Banner {
        standing: Some(of_run(record.verdict)),
        word: "",
        of: (&record.run.scenario, &record.run.title),
        headline: text::headline(record),
        advice: record.advice.as_ref().map(|advice| advice.what.as_str()),
        rest: markup!("{}{}", tally, left_out(record)),
    }
    .write(out)
}

/// What this run says nothing about. It stands in the banner, never only below.
fn left_out(record: &Record) -> Markup {
    if record.left_out.is_empty() {
        return Markup::default();
    }
    Markup::written(|out| {
        out.push_str("<div class=\"left-out\"><p>Left out, so nothing is said of it:</p>\n<ul>\n");
        for item in record.left_out.iter().take(NAMED) {
            putln!(out, "<li><b>{}</b> ({}): {}</li>", item.name, item.kind, item.why)?;
        }
        if record.left_out.len() > NAMED {
            let more = record.left_out.len() - NAMED;
            putln!(out, "<li><a href=\"#skipped\">{} more</a></li>", more)?;
        }
        put!(out, "</ul></div>\n")
    })
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
    banner::facts(out, &facts, &run.again)
}

/// `2 cores, load 3.1 (at most 5.2), busy 99.9% (others 0.3%), steal 0%, pressure cpu 68%,
/// io 0.2%, memory 0%, starved 0 s`.
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
    facts.extend(text::load_average(host));
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
