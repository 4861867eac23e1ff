//! `report.html`: one page that needs no network, and no script to be read.
//!
//! It answers two questions in this order: may I ship, and what is the cause? The banner
//! answers the first; the checks, with what each burst of evidence belongs to in time, and
//! the overview on one axis of time answer the second. Charts are SVG that stretches, so
//! that they are there without a script, in print and at any width; a small script of ours
//! adds values at the pointer, zoom and a legend that switches. Every text of a record goes
//! through [`escape::text`], and a content security policy forbids what would slip through:
//! it names our script by its digest.

mod about;
mod advised;
mod axis;
mod banner;
mod causes;
mod checks;
mod colors;
mod comparison;
mod deployments;
mod effects;
mod escape;
mod evidence;
mod faults;
mod frame;
mod lines;
mod load;
mod overview;
mod series;
mod steps;
mod time;

use std::fmt::{Result, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use self::colors::Colors;
use self::time::Time;
use super::standing::Standing;
use crate::record::Record;
use escape::text as safe;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The page.
pub(super) fn render(record: &Record) -> String {
    let mut out = String::new();
    write(&mut out, record).expect("writing to a String does not fail");
    out
}

fn write(out: &mut String, record: &Record) -> Result {
    let time = Time::of(record);
    let colors = Colors::of(record);
    head(out, record)?;
    time::ground(out, record, &time)?;
    banner::write(out, record)?;
    contents(out, record, &time)?;
    out.push_str("<main>\n");
    banner::facts(out, record)?;
    notes(out, record)?;
    checks::write(out, record, &time)?;
    overview::write(out, record, &time)?;
    advised::write(out, record)?;
    effects::write(out, record)?;
    faults::write(out, record)?;
    comparison::write(out, record)?;
    steps::write(out, record)?;
    deployments::write(out, record)?;
    series::write(out, record, &time, &colors)?;
    load::write(out, record)?;
    about::write_tables(out, record)?;
    about::write_skipped(out, record)?;
    about::write_run(out, record)?;
    writeln!(out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>")
}

fn head(out: &mut String, record: &Record) -> Result {
    let digest = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} {}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
        Standing::of_run(record.verdict).mark(),
        safe(&record.run.scenario),
        record.verdict.word()
    )
}

/// Links to the sections that this page has, and what the charts show together.
fn contents(out: &mut String, record: &Record, time: &Time) -> Result {
    let sections = [
        ("checks", "Checks", !record.findings.is_empty()),
        ("overview", "Overview", true),
        ("advised", "Advice", !record.advised.is_empty()),
        ("effects", "Ledger", !record.effects.is_empty()),
        ("faults", "Faults", !record.faults.is_empty()),
        ("comparison", "Comparison", comparison::estimates(record).next().is_some()),
        ("steps", "Steps", !record.steps.is_empty()),
        ("deployments", "Deployments", !record.deployments.is_empty()),
        ("series", "Series", !record.series.is_empty()),
        ("load", "Figures", !record.workloads.is_empty()),
        ("tables", "Tables", !record.tables.is_empty()),
        ("skipped", "Skipped", !record.left_out.is_empty()),
        ("run", "Run", true),
    ];
    out.push_str("<nav aria-label=\"Sections\"><div><span class=\"links\">");
    for (id, name, _) in sections.iter().filter(|(.., present)| *present) {
        write!(out, "<a href=\"#{id}\">{name}</a>")?;
    }
    writeln!(
        out,
        "</span><span class=\"tools\" data-low=\"{}\" data-high=\"{}\" hidden><output aria-live=\"polite\"></output>\
         <button type=\"button\" class=\"reset\">Show all</button></span></div></nav>",
        time::short(time.low),
        time::short(time.high)
    )
}

/// What to know beside the findings.
fn notes(out: &mut String, record: &Record) -> Result {
    if !record.warnings.is_empty() {
        out.push_str("<section class=\"card notes\" aria-labelledby=\"notes\">\n");
        out.push_str("<h2 id=\"notes\">Good to know</h2>\n");
        list(out, &record.warnings)?;
        out.push_str("</section>\n");
    }
    Ok(())
}

/// A command with a button that copies it.
fn copy(out: &mut String, command: &str) -> Result {
    writeln!(
        out,
        "<div class=\"command\"><pre tabindex=\"0\"><code>{}</code></pre><button type=\"button\" class=\"copy\">Copy</button></div>",
        safe(command)
    )
}

fn list(out: &mut String, items: &[String]) -> Result {
    if items.is_empty() {
        return Ok(());
    }
    out.push_str("<ul>\n");
    items.iter().try_for_each(|item| writeln!(out, "<li>{}</li>", safe(item)))?;
    out.push_str("</ul>\n");
    Ok(())
}

/// A table of texts. The first column names the row; on a narrow page each row is a block,
/// and each cell says what it is.
fn table(out: &mut String, caption: &str, columns: &[&str], rows: &[Vec<String>]) -> Result {
    write!(out, "<table class=\"stack\"><caption>{}</caption>\n<thead><tr>", safe(caption))?;
    columns.iter().try_for_each(|name| write!(out, "<th scope=\"col\">{}</th>", safe(name)))?;
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let label = safe(columns.get(index).copied().unwrap_or_default());
            if index == 0 {
                write!(out, "<th scope=\"row\">{}</th>", safe(cell))?;
            } else {
                let class = numeric(cell);
                write!(out, "<td{class} data-label=\"{label}\">{}</td>", safe(cell))?;
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
    Ok(())
}

/// Figures are not broken across lines, long words are.
fn numeric(cell: &str) -> &'static str {
    let figure = cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '–')
        && cell.len() < 16
        && !cell.contains(' ');
    match figure {
        true => " class=\"n\"",
        false if cell.len() > 40 => " class=\"long\"",
        false => "",
    }
}
