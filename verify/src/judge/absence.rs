//! Absence: a counter does not rise during the phases, such as one of error
//! lines, restarts or failed health checks.
//!
//! Broken by a single rise, each label apart, that none of the tool's own
//! faults explains. Every victim of a fault in `excused_by` explains a rise by
//! one between the fault's injection and its healing, and three samples more.
//! Evidence: the first log lines, or the labels that rose; in full, all of them.
//! Inconclusive when nothing rose for certain but the samples are too few or
//! have long holes, a label goes silent, a rise may belong to a phase that is
//! not judged (unless that phase begins there with a load of its own, or a fault
//! of it was injected before the rise was seen: that is what it is not judged
//! for), the counter falls for no reason, or a rise may be the doing of a fault of
//! whose time the record is not sure.

use reports::record::{Evidence, PhaseRecord};
use scenarios::plan::check::Absence;
use scenarios::plan::{Fault, Plan};
use serde_json::json;

use super::anomalies::Rows;
use super::faults;
use super::opinion::{Opinion, evidence};
use super::rises::{self, Rise, Sorted};
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::{History, Line};

pub(super) fn judge(check: &Absence, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let window = Window::of(plan, history, &check.phases).without(&history.apart);
    let bound = if check.excused_by.is_empty() {
        "none".to_owned()
    } else {
        format!("none but by {}", words::list(&check.excused_by))
    };
    let sorted = rises::sort(&series, &window);
    let excuses = Excuses::of(check, plan, history, &series);
    let mut certain = excuses.clone();
    let allowed: f64 = excuses.left();
    let inside: Vec<Rise> = sorted.inside.iter().filter_map(Rise::at_least).collect();
    let seen: f64 = inside.iter().map(|rise| rise.amount).sum();
    let (guilty, unsure) = certain.use_up(inside);
    let rose: f64 = guilty.iter().map(|rise| rise.amount).sum();
    let opinion = if rose > 0.0 && series.flaw().is_none() {
        violated(&bound, &series, &window, history, &guilty, seen - rose)
    } else if let Some(why) = series.shortage(&window, check.samples) {
        Opinion::inconclusive(&bound, why)
    } else if let Some(rise) = unsure.first() {
        let why = format!(
            "{} may be the doing of a fault, and the record is not sure of that fault's time.",
            rose_between(&series, rise)
        );
        Opinion::inconclusive(&bound, why)
    } else if let Some(rise) = doubtful(sorted, excuses, |rise| brought(rise, check, plan, history))
    {
        let why = format!(
            "{}, and nobody knows in which phase, or whether it did",
            rose_between(&series, &rise)
        );
        Opinion::inconclusive(&bound, series.explain(&why, Span { from: rise.from, to: rise.at }))
    } else if let Some(fall) = rises::unexplained_fall(&series, &window) {
        Opinion::inconclusive(&bound, fall.says(&series))
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
        .rows(Rows::listed(rises.chain(lines)))
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

/// `restarts of service-1 rose by 1 between 12 s and 12.5 s`.
fn rose_between(series: &Series<'_>, rise: &Rise) -> String {
    let of = if rise.label.is_empty() { String::new() } else { format!(" of {}", rise.label) };
    format!(
        "{}{of} rose by {} between {} and {}",
        series.name,
        words::number(rise.amount),
        words::seconds(rise.from),
        words::seconds(rise.at)
    )
}

/// A rise that may have happened in the window, and that nothing excuses.
fn doubtful(
    sorted: Sorted,
    mut excuses: Excuses,
    is_brought: impl Fn(&Rise) -> bool,
) -> Option<Rise> {
    let mut all = sorted.inside;
    all.extend(sorted.edge.into_iter().filter(|rise| !is_brought(rise)));
    all.extend(sorted.doubtful);
    all.sort_by(|a, b| a.at.total_cmp(&b.at));
    let (guilty, unsure) = excuses.use_up(all);
    guilty.into_iter().chain(unsure).next()
}

/// Whether a rise at the end of the window goes with the start of a phase that
/// is not judged: that phase brings a load that was not there before, or one of
/// its faults was injected before the rise was seen. A fault that comes later
/// has nothing to do with it.
fn brought(rise: &Rise, check: &Absence, plan: &Plan, history: &History) -> bool {
    let starts = |phase: &&PhaseRecord| rise.from < phase.from && phase.from <= rise.at;
    let Some(index) = history.phases.iter().position(|phase| starts(&phase)) else { return false };
    let name = &history.phases[index].name;
    let before = index.checked_sub(1).map(|before| &history.phases[before].name);
    let is_new = |phases: &[String]| {
        phases.contains(name) && !before.is_some_and(|before| phases.contains(before))
    };
    let has_struck = |fault: &Fault| {
        let record = history.fault(&fault.name);
        let injected = record.and_then(|record| record.injected);
        injected.is_some_and(|injected| rise.from < injected && injected <= rise.at)
    };
    !check.phases.contains(name)
        && (plan.workloads.iter().any(|workload| is_new(&workload.phases))
            || plan.faults.iter().any(|fault| fault.phase == *name && has_struck(fault)))
}

/// What faults explain.
#[derive(Clone)]
struct Excuses {
    faults: Vec<Excuse>,
    /// When faults may have been under way of whose times the record is not
    /// sure.
    unsure: Vec<Span>,
}

/// What a fault explains.
#[derive(Clone)]
struct Excuse {
    span: Span,
    /// Rises that its victims still explain.
    left: f64,
}

impl Excuses {
    fn of(check: &Absence, plan: &Plan, history: &History, series: &Series<'_>) -> Self {
        let mut excuses = Self { faults: Vec::new(), unsure: Vec::new() };
        for name in &check.excused_by {
            let Some(planned) = plan.faults.iter().find(|planned| planned.name == *name) else {
                continue;
            };
            let patience = planned.heal_within.as_secs_f64();
            let record = history.fault(name);
            let injected = record.and_then(|fault| fault.injected);
            if let Some((fault, injected)) = record.zip(injected) {
                let to = fault.healed.unwrap_or(injected + patience) + series.unbroken();
                let span = Span { from: injected, to };
                excuses.faults.push(Excuse { span, left: fault.victims.len() as f64 });
            }
            if faults::is_untold(planned, plan, record) {
                let due = faults::due(planned, plan);
                let from = injected.map_or(due, |injected| injected.min(due));
                let to = injected.map_or(due, |injected| injected.max(due)) + patience;
                // A fault that waits for the load comes when it comes.
                let to = if planned.after.is_some() { f64::INFINITY } else { to };
                excuses.unsure.push(Span { from, to: to + series.unbroken() });
            }
        }
        excuses
    }

    fn left(&self) -> f64 {
        self.faults.iter().map(|excuse| excuse.left).sum()
    }

    /// What is left of the rises when each excuse has been used up: those that
    /// nothing explains, and those that may be explained.
    fn use_up(&mut self, rises: Vec<Rise>) -> (Vec<Rise>, Vec<Rise>) {
        let left = |mut rise: Rise| {
            for excuse in &mut self.faults {
                if rise.at >= excuse.span.from && rise.from <= excuse.span.to {
                    let used = excuse.left.min(rise.amount);
                    excuse.left -= used;
                    rise.amount -= used;
                }
            }
            (rise.amount > 0.0).then_some(rise)
        };
        let left: Vec<Rise> = rises.into_iter().filter_map(left).collect();
        let overlaps = |rise: &Rise| {
            self.unsure.iter().any(|span| rise.at >= span.from && rise.from <= span.to)
        };
        left.into_iter().partition(|rise| !overlaps(rise))
    }
}
