//! Theil–Sen: the median of the slopes between all pairs of points, which a
//! quarter of wild points cannot move, with Sen's distribution-free interval.
//!
//! Sources: Sen, *Estimates of the regression coefficient based on Kendall's
//! tau*, JASA 63 (1968); Hollander & Wolfe, *Nonparametric Statistical
//! Methods*, section 9.3. The number of pairs grows with the square of the
//! number of points: callers hand in [batches](super::batches), at most 40.

use super::median::of_sorted;
use super::normal;

/// A slope and what is certain of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// The median slope, in units of value per unit of time.
    pub slope: f64,
    /// The lower confidence bound of the slope; minus infinity when the points
    /// are too few to have one.
    pub lower: f64,
    /// Whether Kendall's test, with its correction for ties, rejects a slope of
    /// zero or below. Without ties this is the same as `lower` above 0; with
    /// ties, as a plateau makes them, `lower` may be 0 and the rise still real.
    pub rising: bool,
}

/// The slope of points with distinct times; `None` with fewer than four.
/// `confidence` is one-sided, such as 0.99.
#[must_use]
pub fn theil_sen(points: &[(f64, f64)], confidence: f64) -> Option<Slope> {
    if points.len() < 4 {
        return None;
    }
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    let mut kendall = 0.0;
    for (index, &(x1, y1)) in points.iter().enumerate() {
        for &(x2, y2) in &points[index + 1..] {
            let slope = (y2 - y1) / (x2 - x1);
            kendall += if slope > 0.0 {
                1.0
            } else if slope < 0.0 {
                -1.0
            } else {
                0.0
            };
            slopes.push(slope);
        }
    }
    slopes.sort_by(f64::total_cmp);
    let deviation = variance(points).sqrt();
    let z = normal::quantile(confidence);
    let rank = ((slopes.len() as f64 - z * deviation) / 2.0).floor();
    let lower = if rank >= 1.0 { slopes[rank as usize - 1] } else { f64::NEG_INFINITY };
    // One less for the step from a discrete to a continuous distribution.
    let rising = deviation > 0.0 && (kendall - 1.0) / deviation > z;
    Some(Slope { slope: of_sorted(&slopes)?, lower, rising })
}

/// The variance of Kendall's S when there is no trend, corrected for ties.
fn variance(points: &[(f64, f64)]) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut values: Vec<f64> = points.iter().map(|&(_, value)| value).collect();
    values.sort_by(f64::total_cmp);
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|tied| term(tied.len() as f64)).sum();
    (term(points.len() as f64) - ties) / 18.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(values: &[f64]) -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(index, &value)| (index as f64, value)).collect()
    }

    #[test]
    fn a_plateau_behind_a_rise_is_a_rise() {
        let found = theil_sen(&points(&[1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0]), 0.99).unwrap();
        assert!(found.rising && found.slope > 0.0);
        assert!(found.lower <= 0.0);
        let flat = theil_sen(&points(&[5.0; 8]), 0.99).unwrap();
        assert!(!flat.rising);
        assert_eq!(flat.slope, 0.0);
        assert_eq!(theil_sen(&points(&[1.0, 2.0, 3.0]), 0.99), None);
    }

    proptest! {
        /// Theil–Sen of a line is the line.
        #[test]
        fn a_line_is_found(slope in -100.0_f64..100.0, start in -1e3_f64..1e3, n in 8_usize..40) {
            prop_assume!(slope.abs() > 1e-3);
            let line: Vec<_> = (0..n).map(|i| (i as f64, start + slope * i as f64)).collect();
            let found = theil_sen(&line, 0.99).unwrap();
            prop_assert!((found.slope - slope).abs() < 1e-6);
            prop_assert_eq!(found.rising, slope > 0.0);
            prop_assert!((found.lower - slope).abs() < 1e-6);
        }

        /// Stretching the values by a factor and the time by another stretches
        /// the slope by their quotient, and the certainty stays.
        #[test]
        fn scaling_scales(values in prop::collection::vec(0_i32..1_000, 8..30), by in 0_i32..8, time in 0_i32..8) {
            let (by, time) = (f64::from(by).exp2(), f64::from(time).exp2());
            let plain: Vec<_> = values.iter().enumerate().map(|(i, &v)| (i as f64, f64::from(v))).collect();
            let scaled: Vec<_> = plain.iter().map(|&(x, y)| (x * time, y * by)).collect();
            let (a, b) = (theil_sen(&plain, 0.98).unwrap(), theil_sen(&scaled, 0.98).unwrap());
            prop_assert!((a.slope * by / time - b.slope).abs() < 1e-9 * (1.0 + b.slope.abs()));
            prop_assert_eq!(a.rising, b.rising);
        }

        /// The lower bound is at most the slope, and more confidence never
        /// raises it.
        #[test]
        fn more_confidence_is_more_careful(values in prop::collection::vec(0.0_f64..100.0, 8..30)) {
            let (less, more) = (theil_sen(&points(&values), 0.9).unwrap(), theil_sen(&points(&values), 0.99).unwrap());
            prop_assert!(less.lower <= less.slope && more.lower <= less.lower);
            prop_assert!(less.rising || !more.rising);
        }
    }
}
