//! The ingest's planted bugs.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumMessage, EnumString, IntoStaticStr};

/// The correct ingest, or one with exactly one bug.
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
    /// Every accepted message is one row, in order.
    #[strum(message = "every accepted message is one row, in the order of acceptance")]
    Correct,
    /// A message that is sent twice is two rows with two identities.
    #[strum(message = "a clientMessageId that is sent again makes another message and row")]
    NoDedupe,
    /// Looks whether a message is known, and only then writes it.
    #[strum(
        message = "looks a clientMessageId up and then inserts it: concurrent twins make two rows"
    )]
    CheckThenInsert,
    /// Only the ingress's memory knows what has been accepted.
    #[strum(
        message = "the ingress keeps the clientMessageIds in its memory and forgets them on restart"
    )]
    DedupeInMemory,
    /// A message that is known is answered with an identity that is not its own.
    #[strum(message = "a clientMessageId that is sent again is answered a new messageId")]
    NewIdOnHit,
    /// Entries are acknowledged before they are rows.
    #[strum(
        message = "entries are acknowledged before they are written: a killed worker loses them"
    )]
    AckBeforeWrite,
    /// What a dead worker has left is nobody's business.
    #[strum(message = "what a dead worker has left unacknowledged stays pending for ever")]
    NoClaim,
    /// The messages of a batch are written by several connections at once.
    #[strum(message = "the messages of a batch are written over four connections at once")]
    Reorder,
    /// Messages go to the partitions in turn, whatever their conversation.
    #[strum(message = "messages go to the partitions in turn, so their order breaks")]
    WrongPartition,
    /// What fails for good is acknowledged and forgotten.
    #[strum(message = "what fails for good is acknowledged and reaches no dead letters")]
    DropPoison,
    /// Whatever fails goes to the dead letters, the database being away included.
    #[strum(message = "whatever fails goes to the dead letters at once, passing errors included")]
    DlqOnFirstError,
    /// Every partition's worker takes a rest after each batch.
    #[strum(message = "workers rest for a second after each batch: every partition lags")]
    SlowConsumer,
    /// One partition's worker takes a rest after each batch.
    #[strum(
        message = "partition 7 rests for four seconds after each batch: an average hides its lag"
    )]
    LagOfOnePartition,
    /// Requests that were hits are accepted and not counted as enqueued.
    #[strum(message = "stream_enqueue_total leaves out the accepted requests that were hits")]
    MetricsLie,
    /// After the first 5,000 messages one in ten takes long.
    #[strum(message = "after the first 5,000 messages one in ten takes 150 ms")]
    SlowTail,
    /// Hits count several times.
    #[strum(message = "idempotency_hit_total counts every hit five times")]
    CountHitsOften,
    /// Dead letters are not counted.
    #[strum(message = "stream_dead_letter_total leaves out what goes to the dead letters")]
    DeadLettersUntold,
    /// One message in ten has no receipts.
    #[strum(message = "one message in ten is stored without its receipts")]
    ForgetReceipts,
    /// One message in five goes to the dead letters for nothing.
    #[strum(message = "one message in five goes to the dead letters although it could be stored")]
    DlqForNothing,
    /// One write in five fails, and is tried again.
    #[strum(message = "one write in five loses its session to the database and is tried again")]
    FlakyWrites,
    /// A worker dies of poison now and then.
    #[strum(message = "a worker dies of every fifth message that fails for good")]
    CrashOnPoison,
    /// The ingress dies now and then.
    #[strum(message = "the ingress dies of every 3,000th request")]
    CrashOnRequest,
    /// Workers stop reading after a while.
    #[strum(message = "a worker reads no more after 300 messages, and still says that it is well")]
    StopReading,
    /// A message is accepted although Redis did not take it.
    #[strum(message = "messages that Redis did not take are accepted all the same")]
    AcceptThenDrop,
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
