//! How a finding stands in a report: its verdict, and whether it only warns.

use crate::record::{Finding, Record, Verdict};
use scenarios::plan::{Severity, skipped};

pub(super) use pages::Standing;

/// How a finding stands.
pub(super) fn of(finding: &Finding) -> Standing {
    match (finding.verdict, finding.severity) {
        (Verdict::Violated, Severity::Violation) => Standing::Violated,
        (Verdict::Violated, Severity::Warning) => Standing::Warned,
        (Verdict::Inconclusive, _) => Standing::Inconclusive,
        (Verdict::Held, _) => Standing::Held,
    }
}

/// How a run stands.
pub(super) const fn of_run(verdict: Verdict) -> Standing {
    match verdict {
        Verdict::Violated => Standing::Violated,
        Verdict::Inconclusive => Standing::Inconclusive,
        Verdict::Held => Standing::Held,
    }
}

/// The findings of one standing, in the order of the scenario.
pub(super) fn standing_so(
    record: &Record,
    standing: Standing,
) -> impl Iterator<Item = &Finding> + Clone {
    record.findings.iter().filter(move |finding| of(finding) == standing)
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
