//! The order in which effects came to be, from records of a key and an identity
//! that come in that order.
//!
//! Kept are the inversions: an operation whose effect came after that of a later
//! one of its key. Of several later ones it is the latest that counts, because it
//! is the least likely to have been under way at the same time. The second effect
//! of an operation moves nothing: only its first one has a place. A pass over
//! millions of records remembers one number for each key, and the operations as a
//! compressed bitmap.
//!
//! Whether an inversion breaks a promise is for the judge to say, who knows when
//! the operations were due and answered.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use roaring::RoaringTreemap;

use crate::history::{Inversion, Ordered, Pairs};

/// The most inversions that are kept; all are counted.
const KEPT: usize = 100_000;
/// Operations whose pairs are counted together.
pub const BLOCK: u64 = 1_024;

/// Takes down records.
pub struct Reader {
    run: String,
    workloads: BTreeMap<String, Workload>,
}

#[derive(Default)]
struct Workload {
    told: Ordered,
    pairs: BTreeMap<(u64, u32), u64>,
    /// The operations that have an effect so far.
    seen: RoaringTreemap,
    /// The latest of them by key, whose hash stands for it.
    latest: HashMap<u64, u64>,
}

impl Reader {
    /// A reader that has read nothing.
    #[must_use]
    pub fn new(run: &str, workloads: &[String]) -> Self {
        let workloads = workloads.iter().map(|name| (name.clone(), Workload::default()));
        Self { run: run.to_owned(), workloads: workloads.collect() }
    }

    /// Takes down a record. Those of other runs are nobody's business.
    pub fn take(&mut self, key: &str, text: &str) {
        let Some(id) = loadgen::identity::parse(text.as_bytes()) else { return };
        if id.run == self.run
            && let Some(workload) = self.workloads.get_mut(id.workload)
        {
            workload.take(key, id.sequence);
        }
    }

    /// What was read, by workload.
    #[must_use]
    pub fn finish(self) -> BTreeMap<String, Ordered> {
        let told = self.workloads.into_iter().filter(|(_, workload)| workload.told.operations > 0);
        told.map(|(name, workload)| {
            let pairs = workload.pairs.into_iter();
            let pairs = pairs.map(|((block, distance), count)| Pairs { block, distance, count });
            (name, Ordered { pairs: pairs.collect(), ..workload.told })
        })
        .collect()
    }
}

impl Workload {
    fn take(&mut self, key: &str, sequence: u64) {
        if !self.seen.insert(sequence) {
            return;
        }
        self.told.operations += 1;
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let Some(latest) = self.latest.get_mut(&hasher.finish()) else {
            self.told.keys += 1;
            self.latest.insert(hasher.finish(), sequence);
            return;
        };
        let before = *latest;
        if before > sequence {
            self.told.inverted += 1;
            if self.told.inversions.len() < KEPT {
                let inversion = Inversion { key: key.to_owned(), sequence, after: before };
                self.told.inversions.push(inversion);
            }
        } else {
            *latest = sequence;
            let place = (before / BLOCK, (sequence - before).ilog2());
            *self.pairs.entry(place).or_insert(0) += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<K: AsRef<str>>(rows: &[(K, u64)]) -> Ordered {
        let workloads = ["w".to_owned()];
        let mut reader = Reader::new("r", &workloads);
        for (key, sequence) in rows {
            reader.take(key.as_ref(), &format!("r/w/{sequence}"));
            reader.take("other", &format!("another/w/{sequence}"));
        }
        reader.finish().remove("w").unwrap_or_default()
    }

    #[test]
    fn only_a_later_one_before_an_earlier_one_is_an_inversion() {
        let told = read(&[("a", 1), ("a", 5), ("a", 9), ("b", 2), ("b", 8), ("b", 4)]);
        assert_eq!((told.keys, told.operations, told.inverted), (2, 6, 1));
        let inversion = Inversion { key: "b".to_owned(), sequence: 4, after: 8 };
        assert_eq!(told.inversions, [inversion]);
        assert_eq!(told.pairs.iter().map(|pairs| pairs.count).sum::<u64>(), 3);
    }

    #[test]
    fn a_second_effect_moves_nothing() {
        let told = read(&[("a", 1), ("a", 2), ("a", 1), ("a", 3), ("a", 2)]);
        assert_eq!((told.operations, told.inverted), (3, 0));
    }

    proptest! {
        /// Every operation but the first of its key is in a pair or inverted,
        /// and there is an inversion exactly when the order is not the
        /// sequence's.
        #[test]
        fn nothing_is_left_out(sequences in prop::collection::hash_set(0_u64..5_000, 1..100)) {
            let rows: Vec<(&str, u64)> = sequences.into_iter().map(|sequence| ("k", sequence)).collect();
            let told = read(&rows);
            let pairs: u64 = told.pairs.iter().map(|pairs| pairs.count).sum();
            prop_assert_eq!(pairs + told.inverted + told.keys, rows.len() as u64);
            prop_assert_eq!(told.inverted == 0, rows.is_sorted());
        }

        /// How the records of several keys are mixed does not matter, as long as
        /// those of each key keep their order.
        #[test]
        fn keys_know_nothing_of_each_other(
            operations in prop::collection::vec((0_u8..4, 0_u64..2_000), 1..200),
        ) {
            let mut known = std::collections::HashSet::new();
            let rows: Vec<(String, u64)> = operations
                .into_iter()
                .filter(|(_, sequence)| known.insert(*sequence))
                .map(|(key, sequence)| (key.to_string(), sequence))
                .collect();
            let mut together = rows.clone();
            together.sort_by(|a, b| a.0.cmp(&b.0));
            let (mixed, sorted) = (read(&rows), read(&together));
            prop_assert_eq!((mixed.keys, mixed.operations), (sorted.keys, sorted.operations));
            prop_assert_eq!((mixed.inverted, mixed.pairs), (sorted.inverted, sorted.pairs));
        }
    }
}
