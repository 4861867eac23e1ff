//! The checks: a table of all that did not hold, each of them at length with its
//! evidence and chart, and a folded table of those that held.

use std::fmt::{Result, Write};

use super::chart::Chart;
use super::escape::{links, text as safe};
use crate::format::standing::{Standing, worst_first};
use crate::format::text;
use crate::record::{Finding, Record};

/// So many findings have their chart beside them; after that the page would
/// grow without bounds, and a link leads to the chart of the series.
const CHARTS: usize = 24;

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.findings.is_empty() {
        return Ok(());
    }
    let (open, held): (Vec<_>, Vec<_>) =
        worst_first(record).partition(|finding| Standing::of(finding) != Standing::Held);
    out.push_str("<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">Checks</h2>\n");
    if !open.is_empty() {
        table(out, record, &open, "Checks that did not hold", Some("f"))?;
    }
    if !held.is_empty() {
        let unfolded = if open.is_empty() { " open" } else { "" };
        let count = held.len();
        writeln!(out, "<details class=\"card held\"{unfolded}><summary>{count} held</summary>")?;
        table(out, record, &held, "Checks that held", None)?;
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
    for (index, finding) in open.into_iter().enumerate() {
        at_length(out, record, finding, index)?;
    }
    Ok(())
}

/// One row a finding; with `anchor`, each leads to where it is told at length.
fn table(
    out: &mut String,
    record: &Record,
    findings: &[&Finding],
    caption: &str,
    anchor: Option<&str>,
) -> Result {
    let dated = findings.iter().any(|finding| finding.since.is_some());
    writeln!(
        out,
        "<table class=\"checks\">\n<caption>{caption}</caption>\n<thead><tr><th scope=\"col\">Result</th>\
         <th scope=\"col\">Check</th><th scope=\"col\">Measured</th><th scope=\"col\">Bound</th>{}\
         </tr></thead>\n<tbody>",
        if dated { "<th scope=\"col\">Since</th>" } else { "" }
    )?;
    for (index, finding) in findings.iter().enumerate() {
        let name = match anchor {
            Some(anchor) => format!("<a href=\"#{anchor}{index}\">{}</a>", safe(&finding.check)),
            None => safe(&finding.check).to_string(),
        };
        write!(
            out,
            "<tr><td class=\"result\">{}</td><th scope=\"row\"><span class=\"check\">{name}</span>\
             <span class=\"title\">{}</span></th><td data-label=\"Measured\">{}</td>\
             <td data-label=\"Bound\">{}</td>",
            badge(Standing::of(finding)),
            safe(&finding.title),
            safe(&finding.measured),
            safe(&finding.bound),
        )?;
        if dated {
            let since = text::since(record, finding).unwrap_or_default();
            write!(out, "<td data-label=\"Since\">{}</td>", safe(&since))?;
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
    Ok(())
}

/// A mark and a word: the colour says nothing that they do not.
fn badge(standing: Standing) -> String {
    let (word, mark) = (standing.word(), standing.mark());
    format!("<span class=\"badge {word}\"><span aria-hidden=\"true\">{mark}</span> {word}</span>")
}

fn at_length(out: &mut String, record: &Record, finding: &Finding, index: usize) -> Result {
    let standing = Standing::of(finding);
    writeln!(
        out,
        "<article class=\"card finding {}\" id=\"f{index}\">\n<h3>{} {}</h3>\n<p class=\"title\">{}</p>\n<dl>",
        standing.word(),
        badge(standing),
        safe(&finding.check),
        safe(&finding.title)
    )?;
    let since = text::since(record, finding).unwrap_or_default();
    for (name, value) in
        [("Measured", &finding.measured), ("Bound", &finding.bound), ("First broken", &since)]
    {
        if !value.is_empty() {
            writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", safe(value))?;
        }
    }
    writeln!(out, "</dl>\n<p class=\"why\">{}</p>", safe(&finding.why))?;
    drawing(out, record, finding, index)?;
    evidence(out, finding)?;
    out.push_str("</article>\n");
    Ok(())
}

fn drawing(out: &mut String, record: &Record, finding: &Finding, index: usize) -> Result {
    let Some(name) = &finding.series else { return Ok(()) };
    match Chart::new(record, name, finding.limit, finding.since) {
        Some(chart) if index < CHARTS => chart.write(out, &format!("f{index}-chart")),
        Some(_) => writeln!(
            out,
            "<p class=\"soft\"><code>{}</code> is drawn under <a href=\"#series\">Series</a>.</p>",
            safe(name)
        ),
        None => writeln!(
            out,
            "<p class=\"soft\">There are no samples of <code>{}</code> to draw.</p>",
            safe(name)
        ),
    }
}

fn evidence(out: &mut String, finding: &Finding) -> Result {
    if !finding.evidence.is_empty() {
        let dated = finding.evidence.iter().any(|piece| piece.at.is_some());
        let row = |piece: &crate::record::Evidence| {
            let at = piece.at.map(text::moment).unwrap_or_default();
            let cells = [piece.what.clone(), piece.seen.clone()].into_iter();
            cells.chain(dated.then_some(at)).collect()
        };
        let rows: Vec<Vec<String>> = finding.evidence.iter().map(row).collect();
        let columns = if dated { &["What", "Seen", "At"][..] } else { &["What", "Seen"] };
        super::table(out, "Evidence", columns, &rows)?;
    }
    match &finding.evidence_file {
        Some(file) if links(file) => writeln!(
            out,
            "<p class=\"soft\">All of the evidence: <a href=\"./{0}\"><code>{0}</code></a></p>",
            safe(file)
        ),
        Some(file) => {
            writeln!(out, "<p class=\"soft\">All of the evidence: <code>{}</code></p>", safe(file))
        }
        None => Ok(()),
    }
}
