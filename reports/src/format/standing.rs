//! How a finding stands in a report: its verdict, and whether it only warns.

use crate::record::{Finding, Record, Verdict};
use scenarios::plan::{Severity, skipped};

/// Ordered as a reader wants them: what is worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Violated,
    Inconclusive,
    Warned,
    Held,
}

impl Standing {
    pub(super) const ALL: [Self; 4] =
        [Self::Violated, Self::Inconclusive, Self::Warned, Self::Held];

    pub(super) fn of(finding: &Finding) -> Self {
        match (finding.verdict, finding.severity) {
            (Verdict::Violated, Severity::Violation) => Self::Violated,
            (Verdict::Violated, Severity::Warning) => Self::Warned,
            (Verdict::Inconclusive, _) => Self::Inconclusive,
            (Verdict::Held, _) => Self::Held,
        }
    }

    pub(super) const fn of_run(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Violated => Self::Violated,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Held => Self::Held,
        }
    }

    /// One word, lower case; also the name of its CSS class.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::Inconclusive => "inconclusive",
            Self::Warned => "warn",
            Self::Held => "held",
        }
    }

    /// One mark that differs in shape, for those who do not see the colour.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Violated => "✗",
            Self::Inconclusive => "?",
            Self::Warned => "!",
            Self::Held => "✓",
        }
    }
}

/// The findings of one standing, in the order of the scenario.
pub(super) fn standing_so(
    record: &Record,
    standing: Standing,
) -> impl Iterator<Item = &Finding> + Clone {
    record.findings.iter().filter(move |finding| Standing::of(finding) == standing)
}

/// All findings, the worst first, otherwise in the order of the scenario.
pub(super) fn worst_first(record: &Record) -> impl Iterator<Item = &Finding> + Clone {
    Standing::ALL.into_iter().flat_map(|standing| standing_so(record, standing))
}

/// `7 checks: 2 violated, 1 inconclusive, 4 held; 1 fault skipped`; what there is
/// none of is left out.
pub(super) fn tally(record: &Record) -> String {
    let made = made(record);
    match skipped(&record.left_out) {
        Some(skipped) => format!("{made}; {skipped}"),
        None => made,
    }
}

fn made(record: &Record) -> String {
    let parts: Vec<String> = Standing::ALL
        .into_iter()
        .map(|standing| (standing_so(record, standing).count(), standing.word()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    match record.findings.len() {
        0 => "no checks".to_owned(),
        1 => format!("1 check: {}", parts.join(", ")),
        checks => format!("{checks} checks: {}", parts.join(", ")),
    }
}
