//! The publisher's planted bugs.

use std::fmt;
use std::str::FromStr;

use crate::LabError;

/// The correct publisher, or one with exactly one bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// One connection, four channels, nothing left behind.
    Correct,
    /// Each publish opens a channel that is never closed.
    LeakEveryPublish,
    /// A refused publish leaves its channel open and takes a new one.
    LeakOnError,
    /// One publish in 300 opens a channel and forgets it.
    SlowLeak,
    /// Each publish opens a connection with a channel; both stay.
    ConnectionLeak,
    /// Each publish opens a channel and closes it: no leak, but a waste.
    Churn,
    /// Leaks, and answers 200 when no channel is left: messages are lost.
    LoseOnExhaustion,
    /// What the broker closes is never opened again.
    StaleChannel,
}

impl Variant {
    /// Every variant, the correct one first.
    pub const ALL: [Self; 8] = [
        Self::Correct,
        Self::LeakEveryPublish,
        Self::LeakOnError,
        Self::SlowLeak,
        Self::ConnectionLeak,
        Self::Churn,
        Self::LoseOnExhaustion,
        Self::StaleChannel,
    ];

    /// As `--variant` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::LeakEveryPublish => "leak-every-publish",
            Self::LeakOnError => "leak-on-error",
            Self::SlowLeak => "slow-leak",
            Self::ConnectionLeak => "connection-leak",
            Self::Churn => "churn",
            Self::LoseOnExhaustion => "lose-on-exhaustion",
            Self::StaleChannel => "stale-channel",
        }
    }

    /// What it does, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Correct => "one connection and four channels a process, re-opened when lost",
            Self::LeakEveryPublish => "every publish opens a channel and never closes it",
            Self::LeakOnError => "a failed or returned publish leaves its channel open",
            Self::SlowLeak => "one publish in 300 opens a channel and forgets it",
            Self::ConnectionLeak => {
                "every publish opens a connection and never closes it (at most 600 a process)"
            }
            Self::Churn => "every publish opens a channel and closes it again",
            Self::LoseOnExhaustion => {
                "leaks like leak-every-publish, and answers 200 when no channel is left"
            }
            Self::StaleChannel => {
                "a channel or connection that the broker closed is never replaced"
            }
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Variant {
    type Err = LabError;

    fn from_str(name: &str) -> Result<Self, LabError> {
        Self::ALL.into_iter().find(|variant| variant.name() == name).ok_or_else(|| {
            LabError::Unknown {
                kind: "variant of the publisher",
                given: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_found_by_its_own_name() {
        for variant in Variant::ALL {
            assert_eq!(variant.to_string().parse::<Variant>().unwrap(), variant);
        }
        let error = "leak".parse::<Variant>().unwrap_err().to_string();
        assert!(error.contains("slow-leak"), "{error}");
    }
}
