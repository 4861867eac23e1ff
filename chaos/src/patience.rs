//! Waiting for a condition, with a deadline.

use std::time::Duration;

use tokio::time::Instant;

/// A deadline and the pause between two looks at the condition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    end: Instant,
    pub(crate) limit: Duration,
    pause: Duration,
}

impl Patience {
    /// Waits for at most `limit` from now and looks every `pause`.
    pub(crate) fn new(limit: Duration, pause: Duration) -> Self {
        Self { end: Instant::now() + limit, limit, pause }
    }

    /// Sleeps until the next look; false once the deadline has passed. The
    /// condition is looked at a last time at the deadline itself.
    pub(crate) async fn pause(&self) -> bool {
        let now = Instant::now();
        if now >= self.end {
            return false;
        }
        tokio::time::sleep_until((now + self.pause).min(self.end)).await;
        true
    }
}
