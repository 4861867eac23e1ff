//! Compares a figure of two runs, measured over and over in each: by how much
//! it differs, and how sure that is.
//!
//! The shift is Hodges and Lehmann's: the median of all differences between a
//! value of one run and one of the other. Its confidence interval is that of
//! the Mann–Whitney test (Hollander, Wolfe and Chicken, *Nonparametric
//! Statistical Methods*, 3rd edition, section 4.3), by its normal
//! approximation. Values of neighbouring seconds resemble each other, so there
//! is less in them than their number says: the variance is widened by the
//! ratio of their number to the effective one, which comes from the means of
//! batches.

/// The normal quantile of a two-sided confidence of 95 %.
const Z: f64 = 1.959_963_985;

/// Fewer effective values than this on a side prove nothing.
pub const LEAST: f64 = 8.0;

/// By how much the second run differs from the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The medians of the runs, in the unit of the values.
    pub medians: (f64, f64),
    /// Second less first: the shift, in the unit of the values.
    pub shift: f64,
    /// The shift lies between these with a confidence of 95 %; everything, if
    /// there are too few values.
    pub interval: (f64, f64),
    /// The effective numbers of values.
    pub effective: (f64, f64),
}

impl Comparison {
    /// Compares two runs; `None` if one has no value.
    #[must_use]
    pub fn of(first: &[f64], second: &[f64]) -> Option<Self> {
        if first.is_empty() || second.is_empty() {
            return None;
        }
        let mut differences: Vec<f64> =
            second.iter().flat_map(|b| first.iter().map(move |a| b - a)).collect();
        differences.sort_by(f64::total_cmp);
        let effective = (effective_size(first), effective_size(second));
        let (m, n) = (first.len() as f64, second.len() as f64);
        let widened = (m / effective.0).max(n / effective.1);
        let deviation = (m * n * (m + n + 1.0) / 12.0 * widened).sqrt();
        let low = (m * n / 2.0 - Z * deviation).floor();
        let enough = effective.0 >= LEAST && effective.1 >= LEAST;
        let interval = if enough && low >= 1.0 {
            let low = low as usize - 1;
            (differences[low], differences[differences.len() - 1 - low])
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        };
        let medians = (median(&sorted(first)), median(&sorted(second)));
        Some(Self { medians, shift: median(&differences), interval, effective })
    }

    /// Whether the runs differ, with a confidence of 95 %.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.interval.0 > 0.0 || self.interval.1 < 0.0
    }

    /// The shift as a share of the first run's median; `None` if that is 0.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.medians.0 != 0.0).then(|| self.shift / self.medians.0)
    }
}

/// How many independent values say as much as these, by the means of √n
/// batches of √n values.
#[must_use]
pub fn effective_size(values: &[f64]) -> f64 {
    let n = values.len();
    let length = n.isqrt();
    if length < 2 {
        return n as f64;
    }
    let means: Vec<f64> = values
        .chunks_exact(length)
        .map(|batch| batch.iter().sum::<f64>() / length as f64)
        .collect();
    let (single, batches) = (variance(values), variance(&means) * length as f64);
    if batches <= single { n as f64 } else { n as f64 * single / batches }
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { sorted[middle - 1].midpoint(sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shape::{mix, unit};

    /// Even noise between 0 and 1, each value held `held` times.
    fn noise(seed: u64, count: u64, held: u64) -> Vec<f64> {
        (0..count).map(|at| unit(mix(mix(seed) ^ mix(at / held + 1)))).collect()
    }

    #[test]
    fn runs_that_are_alike_seldom_differ() {
        for held in [1, 5] {
            let differing = (0..400)
                .filter(|&seed| {
                    let (a, b) = (noise(seed, 100, held), noise(seed + 1_000, 100, held));
                    Comparison::of(&a, &b).unwrap().differs()
                })
                .count();
            // 5 % of 400 are 20; batch means of 10 see most of the likeness.
            assert!(differing <= 48, "{differing} of 400, each value held {held} times");
        }
    }

    #[test]
    fn a_shift_is_found_and_enclosed() {
        let mut enclosed = 0;
        for seed in 0..200 {
            let a = noise(seed, 60, 1);
            let b: Vec<f64> = noise(seed + 500, 60, 1).iter().map(|value| value + 0.5).collect();
            let comparison = Comparison::of(&a, &b).unwrap();
            assert!(comparison.differs());
            enclosed += usize::from((comparison.interval.0..comparison.interval.1).contains(&0.5));
        }
        assert!(enclosed >= 180, "{enclosed} of 200");
    }

    #[test]
    fn few_values_prove_nothing() {
        assert!(Comparison::of(&[], &[1.0]).is_none());
        let few = Comparison::of(&[1.0; 5], &[9.0; 5]).unwrap();
        assert!(!few.differs());
        assert_eq!(few.shift, 8.0);
    }

    proptest! {
        /// Comparing the other way round turns the sign, and the shift lies in
        /// its interval.
        #[test]
        fn it_is_antisymmetric(a in prop::collection::vec(0.0_f64..10.0, 1..40), b in prop::collection::vec(0.0_f64..10.0, 1..40)) {
            let (one, other) = (Comparison::of(&a, &b).unwrap(), Comparison::of(&b, &a).unwrap());
            prop_assert!((one.shift + other.shift).abs() < 1e-9);
            prop_assert!(one.interval.0 <= one.shift && one.shift <= one.interval.1);
            prop_assert_eq!(one.differs(), other.differs());
        }

        /// There is never more in values than their number.
        #[test]
        fn no_more_than_there_are(values in prop::collection::vec(0.0_f64..10.0, 1..200)) {
            let effective = effective_size(&values);
            prop_assert!(effective <= values.len() as f64 + 1e-9 && effective >= 0.0);
        }
    }
}
