//! Overdue: operations that failed by time alone. Nobody answered them within
//! their time-out, and so it may be that nobody could in time.
//!
//! One that was refused, reset or answered with an error failed at any pace. So
//! where seconds are said to be slow ([`History::slow`]) a check is judged as if the
//! overdue ones had been answered, and nothing else. How many of the operations
//! whose outcome is unknown were overdue their response times tell, which are at
//! least the time-out then.

use scenarios::plan::Plan;

use super::counts::Counts;
use super::window::Window;
use crate::history::{History, WorkloadHistory};

/// The overdue operations of a workload.
pub(super) struct Overdue<'a> {
    history: &'a History,
    indeterminate: Counts,
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
            told: history.workloads.get(workload),
            timeout: timeout.and_then(|micros| u64::try_from(micros).ok()).unwrap_or(u64::MAX),
        }
    }

    /// How many were due in this second; 0 where it is not slow.
    pub(super) fn in_second(&self, second: i64) -> u64 {
        if !is_slow(self.history, second) {
            return 0;
        }
        let unknown = self.indeterminate.second(second).unwrap_or(0.0).max(0.0) as u64;
        let late = || {
            let (key, told) = (u64::try_from(second).ok()?, self.told?);
            let index = told.response.binary_search_by_key(&key, |&(known, _)| known).ok()?;
            Some(told.response[index].1.histogram().count_between(self.timeout, u64::MAX))
        };
        if unknown == 0 { 0 } else { unknown.min(late().unwrap_or(0)) }
    }
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
    let seconds = || {
        let all = window.spans.iter().flat_map(|span| span.whole_seconds());
        all.filter(|&second| is_slow(history, second))
    };
    let overdue = || {
        let overdue = Overdue::of(plan, history, workload);
        seconds().map(|second| overdue.in_second(second)).sum::<u64>() as f64
    };
    match count {
        "unsuccessful" | "indeterminate" => -overdue(),
        "acked" => overdue(),
        // These are late by themselves.
        "dropped" | "late" => {
            let counts = Counts::of(history, workload, count);
            -seconds().filter_map(|second| counts.second(second).ok()).sum::<f64>()
        }
        _ => 0.0,
    }
}
