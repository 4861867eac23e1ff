//! Advice: what to do about the system's size, by how much of it was used.
//!
//! No verdict goes by it. A condition is met, not met, or unknown:
//!
//! - A series with `for` is met where it lies beyond the limit for so long without a break;
//!   a silence of more than three usual gaps is one. Such a stretch is proof, whatever is
//!   missing elsewhere. That there was none is only known where none can have been in what
//!   was not seen.
//! - A series without it is met where its median over the phases lies beyond the limit. Where
//!   samples are missing it is only known if they cannot decide.
//! - A response time is met where the check `latency` would be broken by the limit, or, below
//!   it, held.
//!
//! Of a series with several labels the average of each round of samples counts, of those that
//! were there. With `any` one condition that is met is enough, with `all` one that is not;
//! else what is unknown of one is unknown of the advice.

use reports::record::{AdviceRecord, AdviceState, ConditionRecord, Verdict};
use scenarios::plan::advice::{Advice, Condition, Figure, Limit, When};
use scenarios::plan::check::{Bound, EndToEnd, Latency, TimeBound, Timed};
use scenarios::plan::{Check, CheckKind, Plan, Severity};
use scenarios::units::{Quantity, Span};

use super::series::Series;
use super::window::Window;
use super::{absent, words};
use crate::history::History;
use crate::stats::median::median;

/// The fewest rounds of samples that have a median.
const SAMPLES: u32 = 5;

/// One for each advice of the plan.
pub(super) fn all(plan: &Plan, history: &History) -> Vec<AdviceRecord> {
    plan.advice.iter().map(|advice| one(advice, plan, history)).collect()
}

fn one(advice: &Advice, plan: &Plan, history: &History) -> AdviceRecord {
    let conditions = advice.when.conditions().iter();
    let conditions: Vec<ConditionRecord> =
        conditions.map(|condition| look(condition, plan, history)).collect();
    let has = |met: Option<bool>| conditions.iter().any(|condition| condition.met == met);
    let decides = matches!(advice.when, When::Any(_));
    let state = match (has(Some(decides)), has(None)) {
        (true, _) => of(decides),
        (false, true) => AdviceState::Unknown,
        (false, false) => of(!decides),
    };
    let (name, say) = (advice.name.clone(), advice.say.clone());
    AdviceRecord { name, say, state, conditions }
}

const fn of(is_given: bool) -> AdviceState {
    if is_given { AdviceState::Given } else { AdviceState::NotGiven }
}

/// Whether a condition is met, and what was measured or why that is unknown.
type Known = (Option<bool>, String);

fn look(condition: &Condition, plan: &Plan, history: &History) -> ConditionRecord {
    let (met, measured) = match &condition.figure {
        Figure::Series(name) => of_series(name, condition, plan, history),
        Figure::Latency { workload, quantile } => {
            let latency = Latency {
                workload: workload.clone(),
                phases: condition.phases.clone(),
                quantile: *quantile,
                max: limit(condition),
            };
            of_times(CheckKind::Latency(latency), condition, plan, history)
        }
        Figure::EndToEnd { source, quantile } => {
            let check = EndToEnd {
                source: source.clone(),
                workloads: plan.workloads.iter().map(|workload| workload.name.clone()).collect(),
                phases: condition.phases.clone(),
                of: Timed::Effects,
                bound: TimeBound::Within { quantile: *quantile, max: limit(condition) },
            };
            of_times(CheckKind::EndToEnd(check), condition, plan, history)
        }
    };
    ConditionRecord { what: describe(condition), met, measured }
}

fn describe(condition: &Condition) -> String {
    let figure = match &condition.figure {
        Figure::Series(name) => name.clone(),
        Figure::Latency { workload, quantile } => {
            format!("{} of the response time of {workload}", words::share(quantile.0))
        }
        Figure::EndToEnd { source, quantile } => {
            format!("{} of the time until the effect in {source}", words::share(quantile.0))
        }
    };
    let Quantity { value, unit } = condition.limit.value();
    let lasting = condition.lasting.map_or_else(String::new, |lasting| format!(" for {lasting}"));
    format!(
        "{figure} {} {}{lasting} in {}",
        condition.limit.word(),
        words::show(unit, value),
        words::list(&condition.phases)
    )
}

fn of_series(name: &str, condition: &Condition, plan: &Plan, history: &History) -> Known {
    let series = Series::of(plan, history, name);
    let window = Window::of(plan, history, &condition.phases);
    let unknown = || {
        let bound = Bound {
            series: name.to_owned(),
            phases: condition.phases.clone(),
            min: None,
            max: None,
            lasting: None,
            samples: SAMPLES,
        };
        absent::why(&check(CheckKind::Bound(bound)), plan, history)
            .or_else(|| series.shortage(&window, SAMPLES))
    };
    let show = |value: f64| words::show(series.unit, value);
    match condition.lasting {
        Some(lasting) => {
            let longest = longest(&series, &window, condition.limit);
            let seconds = longest.map_or(0.0, |stretch| stretch.to - stretch.from);
            let (limit, word) = (show(condition.limit.value().value), condition.limit.word());
            let told = match longest {
                Some(Stretch { from, nearest, .. }) => format!(
                    "{word} {limit} for {} from {} on, {} {} throughout",
                    words::seconds(seconds),
                    words::seconds(from),
                    condition.limit.least_word(),
                    show(nearest)
                ),
                None => format!("never {word} {limit}"),
            };
            let lasting = lasting.as_secs_f64() - 1e-9;
            if longest.is_some() && seconds >= lasting {
                return (Some(true), told);
            }
            match unknown() {
                Some(why) => (None, why),
                None if possible(&series, &window, condition.limit) >= lasting => {
                    (None, format!("{told}, and samples that are missing may decide"))
                }
                None => (Some(false), told),
            }
        }
        None => {
            let points: Vec<f64> = rounds(&series, &window).map(|(_, value)| value).collect();
            match (unknown(), median(&points)) {
                (Some(why), _) => (None, why),
                (None, None) => (None, format!("{name} has no samples")),
                (None, Some(middle)) => {
                    let told = format!("median {}", show(middle));
                    let expected = (window.seconds() / series.gap + 1e-6).floor() as usize;
                    match decided(&points, expected, condition.limit, middle) {
                        Some(is_met) => (Some(is_met), told),
                        None => {
                            let missing = expected - points.len();
                            let samples = words::plural(missing as u64, "sample");
                            (None, format!("{told}, and {samples} that are missing may decide"))
                        }
                    }
                }
            }
        }
    }
}

/// Whether the median lies beyond a limit, of points of which there should be so many;
/// unknown where the missing ones can decide.
fn decided(points: &[f64], expected: usize, limit: Limit, middle: f64) -> Option<bool> {
    let beyond = points.iter().filter(|&&point| limit.is_passed_by(point)).count();
    let missing = expected.saturating_sub(points.len());
    let is_met = limit.is_passed_by(middle);
    let is_certain = match is_met {
        _ if missing == 0 => true,
        true => 2 * beyond > expected,
        false => 2 * (beyond + missing) < expected,
    };
    is_certain.then_some(is_met)
}

/// Rounds of samples that all lie beyond a limit, without a break.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: f64,
    to: f64,
    /// The value in it that is nearest to the limit.
    nearest: f64,
}

/// The longest one.
fn longest(series: &Series<'_>, window: &Window, limit: Limit) -> Option<Stretch> {
    let mut found: Option<Stretch> = None;
    let mut open: Option<Stretch> = None;
    for (at, value) in rounds(series, window) {
        open = match open {
            _ if !limit.is_passed_by(value) => None,
            Some(stretch) if at - stretch.to <= series.unbroken() => {
                let is_nearer = match limit {
                    Limit::Above(_) => value < stretch.nearest,
                    Limit::Below(_) => value > stretch.nearest,
                };
                let nearest = if is_nearer { value } else { stretch.nearest };
                Some(Stretch { to: at, nearest, ..stretch })
            }
            _ => Some(Stretch { from: at, to: at, nearest: value }),
        };
        let length = |stretch: Stretch| stretch.to - stretch.from;
        if let Some(open) = open
            && found.is_none_or(|found| length(open) > length(found))
        {
            found = Some(open);
        }
    }
    found
}

/// Samples that are further apart than so many usual gaps have one missing between them.
const MISSED: f64 = 1.5;

/// For how long the series can have lain beyond a limit without a break, in seconds, if it
/// did whenever it was not seen.
fn possible(series: &Series<'_>, window: &Window, limit: Limit) -> f64 {
    let mut most = 0.0_f64;
    for &span in &window.spans {
        let mut from: Option<f64> = None;
        let mut last = span.from;
        let ends = [(span.to, false)];
        let seen = rounds_in(series, span).map(|(at, value)| (at, limit.is_passed_by(value)));
        for (at, is_beyond) in seen.chain(ends) {
            if at - last > MISSED * series.gap {
                from.get_or_insert(last);
                most = most.max(at - from.unwrap_or(at));
            }
            if is_beyond {
                most = most.max(at - *from.get_or_insert(at));
            } else {
                from = None;
            }
            last = at;
        }
    }
    most
}

/// The average of each round of samples, with its time. One with a value that is no number
/// is none.
fn rounds<'a>(series: &'a Series<'_>, window: &'a Window) -> impl Iterator<Item = (f64, f64)> {
    window.spans.iter().flat_map(move |&span| rounds_in(series, span))
}

fn rounds_in<'a>(
    series: &'a Series<'_>,
    span: super::window::Span,
) -> impl Iterator<Item = (f64, f64)> + 'a {
    let average = |round: &[crate::history::Sample]| {
        let sum: f64 = round.iter().map(|sample| sample.value).sum();
        Some((round.first()?.at, sum / round.len() as f64))
    };
    series.rounds_of(span).filter_map(average).filter(|(_, value)| value.is_finite())
}

/// The limit of a time.
fn limit(condition: &Condition) -> Span {
    let limit = std::time::Duration::try_from_secs_f64(condition.limit.value().value);
    Span(limit.unwrap_or_default())
}

fn of_times(kind: CheckKind, condition: &Condition, plan: &Plan, history: &History) -> Known {
    let opinion = super::weigh_fairly(&check(kind), plan, history);
    let is_above = matches!(condition.limit, Limit::Above(_));
    match opinion.verdict {
        Verdict::Violated => (Some(is_above), opinion.measured),
        Verdict::Held => (Some(!is_above), opinion.measured),
        Verdict::Inconclusive => (None, opinion.why),
    }
}

/// A check that nobody names.
fn check(kind: CheckKind) -> Check {
    Check { name: String::new(), title: String::new(), severity: Severity::Warning, kind }
}
