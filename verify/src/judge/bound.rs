//! Bound: every sample of a series lies within its bounds, each label apart.
//!
//! Broken by one sample outside of them (the bounds themselves hold) or, where
//! the bound has a `for`, by a label whose samples all lie outside for so long,
//! from the first such sample to the last; a silence of more than three usual
//! gaps ends the stretch, since nobody knows what was in it. One breach is
//! proof, however few the samples are. Evidence: the labels that were worst;
//! in full, every sample outside. Inconclusive when nothing was broken but the
//! samples are too few, end early or have long holes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use scenarios::plan::Plan;
use scenarios::plan::check::Bound;
use scenarios::units::{Quantity, Span};
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::series::Series;
use super::window::Window;
use super::words;
use crate::history::{History, Sample};

/// Samples of one label that lie outside of the bounds without a break.
struct Breach<'a> {
    first: f64,
    last: f64,
    /// Whether one of them counts, and how much of the time does not: what is
    /// set apart.
    counts: bool,
    apart: f64,
    worst: &'a Sample,
}

pub(super) fn judge(check: &Bound, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let window = Window::of(plan, history, &check.phases);
    let limit = check.max.or(check.min).map(|quantity| quantity.value);
    let bound = describe(check, &series);
    let lasting = check.lasting.map_or(0.0, Span::as_secs_f64);
    let mut breaches = breaches(check, history, &series, &window);
    for breach in &mut breaches {
        let overlap =
            |&(from, to): &(f64, f64)| (to.min(breach.last) - from.max(breach.first)).max(0.0);
        breach.apart = history.apart.iter().map(overlap).sum();
    }
    let lasts = |breach: &Breach<'_>| breach.last - breach.first - breach.apart >= lasting - 1e-9;
    breaches.retain(|breach| breach.counts && lasts(breach));
    if !breaches.is_empty() {
        let worst = breaches.iter().map(|breach| breach.worst);
        let worst = worst.max_by(|a, b| excess(check, a).total_cmp(&excess(check, b)));
        let value = worst.map(|worst| worst.value);
        let opinion = violated(check, &series, &window, &bound, breaches);
        return opinion.drawn(&check.series, limit).reached(value);
    }
    let worst = worst(check, &series, &window);
    let measured = worst.map_or_else(|| "unknown".to_owned(), |worst| seen(&series, worst));
    let opinion = match series.shortage(&window, check.samples) {
        Some(why) => Opinion::doubtful(&bound, measured, why),
        None => {
            let rounds = words::plural(series.rounds(&window), "sample");
            let why = format!("The furthest of {rounds} in {} is {measured}.", window.names());
            Opinion::held(&bound, measured, why)
        }
    };
    opinion.drawn(&check.series, limit).reached(worst.map(|worst| worst.value))
}

fn violated(
    check: &Bound,
    series: &Series<'_>,
    window: &Window,
    bound: &str,
    mut breaches: Vec<Breach<'_>>,
) -> Opinion {
    let since = breaches.iter().map(|breach| breach.first).fold(f64::INFINITY, f64::min);
    breaches.sort_by(|a, b| excess(check, b.worst).total_cmp(&excess(check, a.worst)));
    let mut labels = BTreeMap::new();
    for breach in &breaches {
        let length = breach.last - breach.first;
        let longest: &mut f64 = labels.entry(&breach.worst.label).or_insert(0.0);
        *longest = longest.max(length);
    }
    let worst = breaches[0].worst;
    let mut told = Vec::new();
    let strongest = breaches.iter().filter(|breach| {
        let is_new = !told.contains(&&breach.worst.label);
        told.push(&breach.worst.label);
        is_new
    });
    let evidence = strongest.map(|breach| {
        let lasted = breach.last - breach.first;
        let lasted = if lasted > 0.0 {
            format!(", outside the bound for {}", words::seconds(lasted))
        } else {
            String::new()
        };
        let seen = format!("{}{lasted}", words::show(series.unit, breach.worst.value));
        evidence(what(series, breach.worst), seen, Some(breach.worst.at))
    });
    let evidence: Vec<_> = evidence.collect();
    let others = match labels.len() as u64 {
        1 => String::new(),
        number => format!(" It is broken by {number} in all."),
    };
    let why = format!(
        "{} reached {} at {}, where {bound} is allowed.{others}",
        what(series, worst),
        words::show(series.unit, worst.value),
        words::seconds(worst.at)
    );
    let outside = window.spans.iter().flat_map(|&span| series.within(span));
    let rows = outside.filter(|sample| excess(check, sample) > 0.0).map(|sample| {
        json!({ "series": series.name, "label": &*sample.label, "at": sample.at, "value": sample.value })
    });
    Opinion::violated(bound, seen(series, worst), why)
        .reached(worst.value)
        .since(Some(since))
        .evidence(evidence)
        .rows(Rows::listed(rows))
}

/// How far a sample lies outside of the bounds; below 0 within.
fn excess(check: &Bound, sample: &Sample) -> f64 {
    let above = check.max.map_or(f64::NEG_INFINITY, |max| sample.value - max.value);
    let below = check.min.map_or(f64::NEG_INFINITY, |min| min.value - sample.value);
    // A value that is not a number proves nothing.
    if sample.value.is_finite() { above.max(below) } else { f64::NEG_INFINITY }
}

fn breaches<'a>(
    check: &Bound,
    history: &History,
    series: &'a Series<'_>,
    window: &Window,
) -> Vec<Breach<'a>> {
    let mut found = Vec::new();
    let counts = |at: f64| !history.apart.iter().any(|&(from, to)| (from..to).contains(&at));
    for &span in &window.spans {
        let mut open: BTreeMap<&str, Breach<'a>> = BTreeMap::new();
        for sample in series.within(span) {
            let label: &str = &sample.label;
            let is_outside = excess(check, sample) > 0.0;
            match open.get_mut(label) {
                Some(breach) if is_outside && sample.at - breach.last <= series.unbroken() => {
                    breach.last = sample.at;
                    breach.counts |= counts(sample.at);
                    if excess(check, sample) > excess(check, breach.worst) {
                        breach.worst = sample;
                    }
                }
                _ => {
                    found.extend(open.remove(label));
                    if is_outside {
                        let at = sample.at;
                        let (counts, apart) = (counts(at), 0.0);
                        let breach = Breach { first: at, last: at, counts, apart, worst: sample };
                        open.insert(label, breach);
                    }
                }
            }
        }
        found.extend(open.into_values());
    }
    found
}

/// The sample nearest to the bound or furthest outside.
fn worst<'a>(check: &Bound, series: &'a Series<'_>, window: &Window) -> Option<&'a Sample> {
    let samples = window.spans.iter().flat_map(|&span| series.within(span));
    samples
        .filter(|sample| sample.value.is_finite())
        .map(|sample| (excess(check, sample), Reverse(sample.at.to_bits()), sample))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        .map(|(.., sample)| sample)
}

fn what(series: &Series<'_>, sample: &Sample) -> String {
    match &*sample.label {
        "" => series.name.to_owned(),
        label => format!("{} of {label}", series.name),
    }
}

fn seen(series: &Series<'_>, sample: &Sample) -> String {
    let value = words::show(series.unit, sample.value);
    if sample.label.is_empty() { value } else { format!("{value} ({})", sample.label) }
}

fn describe(check: &Bound, series: &Series<'_>) -> String {
    let show = |quantity: Quantity| words::show(series.unit, quantity.value);
    let range = match (check.min.map(show), check.max.map(show)) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "anything".to_owned(),
    };
    match check.lasting {
        Some(lasting) => format!("{range}, but for less than {lasting}"),
        None => range,
    }
}
