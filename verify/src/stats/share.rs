//! A share of which more and more is known: an interval that holds at every look.
//!
//! Whoever looks at a share again and again and stops when its interval excludes a
//! bound is wrong more often than each interval says. A *confidence sequence* is an
//! interval for every number of tries of which, with the given confidence, all hold
//! the true share at once: looking early, often, or until one is satisfied costs
//! nothing.
//!
//! This one is Robbins' mixture (Robbins, *Statistical methods related to the law of
//! the iterated logarithm*, 1970; Howard, Ramdas, McAuliffe & Sekhon, *Time-uniform,
//! nonparametric, nonasymptotic confidence sequences*, 2021): with k of n and
//! Jeffreys' prior Beta(½, ½),
//!
//! ```text
//! M(p) = B(k + ½, n − k + ½) / B(½, ½) / (pᵏ (1 − p)ⁿ⁻ᵏ)
//! ```
//!
//! is a martingale with mean 1 where p is the true share, so that it ever reaches
//! 1/α with a probability of α at most (Ville's inequality). The interval are the p
//! with M(p) < 1/α. For scores between 0 and 1 instead of yes and no, M is a
//! supermartingale (its factor for one score is convex in the score), and the same
//! interval holds for their mean.

use statrs::function::beta::ln_beta;

/// The least and the greatest share that the tries leave possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end, from 0.
    pub low: f64,
    /// The upper end, to 1.
    pub high: f64,
}

impl Interval {
    /// What is possible before anything is known.
    pub const ALL: Self = Self { low: 0.0, high: 1.0 };

    /// Whether the value can be the true one.
    #[must_use]
    pub fn has(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Jeffreys' prior.
const PRIOR: f64 = 0.5;

/// How often an interval is halved to find where it ends.
const HALVINGS: u32 = 60;

/// The confidence sequence after `of` in `tries` (both may be fractions, where tries
/// that resemble each other count as fewer), wrong anywhere with a probability of
/// `error` at most.
#[must_use]
pub fn interval(of: f64, tries: f64, error: f64) -> Interval {
    if !(tries > 0.0 && error > 0.0 && error < 1.0) {
        return Interval::ALL;
    }
    let of = of.clamp(0.0, tries);
    let middle = of / tries;
    let is_out = |share: f64| evidence(of, tries, share) >= -error.ln();
    let edge = |mut out: f64, mut inside: f64| {
        if !is_out(out) {
            return out;
        }
        for _ in 0..HALVINGS {
            let between = f64::midpoint(out, inside);
            if is_out(between) { out = between } else { inside = between }
        }
        inside
    };
    Interval { low: edge(0.0, middle), high: edge(1.0, middle) }
}

/// ln M(p): how much the tries speak against this share.
fn evidence(of: f64, tries: f64, share: f64) -> f64 {
    let not = tries - of;
    let log = |times: f64, share: f64| if times > 0.0 { times * share.ln() } else { 0.0 };
    let likelihood = log(of, share) + log(not, 1.0 - share);
    ln_beta(of + PRIOR, not + PRIOR) - ln_beta(PRIOR, PRIOR) - likelihood
}

/// How many tries it takes, going on as so far, until the interval excludes the
/// bound: `None` where no number would do, or more than a thousand million.
#[must_use]
pub fn needed(share: f64, bound: f64, error: f64) -> Option<f64> {
    let excludes = |tries: f64| !interval(share * tries, tries, error).has(bound);
    let mut enough = 1.0;
    while !excludes(enough) {
        enough *= 2.0;
        if enough > 1e9 {
            return None;
        }
    }
    let mut few = enough / 2.0;
    while enough - few > enough * 0.01 {
        let between = f64::midpoint(few, enough);
        if excludes(between) { enough = between } else { few = between }
    }
    Some(enough.ceil())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn little_says_little_and_much_says_much() {
        assert_eq!(interval(0.0, 0.0, 0.01), Interval::ALL);
        let one = interval(1.0, 1.0, 0.01);
        assert!(one.low < 0.01 && one.high >= 1.0 - 1e-12, "{one:?}");
        let none = interval(0.0, 3_000.0, 0.001);
        assert!(none.low == 0.0 && (0.002..0.005).contains(&none.high), "{none:?}");
        let half = interval(5_000.0, 10_000.0, 0.001);
        assert!(half.low > 0.47 && half.high < 0.53, "{half:?}");
        let all = interval(50.0, 50.0, 0.001);
        assert!(all.low > 0.7 && all.high >= 1.0 - 1e-12, "{all:?}");
    }

    #[test]
    fn looking_after_every_try_is_wrong_no_more_often_than_was_said() {
        let mut random = fastrand::Rng::with_seed(11);
        for truth in [0.003, 0.05, 0.5, 0.95] {
            let runs = 400;
            let wrong = (0..runs)
                .filter(|_| {
                    let mut of = 0.0;
                    (1..=1_000).any(|tries| {
                        of += f64::from(u8::from(random.f64() < truth));
                        let looks = tries % 7 == 0;
                        looks && !interval(of, f64::from(tries), 0.05).has(truth)
                    })
                })
                .count();
            assert!(wrong <= 30, "{wrong} of {runs} at {truth} with an error of 5 %");
        }
    }

    #[test]
    fn what_is_needed_is_enough_and_little_less_is_not() {
        for (share, bound) in [(0.0, 0.005), (0.02, 0.005), (0.06, 0.05), (0.9, 0.5)] {
            let tries = needed(share, bound, 0.001).unwrap();
            assert!(!interval(share * tries, tries, 0.001).has(bound));
            assert!(interval(share * tries * 0.9, tries * 0.9, 0.001).has(bound));
        }
        assert_eq!(needed(0.01, 0.01, 0.001), None);
    }

    proptest! {
        /// The observed share is always possible, less certainty asks for a
        /// narrower interval, and more tries of the same share narrow it.
        #[test]
        fn intervals_nest(of in 0_u32..500, more in 0_u32..500, error in 1e-6_f64..0.3) {
            let (of, tries) = (f64::from(of), f64::from(of + more) + 1.0);
            let wide = interval(of, tries, error / 2.0);
            let narrow = interval(of, tries, error);
            let later = interval(of * 4.0, tries * 4.0, error);
            prop_assert!(narrow.low <= of / tries && of / tries <= narrow.high);
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            prop_assert!(narrow.low <= later.low + 1e-9 && later.high <= narrow.high + 1e-9);
        }

        /// Turning yes and no round turns the interval round.
        #[test]
        fn intervals_mirror(of in 0_u32..300, not in 0_u32..300) {
            let (of, not) = (f64::from(of), f64::from(not) + 1.0);
            let (a, b) = (interval(of, of + not, 0.01), interval(not, of + not, 0.01));
            prop_assert!((a.low - (1.0 - b.high)).abs() < 1e-9);
            prop_assert!((a.high - (1.0 - b.low)).abs() < 1e-9);
        }
    }
}
