//! Writes down fates while a run goes on, a block of operations at a time.
//!
//! Nearly every operation is acknowledged, and nearly in order. So the
//! acknowledged ones of each stretch of 65,536 numbers are marked in a plain
//! bitmap, which becomes a compressed one when every operation of the stretch
//! has its fate. A stretch that is acknowledged as a whole then takes a few
//! bytes.

use std::collections::VecDeque;

use roaring::{RoaringBitmap, RoaringTreemap};

use super::{Fate, Ledger};
use crate::schedule::Stride;

/// Numbers in a block: those of one container of a compressed bitmap.
const BLOCK: u64 = 1 << 16;

const WORDS: usize = (BLOCK / 64) as usize;

/// Spare blocks that are kept for use again.
const SPARES: usize = 4;

/// A ledger that is being written, by one worker.
#[derive(Debug)]
pub struct Writer {
    ledger: Ledger,
    stride: Stride,
    /// The number of the first open block.
    first: u64,
    open: VecDeque<Block>,
    spares: Vec<Box<[u64; WORDS]>>,
}

#[derive(Debug)]
struct Block {
    acked: Box<[u64; WORDS]>,
    /// How many of the block's operations have no fate yet.
    left: u32,
}

impl Writer {
    /// An empty ledger of the operations of one worker.
    #[must_use]
    pub fn new(run: &str, workload: &str, stride: Stride) -> Self {
        Self {
            ledger: Ledger::new(run, workload),
            stride,
            first: 0,
            open: VecDeque::new(),
            spares: Vec::new(),
        }
    }

    /// Writes down the fate of operation `seq`, which has none yet.
    pub fn record(&mut self, seq: u64, fate: Fate) {
        let number = seq / BLOCK;
        if number < self.first {
            // Its block was closed, so it has a fate: a defect, and a ledger
            // that knows two fates of it is found out when it is merged.
            debug_assert!(false, "operation {seq} was settled twice");
            self.ledger.record(seq, fate);
            return;
        }
        let at = (number - self.first) as usize;
        while at >= self.open.len() {
            self.open_next();
        }
        let block = &mut self.open[at];
        block.left -= 1;
        if fate == Fate::Acked {
            let bit = seq % BLOCK;
            let word = &mut block.acked[(bit / 64) as usize];
            debug_assert_eq!(*word & (1 << (bit % 64)), 0, "operation {seq} was settled twice");
            *word |= 1 << (bit % 64);
        } else {
            self.ledger.record(seq, fate);
        }
        if block.left == 0 {
            self.close_full();
        }
    }

    /// The numbers below `below` that have no fate, in order.
    #[must_use]
    pub fn missing(&self, below: u64) -> Vec<u64> {
        let Stride { worker, workers } = self.stride;
        let from = self.first * BLOCK;
        // The first number from there on that belongs to this worker.
        let skip = (worker + workers - from % workers) % workers;
        (from + skip..below)
            .step_by(workers as usize)
            .filter(|&seq| !self.is_settled(seq))
            .collect()
    }

    /// Ends the writing; `due` operations came due.
    #[must_use]
    pub fn finish(mut self, due: u64) -> Ledger {
        while let Some(block) = self.open.pop_front() {
            self.keep(&block);
            self.first += 1;
        }
        for set in &mut self.ledger.sets {
            set.optimize();
        }
        self.ledger.add_due(due);
        self.ledger
    }

    fn is_settled(&self, seq: u64) -> bool {
        let acked = (seq / BLOCK)
            .checked_sub(self.first)
            .and_then(|at| self.open.get(at as usize))
            .is_some_and(|block| {
                let bit = seq % BLOCK;
                block.acked[(bit / 64) as usize] & (1 << (bit % 64)) != 0
            });
        acked || self.ledger.fate(seq).is_some()
    }

    fn open_next(&mut self) {
        let from = (self.first + self.open.len() as u64) * BLOCK;
        let operations = self.stride.below(from + BLOCK) - self.stride.below(from);
        let acked = self.spares.pop().unwrap_or_else(|| Box::new([0; WORDS]));
        self.open.push_back(Block { acked, left: operations as u32 });
    }

    fn close_full(&mut self) {
        while let Some(block) = self.open.pop_front_if(|block| block.left == 0) {
            self.keep(&block);
            self.first += 1;
            if self.spares.len() < SPARES {
                let mut spare = block.acked;
                spare.fill(0);
                self.spares.push(spare);
            }
        }
    }

    /// Adds the acknowledged operations of the first block to the ledger.
    fn keep(&mut self, block: &Block) {
        let from = self.first * BLOCK;
        let mut bytes = [0_u8; WORDS * 8];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(block.acked.iter()) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut numbers = RoaringBitmap::from_lsb0_bytes(from as u32, &bytes);
        numbers.optimize();
        let acked = &mut self.ledger.sets[Fate::Acked as usize];
        *acked |= RoaringTreemap::from_bitmaps([((from >> 32) as u32, numbers)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fate(number: u8) -> Fate {
        [Fate::Acked, Fate::Failed, Fate::Indeterminate, Fate::Dropped][usize::from(number % 4)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// In whatever order operations are settled, and however many workers
        /// there are: the ledger is the one that plain recording gives, and
        /// what has no fate is known.
        #[test]
        fn the_order_does_not_matter(
            worker in 0_u64..3,
            more in 0_u64..3,
            from in prop_oneof![Just(0_u64), Just(BLOCK - 100), Just((1 << 32) - 150)],
            seed: u64,
        ) {
            let stride = Stride { worker, workers: worker + 1 + more };
            let mut order: Vec<u64> =
                (from..from + 400).filter(|&seq| stride.owns(seq)).collect();
            // The rest of the first block is settled already.
            let mut writer = Writer::new("r", "w", stride);
            writer.first = from / BLOCK;
            let mut plain = Ledger::new("r", "w");
            let key = |seq: &u64| crate::shape::mix(seq ^ seed);
            order.sort_by_key(key);
            let open = order.split_off(order.len() * 9 / 10);
            for &seq in &order {
                let fate = fate(key(&seq) as u8);
                writer.record(seq, fate);
                plain.record(seq, fate);
            }
            let mut missing: Vec<u64> = writer
                .missing(from + 400)
                .into_iter()
                .filter(|&seq| seq >= from)
                .collect();
            missing.sort_unstable();
            let mut expected = open.clone();
            expected.sort_unstable();
            prop_assert_eq!(missing, expected);
            plain.add_due(7);
            prop_assert_eq!(writer.finish(7), plain);
        }

        /// Whole blocks are closed as they fill, and nothing of them is lost.
        #[test]
        fn full_blocks_are_closed(blocks in 1_u64..4, workers in 1_u64..3, odd: u64) {
            let stride = Stride { worker: workers - 1, workers };
            let mut writer = Writer::new("r", "w", stride);
            let odd = odd % (blocks * BLOCK);
            for seq in (stride.worker..blocks * BLOCK).step_by(workers as usize) {
                writer.record(seq, if seq == odd { Fate::Failed } else { Fate::Acked });
            }
            prop_assert!(writer.open.is_empty());
            prop_assert_eq!(writer.first, blocks);
            let due = stride.below(blocks * BLOCK);
            let ledger = writer.finish(due);
            prop_assert!(ledger.is_complete());
            prop_assert_eq!(ledger.count(Fate::Failed), u64::from(stride.owns(odd)));
        }
    }
}
