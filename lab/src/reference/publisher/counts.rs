//! What the replica counts, as Prometheus text.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::message::Outcome;

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
        #[expect(clippy::disallowed_methods, reason = "a start time is a wall-clock time")]
        let now = std::time::SystemTime::now();
        Self {
            started: now.duration_since(UNIX_EPOCH).unwrap_or_default(),
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

    /// The text exposition format, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from(
            "# HELP publisher_publishes_total Publish requests by outcome.\n\
             # TYPE publisher_publishes_total counter\n",
        );
        for (outcome, counter) in [
            ("confirmed", &self.confirmed),
            ("refused", &self.refused),
            ("not_sent", &self.not_sent),
            ("unknown", &self.unknown),
        ] {
            let value = counter.load(Ordering::Relaxed);
            let _ = writeln!(text, "publisher_publishes_total{{outcome=\"{outcome}\"}} {value}");
        }
        let _ = write!(
            text,
            "# HELP process_start_time_seconds Start time of the process since the epoch.\n\
             # TYPE process_start_time_seconds gauge\n\
             process_start_time_seconds {:.3}\n",
            self.started.as_secs_f64()
        );
        text
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
        let text = counts.render();
        assert!(text.contains("{outcome=\"confirmed\"} 2\n"), "{text}");
        assert!(text.contains("{outcome=\"unknown\"} 1\n"), "{text}");
        assert!(text.contains("{outcome=\"refused\"} 0\n"), "{text}");
    }
}
