//! What the tests of every transport have in common.

use std::time::{Duration, Instant, SystemTime};

use loadgen::{Job, Progress, Report, Running};

pub(crate) mod broker;
pub(crate) mod redis;

/// Far more than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Starts a job now.
#[expect(clippy::disallowed_methods, reason = "a test is a shell that owns a clock")]
pub(crate) fn start(job: Job) -> Running {
    loadgen::start(job, Instant::now(), SystemTime::now()).unwrap()
}

/// Sees that every operation has exactly one fate.
pub(crate) fn complete(report: Report) -> Report {
    assert!(report.ledger.is_complete());
    let totals = report.totals;
    assert_eq!(totals.settled(), totals.due);
    assert_eq!(
        totals.acked + totals.failed + totals.indeterminate + totals.dropped,
        totals.due,
        "{totals:?}"
    );
    report
}

/// Waits until a run has come so far.
#[expect(clippy::disallowed_methods, reason = "the pause between two looks at a condition")]
pub(crate) fn until(running: &Running, so_far: impl Fn(Progress) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so_far(running.progress()) {
        assert!(Instant::now() < end, "{:?}", running.progress());
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn until_acked(running: &Running, count: u64) {
    until(running, |progress| progress.acked >= count);
}
