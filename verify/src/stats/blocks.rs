//! Tries that resemble their neighbours prove less than as many independent ones:
//! how many they are worth.
//!
//! Errors come in bursts, and a second that is slow is slow for all. The *design
//! effect* (Kish, *Survey Sampling*, 1965, section 5.4) is how many times the
//! variance of a share is what independent tries would give it; n tries are worth
//! n divided by it. It is taken from blocks of time, as the dispersion of counts
//! (Pearson's X² over its degrees of freedom; McCullagh & Nelder, *Generalized Linear
//! Models*, 1989, section 4.5):
//!
//! ```text
//! φ = 1/(G − 1) · Σ (kᵢ − nᵢp)² / (nᵢ p (1 − p))      p = Σk / Σn, over G blocks
//! ```
//!
//! over blocks of one, two, four, … seconds, of which the greatest counts: what lasts
//! longer than a block shows only between longer ones. Resemblance over more than an
//! eighth of the window cannot be seen in it.
//!
//! Where blocks differ in size and little counts, X² goes by where the few happened to
//! fall: a single one in a block of five tries among blocks of hundreds looks like a
//! burst. It is divided by what that has added (Fletcher, *Estimating overdispersion when
//! fitting a generalized linear model to sparse data*, Biometrika 99, 2012):
//!
//! ```text
//! 1 + 1/G · Σ (1 − 2p) (kᵢ − nᵢp) / (nᵢ p (1 − p))
//! ```
//!
//! which is 1 where all blocks are of one size.

/// How many tries there were in a stretch of time, and how many were of the kind
/// that is counted; or the sum of scores between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Block {
    /// All.
    pub tries: f64,
    /// Those that count.
    pub of: f64,
}

/// The fewest blocks that a dispersion is taken from.
const FEWEST: usize = 8;

/// The tries and those that count, over all blocks.
#[must_use]
pub fn total(blocks: &[Block]) -> Block {
    blocks.iter().fold(Block::default(), |sum, block| Block {
        tries: sum.tries + block.tries,
        of: sum.of + block.of,
    })
}

/// The design effect of tries in these blocks, which follow each other in time: at
/// least `least`, which is 1 for yes and no.
#[must_use]
pub fn design_effect(blocks: &[Block], least: f64) -> f64 {
    let mut greatest = least;
    let mut length = 1;
    while blocks.len().div_ceil(length) >= FEWEST {
        let longer: Vec<Block> = blocks.chunks(length).map(total).collect();
        greatest = greatest.max(dispersion(&longer));
        length *= 2;
    }
    greatest
}

/// Pearson's X² of the blocks over its degrees of freedom, without what blocks of unlike
/// size add to it; 0 where all tries agree.
fn dispersion(blocks: &[Block]) -> f64 {
    let sum = total(blocks);
    let share = sum.of / sum.tries;
    let blocks: Vec<&Block> = blocks.iter().filter(|block| block.tries > 0.0).collect();
    if blocks.len() < 2 || !(share > 0.0 && share < 1.0) {
        return 0.0;
    }
    let variance = share * (1.0 - share);
    let off = |block: &&Block| block.of - block.tries * share;
    let squares: f64 = blocks.iter().map(|block| off(block).powi(2) / block.tries).sum();
    let uneven: f64 = blocks.iter().map(|block| off(block) / block.tries).sum();
    let count = blocks.len() as f64;
    // Above 0: no summand is as low as −1.
    let added = 1.0 + (1.0 - 2.0 * share) * uneven / variance / count;
    squares / variance / (count - 1.0) / added
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binomial(random: &mut fastrand::Rng, tries: u32, share: f64) -> Block {
        let of = (0..tries).filter(|_| random.f64() < share).count();
        Block { tries: f64::from(tries), of: of as f64 }
    }

    #[test]
    fn independent_tries_count_nearly_in_full() {
        let mut random = fastrand::Rng::with_seed(3);
        let effects: Vec<f64> = (0..200)
            .map(|_| {
                let blocks: Vec<Block> =
                    (0..60).map(|_| binomial(&mut random, 100, 0.05)).collect();
                design_effect(&blocks, 1.0)
            })
            .collect();
        let mean = effects.iter().sum::<f64>() / effects.len() as f64;
        assert!((1.0..1.7).contains(&mean), "{mean}");
    }

    #[test]
    fn bursts_count_once_each() {
        let mut random = fastrand::Rng::with_seed(4);
        let blocks: Vec<Block> = (0..100)
            .map(|_| {
                let bursts = binomial(&mut random, 20, 0.05).of;
                Block { tries: 100.0, of: 5.0 * bursts }
            })
            .collect();
        let effect = design_effect(&blocks, 1.0);
        assert!((4.0..9.0).contains(&effect), "bursts of five: {effect}");
    }

    #[test]
    fn bursts_count_once_each_in_seconds_of_unlike_size_too() {
        let mut random = fastrand::Rng::with_seed(5);
        let blocks: Vec<Block> = (0..400)
            .map(|second| {
                let size = [2, 20, 40][second % 3];
                let bursts = binomial(&mut random, size, 0.05).of;
                Block { tries: f64::from(5 * size), of: 5.0 * bursts }
            })
            .collect();
        let effect = design_effect(&blocks, 1.0);
        assert!((4.0..9.0).contains(&effect), "bursts of five: {effect}");
    }

    #[test]
    fn what_lasts_for_seconds_is_seen_between_longer_blocks() {
        let blocks: Vec<Block> = (0..64)
            .map(|second| Block {
                tries: 100.0,
                of: if (second / 8) % 2 == 0 { 10.0 } else { 0.0 },
            })
            .collect();
        let short = dispersion(&blocks);
        let effect = design_effect(&blocks, 1.0);
        assert!(effect > 6.0 * short, "{effect} against {short} for single seconds");
    }

    #[test]
    fn nothing_to_see_is_no_effect() {
        assert!((design_effect(&[], 1.0) - 1.0).abs() < f64::EPSILON);
        let all = [Block { tries: 9.0, of: 9.0 }; 20];
        assert!((design_effect(&all, 1.0) - 1.0).abs() < f64::EPSILON);
        let none = [Block { tries: 9.0, of: 0.0 }; 20];
        assert!((design_effect(&none, 1.0) - 1.0).abs() < f64::EPSILON);
    }

    proptest! {
        /// One that counts resembles no other, in whatever block it fell.
        #[test]
        fn a_single_one_is_no_burst(
            tries in prop::collection::vec(1_u16..500, 16..120),
            place in any::<prop::sample::Index>(),
        ) {
            let mut blocks: Vec<Block> = tries.iter()
                .map(|&tries| Block { tries: f64::from(tries), of: 0.0 })
                .collect();
            place.get_mut(&mut blocks[..]).of = 1.0;
            let effect = design_effect(&blocks, 1.0);
            prop_assert!(effect < 1.2, "{effect}");
        }

        /// Seconds without a try change nothing but the blocks that they pad.
        #[test]
        fn empty_seconds_are_not_calm_ones(counts in prop::collection::vec(0_u8..10, 8..40)) {
            let blocks: Vec<Block> = counts.iter()
                .map(|&of| Block { tries: 20.0, of: f64::from(of) })
                .collect();
            let mut padded = blocks.clone();
            padded.extend([Block::default(); 3]);
            prop_assert!((dispersion(&blocks) - dispersion(&padded)).abs() < 1e-9);
        }
    }
}
