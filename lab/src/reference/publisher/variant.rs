//! The publisher's planted bugs.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumMessage, EnumString, IntoStaticStr};

/// The correct publisher, or one with exactly one bug.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumIter,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Variant {
    /// One connection, four channels, nothing left behind.
    #[strum(message = "one connection and four channels a process, re-opened when lost")]
    Correct,
    /// Each publish opens a channel that is never closed.
    #[strum(message = "every publish opens a channel and never closes it")]
    LeakEveryPublish,
    /// A refused publish leaves its channel open and takes a new one.
    #[strum(message = "a failed or returned publish leaves its channel open")]
    LeakOnError,
    /// One publish in 300 opens a channel and forgets it.
    #[strum(message = "one publish in 300 opens a channel and forgets it")]
    SlowLeak,
    /// Each publish opens a connection with a channel; both stay.
    #[strum(
        message = "every publish opens a connection and never closes it (at most 600 a process)"
    )]
    ConnectionLeak,
    /// Each publish opens a channel and closes it: no leak, but a waste.
    #[strum(message = "every publish opens a channel and closes it again")]
    Churn,
    /// Leaks, and answers 200 when no channel is left: messages are lost.
    #[strum(message = "leaks like leak-every-publish, and answers 200 when no channel is left")]
    LoseOnExhaustion,
    /// One publish in ten takes long.
    #[strum(message = "one publish in ten takes 1.3 s longer")]
    SlowPublish,
    /// One publish in twenty closes its channel first.
    #[strum(message = "one publish in twenty closes the channel that it is to use, and fails")]
    CloseFirst,
    /// The process dies now and then.
    #[strum(message = "a process dies of its 700th publish")]
    Crash,
    /// The health endpoint errs.
    #[strum(message = "the health endpoint answers 503 one time in five")]
    FlakyHealth,
    /// What the broker closes is never opened again.
    #[strum(message = "a channel or connection that the broker closed is never replaced")]
    StaleChannel,
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_variant_is_found_by_its_own_name_and_says_what_it_does() {
        for variant in Variant::iter() {
            assert_eq!(variant.to_string().parse::<Variant>().unwrap(), variant);
            let written = serde_json::to_value(variant).unwrap();
            assert_eq!(written, variant.to_string(), "one name everywhere");
            assert!(variant.get_message().is_some_and(|about| !about.is_empty()), "{variant}");
        }
        assert_eq!(Variant::iter().next(), Some(Variant::Correct));
    }
}
