//! Random arrivals: a Poisson process, whose gaps are independent and
//! exponential, at the rate of the schedule.
//!
//! It is drawn at one operation per operation's length of the schedule's
//! integral, and the integral gives it its rate, whatever the profile. To find
//! any operation without all those before it, the integral is cut into blocks
//! with a seed each. A Poisson process has no memory, so a block's arrivals
//! are gaps drawn from the block's beginning until they leave the block.

use super::piece::OPERATION;
use crate::shape::{mix, unit};

/// The length of a block, in operations.
const BLOCK: u128 = 256;

/// The positions of random arrivals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Poisson {
    seed: u64,
    /// Positions from here on are behind the schedule.
    end: u128,
    /// How many arrivals there are before each block, and in all.
    before: Vec<u64>,
}

/// The arrivals of one block, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    number: u64,
    positions: Vec<u128>,
}

impl Poisson {
    /// The arrivals on an integral up to `end`. Takes about 15 ns for each.
    pub(super) fn new(seed: u64, end: u128) -> Self {
        let blocks = end.div_ceil(BLOCK * OPERATION) as u64;
        let mut poisson = Self { seed, end, before: Vec::with_capacity(blocks as usize + 1) };
        let mut sum = 0;
        let mut block = Block::default();
        poisson.before.push(0);
        for number in 0..blocks {
            poisson.draw(number, &mut block);
            sum += block.positions.len() as u64;
            poisson.before.push(sum);
        }
        poisson
    }

    pub(super) fn total(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }

    /// The position of arrival `seq`, which exists. `block` is kept from call
    /// to call, so that neighbours are found at once.
    pub(super) fn position(&self, seq: u64, block: &mut Block) -> u128 {
        let inside = |number: u64| {
            let number = number as usize;
            self.before[number] <= seq && seq < self.before[number + 1]
        };
        if block.positions.is_empty() || !inside(block.number) {
            let number = self.before.partition_point(|&before| before <= seq) - 1;
            self.draw(number as u64, block);
        }
        block.positions[(seq - self.before[block.number as usize]) as usize]
    }

    /// How many arrivals have a position below `reach`.
    pub(super) fn below(&self, reach: u128) -> u64 {
        if reach >= self.end {
            return self.total();
        }
        let mut block = Block::default();
        let number = (reach / (BLOCK * OPERATION)) as u64;
        self.draw(number, &mut block);
        let inside = block.positions.partition_point(|&position| position < reach);
        self.before[number as usize] + inside as u64
    }

    fn draw(&self, number: u64, block: &mut Block) {
        block.number = number;
        block.positions.clear();
        let from = u128::from(number) * BLOCK * OPERATION;
        let mut bits = mix(self.seed ^ mix(number.wrapping_add(0x9E37_79B9_7F4A_7C15)));
        let mut at = 0.0;
        loop {
            bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
            // 1 − u lies above 0, so the logarithm is finite.
            at -= (1.0 - unit(mix(bits))).ln();
            let position = from + (at * OPERATION as f64) as u128;
            if at >= BLOCK as f64 || position >= self.end {
                return;
            }
            block.positions.push(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(seed: u64, operations: u128) -> Vec<f64> {
        let poisson = Poisson::new(seed, operations * OPERATION);
        let mut block = Block::default();
        (0..poisson.total())
            .map(|seq| poisson.position(seq, &mut block) as f64 / OPERATION as f64)
            .collect()
    }

    /// The gaps are exponential with a mean of one: Kolmogorov's statistic
    /// stays below its limit at 0.1 %. The seeds are fixed.
    #[test]
    fn gaps_are_exponential() {
        for seed in 0..5 {
            let positions = positions(seed, 50_000);
            let mut gaps: Vec<f64> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
            gaps.sort_by(f64::total_cmp);
            let n = gaps.len() as f64;
            let distance = gaps
                .iter()
                .zip(1..)
                .map(|(gap, rank)| (f64::from(rank) / n - (1.0 - (-gap).exp())).abs())
                .fold(0.0, f64::max);
            assert!(distance < 1.95 / n.sqrt(), "seed {seed}: {distance}");
        }
    }

    /// The counts of equal stretches vary as much as their mean, the blocks'
    /// seams included.
    #[test]
    fn counts_vary_as_their_mean() {
        let positions = positions(7, 200_000);
        let mut counts = vec![0_f64; 2_000];
        for position in positions {
            counts[(position / 100.0) as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 2_000.0;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 1_999.0;
        assert!((mean - 100.0).abs() < 1.0, "{mean}");
        assert!((0.85..1.15).contains(&(variance / mean)), "{variance} for {mean}");
    }

    #[test]
    fn counting_and_finding_agree() {
        let poisson = Poisson::new(3, 3_000 * OPERATION);
        let mut block = Block::default();
        for seq in (0..poisson.total()).rev() {
            let position = poisson.position(seq, &mut block);
            assert_eq!(poisson.below(position), seq);
            assert_eq!(poisson.below(position + 1), seq + 1);
        }
        assert_eq!(poisson.below(u128::MAX), poisson.total());
    }
}
