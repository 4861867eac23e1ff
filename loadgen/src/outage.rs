//! Stretches of time in which no operation succeeded while at least one did
//! not.
//!
//! A stretch begins with the last success before it, or with the start of the
//! first operation that did not succeed if that came later, and it ends with
//! the next success. Stretches shorter than [`SHORTEST`] are single errors,
//! not outages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// The shortest stretch without a success that is called an outage.
pub const SHORTEST: Duration = Duration::from_millis(250);

/// A stretch without a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// When it began, after T0.
    pub from: Duration,
    /// The first success after it, or the end of the run, after T0.
    pub to: Duration,
    /// Whether it still lasted when the run ended.
    pub open: bool,
    /// Operations that failed or are indeterminate because of it.
    pub operations: u64,
}

/// Watches the answers of one worker go by, in the order in which they come.
#[derive(Debug, Default)]
pub struct Outages {
    last_success: Option<Duration>,
    /// The earliest start of an operation that did not succeed since then.
    first_hit: Option<Duration>,
    hits: u64,
    /// Stretches without a success, those without a hit included: another
    /// worker may have been hit during them.
    stretches: Vec<Outage>,
}

impl Outages {
    /// Takes in the outcome of an operation that began and ended at these
    /// times after T0.
    pub fn record(&mut self, outcome: Outcome, started: Duration, finished: Duration) {
        if outcome == Outcome::Acked {
            self.close(finished, false);
            self.last_success = Some(finished);
            self.first_hit = None;
            self.hits = 0;
        } else {
            self.hits += 1;
            self.first_hit = Some(self.first_hit.map_or(started, |first| first.min(started)));
        }
    }

    /// Ends the watch at `end` after T0; gives the worker's stretches.
    #[must_use]
    pub fn finish(mut self, end: Duration) -> Vec<Outage> {
        self.close(end, true);
        self.stretches
    }

    fn close(&mut self, to: Duration, open: bool) {
        let from = match (self.last_success, self.first_hit) {
            (Some(success), Some(hit)) => success.max(hit),
            (Some(time), None) | (None, Some(time)) => time,
            (None, None) => Duration::ZERO,
        };
        if to.saturating_sub(from) >= SHORTEST {
            self.stretches.push(Outage { from, to, open, operations: self.hits });
        }
    }
}

/// The times when none of several workers, or instances, had a success, whether or
/// not one was hit. The stretches of each are in order of time.
#[must_use]
pub fn common(workers: &[Vec<Outage>]) -> Vec<Outage> {
    let Some((first, others)) = workers.split_first() else { return Vec::new() };
    let mut common = first.clone();
    for stretches in others {
        common = overlaps(&common, stretches);
    }
    common
}

/// The outages among the stretches without a success: those in which an operation
/// was hit, and that are not too short.
#[must_use]
pub fn hit(quiet: &[Outage]) -> Vec<Outage> {
    let is_outage =
        |stretch: &&Outage| stretch.operations > 0 && stretch.to - stretch.from >= SHORTEST;
    quiet.iter().filter(is_outage).copied().collect()
}

fn overlaps(a: &[Outage], b: &[Outage]) -> Vec<Outage> {
    let mut out = Vec::new();
    let mut rest = b;
    for a in a {
        while rest.first().is_some_and(|b| b.to <= a.from) {
            rest = &rest[1..];
        }
        for b in rest.iter().take_while(|b| b.from < a.to) {
            out.push(Outage {
                from: a.from.max(b.from),
                to: a.to.min(b.to),
                open: a.open && b.open,
                operations: a.operations + b.operations,
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outages of a run whose workers had these stretches.
    fn merge(workers: &[Vec<Outage>]) -> Vec<Outage> {
        hit(&common(workers))
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_outage_lies_between_two_successes() {
        let mut outages = Outages::default();
        outages.record(Outcome::Acked, ms(0), ms(1));
        outages.record(Outcome::Acked, ms(990), ms(1_000));
        outages.record(Outcome::Indeterminate, ms(995), ms(1_001));
        outages.record(Outcome::Failed, ms(1_500), ms(1_501));
        outages.record(Outcome::Acked, ms(2_990), ms(3_000));
        let found = merge(&[outages.finish(ms(3_100))]);
        let expected = Outage { from: ms(1_000), to: ms(3_000), open: false, operations: 2 };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_quiet_time_and_a_single_error_are_no_outage() {
        let mut outages = Outages::default();
        outages.record(Outcome::Acked, ms(0), ms(1));
        outages.record(Outcome::Acked, ms(5_000), ms(5_001));
        outages.record(Outcome::Failed, ms(5_002), ms(5_003));
        outages.record(Outcome::Acked, ms(5_004), ms(5_005));
        assert_eq!(merge(&[outages.finish(ms(5_010))]), []);
    }

    #[test]
    fn an_outage_may_last_to_the_end() {
        let mut outages = Outages::default();
        outages.record(Outcome::Failed, ms(100), ms(101));
        let found = merge(&[outages.finish(ms(2_000))]);
        assert_eq!(found, [Outage { from: ms(100), to: ms(2_000), open: true, operations: 1 }]);
    }

    #[test]
    fn one_workers_success_ends_the_outage_of_all() {
        let stretch =
            |from, to, operations| Outage { from: ms(from), to: ms(to), open: false, operations };
        let a = vec![stretch(1_000, 5_000, 3), stretch(8_000, 9_000, 0)];
        let b = vec![stretch(500, 2_000, 1), stretch(3_000, 6_000, 2), stretch(8_500, 9_500, 0)];
        assert_eq!(merge(&[a, b]), [stretch(1_000, 2_000, 4), stretch(3_000, 5_000, 5)]);
    }

    /// Two instances with two workers each have the outages of four workers.
    #[test]
    fn instances_have_the_outages_of_all_their_workers() {
        let stretch =
            |from, to, operations| Outage { from: ms(from), to: ms(to), open: false, operations };
        let workers = [
            vec![stretch(0, 5_000, 0)],
            vec![stretch(500, 2_000, 1), stretch(3_000, 6_000, 2)],
            vec![stretch(400, 5_500, 0)],
            vec![stretch(600, 4_000, 0)],
        ];
        let (one, other) = workers.split_at(2);
        let quiet = common(&[common(one), common(other)]);
        assert_eq!(hit(&quiet), merge(&workers));
        assert_eq!(hit(&quiet), [stretch(600, 2_000, 1), stretch(3_000, 4_000, 2)]);
    }
}
