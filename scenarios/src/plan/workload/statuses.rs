//! Sets of HTTP statuses.

use serde::{Deserialize, Serialize};

/// A set of HTTP statuses, written `200-299,304`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<(u16, u16)>);

/// Why a text is not a set of statuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a set of HTTP statuses; write numbers and ranges such as \"200-299,304\"")]
pub struct StatusesError(String);

impl Statuses {
    /// What means *accepted* where nothing else is said.
    #[must_use]
    pub fn accepted() -> Self {
        Self(vec![(200, 299)])
    }

    /// What means *definitely not done* where nothing else is said: 408 and 425 do
    /// not say whether the request was carried out.
    #[must_use]
    pub fn refused() -> Self {
        Self(vec![(400, 407), (409, 424), (426, 499)])
    }

    /// The empty set.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether the status belongs to the set.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|&(from, to)| (from..=to).contains(&status))
    }

    /// The statuses that do not belong to the other set.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for status in (100..=599).filter(|&s| self.contains(s) && !other.contains(s)) {
            match ranges.last_mut() {
                Some((_, to)) if *to + 1 == status => *to = status,
                _ => ranges.push((status, status)),
            }
        }
        Self(ranges)
    }

    /// A status that belongs to both sets.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<u16> {
        (100..=599).find(|&status| self.contains(status) && other.contains(status))
    }
}

impl std::str::FromStr for Statuses {
    type Err = StatusesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || StatusesError(text.to_owned());
        let number = |word: &str| {
            word.trim().parse().ok().filter(|n| (100..=599).contains(n)).ok_or_else(error)
        };
        let mut ranges = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (from, to) = match part.split_once('-') {
                Some((from, to)) => (number(from)?, number(to)?),
                None => (number(part)?, number(part)?),
            };
            if from > to {
                return Err(error());
            }
            ranges.push((from, to));
        }
        Ok(Self(ranges))
    }
}

impl std::fmt::Display for Statuses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (from, to)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if from == to {
                write!(f, "{comma}{from}")?;
            } else {
                write!(f, "{comma}{from}-{to}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Statuses {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_set_without_another_keeps_the_rest() {
        let refused: Statuses = "400-407,409,426-499".parse().unwrap();
        let accepted: Statuses = "200-299,402,409,426".parse().unwrap();
        let rest = refused.without(&accepted);
        assert_eq!(rest.to_string(), "400-401,403-407,427-499");
        assert_eq!(rest.overlap(&accepted), None);
        assert_eq!(refused.overlap(&accepted), Some(402));
    }
}
