//! The run's clock: the one place where the judge's program asks the time.

use std::time::{Duration, Instant, SystemTime};

/// A clock whose zero is the start of the first phase.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    zero_wall: SystemTime,
}

impl Clock {
    /// A clock whose zero lies `ahead` from now.
    #[must_use]
    pub fn starting_in(ahead: Duration) -> Self {
        Self { zero: Instant::now() + ahead, zero_wall: wall() + ahead }
    }

    /// The instant of zero.
    #[must_use]
    pub const fn zero(&self) -> Instant {
        self.zero
    }

    /// The wall clock at zero.
    #[must_use]
    pub const fn zero_wall(&self) -> SystemTime {
        self.zero_wall
    }

    /// Seconds since zero; negative before it.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.seconds(Instant::now())
    }

    /// The seconds since zero at an instant; negative before zero.
    #[must_use]
    pub fn seconds(&self, at: Instant) -> f64 {
        if at >= self.zero {
            (at - self.zero).as_secs_f64()
        } else {
            -(self.zero - at).as_secs_f64()
        }
    }

    /// The instant that lies so long after zero.
    #[must_use]
    pub fn at(&self, after: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.zero + after)
    }

    /// The wall clock at so many seconds, in UTC, RFC 3339.
    #[must_use]
    pub fn stamp(&self, at: f64) -> String {
        let wall = if at < 0.0 {
            self.zero_wall - Duration::from_secs_f64(-at)
        } else {
            self.zero_wall + Duration::from_secs_f64(at)
        };
        stamp(wall)
    }
}

/// The wall clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock's own shell")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// A wall-clock time in UTC, RFC 3339, in milliseconds.
#[must_use]
pub fn stamp(wall: SystemTime) -> String {
    jiff::Timestamp::try_from(wall)
        .map_or_else(|_| "unknown".to_owned(), |timestamp| format!("{timestamp:.3}"))
}

/// A wall-clock time as part of a file name: `20261122T014500Z`.
#[must_use]
pub fn compact(wall: SystemTime) -> String {
    jiff::Timestamp::try_from(wall).map_or_else(
        |_| "unknown".to_owned(),
        |timestamp| timestamp.strftime("%Y%m%dT%H%M%SZ").to_string(),
    )
}
