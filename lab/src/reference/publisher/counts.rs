//! What the replica counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use exposition::Page;

use super::message::Outcome;
use crate::reference::server::since_epoch;

/// Publishes by outcome, and when the process started.
#[derive(Debug)]
pub(crate) struct Counts {
    started: Duration,
    confirmed: AtomicU64,
    refused: AtomicU64,
    not_sent: AtomicU64,
    unknown: AtomicU64,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            started: since_epoch(),
            confirmed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            not_sent: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
        }
    }

    pub(crate) fn count(&self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Confirmed => &self.confirmed,
            Outcome::Refused(_) => &self.refused,
            Outcome::NotSent(_) => &self.not_sent,
            Outcome::Unknown(_) => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn page(&self) -> Page {
        let mut page = Page::default();
        let help = "Publish requests by outcome.";
        let mut publishes = page.counter("publisher_publishes_total", help);
        for (outcome, counter) in [
            ("confirmed", &self.confirmed),
            ("refused", &self.refused),
            ("not_sent", &self.not_sent),
            ("unknown", &self.unknown),
        ] {
            publishes.count(&[("outcome", outcome)], counter.load(Ordering::Relaxed));
        }
        page.started(self.started);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Problem;
    use super::*;

    #[test]
    fn each_outcome_has_its_own_line() {
        let counts = Counts::new();
        counts.count(&Outcome::Confirmed);
        counts.count(&Outcome::Confirmed);
        counts.count(&Outcome::Unknown(Problem::new("publish_unconfirmed", "lost")));
        let text = counts.page().render();
        assert!(text.contains("{outcome=\"confirmed\"} 2\n"), "{text}");
        assert!(text.contains("{outcome=\"unknown\"} 1\n"), "{text}");
        assert!(text.contains("{outcome=\"refused\"} 0\n"), "{text}");
    }
}
