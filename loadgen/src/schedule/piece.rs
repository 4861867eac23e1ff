//! A stretch of time in which the rate changes evenly, in whole numbers.
//!
//! Rates are in operations per 10⁹ seconds and times in nanoseconds, so their
//! product counts operations in units of 10⁻¹⁸: *positions*. Everything here
//! is exact, so nothing drifts, however long the run.

/// One operation, in positions.
pub(super) const OPERATION: u128 = 1_000_000_000_000_000_000;

/// A stretch of time with a rate that changes evenly from its first to its
/// last moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Nanoseconds after T0; the end is outside.
    pub(super) from: u64,
    pub(super) to: u64,
    /// Operations per 10⁹ seconds, at the beginning and at the end.
    pub(super) first: u64,
    pub(super) last: u64,
    /// The positions before this piece.
    pub(super) base: u128,
    /// The positions before the next piece.
    pub(super) end: u128,
}

impl Piece {
    pub(super) fn new(from: u64, to: u64, first: u64, last: u64, base: u128) -> Self {
        let mut piece = Self { from, to, first, last, base, end: base };
        piece.end = base + piece.integral(to - from);
        piece
    }

    /// The integral of the rate from the beginning to `x` nanoseconds later,
    /// in positions, rounded down; never decreasing in `x`.
    fn integral(&self, x: u64) -> u128 {
        let even = u128::from(self.first) * u128::from(x);
        if self.first == self.last {
            return even;
        }
        // Half of x² / T, split so that no product overflows.
        let change = u128::from(self.first.abs_diff(self.last));
        let square = u128::from(x) * u128::from(x);
        let whole = 2 * u128::from(self.to - self.from);
        let (quotient, rest) = (change * (square / whole), change * (square % whole));
        if self.last > self.first {
            even + quotient + rest / whole
        } else {
            even - quotient - rest.div_ceil(whole)
        }
    }

    /// When a position inside this piece is reached, in nanoseconds after T0:
    /// at the first nanosecond at which the integral is at least that, or at
    /// the piece's last one.
    pub(super) fn time(&self, position: u128) -> u64 {
        let y = position - self.base;
        let length = self.to - self.from;
        let x = if self.first == self.last {
            u64::try_from(y.div_ceil(u128::from(self.first))).unwrap_or(u64::MAX)
        } else {
            least(self.guess(y), length, |x| self.integral(x) >= y)
        };
        self.from + x.min(length - 1)
    }

    /// Every position below this one is reached at `at`, which is not before
    /// the piece.
    pub(super) fn reach(&self, at: u64) -> u128 {
        if at >= self.to - 1 { self.end } else { self.base + self.integral(at - self.from) + 1 }
    }

    /// About when the integral is `y`: the root of a quadratic equation, in
    /// the form that does not cancel.
    fn guess(&self, y: u128) -> u64 {
        let (first, last) = (self.first as f64, self.last as f64);
        let slope = (last - first) / (self.to - self.from) as f64;
        let y = y as f64;
        let root = (first * first + 2.0 * slope * y).max(0.0).sqrt();
        let x = 2.0 * y / (first + root);
        if x.is_finite() { x as u64 } else { 0 }
    }
}

/// The least number up to `most` for which `holds`, which does for all above
/// it; looked for around `guess`.
fn least(guess: u64, most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let guess = guess.min(most);
    let (mut low, mut high);
    let mut step = 1;
    if holds(guess) {
        high = guess;
        loop {
            if high == 0 {
                return 0;
            }
            let next = high.saturating_sub(step);
            if !holds(next) {
                low = next;
                break;
            }
            high = next;
            step *= 2;
        }
    } else {
        low = guess;
        loop {
            let next = low.saturating_add(step).min(most);
            if next == most || holds(next) {
                high = next;
                break;
            }
            low = next;
            step *= 2;
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The least number is found from any guess.
        #[test]
        fn the_least_number_is_found(wanted in 0_u64..1_000, more in 0_u64..1_000, guess in 0_u64..3_000) {
            prop_assert_eq!(least(guess, wanted + more, |x| x >= wanted), wanted);
        }

        /// The integral is that of a straight line, to within one unit, and
        /// never decreases; even at the greatest rates and lengths.
        #[test]
        fn the_integral_is_exact(
            first in 0_u64..=1_000_000_000_000_000_000,
            last in 0_u64..=1_000_000_000_000_000_000,
            length in 1_u64..=u64::MAX >> 2,
            share in 0.0_f64..1.0,
        ) {
            let piece = Piece::new(0, length, first, last, 0);
            let x = (share * length as f64) as u64;
            prop_assert!(piece.integral(x) <= piece.integral((x + 1).min(length)));
            let trapezoid = (u128::from(first) + u128::from(last)) * u128::from(length) / 2;
            prop_assert!(piece.end.abs_diff(trapezoid) <= 1);
            let (first, last, x, length) = (first as f64, last as f64, x as f64, length as f64);
            let line = first * x + (last - first) * x * x / 2.0 / length;
            let size = (first + last) * length;
            prop_assert!((piece.integral(x as u64) as f64 - line).abs() <= 1e-9 * size + 1.0);
        }
    }
}
