//! The findings: what broke at length, what held in a line each.

use anstyle::Style;

use super::color;
use super::page::{Cell, Page, length};
use crate::format::standing::{Standing, standing_so};
use crate::format::text;
use crate::record::{Finding, Record};

/// So many findings of one standing are shown at length; the others get a line
/// each, so that the verdict does not scroll away.
const AT_LENGTH: usize = 10;

/// So many pieces of evidence are shown beside a finding.
const EVIDENCE: usize = 4;

/// The column behind the labels of a finding.
const LABEL: usize = 10;

pub(super) fn write(page: &mut Page, record: &Record) {
    for standing in [Standing::Violated, Standing::Inconclusive, Standing::Warned] {
        let mut findings = standing_so(record, standing);
        for finding in findings.by_ref().take(AT_LENGTH) {
            at_length(page, record, finding, standing);
        }
        let others: Vec<_> = findings.collect();
        if !others.is_empty() {
            brief(page, &format!("{} more {}", others.len(), standing.word()), standing, &others);
        }
    }
    let held: Vec<_> = standing_so(record, Standing::Held).collect();
    if !held.is_empty() {
        brief(page, &format!("{} held", held.len()), Standing::Held, &held);
    }
}

fn at_length(page: &mut Page, record: &Record, finding: &Finding, standing: Standing) {
    page.blank();
    let label = format!("{} {}", standing.mark(), standing.word());
    page.hanging("", &label, color(standing).bold(), length(&label) + 2, &finding.check);
    page.paragraph("  ", &finding.title);
    let mut row = |label: &str, text: &str| {
        if !text.is_empty() {
            page.hanging("  ", label, Style::new(), LABEL, text);
        }
    };
    row("measured", &finding.measured);
    row("bound", &finding.bound);
    row("since", &text::since(record, finding).unwrap_or_default());
    row("why", &finding.why);
    let shown = finding.evidence.len().min(EVIDENCE);
    let pieces = finding.evidence[..shown].iter().map(text::evidence);
    let labels = std::iter::once("evidence").chain(std::iter::repeat(""));
    for (label, piece) in labels.zip(pieces.chain(text::more_evidence(finding, shown))) {
        row(label, &piece);
    }
}

/// One aligned line a finding: name, measured, bound.
fn brief(page: &mut Page, heading: &str, standing: Standing, findings: &[&Finding]) {
    page.blank();
    let heading = format!("{} {heading}", standing.mark());
    page.hanging("", &heading, color(standing).bold(), 0, "");
    let widest = |text: fn(&Finding) -> &str, most: usize| {
        findings.iter().map(|finding| length(text(finding))).max().unwrap_or(0).min(most) + 2
    };
    let name = widest(|finding| &finding.check, 28);
    let measured = widest(|finding| &finding.measured, 24);
    for finding in findings {
        let cells = [
            Cell { text: &finding.check, style: Style::new(), column: name },
            Cell { text: &finding.measured, style: Style::new(), column: measured },
        ];
        page.columns("  ", &cells, &finding.bound);
    }
}
