//! How often what ended among the dead letters was tried again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of tries, or a range of them: `5`, `5-6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tries {
    /// The least that holds.
    pub min: u64,
    /// The greatest that holds.
    pub max: u64,
}

/// Why a text is no number of tries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no number of tries; write 5, or \"5-6\" for a range")]
pub struct TriesError {
    /// What was given.
    pub text: String,
}

impl Tries {
    /// Exactly so many.
    #[must_use]
    pub const fn exactly(number: u64) -> Self {
        Self { min: number, max: number }
    }

    /// Whether so many hold.
    #[must_use]
    pub const fn holds(self, number: u64) -> bool {
        self.min <= number && number <= self.max
    }
}

impl FromStr for Tries {
    type Err = TriesError;

    fn from_str(text: &str) -> Result<Self, TriesError> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let read = match text.split_once('-') {
            Some((min, max)) => number(min).zip(number(max)),
            None => number(text).map(|number| (number, number)),
        };
        let read = read.filter(|(min, max)| min <= max);
        let error = || TriesError { text: text.to_owned() };
        read.map(|(min, max)| Self { min, max }).ok_or_else(error)
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.min == self.max {
            true => write!(f, "{}", self.min),
            false => write!(f, "{}-{}", self.min, self.max),
        }
    }
}

impl TryFrom<String> for Tries {
    type Error = TriesError;

    fn try_from(text: String) -> Result<Self, TriesError> {
        text.parse()
    }
}

impl From<Tries> for String {
    fn from(tries: Tries) -> Self {
        tries.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read() {
        for (text, min, max) in [("5", 5, 5), ("0", 0, 0), ("5-6", 5, 6), (" 1 - 3 ", 1, 3)] {
            assert_eq!(text.parse::<Tries>().unwrap(), Tries { min, max }, "{text}");
        }
        for text in ["", "-1", "6-5", "5.5", "five", "1-2-3"] {
            let error = text.parse::<Tries>().unwrap_err().to_string();
            assert!(error.contains("\"5-6\""), "{text}: {error}");
        }
        assert_eq!(Tries { min: 5, max: 6 }.to_string(), "5-6");
        assert!(Tries::exactly(5).holds(5) && !Tries::exactly(5).holds(4));
    }
}
