//! What a run leaves behind.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::book::{Resent, Retries};
use crate::latency::Latency;
use crate::ledger::Ledger;
use crate::limit::Limit;
use crate::outage::Outage;
use crate::pump::Pump;
use crate::reader::Received;
use crate::tally::Tally;

/// The figures of a run while it goes on. The counts belong together only
/// roughly: they are refreshed about once a millisecond, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Operations that came due so far.
    pub due: u64,
    /// Definitely accepted.
    pub acked: u64,
    /// Definitely not done.
    pub failed: u64,
    /// Unknown.
    pub indeterminate: u64,
    /// Never attempted.
    pub dropped: u64,
    /// Started late.
    pub late: u64,
    /// Started and not answered yet.
    pub under_way: u64,
}

impl Progress {
    /// Operations that are due and not started yet.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let begun = self.acked + self.failed + self.indeterminate + self.dropped;
        let begun = begun + self.under_way;
        self.due.saturating_sub(begun)
    }
}

/// What became of the operations that one value of a split answered.
#[derive(Debug, Clone, PartialEq)]
pub struct PartReport {
    /// The value.
    pub value: String,
    /// The counts; what is due is what was answered.
    pub tally: Tally,
    /// The latencies.
    pub latency: Box<Latency>,
    /// By key: how many operations were attempted, and how many of these had no
    /// success; of the first 10,000 keys.
    pub keys: Vec<(u64, u64)>,
}

/// The connections of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// How many were asked for.
    pub connections: u32,
    /// When all of them stood for the first time, after T0; zero if that was before
    /// the first operation. `None` if they never did.
    pub all_since: Option<Duration>,
}

/// Everything about a run that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The fate of every operation.
    pub ledger: Ledger,
    /// What became of the operations of each second after T0 in which some
    /// were due, in order.
    pub seconds: Vec<(u64, Tally)>,
    /// The sum of the seconds.
    pub totals: Tally,
    /// The latencies of the whole run, warm-up left out.
    pub latency: Latency,
    /// The sum of the seconds, warm-up left out.
    pub measured: Tally,
    /// How much of the run's beginning is left out of the latencies and the
    /// rates: whole seconds after T0.
    pub warm_up: Duration,
    /// The second sendings of operations that are sent twice.
    pub duplicates: Resent,
    /// How the answers to operations that were sent again compare, where that
    /// was asked for.
    pub answers: Option<Answers>,
    /// Those that each value of the split answered, warm-up left out; none without a
    /// split.
    pub parts: Vec<PartReport>,
    /// Stretches without a success, in order.
    pub outages: Vec<Outage>,
    /// The stretches without a success in which no operation was hit, too: those of
    /// several instances together tell the outages of their run.
    pub quiet: Vec<Outage>,
    /// How well the generator itself kept up.
    pub pump: Pump,
    /// Why operations were not acknowledged, with how often, the most frequent
    /// reason first; at most 33 entries.
    pub errors: Vec<(String, u64)>,
    /// Operations that met a target which could not be reached at all.
    pub unreachable: u64,
    /// Operations that the target led to a host that nobody allowed.
    pub forbidden: u64,
    /// What this machine had no more of while the load was offered, with how many
    /// operations met it, the most frequent first. It says nothing of the target:
    /// those of which nothing was sent are dropped.
    pub limits: Vec<(Limit, u64)>,
    /// Operations that were sent again because their outcome was unknown.
    pub retries: Retries,
    /// Operations of safe methods that were sent again at once on a new
    /// connection, because the one that had been kept open ended without an answer.
    pub idled_out: Retries,
    /// The connections, where there are any that are kept.
    pub connected: Option<Connected>,
    /// When the first operation was due, after T0.
    pub first_due: Duration,
    /// When the last operation was due, after T0.
    pub last_due: Duration,
    /// When the last operation was settled, after T0.
    pub last_settled: Duration,
    /// What the consumers saw, if there were any.
    pub received: Option<Received>,
}

impl Report {
    /// The report of a run in which nothing came due.
    #[must_use]
    pub fn empty(run: &str, workload: &str) -> Self {
        Self {
            ledger: Ledger::new(run, workload),
            seconds: Vec::new(),
            totals: Tally::default(),
            latency: Latency::default(),
            measured: Tally::default(),
            warm_up: Duration::ZERO,
            duplicates: Resent::default(),
            answers: None,
            parts: Vec::new(),
            outages: Vec::new(),
            quiet: Vec::new(),
            pump: Pump::default(),
            errors: Vec::new(),
            unreachable: 0,
            forbidden: 0,
            limits: Vec::new(),
            retries: Retries::default(),
            idled_out: Retries::default(),
            connected: None,
            first_due: Duration::ZERO,
            last_due: Duration::ZERO,
            last_settled: Duration::ZERO,
            received: None,
        }
    }

    /// The rate that was asked for, in operations per second: between the
    /// first and the last operation that came due, warm-up left out. Gaps in
    /// the schedule count as time.
    #[must_use]
    pub fn rate_asked(&self) -> f64 {
        rate(self.measured.due, self.last_due.saturating_sub(self.first_measured()))
    }

    /// The rate at which the target accepted operations, per second, from the
    /// first due operation to the last answer, warm-up left out.
    #[must_use]
    pub fn rate_acked(&self) -> f64 {
        let end = self.last_settled.max(self.last_due);
        rate(self.measured.acked, end.saturating_sub(self.first_measured()))
    }

    fn first_measured(&self) -> Duration {
        self.first_due.max(self.warm_up)
    }

    /// Whether the limits of this machine let nothing through: something came due,
    /// nothing was accepted, and every trouble was one of ours.
    #[must_use]
    pub fn is_limited_alone(&self) -> bool {
        let Tally { acked, failed, indeterminate, .. } = self.totals;
        let limited: u64 = self.limits.iter().map(|(_, count)| count).sum();
        acked + failed + indeterminate == 0 && limited > 0
    }

    /// Whether the target could not be reached at all: something came due,
    /// nothing was accepted, and every trouble was one of connecting.
    #[must_use]
    pub fn never_reached(&self) -> bool {
        let Tally { acked, failed, indeterminate, .. } = self.totals;
        acked == 0 && self.unreachable > 0 && self.unreachable == failed + indeterminate
    }
}

/// The rate of this many operations, of which the first is at the beginning
/// and the last at the end of the time.
fn rate(operations: u64, time: Duration) -> f64 {
    let spaces = operations.saturating_sub(1);
    if time.is_zero() { 0.0 } else { spaces as f64 / time.as_secs_f64() }
}
