//! A share with what is certain of it, held against a bound.

use crate::stats::blocks::{Block, design_effect, total};
use crate::stats::share::{self, Interval};

/// The fewest seconds, or stretches of them, that a resemblance of neighbours can be
/// seen in.
pub const FEWEST_BLOCKS: usize = 8;

/// The fewest tries that are judged.
pub const FEWEST_TRIES: f64 = 30.0;

/// Where something certainly lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Side {
    /// Above the bound.
    Above,
    /// At the bound or below.
    Below,
    /// There is no telling yet: how many more tries it takes, going on as so far;
    /// `None` where it lies so close that no number is foreseen.
    Open(Option<f64>),
}

/// A share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// All tries, and those that count.
    pub seen: Block,
    /// How many tries are worth one independent one.
    pub effect: f64,
    /// What is possible.
    pub interval: Interval,
    /// Whether there are too few tries or blocks to judge it.
    pub is_short: bool,
    /// The fewest tries that are judged: so many as make enough blocks, going on as so
    /// far.
    pub least: f64,
}

impl Estimate {
    /// The share of tries in these blocks, wrong with a probability of `error` at
    /// most, at whatever moment one looks. `least_effect` is 1 for yes and no.
    #[must_use]
    pub fn of(blocks: &[Block], error: f64, least_effect: f64) -> Self {
        let seen = total(blocks);
        let effect = design_effect(blocks, least_effect);
        let interval = share::interval(seen.of / effect, seen.tries / effect, error);
        let filled = blocks.iter().filter(|block| block.tries > 0.0).count();
        let each = seen.tries / filled.max(1) as f64;
        let missing = FEWEST_BLOCKS.saturating_sub(filled) as f64;
        let least = FEWEST_TRIES.max(if missing > 0.0 { seen.tries + missing * each } else { 0.0 });
        let is_short = filled < FEWEST_BLOCKS || seen.tries < FEWEST_TRIES;
        Self { seen, effect, interval, is_short, least }
    }

    /// The observed share; 0 of nothing.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.seen.tries > 0.0 { self.seen.of / self.seen.tries } else { 0.0 }
    }

    /// Where it lies.
    #[must_use]
    pub fn against(&self, bound: f64, error: f64) -> Side {
        if self.is_short {
            let needed = share::needed(self.share(), bound, error).map_or(0.0, |n| n * self.effect);
            let fewest = needed.max(self.least) - self.seen.tries;
            Side::Open(Some(fewest.max(1.0)))
        } else if self.interval.low > bound {
            Side::Above
        } else if self.interval.high <= bound {
            Side::Below
        } else {
            let needed = share::needed(self.share(), bound, error);
            Side::Open(needed.map(|needed| (needed * self.effect - self.seen.tries).max(1.0)))
        }
    }
}

/// The blocks of the version under test, and of the stable one at the same times.
pub type Sides = (Vec<Block>, Vec<Block>);

/// How much greater one share is than another that was seen at the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The version under test.
    pub canary: Estimate,
    /// The stable version, weighted as the traffic of the version under test was.
    pub stable: Estimate,
    /// What is possible of the difference.
    pub interval: Interval,
}

impl Difference {
    /// The difference between shares over strata of time, such as phases: in each the
    /// blocks of the version under test and those of the stable one. Both intervals
    /// are wrong with half of `error` at most, so the difference of their ends holds
    /// with all of it. Within a stratum both versions saw the same times; across
    /// strata, where the split differs, the stable share is weighted by the traffic
    /// of the version under test, with the tries that such a mean is worth (Kish,
    /// *Survey Sampling*, 1965, section 11.7: (Σw)² / Σw²).
    #[must_use]
    pub fn of(strata: &[Sides], error: f64) -> Self {
        let all = |of: fn(&Sides) -> &Vec<Block>| -> Vec<Block> {
            strata.iter().flat_map(|stratum| of(stratum).iter().copied()).collect()
        };
        let canary = Estimate::of(&all(|stratum| &stratum.0), error / 2.0, 1.0);
        let effect = design_effect(&all(|stratum| &stratum.1), 1.0);
        let (mut weight, mut share, mut spread) = (0.0, 0.0, 0.0);
        let mut is_short = false;
        for (new, old) in strata {
            let (new, old) = (total(new), total(old));
            if new.tries <= 0.0 {
                continue;
            }
            is_short |= old.tries < FEWEST_TRIES;
            weight += new.tries;
            share += new.tries * old.of / old.tries.max(1.0);
            spread += new.tries * new.tries / old.tries.max(1.0);
        }
        let tries = if spread > 0.0 { weight * weight / spread } else { 0.0 };
        let share = if weight > 0.0 { share / weight } else { 0.0 };
        let interval = share::interval(share * tries / effect, tries / effect, error / 2.0);
        let seen = Block { tries, of: share * tries };
        let stable = Estimate { seen, effect, interval, is_short, least: FEWEST_TRIES };
        let interval = Interval {
            low: canary.interval.low - stable.interval.high,
            high: canary.interval.high - stable.interval.low,
        };
        Self { canary, stable, interval }
    }

    /// Where it lies.
    #[must_use]
    pub fn against(&self, bound: f64, error: f64) -> Side {
        let is_short = self.canary.is_short || self.stable.is_short;
        if !is_short && self.interval.low > bound {
            return Side::Above;
        }
        if !is_short && self.interval.high <= bound {
            return Side::Below;
        }
        // Both go on as so far.
        let decided = |times: f64| {
            let wider = |side: &Estimate| {
                let (of, tries) = (side.seen.of / side.effect, side.seen.tries / side.effect);
                share::interval(of * times, tries * times, error / 2.0)
            };
            let (canary, stable) = (wider(&self.canary), wider(&self.stable));
            canary.low - stable.high > bound || canary.high - stable.low <= bound
        };
        let times = (1..=20).map(|power| 2_f64.powi(power)).find(|&times| decided(times));
        let tries = self.canary.seen.tries.max(FEWEST_TRIES);
        Side::Open(times.map(|times| (times - 1.0) * tries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn even(seconds: usize, tries: f64, of: f64) -> Vec<Block> {
        vec![Block { tries, of }; seconds]
    }

    #[test]
    fn a_bound_is_broken_kept_or_open() {
        let good = Estimate::of(&even(60, 100.0, 0.0), 0.001, 1.0);
        assert_eq!(good.against(0.005, 0.001), Side::Below);
        let bad = Estimate::of(&even(60, 100.0, 2.0), 0.001, 1.0);
        assert_eq!(bad.against(0.005, 0.001), Side::Above);
        let little = Estimate::of(&even(10, 10.0, 0.0), 0.001, 1.0);
        let Side::Open(Some(more)) = little.against(0.005, 0.001) else { panic!("{little:?}") };
        assert!((1_000.0..4_000.0).contains(&more), "{more}");
        let nothing = Estimate::of(&[], 0.001, 1.0);
        assert!(matches!(nothing.against(0.005, 0.001), Side::Open(Some(_))));
    }

    #[test]
    fn what_both_suffer_is_no_difference() {
        let strata = [(even(30, 25.0, 1.0), even(30, 475.0, 19.0))];
        let difference = Difference::of(&strata, 0.001);
        assert!(!matches!(difference.against(0.01, 0.001), Side::Above), "{difference:?}");
        let strata = [(even(300, 250.0, 10.0), even(300, 250.0, 10.0))];
        assert_eq!(Difference::of(&strata, 0.001).against(0.01, 0.001), Side::Below);
    }

    #[test]
    fn a_split_that_changes_does_not_mix_the_times() {
        // A bad time, in which the stable version has most of the traffic, and a good
        // one, in which it has little: both versions are the same at both times.
        let bad = (even(40, 10.0, 1.0), even(40, 190.0, 19.0));
        let good = (even(40, 100.0, 0.0), even(40, 100.0, 0.0));
        let mixed = Difference::of(&[bad.clone(), good.clone()], 0.001);
        assert!((mixed.canary.share() - mixed.stable.share()).abs() < 1e-9, "{mixed:?}");
        let turned = Difference::of(&[(bad.1, bad.0), good], 0.001);
        assert!((turned.canary.share() - turned.stable.share()).abs() < 1e-9, "{turned:?}");
    }

    proptest! {
        /// More of what counts never makes a broken bound a kept one.
        #[test]
        fn worse_is_never_better(of in prop::collection::vec(0_u8..20, 8..60), more in 1_u8..5) {
            let blocks = |more: u8| -> Vec<Block> {
                of.iter().map(|&of| Block { tries: 40.0, of: f64::from(of + more) }).collect()
            };
            let better = Estimate::of(&blocks(0), 0.01, 1.0);
            let worse = Estimate::of(&blocks(more), 0.01, 1.0);
            let is_broken = better.against(0.1, 0.01) == Side::Above;
            prop_assert!(!is_broken || worse.against(0.1, 0.01) != Side::Below);
        }
    }
}
