//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use exposition::Page;
use serde::{Deserialize, Serialize};

use crate::reference::server::since_epoch;
use crate::reference::worker_queue::queue::QUEUE;
use crate::reference::worker_queue::variant::Variant;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It has taken effect.
    Success,
    /// It had done so before.
    Duplicate,
    /// It failed, and is tried again.
    Retry,
    /// It was given up.
    Failed,
}

const STATUSES: [(Status, &str); 4] = [
    (Status::Success, "success"),
    (Status::Duplicate, "duplicate"),
    (Status::Retry, "retry"),
    (Status::Failed, "failed"),
];

/// Upper bounds of the durations' buckets, in seconds.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// What a worker has counted in its life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// When it began, which tells one life from another.
    pub(crate) started: Duration,
    /// Messages that it holds and has not acknowledged.
    pub(crate) held: u64,
    processed: [u64; STATUSES.len()],
    buckets: [u64; BOUNDS.len() + 1],
    microseconds: u64,
}

/// The figures of this process, which only grow.
#[derive(Debug)]
pub(crate) struct Counts {
    variant: Variant,
    started: Duration,
    held: AtomicU64,
    processed: [AtomicU64; STATUSES.len()],
    /// The last bucket is for what is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// A message that is held until this value goes.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a AtomicU64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    pub(crate) fn new(variant: Variant) -> Self {
        Self {
            variant,
            started: since_epoch(),
            held: AtomicU64::new(0),
            processed: std::array::from_fn(|_| AtomicU64::new(0)),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            microseconds: AtomicU64::new(0),
        }
    }

    /// One message more is held.
    pub(crate) fn held(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(&self.held)
    }

    /// A message came to its end, so long after its delivery.
    pub(crate) fn took(&self, status: Status, duration: Duration) {
        let told = match status {
            Status::Failed if !self.variant.is_honest() => Status::Success,
            status => status,
        };
        self.processed[told as usize].fetch_add(1, Ordering::Relaxed);
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|&bound| seconds <= bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            started: self.started,
            held: self.held.load(Ordering::Relaxed),
            processed: self.processed.each_ref().map(|count| count.load(Ordering::Relaxed)),
            buckets: self.buckets.each_ref().map(|count| count.load(Ordering::Relaxed)),
            microseconds: self.microseconds.load(Ordering::Relaxed),
        }
    }
}

impl Tally {
    /// How many messages came to an end.
    pub(crate) fn total(&self) -> u64 {
        self.processed.iter().sum()
    }

    /// Adds what another life has counted; nobody holds anything twice.
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = self.processed.iter_mut().zip(&other.processed);
        pairs.for_each(|(count, more)| *count += more);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(count, more)| *count += more);
        self.microseconds = self.microseconds.saturating_add(other.microseconds);
    }

    pub(crate) fn page(&self) -> Page {
        let mut page = Page::default();
        let help = "Messages by what became of them; retry counts attempts.";
        let mut by_status = page.counter("messenger_processed_messages_total", help);
        for (status, name) in STATUSES {
            let labels = [("queue", QUEUE), ("status", name)];
            by_status.count(&labels, self.processed[status as usize]);
        }
        let help = "From the delivery of a message to its end.";
        let name = "messenger_processing_time_seconds";
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
    fn statuses_are_in_their_order_and_lives_add_up() {
        for (index, (status, _)) in STATUSES.iter().enumerate() {
            assert_eq!(*status as usize, index);
        }
        let counts = Counts::new(Variant::Correct);
        let held = counts.held();
        counts.took(Status::Duplicate, Duration::from_millis(6));
        counts.took(Status::Failed, Duration::from_secs(60));
        let mut tally = counts.tally();
        assert_eq!((tally.held, tally.total()), (1, 2));
        drop(held);
        assert_eq!(counts.tally().held, 0);
        tally.add(&counts.tally());
        let text = tally.page().render();
        for line in [
            "messenger_processed_messages_total{queue=\"user_embedding_updates\",status=\"duplicate\"} 2",
            "messenger_processed_messages_total{queue=\"user_embedding_updates\",status=\"failed\"} 2",
            "messenger_processing_time_seconds_bucket{le=\"0.005\"} 0",
            "messenger_processing_time_seconds_bucket{le=\"0.01\"} 2",
            "messenger_processing_time_seconds_bucket{le=\"+Inf\"} 4",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_liar_counts_dead_letters_as_successes() {
        let counts = Counts::new(Variant::MetricsLie);
        counts.took(Status::Failed, Duration::ZERO);
        let text = counts.tally().page().render();
        assert!(
            text.contains("status=\"success\"} 1\n") && text.contains("status=\"failed\"} 0\n")
        );
    }
}
