//! Wilcoxon's signed-rank test turned into an interval: the pseudo-median of
//! paired differences with its lower confidence bound (Hollander & Wolfe,
//! *Nonparametric Statistical Methods*, sections 3.1 to 3.3; Hodges & Lehmann
//! 1963).

use super::median::of_sorted;
use super::normal;

/// The typical difference and what is certain of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The pseudo-median: the median of the means of all pairs.
    pub middle: f64,
    /// Its lower confidence bound; minus infinity with too few differences.
    pub lower: f64,
}

/// More differences than this are first averaged with their neighbours, because
/// the work grows with the square of their number.
const MOST: usize = 300;

/// The pseudo-median of differences; `None` of nothing. `confidence` is
/// one-sided, such as 0.98.
#[must_use]
pub fn shift(differences: &[f64], confidence: f64) -> Option<Shift> {
    let size = differences.len().div_ceil(MOST).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let values: Vec<f64> = differences.chunks(size).map(mean).collect();
    let mut means = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
    for (index, a) in values.iter().enumerate() {
        means.extend(values[index..].iter().map(|b| f64::midpoint(*a, *b)));
    }
    means.sort_by(f64::total_cmp);
    let lower = match rank(values.len(), 1.0 - confidence) {
        0 => f64::NEG_INFINITY,
        rank => means[rank - 1],
    };
    Some(Shift { middle: of_sorted(&means)?, lower })
}

/// Which of the sorted means is the lower bound, from 1; 0 where none is: the
/// greatest rank C with P(T⁺ ≤ C − 1) ≤ `error`, where T⁺ is Wilcoxon's
/// statistic of `n` differences about 0, by its exact distribution (Hollander &
/// Wolfe, section 3.3): T⁺ is the sum of a random subset of the ranks 1 to n.
fn rank(n: usize, error: f64) -> usize {
    let most = n * (n + 1) / 2;
    let mut chance = vec![0.0; most + 1];
    chance[0] = 1.0;
    for added in 1..=n {
        for sum in (0..=added * (added + 1) / 2).rev() {
            let with = if sum >= added { chance[sum - added] } else { 0.0 };
            chance[sum] = f64::midpoint(chance[sum], with);
        }
    }
    let mut below = 0.0;
    chance
        .iter()
        .take_while(|chance| {
            below += *chance;
            below <= error
        })
        .count()
}

/// The lower confidence bound of the mean of paired differences, by Student's
/// distribution; `None` of fewer than two. Where an outage makes a few
/// differences large and leaves the rest at zero, this sees what a rank test
/// does not.
#[must_use]
pub fn mean_lower(differences: &[f64], confidence: f64) -> Option<f64> {
    let n = differences.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    Some(mean - normal::student(confidence, n - 1.0) * error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_constant_shift_is_certain() {
        assert_eq!(shift(&[2.0; 12], 0.98), Some(Shift { middle: 2.0, lower: 2.0 }));
        assert_eq!(shift(&[], 0.98), None);
        assert_eq!(shift(&[2.0; 3], 0.98).unwrap().lower, f64::NEG_INFINITY);
        assert_eq!(
            mean_lower(&[0.1; 12], 0.98).map(|lower| (lower - 0.1).abs() < 1e-12),
            Some(true)
        );
        assert_eq!(mean_lower(&[1.0], 0.98), None);
    }

    #[test]
    fn the_rank_of_the_bound_is_that_of_counting_every_subset() {
        for (n, error, rank_of_bound) in
            [(5, 0.032, 1), (8, 0.0275, 5), (10, 0.0245, 9), (4, 0.05, 0), (15, 0.0505, 31)]
        {
            assert_eq!(rank(n, error), rank_of_bound, "{n} {error}");
        }
    }

    #[test]
    fn noise_alone_rarely_looks_like_a_shift() {
        let mut random = fastrand::Rng::with_seed(5);
        let runs = 2_000;
        let alarms = (0..runs)
            .filter(|_| {
                let noise: Vec<f64> = (0..28).map(|_| random.f64() - random.f64()).collect();
                shift(&noise, 0.98).unwrap().lower > 0.0
            })
            .count();
        assert!(alarms <= 60, "{alarms} of {runs} at a confidence of 98 %");
    }

    proptest! {
        /// Adding a constant to every difference adds it to the shift.
        #[test]
        fn shifts_shift(values in prop::collection::vec(-100_i32..100, 5..60), by in -50_i32..50) {
            let plain: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let moved: Vec<f64> = plain.iter().map(|v| v + f64::from(by)).collect();
            let (a, b) = (shift(&plain, 0.98).unwrap(), shift(&moved, 0.98).unwrap());
            prop_assert!((a.middle + f64::from(by) - b.middle).abs() < 1e-9);
            prop_assert!(a.lower <= a.middle);
        }
    }
}
