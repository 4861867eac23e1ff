//! The checks: a table of all that did not hold, each of them at length with its
//! evidence, and a folded table of those that held.

use std::fmt::Result;

use pages::margin::Margin;
use pages::{Markup, markup, put, putln};

use super::evidence;
use super::time::Time;
use crate::format::standing::{self, Standing, worst_first};
use crate::format::text;
use crate::record::{Finding, Record, Verdict};

pub(super) fn write(out: &mut String, record: &Record, time: &Time) -> Result {
    if record.findings.is_empty() {
        return Ok(());
    }
    let (open, held): (Vec<_>, Vec<_>) =
        worst_first(record).partition(|finding| standing::of(finding) != Standing::Held);
    out.push_str("<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">Checks</h2>\n");
    if !open.is_empty() {
        table(out, record, &open, "Checks that did not hold", Some("f"))?;
    }
    if !held.is_empty() {
        let unfolded = if open.is_empty() { " open" } else { "" };
        let count = held.len();
        putln!(
            out,
            "<details class=\"card held\"{}><summary>{} held</summary>",
            Markup::of(unfolded),
            count
        )?;
        table(out, record, &held, "Checks that held", None)?;
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
    for (index, finding) in open.into_iter().enumerate() {
        at_length(out, record, time, finding, index)?;
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
    let is_known = findings.iter().any(|finding| finding.basis.is_some());
    let judged = if is_known { "<th scope=\"col\">Judged on</th>" } else { "" };
    putln!(
        out,
        "<table class=\"checks\">\n<caption>{}</caption>\n<thead><tr><th scope=\"col\">Result</th>\
         <th scope=\"col\">Check</th><th scope=\"col\">Expected</th><th scope=\"col\">Observed</th>\
         {}</tr></thead>\n<tbody>",
        caption,
        Markup::of(judged)
    )?;
    for (index, finding) in findings.iter().enumerate() {
        let name = match anchor {
            Some(anchor) => markup!("<a href=\"#{}{}\">{}</a>", anchor, index, finding.check),
            None => markup!("{}", finding.check),
        };
        put!(
            out,
            "<tr><td class=\"result\">{}</td><th scope=\"row\"><span class=\"check\">{}</span>\
             <span class=\"title\">{}</span></th><td data-label=\"Expected\">{}</td>\
             <td data-label=\"Observed\"><span>{}{}</span></td>",
            standing::of(finding).badge(),
            name,
            finding.title,
            finding.bound,
            finding.measured,
            margin(finding)
        )?;
        if is_known {
            let basis = basis(record, finding);
            if basis.is_empty() {
                out.push_str("<td data-label=\"Judged on\"></td>");
            } else {
                put!(
                    out,
                    "<td data-label=\"Judged on\"><span class=\"basis\">{}</span></td>",
                    basis
                )?;
            }
        }
        out.push_str("</tr>\n");
        if finding.verdict == Verdict::Inconclusive {
            putln!(
                out,
                "<tr class=\"todo\"><td></td><td colspan=\"{}\">{}</td></tr>",
                if is_known { 4 } else { 3 },
                finding.why
            )?;
        }
    }
    out.push_str("</tbody></table>\n");
    Ok(())
}

/// How far what was measured is from the bound.
fn margin(finding: &Finding) -> Markup {
    let Some(basis) = &finding.basis else { return Markup::default() };
    let (Some(observed), Some(unit)) = (basis.observed, basis.unit) else {
        return Markup::default();
    };
    Margin { observed, least: basis.least, most: basis.most, unit }.drawn()
}

/// How much was looked at, in which phases, and how sure that is.
fn basis(record: &Record, finding: &Finding) -> Markup {
    let Some(basis) = &finding.basis else { return Markup::default() };
    let mut parts = Vec::new();
    if let Some(samples) = basis.samples {
        parts.push(markup!("{} {}", text::count(samples), basis.of));
    }
    if let Some(confidence) = basis.confidence {
        parts.push(markup!("{} % confidence", super::time::short(confidence * 100.0)));
    }
    let whole = basis.phases.len() == record.phases.len() && basis.phases.len() > 1;
    match basis.phases.as_slice() {
        [] if parts.is_empty() => {}
        [] => parts.push(Markup::of("whole run")),
        _ if whole => parts.push(Markup::of("all phases")),
        [one] => parts.push(markup!("in {}", one)),
        [first, .., last] => parts.push(markup!(
            "<span title=\"{}\">in {} phases, {} to {}</span>",
            basis.phases.join(", "),
            basis.phases.len(),
            first,
            last
        )),
    }
    Markup::written(|out| {
        for (index, part) in parts.iter().enumerate() {
            put!(out, "{}{}", if index > 0 { " · " } else { "" }, part)?;
        }
        Ok(())
    })
}

fn at_length(
    out: &mut String,
    record: &Record,
    time: &Time,
    finding: &Finding,
    index: usize,
) -> Result {
    let standing = standing::of(finding);
    putln!(
        out,
        "<article class=\"card finding {}\" id=\"f{}\">\n<h3>{} {}</h3>\n<p class=\"title\">{}</p>\n<dl>",
        standing.word(),
        index,
        standing.badge(),
        finding.check,
        finding.title
    )?;
    let since = text::since(record, finding).unwrap_or_default();
    for (name, value) in
        [("Expected", &finding.bound), ("Observed", &finding.measured), ("First broken", &since)]
    {
        if !value.is_empty() {
            putln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", name, value)?;
        }
    }
    putln!(out, "</dl>\n<p class=\"why\">{}</p>", finding.why)?;
    evidence::write(out, record, time, finding)?;
    if let Some(name) = &finding.series {
        let drawn = record.series.iter().any(|series| series.name == *name);
        let words = if drawn { "is drawn under" } else { "has no samples to draw under" };
        putln!(
            out,
            "<p class=\"soft\"><code>{}</code> {} <a href=\"#series\">Series</a>.</p>",
            name,
            words
        )?;
    }
    out.push_str("</article>\n");
    Ok(())
}
