//! Trend: a series does not rise steadily over a phase.
//!
//! The phase is cut into eight spans of equal length, each with the median of its
//! samples. Broken when all of this holds:
//!
//! - *it rises by enough*: from the first span to the last by `min_rise`;
//! - *not by chance*: Kendall's test ([`crate::stats::theil_sen`]) rejects a slope of
//!   zero or below, for these and for the finer batches of [`crate::stats::batches`];
//! - *it does not fall back*: the deepest fall from anything earlier to anything
//!   later is at most two sevenths of the rise, as it is not for a sawtooth, nor for
//!   noise that remembers and wanders;
//! - *it goes on*: without the three steepest of the seven steps between the
//!   spans a rise is left, and the last quarter has risen by a quarter of
//!   `min_rise`; or, where it came to a limit, as channels do at `channel_max`,
//!   as much as `min_rise` is left.
//!
//! Each of these figures can only grow when something that never falls is added
//! to the series. So the same leak, steeper or longer, or a leak with a step
//! beside it, is never judged more mildly than without.
//!
//! What is seen and what is not, with `min_rise` 10, over 56 samples in 28 s
//! (`cargo test -p verify --lib trend_in_figures -- --ignored --nocapture` prints
//! this table):
//!
//! | a series | called a leak |
//! | --- | --- |
//! | flat, noise of 5 or 50 that remembers nothing or half a second | 0 of 4,000 |
//! | flat, noise of 3 (20) that remembers 0.8 from sample to sample | 1 (0) of 4,000 |
//! | flat, noise of 5 (50) that remembers 0.9 | 6 (1) of 4,000 |
//! | a leak of 23 in noise of 2 (4) that remembers 0.5 | 367 (58) of 400 |
//! | a leak of 46 (100) in noise of 4 that remembers 0.5 | 386 (400) of 400 |
//! | a leak from 30, 43 or 50 % of the phase on, at 0.83 to 8 a second | always |
//! | the same from 60 % on | never |
//! | +20 with a time constant of 2 to 12 s (20 s) | no (yes) |
//! | +40 with 2 to 8 s (12 s); +60 with 2 to 6 s (8 s) | no (yes) |
//! | +100 with 2 and 4 s (6 s); +300 with 2 s (4 s) | no (yes) |
//! | up to three stairs of +6 (four) | no (yes) |
//! | a limit of +30 reached after 50 % (70 %) of the phase | no (yes) |
//! | a limit of +300 or more reached after 40 % (45 %) | no (yes) |
//!
//! A pool that fills to six times `min_rise` with a time constant of more than a
//! quarter of the phase is called a leak, as are four stairs. A leak that begins
//! in the second half is not seen here, because nothing tells it from a step:
//! growth and bounds see it. Evidence: the connections that grew the most, and
//! the levels of the spans. Inconclusive with too few samples, a span without
//! any, or a probe that was silent for long.

use scenarios::plan::Plan;
use scenarios::plan::check::Trend;
use serde_json::json;

use super::anomalies::Rows;
use super::guilty::Guilty;
use super::opinion::{Opinion, evidence};
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::History;
use crate::stats::batches;
use crate::stats::median::median;
use crate::stats::theil_sen::{Slope, theil_sen};

/// The spans that a phase is cut into.
const SPANS: usize = 8;
/// The steepest steps between them that do not count: a start and some stairs.
const STEEPEST: usize = 3;
/// So many times the deepest fall is a rise that does not fall back; found by
/// simulation (see the tests).
const STANDS_OUT: f64 = 3.5;
/// The share of `min_rise` that the last quarter must have risen by.
const GOES_ON: f64 = 0.25;
/// The share of `min_rise` that must be left without the steepest steps.
const IS_LEFT: f64 = 0.1;

pub(super) fn judge(check: &Trend, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let window = Window::of(plan, history, std::slice::from_ref(&check.phase));
    let min_rise = check.min_rise.value;
    let bound = format!("no steady rise by {} or more", words::show(series.unit, min_rise));
    let inconclusive = |why| Opinion::inconclusive(&bound, why).drawn(&check.series, None);
    if let Some(why) = series.shortage(&window, check.samples) {
        return inconclusive(why);
    }
    let Some(&span) = window.spans.first() else {
        return inconclusive(format!("phase {} did not take place", check.phase));
    };
    let points = series.levels(span);
    let Some(course) = Course::of(&points, span, check.confidence.0) else {
        let reason = format!("{} has too few samples", check.series);
        return inconclusive(series.explain(&reason, span));
    };
    let show = |value: f64| words::show(series.unit, value);
    let rise = words::signed(series.unit, course.rise());
    let measured = format!("{rise} over {}", words::seconds(span.seconds()));
    let limit = course.levels.first().map(|&(_, level)| level + min_rise);
    let verdict = course.verdict(min_rise);
    let why = format!(
        "{} went from {} to {} in {}, {} a minute by Theil–Sen{}: {}.",
        check.series,
        show(course.first()),
        show(course.last()),
        check.phase,
        words::signed(series.unit, course.slope.slope * 60.0),
        certainty(&course, check, series.unit),
        verdict.err().unwrap_or("a steady rise")
    );
    let opinion = if verdict.is_ok() {
        let seen = course.levels.iter().map(|&(at, level)| {
            evidence(format!("{} about then", check.series), show(level), Some(at))
        });
        let rows = course.levels.iter().map(|&(at, level)| json!({ "at": at, "level": level }));
        let start = Span { from: span.from, to: span.from + span.seconds() / 8.0 };
        let guilty = Guilty::of(&check.series, plan, history, start, span);
        let reached = course.first() + min_rise;
        let since = course.levels.iter().find(|&&(_, level)| level >= reached).map(|&(at, _)| at);
        Opinion::violated(&bound, measured, why)
            .since(since)
            .rows(Rows::listed(rows.chain(guilty.rows())))
            .evidence(guilty.evidence())
            .evidence(seen)
    } else {
        Opinion::held(&bound, measured, why)
    };
    opinion.drawn(&check.series, limit)
}

fn certainty(course: &Course, check: &Trend, unit: scenarios::units::Unit) -> String {
    if course.slope.lower > 0.0 {
        let lower = words::signed(unit, course.slope.lower * 60.0);
        format!(" (at least {lower} with {} confidence)", check.confidence)
    } else {
        String::new()
    }
}

/// How a series went over a phase.
struct Course {
    /// Time and median of each span.
    levels: Vec<(f64, f64)>,
    slope: Slope,
    /// Whether the finer batches rise, too.
    is_rising: bool,
    /// The deepest fall from an earlier sample to a later one.
    fall: f64,
}

impl Course {
    fn of(points: &[(f64, f64)], span: Span, confidence: f64) -> Option<Self> {
        let levels = batches::lower_medians(points, span.from, span.to, SPANS);
        if levels.len() < SPANS {
            return None;
        }
        let slope = theil_sen(&levels, confidence)?;
        let number = batches::number_for(points.len());
        let fine = batches::lower_medians(points, span.from, span.to, number);
        let is_rising = slope.rising && theil_sen(&fine, confidence)?.rising;
        // A single wild sample is no fall.
        let calm: Vec<f64> = points
            .windows(3)
            .filter_map(|three| median(&[three[0].1, three[1].1, three[2].1]))
            .collect();
        let coarse = levels.iter().map(|&(_, level)| level);
        let fall = deepest_fall(calm).max(deepest_fall(coarse));
        Some(Self { levels, slope, is_rising, fall })
    }

    fn first(&self) -> f64 {
        self.levels[0].1
    }

    fn last(&self) -> f64 {
        self.levels[self.levels.len() - 1].1
    }

    fn rise(&self) -> f64 {
        self.last() - self.first()
    }

    /// What the series rose by without its steepest steps.
    fn rest(&self) -> f64 {
        let mut steps: Vec<f64> =
            self.levels.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
        steps.sort_by(f64::total_cmp);
        steps[..steps.len() - STEEPEST].iter().sum()
    }

    /// What the series rose by in its last quarter.
    fn tail(&self) -> f64 {
        self.last() - self.levels[SPANS - 1 - SPANS / 4].1
    }

    /// Whether this is a steady rise, or why it is not.
    fn verdict(&self, min_rise: f64) -> Result<(), &'static str> {
        if self.rise() < min_rise {
            return Err("less than what counts as a rise");
        }
        if !self.is_rising {
            return Err("no upward trend that chance could not make");
        }
        if self.rise() < STANDS_OUT * self.fall {
            return Err("it falls back, or does no more than its usual ups and downs");
        }
        let goes_on = self.rest() >= IS_LEFT * min_rise && self.tail() >= GOES_ON * min_rise;
        if !goes_on && self.rest() < min_rise {
            return Err("a start, or some steps, and level before and after");
        }
        Ok(())
    }
}

/// The deepest fall from an earlier value to a later one; 0 without any.
fn deepest_fall(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut highest, mut deepest) = (f64::NEG_INFINITY, 0.0_f64);
    for value in values {
        highest = highest.max(value);
        deepest = deepest.max(highest - value);
    }
    deepest
}
