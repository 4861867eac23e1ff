//! When each operation is due: a pure function of its number.
//!
//! A schedule is a row of windows in time, each at its own rate, with gaps
//! between them. Times count from the start of the run, T0. Within a window
//! that opens at `from`, operation *i* is due at `from + i / rate`, rounded up
//! to a nanosecond. It is computed from *i* each time and never by adding up
//! pauses, so it cannot drift, however long the run.

use std::time::Duration;

use scenarios::units::Rate;

/// Rates are held in operations per 10⁹ seconds, so a time in nanoseconds
/// multiplied by a rate counts operations in units of 10⁻¹⁸.
const SCALE: u128 = 1_000_000_000_000_000_000;

/// The highest rate that a window may have: one operation a nanosecond.
const HIGHEST_RATE: f64 = 1e9;

/// A stretch of time during which operations come due at one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// When the first operation is due, after T0.
    pub from: Duration,
    /// The end, after T0; nothing is due at this time or later.
    pub to: Duration,
    /// Operations due per second.
    pub rate: Rate,
}

/// Why windows do not make a schedule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// A window that ends before it starts.
    #[error("the window from {from:?} to {to:?} has no length; its end must come after its start")]
    Empty {
        /// The start, after T0.
        from: Duration,
        /// The end, after T0.
        to: Duration,
    },
    /// A window that starts before the window in front of it has ended.
    #[error(
        "the window that starts at {from:?} overlaps one that ends at {earlier_to:?}; \
         give the windows in order of time and without overlap"
    )]
    Overlap {
        /// The start of the later window, after T0.
        from: Duration,
        /// The end of the earlier window, after T0.
        earlier_to: Duration,
    },
    /// A rate that is negative, not a number, or beyond one a nanosecond.
    #[error(
        "{rate} operations per second is not a rate that can be offered; use 0/s up to 1000M/s"
    )]
    Rate {
        /// The rate that was asked for, in operations per second.
        rate: f64,
    },
    /// An end beyond what nanoseconds in 64 bits can tell (584 years).
    #[error("a window ends {to:?} after the start of the run; that is too far away")]
    TooLong {
        /// The end, after T0.
        to: Duration,
    },
}

/// When each operation of a workload is due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    pieces: Vec<Piece>,
    total: u64,
}

/// A window in whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Nanoseconds after T0.
    from: u64,
    to: u64,
    /// Operations per 10⁹ seconds.
    rate: u64,
    /// The number of the first operation of the window.
    first: u64,
    count: u64,
}

impl Piece {
    /// When operation `index` of this window is due, in nanoseconds after T0.
    fn due(&self, index: u64) -> u64 {
        let offset = (u128::from(index) * SCALE).div_ceil(u128::from(self.rate));
        self.from + u64::try_from(offset).unwrap_or(u64::MAX - self.from)
    }

    /// How many operations of this window are due at or before `at`, which is
    /// not before the window opens: the exact inverse of [`Piece::due`].
    fn released(&self, at: u64) -> u64 {
        if at >= self.to {
            return self.count;
        }
        let whole = u128::from(at - self.from) * u128::from(self.rate) / SCALE;
        u64::try_from(whole).unwrap_or(u64::MAX).saturating_add(1).min(self.count)
    }
}

impl Schedule {
    /// A schedule of windows in order of time. A rate below 10⁻⁹ per second
    /// counts as none.
    ///
    /// # Errors
    /// When a window has no length, overlaps the one before it, or has a rate
    /// that cannot be offered.
    pub fn new(windows: &[Window]) -> Result<Self, ScheduleError> {
        let mut schedule = Self::default();
        let mut earlier_to = Duration::ZERO;
        for &Window { from, to, rate: Rate(rate) } in windows {
            if to <= from {
                return Err(ScheduleError::Empty { from, to });
            }
            if from < earlier_to {
                return Err(ScheduleError::Overlap { from, earlier_to });
            }
            if !(0.0..=HIGHEST_RATE).contains(&rate) {
                return Err(ScheduleError::Rate { rate });
            }
            earlier_to = to;
            let end = u64::try_from(to.as_nanos()).map_err(|_| ScheduleError::TooLong { to })?;
            schedule.push(nanos(from), end, (rate * 1e9).round() as u64);
        }
        Ok(schedule)
    }

    /// One window that opens at T0.
    ///
    /// # Errors
    /// When it has no length, or a rate that cannot be offered.
    pub fn constant(rate: Rate, length: Duration) -> Result<Self, ScheduleError> {
        Self::new(&[Window { from: Duration::ZERO, to: length, rate }])
    }

    fn push(&mut self, from: u64, to: u64, rate: u64) {
        if rate == 0 {
            return;
        }
        let mut piece = Piece { from, to, rate, first: self.total, count: u64::MAX };
        // `to` itself is outside the window, hence the operations due one
        // nanosecond before it.
        piece.count = piece.released(to - 1);
        self.total += piece.count;
        self.pieces.push(piece);
    }

    /// How many operations the whole schedule has.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// When operation `seq`, counted from 0, is due after T0; `None` behind
    /// the last one.
    #[must_use]
    pub fn due(&self, seq: u64) -> Option<Duration> {
        let at = self.pieces.partition_point(|piece| piece.first + piece.count <= seq);
        let piece = self.pieces.get(at)?;
        Some(Duration::from_nanos(piece.due(seq - piece.first)))
    }

    /// How many operations are due at or before `at` after T0.
    #[must_use]
    pub fn released(&self, at: Duration) -> u64 {
        let at = nanos(at);
        match self.pieces.partition_point(|piece| piece.from <= at) {
            0 => 0,
            opened => {
                let piece = &self.pieces[opened - 1];
                piece.first + piece.released(at)
            }
        }
    }

    /// How many operations are due before `at` after T0.
    #[must_use]
    pub fn released_before(&self, at: Duration) -> u64 {
        at.checked_sub(Duration::from_nanos(1)).map_or(0, |before| self.released(before))
    }

    /// When the last operation is due; `None` when there is none.
    #[must_use]
    pub fn last_due(&self) -> Option<Duration> {
        self.due(self.total.checked_sub(1)?)
    }
}

fn nanos(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
}

/// Gives due times in order.
#[derive(Debug)]
pub struct Cursor;

impl Cursor {
    /// When operation `seq` is due.
    pub fn due(&mut self, schedule: &Schedule, seq: u64) -> Option<Duration> {
        schedule.due(seq)
    }
}

impl Schedule {
    /// A cursor.
    #[must_use]
    pub fn cursor(&self, _stride: Stride) -> Cursor {
        Cursor
    }
}

/// The part of a run's operations that one worker takes: every `workers`-th
/// one, beginning with number `worker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stride {
    /// Which worker, from 0.
    pub worker: u64,
    /// Among how many; at least 1.
    pub workers: u64,
}

impl Stride {
    /// All operations.
    pub const WHOLE: Self = Self { worker: 0, workers: 1 };

    /// How many of the operations below `seq` belong to this worker.
    #[must_use]
    pub fn below(self, seq: u64) -> u64 {
        seq.saturating_sub(self.worker).div_ceil(self.workers)
    }

    /// Whether operation `seq` belongs to this worker.
    #[must_use]
    pub fn owns(self, seq: u64) -> bool {
        seq % self.workers == self.worker
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(from: f64, to: f64, rate: f64) -> Window {
        Window {
            from: Duration::from_secs_f64(from),
            to: Duration::from_secs_f64(to),
            rate: Rate(rate),
        }
    }

    /// Up to five windows, with or without gaps between them.
    fn windows() -> impl Strategy<Value = Vec<Window>> {
        let piece = (0_u64..3_000, 1_u64..5_000, 0.01_f64..5_000.0);
        prop::collection::vec(piece, 1..5).prop_map(|pieces| {
            let mut at = 0;
            pieces
                .into_iter()
                .map(|(gap, length, rate)| {
                    let from = at + gap;
                    at = from + length;
                    Window {
                        from: Duration::from_millis(from),
                        to: Duration::from_millis(at),
                        rate: Rate(rate),
                    }
                })
                .collect()
        })
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced() {
        let schedule = Schedule::constant(Rate(500.0), Duration::from_secs(30)).unwrap();
        assert_eq!(schedule.total(), 15_000);
        assert_eq!(schedule.due(0), Some(Duration::ZERO));
        assert_eq!(schedule.due(1), Some(Duration::from_millis(2)));
        assert_eq!(schedule.last_due(), Some(Duration::from_millis(29_998)));
        assert_eq!(schedule.due(15_000), None);
        assert_eq!(schedule.released(Duration::ZERO), 1);
        assert_eq!(schedule.released(Duration::from_secs(1)), 501);
        assert_eq!(schedule.released_before(Duration::from_secs(1)), 500);
        assert_eq!(schedule.released_before(Duration::ZERO), 0);
    }

    #[test]
    fn nothing_drifts_in_a_month() {
        let month = Duration::from_secs(30 * 86_400);
        let schedule = Schedule::constant(Rate(3.0), month).unwrap();
        assert_eq!(schedule.total(), 3 * 30 * 86_400);
        assert_eq!(schedule.due(3 * 86_400 * 29), Some(Duration::from_secs(86_400 * 29)));
    }

    #[test]
    fn gaps_release_nothing() {
        let schedule = Schedule::new(&[window(1.0, 2.0, 10.0), window(5.0, 6.0, 20.0)]).unwrap();
        assert_eq!(schedule.total(), 30);
        assert_eq!(schedule.released(Duration::from_millis(999)), 0);
        assert_eq!(schedule.released(Duration::from_secs(4)), 10);
        assert_eq!(schedule.due(10), Some(Duration::from_secs(5)));
    }

    #[test]
    fn bad_windows_are_refused() {
        assert!(matches!(
            Schedule::new(&[window(2.0, 2.0, 1.0)]),
            Err(ScheduleError::Empty { .. })
        ));
        assert!(matches!(
            Schedule::new(&[window(0.0, 2.0, 1.0), window(1.0, 3.0, 1.0)]),
            Err(ScheduleError::Overlap { .. })
        ));
        for rate in [-1.0, f64::NAN, f64::INFINITY, 2e9] {
            assert!(matches!(
                Schedule::new(&[window(0.0, 1.0, rate)]),
                Err(ScheduleError::Rate { .. })
            ));
        }
        assert_eq!(Schedule::new(&[window(0.0, 1.0, 0.0)]).unwrap().total(), 0);
    }

    proptest! {
        /// `released` and `due` are inverse: exactly k + 1 operations are due
        /// at the time of operation k or, when several share it, more; and at
        /// most k before it.
        #[test]
        fn due_and_released_are_inverse(windows in windows(), pick in 0.0_f64..1.0) {
            let schedule = Schedule::new(&windows).unwrap();
            let seq = (pick * schedule.total() as f64) as u64;
            let due = schedule.due(seq).unwrap();
            prop_assert!(schedule.released(due) > seq);
            prop_assert!(schedule.released_before(due) <= seq);
        }

        /// Operations come due in the order of their numbers.
        #[test]
        fn due_never_runs_backwards(windows in windows(), pick in 0.0_f64..1.0) {
            let schedule = Schedule::new(&windows).unwrap();
            let seq = (pick * (schedule.total() - 1) as f64) as u64;
            if let Some(next) = schedule.due(seq + 1) {
                prop_assert!(schedule.due(seq).unwrap() <= next);
            }
        }

        /// A window holds its rate times its length, to within one operation,
        /// and every one of them lies inside it.
        #[test]
        fn a_window_holds_its_share(windows in windows()) {
            let schedule = Schedule::new(&windows).unwrap();
            for window in &windows {
                let count = schedule.released_before(window.to)
                    - schedule.released_before(window.from);
                let expected = window.rate.0 * (window.to - window.from).as_secs_f64();
                prop_assert!((count as f64 - expected).abs() <= 1.0 + 1e-6);
            }
        }

        /// What is due in each second adds up to the whole.
        #[test]
        fn the_seconds_add_up(windows in windows()) {
            let schedule = Schedule::new(&windows).unwrap();
            let seconds = windows.last().unwrap().to.as_secs() + 1;
            let sum: u64 = (0..seconds)
                .map(|second| {
                    schedule.released_before(Duration::from_secs(second + 1))
                        - schedule.released_before(Duration::from_secs(second))
                })
                .sum();
            prop_assert_eq!(sum, schedule.total());
        }

        /// The workers' parts are disjoint and complete.
        #[test]
        fn strides_share_out_everything(workers in 1_u64..9, total in 0_u64..500) {
            let parts = (0..workers).map(|worker| Stride { worker, workers });
            let sum: u64 = parts.clone().map(|part| part.below(total)).sum();
            prop_assert_eq!(sum, total);
            for seq in 0..total {
                prop_assert_eq!(parts.clone().filter(|part| part.owns(seq)).count(), 1);
            }
        }
    }
}
