//! What was acked against what was done: the matrix of outcomes and effects, with each
//! violation marked, and what a count of nothing proves.

use std::fmt::{Result, Write};

use super::escape::text as safe;
use crate::format::text::count;
use crate::record::{EffectsRecord, Record};

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.effects.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card\" aria-labelledby=\"effects\">\n");
    out.push_str("<h2 id=\"effects\">Ledger: outcomes and effects</h2>\n");
    out.push_str("<div class=\"matrices\">\n");
    record.effects.iter().try_for_each(|effects| matrix(out, effects))?;
    out.push_str("</div>\n</section>\n");
    Ok(())
}

/// Whether a count is a promise kept, something that may happen, or a violation.
#[derive(Clone, Copy)]
enum Sense {
    Kept,
    Allowed,
    Wrong,
}

fn matrix(out: &mut String, effects: &EffectsRecord) -> Result {
    use Sense::{Allowed, Kept, Wrong};
    let n = &effects.joined;
    writeln!(
        out,
        "<div><table class=\"matrix\">\n<caption><code>{0}</code>, read from {1}</caption>\n\
         <thead><tr><th scope=\"col\">Outcome</th><th scope=\"col\">0 effects</th>\
         <th scope=\"col\">1 effect</th><th scope=\"col\">2 or more</th></tr></thead>\n<tbody>",
        safe(&effects.check),
        safe(&effects.source)
    )?;
    out.push_str("<tr><th scope=\"row\">acked</th>");
    if n.dead_lettered > 0 {
        dead_lettered(out, n.lost, n.dead_lettered)?;
    } else {
        cell(out, "", n.lost, "lost", Wrong)?;
    }
    cell(out, "", n.ok, "ok", Kept)?;
    cell(out, " rowspan=\"3\"", n.duplicated, "duplicated", Wrong)?;
    out.push_str("</tr>\n<tr><th scope=\"row\">indeterminate</th>");
    cell(out, "", n.unresolved, "unresolved", Allowed)?;
    cell(out, "", n.recovered, "recovered", Kept)?;
    out.push_str("</tr>\n<tr><th scope=\"row\">failed</th>");
    cell(out, "", n.refused, "refused", Allowed)?;
    cell(out, "", n.resurrected, "resurrected", Wrong)?;
    out.push_str("</tr>\n<tr><th scope=\"row\">never attempted</th><td class=\"none\">–</td>");
    cell(out, " colspan=\"2\"", n.unexpected, "unexpected", Wrong)?;
    out.push_str("</tr>\n</tbody></table>\n");
    bounds(out, effects)
}

/// What a count of nothing proves of operations to come: with `n` tries and none, less than
/// 3/n (the rule of three, 95 % confidence; Hanley and Lippman-Hand, JAMA 249, 1983).
fn bounds(out: &mut String, effects: &EffectsRecord) -> Result {
    let n = &effects.joined;
    let acked = n.ok + n.lost + n.duplicated + n.dead_lettered;
    let failed = n.refused + n.resurrected;
    let told = [
        ("lost", n.lost, acked),
        ("duplicated", n.duplicated, acked),
        ("resurrected", n.resurrected, failed),
    ];
    let parts: Vec<String> = told
        .iter()
        .filter(|(_, number, of)| *number == 0 && *of > 0)
        .map(|(name, _, of)| {
            let most = (3.0 / *of as f64).min(1.0);
            format!("{name} in 0 of {}: below {}", count(*of), share(most))
        })
        .collect();
    if parts.is_empty() {
        out.push_str("</div>\n");
        return Ok(());
    }
    writeln!(
        out,
        "<p class=\"soft\">What nothing proves, with 95 % confidence (3/n): {}.</p></div>",
        parts.join("; ")
    )
}

/// A small share with two digits that count.
fn share(share: f64) -> String {
    format!("{} %", super::time::rounded(share * 100.0, 2))
}

/// What was lost beside what was given up for good, whose effects are none
/// either.
fn dead_lettered(out: &mut String, lost: u64, dead: u64) -> Result {
    let (class, mark) = if lost > 0 { ("wrong", "✗ ") } else { ("allowed", "") };
    write!(
        out,
        "<td class=\"{class}\"><b><span aria-hidden=\"true\">{mark}</span>{}</b> lost, <b>{}</b> dead-lettered</td>",
        count(lost),
        count(dead)
    )
}

fn cell(out: &mut String, span: &str, number: u64, name: &str, sense: Sense) -> Result {
    let (class, mark) = match (sense, number) {
        (Sense::Wrong, 1..) => ("wrong", "<span aria-hidden=\"true\">✗ </span>"),
        (Sense::Kept, 1..) => ("kept", ""),
        (_, 0) => ("zero", ""),
        (Sense::Allowed, _) => ("allowed", ""),
    };
    write!(out, "<td{span} class=\"{class}\"><b>{mark}{}</b> {name}</td>", count(number))
}
