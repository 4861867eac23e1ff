//! Speed: a counter rises at most so fast, taken over the whole of the phases.
//!
//! Broken when the rise that is certain, over the time between the first and the
//! last sample of each stretch of phases, exceeds `max` on average. Evidence: the
//! fastest stretches between two samples. Inconclusive when the probe was silent
//! for long, unless the rise that it did see is too much for the whole time, and
//! when what happened at the edge of a phase, or about a fall that nothing
//! explains, decides. What the load's own poison does is not held against the
//! system ([`super::poison`]).

use scenarios::plan::Plan;
use scenarios::plan::check::Speed;
use scenarios::units::Unit;
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::overdue;
use super::poison::{self, Beside, Rose};
use super::rises::{self, Rise};
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::History;

/// Fewer samples than this have no speed.
const FEWEST: u32 = 3;

pub(super) fn judge(check: &Speed, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let window = Window::of(plan, history, &check.phases).without(&history.apart);
    let max = check.max.0;
    let beside = if check.poison.is_some() { " beside what poison does" } else { "" };
    let bound = format!("at most {}{beside}", words::show(Unit::PerSecond, max));
    let sorted = rises::sort(&series, &window);
    let shift = plan
        .count_of_workload(&check.series)
        .map_or(0.0, |(workload, count)| overdue::shift(plan, history, workload, count, &window));
    let (least, most) = (sorted.least() + shift, sorted.most() + shift);
    let watched: f64 = window.spans.iter().map(|&span| watched(&series, span)).sum();
    let shortage = series.shortage(&window, FEWEST).or_else(|| {
        let reason = || format!("{} has no two samples", series.name);
        (watched <= 0.0).then(|| series.explain(&reason(), window.whole()))
    });
    // What was seen is the least that there was.
    let proven =
        series.flaw().is_none() && window.seconds() > 0.0 && least / window.seconds() > max;
    if let Some(why) = shortage.filter(|_| !proven) {
        return Opinion::inconclusive(&bound, why).drawn(&check.series, None);
    }
    let time = if watched > 0.0 { watched } else { window.seconds() };
    let shown = sorted.shown(&window);
    let measured = words::show(Unit::PerSecond, shown / time);
    let why = format!(
        "{} rose by {} in {} of {}.",
        check.series,
        words::show(series.unit, shown),
        words::seconds(watched),
        window.names()
    );
    let beside = check.poison.as_ref().filter(|_| most / time > max).map(|poison| {
        let rose = Rose { series: &series, window: &window, sorted: &sorted, max, time };
        poison::beside(poison, plan, history, &rose)
    });
    let opinion = if let Some(beside) = beside {
        match beside {
            Beside::TooMuch(told) => {
                violated(&bound, measured, format!("{why} {told}"), sorted.inside, max)
            }
            Beside::Little(told) => match rises::unexplained_fall(&series, &window) {
                Some(fall) => Opinion::doubtful(&bound, measured, fall.says(&series)),
                None => Opinion::held(&bound, measured, format!("{why} {told}")),
            },
            Beside::Unknown(told) => Opinion::doubtful(&bound, measured, format!("{why} {told}")),
        }
    } else if least / time > max {
        violated(&bound, measured, why, sorted.inside, max)
    } else if most / time > max {
        let why = format!(
            "{why} For certain it rose by {}: the rest may belong to another phase.",
            words::show(series.unit, least)
        );
        Opinion::doubtful(&bound, measured, why)
    } else if let Some(fall) = rises::unexplained_fall(&series, &window) {
        Opinion::doubtful(&bound, measured, fall.says(&series))
    } else {
        Opinion::held(&bound, measured, why)
    };
    // The series is a counter: a speed is no value of it.
    opinion.drawn(&check.series, None).reached(shown / time)
}

/// The time between the samples that a rise is taken from.
fn watched(series: &Series<'_>, span: Span) -> f64 {
    let before = series.samples.partition_point(|sample| sample.at < span.from);
    let within = series.within(span);
    let (Some(first), Some(last)) = (within.first(), within.last()) else { return 0.0 };
    let base = before.checked_sub(1).map(|index| series.samples[index].at);
    let near = base.filter(|base| first.at - base <= series.unbroken());
    last.at - near.unwrap_or(if series.from_zero { span.from } else { first.at })
}

fn pace(rise: &Rise) -> f64 {
    rise.amount / (rise.at - rise.from).max(1e-3)
}

fn violated(bound: &str, measured: String, why: String, mut rises: Vec<Rise>, max: f64) -> Opinion {
    let since = rises.iter().find(|rise| pace(rise) > max).map(|rise| rise.from);
    let rows = rises.iter().map(|rise| {
        json!({ "label": &*rise.label, "from": rise.from, "at": rise.at, "rise": rise.amount })
    });
    let rows = Rows::listed(rows);
    rises.sort_by(|a, b| pace(b).total_cmp(&pace(a)));
    let fastest = rises.iter().take(3).map(|rise| {
        let what = if rise.label.is_empty() { "the fastest stretch" } else { &*rise.label };
        let seen = format!(
            "{} from {} to {}",
            words::show(Unit::PerSecond, pace(rise)),
            words::seconds(rise.from),
            words::seconds(rise.at)
        );
        evidence(what, seen, Some(rise.at))
    });
    let fastest: Vec<_> = fastest.collect();
    Opinion::violated(bound, measured, why).since(since).evidence(fastest).rows(rows)
}
