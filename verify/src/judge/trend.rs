//! Trend: a series does not rise steadily over a phase.
//!
//! Broken when all of this holds for the medians of 8 to 40 batches of the
//! phase ([`crate::stats::batches`] says why batches):
//!
//! - *it rises*: Kendall's test rejects a Theil–Sen slope of zero or below;
//! - *by enough*: both the slope times the length of the phase and the last
//!   batch less the first reach `min_rise`;
//! - *not by chance*: noise that remembers wanders, and what it may wander is
//!   less than the rise ([`Noise`]);
//! - *not in one step*: no quarter of the phase holds more than three quarters
//!   of the rise, as a pool that grows once or a process that comes back would;
//! - *not at the start only*: after the first third it rises by at least half of
//!   `min_rise` and a fifth of the whole, so that warming up is no leak. A leak
//!   that ends at a limit halfway through, as channels do at `channel_max`, is
//!   one;
//! - *without falling back*: the low end of the second half lies above that of
//!   the first by a quarter of the rise, so that a sawtooth is no leak.
//!
//! Evidence: the connections that grew the most, and the levels of the batches. A leak that begins in the second half
//! of the phase is not seen here, because nothing tells it from a step: growth
//! and bounds see it. Inconclusive with too few samples, or a probe that was
//! silent for long.

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
use crate::stats::median::quantile;
use crate::stats::theil_sen::{Slope, theil_sen};

/// The fewest batches with samples.
const FEWEST: usize = 6;
/// So many times what noise would wander is a rise that stands out. More than
/// the usual three, because the deviation and the memory are estimated from the
/// few samples that the line was fitted to, and come out too small; found by
/// simulation (see the tests).
const STANDS_OUT: f64 = 8.0;
/// So many times what a random walk of the same roughness would wander is a
/// rise, however it bends.
const SMOOTH: f64 = 3.3;

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
        let start = Span { from: span.from, to: span.from + span.seconds() / 8.0 };
        let guilty = Guilty::of(&check.series, plan, history, start, span);
        let reached = course.first() + min_rise;
        let since = course.levels.iter().find(|&&(_, level)| level >= reached).map(|&(at, _)| at);
        Opinion::violated(&bound, measured, why)
            .since(since)
            .rows(Rows::Listed(rows.chain(guilty.rows()).collect()))
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

/// What a series does beside its line.
struct Noise {
    /// The standard deviation from the line.
    off_line: f64,
    /// The standard deviation of the differences between neighbours.
    roughness: f64,
    samples: f64,
}

impl Noise {
    fn of(points: &[(f64, f64)], slope: f64) -> Self {
        let rest: Vec<f64> = points.iter().map(|&(time, value)| value - slope * time).collect();
        let steps: Vec<f64> = points.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
        let samples = points.len() as f64;
        Self { off_line: deviation(&rest), roughness: deviation(&steps), samples }
    }

    /// Whether a rise of this size is more than this noise would make.
    ///
    /// The fitted rise of n values of noise with deviation σ, of which each
    /// remembers the share φ of the one before, deviates by
    /// σ·√(12/n·(1+φ)/(1−φ)) (the variance of a slope, inflated as in Bayley &
    /// Hammersley 1946). φ follows from the roughness, whose square is
    /// 2σ²(1−φ). A leak that bends, as at a limit, also lies far off its line;
    /// but it is smooth, while even a random walk over n steps hardly goes
    /// farther than three times √n of its steps.
    fn is_less_than(&self, rise: f64) -> bool {
        if rise >= SMOOTH * self.samples.sqrt() * self.roughness {
            return true;
        }
        let fresh = (self.roughness / self.off_line).powi(2) / 2.0;
        let fresh = fresh.clamp(1.0 / self.samples, 1.0);
        let wanders = self.off_line * (12.0 / self.samples * (2.0 - fresh) / fresh).sqrt();
        rise >= STANDS_OUT * wanders
    }
}

/// The standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// How a series went over a phase.
struct Course {
    /// Time and median of each batch.
    levels: Vec<(f64, f64)>,
    slope: Slope,
    span: Span,
    /// The low ends of the first and the second half.
    lows: (f64, f64),
    noise: Noise,
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
        let noise = Noise::of(points, slope.slope);
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
        if !self.noise.is_less_than(least) {
            return Err("no more than its usual ups and downs");
        }
        let quarter = self.levels.len() / 4;
        let steepest = self.levels.windows(quarter + 1).map(|part| part[quarter].1 - part[0].1);
        if steepest.fold(0.0, f64::max) > 0.75 * rise {
            return Err("a step, and level before and after it");
        }
        let third = self.levels[self.levels.len() / 3].1;
        if self.last() - third < (min_rise / 2.0).max(rise / 5.0) {
            return Err("a rise at the start that came to an end");
        }
        if self.lows.1 - self.lows.0 < rise / 4.0 {
            return Err("it falls back to where it was");
        }
        Ok(())
    }
}
