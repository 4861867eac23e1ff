//! What each variant does differently. This is where the bugs are planted;
//! everything else asks here and is correct in every variant.

use std::time::Duration;

use super::variant::Variant;

/// What a request takes in the middle.
const TAKES: f64 = 0.002;
/// By how much it wanders, as the standard deviation of its logarithm.
const WANDERS: f64 = 0.12;
/// `slow-on-one-route` is slow on this one.
const SLOW_ROUTE: u8 = 7;
/// `errors-for-one-caller` loses this one.
const LOST_CALLER: u64 = 7;

/// A request, as far as it decides what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// The route, 0 to 9.
    pub(crate) route: u8,
    /// Who asks.
    pub(crate) caller: u64,
    /// Which request of this process it is.
    pub(crate) number: u64,
    /// The time since this process was first asked.
    pub(crate) since: Duration,
    /// The time of day, the same for all processes.
    pub(crate) clock: Duration,
    /// Drawn from 0 to 1.
    pub(crate) luck: f64,
    /// Drawn from the standard normal distribution.
    pub(crate) spread: f64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Deed {
    /// How long it takes.
    pub(crate) takes: Duration,
    /// The status of the answer.
    pub(crate) status: u16,
    /// The status that is counted.
    pub(crate) counted: u16,
    /// Whether a query timed out.
    pub(crate) timed_out: bool,
    /// Whether the log has an error.
    pub(crate) is_logged: bool,
    /// Whether the process ends.
    pub(crate) is_last: bool,
}

/// The circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Breaker {
    pub(crate) is_open: bool,
    /// How often it has opened.
    pub(crate) trips: u64,
}

impl Variant {
    /// The bug that a process has: the stable version has none.
    pub(crate) fn of(self, is_canary: bool) -> Self {
        match self {
            Self::NoisyNeighbour => self,
            _ if is_canary => self,
            _ => Self::Correct,
        }
    }

    /// What becomes of a request.
    pub(crate) fn deed(self, asked: &Asked) -> Deed {
        let takes = TAKES * (WANDERS * asked.spread).exp();
        let seconds = match self {
            Self::SlowP95 if asked.luck < 0.1 => takes.max(0.006),
            Self::SlowTail if asked.luck < 0.02 => takes + 0.025,
            // nginx and the way there take their part, which does not grow.
            Self::Slow12Percent => takes * 1.2,
            Self::SlowOnOneRoute if asked.route == SLOW_ROUTE => takes * 1.5,
            Self::ColdStart if asked.since < Duration::from_secs(4) => takes * 4.0,
            Self::NoisyNeighbour if asked.clock.as_secs() % 10 < 3 => takes * 2.5,
            _ => takes,
        };
        let status = match self {
            Self::Errors1Percent if asked.luck < 0.01 => 500,
            Self::ErrorsSparse if is_burst(asked.number / 5) => 500,
            Self::ErrorsForOneCaller if asked.caller == LOST_CALLER => 500,
            Self::RateLimits if asked.luck < 0.03 => 429,
            Self::HealthLies if asked.luck < 0.05 => 500,
            Self::MetricsLie if asked.luck < 0.02 => 500,
            _ => 200,
        };
        Deed {
            takes: Duration::from_secs_f64(seconds),
            status,
            counted: if self == Self::MetricsLie { 200 } else { status },
            timed_out: self == Self::QueryTimeouts && asked.luck < 0.005,
            is_logged: self == Self::LogErrors && asked.luck < 0.02,
            is_last: self == Self::CrashLoop && asked.number % 400 == 399,
        }
    }

    /// The breaker so long after the first request.
    pub(crate) fn breaker(self, since: Duration) -> Breaker {
        match self {
            Self::BreakerOpen => {
                let is_open = since >= Duration::from_secs(10);
                Breaker { is_open, trips: u64::from(is_open) }
            }
            Self::BreakerFlaps => Breaker {
                is_open: since.as_millis() % 5_000 >= 4_500,
                trips: u64::try_from((since.as_millis() + 500) / 5_000).unwrap_or(u64::MAX),
            },
            _ => Breaker { is_open: false, trips: 0 },
        }
    }

    /// What is held in memory so long after the first request, in bytes.
    pub(crate) fn holds(self, since: Duration) -> usize {
        let seconds = since.as_secs_f64();
        let bytes = match self {
            Self::MemoryLeak => seconds * 262_144.0,
            Self::MemorySawtooth => (seconds % 12.0) * 1_048_576.0,
            _ => 0.0,
        };
        bytes as usize
    }

    /// The share that the new version really gets where it is to get this one.
    pub(crate) fn share(self, asked: f64) -> f64 {
        match self {
            Self::WrongSplit => (asked * 3.0).min(1.0),
            Self::NoTraffic => 0.0,
            _ => asked,
        }
    }
}

/// Whether a group of requests fails: three in a hundred, scattered.
fn is_burst(group: u64) -> bool {
    // Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4).
    (group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 100 < 3
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    fn asked(number: u64, luck: f64) -> Asked {
        let since = Duration::from_secs(60);
        let (route, caller) = ((number % 10) as u8, number % 50);
        Asked { route, caller, number, since, clock: since, luck, spread: 0.0 }
    }

    /// The requests of which `wrong` says so, of ten thousand.
    fn share(variant: Variant, wrong: impl Fn(&Deed) -> bool) -> f64 {
        let all = 10_000;
        let deeds = (0..all).map(|n| variant.deed(&asked(n, (n * 7 % all) as f64 / all as f64)));
        deeds.filter(wrong).count() as f64 / all as f64
    }

    #[test]
    fn bugs_are_as_frequent_as_they_say() {
        let fails = |deed: &Deed| deed.status != 200;
        for (variant, expected) in [
            (Variant::Correct, 0.0),
            (Variant::Errors1Percent, 0.01),
            (Variant::ErrorsSparse, 0.03),
            (Variant::ErrorsForOneCaller, 0.02),
            (Variant::RateLimits, 0.03),
            (Variant::HealthLies, 0.05),
            (Variant::MetricsLie, 0.02),
        ] {
            let found = share(variant, fails);
            assert!((found - expected).abs() <= 0.1 * expected, "{variant}: {found}");
        }
        let slow = |deed: &Deed| deed.takes >= Duration::from_millis(6);
        assert!((share(Variant::SlowP95, slow) - 0.1).abs() < 0.001);
        assert!((share(Variant::SlowTail, slow) - 0.02).abs() < 0.001);
        assert_eq!(share(Variant::MetricsLie, |deed| deed.counted != 200), 0.0);
    }

    #[test]
    fn the_stable_version_has_no_bug_but_what_is_round_both() {
        for variant in Variant::iter() {
            let expected = match variant {
                Variant::NoisyNeighbour => variant,
                _ => Variant::Correct,
            };
            assert_eq!(variant.of(false), expected);
            assert_eq!(variant.of(true), variant);
        }
    }

    #[test]
    fn a_breaker_that_flaps_has_opened_as_often_as_it_was_seen_to() {
        let mut opened = 0;
        let mut was_open = false;
        for millis in (0..60_000).step_by(100) {
            let breaker = Variant::BreakerFlaps.breaker(Duration::from_millis(millis));
            opened += u64::from(breaker.is_open && !was_open);
            was_open = breaker.is_open;
            assert_eq!(breaker.trips, opened, "{millis}");
        }
        assert_eq!(opened, 12);
    }
}
