//! Figures apart by who answered: a header of the answers says who.

use std::str::FromStr;

use crate::outcome::Outcome;

/// By which header, with the values that count. Any other answer counts for nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The header's name, in lower case.
    pub header: String,
    /// Its values.
    pub values: Vec<String>,
}

impl Split {
    /// The number of the part that a value names.
    pub(crate) fn part(&self, value: &[u8]) -> Option<usize> {
        self.values.iter().position(|known| known.as_bytes() == value)
    }
}

impl FromStr for Split {
    type Err = String;

    /// Reads `x-version=stable,canary`.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let (header, values) = text.split_once('=').unwrap_or((text, ""));
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        let is_once = |(index, value): (usize, &String)| !values[..index].contains(value);
        let are_words = is_word(header) && values.iter().all(|value| is_word(value));
        if !are_words || !values.iter().enumerate().all(is_once) {
            return Err(format!(
                "{text:?} is no header with its values, each once; write x-version=stable,canary"
            ));
        }
        Ok(Self { header: header.to_ascii_lowercase(), values })
    }
}

/// Who answered an operation: the number of the part, and the operation's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) part: usize,
    pub(crate) key: u64,
}

/// More keys than this are not counted one by one.
const MOST_KEYS: u64 = 10_000;

/// By part and key: how many operations were attempted, and how many of these had no
/// success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keys(Vec<Vec<(u64, u64)>>);

impl Keys {
    /// Counts an operation that was answered.
    pub(crate) fn count(&mut self, Place { part, key }: Place, outcome: Outcome) {
        if key >= MOST_KEYS {
            return;
        }
        let key = key as usize;
        let keys = self.part(part, key + 1);
        keys[key].0 += 1;
        keys[key].1 += u64::from(outcome != Outcome::Acked);
    }

    /// Adds what another worker has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (part, more) in other.0.iter().enumerate() {
            let keys = self.part(part, more.len());
            for (into, more) in keys.iter_mut().zip(more) {
                *into = (into.0 + more.0, into.1 + more.1);
            }
        }
    }

    /// Those of so many parts.
    pub(crate) fn of_parts(mut self, parts: usize) -> Vec<Vec<(u64, u64)>> {
        self.0.resize_with(parts, Vec::new);
        self.0
    }

    /// The keys of a part: at least so many.
    fn part(&mut self, part: usize, keys: usize) -> &mut Vec<(u64, u64)> {
        if self.0.len() <= part {
            self.0.resize_with(part + 1, Vec::new);
        }
        let known = &mut self.0[part];
        known.resize(known.len().max(keys), (0, 0));
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_workers_have_counted_is_the_sum() {
        let (mut one, mut other) = (Keys::default(), Keys::default());
        one.count(Place { part: 1, key: 2 }, Outcome::Acked);
        other.count(Place { part: 1, key: 2 }, Outcome::Failed);
        other.count(Place { part: 0, key: 0 }, Outcome::Acked);
        other.count(Place { part: 0, key: MOST_KEYS }, Outcome::Acked);
        one.merge(&other);
        let parts = one.of_parts(3);
        assert_eq!(parts, [vec![(1, 0)], vec![(0, 0), (0, 0), (2, 1)], vec![]]);
    }

    #[test]
    fn a_split_is_a_header_with_its_values() {
        let split: Split = "X-Version=stable,canary".parse().unwrap();
        assert_eq!(split.header, "x-version");
        assert_eq!((split.part(b"canary"), split.part(b"Canary")), (Some(1), None));
        for bad in ["", "x-version", "x-version=", "=a", "x=a,a", "x=a,,b", "x y=a", "x=a b"] {
            assert!(bad.parse::<Split>().is_err(), "{bad}");
        }
    }
}
