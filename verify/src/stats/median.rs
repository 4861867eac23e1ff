//! Order statistics: the middle and the low end of a sample.

/// The median; `None` of nothing. With an even number of values the mean of the
/// two in the middle.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    of_sorted(&sorted)
}

/// The median of values in order.
#[must_use]
pub fn of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        None
    } else if sorted.len().is_multiple_of(2) {
        Some(f64::midpoint(sorted[middle - 1], sorted[middle]))
    } else {
        Some(sorted[middle])
    }
}

/// The value that the share `quantile` (from 0 to 1) of the values does not
/// exceed, by nearest rank: always one of the values; `None` of nothing.
#[must_use]
pub fn quantile(values: &[f64], quantile: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (quantile.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.0), Some(1.0));
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.75), Some(3.0));
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 1.0), Some(4.0));
    }

    proptest! {
        /// Fewer than half of the values cannot move the median out of the
        /// range of the others.
        #[test]
        fn the_median_resists_a_minority(good in prop::collection::vec(10.0_f64..20.0, 5..40), wild in -1e9_f64..1e9) {
            let mut values = good.clone();
            values.extend(std::iter::repeat_n(wild, good.len() - 1));
            let median = median(&values).unwrap();
            prop_assert!((10.0..20.0).contains(&median));
        }
    }
}
