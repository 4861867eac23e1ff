//! Quantities with their units, as a scenario file and the command line write
//! them: `"500/s"`, `"30s"`, `"5%"`, `"64KiB"`.
//!
//! Each type parses from and prints to the same text, so a plan that was
//! written down reads back as the value it was.

mod quantity;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use quantity::{Quantity, Unit};

/// Why a text is not the quantity that was asked for. The message names an
/// example that would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The text does not start with a number.
    #[error("{text:?} does not start with a number; write {what} such as {example:?}")]
    NoNumber {
        /// The text that was given.
        text: String,
        /// The kind of quantity that was asked for, with its article.
        what: &'static str,
        /// A text that would be accepted.
        example: &'static str,
    },
    /// The number stands alone.
    #[error("{text:?} has no unit; write {what} such as {example:?}")]
    NoUnit {
        /// The text that was given.
        text: String,
        /// The kind of quantity that was asked for, with its article.
        what: &'static str,
        /// A text that would be accepted.
        example: &'static str,
    },
    /// The unit belongs to another kind of quantity.
    #[error("{unit:?} is not a unit of {what}; write one such as {example:?} (units: {known})")]
    WrongUnit {
        /// The unit that was found behind the number.
        unit: String,
        /// The kind of quantity that was asked for, with its article.
        what: &'static str,
        /// A text that would be accepted.
        example: &'static str,
        /// The units that would be accepted, separated by commas.
        known: &'static str,
    },
    /// The value is negative, infinite or too large to hold.
    #[error("{text:?} is out of range; write {what} such as {example:?}")]
    OutOfRange {
        /// The text that was given.
        text: String,
        /// The kind of quantity that was asked for, with its article.
        what: &'static str,
        /// A text that would be accepted.
        example: &'static str,
    },
}

/// What one kind of quantity is called and how it is written.
struct Kind {
    what: &'static str,
    example: &'static str,
    known: &'static str,
}

const SPAN: Kind = Kind { what: "a duration", example: "30s", known: "us, ms, s, m, h, d" };
const RATE: Kind = Kind { what: "a rate", example: "500/s", known: "/s, /m, /h" };
const SHARE: Kind = Kind { what: "a share", example: "5%", known: "%" };
const SIZE: Kind = Kind { what: "a size", example: "64KiB", known: "B, KB, MB, GB, KiB, MiB, GiB" };

/// The greatest number of nanoseconds (104 days) or bytes (8 PiB) that is read:
/// up to here every whole number is exact.
const GREATEST: f64 = 9_007_199_254_740_992.0;

/// Splits `"12.5ms"` into `12.5` and `"ms"`. A `k` or `M` directly before a
/// rate's slash multiplies (`"5k/s"`).
fn split<'a>(text: &'a str, kind: &Kind) -> Result<(f64, &'a str), UnitError> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_' || c == '+' || c == '-'))
        .unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(end);
    let number: f64 = digits.replace('_', "").parse().map_err(|_| UnitError::NoNumber {
        text: text.to_owned(),
        what: kind.what,
        example: kind.example,
    })?;
    if !number.is_finite() || number < 0.0 {
        return Err(out_of_range(text, kind));
    }
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(UnitError::NoUnit {
            text: text.to_owned(),
            what: kind.what,
            example: kind.example,
        });
    }
    Ok((number, unit))
}

fn out_of_range(text: &str, kind: &Kind) -> UnitError {
    UnitError::OutOfRange { text: text.to_owned(), what: kind.what, example: kind.example }
}

fn wrong_unit(unit: &str, kind: &Kind) -> UnitError {
    UnitError::WrongUnit {
        unit: unit.to_owned(),
        what: kind.what,
        example: kind.example,
        known: kind.known,
    }
}

/// Prints a number without a trailing `.0`.
fn plain(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{number:.0}")
    } else {
        format!("{number}")
    }
}

/// A length of time, written `"250ms"`, `"30s"`, `"2m"`, `"1h"`, `"1d"` or
/// several of these in turn (`"1h30m"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The length in seconds.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let mut rest = text.trim();
        let mut total = 0.0_f64;
        loop {
            let (number, tail) = split(rest, &SPAN)?;
            let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, next) = tail.split_at(end);
            let scale = match unit.trim() {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                other => return Err(wrong_unit(other, &SPAN)),
            };
            total += number * scale;
            rest = next;
            if rest.is_empty() {
                break;
            }
        }
        // Whole nanoseconds, so that "0.3s" is 300 ms and not 299,999,999 ns.
        let nanos = (total * 1e9).round();
        if nanos > GREATEST {
            return Err(out_of_range(text, &SPAN));
        }
        Ok(Self(Duration::from_nanos(nanos as u64)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let text = if nanos == 0 {
            "0s".to_owned()
        } else if nanos.is_multiple_of(1_000_000_000) {
            let seconds = nanos / 1_000_000_000;
            let (h, m, s) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
            let mut text = String::new();
            for (value, unit) in [(h, "h"), (m, "m"), (s, "s")] {
                if value > 0 {
                    text.push_str(&format!("{value}{unit}"));
                }
            }
            text
        } else if nanos < 1_000_000 {
            format!("{}us", plain(nanos as f64 / 1e3))
        } else if nanos < 1_000_000_000 {
            format!("{}ms", plain(nanos as f64 / 1e6))
        } else {
            format!("{}s", plain(nanos as f64 / 1e9))
        };
        f.write_str(&text)
    }
}

/// A frequency in operations per second, written `"500/s"`, `"5k/s"`,
/// `"90/m"`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, &RATE)?;
        let (scale, unit) = match unit.as_bytes() {
            [b'k', ..] => (1e3, unit[1..].trim_start()),
            [b'M', ..] => (1e6, unit[1..].trim_start()),
            _ => (1.0, unit),
        };
        let per_second = match unit {
            "/s" => number * scale,
            "/m" | "/min" => number * scale / 60.0,
            "/h" => number * scale / 3_600.0,
            other => return Err(wrong_unit(other, &RATE)),
        };
        if per_second.is_finite() { Ok(Self(per_second)) } else { Err(out_of_range(text, &RATE)) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", plain(self.0))
    }
}

/// A fraction, written in per cent (`"5%"`) and held as `0.05`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, &SHARE)?;
        match unit {
            "%" => Ok(Self(number / 100.0)),
            other => Err(wrong_unit(other, &SHARE)),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to a billionth of a per cent, so that 0.07 prints as 7%;
        // where that is another value, the number that reads back as this one.
        let exact = self.0 * 100.0;
        let rounded = (exact * 1e9).round() / 1e9;
        let candidates = [rounded, exact, exact.next_up(), exact.next_down()];
        let percent = candidates.into_iter().find(|&percent| percent / 100.0 == self.0);
        write!(f, "{}%", plain(percent.unwrap_or(exact)))
    }
}

/// A number of bytes, written `"64KiB"`, `"10MB"`, `"512B"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, &SIZE)?;
        let scale = match unit {
            "B" => 1.0,
            "KB" | "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            other => return Err(wrong_unit(other, &SIZE)),
        };
        let bytes = (number * scale).round();
        if bytes > GREATEST {
            return Err(out_of_range(text, &SIZE));
        }
        Ok(Self(bytes as u64))
    }
}

impl Size {
    /// For people, rounded: `76.8GiB`. What is written to be read back is
    /// [`fmt::Display`]'s.
    #[must_use]
    pub fn shown(self) -> String {
        Unit::Bytes.show(self.0 as f64)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scale, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= scale && self.0.is_multiple_of(scale) {
                return write!(f, "{}{unit}", self.0 / scale);
            }
        }
        write!(f, "{}B", self.0)
    }
}

macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

as_text!(Span, Rate, Share, Size, Quantity);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_read_as_they_are_written() {
        assert_eq!("1h30m".parse::<Span>().unwrap().0, Duration::from_secs(5_400));
        assert_eq!("0.3s".parse::<Span>().unwrap().0, Duration::from_millis(300));
        assert_eq!("5k/s".parse::<Rate>().unwrap(), Rate(5_000.0));
        assert_eq!("90/m".parse::<Rate>().unwrap(), Rate(1.5));
        assert_eq!("0.5%".parse::<Share>().unwrap(), Share(0.005));
        assert_eq!("64KiB".parse::<Size>().unwrap(), Size(65_536));
        assert_eq!(Size(80_510_240 << 10).shown(), "76.78GiB");
        assert_eq!((Size(1 << 30).shown(), Size(1_000).shown()), ("1GiB".into(), "1000B".into()));
        assert_eq!("7".parse::<Quantity>().unwrap(), Quantity::count(7.0));
        assert_eq!("30s".parse::<Quantity>().unwrap().unit, Unit::Seconds);
    }

    #[test]
    fn a_wrong_unit_says_what_would_be_right() {
        assert_eq!(
            "500".parse::<Rate>().unwrap_err().to_string(),
            "\"500\" has no unit; write a rate such as \"500/s\""
        );
        assert_eq!(
            "30/s".parse::<Span>().unwrap_err().to_string(),
            "\"/s\" is not a unit of a duration; write one such as \"30s\" \
             (units: us, ms, s, m, h, d)"
        );
        assert!("fast".parse::<Rate>().unwrap_err().to_string().contains("does not start with"));
        assert!("-5s".parse::<Span>().unwrap_err().to_string().contains("out of range"));
        assert!("5 parsecs".parse::<Quantity>().is_err());
    }

    #[test]
    fn what_cannot_be_held_is_out_of_range() {
        for text in ["-5s", "200d", "1e999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("99999999999GiB".parse::<Size>().is_err());
        let huge = format!("{}k/s", "9".repeat(308));
        assert!(huge.parse::<Rate>().unwrap_err().to_string().contains("out of range"));
        assert!("inf".parse::<Quantity>().is_err());
        assert!("NaN%".parse::<Quantity>().is_err());
    }

    #[test]
    fn a_quantity_says_what_is_wrong_with_its_unit() {
        let told = "5 parsecs".parse::<Quantity>().unwrap_err().to_string();
        assert!(told.starts_with("\"parsecs\" is not a unit of a quantity"), "{told}");
        let told = "5/day".parse::<Quantity>().unwrap_err().to_string();
        assert!(told.starts_with("\"/day\" is not a unit of a rate"), "{told}");
        let told = "-5s".parse::<Quantity>().unwrap_err().to_string();
        assert!(told.starts_with("\"-5s\" is out of range"), "{told}");
    }

    proptest! {
        /// What a unit prints reads back as the same value.
        #[test]
        fn text_and_value_agree(micros in 0_u64..10_000_000_000, percent in 0_u32..10_000, size in 0_u64..(1 << 40)) {
            let span = Span(Duration::from_micros(micros));
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
            let share = Share(f64::from(percent) / 10_000.0);
            prop_assert!((share.to_string().parse::<Share>().unwrap().0 - share.0).abs() < 1e-12);
            prop_assert_eq!(Size(size).to_string().parse::<Size>().unwrap(), Size(size));
        }

        /// A share, a rate and a quantity keep every bit of what was read.
        #[test]
        fn no_digit_is_lost(whole in 0_u32..2_000, digits in "[0-9]{1,17}", unit in prop::sample::select(vec!["%", "/s", "/h", "k/s", "ms", "s", "KiB", ""])) {
            let text = format!("{whole}.{digits}{unit}");
            let quantity = text.parse::<Quantity>().unwrap();
            prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        }
    }
}
