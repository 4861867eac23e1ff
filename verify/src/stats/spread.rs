//! The middle and the spread of a few figures, of which some may be far off.
//!
//! The spread is the median distance from the median, times 1.4826, which makes it the
//! standard deviation of a normal distribution (Hampel, *The influence curve and its role in
//! robust estimation*, 1974). Fewer than half of the figures, wherever they lie, cannot carry
//! it away.

use super::median::median;

/// What the median distance of a normal distribution is multiplied with for its standard
/// deviation: 1 / Φ⁻¹(3/4).
const OF_NORMAL: f64 = 1.482_602_218_505_602;

/// The middle and the spread of figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The median, in the unit of the figures.
    pub median: f64,
    /// As a standard deviation, in the unit of the figures; 0 where most are equal.
    pub deviation: f64,
    /// How many figures there are.
    pub count: usize,
}

impl Spread {
    /// That of figures; nothing of none.
    #[must_use]
    pub fn of(figures: &[f64]) -> Option<Self> {
        let middle = median(figures)?;
        let distances: Vec<f64> = figures.iter().map(|figure| (figure - middle).abs()).collect();
        let deviation = OF_NORMAL * median(&distances)?;
        Some(Self { median: middle, deviation, count: figures.len() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(figures: &[f64]) -> Spread {
        Spread::of(figures).unwrap()
    }

    #[test]
    fn a_few_figures() {
        assert_eq!(Spread::of(&[]), None);
        let spread = of(&[1.0, 2.0, 3.0, 4.0, 100.0]);
        assert_eq!((spread.median, spread.count), (3.0, 5));
        assert!((spread.deviation - OF_NORMAL).abs() < 1e-12);
        assert_eq!(of(&[7.0, 7.0, 7.0, 9.0]).deviation, 0.0);
    }

    proptest! {
        /// Figures in another unit, or all greater by as much, have the same spread in it.
        #[test]
        fn it_is_in_the_unit_of_the_figures(
            figures in prop::collection::vec(-100.0_f64..100.0, 1..20),
            scale in 0.1_f64..10.0,
            shift in -100.0_f64..100.0,
        ) {
            let changed: Vec<f64> = figures.iter().map(|figure| figure * scale + shift).collect();
            let (before, after) = (of(&figures), of(&changed));
            prop_assert!((before.median * scale + shift - after.median).abs() < 1e-9);
            prop_assert!((before.deviation * scale - after.deviation).abs() < 1e-9);
        }

        /// One figure that is far off leaves the median among the others, and the spread
        /// no greater than twice their width.
        #[test]
        fn one_figure_carries_nothing_away(
            figures in prop::collection::vec(0.0_f64..10.0, 3..20), off in -1e9_f64..1e9,
        ) {
            let mut with = figures.clone();
            with.push(off);
            let spread = of(&with);
            let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
            let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(spread.median >= least && spread.median <= most);
            prop_assert!(spread.deviation <= 2.0 * (most - least) + 1e-9);
        }
    }
}
