//! Which of the candidates are hit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::Share;

/// Which of the candidates are hit: how many, and who of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pick {
    /// How many.
    pub amount: Amount,
    /// Who.
    pub preference: Preference,
}

/// How many of the candidates are hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Every candidate.
    All,
    /// So many candidates, and an error when there are fewer.
    Count(u32),
    /// So large a part of the candidates, rounded up, so that a part of
    /// something is never nobody.
    Share(Share),
}

/// Who of the candidates is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preference {
    /// Whoever the seed says.
    #[default]
    Random,
    /// Those that have been there for the longest.
    Oldest,
}

impl Pick {
    /// Every candidate.
    pub const ALL: Self = Self { amount: Amount::All, preference: Preference::Random };

    /// So many, chosen by the seed.
    #[must_use]
    pub const fn count(count: u32) -> Self {
        Self { amount: Amount::Count(count), preference: Preference::Random }
    }

    /// How many of `found` candidates are to be hit; more than `found` where
    /// there are too few of them.
    #[must_use]
    pub fn of(self, found: usize) -> usize {
        match self.amount {
            Amount::All => found,
            Amount::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Amount::Share(share) => ((share.0 * found as f64).ceil() as usize).max(1),
        }
    }
}

impl FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (preference, amount) = match words.as_slice() {
            ["oldest"] => (Preference::Oldest, "one"),
            ["random"] => (Preference::Random, "one"),
            ["oldest", amount] => (Preference::Oldest, *amount),
            ["random", amount] | [amount] => (Preference::Random, *amount),
            _ => (Preference::Random, ""),
        };
        let amount = match amount {
            "all" => Some(Amount::All),
            "one" => Some(Amount::Count(1)),
            share if share.ends_with('%') => {
                let share: Option<Share> = share.parse().ok();
                share.filter(|share| share.0 > 0.0 && share.0 <= 1.0).map(Amount::Share)
            }
            number => number.parse().ok().filter(|&count| count > 0).map(Amount::Count),
        };
        amount.map(|amount| Self { amount, preference }).ok_or_else(|| {
            format!(
                "{text:?} is not a choice of victims; write \"one\", \"all\", a number above 0 or \
                 a share such as \"50%\", with \"oldest\" or \"random\" in front if it matters who"
            )
        })
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.preference == Preference::Oldest {
            f.write_str("oldest ")?;
        }
        match self.amount {
            Amount::All => f.write_str("all"),
            Amount::Count(1) => f.write_str("one"),
            Amount::Count(count) => write!(f, "{count}"),
            Amount::Share(share) => write!(f, "{share}"),
        }
    }
}

impl Serialize for Pick {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pick {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_reads_back_from_its_text() {
        for text in ["one", "all", "3", "50%", "oldest one", "oldest 2", "oldest 25%"] {
            assert_eq!(text.parse::<Pick>().unwrap().to_string(), text);
        }
        assert_eq!("oldest".parse::<Pick>().unwrap().to_string(), "oldest one");
        assert_eq!("random 2".parse::<Pick>().unwrap(), Pick::count(2));
        for bad in ["", "0", "-1", "0%", "101%", "youngest", "one two three", "oldest 0"] {
            assert!(bad.parse::<Pick>().unwrap_err().contains("one"), "{bad:?}");
        }
    }

    #[test]
    fn a_share_is_never_nobody_and_never_more_than_there_are() {
        let half: Pick = "50%".parse().unwrap();
        assert_eq!([1, 2, 3, 10].map(|found| half.of(found)), [1, 1, 2, 5]);
        let tiny: Pick = "0.1%".parse().unwrap();
        assert_eq!(tiny.of(5), 1);
        assert_eq!("100%".parse::<Pick>().unwrap().of(7), 7);
    }
}
