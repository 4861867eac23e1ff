//! The run's clock: time since T0, from the monotonic clock.

use std::time::{Duration, Instant};

/// Tells the time after the start of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    t0: Instant,
}

impl Clock {
    pub(crate) fn new(t0: Instant) -> Self {
        Self { t0 }
    }

    /// The time after T0; zero before it.
    pub(crate) fn now(self) -> Duration {
        Instant::now().saturating_duration_since(self.t0)
    }

    /// How long it is until T0; `None` when it has come.
    pub(crate) fn until_start(self) -> Option<Duration> {
        self.t0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}
