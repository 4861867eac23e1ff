//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::exposition::{self, Page};

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

#[derive(Debug)]
pub(crate) struct Counts {
    started: f64,
    processed: [AtomicU64; STATUSES.len()],
    /// The last bucket is for what is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            started: exposition::seconds_now(),
            processed: std::array::from_fn(|_| AtomicU64::new(0)),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            microseconds: AtomicU64::new(0),
        }
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

    pub(crate) fn page(&self) -> Page {
        let mut page = Page::default();
        let processed = |status: Status| self.processed[status as usize].load(Ordering::Relaxed);
        let help = "Messages by what became of them; retry and error count attempts.";
        page.family("stream_consumer_processed_total", "counter", help);
        for (status, name) in STATUSES {
            page.sample("", &[("status", name)], processed(status));
        }
        let help = "Messages that were known already, where that was found out.";
        page.family("idempotency_hit_total", "counter", help);
        page.sample("", &[("operation", "persist")], processed(Status::Duplicate));
        let help = "Messages that were put to the dead letters.";
        page.family("stream_dead_letter_total", "counter", help);
        page.sample("", &[], processed(Status::DeadLetter));
        self.durations(&mut page);
        exposition::start_time(&mut page, self.started);
        page
    }

    fn durations(&self, page: &mut Page) {
        let help = "From the delivery of a message to its row.";
        page.family("message_processing_duration_seconds", "histogram", help);
        let mut below = 0;
        let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            page.sample("_bucket", &[("le", &bound)], below);
        }
        let sum = Duration::from_micros(self.microseconds.load(Ordering::Relaxed));
        page.sample("_sum", &[], sum.as_secs_f64());
        page.sample("_count", &[], below);
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
        let text = counts.page().render();
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
