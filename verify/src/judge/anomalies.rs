//! The whole of a check's evidence, row by row: what stands in
//! `evidence/<check>.ndjson`.
//!
//! A run may lose a million operations. Their identities stay in the bitmaps of
//! the join and are written out one at a time.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;
use serde_json::{Value, json};

/// Everything that speaks against a promise, in full.
#[derive(Debug, Clone)]
pub struct Anomalies {
    /// The check's name.
    pub check: String,
    /// The file inside the run's folder: `evidence/<check>.ndjson`.
    pub file: String,
    rows: Rows,
}

/// What a last row has that says how many rows are not listed.
pub(crate) const MORE: &str = "more";

/// Evidence as it is held in memory.
#[derive(Debug, Clone)]
pub(super) enum Rows {
    /// Rows that are few: at most one for each sample or second.
    Listed(Vec<Value>),
    /// Operations by what is wrong with them, with effects that name no
    /// operation behind them.
    Operations {
        /// Sets of operations.
        cells: Vec<Cell>,
        /// Effects without an operation: identities as they were read.
        foreign: Vec<String>,
        /// Further rows, which are few.
        listed: Vec<Value>,
    },
}

/// The operations of one workload that share an anomaly.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// What is wrong: `lost`.
    pub(super) anomaly: &'static str,
    /// What comes before the sequence in an identity: `run/workload/`.
    pub(super) prefix: String,
    /// The operations' outcome.
    pub(super) outcome: &'static str,
    /// The operations.
    pub(super) sequences: RoaringTreemap,
    /// How often an operation took effect unless it was `effects` times.
    pub(super) more: BTreeMap<u64, u32>,
    /// How often an operation took effect.
    pub(super) effects: u32,
}

impl Cell {
    /// How many effects an operation of this cell had.
    pub(super) fn effects_of(&self, sequence: u64) -> u32 {
        self.more.get(&sequence).copied().unwrap_or(self.effects)
    }
}

/// So many rows are listed; of more, only how many they are. A run of hours may break a
/// bound in each of a million samples.
const LISTED: usize = 50_000;

impl Rows {
    /// These rows, or the first of very many with the number of the others.
    pub(super) fn listed(mut rows: impl Iterator<Item = Value>) -> Self {
        let mut listed: Vec<Value> = rows.by_ref().take(LISTED).collect();
        let more = rows.count();
        if more > 0 {
            listed.push(json!({ (MORE): more }));
        }
        Self::Listed(listed)
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Listed(rows) => rows.is_empty(),
            Self::Operations { cells, foreign, listed } => {
                foreign.is_empty()
                    && listed.is_empty()
                    && cells.iter().all(|cell| cell.sequences.is_empty())
            }
        }
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Anomalies {
    /// The evidence of a check, if there is any.
    pub(super) fn new(check: &str, rows: Rows) -> Option<Self> {
        let file = format!("evidence/{check}.ndjson");
        (!rows.is_empty()).then(|| Self { check: check.to_owned(), file, rows })
    }

    /// The rows, each a JSON object, made as they are asked for.
    pub fn rows(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        match &self.rows {
            Rows::Listed(rows) => Box::new(rows.iter().cloned()),
            Rows::Operations { cells, foreign, listed } => Box::new(
                cells
                    .iter()
                    .flat_map(operations)
                    .chain(foreign.iter().map(|id| {
                        json!({ "id": id, "anomaly": "unexpected", "outcome": "unknown", "effects": 1 })
                    }))
                    .chain(listed.iter().cloned()),
            ),
        }
    }
}

impl Anomalies {
    /// The operations by what is wrong with them: the anomaly, what comes before the
    /// sequence in an identity, the sequences, and how often the worst took effect.
    pub(crate) fn operations(&self) -> impl Iterator<Item = Anomalous<'_>> {
        let cells: &[Cell] = match &self.rows {
            Rows::Operations { cells, .. } => cells,
            Rows::Listed(_) => &[],
        };
        cells.iter().map(|cell| Anomalous {
            anomaly: cell.anomaly,
            outcome: cell.outcome,
            prefix: &cell.prefix,
            sequences: &cell.sequences,
            worst: cell.more.iter().max_by_key(|&(_, times)| *times).map(|(&seq, &n)| (seq, n)),
        })
    }

    /// The rows that are listed one by one.
    pub(crate) fn listed(&self) -> &[Value] {
        match &self.rows {
            Rows::Operations { listed, .. } | Rows::Listed(listed) => listed,
        }
    }
}

/// Operations of one workload that share an anomaly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anomalous<'a> {
    /// What is wrong: `lost`.
    pub(crate) anomaly: &'static str,
    /// Their outcome.
    pub(crate) outcome: &'static str,
    /// What comes before the sequence in an identity: `run/workload/`.
    pub(crate) prefix: &'a str,
    /// The operations.
    pub(crate) sequences: &'a RoaringTreemap,
    /// The one that took effect most often, and how often, where they differ.
    pub(crate) worst: Option<(u64, u32)>,
}

fn operations(cell: &Cell) -> impl Iterator<Item = Value> {
    cell.sequences.iter().map(move |sequence| {
        json!({
            "id": format!("{}{sequence}", cell.prefix),
            "anomaly": cell.anomaly,
            "outcome": cell.outcome,
            "effects": cell.effects_of(sequence),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_rows_the_first_are_listed_and_the_others_counted() {
        let few = Rows::listed((0..3).map(|at| json!({ "at": at })));
        let few = Anomalies::new("few", few).unwrap();
        assert_eq!(few.rows().count(), 3);
        let many = Rows::listed((0..LISTED + 7).map(|at| json!({ "at": at })));
        let many = Anomalies::new("many", many).unwrap();
        assert_eq!(many.rows().count(), LISTED + 1);
        assert_eq!(many.rows().last().unwrap(), json!({ "more": 7 }));
    }
}
