//! What proves a finding, and what it belongs to in time.

use std::fmt::Result;

use pages::escape::links;
use pages::table::{copy, table as plain_table};
use pages::{put, putln};

use super::causes::{causes, sentence};
use super::overview::marks;
use super::time::{Time, place, precise};
use crate::format::text;
use crate::record::{Finding, Occurrence, Record, TimesRecord, Verdict};

/// So many causes are told of each anomaly.
const CAUSES: usize = 6;
/// What a piece of evidence of a single operation begins with.
const OPERATION: &str = "operation ";

pub(super) fn write(out: &mut String, record: &Record, time: &Time, finding: &Finding) -> Result {
    for times in &finding.times {
        when(out, record, time, times)?;
    }
    let is_operation = |what: &str| what.starts_with(OPERATION);
    let (operations, guilty): (Vec<_>, Vec<_>) =
        finding.evidence.iter().partition(|piece| is_operation(&piece.what));
    let names = ["bound", "growth", "trend", "aggregate", "absence", "drain", "rollout"];
    let is_named = finding.verdict == Verdict::Violated && names.contains(&finding.kind.as_str());
    table(out, record, &guilty, if is_named { "Guilty" } else { "Evidence" })?;
    if let Some(id) = first(finding) {
        let command = format!("verify operation {} {id}", shell(folder(record)));
        out.push_str("<p class=\"life\">The whole life of the first one:</p>\n");
        copy(out, &command)?;
    }
    if !operations.is_empty() {
        let number = operations.len();
        let fold = !finding.times.is_empty();
        if fold {
            putln!(out, "<details><summary>The first {} operations</summary>", number)?;
        }
        table(out, record, &operations, "Operations")?;
        if fold {
            out.push_str("</details>\n");
        }
    }
    match &finding.evidence_file {
        Some(file) if links(file) => putln!(
            out,
            "<p class=\"soft\">All of the evidence: <a href=\"./{}\"><code>{}</code></a></p>",
            file,
            file
        ),
        Some(file) => {
            putln!(out, "<p class=\"soft\">All of the evidence: <code>{}</code></p>", file)
        }
        None => Ok(()),
    }
}

/// The identity of the first operation that something is wrong with.
fn first(finding: &Finding) -> Option<&str> {
    let timed = finding.times.iter().filter(|times| times.is_due);
    let timed = timed.filter_map(|times| times.first.as_ref()).min_by(|a, b| a.at.total_cmp(&b.at));
    let named = || finding.evidence.iter().find_map(|piece| piece.what.strip_prefix(OPERATION));
    let id = timed.map(|first| first.what.as_str()).or_else(named)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    id.chars().all(plain).then_some(id)
}

/// The run's own folder, also where this is a later judgement in it.
fn folder(record: &Record) -> &str {
    let folder = record.run.folder.as_str();
    folder.split_once("/rechecks/").map_or(folder, |(run, _)| run)
}

/// A path as a shell takes it.
fn shell(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// How many, the first, the worst, a strip over time, and what they belong to.
fn when(out: &mut String, record: &Record, time: &Time, times: &TimesRecord) -> Result {
    let causes = causes(record, times);
    let due = if times.is_due { "due" } else { "seen" };
    putln!(out, "<div class=\"when\"><h4><b>{}</b> {}</h4>", text::count(times.count), times.what)?;
    if let Some(sentence) = sentence(times, &causes) {
        putln!(out, "<p class=\"cause\">{}</p>", sentence)?;
    }
    out.push_str("<dl>");
    let named = [("First", &times.first), ("Worst", &times.worst), ("Last", &times.last)];
    for (name, occurrence) in named {
        let Some(one) = occurrence else { continue };
        let is_only = times.count == 1 && name != "First";
        if !is_only {
            said(out, record, name, due, one)?;
        }
    }
    out.push_str("</dl>\n");
    put!(
        out,
        "<figure class=\"chart strip\"><div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"When they were {}, over the time of the run\">\
         <div class=\"area\"><svg viewBox=\"{}\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><use href=\"#ground\"/></svg>",
        due,
        time.view_box()
    )?;
    marks(out, time, times)?;
    out.push_str("</div>\n");
    time.ticks(out)?;
    out.push_str("</div></figure>\n");
    if causes.len() > 1 {
        out.push_str("<ul class=\"causes\">\n");
        for cause in causes.iter().take(CAUSES) {
            let bursts = match cause.bursts {
                1 => String::new(),
                bursts => format!(" in {bursts} bursts"),
            };
            putln!(
                out,
                "<li><b>{}</b> at <b>{}</b>{}, {} {}–{}: {}</li>",
                text::count(cause.number),
                cause.name,
                bursts,
                due,
                precise(cause.from),
                precise(cause.to),
                cause.when
            )?;
        }
        if causes.len() > CAUSES {
            let rest: u64 = causes[CAUSES..].iter().map(|cause| cause.number).sum();
            putln!(out, "<li>{} at {} more</li>", text::count(rest), causes.len() - CAUSES)?;
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</div>\n");
    Ok(())
}

fn said(out: &mut String, record: &Record, name: &str, due: &str, one: &Occurrence) -> Result {
    let seen = if one.seen.is_empty() { String::new() } else { format!("{}, ", one.seen) };
    let at =
        if one.at.is_finite() { format!("{due} {}", place(record, one.at)) } else { String::new() };
    putln!(
        out,
        "<div><dt>{}</dt><dd><code>{}</code> <small>{}{}</small></dd></div>",
        name,
        one.what,
        seen,
        at
    )
}

fn table(
    out: &mut String,
    record: &Record,
    pieces: &[&crate::record::Evidence],
    caption: &str,
) -> Result {
    if pieces.is_empty() {
        return Ok(());
    }
    let dated = pieces.iter().any(|piece| piece.at.is_some());
    let row = |piece: &&crate::record::Evidence| {
        let at =
            piece.at.map(|at| match record.phases.iter().find(|p| p.from <= at && at < p.to) {
                Some(phase) => format!("{} ({})", precise(at), phase.name),
                None => precise(at),
            });
        let cells = [piece.what.clone(), piece.seen.clone()].into_iter();
        cells.chain(dated.then(|| at.unwrap_or_default())).collect()
    };
    let rows: Vec<Vec<String>> = pieces.iter().map(row).collect();
    let columns = if dated { &["What", "Seen", "At"][..] } else { &["What", "Seen"] };
    plain_table(out, caption, columns, &rows)
}
