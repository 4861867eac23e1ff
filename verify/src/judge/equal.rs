//! Equal: counts of the same thing that are taken in different places agree:
//! what the load sent, what the service says it saw, what the workers say they
//! did. A system whose figures lie is found by it.
//!
//! Each count is the rise of a counter, or the sum of several. Of phases it is
//! the rise within them; without phases that of the whole run and of what
//! followed until the effects were read, so that nothing is under way at its
//! edges. A counter whose process began again may have counted something that
//! nobody looked at: its count is a lower bound. Broken when two counts that are
//! known differ by more than the tolerance, or one lies below another's lower
//! bound by more. Inconclusive when a count is a lower bound and could be what
//! it should (unless the check compares lower bounds as they are, and they are
//! within the tolerance), when what rose across the end of a phase would make them
//! agree, or after it where the host was starved before, when samples are missing, or when nothing much was counted. Evidence: each count.

use scenarios::plan::Plan;
use scenarios::plan::check::Equal;
use serde_json::json;

use super::anomalies::Rows;
use super::counts::Counts;
use super::opinion::{Opinion, evidence};
use super::rises;
use super::series::Series;
use super::starvation;
use super::window::{Span, Window};
use super::words;
use crate::history::History;

/// One of the counts.
#[derive(Debug, Clone, PartialEq)]
struct Count {
    name: String,
    value: f64,
    /// Whether it may have missed something.
    at_least: bool,
    /// What it may have counted in the last moment of a phase, or just after it.
    late: f64,
}

pub(super) fn judge(check: &Equal, plan: &Plan, history: &History) -> Opinion {
    let bound = match check.tolerance.0 {
        0.0 => "all the same".to_owned(),
        tolerance => format!("within {} of each other", words::share(tolerance)),
    };
    let window = (!check.phases.is_empty()).then(|| Window::of(plan, history, &check.phases));
    if let Some(missing) = window.as_ref().and_then(|window| window.missing.clone()) {
        return Opinion::inconclusive(&bound, missing);
    }
    let counted: Result<Vec<Count>, String> =
        check.counts.iter().map(|name| count(name, plan, history, window.as_ref())).collect();
    match counted {
        Ok(counts) => decide(check, &bound, &counts),
        Err(why) => Opinion::inconclusive(&bound, why),
    }
}

fn count(
    name: &str,
    plan: &Plan,
    history: &History,
    window: Option<&Window>,
) -> Result<Count, String> {
    let mut count = Count { name: name.to_owned(), value: 0.0, at_least: false, late: 0.0 };
    for part in Equal::parts(name) {
        match (plan.count_of_workload(part), window) {
            (Some((workload, which)), Some(window)) => {
                count.value += Counts::of(history, workload, which).total(window)?;
            }
            (Some((workload, which)), None) => {
                count.value += Counts::of(history, workload, which).last()?;
            }
            (None, window) => {
                let series = Series::of(plan, history, part);
                let counted = of_probe(&series, window, plan, history)?;
                count.value += counted.value;
                count.at_least |= counted.at_least;
                count.late += counted.late;
            }
        }
    }
    Ok(count)
}

/// The rise of a probe's counter, without a name.
fn of_probe(
    series: &Series<'_>,
    window: Option<&Window>,
    plan: &Plan,
    history: &History,
) -> Result<Count, String> {
    if let Some(flaw) = series.flaw() {
        return Err(flaw);
    }
    let mut late = 0.0;
    let (rises, resets): (Vec<_>, Vec<_>) = match window {
        Some(window) => {
            if let Some(why) = series.shortage(window, 2) {
                return Err(why);
            }
            let mut sorted = rises::sort(series, window);
            // What the load itself counts belongs to whole seconds, and the
            // first sample behind the edge shows what came after it.
            let starts = |rise: &rises::Rise| {
                window.spans.iter().any(|span| rise.from < span.from && rise.at >= span.from)
            };
            let (starting, ending): (Vec<_>, Vec<_>) = sorted.edge.into_iter().partition(starts);
            sorted.inside.extend(starting);
            late = ending.iter().map(|rise| rise.amount).sum();
            if is_starved(window, history) {
                // What a host kept from being counted in time comes later.
                let end = window.spans.iter().map(|span| span.to).fold(f64::MIN, f64::max);
                let rises = rises::of(series);
                late += rises
                    .iter()
                    .filter(|rise| rise.from >= end)
                    .map(|rise| rise.amount)
                    .sum::<f64>();
            }
            if let Some(rise) = sorted.doubtful.first() {
                let reason = format!(
                    "{} rose between {} and {}, and nobody knows in which phase",
                    series.name,
                    words::seconds(rise.from),
                    words::seconds(rise.at)
                );
                return Err(series.explain(&reason, Span { from: rise.from, to: rise.at }));
            }
            let begun = begun_again(series, plan, history);
            let inside =
                |at: &f64| window.spans.iter().any(|span| (span.from..span.to).contains(at));
            (sorted.inside, begun.into_iter().filter(inside).collect())
        }
        None => {
            // From the first phase on to behind the last: both edges must have
            // been looked at.
            let first = series.samples.first().map(|sample| sample.at);
            let last = series.samples.last().map(|sample| sample.at);
            let end = history.phases.last().map_or(f64::INFINITY, |phase| phase.to);
            match (first, last) {
                (Some(first), Some(last))
                    if (series.from_zero || first <= 0.0) && last >= end - 1e-3 => {}
                (Some(first), Some(_)) if !series.from_zero && first > 0.0 => {
                    let reason = format!(
                        "{} has no sample from before the run began, its first is at {}",
                        series.name,
                        words::seconds(first)
                    );
                    return Err(series.explain(&reason, Span { from: 0.0, to: first }));
                }
                (Some(_), Some(last)) => {
                    let reason = format!(
                        "{} has no sample from behind the last phase, its last is at {}",
                        series.name,
                        words::seconds(last)
                    );
                    return Err(series.explain(&reason, Span { from: last, to: end }));
                }
                _ => {
                    let reason = format!("{} has no samples", series.name);
                    return Err(series.explain(&reason, Span { from: 0.0, to: end }));
                }
            }
            let whole = Span { from: first.unwrap_or(0.0).max(0.0), to: end };
            if let Some(why) = series.lost_label(whole) {
                return Err(series.explain(&why, whole));
            }
            (rises::of(series), begun_again(series, plan, history))
        }
    };
    // Where it began again, what is certain is the lower bound.
    let value = rises.iter().map(|rise| rise.least).sum();
    Ok(Count { name: String::new(), value, at_least: !resets.is_empty(), late })
}

/// Whether the host was starved within the phases.
fn is_starved(window: &Window, history: &History) -> bool {
    let reached = starvation::reached(history);
    let overlaps = |span: &Span| reached.iter().any(|&(from, to)| from < span.to && span.from < to);
    window.spans.iter().any(overlaps)
}

/// When the process behind a counter was seen to have begun again: the probe
/// says so, or the counter falls.
fn begun_again(series: &Series<'_>, plan: &Plan, history: &History) -> Vec<f64> {
    let mut times = Vec::new();
    let (probe, _) = series.name.rsplit_once('.').unwrap_or_default();
    let resets = format!("{probe}.resets");
    if history.samples.has(&resets) {
        let resets = Series::of(plan, history, &resets);
        times.extend(rises::of(&resets).iter().map(|rise| rise.at));
    }
    let mut last = std::collections::BTreeMap::new();
    for sample in &series.samples {
        if let Some(before) = last.insert(&sample.label, sample.value)
            && sample.value < before
        {
            times.push(sample.at);
        }
    }
    times
}

fn decide(check: &Equal, bound: &str, counts: &[Count]) -> Opinion {
    let show = |count: &Count| {
        let least = if count.at_least { "at least " } else { "" };
        format!("{least}{}", words::number(count.value))
    };
    let measured = counts.iter().map(show).collect::<Vec<_>>().join(" / ");
    let greatest = counts.iter().map(|count| count.value).fold(0.0, f64::max);
    let slack = greatest * check.tolerance.0 + 1e-9;
    let told: Vec<_> =
        counts.iter().map(|count| evidence(&count.name, show(count), None)).collect();
    let known = counts.iter().filter(|count| !count.at_least || check.lower_bounds);
    let smallest = known.clone().map(|count| count.value).fold(f64::INFINITY, f64::min);
    let exact = counts.iter().filter(|count| !count.at_least).map(|count| count.value);
    // A count that is known lies below another one, or below what another one
    // is at least.
    let least_exact = exact.fold(f64::INFINITY, f64::min);
    let unsure: Vec<&str> =
        counts.iter().filter(|count| count.at_least).map(|count| count.name.as_str()).collect();
    // What came so late that nobody knows of which phase it is may make up for it.
    let latest =
        counts.iter().filter(|count| !count.at_least).map(|count| count.value + count.late);
    let may_agree = greatest - latest.fold(f64::INFINITY, f64::min) <= slack;
    let opinion = if greatest - least_exact > slack && may_agree {
        let late: Vec<&str> =
            counts.iter().filter(|c| c.late > 0.0).map(|count| count.name.as_str()).collect();
        let why = format!(
            "{}. {} rose across the end of a phase, so that nobody knows what is still to be counted; \
             let it have more time.",
            words::list(&each(counts, show)),
            words::list(&late)
        );
        Opinion::doubtful(bound, &measured, why)
    } else if greatest - least_exact > slack {
        let why = format!("{}.", words::list(&each(counts, show)));
        let rows = counts.iter().map(
            |count| json!({ "count": count.name, "value": count.value, "at_least": count.at_least }),
        );
        Opinion::violated(bound, &measured, why).rows(Rows::listed(rows))
    } else if greatest < check.at_least as f64 {
        let why = format!(
            "Nothing counted more than {}; a verdict needs {}.",
            words::number(greatest),
            words::count(check.at_least)
        );
        Opinion::doubtful(bound, &measured, why)
    } else if !unsure.is_empty() && !check.lower_bounds {
        let why = format!(
            "What {} read from began again, and what it had counted since the last look is unknown.",
            words::list(&unsure)
        );
        Opinion::doubtful(bound, &measured, why)
    } else if greatest - smallest > slack {
        let why = format!(
            "{} may have missed so much when what it was read from began again, or it is wrong.",
            words::list(&unsure)
        );
        Opinion::doubtful(bound, &measured, why)
    } else {
        let why = format!("{} agree.", words::list(&each(counts, show)));
        Opinion::held(bound, &measured, why)
    };
    opinion.evidence(told)
}

fn each(counts: &[Count], show: impl Fn(&Count) -> String) -> Vec<String> {
    counts.iter().map(|count| format!("{} counted {}", count.name, show(count))).collect()
}
