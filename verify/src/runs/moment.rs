//! When runs began, and how long ago that was.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use scenarios::units::Span;

use crate::clock;

/// How old something is: `12h`, `30d`, `26w`. Times of scenarios end at a hundred days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub Duration);

/// Seconds of a day and of a week.
const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = |unit: char, seconds: u64| {
            let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            number.checked_mul(seconds).map(Duration::from_secs)
        };
        if let Some(age) = whole('d', DAY).or_else(|| whole('w', WEEK)) {
            return Ok(Self(age));
        }
        let Span(age) =
            text.parse::<Span>().map_err(|error| format!("{error}, \"30d\" or \"26w\""))?;
        Ok(Self(age))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds > 0 && seconds.is_multiple_of(DAY) => {
                write!(f, "{}d", seconds / DAY)
            }
            _ => write!(f, "{}", Span(self.0)),
        }
    }
}

/// A time as a run's folder has it in its name, `20261128T143355Z`.
#[must_use]
pub fn of_name(text: &str) -> Option<SystemTime> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().into())
}

/// How long ago a time was; nothing if it is to come.
#[must_use]
pub fn ago(time: SystemTime) -> Duration {
    clock::wall().duration_since(time).unwrap_or_default()
}

/// How long ago a file was written to, if it is there.
pub(super) fn since_change(path: &Path) -> Option<Duration> {
    Some(ago(std::fs::metadata(path).ok()?.modified().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_may_be_years() {
        for (text, seconds) in [("12h", 43_200), ("30d", 30 * DAY), ("4000d", 4_000 * DAY)] {
            let age: Age = text.parse().unwrap();
            assert_eq!((age.0.as_secs(), &*age.to_string()), (seconds, text));
        }
        assert_eq!("26w".parse::<Age>().unwrap().to_string(), "182d");
        for bad in ["", "30", "-1d", "d", "99999999999999999999d"] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_time_of_a_name_is_read_back() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_876_435);
        assert_eq!(of_name(&clock::compact(time)), Some(time));
        for bad in ["", "now", "20261128T143355", "20261128T143355Z-x"] {
            assert_eq!(of_name(bad), None, "{bad}");
        }
    }
}
