//! The worker-queue's planted bugs.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumMessage, EnumString, IntoStaticStr};

/// The correct worker-queue, or one with exactly one bug.
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
    /// Every event takes effect once.
    #[strum(message = "every event takes effect once, and poison is dead after five retries")]
    Correct,
    /// A message_id that comes again takes effect again.
    #[strum(message = "an event that comes again is put into the vector again")]
    NoDedupe,
    /// Looks whether an event is known, and only then applies it.
    #[strum(message = "looks a message_id up and then applies it: twins at once take effect twice")]
    DedupeCheckThenAct,
    /// No optimistic locking.
    #[strum(
        message = "writes what it has computed without looking at the version: of two updates \
                       at once one is lost"
    )]
    LostUpdate,
    /// The broker forgets a message as soon as it is delivered.
    #[strum(message = "messages are acknowledged by their delivery: a killed worker loses them")]
    AutoAck,
    /// The acknowledgement comes before the update.
    #[strum(message = "acknowledges a message 30 ms before it writes the document")]
    AckBeforeWrite,
    /// Poison never ends.
    #[strum(message = "poison goes back to the queue at once, for ever")]
    RequeueForever,
    /// What would pass is given up.
    #[strum(message = "a failure that passes, such as a database that is away, sends an event to \
                       the dead letters at once")]
    NackWithoutRequeue,
    /// What a worker has left behind is given up.
    #[strum(message = "what is redelivered after a restart goes to the dead letters")]
    DlqEverythingOnRestart,
    /// Retries follow each other at once.
    #[strum(message = "poison is retried without any wait")]
    RetryWithoutBackoff,
    /// More retries than agreed.
    #[strum(message = "poison is retried seven times instead of five")]
    TooManyRetries,
    /// The count of retries gets lost.
    #[strum(message = "a retry forgets the count of those before: poison never dies")]
    RetryLosesHeader,
    /// Too slow for the load.
    #[strum(message = "a worker takes 250 ms for an event, one after the other")]
    SlowWorker,
    /// No limit of what is delivered.
    #[strum(message = "there is no prefetch limit: the first worker is given the whole queue")]
    PrefetchHoard,
    /// One number is missing.
    #[strum(message = "vectors have 1,535 numbers")]
    WrongDimension,
    /// The right shape, and wrong numbers.
    #[strum(message = "an event that is older than the newest one is added at its full weight")]
    WrongDecay,
    /// The version does not count distinct events.
    #[strum(message = "an event that comes again raises the version although the vector stays")]
    VersionTwice,
    /// Old data over new.
    #[strum(message = "a redelivered event that is older than the newest one overwrites the \
                       vector and newest_event")]
    StaleWrite,
    /// A duplicate is an accident.
    #[strum(message = "the worker dies of an event that it knows already, and skips it when it \
                       is redelivered")]
    CrashOnDuplicate,
    /// Poison disappears.
    #[strum(message = "poison is acknowledged and dropped")]
    SkipPoison,
    /// Its counters say what people like to hear.
    #[strum(message = "dead letters are counted as successes, and the queue's depth as 0")]
    MetricsLie,
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
