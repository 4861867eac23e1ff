//! The join of a ledger with effects, by the algebra of sets: a table of
//! outcomes by effects whose cells share no operation.
//!
//! | | 0 effects | 1 effect | 2 and more |
//! | --- | --- | --- | --- |
//! | acked | lost | ok | duplicated |
//! | indeterminate | unresolved | recovered | duplicated |
//! | failed | refused | resurrected | duplicated |
//! | never attempted | – | unexpected | unexpected |

use std::collections::BTreeMap;

use loadgen::{Fate, Ledger};
use reports::record::Joined;
use roaring::RoaringTreemap;

use super::anomalies::Cell;
use crate::history::SeenWorkload;

/// The cells of one workload that something is wrong with, and the sizes of
/// all of them.
pub struct Join {
    /// The size of each cell.
    pub joined: Joined,
    /// Without empty cells; lost, duplicated, resurrected, unexpected and
    /// unresolved, in this order.
    pub(super) cells: Vec<Cell>,
}

/// Joins what was asked with what was seen.
#[must_use]
pub fn join(ledger: &Ledger, seen: &SeenWorkload) -> Join {
    let more: BTreeMap<u64, u32> =
        seen.more.iter().filter(|&(_, &times)| times > 1).map(|(&k, &v)| (k, v)).collect();
    let twice: RoaringTreemap = more.keys().copied().collect();
    let any = &seen.once | &twice;
    let once = &any - &twice;
    let [acked, failed, indeterminate] =
        [Fate::Acked, Fate::Failed, Fate::Indeterminate].map(|fate| ledger.of(fate));
    let attempted = &(acked | failed) | indeterminate;

    let prefix = format!("{}/{}/", ledger.run(), ledger.workload());
    let cell = |anomaly, outcome, sequences: RoaringTreemap, effects| {
        // Counts above the usual one belong to operations with several effects.
        let counts = if sequences.is_disjoint(&twice) { BTreeMap::new() } else { more.clone() };
        let more = counts.into_iter().filter(|&(sequence, _)| sequences.contains(sequence));
        Cell { anomaly, prefix: prefix.clone(), outcome, more: more.collect(), sequences, effects }
    };
    let cells = [
        cell("lost", "acked", acked - &any, 0),
        cell("duplicated", "acked", acked & &twice, 2),
        cell("duplicated", "indeterminate", indeterminate & &twice, 2),
        cell("duplicated", "failed", failed & &twice, 2),
        cell("resurrected", "failed", failed & &once, 1),
        cell("unexpected", "never attempted", &any - &attempted, 1),
        cell("unresolved", "indeterminate", indeterminate - &any, 0),
    ];
    let size = |anomaly| {
        cells.iter().filter(|cell| cell.anomaly == anomaly).map(|cell| cell.sequences.len()).sum()
    };
    let joined = Joined {
        ok: acked.intersection_len(&once),
        lost: size("lost"),
        duplicated: size("duplicated"),
        recovered: indeterminate.intersection_len(&once),
        unresolved: size("unresolved"),
        refused: failed.len() - failed.intersection_len(&any),
        resurrected: size("resurrected"),
        unexpected: size("unexpected"),
        dead_lettered: 0,
    };
    let cells = cells.into_iter().filter(|cell| !cell.sequences.is_empty()).collect();
    Join { joined, cells }
}

/// Adds the cells of another workload.
pub(super) fn add(sum: &mut Joined, other: &Joined) {
    sum.ok += other.ok;
    sum.lost += other.lost;
    sum.duplicated += other.duplicated;
    sum.recovered += other.recovered;
    sum.unresolved += other.unresolved;
    sum.refused += other.refused;
    sum.resurrected += other.resurrected;
    sum.unexpected += other.unexpected;
    sum.dead_lettered += other.dead_lettered;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ledger and what was seen, from fates (4: not due) and effects.
    fn history(operations: &[(u8, u8)]) -> (Ledger, SeenWorkload) {
        let mut ledger = Ledger::new("r", "w");
        let mut seen = SeenWorkload::default();
        for (sequence, &(fate, effects)) in operations.iter().enumerate() {
            let fates = [Fate::Acked, Fate::Failed, Fate::Indeterminate, Fate::Dropped];
            if let Some(&fate) = fates.get(usize::from(fate)) {
                ledger.add_due(1);
                ledger.record(sequence as u64, fate);
            }
            for _ in 0..effects {
                seen.add(sequence as u64);
            }
        }
        (ledger, seen)
    }

    fn join_of(operations: &[(u8, u8)]) -> Join {
        let (ledger, seen) = history(operations);
        join(&ledger, &seen)
    }

    #[test]
    fn every_cell_of_the_table() {
        let operations: Vec<(u8, u8)> =
            (0..5).flat_map(|fate| (0..4).map(move |n| (fate, n))).collect();
        let join = join_of(&operations);
        let expected = Joined {
            ok: 1,
            lost: 1,
            duplicated: 6,
            recovered: 1,
            unresolved: 1,
            refused: 1,
            resurrected: 1,
            unexpected: 6,
            dead_lettered: 0,
        };
        assert_eq!(join.joined, expected);
        let duplicated: Vec<u32> = join
            .cells
            .iter()
            .filter(|cell| cell.anomaly == "duplicated")
            .flat_map(|cell| cell.sequences.iter().map(|sequence| cell.effects_of(sequence)))
            .collect();
        assert_eq!(duplicated, [2, 3, 2, 3, 2, 3]);
    }

    fn operations() -> impl Strategy<Value = Vec<(u8, u8)>> {
        prop::collection::vec((0_u8..5, 0_u8..4), 0..200)
    }

    proptest! {
        /// The cells add up to the operations that were attempted and those that
        /// were not expected.
        #[test]
        fn cells_add_up(operations in operations()) {
            let (ledger, seen) = history(&operations);
            let j = join(&ledger, &seen).joined;
            let cells = j.ok + j.lost + j.duplicated + j.recovered + j.unresolved + j.refused + j.resurrected;
            prop_assert_eq!(cells, ledger.due() - ledger.count(Fate::Dropped));
            let unexpected = operations.iter().filter(|&&(fate, effects)| fate > 2 && effects > 0);
            prop_assert_eq!(j.unexpected, unexpected.count() as u64);
        }

        /// One more effect never makes a duplicated or unexpected operation
        /// right again.
        #[test]
        fn an_effect_more_never_mends(operations in operations(), at in 0_usize..200) {
            prop_assume!(at < operations.len() && operations[at].1 < 3);
            let before = join_of(&operations).joined;
            let mut more = operations.clone();
            more[at].1 += 1;
            let after = join_of(&more).joined;
            prop_assert!(after.duplicated >= before.duplicated);
            prop_assert!(after.unexpected >= before.unexpected);
        }

        /// The evidence names as many operations as the table counts.
        #[test]
        fn evidence_is_complete(operations in operations()) {
            let join = join_of(&operations);
            let named: u64 = join.cells.iter().map(|cell| cell.sequences.len()).sum();
            let j = join.joined;
            prop_assert_eq!(named, j.lost + j.duplicated + j.resurrected + j.unexpected + j.unresolved);
        }
    }
}
