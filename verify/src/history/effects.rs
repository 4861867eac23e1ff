//! What was found of the effects, when they were read: of which operations there are
//! some, when, in what order, what they came to together, and dead letters.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use super::Times;

/// What a source of effects saw of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// By workload: which sequence numbers took effect.
    pub workloads: BTreeMap<String, SeenWorkload>,
    /// Identities of this run that name no workload of the plan: the first
    /// hundred.
    pub foreign: Vec<String>,
    /// How many there were of these.
    pub foreign_count: u64,
    /// Set when the source lost sight for a while, so that a missing effect
    /// proves nothing: the reason.
    pub blind: Option<String>,
    /// Workloads of whose effects nothing is known, although they were read,
    /// with the reason: a file that is missing or damaged.
    pub unread: BTreeMap<String, String>,
    /// What was found among the dead letters, where they are read.
    pub dead: Option<Dead>,
    /// In which order the effects came to be, where that is read.
    pub order: Option<Order>,
    /// How its records follow its schema, where it has one.
    pub schema: Option<Conformity>,
    /// What did not exist when it was read, in words: `stream orders.dead`.
    pub absent: Vec<String>,
    /// Records in which no identity was found, beside others that have one.
    pub nameless: u64,
    /// How long each operation took until its effect, where that is read.
    pub times: Option<Timing>,
    /// The same of dead letters.
    pub dead_times: Option<Timing>,
    /// What the operations of each key came to together, at a source of that.
    pub aggregates: Option<Aggregates>,
}

/// How long operations took until they had an effect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timing {
    /// By workload.
    pub workloads: BTreeMap<String, EffectTimes>,
    /// How the clock of the records compares with that of this machine, if that
    /// is known.
    pub clock: Option<ClockOffset>,
    /// Why nothing is known of the times.
    pub trouble: Option<String>,
}

/// How another clock compares with that of this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClockOffset {
    /// How far it is before ours, in milliseconds.
    pub offset_ms: f64,
    /// How far off that may be, in milliseconds.
    pub error_ms: f64,
}

/// The times of one workload.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EffectTimes {
    /// By the second in which the operations were due.
    pub seconds: Vec<TimedSecond>,
    /// Effects whose record has no time.
    pub untimed: u64,
    /// Effects that came before their operation was due.
    pub early: u64,
    /// The most by which one did, in microseconds.
    pub earliest_us: u64,
    /// The most by which the time of one lies behind that of its reading, in microseconds.
    #[serde(default)]
    pub latest_us: u64,
}

/// The operations that were due in one second.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TimedSecond {
    /// The second.
    pub second: u64,
    /// Those that were acknowledged.
    pub acked: u64,
    /// The times of those that had an effect, from when each was due, in
    /// microseconds.
    pub times: Times,
}

/// What the operations of each key came to together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aggregates {
    /// By the number of the key.
    pub keys: BTreeMap<u64, Aggregated>,
    /// Records whose key is no key of this run's operations.
    pub strangers: u64,
    /// Why nothing is known of them.
    pub trouble: Option<String>,
}

/// The record of one key.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Aggregated {
    /// The number of the key.
    pub key: u64,
    /// The key as the record has it.
    pub name: String,
    /// How many records there are of it.
    pub records: u64,
    /// How many operations the record says it has.
    pub count: Option<f64>,
    /// What was found out about its value.
    pub value: Option<ValueFinding>,
}

/// What was found out about a value that is a function of operations.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueFinding {
    /// It is what the operations come to.
    Right,
    /// It is not: what there is instead, in words.
    Wrong(String),
    /// There is no telling: the reason.
    Unknown(String),
}

/// What was given up for good.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dead {
    /// By workload: the sequence numbers that stand among the dead letters.
    pub workloads: BTreeMap<String, RoaringTreemap>,
    /// Why the dead letters could not be read.
    pub trouble: Option<String>,
    /// How often they say that their operations were tried again, where that is read.
    pub tries: Option<DeadTries>,
}

/// How often dead letters say that their operations were tried again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadTries {
    /// By workload.
    pub workloads: BTreeMap<String, Tried>,
    /// Why it could not be read.
    pub trouble: Option<String>,
}

/// The dead letters of one workload by how often their operations were tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tried {
    /// By the number that they say; the first thousand different ones.
    pub numbers: BTreeMap<u64, Letters>,
    /// Those that say no number.
    pub none: Letters,
    /// Those with further numbers.
    pub beyond: u64,
}

/// Dead letters that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Letters {
    /// How many there are.
    pub count: u64,
    /// The sequence numbers of the first twenty.
    pub first: Vec<u64>,
}

impl Letters {
    const SHOWN: usize = 20;

    fn add(&mut self, sequence: u64) {
        self.count += 1;
        if self.first.len() < Self::SHOWN {
            self.first.push(sequence);
        }
    }
}

impl Tried {
    const DIFFERENT: usize = 1_000;

    /// Takes down one dead letter.
    pub fn add(&mut self, sequence: u64, tries: Option<u64>) {
        match tries {
            None => self.none.add(sequence),
            Some(tries) => {
                let is_full = self.numbers.len() >= Self::DIFFERENT;
                match self.numbers.get_mut(&tries) {
                    Some(known) => known.add(sequence),
                    None if is_full => self.beyond += 1,
                    None => self.numbers.entry(tries).or_default().add(sequence),
                }
            }
        }
    }

    /// How many dead letters there are.
    #[must_use]
    pub fn letters(&self) -> u64 {
        let known = self.numbers.values().map(|letters| letters.count);
        known.sum::<u64>() + self.none.count + self.beyond
    }
}

/// How the records of a source follow its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conformity {
    /// Records of this run, without those of poison.
    pub own: Tally,
    /// Records of which nothing says of which run they are.
    pub unnamed: Tally,
    /// Records of other runs, which were not held against it.
    pub foreign: u64,
    /// Records of operations that the load poisoned, which were not either.
    pub poison: u64,
    /// Why nothing is known of it.
    #[serde(skip)]
    pub trouble: Option<String>,
}

/// Records that were held against a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// How many.
    pub checked: u64,
    /// How many depart from it.
    pub invalid: u64,
    /// The first of these.
    pub examples: Vec<Departure>,
}

/// A record that departs from a schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// What was found where the identity is looked for.
    pub identity: Option<String>,
    /// The place in the record, a JSON pointer; empty for the whole.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

/// In which order effects came to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Order {
    /// By workload.
    pub workloads: BTreeMap<String, Ordered>,
    /// Why the order could not be read.
    pub trouble: Option<String>,
}

/// The order of the effects of one workload's operations, each key apart. Only
/// what departs from the order of the sequence numbers is kept in full.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ordered {
    /// Keys with an effect.
    pub keys: u64,
    /// Operations with an effect.
    pub operations: u64,
    /// Operations that came after a later one of their key.
    pub inverted: u64,
    /// The first of these.
    pub inversions: Vec<Inversion>,
    /// How many pairs in order there are, by how far apart they are.
    pub pairs: Vec<Pairs>,
}

/// An operation whose effect came after that of a later one of its key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Inversion {
    /// The key.
    pub key: String,
    /// The operation.
    pub sequence: u64,
    /// The latest one of those whose effect came before.
    pub after: u64,
}

/// Operations of one key whose effects came one after the other, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pairs {
    /// The first one's sequence number in thousands (of 1,024).
    pub block: u64,
    /// The binary logarithm of the distance of their sequence numbers, rounded
    /// down.
    pub distance: u32,
    /// How many there are.
    pub count: u64,
}

/// The effects of one workload's operations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenWorkload {
    /// Sequence numbers with at least one effect.
    pub once: RoaringTreemap,
    /// Sequence numbers with more than one, and how many.
    pub more: BTreeMap<u64, u32>,
}

impl SeenWorkload {
    /// Takes down one effect of the operation.
    pub fn add(&mut self, sequence: u64) {
        if !self.once.insert(sequence) {
            *self.more.entry(sequence).or_insert(1) += 1;
        }
    }
}
