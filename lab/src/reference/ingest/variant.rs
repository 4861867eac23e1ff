//! The ingest's planted bugs.

use std::fmt;
use std::str::FromStr;

use crate::LabError;

/// The correct ingest, or one with exactly one bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Every accepted message is one row, in order.
    Correct,
    /// A message that is sent twice is two rows with two identities.
    NoDedupe,
    /// Looks whether a message is known, and only then writes it.
    CheckThenInsert,
    /// Only the ingress's memory knows what has been accepted.
    DedupeInMemory,
    /// A message that is known is answered with an identity that is not its own.
    NewIdOnHit,
    /// Entries are acknowledged before they are rows.
    AckBeforeWrite,
    /// What a dead worker has left is nobody's business.
    NoClaim,
    /// The messages of a batch are written by several connections at once.
    Reorder,
    /// Messages go to the partitions in turn, whatever their conversation.
    WrongPartition,
    /// What fails for good is acknowledged and forgotten.
    DropPoison,
    /// Whatever fails goes to the dead letters, the database being away included.
    DlqOnFirstError,
    /// Every partition's worker takes a rest after each batch.
    SlowConsumer,
    /// One partition's worker takes a rest after each batch.
    LagOfOnePartition,
    /// Requests that were hits are accepted and not counted as enqueued.
    MetricsLie,
    /// After the first 5,000 messages one in ten takes long.
    SlowTail,
    /// A message is accepted although Redis did not take it.
    AcceptThenDrop,
}

impl Variant {
    /// Every variant, the correct one first.
    pub const ALL: [Self; 16] = [
        Self::Correct,
        Self::NoDedupe,
        Self::CheckThenInsert,
        Self::DedupeInMemory,
        Self::NewIdOnHit,
        Self::AckBeforeWrite,
        Self::NoClaim,
        Self::Reorder,
        Self::WrongPartition,
        Self::DropPoison,
        Self::DlqOnFirstError,
        Self::SlowConsumer,
        Self::LagOfOnePartition,
        Self::MetricsLie,
        Self::SlowTail,
        Self::AcceptThenDrop,
    ];

    /// As `--variant` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::NoDedupe => "no-dedupe",
            Self::CheckThenInsert => "check-then-insert",
            Self::DedupeInMemory => "dedupe-in-memory",
            Self::NewIdOnHit => "new-id-on-hit",
            Self::AckBeforeWrite => "ack-before-write",
            Self::NoClaim => "no-claim",
            Self::Reorder => "reorder",
            Self::WrongPartition => "wrong-partition",
            Self::DropPoison => "drop-poison",
            Self::DlqOnFirstError => "dlq-on-first-error",
            Self::SlowConsumer => "slow-consumer",
            Self::LagOfOnePartition => "lag-of-one-partition",
            Self::MetricsLie => "metrics-lie",
            Self::SlowTail => "slow-tail",
            Self::AcceptThenDrop => "accept-then-drop",
        }
    }

    /// What it does, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Correct => "every accepted message is one row, in the order of acceptance",
            Self::NoDedupe => "a clientMessageId that is sent again makes another message and row",
            Self::CheckThenInsert => {
                "looks a clientMessageId up and then inserts it: concurrent twins make two rows"
            }
            Self::DedupeInMemory => {
                "the ingress keeps the clientMessageIds in its memory and forgets them on restart"
            }
            Self::NewIdOnHit => "a clientMessageId that is sent again is answered a new messageId",
            Self::AckBeforeWrite => {
                "entries are acknowledged before they are written: a killed worker loses them"
            }
            Self::NoClaim => "what a dead worker has left unacknowledged stays pending for ever",
            Self::Reorder => "the messages of a batch are written over four connections at once",
            Self::WrongPartition => "messages go to the partitions in turn, so their order breaks",
            Self::DropPoison => "what fails for good is acknowledged and reaches no dead letters",
            Self::DlqOnFirstError => {
                "whatever fails goes to the dead letters at once, passing errors included"
            }
            Self::SlowConsumer => {
                "workers rest for a second after each batch: every partition lags"
            }
            Self::LagOfOnePartition => {
                "partition 7 rests for four seconds after each batch: an average hides its lag"
            }
            Self::MetricsLie => {
                "stream_enqueue_total leaves out the accepted requests that were hits"
            }
            Self::SlowTail => "after the first 5,000 messages one in ten takes 150 ms",
            Self::AcceptThenDrop => "messages that Redis did not take are accepted all the same",
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
                kind: "variant of the ingest",
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
        let error = "slow".parse::<Variant>().unwrap_err().to_string();
        assert!(error.contains("slow-tail"), "{error}");
    }
}
