//! Overdue: operations that failed by time alone. Nobody answered them within
//! their time-out, and so it may be that nobody could in time.
//!
//! One that was refused, reset or answered with an error failed at any pace. So
//! where seconds are said to be slow ([`History::slow`]) a check is judged as if the
//! overdue ones had been answered, and nothing else. How many of the operations
//! whose outcome is unknown were overdue their response times tell, which are at
//! least the time-out then.
//!
//! How long a restart takes is a matter of pace, too. So while the system has time
//! to become whole again after a fault, and if it did, whatever failed in a slow
//! second counts as overdue. Who never came back is not waited for.

use scenarios::plan::Plan;

use super::counts::Counts;
use super::faults::whole_by;
use super::window::Window;
use crate::history::{History, WorkloadHistory};

/// The overdue operations of a workload.
pub(super) struct Overdue<'a> {
    history: &'a History,
    indeterminate: Counts,
    failed: Counts,
    /// When the system had time to become whole again, and did: from and to.
    healing: Vec<(f64, f64)>,
    told: Option<&'a WorkloadHistory>,
    /// In microseconds.
    timeout: u64,
}

impl<'a> Overdue<'a> {
    pub(super) fn of(plan: &Plan, history: &'a History, workload: &str) -> Self {
        let planned = plan.workloads.iter().find(|planned| planned.name == workload);
        let timeout = planned.map(|planned| planned.timeout.0.as_micros());
        Self {
            history,
            indeterminate: Counts::of(history, workload, "indeterminate"),
            failed: Counts::of(history, workload, "failed"),
            healing: healing(plan, history),
            told: history.workloads.get(workload),
            timeout: timeout.and_then(|micros| u64::try_from(micros).ok()).unwrap_or(u64::MAX),
        }
    }

    /// How many were due in this second, whatever is known of their outcome; 0 where
    /// it is not slow.
    pub(super) fn in_second(&self, second: i64) -> u64 {
        self.unknown_in(second) + self.failed_in(second)
    }

    /// Those whose outcome is unknown.
    fn unknown_in(&self, second: i64) -> u64 {
        if !is_slow(self.history, second) {
            return 0;
        }
        let unknown = count(&self.indeterminate, second);
        let late = || {
            let (key, told) = (u64::try_from(second).ok()?, self.told?);
            let index = told.response.binary_search_by_key(&key, |&(known, _)| known).ok()?;
            Some(told.response[index].1.histogram().count_between(self.timeout, u64::MAX))
        };
        match unknown {
            0 => 0,
            unknown if self.is_healing(second) => unknown,
            unknown => unknown.min(late().unwrap_or(0)),
        }
    }

    /// Those that failed for certain.
    fn failed_in(&self, second: i64) -> u64 {
        let counts = is_slow(self.history, second) && self.is_healing(second);
        if counts { count(&self.failed, second) } else { 0 }
    }

    fn is_healing(&self, second: i64) -> bool {
        let second = second as f64;
        self.healing.iter().any(|&(from, to)| from < second + 1.0 && second < to)
    }
}

fn count(counts: &Counts, second: i64) -> u64 {
    counts.second(second).unwrap_or(0.0).max(0.0) as u64
}

/// The times that faults and the healing of them may take, of those that healed.
fn healing(plan: &Plan, history: &History) -> Vec<(f64, f64)> {
    let spans = plan.faults.iter().filter_map(|fault| {
        let known = history.fault(&fault.name)?;
        let (from, _) = (known.injected?, known.healed?);
        Some((from, whole_by(fault, from)))
    });
    spans.collect()
}

/// Whether what failed by time alone does not count in this second.
pub(super) fn is_slow(history: &History, second: i64) -> bool {
    history.slow.iter().any(|&(from, to)| (from..to).contains(&(second as f64)))
}

/// By how much a count of a workload would be another one, had nothing failed by
/// time alone in the slow seconds of a window.
pub(super) fn shift(
    plan: &Plan,
    history: &History,
    workload: &str,
    count: &str,
    window: &Window,
) -> f64 {
    if history.slow.is_empty() {
        return 0.0;
    }
    let seconds = || {
        let all = window.spans.iter().flat_map(|span| span.whole_seconds());
        all.filter(|&second| is_slow(history, second))
    };
    let overdue = Overdue::of(plan, history, workload);
    let sum = |of: &dyn Fn(i64) -> u64| seconds().map(of).sum::<u64>() as f64;
    match count {
        "unsuccessful" => -sum(&|second| overdue.in_second(second)),
        "indeterminate" => -sum(&|second| overdue.unknown_in(second)),
        "failed" => -sum(&|second| overdue.failed_in(second)),
        "acked" => sum(&|second| overdue.in_second(second)),
        // These are late by themselves.
        "dropped" | "late" => {
            let counts = Counts::of(history, workload, count);
            -seconds().filter_map(|second| counts.second(second).ok()).sum::<f64>()
        }
        _ => 0.0,
    }
}
