//! The load over time, for drawing: what became of operations and how long they took, in
//! stretches of equal length.

use std::collections::BTreeMap;

use crate::latency::Histogram;
use crate::tally::{Second, Tally};

/// The most stretches.
pub const STRETCHES: usize = 240;

/// Response times in microseconds, each with how many operations took it.
pub type Times = BTreeMap<u64, u64>;

/// The load so far. Stretches become longer as the run does.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// The length of a stretch, in seconds.
    width: u64,
    stretches: Vec<Stretch>,
}

/// What came due in a stretch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stretch {
    /// The counts.
    pub tally: Tally,
    /// The response times.
    pub times: Times,
}

impl Default for Course {
    fn default() -> Self {
        Self { width: 1, stretches: Vec::new() }
    }
}

impl Course {
    /// Takes in a second.
    pub fn take(&mut self, second: &Second) {
        while second.second / self.width >= STRETCHES as u64 {
            self.widen();
        }
        let at = (second.second / self.width) as usize;
        if self.stretches.len() <= at {
            self.stretches.resize_with(at + 1, Stretch::default);
        }
        let stretch = &mut self.stretches[at];
        stretch.tally += second.tally;
        add(&mut stretch.times, &second.latency.response);
    }

    /// Makes one stretch of two.
    fn widen(&mut self) {
        self.width *= 2;
        let mut wider: Vec<Stretch> = Vec::with_capacity(self.stretches.len().div_ceil(2));
        for (at, stretch) in std::mem::take(&mut self.stretches).into_iter().enumerate() {
            match wider.last_mut().filter(|_| at % 2 == 1) {
                None => wider.push(stretch),
                Some(last) => {
                    last.tally += stretch.tally;
                    for (micros, count) in stretch.times {
                        *last.times.entry(micros).or_default() += count;
                    }
                }
            }
        }
        self.stretches = wider;
    }

    /// The length of a stretch, in seconds; the first begins at T0.
    #[must_use]
    pub fn width(&self) -> u64 {
        self.width
    }

    /// The stretches, in order and without a gap.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

fn add(times: &mut Times, histogram: &Histogram) {
    for value in histogram.iter_recorded() {
        *times.entry(value.value_iterated_to()).or_default() += value.count_at_value();
    }
}

/// p50, p95, p99 and the greatest, in seconds; nothing of nothing.
#[must_use]
pub fn quantiles(times: &Times) -> Vec<f64> {
    let all: u64 = times.values().sum();
    let Some((&max, _)) = times.last_key_value() else { return Vec::new() };
    let at = |quantile: f64| {
        let rank = (quantile * all as f64).ceil() as u64;
        let mut seen = 0;
        let reached = times.iter().find(|&(_, count)| {
            seen += count;
            seen >= rank
        });
        reached.map_or(max, |(&micros, _)| micros)
    };
    [at(0.5), at(0.95), at(0.99), max].map(|micros| micros as f64 / 1e6).to_vec()
}

/// The upper ends of the steps of response time in a heat map, in seconds: 1, 2 and 5 times
/// the powers of ten from 100 µs to 500 s.
#[must_use]
pub fn steps() -> Vec<f64> {
    let powers = (-4..=2).map(|power| 10_f64.powi(power));
    powers.flat_map(|power| [1.0, 2.0, 5.0].map(|part| part * power)).collect()
}

/// The cells of a heat map, `[stretch, step, count]`, of the times of each stretch by the
/// steps of [`steps`].
pub fn heat<'a>(times: impl Iterator<Item = &'a Times>) -> Vec<[u64; 3]> {
    let steps = steps();
    let cells = times.enumerate().flat_map(|(stretch, times)| {
        let mut heat: BTreeMap<u64, u64> = BTreeMap::new();
        for (&micros, &count) in times {
            let step = steps.partition_point(|step| *step < micros as f64 / 1e6);
            *heat.entry(step.min(steps.len() - 1) as u64).or_default() += count;
        }
        heat.into_iter().map(move |(step, count)| [stretch as u64, step, count])
    });
    cells.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::latency::{self, Latency};

    #[test]
    fn quantiles_are_those_of_all() {
        let times = BTreeMap::from([(1_000, 94), (2_000, 4), (3_000_000, 2)]);
        assert_eq!(quantiles(&times), [0.001, 0.002, 3.0, 3.0]);
        assert!(quantiles(&BTreeMap::new()).is_empty());
    }

    #[test]
    fn a_long_run_loses_no_operation() {
        let mut course = Course::default();
        for second in (0..1_000).filter(|second| second % 7 != 0) {
            let mut latency = Latency::default();
            latency::record(&mut latency.response, Duration::from_millis(20));
            let tally = Tally { due: 2, acked: 1, failed: 1, ..Tally::default() };
            course.take(&Second { tally, latency, ..Second::empty(second) });
        }
        assert_eq!(course.width(), 8);
        assert!(course.stretches().len() <= STRETCHES);
        let due: u64 = course.stretches().iter().map(|stretch| stretch.tally.due).sum();
        assert_eq!(due, 2 * (1_000 - 143));
        let heat = heat(course.stretches().iter().map(|stretch| &stretch.times));
        assert_eq!(heat.iter().map(|cell| cell[2]).sum::<u64>(), due / 2);
        assert!(heat.iter().all(|cell| steps()[cell[1] as usize] >= 0.02));
    }
}
