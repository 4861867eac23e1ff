//! Alert rules of Prometheus, in YAML.

use std::fmt::Write;

use scenarios::Plan;
use scenarios::plan::{Check, Severity};
use scenarios::units::Span;

use super::quoted;
use super::rule::{self, Rule};

/// The checks of a scenario as a file of alert rules for Prometheus. A breach
/// alerts when it has lasted for `lasting`, or for as long as the check itself
/// says where that is longer. Checks that are no rule are listed in comments.
#[must_use]
pub fn alerts(plan: &Plan, lasting: Span) -> String {
    let (mut rules, mut others) = (String::new(), String::new());
    for check in &plan.checks {
        match rule::of(plan, check) {
            Ok(rule) => {
                let severity = match check.severity {
                    Severity::Violation => "critical",
                    Severity::Warning => "warning",
                };
                write(&mut rules, &plan.name, check, severity, &rule, lasting);
            }
            Err(why) => {
                let _ = writeln!(others, "#   {}: {why}", check.name);
            }
        }
    }
    let name = quoted(&plan.name);
    let mut out = format!("# {}\n", plan.title);
    if !others.is_empty() {
        let _ = write!(out, "#\n# Not watched here:\n{others}");
    }
    match rules.is_empty() {
        true => out.push_str("groups: []\n"),
        false => {
            let _ = write!(out, "groups:\n  - name: {name}\n    rules:\n{rules}");
        }
    }
    out
}

fn write(
    out: &mut String,
    scenario: &str,
    check: &Check,
    severity: &str,
    rule: &Rule,
    lasting: Span,
) {
    let lasting = waits(rule, lasting);
    let description =
        format!("{{{{ $value }}}} where {} is allowed ({})", rule.bound(), check.name);
    let lines = [
        format!("      - alert: {}", alert(scenario, &check.name)),
        format!("        expr: {}", quoted(&rule.broken())),
        format!("        for: {lasting}s"),
        format!("        labels: {{ severity: {severity}, scenario: {} }}", quoted(scenario)),
        "        annotations:".to_owned(),
        format!("          summary: {}", quoted(&check.title)),
        format!("          description: {}", quoted(&description)),
    ];
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
}

/// How many seconds a breach lasts before it alerts.
pub(super) fn waits(rule: &Rule, lasting: Span) -> u64 {
    let seconds = |span: Span| span.as_secs_f64().ceil() as u64;
    rule.lasting.map_or(0, seconds).max(seconds(lasting))
}

/// `idempotent-ingest`, `lag`: `IdempotentIngestLag`.
pub(super) fn alert(scenario: &str, check: &str) -> String {
    let words = [scenario, check].into_iter().flat_map(|name| name.split('-'));
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}
