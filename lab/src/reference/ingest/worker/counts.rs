//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use exposition::Page;
use serde::{Deserialize, Serialize};

use crate::reference::server::since_epoch;

/// What happened to a message, or to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is a new row.
    Success,
    /// It was a row already.
    Duplicate,
    /// It could not be written and is tried again.
    Retry,
    /// It went to the dead letters.
    DeadLetter,
    /// The database was away, or did not want to: a batch is tried again.
    Error,
}

const STATUSES: [(Status, &str); 5] = [
    (Status::Success, "success"),
    (Status::Duplicate, "duplicate"),
    (Status::Retry, "retry"),
    (Status::DeadLetter, "dead_letter"),
    (Status::Error, "error"),
];

/// Upper bounds of the durations' buckets, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What a worker has counted so far, as it tells its ingress.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tally {
    started: Duration,
    processed: [u64; STATUSES.len()],
    buckets: [u64; BOUNDS.len() + 1],
    microseconds: u64,
}

#[derive(Debug)]
pub(crate) struct Counts {
    started: Duration,
    processed: [AtomicU64; STATUSES.len()],
    buried: AtomicU64,
    /// The last bucket is for what is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            started: since_epoch(),
            processed: std::array::from_fn(|_| AtomicU64::new(0)),
            buried: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            microseconds: AtomicU64::new(0),
        }
    }

    /// One more dead letter, told or not; gives how many there are.
    pub(crate) fn buried(&self) -> u64 {
        self.buried.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many messages are rows.
    pub(crate) fn settled(&self) -> u64 {
        let count = |status: Status| self.processed[status as usize].load(Ordering::Relaxed);
        count(Status::Success) + count(Status::Duplicate)
    }

    pub(crate) fn count(&self, status: Status, count: u64) {
        self.processed[status as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// So many messages took so long, from their delivery to their row.
    pub(crate) fn took(&self, duration: Duration, messages: u64) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|&bound| seconds <= bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(messages, Ordering::Relaxed);
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let sum = microseconds.saturating_mul(messages);
        self.microseconds.fetch_add(sum, Ordering::Relaxed);
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            started: self.started,
            processed: self.processed.each_ref().map(|count| count.load(Ordering::Relaxed)),
            buckets: self.buckets.each_ref().map(|count| count.load(Ordering::Relaxed)),
            microseconds: self.microseconds.load(Ordering::Relaxed),
        }
    }
}

impl Tally {
    pub(crate) fn page(&self) -> Page {
        let mut page = Page::default();
        let processed = |status: Status| self.processed[status as usize];
        let help = "Messages by what became of them; retry and error count attempts.";
        let mut by_status = page.counter("stream_consumer_processed_total", help);
        for (status, name) in STATUSES {
            by_status.count(&[("status", name)], processed(status));
        }
        let help = "Messages that were known already, where that was found out.";
        let mut hits = page.counter("idempotency_hit_total", help);
        hits.count(&[("operation", "persist")], processed(Status::Duplicate));
        let help = "Messages that were put to the dead letters.";
        let mut dead = page.counter("stream_dead_letter_total", help);
        dead.count(&[], processed(Status::DeadLetter));
        let help = "From the delivery of a message to its row.";
        let name = "message_processing_duration_seconds";
        let [within @ .., above] = self.buckets;
        let sum = Duration::from_micros(self.microseconds).as_secs_f64();
        page.histogram(name, help, BOUNDS.into_iter().zip(within), above, sum);
        page.started(self.started);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_in_their_order_and_buckets_add_up() {
        for (index, (status, _)) in STATUSES.iter().enumerate() {
            assert_eq!(*status as usize, index);
        }
        let counts = Counts::new();
        counts.count(Status::DeadLetter, 2);
        counts.took(Duration::from_millis(4), 10);
        counts.took(Duration::from_secs(60), 1);
        let text = counts.tally().page().render();
        for line in [
            "stream_consumer_processed_total{status=\"dead_letter\"} 2",
            "stream_dead_letter_total 2",
            "message_processing_duration_seconds_bucket{le=\"0.0025\"} 0",
            "message_processing_duration_seconds_bucket{le=\"0.005\"} 10",
            "message_processing_duration_seconds_bucket{le=\"+Inf\"} 11",
            "message_processing_duration_seconds_count 11",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is not in {text}");
        }
    }
}
