//! What the ingress counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use exposition::Page;

use super::super::streams::PARTITIONS;
use crate::reference::server::since_epoch;

/// Requests by status, and accepted ones by partition.
///
/// *Enqueued* is every accepted request: those that made an entry (`new`) and
/// those whose message was there already (`hit`). The sum therefore equals the
/// accepted requests, and `new` the entries in the streams.
#[derive(Debug)]
pub(crate) struct Counts {
    started: Duration,
    requests: Mutex<BTreeMap<u16, u64>>,
    asked: AtomicU64,
    accepted: AtomicU64,
    hits: AtomicU64,
    enqueued: [[AtomicU64; 2]; PARTITIONS as usize],
}

const RESULTS: [&str; 2] = ["new", "hit"];

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            started: since_epoch(),
            requests: Mutex::default(),
            asked: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            enqueued: std::array::from_fn(|_| [AtomicU64::new(0), AtomicU64::new(0)]),
        }
    }

    pub(crate) fn answered(&self, status: StatusCode) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(status.as_u16()).or_default() += 1;
    }

    /// One more request has come; gives how many have.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// `hits` is 0 for a message that was new.
    pub(crate) fn accepted(&self, partition: u16, hits: u64, enqueued: bool) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.hits.fetch_add(hits, Ordering::Relaxed);
        let of_partition = &self.enqueued[usize::from(partition)];
        of_partition[usize::from(hits > 0)].fetch_add(u64::from(enqueued), Ordering::Relaxed);
    }

    /// `lags` are those of the partitions; what is unknown is left out.
    pub(crate) fn page(&self, lags: &[Option<usize>]) -> Page {
        let mut page = Page::default();
        let help = "Requests to send a message, by status.";
        let mut requests = page.counter("http_requests_total", help);
        for (status, count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            requests.count(&[("code", &status.to_string())], *count);
        }
        let help = "Requests that were answered 200 or 202.";
        let mut accepted = page.counter("http_requests_accepted_total", help);
        accepted.count(&[], self.accepted.load(Ordering::Relaxed));
        let help = "Accepted requests: entries put into a stream, and those there already.";
        let mut enqueued = page.counter("stream_enqueue_total", help);
        for (partition, results) in self.enqueued.iter().enumerate() {
            let partition = partition.to_string();
            for (result, count) in RESULTS.iter().zip(results) {
                let labels = [("partition", &*partition), ("result", result)];
                enqueued.count(&labels, count.load(Ordering::Relaxed));
            }
        }
        let help = "Messages that were known already, where that was found out.";
        let mut hits = page.counter("idempotency_hit_total", help);
        hits.count(&[("operation", "ingress")], self.hits.load(Ordering::Relaxed));
        let help = "Entries that no worker has acknowledged, delivered or not.";
        let mut backlog = page.gauge("stream_partition_lag", help);
        for (partition, lag) in lags.iter().enumerate() {
            if let Some(lag) = lag {
                backlog.count(&[("partition", &partition.to_string())], *lag as u64);
            }
        }
        page.started(self.started);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_lag_is_no_sample_and_a_hit_counts_as_enqueued() {
        let counts = Counts::new();
        counts.answered(StatusCode::OK);
        counts.accepted(3, 0, true);
        counts.accepted(3, 1, true);
        counts.accepted(3, 1, false);
        let text = counts.page(&[Some(5), None]).render();
        for line in [
            "http_requests_total{code=\"200\"} 1",
            "http_requests_accepted_total 3",
            "stream_enqueue_total{partition=\"3\",result=\"new\"} 1",
            "stream_enqueue_total{partition=\"3\",result=\"hit\"} 1",
            "idempotency_hit_total{operation=\"ingress\"} 2",
            "stream_partition_lag{partition=\"0\"} 5",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is not in {text}");
        }
        assert!(!text.contains("stream_partition_lag{partition=\"1\"}"));
    }
}
