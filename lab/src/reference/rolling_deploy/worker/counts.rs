//! What a worker counts, under the names that its operators look for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exposition::Page;
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr};

use super::breaker::State;

/// Upper bounds of the durations' buckets, in seconds.
const BOUNDS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why a try to process an event failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Reason {
    /// The object server.
    Download,
    /// There is no such object.
    Missing,
    /// The event cannot be read.
    Poison,
    /// The worker itself.
    Processing,
    /// The broker.
    Broker,
}

const REASONS: usize = 5;

/// The figures of this process, which only grow.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// By topic and partition.
    consumed: Mutex<BTreeMap<(String, i32), u64>>,
    failed: [AtomicU64; REASONS],
    downloads: [AtomicU64; 2],
    dead: AtomicU64,
    /// The last bucket is for what is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Counts {
    /// An event was received.
    pub(crate) fn consumed(&self, topic: &str, partition: i32) {
        let mut consumed = self.lock();
        match consumed.get_mut(&(topic.to_owned(), partition)) {
            Some(count) => *count += 1,
            None => drop(consumed.insert((topic.to_owned(), partition), 1)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, i32), u64>> {
        self.consumed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A try to process an event failed.
    pub(crate) fn failed(&self, reason: Reason) {
        self.failed[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A download came to its end.
    pub(crate) fn downloaded(&self, success: bool) {
        self.downloads[usize::from(success)].fetch_add(1, Ordering::Relaxed);
    }

    /// An event was given up.
    pub(crate) fn dead(&self) {
        self.dead.fetch_add(1, Ordering::Relaxed);
    }

    /// An event came to its end, so long after it was received.
    pub(crate) fn took(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|&bound| seconds <= bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    pub(crate) fn page(&self, breaker: (State, u64), started: Duration) -> Page {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut page = Page::default();
        let mut consumed = page.counter("kafka_messages_consumed_total", "Events received.");
        for ((topic, partition), count) in self.lock().iter() {
            let labels = [("topic", topic.as_str()), ("partition", &partition.to_string())];
            consumed.count(&labels, *count);
        }
        let help = "Tries to process an event that failed.";
        let mut failed = page.counter("kafka_processing_errors_total", help);
        for reason in Reason::iter() {
            failed.count(&[("reason", reason.into())], read(&self.failed[reason as usize]));
        }
        let mut downloads = page.counter("downloads_total", "Downloads by what came of them.");
        for (status, count) in ["failure", "success"].into_iter().zip(&self.downloads) {
            downloads.count(&[("status", status)], read(count));
        }
        let help = "Events that were given up and went to the dead letters.";
        page.counter("kafka_dlq_messages_total", help).count(&[], read(&self.dead));
        let help = "0 while the circuit breaker is closed, 1 half-open, 2 open.";
        let (state, trips) = breaker;
        let mut told = page.gauge("circuit_breaker_state", help);
        told.count(&[("name", "objects")], state as u64);
        let help = "How often the circuit breaker has opened.";
        let mut told = page.counter("circuit_breaker_trips_total", help);
        told.count(&[("name", "objects")], trips);
        let help = "From when an event was received to its end.";
        let name = "kafka_message_processing_duration_seconds";
        let [within @ .., above] = self.buckets.each_ref().map(read);
        let sum = Duration::from_micros(read(&self.microseconds)).as_secs_f64();
        page.histogram(name, help, BOUNDS.into_iter().zip(within), above, sum);
        page.started(started);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_states_are_in_their_order() {
        assert_eq!(Reason::iter().count(), REASONS);
        let states = [State::Closed, State::HalfOpen, State::Open].map(|state| state as u64);
        assert_eq!(states, [0, 1, 2]);
    }

    #[test]
    fn what_was_counted_is_told() {
        let counts = Counts::default();
        counts.consumed("events.raw", 3);
        counts.consumed("events.raw", 3);
        counts.failed(Reason::Poison);
        counts.dead();
        counts.downloaded(true);
        counts.took(Duration::from_millis(3));
        let text = counts.page((State::Open, 7), Duration::from_secs(1)).render();
        for line in [
            "kafka_messages_consumed_total{topic=\"events.raw\",partition=\"3\"} 2",
            "kafka_processing_errors_total{reason=\"poison\"} 1",
            "downloads_total{status=\"success\"} 1",
            "kafka_dlq_messages_total 1",
            "circuit_breaker_state{name=\"objects\"} 2",
            "circuit_breaker_trips_total{name=\"objects\"} 7",
            "kafka_message_processing_duration_seconds_bucket{le=\"0.005\"} 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is not in {text}");
        }
    }
}
