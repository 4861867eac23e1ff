//! Histograms of times, held small. One that is ready to be asked takes 180 KiB, and a
//! soak has a hundred thousand seconds.

use loadgen::Histogram;
use serde::{Deserialize, Serialize};

use super::varint::{put, take};

/// A histogram of times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Times {
    /// Of each bucket: by how much its value is above that of the one before, and its
    /// count.
    bytes: Box<[u8]>,
}

impl Times {
    /// The recordings of a histogram.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        let recorded = histogram.iter_recorded();
        Self::packed(recorded.map(|b| (b.value_iterated_to(), b.count_at_value())))
    }

    /// Those of values in microseconds, the lowest first, with their counts.
    #[must_use]
    pub fn from_counts(counts: Vec<(u64, u64)>) -> Self {
        Self::packed(counts.into_iter())
    }

    fn packed(counts: impl Iterator<Item = (u64, u64)>) -> Self {
        let (mut bytes, mut before) = (Vec::new(), 0);
        for (value, count) in counts {
            put(&mut bytes, value.wrapping_sub(before));
            put(&mut bytes, count);
            before = value;
        }
        Self { bytes: bytes.into() }
    }

    /// A value of each bucket, in microseconds, and its count, the lowest first.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let (mut bytes, mut value) = (&self.bytes[..], 0_u64);
        std::iter::from_fn(move || {
            value = value.wrapping_add(take(&mut bytes)?);
            Some((value, take(&mut bytes)?))
        })
    }

    /// The histogram of these recordings: the same counts in the same buckets.
    #[must_use]
    pub fn histogram(&self) -> Histogram {
        let mut histogram = loadgen::latency::histogram();
        for (value, count) in self.counts() {
            histogram.saturating_record_n(value, count);
        }
        histogram
    }
}

impl From<Vec<(u64, u64)>> for Times {
    fn from(counts: Vec<(u64, u64)>) -> Self {
        Self::from_counts(counts)
    }
}

impl From<Times> for Vec<(u64, u64)> {
    fn from(times: Times) -> Self {
        times.counts().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Times;

    proptest! {
        /// Holding a histogram small loses nothing.
        #[test]
        fn small_times_are_the_histogram(micros in prop::collection::vec(0_u64..5_000_000_000, 0..200)) {
            let mut histogram = loadgen::latency::histogram();
            for &time in &micros {
                loadgen::latency::record(&mut histogram, Duration::from_micros(time));
            }
            prop_assert_eq!(Times::of(&histogram).histogram(), histogram);
        }

        /// Whatever is given is given back, and written as it always was.
        #[test]
        fn any_counts_are_given_back(counts in prop::collection::vec(any::<(u64, u64)>(), 0..50)) {
            let times = Times::from_counts(counts.clone());
            prop_assert_eq!(&times.counts().collect::<Vec<_>>(), &counts);
            let text = serde_json::to_string(&times).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&counts).unwrap());
            prop_assert_eq!(serde_json::from_str::<Times>(&text).unwrap(), times);
        }
    }
}
