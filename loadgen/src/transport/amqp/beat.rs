//! Signs of life on a connection. Each side shows one at least every so often,
//! and takes the other for dead when it has shown none for twice as long.
//!
//! They are sent by the time since the last one, whatever else is written or
//! read meanwhile: whoever only listens would otherwise be silent for as long
//! as there is something to hear.

use std::time::Duration;

/// What is said of a broker that is taken for dead.
pub(super) const SILENT: &str = "the broker shows no sign of life";

/// When signs of life are due, by any clock that does not go back.
#[derive(Debug)]
pub(super) struct Beat {
    every: Duration,
    sent: Duration,
    seen: Duration,
}

impl Beat {
    /// Signs that are due at least this often, from `now` on.
    pub(super) fn new(every: Duration, now: Duration) -> Self {
        Self { every, sent: now, seen: now }
    }

    /// Both sides live, and the clock is another one from now on.
    pub(super) fn restart(&mut self, now: Duration) {
        (self.sent, self.seen) = (now, now);
    }

    /// Something came from the broker.
    pub(super) fn heard(&mut self, now: Duration) {
        self.seen = now;
    }

    /// Whether a sign is to be sent, which is then taken for sent.
    pub(super) fn send(&mut self, now: Duration) -> bool {
        let due = now >= self.next();
        if due {
            self.sent = now;
        }
        due
    }

    /// Whether the broker is to be taken for dead.
    pub(super) fn is_dead(&self, now: Duration) -> bool {
        now >= self.dies()
    }

    /// When there is something to be done, if nothing is heard until then.
    pub(super) fn deadline(&self) -> Duration {
        self.next().min(self.dies())
    }

    /// Twice as often as it must be, so that a late one is in time.
    fn next(&self) -> Duration {
        self.sent.saturating_add(self.every / 2)
    }

    fn dies(&self) -> Duration {
        self.seen.saturating_add(self.every.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However often the clock is looked at and the broker heard: signs
        /// are sent at least every interval if the clock is looked at twice in
        /// it, and a broker is dead exactly when it was silent for two.
        #[test]
        fn a_connection_is_never_silent(every in 2_u64..100, looks in prop::collection::vec((1_u64..100, any::<bool>()), 1..100)) {
            let ms = Duration::from_millis;
            let mut beat = Beat::new(ms(every), Duration::ZERO);
            let (mut now, mut sent, mut heard) = (0, 0, 0);
            for (step, hears) in looks {
                now += step.min(every / 2);
                prop_assert_eq!(beat.is_dead(ms(now)), now - heard >= 2 * every);
                if hears {
                    beat.heard(ms(now));
                    heard = now;
                }
                if beat.send(ms(now)) {
                    sent = now;
                }
                prop_assert!(now - sent <= every);
                prop_assert!(beat.deadline() > ms(now) || beat.is_dead(ms(now)));
            }
        }
    }
}
