//! What was offered and what became of it: dense sequence numbers in
//! compressed bitmaps, one for each fate.
//!
//! 10⁹ operations that were all acknowledged take some kilobytes. Ledgers of
//! workers and instances merge without loss, in any order.

use std::path::Path;

use roaring::RoaringTreemap;

use crate::outcome::Outcome;

pub use file::LedgerError;
pub use writer::Writer;

mod file;
mod writer;

/// What became of an operation that came due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Definitely accepted.
    Acked,
    /// Definitely not done.
    Failed,
    /// Unknown.
    Indeterminate,
    /// Never attempted, because the run ended first or this machine could not.
    Dropped,
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Acked => Self::Acked,
            Outcome::Failed => Self::Failed,
            Outcome::Indeterminate => Self::Indeterminate,
        }
    }
}

/// The fates of one workload's operations. No operation has two.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    run: String,
    workload: String,
    due: u64,
    /// In the order of [`Fate`].
    sets: [RoaringTreemap; 4],
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(run: &str, workload: &str) -> Self {
        Self {
            run: run.to_owned(),
            workload: workload.to_owned(),
            due: 0,
            sets: std::array::from_fn(|_| RoaringTreemap::new()),
        }
    }

    /// The run whose operations these are.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The workload whose operations these are.
    #[must_use]
    pub fn workload(&self) -> &str {
        &self.workload
    }

    /// How many operations came due.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.due
    }

    /// Adds to the number of operations that came due.
    pub fn add_due(&mut self, operations: u64) {
        self.due += operations;
    }

    /// Writes down the fate of operation `seq`.
    pub fn record(&mut self, seq: u64, fate: Fate) {
        debug_assert_eq!(self.fate(seq), None, "operation {seq} was settled twice");
        self.sets[fate as usize].insert(seq);
    }

    /// The fate of operation `seq`; `None` if it never came due or is still
    /// under way.
    #[must_use]
    pub fn fate(&self, seq: u64) -> Option<Fate> {
        [Fate::Acked, Fate::Failed, Fate::Indeterminate, Fate::Dropped]
            .into_iter()
            .find(|&fate| self.of(fate).contains(seq))
    }

    /// The numbers of the operations with this fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> &RoaringTreemap {
        &self.sets[fate as usize]
    }

    /// How many operations have this fate.
    #[must_use]
    pub fn count(&self, fate: Fate) -> u64 {
        self.of(fate).len()
    }

    /// The numbers of all operations with a fate.
    #[must_use]
    pub fn settled(&self) -> RoaringTreemap {
        let [acked, failed, indeterminate, dropped] = &self.sets;
        &(acked | failed) | &(indeterminate | dropped)
    }

    /// Whether every operation that came due has exactly one fate.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let sum: u64 = self.sets.iter().map(RoaringTreemap::len).sum();
        sum == self.due && self.settled().len() == sum
    }

    /// Adds the operations of another part of the same workload.
    ///
    /// # Errors
    /// When the other ledger belongs to another run or workload, or both know
    /// a fate of the same operation.
    pub fn merge(&mut self, other: &Self) -> Result<(), LedgerError> {
        if (&self.run, &self.workload) != (&other.run, &other.workload) {
            return Err(LedgerError::Stranger {
                ours: format!("{}/{}", self.run, self.workload),
                theirs: format!("{}/{}", other.run, other.workload),
            });
        }
        if let Some(sequence) = (self.settled() & other.settled()).min() {
            return Err(LedgerError::Twice { sequence });
        }
        self.due += other.due;
        for (into, from) in self.sets.iter_mut().zip(&other.sets) {
            *into |= from;
        }
        Ok(())
    }

    /// Writes the ledger to a file, which is complete or absent: it is written
    /// beside its place and then renamed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), LedgerError> {
        file::save(self, path)
    }

    /// The bytes of the file that [`Ledger::load`] reads.
    ///
    /// # Errors
    /// When a set cannot be encoded.
    pub fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        file::encode(self)
    }

    /// Reads a ledger that [`Ledger::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, is not a ledger, is of another version,
    /// or is damaged.
    pub fn load(path: &Path) -> Result<Self, LedgerError> {
        file::load(path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fate(number: u8) -> Fate {
        [Fate::Acked, Fate::Failed, Fate::Indeterminate, Fate::Dropped][usize::from(number % 4)]
    }

    /// Ledgers of `workers` workers, and the fates that they wrote down.
    fn parts(fates: &[u8], workers: usize) -> Vec<Ledger> {
        let mut parts = vec![Ledger::new("r", "w"); workers];
        for (seq, &number) in fates.iter().enumerate() {
            parts[seq % workers].add_due(1);
            parts[seq % workers].record(seq as u64, fate(number));
        }
        parts
    }

    #[test]
    fn strangers_and_repeats_do_not_merge() {
        let mut ledger = parts(&[0, 1], 1).remove(0);
        assert!(matches!(ledger.merge(&Ledger::new("r", "x")), Err(LedgerError::Stranger { .. })));
        let same = ledger.clone();
        assert!(matches!(ledger.merge(&same), Err(LedgerError::Twice { sequence: 0 })));
    }

    proptest! {
        /// However the work was split and in whichever order the parts are
        /// merged, the whole is the same, complete, and has one fate each.
        #[test]
        fn merging_is_independent_of_order(fates in prop::collection::vec(0_u8..4, 0..300), workers in 1_usize..6, rotate in 0_usize..6) {
            let whole = parts(&fates, 1).remove(0);
            let mut split = parts(&fates, workers);
            split.rotate_left(rotate % workers);
            let mut merged = Ledger::new("r", "w");
            for part in &split {
                merged.merge(part).unwrap();
            }
            prop_assert_eq!(&merged, &whole);
            prop_assert!(merged.is_complete());
            for (seq, &number) in fates.iter().enumerate() {
                prop_assert_eq!(merged.fate(seq as u64), Some(fate(number)));
            }
        }

        /// A missing operation is noticed.
        #[test]
        fn a_gap_is_incomplete(fates in prop::collection::vec(0_u8..4, 1..50)) {
            let mut ledger = parts(&fates, 1).remove(0);
            ledger.add_due(1);
            prop_assert!(!ledger.is_complete());
        }
    }
}
