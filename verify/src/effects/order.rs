//! The order in which effects came to be, from rows of a key and an identity.
//!
//! The rows of a key must stand together, in the order in which they came to
//! be; then a pass over millions of them needs to remember one key. Kept are the
//! inversions: an operation whose effect came after that of a later one of its
//! key. Of several later ones it is the latest that counts, because it is the
//! least likely to have been under way at the same time. The second effect of
//! an operation moves nothing: only its first one has a place.
//!
//! Whether an inversion breaks a promise is for the judge to say, who knows when
//! the operations were due and answered.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use roaring::RoaringTreemap;

use crate::history::{Inversion, Ordered, Pairs};

/// The most inversions that are kept; all are counted.
const KEPT: usize = 100_000;
/// Operations whose pairs are counted together.
pub const BLOCK: u64 = 1_024;

/// Reads rows.
pub struct Reader<'a> {
    run: &'a str,
    workloads: BTreeMap<&'a str, Workload>,
    key: Option<String>,
    /// The keys that are done, as hashes.
    done: HashSet<u64>,
}

#[derive(Default)]
struct Workload {
    told: Ordered,
    pairs: BTreeMap<(u64, u32), u64>,
    /// The operations of the key that have an effect so far.
    seen: RoaringTreemap,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing.
    #[must_use]
    pub fn new(run: &'a str, workloads: &'a [String]) -> Self {
        let workloads = workloads.iter().map(|name| (name.as_str(), Workload::default())).collect();
        Self { run, workloads, key: None, done: HashSet::new() }
    }

    /// Takes down a row. Rows of other runs are nobody's business.
    ///
    /// # Errors
    /// When the rows of a key do not stand together.
    pub fn take(&mut self, key: &str, text: &str) -> Result<(), String> {
        let Some(id) = loadgen::identity::parse(text.as_bytes()) else { return Ok(()) };
        if id.run != self.run || !self.workloads.contains_key(id.workload) {
            return Ok(());
        }
        if self.key.as_deref() != Some(key) {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            if !self.done.insert(hasher.finish()) {
                return Err(format!(
                    "the rows of key {key:?} do not stand together; the query must order by the key first"
                ));
            }
            self.key = Some(key.to_owned());
            self.workloads.values_mut().for_each(|workload| workload.seen.clear());
        }
        if let Some(workload) = self.workloads.get_mut(id.workload) {
            workload.take(key, id.sequence);
        }
        Ok(())
    }

    /// What was read, by workload.
    #[must_use]
    pub fn finish(self) -> BTreeMap<String, Ordered> {
        let told = self.workloads.into_iter().filter(|(_, workload)| workload.told.operations > 0);
        told.map(|(name, workload)| {
            let pairs = workload.pairs.into_iter();
            let pairs = pairs.map(|((block, distance), count)| Pairs { block, distance, count });
            (name.to_owned(), Ordered { pairs: pairs.collect(), ..workload.told })
        })
        .collect()
    }
}

impl Workload {
    fn take(&mut self, key: &str, sequence: u64) {
        let latest = self.seen.max();
        if !self.seen.insert(sequence) {
            return;
        }
        self.told.operations += 1;
        match latest {
            None => self.told.keys += 1,
            Some(after) if after > sequence => {
                self.told.inverted += 1;
                if self.told.inversions.len() < KEPT {
                    let inversion = Inversion { key: key.to_owned(), sequence, after };
                    self.told.inversions.push(inversion);
                }
            }
            Some(before) => {
                let place = (before / BLOCK, (sequence - before).ilog2());
                *self.pairs.entry(place).or_insert(0) += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(rows: &[(&str, u64)]) -> Result<Ordered, String> {
        let workloads = ["w".to_owned()];
        let mut reader = Reader::new("r", &workloads);
        for (key, sequence) in rows {
            reader.take(key, &format!("r/w/{sequence}"))?;
            reader.take("other", &format!("another/w/{sequence}"))?;
        }
        Ok(reader.finish().remove("w").unwrap_or_default())
    }

    #[test]
    fn only_a_later_one_before_an_earlier_one_is_an_inversion() {
        let told = read(&[("a", 1), ("a", 5), ("a", 9), ("b", 2), ("b", 8), ("b", 4)]).unwrap();
        assert_eq!((told.keys, told.operations, told.inverted), (2, 6, 1));
        let inversion = Inversion { key: "b".to_owned(), sequence: 4, after: 8 };
        assert_eq!(told.inversions, [inversion]);
        assert_eq!(told.pairs.iter().map(|pairs| pairs.count).sum::<u64>(), 3);
    }

    #[test]
    fn a_second_effect_moves_nothing() {
        let told = read(&[("a", 1), ("a", 2), ("a", 1), ("a", 3), ("a", 2)]).unwrap();
        assert_eq!((told.operations, told.inverted), (3, 0));
    }

    #[test]
    fn rows_of_a_key_must_stand_together() {
        assert!(read(&[("a", 1), ("b", 2), ("a", 3)]).unwrap_err().contains("order by the key"));
    }

    proptest! {
        /// Every operation but the first of its key is in a pair or inverted,
        /// and there is an inversion exactly when the order is not the
        /// sequence's.
        #[test]
        fn nothing_is_left_out(sequences in prop::collection::hash_set(0_u64..5_000, 1..100)) {
            let rows: Vec<(&str, u64)> = sequences.into_iter().map(|sequence| ("k", sequence)).collect();
            let told = read(&rows).unwrap();
            let pairs: u64 = told.pairs.iter().map(|pairs| pairs.count).sum();
            prop_assert_eq!(pairs + told.inverted + told.keys, rows.len() as u64);
            prop_assert_eq!(told.inverted == 0, rows.is_sorted());
        }
    }
}
