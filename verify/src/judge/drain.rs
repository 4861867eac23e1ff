//! Drain: after the end of a phase, or the healing of a fault, every label of a
//! series falls to a level within a time, and stays there for a while where the
//! check says so.
//!
//! Drained is the first sample from which on the newest value of every label is
//! at most the level, and not an old one, for as long as it must stay. Broken when the time is up
//! before that. Measured is the time it took. Evidence: the labels that were
//! above the level when the time was up. Inconclusive when the series has no
//! sample from before, long holes until it is drained or a hole while it must
//! stay, when a label goes silent, when the run ended before the time was up, or
//! when the fault never healed.

use std::collections::BTreeMap;

use reports::record::Evidence;
use scenarios::plan::check::{After, Drain};
use scenarios::plan::{Check, CheckKind, Plan};
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::series::Series;
use super::window::Span;
use super::words;
use crate::history::History;

pub(super) fn judge(check: &Drain, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let to = words::show(series.unit, check.to.value);
    let lasting = check.lasting.map_or(0.0, scenarios::units::Span::as_secs_f64);
    let stays =
        if lasting > 0.0 { format!(" for {}", words::seconds(lasting)) } else { String::new() };
    let bound = format!("at most {to}{stays} within {} of {}", check.within, name(&check.after));
    let opinion = match start(&check.after, history) {
        Err(why) => Opinion::inconclusive(&bound, why),
        Ok(start) => decide(check, &series, history, &bound, start, lasting),
    };
    opinion.drawn(&check.series, Some(check.to.value))
}

/// Until when what a check wants drained may still be seen to drain, in seconds; nothing
/// where it has, where what that is counted from has not been, and for checks of other kinds.
#[must_use]
pub(crate) fn drains_until(check: &Check, plan: &Plan, history: &History) -> Option<f64> {
    let CheckKind::Drain(check) = &check.kind else { return None };
    let start = start(&check.after, history).ok()?;
    let lasting = check.lasting.map_or(0.0, scenarios::units::Span::as_secs_f64);
    let series = Series::of(plan, history, &check.series);
    let has = course(check, &series, start, lasting).drained.is_some();
    (!has).then(|| start + check.within.as_secs_f64() + lasting)
}

fn name(after: &After) -> String {
    match after {
        After::Phase(phase) => format!("the end of {phase}"),
        After::Fault(fault) => format!("the healing of {fault}"),
    }
}

/// What the time is counted from.
///
/// # Errors
/// When that never was.
pub(super) fn start(after: &After, history: &History) -> Result<f64, String> {
    match after {
        After::Phase(phase) => history.phase(phase).map(|phase| phase.to).ok_or_else(|| {
            format!("phase {phase} did not come to its end; let the run come to its end")
        }),
        After::Fault(fault) => {
            let told = history.fault(fault);
            let healed = told.and_then(|told| told.healed);
            healed.ok_or_else(|| format!("fault {fault} was never seen to heal"))
        }
    }
}

/// How a series went on from a time.
struct Course<'a> {
    /// When every label had come to the level, and stayed.
    drained: Option<f64>,
    /// The newest value of each label when the time was up, with its time.
    last: BTreeMap<&'a str, (f64, f64)>,
    /// The greatest sum of a round, and when.
    highest: f64,
}

fn course<'a>(check: &Drain, series: &'a Series<'_>, start: f64, lasting: f64) -> Course<'a> {
    let until = start + check.within.as_secs_f64();
    let mut course = Course { drained: None, last: BTreeMap::new(), highest: f64::NEG_INFINITY };
    let mut low_since: Option<f64> = None;
    for round in series.samples.chunk_by(|a, b| a.at == b.at) {
        let at = round[0].at;
        if at > until + lasting {
            break;
        }
        for sample in round.iter().filter(|sample| sample.value.is_finite()) {
            course.last.insert(&sample.label, (sample.at, sample.value));
            if at >= start - series.unbroken() {
                course.highest = course.highest.max(sample.value);
            }
        }
        if at < start {
            continue;
        }
        // What a label was when it was last seen, long before, says nothing of now.
        let is_old = |seen: f64| series.is_whole() && at - seen > series.unbroken();
        if course.last.values().any(|&(seen, value)| value > check.to.value || is_old(seen)) {
            low_since = None;
            continue;
        }
        let since = *low_since.get_or_insert(at);
        if since > until {
            break;
        }
        if at - since >= lasting - 1e-9 {
            course.drained = Some(since);
            break;
        }
    }
    course
}

fn decide(
    check: &Drain,
    series: &Series<'_>,
    history: &History,
    bound: &str,
    start: f64,
    lasting: f64,
) -> Opinion {
    let until = start + check.within.as_secs_f64();
    let course = course(check, series, start, lasting);
    let last = series.samples.last().map_or(f64::NEG_INFINITY, |sample| sample.at);
    // What comes after the run cannot be silent, and what it must stay is a part
    // of what is judged.
    let over = history.phases.last().map_or(until, |phase| phase.to).min(last);
    let end = course.drained.map_or(until.min(over.max(start)), |drained| drained + lasting);
    let before = Span { from: start - series.unbroken(), to: start };
    let judged = Span { from: start, to: end };
    let unit = series.unit;
    if let Some(flaw) = series.flaw() {
        return Opinion::inconclusive(bound, flaw);
    }
    if series.within(before).is_empty() {
        let reason = format!("{} has no sample just before {}", series.name, words::seconds(start));
        return Opinion::inconclusive(bound, series.explain(&reason, before));
    }
    let silent = series.silence(judged);
    if silent > series.may_miss(judged) {
        let reason = format!(
            "{} has no samples for {} of the {} after {}",
            series.name,
            words::seconds(silent),
            words::seconds(end - start),
            words::seconds(start)
        );
        return Opinion::inconclusive(bound, series.explain(&reason, judged));
    }
    // From one label's breach the silence of another takes nothing away.
    let is_seen_above = course.last.values().any(|&(at, value)| {
        value > check.to.value && until - at <= series.unbroken() && at <= until
    });
    if let Some(why) = series.lost_label(judged).filter(|_| !is_seen_above) {
        return Opinion::inconclusive(bound, series.explain(&why, judged));
    }
    if lasting > 0.0
        && course.drained.is_some_and(|drained| {
            let stay = Span { from: drained, to: drained + lasting };
            series.silence(stay) > 0.0
        })
    {
        let reason = format!("{} is not seen all the time that it must stay there", series.name);
        return Opinion::inconclusive(bound, series.explain(&reason, judged));
    }
    if let Some(drained) = course.drained {
        let took = drained - start;
        let why = format!(
            "It fell from {} to at most {} in {}.",
            words::show(unit, course.highest),
            words::show(unit, check.to.value),
            words::seconds(took)
        );
        return Opinion::held(bound, words::seconds(took), why).reached(took);
    }
    let over: Vec<(&str, f64)> = course
        .last
        .iter()
        .map(|(&label, &(_, value))| (label, value))
        .filter(|&(_, value)| value > check.to.value)
        .collect();
    let seen = worst(&over, series, last.min(until) - start);
    if last < until - series.unbroken() {
        let why = format!(
            "The run ended {} after that, before the time was up: let the last phase be longer, or the time shorter.",
            words::seconds((last - start).max(0.0))
        );
        return Opinion::doubtful(bound, seen, why);
    }
    let why =
        format!("{} had not come to the level, or not to stay, when the time was up.", series.name);
    let told: Vec<Evidence> = over
        .iter()
        .map(|&(label, value)| {
            let what = if label.is_empty() {
                series.name.to_owned()
            } else {
                format!("{} of {label}", series.name)
            };
            evidence(what, words::show(unit, value), Some(until))
        })
        .collect();
    let samples = series.within(Span { from: start, to: until }).iter();
    let rows = samples
        .filter(|sample| sample.value > check.to.value)
        .map(|sample| json!({ "at": sample.at, "label": &*sample.label, "value": sample.value }));
    let rows = Rows::listed(rows);
    Opinion::violated(bound, seen, why).since(Some(until)).evidence(told).rows(rows)
}

/// The greatest level of those that are too high, with its label, after so many seconds.
fn worst(over: &[(&str, f64)], series: &Series<'_>, seconds: f64) -> String {
    let Some((label, value)) = over.iter().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return "it did not stay there".to_owned();
    };
    let of = if label.is_empty() { String::new() } else { format!(" of {label}") };
    format!("{}{of} after {}", words::show(series.unit, *value), words::seconds(seconds))
}
