//! Recovery: some time after a fault has healed a series is as good as in its
//! baseline again, and stays so for a while.
//!
//! Of a level the sum over its labels is compared with the baseline's median:
//! good is at most that, and the tolerance or the floor more, whichever is
//! greater. Of a counter its speed is compared, in stretches as long as it must
//! stay good: good is at least the baseline's mean speed less the tolerance.
//! Broken when the time is up before that. Measured is the time it took.
//! Inconclusive when the baseline has no samples, or stands still where a
//! counter should rise, when the fault never healed, when the series has long
//! holes until it is good, or when the run ended before the time was up.

use scenarios::plan::Plan;
use scenarios::plan::check::{After, Recovery};
use serde_json::json;

use super::anomalies::Rows;
use super::drain;
use super::opinion::Opinion;
use super::rises;
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::History;
use crate::stats::median::median;

/// A series as values that are compared with a bound.
struct Judged {
    /// Times with values; a counter's are its speeds up to the time.
    points: Vec<(f64, f64)>,
    /// The value that is just good enough.
    limit: f64,
    /// Whether more is better.
    rises: bool,
    shown: String,
}

impl Judged {
    fn is_good(&self, value: f64) -> bool {
        if self.rises { value >= self.limit } else { value <= self.limit }
    }
}

pub(super) fn judge(check: &Recovery, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let bound = format!(
        "as good as in {} again, within {}, {} of the healing of {}",
        check.baseline,
        words::share(check.tolerance.0),
        check.within,
        check.after
    );
    let judged = drain::start(&After::Fault(check.after.clone()), history)
        .and_then(|start| Ok((start, judged(check, plan, history, &series)?)));
    let opinion = match judged {
        Err(why) => Opinion::inconclusive(&bound, why),
        Ok((start, judged)) => decide(check, &series, &bound, start, &judged),
    };
    opinion.drawn(&check.series, None)
}

fn judged(
    check: &Recovery,
    plan: &Plan,
    history: &History,
    series: &Series<'_>,
) -> Result<Judged, String> {
    let window = Window::of(plan, history, &[&check.baseline]);
    if let Some(why) = series.shortage(&window, 3) {
        return Err(why);
    }
    let whole = Span { from: f64::NEG_INFINITY, to: f64::INFINITY };
    if series.counter {
        let sorted = rises::sort(series, &window);
        let rose: f64 = sorted.inside.iter().map(|rise| rise.amount).sum();
        let speed = rose / window.seconds();
        if speed <= 0.0 {
            return Err(format!("{} stands still in {}", check.series, check.baseline));
        }
        let all = rises::of(series);
        let stretch = check.lasting.as_secs_f64().max(series.gap);
        let speed_at = |at: f64| {
            let within =
                all.iter().filter(|rise| rise.at > at - stretch + 1e-9 && rise.at <= at + 1e-9);
            within.map(|rise| rise.amount).sum::<f64>() / stretch
        };
        let points = series.levels(whole).into_iter().map(|(at, _)| (at, speed_at(at))).collect();
        let limit = speed * (1.0 - check.tolerance.0);
        let shown = format!("{}/s", words::number(limit));
        return Ok(Judged { points, limit, rises: true, shown });
    }
    let levels: Vec<f64> =
        window.spans.iter().flat_map(|&span| series.levels(span)).map(|l| l.1).collect();
    let base = median(&levels).ok_or_else(|| format!("{} has no baseline", check.series))?;
    let more = (base.abs() * check.tolerance.0).max(check.floor.map_or(0.0, |floor| floor.value));
    let limit = base + more;
    let shown = words::show(series.unit, limit);
    Ok(Judged { points: series.levels(whole), limit, rises: false, shown })
}

fn decide(
    check: &Recovery,
    series: &Series<'_>,
    bound: &str,
    start: f64,
    judged: &Judged,
) -> Opinion {
    let until = start + check.within.as_secs_f64();
    let lasting = check.lasting.as_secs_f64();
    let mut since: Option<f64> = None;
    let mut good: Option<f64> = None;
    for &(at, value) in judged.points.iter().filter(|(at, _)| *at >= start) {
        // A counter's speed already looks back for as long as it must stay.
        let needed = if judged.rises { 0.0 } else { lasting };
        if !judged.is_good(value) {
            since = None;
        } else {
            let first = *since.get_or_insert(at);
            if first > until {
                break;
            }
            if at - first >= needed - 1e-9 {
                good = Some(first);
                break;
            }
        }
    }
    let end = good.unwrap_or(until);
    let last = judged.points.last().map_or(f64::NEG_INFINITY, |&(at, _)| at);
    let silent = series.silence(Span { from: start, to: end.min(last.max(start)) });
    if silent > series.unbroken().max(0.25 * (end - start)) {
        let reason = format!(
            "{} has no samples for {} after the fault",
            series.name,
            words::seconds(silent)
        );
        return Opinion::inconclusive(bound, series.explain(&reason));
    }
    if let Some(good) = good {
        let why = format!(
            "{} was at {} or better {} after the fault had healed.",
            series.name,
            judged.shown,
            words::seconds(good - start)
        );
        return Opinion::held(bound, words::seconds(good - start), why);
    }
    let measured = format!("not after {}", words::seconds((last.min(until) - start).max(0.0)));
    if last < until - series.unbroken() {
        let why = "The run ended before the time was up: let the last phase be longer, or the time shorter.";
        return Opinion::doubtful(bound, measured, why);
    }
    let why = format!(
        "{} had not come back to {} when the time was up, or not to stay.",
        series.name, judged.shown
    );
    let bad = judged
        .points
        .iter()
        .filter(|(at, value)| *at >= start && *at <= until && !judged.is_good(*value));
    let rows = Rows::Listed(bad.map(|(at, value)| json!({ "at": at, "value": value })).collect());
    Opinion::violated(bound, measured, why).since(Some(until)).rows(rows)
}
