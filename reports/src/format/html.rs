//! `report.html`: one page that needs no network and no script.
//!
//! The banner answers in three seconds, the advice and the checks in thirty; the
//! figures stand below. Every text of a record goes through [`escape::text`], and
//! a content security policy forbids what would slip through.

mod about;
mod advised;
mod axis;
mod chart;
mod checks;
mod deployments;
mod effects;
mod escape;
mod faults;
mod load;
mod plot;
mod steps;

use std::fmt::{Result, Write};

use super::standing::{Standing, standing_so};
use super::text;
use crate::record::Record;
use escape::text as safe;
use scenarios::plan::skipped;

const STYLE: &str = include_str!("html/style.css");

/// The page.
pub(super) fn render(record: &Record) -> String {
    let mut out = String::new();
    write(&mut out, record).expect("writing to a String does not fail");
    out
}

fn write(out: &mut String, record: &Record) -> Result {
    head(out, record)?;
    banner(out, record)?;
    out.push_str("<main>\n");
    tally(out, record)?;
    contents(out, record)?;
    advice(out, record)?;
    advised::write(out, record)?;
    steps::write(out, record)?;
    checks::write(out, record)?;
    load::write(out, record)?;
    effects::write(out, record)?;
    faults::write(out, record)?;
    deployments::write(out, record)?;
    about::write_series(out, record)?;
    about::write_tables(out, record)?;
    about::write_skipped(out, record)?;
    about::write_run(out, record)?;
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn head(out: &mut String, record: &Record) -> Result {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} {}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
        Standing::of_run(record.verdict).mark(),
        safe(&record.run.scenario),
        record.verdict.word()
    )
}

fn banner(out: &mut String, record: &Record) -> Result {
    let standing = Standing::of_run(record.verdict);
    let word = standing.word();
    let mut facts = text::facts(record);
    facts.extend(text::host(record));
    writeln!(
        out,
        "<header class=\"banner {word}\"><div>\n\
         <p class=\"scenario\"><b>{}</b> {}</p>\n\
         <h1><span class=\"mark\" aria-hidden=\"true\">{}</span>{word}</h1>\n\
         <p class=\"headline\">{}</p>\n<p class=\"facts\">{} · {}</p>\n</div></header>",
        safe(&record.run.scenario),
        safe(&record.run.title),
        standing.mark(),
        safe(text::headline(record)),
        safe(&text::started(record)),
        safe(&facts.join(" · ")),
    )
}

/// How many findings stand how, each a small tile.
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

/// Links to the sections that this page has.
fn contents(out: &mut String, record: &Record) -> Result {
    let sections = [
        ("advised", "Advice", !record.advised.is_empty()),
        ("steps", "Steps", !record.steps.is_empty()),
        ("checks", "Checks", !record.findings.is_empty()),
        ("load", "Load", !record.workloads.is_empty()),
        ("effects", "Effects", !record.effects.is_empty()),
        ("faults", "Faults", !record.faults.is_empty()),
        ("deployments", "Deployments", !record.deployments.is_empty()),
        ("series", "Series", !record.series.is_empty()),
        ("tables", "Tables", !record.tables.is_empty()),
        ("skipped", "Skipped", !record.left_out.is_empty()),
        ("run", "Run", true),
    ];
    out.push_str("<nav aria-label=\"Sections\">");
    for (id, name, _) in sections.iter().filter(|(.., present)| *present) {
        write!(out, "<a href=\"#{id}\">{name}</a>")?;
    }
    out.push_str("</nav>\n");
    Ok(())
}

/// What to do, and what to know beside the findings.
fn advice(out: &mut String, record: &Record) -> Result {
    if let Some(advice) = &record.advice {
        let word = Standing::of_run(record.verdict).word();
        writeln!(
            out,
            "<section class=\"card advice {word}\" aria-labelledby=\"advice\">\n\
             <h2 id=\"advice\">What to do</h2>\n<p>{}</p>",
            safe(&advice.what)
        )?;
        list(out, &advice.because)?;
        out.push_str("</section>\n");
    }
    if !record.warnings.is_empty() {
        out.push_str("<section class=\"card notes\" aria-labelledby=\"notes\">\n");
        out.push_str("<h2 id=\"notes\">Good to know</h2>\n");
        list(out, &record.warnings)?;
        out.push_str("</section>\n");
    }
    Ok(())
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

/// A table of texts inside a box that scrolls when the page is narrow. The first
/// column names the row.
fn table(out: &mut String, caption: &str, columns: &[&str], rows: &[Vec<String>]) -> Result {
    write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table>\n\
         <caption>{0}</caption>\n<thead><tr>",
        safe(caption)
    )?;
    columns.iter().try_for_each(|name| write!(out, "<th scope=\"col\">{}</th>", safe(name)))?;
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            match index {
                0 => write!(out, "<th scope=\"row\">{}</th>", safe(cell))?,
                _ => write!(out, "<td{}>{}</td>", numeric(cell), safe(cell))?,
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

/// Figures are not broken across lines.
fn numeric(cell: &str) -> &'static str {
    let figure = cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '–')
        && cell.len() < 16
        && !cell.contains(' ');
    if figure { " class=\"n\"" } else { "" }
}
