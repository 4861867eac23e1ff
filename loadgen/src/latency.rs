//! The three latencies of an operation, in HDR histograms.
//!
//! *Delay* is start − due: how late the operation was begun, because every
//! connection was busy or gone. *Service* is end − start: how long the target
//! took. *Response* is end − due: what a user would have waited, stalls of the
//! target included, free of coordinated omission. Delay is recorded for every
//! operation that was attempted; service and response for those that were
//! acknowledged or are indeterminate. A definite refusal often comes at once,
//! and would make an outage look fast: it is counted, but not timed.

use std::time::Duration;

/// Histograms of whole microseconds.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// One hour, in microseconds: longer times are recorded as this.
pub const HIGHEST: u64 = 3_600_000_000;

/// The three latencies of a set of operations, from 1 µs to 1 h, to three
/// significant digits. Merging loses nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// Start − due.
    pub delay: Histogram,
    /// End − start.
    pub service: Histogram,
    /// End − due.
    pub response: Histogram,
}

/// An empty histogram of the kind used everywhere.
#[must_use]
pub fn histogram() -> Histogram {
    Histogram::new_with_bounds(1, HIGHEST, 3).expect("the bounds are constants and in order")
}

/// Records one time; below 1 µs counts as 1 µs, above 1 h as 1 h.
pub fn record(histogram: &mut Histogram, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(HIGHEST);
    histogram.saturating_record(micros.clamp(1, HIGHEST));
}

impl Default for Latency {
    fn default() -> Self {
        Self { delay: histogram(), service: histogram(), response: histogram() }
    }
}

impl Latency {
    /// The histograms with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Histogram); 3] {
        [("delay", &self.delay), ("service", &self.service), ("response", &self.response)]
    }

    /// Adds every recording of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (into, from) in [
            (&mut self.delay, &other.delay),
            (&mut self.service, &other.service),
            (&mut self.response, &other.response),
        ] {
            into.add(from).expect("all histograms have the same bounds");
        }
    }

    /// Forgets everything, keeping the memory.
    pub fn reset(&mut self) {
        self.delay.reset();
        self.service.reset();
        self.response.reset();
    }
}

/// The usual figures of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles {
    /// How many times were recorded; with 0 the figures mean nothing.
    pub count: u64,
    /// Half of the times are at most this.
    pub p50: Duration,
    /// 90 % of the times are at most this.
    pub p90: Duration,
    /// 95 % of the times are at most this.
    pub p95: Duration,
    /// 99 % of the times are at most this.
    pub p99: Duration,
    /// 99.9 % of the times are at most this.
    pub p999: Duration,
    /// The longest time.
    pub max: Duration,
}

impl Quantiles {
    /// Reads the usual figures from a histogram of microseconds.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        let at = |quantile| Duration::from_micros(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_micros(histogram.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn extremes_are_clamped() {
        let mut h = histogram();
        record(&mut h, Duration::ZERO);
        record(&mut h, Duration::from_secs(1_000_000));
        assert_eq!((h.len(), h.min()), (2, 1));
        assert!(h.equivalent(h.max(), HIGHEST));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Merged histograms are the histogram of all the times.
        #[test]
        fn merging_is_lossless(a in prop::collection::vec(0_u64..10_000_000, 0..50), b in prop::collection::vec(0_u64..10_000_000, 0..50)) {
            let recorded = |times: &mut dyn Iterator<Item = &u64>| {
                let mut latency = Latency::default();
                for &micros in times {
                    record(&mut latency.response, Duration::from_micros(micros));
                }
                latency
            };
            let mut merged = recorded(&mut a.iter());
            merged.merge(&recorded(&mut b.iter()));
            prop_assert_eq!(merged, recorded(&mut a.iter().chain(&b)));
        }
    }
}
