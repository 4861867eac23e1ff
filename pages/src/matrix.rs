//! What was acked against what was done: the matrix of outcomes and effects, with each
//! violation marked, and what a count of nothing proves.

use std::fmt::Result;

use crate::words::{count, share};
use crate::{Markup, put, putln};

/// How many operations are in each cell of outcomes × effects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matrix {
    /// Acked, one effect.
    pub ok: u64,
    /// Acked, no effect.
    pub lost: u64,
    /// Acked, no effect, and found among the dead letters.
    pub dead_lettered: u64,
    /// Two or more effects, whatever the outcome.
    pub duplicated: u64,
    /// Indeterminate, one effect.
    pub recovered: u64,
    /// Indeterminate, no effect.
    pub unresolved: u64,
    /// Failed, no effect.
    pub refused: u64,
    /// Failed, one effect.
    pub resurrected: u64,
    /// Never attempted, yet with an effect.
    pub unexpected: u64,
}

/// Whether a count is a promise kept, something that may happen, or a violation.
#[derive(Clone, Copy)]
enum Sense {
    Kept,
    Allowed,
    Wrong,
}

impl Matrix {
    /// Writes the matrix under the name of its check, with where the effects were read.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn write(&self, out: &mut String, name: &str, source: &str) -> Result {
        use Sense::{Allowed, Kept, Wrong};
        let none = Markup::default();
        putln!(
            out,
            "<div><table class=\"matrix\">\n<caption><code>{}</code>, read from {}</caption>\n\
             <thead><tr><th scope=\"col\">Outcome</th><th scope=\"col\">0 effects</th>\
             <th scope=\"col\">1 effect</th><th scope=\"col\">2 or more</th></tr></thead>\n<tbody>",
            name,
            source
        )?;
        out.push_str("<tr><th scope=\"row\">acked</th>");
        if self.dead_lettered > 0 {
            self.dead_lettered(out)?;
        } else {
            cell(out, &none, self.lost, "lost", Wrong)?;
        }
        cell(out, &none, self.ok, "ok", Kept)?;
        cell(out, &Markup::of(" rowspan=\"3\""), self.duplicated, "duplicated", Wrong)?;
        out.push_str("</tr>\n<tr><th scope=\"row\">indeterminate</th>");
        cell(out, &none, self.unresolved, "unresolved", Allowed)?;
        cell(out, &none, self.recovered, "recovered", Kept)?;
        out.push_str("</tr>\n<tr><th scope=\"row\">failed</th>");
        cell(out, &none, self.refused, "refused", Allowed)?;
        cell(out, &none, self.resurrected, "resurrected", Wrong)?;
        out.push_str("</tr>\n<tr><th scope=\"row\">never attempted</th><td class=\"none\">–</td>");
        cell(out, &Markup::of(" colspan=\"2\""), self.unexpected, "unexpected", Wrong)?;
        out.push_str("</tr>\n</tbody></table>\n");
        let acked = self.ok + self.lost + self.duplicated + self.dead_lettered;
        let failed = self.refused + self.resurrected;
        proves(
            out,
            &[
                ("lost", self.lost, acked),
                ("duplicated", self.duplicated, acked),
                ("resurrected", self.resurrected, failed),
            ],
        )?;
        putln!(out, "</div>")
    }

    /// What was lost beside what was given up for good, whose effects are none
    /// either.
    fn dead_lettered(&self, out: &mut String) -> Result {
        let (class, mark) = if self.lost > 0 { ("wrong", "✗ ") } else { ("allowed", "") };
        put!(
            out,
            "<td class=\"{}\"><b><span aria-hidden=\"true\">{}</span>{}</b> lost, <b>{}</b> dead-lettered</td>",
            class,
            mark,
            count(self.lost),
            count(self.dead_lettered)
        )
    }
}

/// Writes what a count of nothing proves of operations to come: with `n` tries and none, less
/// than 3/n (the rule of three, 95 % confidence; Hanley and Lippman-Hand, JAMA 249, 1983).
/// Each is a name, how many there are of it, and of how many.
///
/// # Errors
/// When the page cannot be written.
pub fn proves(out: &mut String, told: &[(&str, u64, u64)]) -> Result {
    let nothing = told.iter().filter(|(_, number, of)| *number == 0 && *of > 0);
    let parts: Vec<String> = nothing
        .map(|(name, _, of)| {
            let most = (3.0 / *of as f64).min(1.0);
            format!("{name} in 0 of {}: below {}", count(*of), share(most))
        })
        .collect();
    if parts.is_empty() {
        return Ok(());
    }
    put!(
        out,
        "<p class=\"soft\">What nothing proves, with 95 % confidence (3/n): {}.</p>",
        parts.join("; ")
    )
}

fn cell(out: &mut String, span: &Markup, number: u64, name: &str, sense: Sense) -> Result {
    let (class, mark) = match (sense, number) {
        (Sense::Wrong, 1..) => ("wrong", "<span aria-hidden=\"true\">✗ </span>"),
        (Sense::Kept, 1..) => ("kept", ""),
        (_, 0) => ("zero", ""),
        (Sense::Allowed, _) => ("allowed", ""),
    };
    let mark = Markup::of(mark);
    put!(out, "<td{} class=\"{}\"><b>{}{}</b> {}</td>", span, class, mark, count(number), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lost_is_a_bound_and_something_lost_is_marked() {
        let mut page = String::new();
        Matrix { ok: 3_000, ..Matrix::default() }.write(&mut page, "all", "db").unwrap();
        assert!(page.contains("lost in 0 of 3,000: below 0.1 %"), "{page}");
        let mut page = String::new();
        Matrix { ok: 9, lost: 1, ..Matrix::default() }.write(&mut page, "all", "db").unwrap();
        assert!(page.contains("✗ </span>1</b> lost"), "{page}");
        assert!(!page.contains("lost in 0"), "{page}");
    }
}
