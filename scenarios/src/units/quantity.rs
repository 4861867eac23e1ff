//! Quantities of any kind, for limits on series, and the units of series.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Kind, Rate, Share, Size, Span, UnitError, plain, split, wrong_unit};

const QUANTITY: Kind = Kind {
    what: "a quantity",
    example: "5, 30s, 64KiB, 5% or 100/s",
    known: "none, us, ms, s, m, h, d, B, KB, MB, GB, KiB, MiB, GiB, %, /s, /m, /h",
};

/// What the values of a series are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things that are counted: channels, connections, restarts.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A fraction; 1 is the whole.
    Share,
    /// Events per second.
    PerSecond,
}

impl Unit {
    /// What values of this unit are called: `bytes`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "plain numbers",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Share => "per cent",
            Self::PerSecond => "events a second",
        }
    }

    /// Writes a value of this unit for people, with at most three significant
    /// digits behind the point: `4.5`, `12ms`, `3.1MiB`, `0.4%`, `250/s`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Count => round(value),
            Self::Seconds if value.abs() < 1e-3 => format!("{}µs", round(value * 1e6)),
            Self::Seconds if value.abs() < 1.0 => format!("{}ms", round(value * 1e3)),
            Self::Seconds => format!("{}s", round(value)),
            Self::Bytes => bytes(value),
            Self::Share => format!("{}%", round(value * 100.0)),
            Self::PerSecond => format!("{}/s", round(value)),
        }
    }
}

/// Bytes in the greatest unit of which there is one at least.
fn bytes(value: f64) -> String {
    let units = [(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB")];
    let found = units.into_iter().find(|(scale, _)| value.abs() >= *scale);
    let (scale, unit) = found.unwrap_or((1.0, "B"));
    format!("{}{unit}", round(value / scale))
}

/// Rounds for reading: whole above 100, else up to two places, no zeros behind.
fn round(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let places = if value.abs() >= 100.0 { 0 } else { 2 };
    let text = format!("{value:.places$}");
    let text = if places > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A value for a bound on a series: a plain number for counts, otherwise a
/// number with a unit (`"30s"`, `"64KiB"`, `"5%"`, `"100/s"`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// The value in the base unit (seconds, bytes, a fraction, a count).
    pub value: f64,
    /// What the value is measured in.
    pub unit: Unit,
}

impl Quantity {
    /// A count without a unit.
    #[must_use]
    pub const fn count(value: f64) -> Self {
        Self { value, unit: Unit::Count }
    }
}

impl FromStr for Quantity {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if let Ok(value) = text.trim().replace('_', "").parse::<f64>()
            && value.is_finite()
        {
            return Ok(Self::count(value));
        }
        // The unit says which kind of quantity is meant; its own message is the
        // best one.
        let (_, unit) = split(text, &QUANTITY)?;
        match unit.trim_start_matches(['k', 'M']) {
            _ if unit.starts_with('%') => {
                text.parse().map(|share: Share| Self { value: share.0, unit: Unit::Share })
            }
            _ if unit.ends_with('B') => {
                text.parse().map(|size: Size| Self { value: size.0 as f64, unit: Unit::Bytes })
            }
            rate if rate.trim_start().starts_with('/') => {
                text.parse().map(|rate: Rate| Self { value: rate.0, unit: Unit::PerSecond })
            }
            _ => match text.parse::<Span>() {
                Ok(span) => Ok(Self { value: span.as_secs_f64(), unit: Unit::Seconds }),
                Err(UnitError::WrongUnit { unit, .. }) => Err(wrong_unit(&unit, &QUANTITY)),
                Err(other) => Err(other),
            },
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Count => f.write_str(&plain(self.value)),
            Unit::Seconds => match Duration::try_from_secs_f64(self.value) {
                Ok(length) => Span(length).fmt(f),
                // Not a length that a file can hold, but a message may.
                Err(_) => write!(f, "{}s", plain(self.value)),
            },
            Unit::Bytes => Size(self.value as u64).fmt(f),
            Unit::Share => Share(self.value).fmt(f),
            Unit::PerSecond => Rate(self.value).fmt(f),
        }
    }
}
