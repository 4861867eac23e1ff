//! The findings in one sentence, and what to do about them.

use reports::record::{Advice, Finding, Verdict};
use scenarios::plan::{Plan, Severity, skipped};

use super::words;
use crate::history::History;

/// The verdict of the run: the worst of the findings, warnings apart. Without a
/// check that can break the run nothing is proven.
pub(super) fn verdict(plan: &Plan, findings: &[Finding]) -> Verdict {
    let worst = serious(findings).map(|finding| finding.verdict).max();
    let is_judged = plan.checks.iter().any(|check| check.severity == Severity::Violation);
    match worst {
        Some(Verdict::Held) | None if !is_judged => Verdict::Inconclusive,
        Some(worst) => worst,
        None => Verdict::Inconclusive,
    }
}

fn serious(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Violation)
}

fn of(findings: &[Finding], verdict: Verdict) -> Vec<&Finding> {
    serious(findings).filter(|finding| finding.verdict == verdict).collect()
}

/// The verdict in one sentence, with what was skipped.
pub(super) fn headline(
    plan: &Plan,
    history: &History,
    findings: &[Finding],
    verdict: Verdict,
) -> String {
    let mut headline = said(plan, history, findings, verdict);
    if let Some(why) = &history.abort_failed {
        let why = words::cut(why.lines().next().unwrap_or_default(), 100);
        let said = headline.trim_end_matches('.');
        headline = format!(
            "{said}; on_abort failed ({why}): see by hand that the new version has no traffic"
        );
    }
    let Some(skipped) = skipped(&plan.left_out) else { return headline };
    let none_left = plan.faults.is_empty() && plan.left_out.iter().any(|item| item.kind == "fault");
    let none_left = if none_left { ", no fault is left" } else { "" };
    format!("{}; {skipped}{none_left}", headline.trim_end_matches('.'))
}

fn said(plan: &Plan, history: &History, findings: &[Finding], verdict: Verdict) -> String {
    match verdict {
        Verdict::Held => held(plan, history, findings),
        Verdict::Violated => {
            let broken = of(findings, verdict);
            let Some(first) = broken.first() else { return String::new() };
            let others = match broken.len() as u64 - 1 {
                0 => String::new(),
                1 => "; 1 more check is violated".to_owned(),
                more => format!("; {} more checks are violated", words::count(more)),
            };
            format!("{} is violated: {} ({}){others}", first.check, first.measured, first.bound)
        }
        Verdict::Inconclusive => {
            let open = of(findings, verdict);
            let Some(first) = open.first() else {
                return "no check was made, so nothing is proven".to_owned();
            };
            let others = match open.len() as u64 - 1 {
                0 => String::new(),
                more => format!(" ({} more)", words::count(more)),
            };
            format!("there is no telling: {}: {}{others}", first.check, first.why)
        }
    }
}

fn held(plan: &Plan, history: &History, findings: &[Finding]) -> String {
    // As the reports count them: those that every run has as well.
    let checks = findings.iter().filter(|finding| finding.verdict == Verdict::Held);
    let operations: u64 = history.workloads.values().map(|told| told.ledger.due()).sum();
    let faults = match plan.faults.len() as u64 {
        0 => String::new(),
        number => format!(" and {}", words::plural(number, "fault")),
    };
    let warnings: Vec<&str> = findings
        .iter()
        .filter(|finding| {
            finding.severity == Severity::Warning && finding.verdict == Verdict::Violated
        })
        .map(|finding| finding.check.as_str())
        .collect();
    let warned = match warnings.len() as u64 {
        0 => String::new(),
        number => format!("; {}: {}", words::plural(number, "warning"), words::list(&warnings)),
    };
    let over = match plan.workloads.is_empty() {
        true => "the traffic of others".to_owned(),
        false => words::plural(operations, "operation"),
    };
    let checks = words::plural(checks.count() as u64, "check");
    format!("{checks} held over {over}{faults}{warned}")
}

/// What to do about a violation.
pub(super) fn advice(findings: &[Finding], verdict: Verdict) -> Option<Advice> {
    let because = |finding: &&Finding| {
        let since = finding
            .since
            .map_or_else(String::new, |since| format!(", broken since {}", words::seconds(since)));
        let proof = finding
            .evidence
            .first()
            .map_or_else(String::new, |evidence| format!(". {}: {}", evidence.what, evidence.seen));
        let (check, measured) = (&finding.check, &finding.measured);
        format!("{check}: {measured}, where the bound is {}{since}{proof}", finding.bound)
    };
    (verdict == Verdict::Violated).then(|| Advice {
        what:
            "Do not ship this version; where it runs already, roll back to the last one that held."
                .to_owned(),
        because: of(findings, verdict).iter().map(because).collect(),
    })
}
