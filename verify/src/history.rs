//! The history of a run: everything that a check may know.
//!
//! It holds values only. During a run the conductor writes it to the run's
//! folder; the judge reads it from there, in the run that made it as well as in
//! `verify recheck`, so both come to the same verdict.
//!
//! Times are seconds since the start of the first phase; set-up lies before 0.

mod effects;
mod samples;
mod times;
mod varint;

use std::collections::BTreeMap;
use std::sync::Arc;

use loadgen::answers::{Compared, Guilty};
use loadgen::{Fate, Latency, Ledger, Resent, Shape};
use reports::record::{DeploymentRecord, FaultRecord, Outage, PhaseRecord, RollBackAdvice};
use roaring::RoaringTreemap;

pub use effects::{
    Aggregated, Aggregates, ClockOffset, Conformity, Dead, DeadTries, Departure, EffectTimes,
    Inversion, Letters, Order, Ordered, Pairs, Seen, SeenWorkload, Tally, TimedSecond, Timing,
    Tried, ValueFinding,
};
pub use samples::Samples;
pub use times::Times;

/// Everything that a check may know of a run.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The phases as they really were, in order, without gaps.
    pub phases: Vec<PhaseRecord>,
    /// Samples by the full name of their series, ordered by time.
    pub samples: Samples,
    /// What became of each workload.
    pub workloads: BTreeMap<String, WorkloadHistory>,
    /// What each source of effects saw, or why it could not see.
    pub effects: BTreeMap<String, Result<Seen, String>>,
    /// What became of each planned fault.
    pub faults: Vec<FaultRecord>,
    /// What became of each deployment.
    pub deployments: Vec<DeploymentRecord>,
    /// What said that a deployment should be rolled back, in the order of time.
    pub advised: Vec<RollBackAdvice>,
    /// Log lines that matched, by probe, in order; the first few thousand.
    pub lines: BTreeMap<String, Vec<Line>>,
    /// Why a probe has no samples, or fewer than it should, by probe, in order of time.
    pub troubles: BTreeMap<String, Vec<Trouble>>,
    /// Whether the run was ended before its time.
    pub interrupted: bool,
    /// The check that ended it before its time, if one did.
    pub stopped: Option<Stopped>,
    /// Why the program of `[safety] on_abort` did not do its work, if it did not.
    pub abort_failed: Option<String>,
    /// When processes started and ended, as far as the lab saw them.
    pub processes: Vec<Turn>,
    /// What is damaged, missing or impossible in the record.
    pub flaws: Vec<Flaw>,
    /// Things that probes and sources of effects look at and that never were
    /// there in the run, in words, by the name of who looks and the label.
    pub never_there: BTreeMap<(String, String), String>,
    /// Stretches `[from, to)` of whole seconds that are not judged: while the
    /// judge asks what is left of a breach without them.
    pub apart: Vec<(f64, f64)>,
    /// Stretches `[from, to)` of whole seconds in which operations that failed by
    /// time alone do not count, for the same reason.
    pub slow: Vec<(f64, f64)>,
}

/// Why a probe could not see, told when it began or when the reason changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// When, in seconds; `None` in the set-up.
    pub at: Option<f64>,
    /// Why.
    pub why: String,
}

/// A process that started or ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// When, in seconds.
    pub at: f64,
    /// The process.
    pub process: String,
}

/// A part of the record that is not what a run writes. What rests on it cannot
/// be held; what is proven by the rest stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// The file inside the run's folder, or what else it is: `phases`.
    pub part: String,
    /// The series, where it is one.
    pub series: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

impl Flaw {
    /// A flaw of a file.
    pub fn of(part: &str, why: impl ToString) -> Self {
        Self { part: part.to_owned(), series: None, why: why.to_string() }
    }

    /// A flaw of one series of the samples.
    pub fn of_series(series: &str, why: impl ToString) -> Self {
        let series = Some(series.to_owned());
        Self { part: SAMPLES.to_owned(), series, why: why.to_string() }
    }
}

/// The file of the samples.
pub const SAMPLES: &str = "samples.csv";

/// A stop condition that was met.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Stopped {
    /// The check that was violated.
    pub check: String,
    /// When that was seen, in seconds.
    pub at: f64,
    /// The moment up to which the run had been judged then, in seconds.
    pub judged_to: f64,
    /// What was measured, and what is allowed.
    pub why: String,
}

/// One value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When it was taken, in seconds.
    pub at: f64,
    /// Which one of several, such as a connection's name; empty where the
    /// series has a single value.
    pub label: Arc<str>,
    /// The value in the base unit of the series. Never NaN: an unknown value is
    /// no sample.
    pub value: f64,
}

/// One log line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// When it was read, in milliseconds.
    pub at_ms: i64,
    /// The process or file.
    pub source: String,
    /// The line itself, cut at 2,000 characters.
    pub text: String,
}

/// What became of a workload. Its per-second counts are series of
/// [`History::samples`] named `<workload>.due` and so on: cumulative counters
/// with a value at each whole second, 0 at the start of the run.
#[derive(Debug, Clone)]
pub struct WorkloadHistory {
    /// The outcome of every operation.
    pub ledger: Ledger,
    /// What the operations look like, as a function of their numbers: which
    /// were sent twice, above all.
    pub shape: Shape,
    /// The operations that came due and are poison. They are not meant to take
    /// effect.
    pub poison: RoaringTreemap,
    /// The second sendings of operations that are sent twice.
    pub resent: Resent,
    /// How the answers to those compare, where that was asked for.
    pub answers: Option<AnswersHistory>,
    /// Response times by the second in which the operation was due, in order.
    pub response: Vec<(u64, Times)>,
    /// The three latencies of the whole run.
    pub latency: Box<Latency>,
    /// Stretches in which nothing succeeded.
    pub outages: Vec<Outage>,
    /// How well the generator kept its own time.
    pub pump: PumpHistory,
    /// Set when the generator itself failed, with its words.
    pub broken: Option<String>,
    /// Operations that the target led to a host that nobody allowed; they were
    /// not sent.
    pub forbidden: u64,
    /// What this machine had no more of, with how many operations met it. Those of
    /// which nothing was sent were dropped.
    pub limits: Vec<(String, u64)>,
    /// By key, where the workload has keys and its figures are split: how many
    /// operations were attempted, and how many of these had no success.
    pub keys: Vec<(u64, u64)>,
}

impl WorkloadHistory {
    /// A workload of whose operations nothing is known but their response times.
    #[must_use]
    pub fn with_times(name: &str, response: Vec<(u64, Times)>) -> Self {
        Self {
            ledger: Ledger::new("", name),
            shape: Shape::default(),
            poison: RoaringTreemap::new(),
            resent: Resent::default(),
            answers: None,
            response,
            latency: Box::default(),
            outages: Vec::new(),
            pump: PumpHistory::default(),
            broken: None,
            forbidden: 0,
            limits: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The operations with this fate, without poison.
    #[must_use]
    pub fn sound(&self, fate: Fate) -> RoaringTreemap {
        let mut operations = self.ledger.of(fate).clone();
        operations -= &self.poison;
        operations
    }
}

/// The operations below `due` that are poison.
#[must_use]
pub fn poison(shape: &Shape, due: u64) -> RoaringTreemap {
    if shape.poison <= 0.0 {
        return RoaringTreemap::new();
    }
    (0..due).filter(|&sequence| shape.is_poison(sequence)).collect()
}

/// How the answers to operations that were sent twice compare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswersHistory {
    /// How many.
    pub counts: Compared,
    /// Every pair that something is wrong with.
    pub guilty: Vec<Guilty>,
}

/// How well the generator kept its own time, whatever the target did.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PumpHistory {
    /// Seconds for which load was due.
    pub due_seconds: f64,
    /// Seconds of these that were lost because the generator woke late.
    pub lost_seconds: f64,
    /// The longest single delay in seconds.
    pub worst_seconds: f64,
}

impl History {
    /// The span `[from, to)` of a phase in seconds, if it took place.
    #[must_use]
    pub fn phase(&self, name: &str) -> Option<&PhaseRecord> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// What is known of a fault.
    #[must_use]
    pub fn fault(&self, name: &str) -> Option<&FaultRecord> {
        self.faults.iter().find(|fault| fault.name == name)
    }

    /// What is known of a deployment.
    #[must_use]
    pub fn deployment(&self, name: &str) -> Option<&DeploymentRecord> {
        self.deployments.iter().find(|deployment| deployment.name == name)
    }

    /// The last value of a series without labels; 0 if it has none.
    #[must_use]
    pub fn last(&self, series: &str) -> f64 {
        self.samples.last(series).map_or(0.0, |sample| sample.value)
    }
}

#[cfg(test)]
mod tests {
    use super::poison;
    use loadgen::Shape;

    #[test]
    fn poison_is_told_from_the_plan() {
        let shape = Shape { poison: 0.2, ..Shape::default() };
        let poison = poison(&shape, 1_000);
        assert!((100..300).contains(&poison.len()), "{}", poison.len());
        assert!((0..1_000).all(|sequence| poison.contains(sequence) == shape.is_poison(sequence)));
        assert!(super::poison(&Shape::default(), 1_000).is_empty());
    }
}
