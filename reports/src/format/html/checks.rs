//! The checks: a table of all that did not hold, each of them at length with its
//! evidence, and a folded table of those that held.

use std::fmt::{Result, Write};

use super::escape::text as safe;
use super::evidence;
use super::frame::Measure;
use super::time::Time;
use crate::format::standing::{Standing, worst_first};
use crate::format::text;
use crate::record::{Basis, Finding, Record, Verdict};

pub(super) fn write(out: &mut String, record: &Record, time: &Time) -> Result {
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
    writeln!(
        out,
        "<table class=\"checks\">\n<caption>{caption}</caption>\n<thead><tr><th scope=\"col\">Result</th>\
         <th scope=\"col\">Check</th><th scope=\"col\">Expected</th><th scope=\"col\">Observed</th>\
         {judged}</tr></thead>\n<tbody>"
    )?;
    for (index, finding) in findings.iter().enumerate() {
        let name = match anchor {
            Some(anchor) => format!("<a href=\"#{anchor}{index}\">{}</a>", safe(&finding.check)),
            None => safe(&finding.check).to_string(),
        };
        write!(
            out,
            "<tr><td class=\"result\">{}</td><th scope=\"row\"><span class=\"check\">{name}</span>\
             <span class=\"title\">{}</span></th><td data-label=\"Expected\">{}</td>\
             <td data-label=\"Observed\"><span>{}{}</span></td>",
            badge(Standing::of(finding)),
            safe(&finding.title),
            safe(&finding.bound),
            safe(&finding.measured),
            margin(finding),
        )?;
        if is_known {
            let basis = basis(record, finding);
            if basis.is_empty() {
                out.push_str("<td data-label=\"Judged on\"></td>");
            } else {
                write!(
                    out,
                    "<td data-label=\"Judged on\"><span class=\"basis\">{basis}</span></td>"
                )?;
            }
        }
        out.push_str("</tr>\n");
        if finding.verdict == Verdict::Inconclusive {
            writeln!(
                out,
                "<tr class=\"todo\"><td></td><td colspan=\"{}\">{}</td></tr>",
                if is_known { 4 } else { 3 },
                safe(&finding.why)
            )?;
        }
    }
    out.push_str("</tbody></table>\n");
    Ok(())
}

/// A mark and a word: the colour says nothing that they do not.
pub(super) fn badge(standing: Standing) -> String {
    let (word, mark) = (standing.word(), standing.mark());
    format!("<span class=\"badge {word}\"><span aria-hidden=\"true\">{mark}</span> {word}</span>")
}

/// How far what was measured is from the bound, drawn as how much of the bound it takes.
fn margin(finding: &Finding) -> String {
    let Some((words, share)) = finding.basis.as_ref().and_then(distance) else {
        return String::new();
    };
    let class = if share > 1.0 { "over" } else { "within" };
    format!(
        "<span class=\"margin {class}\"><i style=\"width:{:.1}%\"></i></span><small>{}</small>",
        (share * 100.0).clamp(0.0, 100.0),
        safe(&words)
    )
}

/// The distance in words, and the share of the bound that was used up.
fn distance(basis: &Basis) -> Option<(String, f64)> {
    let observed = basis.observed.filter(|value| value.is_finite())?;
    let unit = Measure::Of(basis.unit?);
    let (bound, side) = match (basis.least, basis.most) {
        (Some(least), Some(most)) if observed - least < most - observed => (least, -1.0),
        (_, Some(most)) => (most, 1.0),
        (Some(least), None) => (least, -1.0),
        (None, None) => return None,
    };
    let left = (bound - observed) * side;
    let share = if side > 0.0 {
        if bound > 0.0 { observed / bound } else { f64::from(observed > bound) * 2.0 }
    } else if observed > 0.0 {
        bound / observed
    } else {
        f64::from(bound > 0.0) * 2.0
    };
    let words = if left < 0.0 && bound != 0.0 && side > 0.0 {
        format!("{}× the bound", text::figure(scenarios::units::Unit::Count, share))
    } else if left < 0.0 {
        format!("{} beyond the bound", unit.show(-left))
    } else if left == 0.0 {
        "at the bound".to_owned()
    } else {
        format!("{} left", unit.show(left))
    };
    Some((words, share))
}

/// How much was looked at, in which phases, and how sure that is.
fn basis(record: &Record, finding: &Finding) -> String {
    let Some(basis) = &finding.basis else { return String::new() };
    let mut parts = Vec::new();
    if let Some(samples) = basis.samples {
        parts.push(format!("{} {}", text::count(samples), safe(&basis.of)));
    }
    if let Some(confidence) = basis.confidence {
        parts.push(format!("{} % confidence", super::time::short(confidence * 100.0)));
    }
    let whole = basis.phases.len() == record.phases.len() && basis.phases.len() > 1;
    match basis.phases.as_slice() {
        [] if parts.is_empty() => {}
        [] => parts.push("whole run".to_owned()),
        _ if whole => parts.push("all phases".to_owned()),
        [one] => parts.push(format!("in {}", safe(one))),
        [first, .., last] => parts.push(format!(
            "<span title=\"{}\">in {} phases, {} to {}</span>",
            safe(&basis.phases.join(", ")),
            basis.phases.len(),
            safe(first),
            safe(last)
        )),
    }
    parts.join(" · ")
}

fn at_length(
    out: &mut String,
    record: &Record,
    time: &Time,
    finding: &Finding,
    index: usize,
) -> Result {
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
        [("Expected", &finding.bound), ("Observed", &finding.measured), ("First broken", &since)]
    {
        if !value.is_empty() {
            writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", safe(value))?;
        }
    }
    writeln!(out, "</dl>\n<p class=\"why\">{}</p>", safe(&finding.why))?;
    evidence::write(out, record, time, finding)?;
    if let Some(name) = &finding.series {
        let drawn = record.series.iter().any(|series| series.name == *name);
        let words = if drawn { "is drawn under" } else { "has no samples to draw under" };
        writeln!(
            out,
            "<p class=\"soft\"><code>{}</code> {words} <a href=\"#series\">Series</a>.</p>",
            safe(name)
        )?;
    }
    out.push_str("</article>\n");
    Ok(())
}
