//! The name of a run's folder: `<scenario>-<time>-<run>`.

use std::time::SystemTime;

use super::moment;

/// What stands behind the name of a run's folder while it is removed.
pub const REMOVING: &str = ".removing";

/// Whether a name is that of a run's folder that is removed, or was to be.
#[must_use]
pub fn is_half_removed(text: &str) -> bool {
    text.strip_suffix(REMOVING).is_some_and(|name| Name::read(name).is_some())
}

/// What the name of a run's folder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The scenario.
    pub scenario: String,
    /// When the run began, in UTC.
    pub started: SystemTime,
    /// The run's identity: eight hexadecimal digits.
    pub run: String,
}

impl Name {
    /// Reads a name as runs are given it; nothing for any other.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (rest, run) = text.rsplit_once('-')?;
        let (scenario, time) = rest.rsplit_once('-')?;
        let is_run = run.len() == 8 && run.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if scenario.is_empty() || !is_run {
            return None;
        }
        let started = moment::of_name(time)?;
        Some(Self { scenario: scenario.to_owned(), started, run: run.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_runs_are_read() {
        let name = Name::read("channel-leak-20261128T143355Z-207140c5").unwrap();
        assert_eq!((name.scenario.as_str(), name.run.as_str()), ("channel-leak", "207140c5"));
        for other in [
            "channel-leak",
            "copy-of-channel-leak-20261128T143355Z-207140c5.old",
            "20261128T143355Z-207140c5",
            "-20261128T143355Z-207140c5",
            "channel-leak-20261128T143355Z-207140C5",
            "channel-leak-20261128-207140c5",
        ] {
            assert_eq!(Name::read(other), None, "{other}");
        }
    }
}
