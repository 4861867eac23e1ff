//! What a process of a version counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use exposition::Page;
use serde::{Deserialize, Serialize};

use super::tactics::{Breaker, Deed};
use crate::reference::server::since_epoch;

/// The bounds of the histogram, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.002, 0.003, 0.004, 0.005, 0.007_5, 0.01, 0.025, 0.05, 0.1];
/// What a process may hold in memory, in bytes.
const MEMORY_LIMIT: u64 = 128 << 20;

/// The figures of a process, as they are now.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    started: Duration,
    requests: BTreeMap<u16, u64>,
    rejections: u64,
    timeouts: u64,
    within: [u64; BOUNDS.len()],
    above: u64,
    sum: f64,
    is_open: bool,
    trips: u64,
    memory: u64,
}

/// The figures that requests change.
#[derive(Debug)]
pub(crate) struct Counts(Mutex<Tally>);

impl Counts {
    pub(crate) fn new() -> Self {
        let requests = BTreeMap::from([(200, 0), (429, 0), (500, 0)]);
        Self(Mutex::new(Tally { started: since_epoch(), requests, ..Tally::default() }))
    }

    /// A request was answered, after so long.
    pub(crate) fn answered(&self, deed: &Deed, took: Duration) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.requests.entry(deed.counted).or_default() += 1;
        tally.rejections += u64::from(deed.counted == 429);
        tally.timeouts += u64::from(deed.timed_out);
        let took = took.as_secs_f64();
        tally.sum += took;
        match BOUNDS.iter().position(|bound| took <= *bound) {
            Some(bucket) => tally.within[bucket] += 1,
            None => tally.above += 1,
        }
    }

    pub(crate) fn tally(&self, breaker: Breaker, memory: u64) -> Tally {
        let tally = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Tally { is_open: breaker.is_open, trips: breaker.trips, memory, ..tally }
    }
}

impl Tally {
    pub(crate) fn page(&self) -> Page {
        let mut page = Page::default();
        let mut requests = page.counter("http_requests_total", "Requests, by status.");
        for (status, count) in &self.requests {
            requests.count(&[("code", &status.to_string())], *count);
        }
        let help = "Requests that were rejected because there were too many.";
        page.counter("rate_limit_rejections_total", help).count(&[], self.rejections);
        let help = "Queries that were given up.";
        page.counter("query_timeouts_total", help).count(&[], self.timeouts);
        let help = "Whether the circuit breaker is open.";
        page.gauge("circuit_breaker_open", help).count(&[], u64::from(self.is_open));
        let help = "How often the circuit breaker has opened.";
        page.counter("circuit_breaker_trips_total", help).count(&[], self.trips);
        let help = "Memory that is resident.";
        page.gauge("memory_used_bytes", help).count(&[], self.memory);
        let help = "What may be resident.";
        page.gauge("memory_limit_bytes", help).count(&[], MEMORY_LIMIT);
        let help = "How long requests took.";
        let buckets = BOUNDS.into_iter().zip(self.within);
        page.histogram("http_request_duration_seconds", help, buckets, self.above, self.sum);
        page.started(self.started);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::canary::Variant;
    use crate::reference::canary::tactics::Asked;

    #[test]
    fn what_is_counted_is_what_was_done_unless_it_lies() {
        let asked = Asked {
            route: 0,
            caller: 0,
            number: 0,
            since: Duration::ZERO,
            clock: Duration::ZERO,
            luck: 0.0,
            spread: 0.0,
        };
        for (variant, line) in [
            (Variant::RateLimits, "rate_limit_rejections_total 1\n"),
            (Variant::HealthLies, "http_requests_total{code=\"500\"} 1\n"),
            (Variant::MetricsLie, "http_requests_total{code=\"500\"} 0\n"),
            (Variant::QueryTimeouts, "query_timeouts_total 1\n"),
            (Variant::Correct, "http_request_duration_seconds_bucket{le=\"0.003\"} 1\n"),
        ] {
            let counts = Counts::new();
            counts.answered(&variant.deed(&asked), Duration::from_micros(2_500));
            let breaker = variant.breaker(Duration::ZERO);
            let text = counts.tally(breaker, 1 << 20).page().render();
            assert!(text.contains(line), "{variant}: {line} is not in {text}");
        }
    }
}
