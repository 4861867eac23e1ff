//! Outages as they can be seen while a run goes on: from one glance at the
//! figures to the next, nothing was accepted, and something was refused or
//! lost. The report has the exact ones, which the workers find answer by
//! answer; these are as coarse as the glances.

use std::time::Duration;

use loadgen::Progress;
use loadgen::outage::{Outage, SHORTEST};

/// Watches the figures for times without a success.
#[derive(Debug, Default)]
pub(super) struct Lulls {
    /// What has been seen, in order; the last one may be open.
    pub(super) outages: Vec<Outage>,
    before: Progress,
    /// The last glance.
    at: Duration,
    /// Since when operations were under way without any success.
    since: Option<Duration>,
    hits: u64,
}

impl Lulls {
    /// Takes in the figures of a glance at this time after T0.
    pub(super) fn take(&mut self, at: Duration, progress: Progress) {
        let lost = |progress: Progress| progress.failed + progress.indeterminate;
        let hits = lost(progress).saturating_sub(lost(self.before));
        let success = progress.acked > self.before.acked;
        if success {
            self.end(at);
        } else if self.hits + hits > 0 || progress.under_way > 0 {
            let since = *self.since.get_or_insert(self.at);
            self.hits += hits;
            if self.hits > 0 && at.saturating_sub(since) >= SHORTEST {
                self.note(since, at);
            }
        } else {
            // Nobody waits for an answer: a pause, not a lull.
            self.since = None;
        }
        (self.before, self.at) = (progress, at);
    }

    fn note(&mut self, from: Duration, to: Duration) {
        let outage = Outage { from, to, open: true, operations: self.hits };
        match self.outages.last_mut().filter(|last| last.open) {
            Some(last) => *last = outage,
            None => self.outages.push(outage),
        }
    }

    fn end(&mut self, at: Duration) {
        if let Some(last) = self.outages.last_mut().filter(|last| last.open) {
            last.to = at;
            last.open = false;
        }
        (self.since, self.hits) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn watch(glances: &[(u64, u64, u64, u64)]) -> Vec<Outage> {
        let mut lulls = Lulls::default();
        for &(at, acked, indeterminate, under_way) in glances {
            let progress = Progress { acked, indeterminate, under_way, ..Progress::default() };
            lulls.take(ms(at), progress);
        }
        lulls.outages
    }

    #[test]
    fn an_outage_begins_with_the_last_success_and_ends_with_the_next() {
        let open = watch(&[(200, 5, 0, 1), (400, 5, 0, 1), (600, 5, 1, 1)]);
        assert_eq!(open, [Outage { from: ms(200), to: ms(600), open: true, operations: 1 }]);
        let over = watch(&[(200, 5, 0, 1), (400, 5, 0, 1), (600, 5, 3, 1), (800, 6, 3, 0)]);
        assert_eq!(over, [Outage { from: ms(200), to: ms(800), open: false, operations: 3 }]);
    }

    #[test]
    fn a_pause_a_slow_answer_and_a_single_error_are_no_outage() {
        assert_eq!(watch(&[(200, 5, 0, 0), (9_000, 5, 0, 0), (9_200, 6, 0, 0)]), []);
        assert_eq!(watch(&[(200, 5, 0, 1), (9_000, 5, 0, 1), (9_200, 6, 0, 0)]), []);
        assert_eq!(watch(&[(200, 5, 0, 1), (400, 5, 1, 1), (600, 6, 1, 0)]), []);
    }
}
