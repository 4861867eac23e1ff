//! The shape of a workload's operations: sizes, keys, which are sent twice and
//! which are poison. All of it is drawn from the run's seed and the workload's
//! name, so the same seed gives the same operations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::template::Template;
use crate::units::{Share, Size, Span};

/// The longest body that can be asked for, in bytes.
const LONGEST: u64 = 1 << 30;

/// What a workload's operations look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// The whole length of a body; without it, as long as the template makes it.
    pub size: Option<Sizes>,
    /// How many keys there are.
    pub keys: u64,
    /// How an operation's key is drawn.
    pub key_dist: KeyDist,
    /// The share of operations that are sent twice with the same identity.
    pub duplicates: Share,
    /// When they are sent for the second time.
    pub duplicates_when: Again,
    /// The share of operations that are poison.
    pub poison: Share,
    /// The payload template of poison; without it, bytes that no reader of text
    /// understands.
    pub poison_body: Option<Template>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            size: None,
            keys: 1_000,
            key_dist: KeyDist::RoundRobin,
            duplicates: Share(0.0),
            duplicates_when: Again::AtOnce,
            poison: Share(0.0),
            poison_body: None,
        }
    }
}

/// When an operation is sent for the second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Right behind the first.
    AtOnce,
    /// At the same time, over another connection where one is free.
    Concurrently,
    /// This long after the first.
    Later(Span),
}

/// How keys are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyDist {
    /// Each key follows the one before it.
    RoundRobin,
    /// All are equally likely.
    Uniform,
    /// Zipf's law with this exponent: few keys are hot.
    Zipf(f64),
}

/// How long bodies are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// Every length from the first to the last is equally likely.
    Even(Size, Size),
    /// Lengths with their weights.
    Weighted(Vec<(Size, u64)>),
}

/// Why a text is none of these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShapeError(String);

impl FromStr for Again {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        match text {
            "at-once" => Ok(Self::AtOnce),
            "concurrently" => Ok(Self::Concurrently),
            _ => text.parse().map(Self::Later).map_err(|_| {
                ShapeError(format!(
                    "{text:?} is none of \"at-once\", \"concurrently\" and a time such as \"5s\""
                ))
            }),
        }
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => f.write_str("at-once"),
            Self::Concurrently => f.write_str("concurrently"),
            Self::Later(pause) => pause.fmt(f),
        }
    }
}

impl FromStr for KeyDist {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        match text.split_once(':') {
            None if text == "roundrobin" => Ok(Self::RoundRobin),
            None if text == "uniform" => Ok(Self::Uniform),
            Some(("zipf", exponent)) => exponent
                .parse()
                .ok()
                .filter(|exponent| (0.01..=20.0).contains(exponent))
                .map(Self::Zipf)
                .ok_or_else(|| {
                    ShapeError(format!(
                        "{exponent:?} is no exponent from 0.01 to 20; write \"zipf:1.1\""
                    ))
                }),
            _ => Err(ShapeError(format!(
                "{text:?} is none of \"roundrobin\", \"uniform\" and \"zipf:1.1\""
            ))),
        }
    }
}

impl fmt::Display for KeyDist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundRobin => f.write_str("roundrobin"),
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
        }
    }
}

impl FromStr for Sizes {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let help = || {
            ShapeError(format!(
                "{text:?} is no size; write \"64KiB\", \"100B-4KiB\" (a range) or \
                 \"100B:9,4KiB:1\" (weights)"
            ))
        };
        let size = |word: &str| {
            let size: Size = word.trim().parse().map_err(|_| help())?;
            if size.0 > LONGEST {
                return Err(ShapeError(format!("{size} is too much for a body; at most 1GiB")));
            }
            Ok(size)
        };
        if text.contains(':') {
            let part = |part: &str| {
                let (length, weight) = part.split_once(':').ok_or_else(help)?;
                let weight: u32 = weight.trim().parse().map_err(|_| help())?;
                Ok((size(length)?, u64::from(weight)))
            };
            let sizes = text.split(',').map(part).collect::<Result<Vec<_>, ShapeError>>()?;
            if sizes.iter().all(|&(_, weight)| weight == 0) {
                return Err(ShapeError(format!("{text:?} has no weight above 0")));
            }
            return Ok(Self::Weighted(sizes));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (size(first)?, size(last)?);
        if first.0 > last.0 {
            return Err(ShapeError(format!("{text:?} runs backwards; write the smaller first")));
        }
        Ok(Self::Even(first, last))
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even(first, last) if first == last => first.fmt(f),
            Self::Even(first, last) => write!(f, "{first}-{last}"),
            Self::Weighted(sizes) => {
                for (index, (size, weight)) in sizes.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{size}:{weight}")?;
                }
                Ok(())
            }
        }
    }
}

macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

as_text!(Again, KeyDist, Sizes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_they_are_written() {
        for text in ["at-once", "concurrently", "5s"] {
            assert_eq!(text.parse::<Again>().unwrap().to_string(), text);
        }
        for text in ["roundrobin", "uniform", "zipf:1.1"] {
            assert_eq!(text.parse::<KeyDist>().unwrap().to_string(), text);
        }
        for text in ["64KiB", "100B-4KiB", "100B:9,4KiB:1"] {
            assert_eq!(text.parse::<Sizes>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (bad, hint) in [
            ("100", "write \"64KiB\""),
            ("4KiB-100B", "runs backwards"),
            ("100B:0", "no weight"),
            ("100B:x", "weights"),
            ("2GiB", "at most 1GiB"),
            ("", "is no size"),
        ] {
            let error = bad.parse::<Sizes>().unwrap_err().to_string();
            assert!(error.contains(hint), "{bad}: {error}");
        }
        for bad in ["", "zipf", "zipf:x", "zipf:-1", "normal"] {
            assert!(bad.parse::<KeyDist>().is_err(), "{bad}");
        }
        for bad in ["", "5", "later"] {
            assert!(bad.parse::<Again>().is_err(), "{bad}");
        }
    }
}
