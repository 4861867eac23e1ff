//! Trend: a series does not rise steadily over a phase.
//!
//! Broken when all of this holds for the medians of 8 to 40 batches of the
//! phase ([`crate::stats::batches`] says why batches):
//!
//! - *it rises*: Kendall's test rejects a Theil–Sen slope of zero or below;
//! - *by enough*: both the slope times the length of the phase and the last
//!   batch less the first reach `min_rise`, and three times the usual distance
//!   of the samples from the line, which noise that remembers rarely does;
//! - *not in one step*: no quarter of the phase holds more than three quarters
//!   of the rise, as a pool that grows once or a process that comes back would;
//! - *not at the start only*: after the first third it rises by at least half of
//!   `min_rise` and a tenth of the whole, so that warming up is no leak. A leak
//!   that ends at a limit halfway through, as channels do at `channel_max`, is
//!   one;
//! - *without falling back*: the low end of the second half lies above that of
//!   the first by a quarter of the rise, so that a sawtooth is no leak.
//!
//! Evidence: the levels of the batches. A leak that begins in the second half
//! of the phase is not seen here, because nothing tells it from a step: growth
//! and bounds see it. Inconclusive with too few samples, or a probe that was
//! silent for long.

use scenarios::plan::Plan;
use scenarios::plan::check::Trend;
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::History;
use crate::stats::batches;
use crate::stats::median::{median, quantile};
use crate::stats::theil_sen::{Slope, theil_sen};

/// The fewest batches with samples.
const FEWEST: usize = 6;
/// So many times the noise is a rise that stands out.
const STANDS_OUT: f64 = 3.0;

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
        return inconclusive(series.explain(&format!("{} has too few samples", check.series)));
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
        let reached = course.first() + min_rise;
        let since = course.levels.iter().find(|&&(_, level)| level >= reached).map(|&(at, _)| at);
        Opinion::violated(&bound, measured, why)
            .since(since)
            .rows(Rows::Listed(rows.collect()))
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

/// The deviation of the points from a line of this slope: 1.4826 times their
/// median distance, which is the standard deviation of normal noise.
fn noise(points: &[(f64, f64)], slope: f64) -> Option<f64> {
    let rest: Vec<f64> = points.iter().map(|&(time, value)| value - slope * time).collect();
    let middle = median(&rest)?;
    let distances: Vec<f64> = rest.iter().map(|value| (value - middle).abs()).collect();
    Some(1.4826 * median(&distances)?)
}

/// How a series went over a phase.
struct Course {
    /// Time and median of each batch.
    levels: Vec<(f64, f64)>,
    slope: Slope,
    span: Span,
    /// The low ends of the first and the second half.
    lows: (f64, f64),
    /// The usual distance of a sample from the line.
    noise: f64,
}

impl Course {
    fn of(points: &[(f64, f64)], span: Span, confidence: f64) -> Option<Self> {
        let number = batches::number_for(points.len());
        let levels = batches::medians(points, span.from, span.to, number);
        if levels.len() < FEWEST {
            return None;
        }
        let slope = theil_sen(&levels, confidence)?;
        let middle = f64::midpoint(span.from, span.to);
        let low = |half: Vec<f64>| quantile(&half, 0.1);
        let first = points.iter().filter(|point| point.0 < middle).map(|point| point.1).collect();
        let second = points.iter().filter(|point| point.0 >= middle).map(|point| point.1).collect();
        let lows = (low(first)?, low(second)?);
        let noise = noise(points, slope.slope)?;
        Some(Self { levels, slope, span, lows, noise })
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

    /// Whether this is a steady rise, or why it is not.
    fn verdict(&self, min_rise: f64) -> Result<(), &'static str> {
        let rise = self.rise();
        if !self.slope.rising {
            return Err("no upward trend that chance could not make");
        }
        let least = rise.min(self.slope.slope * self.span.seconds());
        if least < min_rise {
            return Err("less than what counts as a rise");
        }
        if least < STANDS_OUT * self.noise {
            return Err("no more than its usual ups and downs");
        }
        let quarter = self.levels.len() / 4;
        let steepest = self.levels.windows(quarter + 1).map(|part| part[quarter].1 - part[0].1);
        if steepest.fold(0.0, f64::max) > 0.75 * rise {
            return Err("a step, and level before and after it");
        }
        let third = self.levels[self.levels.len() / 3].1;
        if self.last() - third < (min_rise / 2.0).max(rise / 10.0) {
            return Err("a rise at the start that came to an end");
        }
        if self.lows.1 - self.lows.0 < rise / 4.0 {
            return Err("it falls back to where it was");
        }
        Ok(())
    }
}
