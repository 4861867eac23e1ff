//! Figures apart by who answered: a header of the answers says who.

use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

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
