//! Response times of two versions at the same times, as shares.
//!
//! Both versions are compared within stretches of time so short that whatever slows
//! down both, a neighbour or the time of the day, is the same for both in each. Two
//! questions, each about a *factor* (1.1 where 10 % more is allowed):
//!
//! - *At a quantile p*: how many requests of the version under test take longer than
//!   the factor times the stable version's quantile of the same stretch? If its
//!   quantile is within the factor these are 1 − p at most. The stable version's
//!   quantile is its order statistic of rank ⌈p(n + 1)⌉, above which a further
//!   request of the same distribution lies with a probability of 1 − p at most,
//!   whatever the distribution is (David & Nagaraja, *Order Statistics*, 2003,
//!   section 7.1). Held against 1 − p by a confidence sequence this is the interval
//!   for quantiles of Howard & Ramdas (*Sequential estimation of quantiles with
//!   applications to A/B testing and best-arm identification*, 2022).
//! - *Typically*: how often does a request of the version under test take longer
//!   than the factor times one of the stable version at the same time? That is the
//!   statistic of Mann & Whitney (1947) over the number of pairs, ½ if there is no
//!   difference, taken by stretches (van Elteren 1960). The factor at which it is ½
//!   is the typical ratio (Hodges & Lehmann 1963, of logarithms).

use crate::stats::blocks::Block;

/// Response times of a second: values in microseconds, the lowest first and each
/// once, and how many there were of each.
pub type Times = Vec<(u64, u64)>;

/// The same second on both versions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pair {
    /// The second.
    pub second: i64,
    /// The version under test.
    pub canary: Times,
    /// The stable version.
    pub stable: Times,
}

/// Seconds that are compared as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Its first second.
    pub second: i64,
    canary: Times,
    /// The stable version's quantile, in microseconds.
    quantile: f64,
    /// How many of the stable version's requests there were.
    stable: Times,
}

/// How many more requests than the fewest that have the quantile a stretch has.
const ROOM: f64 = 2.0;

/// The seconds in stretches, in each of which the stable version has enough requests
/// for the quantile: at least 2/(1 − p), and 2/p. What is left over at the end, or
/// has no requests on one side, is compared with nothing.
#[must_use]
pub fn stretches(pairs: &[Pair], quantile: f64) -> Vec<Stretch> {
    let needed = (ROOM / (1.0 - quantile).min(quantile)).ceil() as u64;
    let mut stretches = Vec::new();
    let mut open = Pair::default();
    for pair in pairs {
        if open.canary.is_empty() && open.stable.is_empty() {
            open.second = pair.second;
        }
        merge(&mut open.canary, &pair.canary);
        merge(&mut open.stable, &pair.stable);
        let count = len(&open.stable);
        if count < needed || open.canary.is_empty() {
            continue;
        }
        let rank = (quantile * (count + 1) as f64).ceil() as u64;
        let Pair { second, canary, stable } = std::mem::take(&mut open);
        let quantile = ranked(&stable, rank.min(count)) as f64;
        stretches.push(Stretch { second, canary, quantile, stable });
    }
    stretches
}

/// How much longer than on the stable version something may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// So many times as long …
    pub factor: f64,
    /// … but no more than so many seconds longer …
    pub most: f64,
    /// … though so many seconds longer in any case.
    pub least: f64,
}

impl Tolerance {
    /// A factor alone.
    #[must_use]
    pub const fn factor(factor: f64) -> Self {
        Self { factor, most: f64::INFINITY, least: f64::NEG_INFINITY }
    }

    /// What a time in microseconds may become. Grows with the time.
    #[must_use]
    pub fn of(self, micros: f64) -> f64 {
        (micros * self.factor).min(micros + self.most * 1e6).max(micros + self.least * 1e6)
    }
}

/// How many requests of the version under test take longer, in each stretch, than the
/// stable version's quantile may become.
#[must_use]
pub fn longer(stretches: &[Stretch], tolerance: Tolerance) -> Vec<Block> {
    let block = |stretch: &Stretch| above(&stretch.canary, tolerance.of(stretch.quantile));
    stretches.iter().map(block).collect()
}

/// Whether the stable version itself has a quantile above this many seconds.
#[must_use]
pub fn is_slow(stretch: &Stretch, seconds: f64) -> bool {
    stretch.quantile > seconds * 1e6
}

/// How many requests of the version under test take longer than so many seconds.
#[must_use]
pub fn above_seconds(times: &Times, seconds: f64) -> Block {
    above(times, seconds * 1e6)
}

impl Stretch {
    /// The requests of the version under test, and how many took longer than so many
    /// seconds.
    #[must_use]
    pub fn above(&self, seconds: f64) -> Block {
        above_seconds(&self.canary, seconds)
    }
}

/// How often a request of the version under test takes longer than one of the stable
/// version in the same stretch may become; equal ones count half.
#[must_use]
pub fn ranks(stretches: &[Stretch], tolerance: Tolerance) -> Vec<Block> {
    stretches.iter().map(|stretch| rank(&stretch.canary, &stretch.stable, tolerance)).collect()
}

/// How often a request of the version under test takes longer than one of the stable
/// version may become, of all pairs; equal ones count half. Tries are the requests of
/// the version under test.
#[must_use]
pub fn rank(canary: &Times, stable: &Times, tolerance: Tolerance) -> Block {
    let all = len(stable) as f64;
    let (mut below, mut next) = (0, 0);
    let mut sum = 0.0;
    for &(value, count) in canary {
        let value = value as f64;
        let at = |index: usize| stable.get(index).map(|&(v, n)| (tolerance.of(v as f64), n));
        while let Some((_, n)) = at(next).filter(|&(v, _)| v < value) {
            below += n;
            next += 1;
        }
        let equal = at(next).filter(|&(v, _)| v <= value).map_or(0, |(_, n)| n);
        sum += count as f64 * (below as f64 + equal as f64 / 2.0) / all;
    }
    Block { tries: len(canary) as f64, of: sum }
}

/// The same of all pairs, counted by the requests of the stable version: how often one
/// of the version under test takes longer than each may become.
#[must_use]
pub fn outranked(canary: &Times, stable: &Times, tolerance: Tolerance) -> Block {
    let all = len(canary) as f64;
    let (mut passed, mut next) = (0, 0);
    let mut sum = 0.0;
    for &(value, count) in stable {
        let may = tolerance.of(value as f64);
        while let Some(&(_, n)) = canary.get(next).filter(|&&(v, _)| (v as f64) < may) {
            passed += n;
            next += 1;
        }
        // Different times of the stable version may come to mean the same limit.
        let equal = canary.get(next).filter(|&&(v, _)| v as f64 <= may).map_or(0, |&(_, n)| n);
        let above = all - passed as f64 - equal as f64 / 2.0;
        sum += count as f64 * above / all;
    }
    Block { tries: len(stable) as f64, of: sum }
}

/// The factor at which a share that falls with the factor passes a level, between
/// 1/1,000 and 1,000: by halving.
#[must_use]
pub fn factor_at(passes: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (1e-3_f64, 1e3_f64);
    for _ in 0..40 {
        let middle = (low * high).sqrt();
        if passes(middle) { low = middle } else { high = middle }
    }
    (low * high).sqrt()
}

/// How many take longer than so many microseconds.
#[must_use]
pub fn above(times: &Times, micros: f64) -> Block {
    let slow = times.iter().filter(|&&(value, _)| value as f64 > micros);
    Block { tries: len(times) as f64, of: slow.map(|&(_, count)| count).sum::<u64>() as f64 }
}

/// How many there are.
#[must_use]
pub fn len(times: &Times) -> u64 {
    times.iter().map(|&(_, count)| count).sum()
}

/// The value of this rank, from 1; 0 if there are not so many.
#[must_use]
pub fn ranked(times: &Times, rank: u64) -> u64 {
    let mut below = 0;
    let found = times.iter().find(|&&(_, count)| {
        below += count;
        below >= rank
    });
    found.map_or(0, |&(value, _)| value)
}

/// Takes more of them in: each value once, so that equal ones are seen to be equal.
pub fn merge(into: &mut Times, more: &[(u64, u64)]) {
    if into.is_empty() {
        into.extend_from_slice(more);
        return;
    }
    into.extend_from_slice(more);
    into.sort_unstable_by_key(|&(value, _)| value);
    into.dedup_by(|next, kept| {
        let is_equal = next.0 == kept.0;
        kept.1 += if is_equal { next.1 } else { 0 };
        is_equal
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::blocks::total;

    fn times(values: impl IntoIterator<Item = u64>) -> Times {
        let mut times: Times = values.into_iter().map(|value| (value, 1)).collect();
        times.sort_unstable();
        times
    }

    fn pairs(canary: impl Fn(u64) -> u64, stable: impl Fn(u64) -> u64) -> Vec<Pair> {
        let second = |second: i64| Pair {
            second,
            canary: times((0..50).map(&canary)),
            stable: times((0..200).map(&stable)),
        };
        (0..20).map(second).collect()
    }

    #[test]
    fn the_share_above_the_quantile_is_what_is_left() {
        let same = pairs(|i| 1_000 + i * 4, |i| 1_000 + i);
        let stretches = stretches(&same, 0.95);
        assert_eq!(stretches.len(), 20);
        let share = |factor: f64, plus: f64| {
            let all = total(&longer(&stretches, Tolerance { factor, most: plus, least: 0.0 }));
            all.of / all.tries
        };
        assert!((0.0..=0.06).contains(&share(1.0, 1.0)), "{}", share(1.0, 1.0));
        assert!(share(1.2, 1.0) <= 0.0);
        assert!(share(1.2, 0.0) > 0.0, "plus nothing is no more");
        let all = total(&ranks(&stretches, Tolerance::factor(1.0)));
        assert!((all.of / all.tries - 0.5).abs() < 0.02, "{all:?}");
    }

    #[test]
    fn few_requests_make_longer_stretches() {
        let second = |second: i64| Pair {
            second,
            canary: times([2_000]),
            stable: times([1_000, 1_001, 1_002, 1_003]),
        };
        let pairs: Vec<Pair> = (0..100).map(second).collect();
        let stretches = stretches(&pairs, 0.95);
        assert_eq!(stretches.len(), 10, "40 requests each");
        assert_eq!(
            total(&longer(&stretches, Tolerance::factor(1.5))),
            Block { tries: 100.0, of: 100.0 }
        );
        assert_eq!(
            total(&longer(&stretches, Tolerance::factor(2.5))),
            Block { tries: 100.0, of: 0.0 }
        );
    }

    #[test]
    fn equal_ones_of_several_seconds_count_half() {
        let second = |second: i64| Pair { second, canary: times([9, 9]), stable: times([9, 9]) };
        let pairs: Vec<Pair> = (0..8).map(second).collect();
        let stretches = stretches(&pairs, 0.5);
        assert_eq!(stretches.len(), 4, "two seconds each");
        let all = total(&ranks(&stretches, Tolerance::factor(1.0)));
        assert_eq!(all, Block { tries: 16.0, of: 8.0 });
        let both = outranked(&vec![(9, 2)], &vec![(9, 3)], Tolerance::factor(1.0));
        assert_eq!(both, Block { tries: 3.0, of: 1.5 });
    }

    #[test]
    fn the_typical_ratio_is_found_again() {
        let slower = pairs(|i| (1_000 + i * 4) * 112 / 100, |i| 1_000 + i);
        let stretches = stretches(&slower, 0.5);
        let ratio = factor_at(|factor| {
            let all = total(&ranks(&stretches, Tolerance::factor(factor)));
            all.of / all.tries > 0.5
        });
        assert!((ratio - 1.12).abs() < 0.01, "{ratio}");
    }

    proptest! {
        /// A greater factor never finds more that is longer.
        #[test]
        fn shares_fall_with_the_factor(
            canary in prop::collection::vec(1_u64..10_000, 1..60),
            stable in prop::collection::vec(1_u64..10_000, 40..90),
            factor in 0.1_f64..4.0,
            more in 0.0_f64..2.0,
        ) {
            let pair = Pair { second: 0, canary: times(canary), stable: times(stable) };
            let stretches = stretches(&[pair], 0.95);
            let sum = |blocks: Vec<Block>| total(&blocks).of;
            prop_assert!(
                sum(longer(&stretches, Tolerance::factor(factor + more))) <= sum(longer(&stretches, Tolerance::factor(factor)))
            );
            prop_assert!(
                sum(ranks(&stretches, Tolerance::factor(factor + more))) <= sum(ranks(&stretches, Tolerance::factor(factor))) + 1e-9
            );
        }

        /// Pairs are the same ones, by whichever side they are counted.
        #[test]
        fn ranks_are_the_same_from_both_sides(
            canary in prop::collection::vec(1_u64..300, 1..60),
            stable in prop::collection::vec(1_u64..300, 1..60),
            factor in 1.0_f64..2.0,
        ) {
            let count = |values: Vec<u64>| {
                let mut counted = Times::new();
                values.iter().for_each(|&value| merge(&mut counted, &[(value, 1)]));
                counted
            };
            let (canary, stable) = (count(canary), count(stable));
            let (one, other) = (
                rank(&canary, &stable, Tolerance::factor(factor)),
                outranked(&canary, &stable, Tolerance::factor(factor)),
            );
            prop_assert!((one.of / one.tries - other.of / other.tries).abs() < 1e-9);
        }

        /// What slows down both by the same factor is no difference.
        #[test]
        fn common_weather_cancels(
            values in prop::collection::vec((1_u64..1_000, 1_u64..1_000), 40..80),
            weather in 1_u64..50,
        ) {
            let pair = |by: u64| Pair {
                second: 0,
                canary: times(values.iter().map(|v| v.0 * by)),
                stable: times(values.iter().map(|v| v.1 * by)),
            };
            let calm = stretches(&[pair(1)], 0.95);
            let rough = stretches(&[pair(weather)], 0.95);
            prop_assert_eq!(longer(&calm, Tolerance::factor(1.1)), longer(&rough, Tolerance::factor(1.1)));
            prop_assert_eq!(ranks(&calm, Tolerance::factor(1.0)), ranks(&rough, Tolerance::factor(1.0)));
        }
    }
}
