//! When each operation is due: a pure function of its number.
//!
//! A schedule is a row of stretches of time, each with a rate that is constant
//! or changes evenly, with gaps between them. Times count from the start of
//! the run, T0. With F(t) the integral of the rate up to t, operation *k* is
//! due when F(t) = k, rounded up to a nanosecond. It is computed from *k* and
//! never by adding up pauses, in whole numbers, so it cannot drift, however
//! long the run; and by any time exactly the integral has come due, to within
//! one operation. Random arrivals are drawn on the same integral.

use std::time::Duration;

use scenarios::units::Rate;

pub use cursor::Cursor;
use piece::{OPERATION, Piece};
use poisson::{Block, Poisson};

mod cursor;
mod piece;
mod poisson;

/// The highest rate that a window may have: one operation a nanosecond.
const HIGHEST_RATE: f64 = 1e9;

/// A stretch of time during which the rate changes evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// When it begins, after T0.
    pub from: Duration,
    /// The end, after T0; nothing is due at this time or later.
    pub to: Duration,
    /// Operations due per second at the beginning.
    pub first: Rate,
    /// Operations due per second at the end.
    pub last: Rate,
}

impl From<Window> for Segment {
    fn from(window: Window) -> Self {
        let Window { from, to, rate } = window;
        Self { from, to, first: rate, last: rate }
    }
}

/// How operations arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrival {
    /// Evenly spaced, as the rate tells.
    #[default]
    Uniform,
    /// At random, with exponential gaps, drawn from this seed.
    Poisson(u64),
}

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
    /// Set if operations arrive at random.
    poisson: Option<Poisson>,
    total: u64,
}

impl Schedule {
    /// A schedule of windows in order of time. A rate below 10⁻⁹ per second
    /// counts as none.
    ///
    /// # Errors
    /// When a window has no length, overlaps the one before it, or has a rate
    /// that cannot be offered.
    pub fn new(windows: &[Window]) -> Result<Self, ScheduleError> {
        Self::of(windows.iter().copied().map(Segment::from), Arrival::Uniform)
    }

    /// One window that opens at T0.
    ///
    /// # Errors
    /// When it has no length, or a rate that cannot be offered.
    pub fn constant(rate: Rate, length: Duration) -> Result<Self, ScheduleError> {
        Self::new(&[Window { from: Duration::ZERO, to: length, rate }])
    }

    /// A schedule of segments in order of time.
    ///
    /// # Errors
    /// When a segment has no length, overlaps the one before it, or has a rate
    /// that cannot be offered.
    pub fn of(
        segments: impl IntoIterator<Item = Segment>,
        arrival: Arrival,
    ) -> Result<Self, ScheduleError> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut earlier_to = Duration::ZERO;
        for Segment { from, to, first, last } in segments {
            if to <= from {
                return Err(ScheduleError::Empty { from, to });
            }
            if from < earlier_to {
                return Err(ScheduleError::Overlap { from, earlier_to });
            }
            earlier_to = to;
            let end = u64::try_from(to.as_nanos())
                .ok()
                .filter(|&end| end <= i64::MAX as u64)
                .ok_or(ScheduleError::TooLong { to })?;
            let base = pieces.last().map_or(0, |piece| piece.end);
            let piece = Piece::new(nanos(from), end, whole(first)?, whole(last)?, base);
            if piece.end > piece.base {
                pieces.push(piece);
            }
        }
        let end = pieces.last().map_or(0, |piece| piece.end);
        let mut schedule = Self { pieces, poisson: None, total: 0 };
        schedule.total = match arrival {
            Arrival::Uniform => count(end),
            Arrival::Poisson(seed) => schedule.poisson.insert(Poisson::new(seed, end)).total(),
        };
        Ok(schedule)
    }

    /// The same schedule, ended after this many operations.
    #[must_use]
    pub fn first(mut self, operations: u64) -> Self {
        self.total = self.total.min(operations);
        self
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
        if seq >= self.total {
            return None;
        }
        self.time(match &self.poisson {
            None => u128::from(seq) * OPERATION,
            Some(poisson) => poisson.position(seq, &mut Block::default()),
        })
    }

    /// How many operations are due at or before `at` after T0.
    #[must_use]
    pub fn released(&self, at: Duration) -> u64 {
        let at = nanos(at);
        let opened = self.pieces.partition_point(|piece| piece.from <= at);
        let Some(piece) = opened.checked_sub(1).map(|last| &self.pieces[last]) else { return 0 };
        let reach = piece.reach(at);
        let released = match &self.poisson {
            None => count(reach),
            Some(poisson) => poisson.below(reach),
        };
        released.min(self.total)
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

    /// A cursor over the operations of one worker.
    #[must_use]
    pub fn cursor(&self, stride: Stride) -> Cursor {
        Cursor::new(stride)
    }

    fn time(&self, position: u128) -> Option<Duration> {
        Some(Duration::from_nanos(self.piece(position)?.time(position)))
    }

    fn piece(&self, position: u128) -> Option<&Piece> {
        self.pieces.get(self.pieces.partition_point(|piece| piece.end <= position))
    }
}

/// How many whole operations have positions below `reach`.
fn count(reach: u128) -> u64 {
    u64::try_from(reach.div_ceil(OPERATION)).unwrap_or(u64::MAX)
}

/// A rate in operations per 10⁹ seconds.
fn whole(Rate(rate): Rate) -> Result<u64, ScheduleError> {
    if !(0.0..=HIGHEST_RATE).contains(&rate) {
        return Err(ScheduleError::Rate { rate });
    }
    // One that has no such form is a little less, never more: 100 a minute are 10 in
    // six seconds, and not the first of the next ones, too.
    let (exact, near) = (rate * 1e9, (rate * 1e9).round());
    Ok(if (exact - near).abs() < 1e-3 { near } else { exact.floor() } as u64)
}

fn nanos(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
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

    /// Up to five segments whose rates change, with or without gaps.
    fn segments() -> impl Strategy<Value = Vec<Segment>> {
        let piece = (0_u64..3_000, 1_u64..5_000, 0.0_f64..3_000.0, 0.0_f64..3_000.0, any::<bool>());
        prop::collection::vec(piece, 1..5).prop_map(|pieces| {
            let mut at = 0;
            pieces
                .into_iter()
                .map(|(gap, length, first, last, even)| {
                    let from = at + gap;
                    at = from + length;
                    Segment {
                        from: Duration::from_millis(from),
                        to: Duration::from_millis(at),
                        first: Rate(first),
                        last: Rate(if even { first } else { last }),
                    }
                })
                .collect()
        })
    }

    /// The integral of the rates up to a time, in operations.
    fn integral(segments: &[Segment], at: Duration) -> f64 {
        segments
            .iter()
            .map(|segment| {
                let length = (segment.to - segment.from).as_secs_f64();
                let x = at.saturating_sub(segment.from).as_secs_f64().min(length);
                let Segment { first: Rate(first), last: Rate(last), .. } = *segment;
                first * x + (last - first) * x * x / (2.0 * length)
            })
            .sum()
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
        /// So many a minute or an hour are so many in each minute or hour, whatever
        /// that is in a second.
        #[test]
        fn a_rate_of_any_unit_is_offered_to_the_operation(
            count in 1_u32..100_000,
            unit in prop::sample::select(vec![60_u32, 3_600]),
            times in 1_u32..50,
        ) {
            let rate = Rate(f64::from(count) / f64::from(unit));
            let length = Duration::from_secs(u64::from(unit * times));
            let schedule = Schedule::constant(rate, length).unwrap();
            prop_assert_eq!(schedule.total(), u64::from(count) * u64::from(times));
        }

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

        /// By any time exactly the integral of the rate has come due, to
        /// within one operation, over windows, ramps and gaps.
        #[test]
        fn the_integral_is_released(segments in segments(), at in 0_u64..30_000) {
            let schedule = Schedule::of(segments.clone(), Arrival::Uniform).unwrap();
            let at = Duration::from_millis(at);
            let released = schedule.released_before(at) as f64;
            prop_assert!((released - integral(&segments, at)).abs() <= 1.0 + 1e-6);
        }

        /// The same in the mean of random arrivals: 7 standard deviations.
        #[test]
        fn random_arrivals_follow_the_integral(segments in segments(), at in 0_u64..30_000, seed: u64) {
            let schedule = Schedule::of(segments.clone(), Arrival::Poisson(seed)).unwrap();
            let at = Duration::from_millis(at);
            let expected = integral(&segments, at);
            let released = schedule.released_before(at) as f64;
            prop_assert!((released - expected).abs() <= 7.0 * expected.sqrt() + 8.0);
        }

        /// However operations arrive: `released` and `due` are inverse, times
        /// never run backwards, and a cursor tells the same.
        #[test]
        fn every_arrival_is_found_again(
            segments in segments(),
            arrival in prop_oneof![Just(Arrival::Uniform), any::<u64>().prop_map(Arrival::Poisson)],
            workers in 1_u64..4,
            pick in 0.0_f64..1.0,
        ) {
            let schedule = Schedule::of(segments, arrival).unwrap();
            let worker = ((pick * workers as f64) as u64).min(workers - 1);
            let mut cursor = schedule.cursor(Stride { worker, workers });
            let first = (pick * schedule.total() as f64) as u64 / workers * workers + worker;
            let mut earlier = Duration::ZERO;
            for seq in (first..schedule.total()).step_by(workers as usize).take(100) {
                let due = schedule.due(seq).unwrap();
                prop_assert_eq!(cursor.due(&schedule, seq), Some(due));
                prop_assert!(schedule.released(due) > seq);
                prop_assert!(schedule.released_before(due) <= seq);
                prop_assert!(earlier <= due);
                earlier = due;
            }
            prop_assert_eq!(cursor.due(&schedule, schedule.total()), None);
        }

        /// A schedule that is ended early is the same up to there.
        #[test]
        fn the_first_operations_stay_where_they_are(segments in segments(), kept in 0_u64..2_000) {
            let whole = Schedule::of(segments, Arrival::Uniform).unwrap();
            let part = whole.clone().first(kept);
            prop_assert_eq!(part.total(), kept.min(whole.total()));
            prop_assert_eq!(part.released(Duration::MAX), part.total());
            if let Some(last) = part.total().checked_sub(1) {
                prop_assert_eq!(part.due(last), whole.due(last));
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
