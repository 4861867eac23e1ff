//! Unit tests of alert rules for promtool, in YAML: each alert fires when its bound is
//! broken for long enough, and not when it holds.

use std::fmt::Write;

use scenarios::Plan;
use scenarios::units::Span;

use super::alerts::{alert, waits};
use super::quoted;
use super::rule::{self, Rule};
use super::samples::{self, Series};

/// So much of a bound is between it and the values that break it or hold.
const STEP: f64 = 0.1;
/// Samples come once a minute, and alerts are evaluated as often; so many minutes more
/// than they need are given to both.
const SPARE: u64 = 4;

/// Tests of the rules that [`alerts`](super::alerts) makes of the same plan and time, which
/// are in `rules`, a file in the same folder. Run by `promtool test rules`. What cannot be
/// tested is listed in comments with the reason.
#[must_use]
pub fn unit_tests(plan: &Plan, lasting: Span, rules: &str) -> String {
    let (mut tests, mut others) = (String::new(), String::new());
    for check in &plan.checks {
        let Ok(rule) = rule::of(plan, check) else { continue };
        let alert = alert(&plan.name, &check.name);
        match of_rule(&alert, &rule, waits(&rule, lasting)) {
            Some(text) => tests.push_str(&text),
            None => {
                let _ = writeln!(others, "#   {}: no samples are known that break it", check.name);
            }
        }
    }
    let mut out = format!("# promtool test rules: the alerts of {}\n", plan.name);
    if !others.is_empty() {
        let _ = write!(out, "#\n# Not tested here:\n{others}");
    }
    let _ = write!(out, "rule_files: [{}]\nevaluation_interval: 1m\n", quoted(rules));
    match tests.is_empty() {
        true => out.push_str("tests: []\n"),
        false => {
            let _ = write!(out, "tests:\n{tests}");
        }
    }
    out
}

/// The tests of a rule; nothing where not all of them can be made.
fn of_rule(alert: &str, rule: &Rule, waits: u64) -> Option<String> {
    let minutes = (waits + samples::window(rule)).div_ceil(60) + SPARE;
    let mut out = String::new();
    for (value, fires) in values(rule) {
        let series = samples::giving(rule, value, minutes + SPARE)?;
        write(&mut out, alert, &series, minutes, fires);
    }
    (!out.is_empty()).then_some(out)
}

/// Values of a rule, and whether they break it.
fn values(rule: &Rule) -> Vec<(f64, bool)> {
    let step = |bound: f64| if bound == 0.0 { 1.0 } else { bound.abs() * STEP };
    let mut values = Vec::new();
    values.extend(rule.max.map(|max| (max + step(max), true)));
    values.extend(rule.min.map(|min| (min - step(min), true)));
    values.extend(match (rule.min, rule.max) {
        (Some(min), Some(max)) => Some((min.midpoint(max), false)),
        // Of most that can be counted there is none below 0.
        (None, Some(0.0)) => Some((0.0, false)),
        (None, Some(max)) => Some((max - step(max), false)),
        (Some(min), None) => Some((min + step(min), false)),
        (None, None) => None,
    });
    values
}

fn write(out: &mut String, alert: &str, series: &[Series], minutes: u64, fires: bool) {
    let what = if fires { "fires when its bound is broken" } else { "does not fire when it holds" };
    let _ = writeln!(out, "  - name: {}", quoted(&format!("{alert} {what}")));
    out.push_str("    interval: 1m\n    input_series:\n");
    for Series { name, samples } in series {
        let _ =
            writeln!(out, "      - series: {}\n        values: {}", quoted(name), quoted(samples));
    }
    let firing = format!("count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}})");
    let _ = writeln!(out, "    promql_expr_test:\n      - expr: {}", quoted(&firing));
    let _ = writeln!(out, "        eval_time: {minutes}m");
    out.push_str(match fires {
        true => "        exp_samples: [{ labels: \"{}\", value: 1 }]\n",
        false => "        exp_samples: []\n",
    });
}
