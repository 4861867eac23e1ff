//! Absence: a counter does not rise during the phases, such as one of error
//! lines, restarts or failed health checks.
//!
//! Broken by a single rise, each label apart, that none of the tool's own
//! faults explains. Every victim of a fault in `excused_by` explains a rise by
//! one between the fault's injection and its healing, and three samples more.
//! A rise across the start of a phase belongs to it when the sample before is
//! not older than usual. Evidence: the first log lines, or the labels that rose;
//! in full, all of them. Inconclusive when nothing rose but the samples are too
//! few or have long holes, or when a rise across a long silence may belong to a
//! phase that is not judged.

use reports::record::Evidence;
use scenarios::plan::Plan;
use scenarios::plan::check::Absence;
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::rises::{self, Rise};
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::{History, Line};

pub(super) fn judge(check: &Absence, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let window = Window::of(plan, history, &check.phases);
    let bound = if check.excused_by.is_empty() {
        "none".to_owned()
    } else {
        format!("none but by {}", words::list(&check.excused_by))
    };
    let sorted = rises::sort(&series, &window);
    let mut excuses = excuses(check, plan, history, &series);
    let allowed: f64 = excuses.iter().map(|excuse| excuse.left).sum();
    let seen: f64 = sorted.inside.iter().map(|rise| rise.amount).sum();
    let guilty = unexcused(sorted.inside, &mut excuses);
    let rose: f64 = guilty.iter().map(|rise| rise.amount).sum();
    let opinion = if rose > 0.0 {
        violated(&bound, &series, &window, history, &guilty, seen - rose)
    } else if let Some(why) = series.shortage(&window, check.samples) {
        Opinion::inconclusive(&bound, why)
    } else if let Some(rise) = unexcused(sorted.doubtful, &mut excuses).first() {
        let why = format!(
            "{} rose by {} between {} and {}, and nobody knows in which phase.",
            check.series,
            words::number(rise.amount),
            words::seconds(rise.from),
            words::seconds(rise.at)
        );
        Opinion::inconclusive(&bound, series.explain(&why))
    } else {
        let excused = if seen > 0.0 {
            format!(
                " {} of {} were the tool's own doing.",
                words::number(seen),
                words::number(allowed)
            )
        } else {
            String::new()
        };
        let rounds = words::plural(series.rounds(&window), "sample");
        let other = if seen > 0.0 { "other " } else { "" };
        let why = format!("{rounds} in {} show no {other}rise.{excused}", window.names());
        Opinion::held(&bound, "0", why)
    };
    // A counter is not drawn with a line at its bound: the bound is its rise.
    opinion.drawn(&check.series, None)
}

fn violated(
    bound: &str,
    series: &Series<'_>,
    window: &Window,
    history: &History,
    guilty: &[Rise],
    excused: f64,
) -> Opinion {
    let rose: f64 = guilty.iter().map(|rise| rise.amount).sum();
    let first = &guilty[0];
    let beside = if excused > 0.0 {
        format!(", beside {} that the tool's own faults explain", words::number(excused))
    } else {
        String::new()
    };
    let of = if first.label.is_empty() { String::new() } else { format!(" of {}", first.label) };
    let why = format!(
        "{}{of} rose at {}; {} in {} in all{beside}.",
        series.name,
        words::seconds(first.at),
        words::number(rose),
        window.names()
    );
    let lines = lines(series, history, guilty);
    let told: Vec<Evidence> = if lines.is_empty() {
        let rose = |rise: &Rise| format!("rose by {}", words::number(rise.amount));
        let what = |rise: &Rise| {
            if rise.label.is_empty() { series.name.to_owned() } else { rise.label.to_string() }
        };
        guilty.iter().map(|rise| evidence(what(rise), rose(rise), Some(rise.at))).collect()
    } else {
        let line = |line: &&Line| {
            evidence(line.source.clone(), line.text.clone(), Some(line.at_ms as f64 / 1e3))
        };
        lines.iter().map(line).collect()
    };
    let rises = guilty.iter().map(|rise| {
        json!({ "label": &*rise.label, "from": rise.from, "at": rise.at, "rise": rise.amount })
    });
    let lines = lines.iter().map(
        |line| json!({ "at": line.at_ms as f64 / 1e3, "source": line.source, "line": line.text }),
    );
    Opinion::violated(bound, words::number(rose), why)
        .since(Some(first.at))
        .evidence(told)
        .rows(Rows::Listed(rises.chain(lines).collect()))
}

/// The log lines behind the rises, where the counter counts lines.
fn lines<'a>(series: &Series<'_>, history: &'a History, guilty: &[Rise]) -> Vec<&'a Line> {
    let Some((probe, "matches")) = series.name.rsplit_once('.') else { return Vec::new() };
    let Some(lines) = history.lines.get(probe) else { return Vec::new() };
    let belongs = |line: &&Line| {
        let at = line.at_ms as f64 / 1e3;
        // Lines carry whole milliseconds, samples the exact time.
        guilty.iter().any(|rise| {
            *rise.label == *line.source && at > rise.from - 2e-3 && at <= rise.at + 2e-3
        })
    };
    lines.iter().filter(belongs).collect()
}

/// What a fault explains.
struct Excuse {
    span: Span,
    /// Rises that its victims still explain.
    left: f64,
}

fn excuses(check: &Absence, plan: &Plan, history: &History, series: &Series<'_>) -> Vec<Excuse> {
    let named = history.faults.iter().filter(|fault| check.excused_by.contains(&fault.name));
    named
        .filter_map(|fault| {
            let injected = fault.injected?;
            let planned = plan.faults.iter().find(|planned| planned.name == fault.name);
            let patience = planned.map_or(0.0, |planned| planned.heal_within.as_secs_f64());
            let to = fault.healed.unwrap_or(injected + patience) + series.unbroken();
            let span = Span { from: injected, to };
            Some(Excuse { span, left: fault.victims.len() as f64 })
        })
        .collect()
}

/// What is left of the rises when each excuse has been used up.
fn unexcused(rises: Vec<Rise>, excuses: &mut [Excuse]) -> Vec<Rise> {
    let left = |mut rise: Rise| {
        for excuse in excuses.iter_mut() {
            if rise.at >= excuse.span.from && rise.from <= excuse.span.to {
                let used = excuse.left.min(rise.amount);
                excuse.left -= used;
                rise.amount -= used;
            }
        }
        (rise.amount > 0.0).then_some(rise)
    };
    rises.into_iter().filter_map(left).collect()
}
