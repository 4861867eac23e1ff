//! What makes operations due: a schedule of their own, or the answers to the
//! ones before.

use std::time::Duration;

use crate::schedule::Schedule;

/// What makes operations due.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// Open loop: a schedule, whatever the target does.
    Open(Schedule),
    /// Closed loop: an operation is due as soon as a connection is free for
    /// it. It tells how fast a target can be, never how it does under a load:
    /// a target that stalls is asked for less.
    Closed(Closed),
}

/// The end of a closed loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// No operation comes due after this many.
    pub count: Option<u64>,
    /// No operation comes due from this time after T0 on.
    pub duration: Option<Duration>,
}

impl Pace {
    /// How many operations there are, if that is known.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        match self {
            Self::Open(schedule) => Some(schedule.total()),
            Self::Closed(closed) => closed.count,
        }
    }

    /// When operation `seq` is due after T0, if that is known beforehand.
    #[must_use]
    pub fn due(&self, seq: u64) -> Option<Duration> {
        match self {
            Self::Open(schedule) => schedule.due(seq),
            Self::Closed(_) => None,
        }
    }

    /// How many operations may be handed out at `now` after T0.
    pub(crate) fn released(&self, now: Duration) -> u64 {
        match self {
            Self::Open(schedule) => schedule.released(now),
            Self::Closed(closed) => closed.count.unwrap_or(ENDLESS),
        }
    }

    /// Whether nothing comes due any more at `now` after T0, because a closed
    /// loop's time is over.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        match self {
            Self::Open(_) => false,
            Self::Closed(closed) => closed.duration.is_some_and(|duration| now >= duration),
        }
    }
}

impl From<Schedule> for Pace {
    fn from(schedule: Schedule) -> Self {
        Self::Open(schedule)
    }
}

/// More operations than any run has.
const ENDLESS: u64 = 1 << 62;
