//! What each variant does differently. This is where the bugs are planted;
//! everything else asks here and is correct in every variant.

use std::time::Duration;

use super::streams::PARTITIONS;
use super::variant::Variant;

/// `lag-of-one-partition` lags on this one.
const LAGGARD: u16 = 7;
/// `slow-tail` is as fast as the others for so many messages.
const FAST: u64 = 5_000;

/// How the ingress learns that it has accepted a message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dedupe {
    /// Redis remembers, in one step with the entry.
    Atomic,
    /// Redis remembers, and is asked in a step of its own.
    CheckFirst,
    /// This process remembers.
    Memory,
    /// Not at all.
    Never,
}

impl Variant {
    pub(crate) fn dedupe(self) -> Dedupe {
        match self {
            Self::NoDedupe => Dedupe::Never,
            Self::CheckThenInsert => Dedupe::CheckFirst,
            Self::DedupeInMemory => Dedupe::Memory,
            _ => Dedupe::Atomic,
        }
    }

    /// The columns of `messages` that hold each value once.
    pub(crate) fn unique_columns(self) -> &'static [&'static str] {
        match self {
            Self::NoDedupe => &[],
            // A message that is delivered twice is still one row; one that was
            // accepted twice has two identities and makes two.
            Self::CheckThenInsert | Self::DedupeInMemory => &["messageId"],
            _ => &["messageId", "idempotencyKey"],
        }
    }

    /// Whether a hit is answered with the identity of the first acceptance.
    pub(crate) fn keeps_identity(self) -> bool {
        self != Self::NewIdOnHit
    }

    /// Whether an accepted request counts as enqueued.
    pub(crate) fn counts_as_enqueued(self, hit: bool) -> bool {
        !(hit && self == Self::MetricsLie)
    }

    /// How often a hit is counted as one.
    pub(crate) fn counts_a_hit(self) -> u64 {
        if self == Self::CountHitsOften { 5 } else { 1 }
    }

    /// Whether a dead letter is counted.
    pub(crate) fn tells_dead_letters(self) -> bool {
        self != Self::DeadLettersUntold
    }

    /// Whether the message that was accepted as number `accepted_seq` gets its
    /// receipts.
    pub(crate) fn has_receipts(self, accepted_seq: u64) -> bool {
        !(self == Self::ForgetReceipts && accepted_seq.is_multiple_of(10))
    }

    /// Whether that message is given up for nothing.
    pub(crate) fn gives_up(self, accepted_seq: u64) -> bool {
        self == Self::DlqForNothing && accepted_seq.is_multiple_of(5)
    }

    /// Whether the `nth` write of a lane fails at first.
    pub(crate) fn stumbles(self, nth: u64) -> bool {
        self == Self::FlakyWrites && nth.is_multiple_of(5)
    }

    /// Whether the process dies of its `nth` dead letter.
    pub(crate) fn dies_of_dead_letter(self, nth: u64) -> bool {
        self == Self::CrashOnPoison && nth == 5
    }

    /// Whether the process dies of its `nth` request.
    pub(crate) fn dies_of_request(self, nth: u64) -> bool {
        self == Self::CrashOnRequest && nth == 3_000
    }

    /// Whether a worker reads on that has so many messages behind it.
    pub(crate) fn reads_on(self, behind: u64) -> bool {
        !(self == Self::StopReading && behind >= 300)
    }

    /// Whether a request is accepted only when Redis has the message.
    pub(crate) fn waits_for_redis(self) -> bool {
        self != Self::AcceptThenDrop
    }

    /// The partition of the `nth` message of this process, of a conversation
    /// that belongs to partition `home`.
    pub(crate) fn partition(self, home: u16, nth: u64) -> u16 {
        match self {
            Self::WrongPartition => (nth % u64::from(PARTITIONS)) as u16,
            _ => home,
        }
    }

    /// What an entry that was acknowledged before it is a row waits in memory,
    /// as in a buffer that is written now and then. `None` acknowledges what is
    /// a row.
    pub(crate) fn acks_before_writing(self) -> Option<Duration> {
        (self == Self::AckBeforeWrite).then_some(Duration::from_millis(30))
    }

    /// Whether entries that were delivered and never acknowledged are taken up
    /// again.
    pub(crate) fn recovers(self) -> bool {
        self != Self::NoClaim
    }

    /// How many connections write the messages of one batch.
    pub(crate) fn writers(self) -> usize {
        if self == Self::Reorder { 4 } else { 1 }
    }

    /// Whether what fails for good goes to the dead letters.
    pub(crate) fn buries(self) -> bool {
        self != Self::DropPoison
    }

    /// Whether a message is given up for a failure that is not its own.
    pub(crate) fn gives_up_at_once(self) -> bool {
        self == Self::DlqOnFirstError
    }

    /// What a worker waits after each batch of a partition.
    pub(crate) fn rest(self, partition: u16) -> Option<Duration> {
        match self {
            Self::SlowConsumer => Some(Duration::from_secs(1)),
            Self::LagOfOnePartition if partition == LAGGARD => Some(Duration::from_secs(4)),
            _ => None,
        }
    }

    /// What a worker takes longer for the message that was accepted as number
    /// `accepted_seq`.
    pub(crate) fn drag(self, accepted_seq: u64) -> Option<Duration> {
        let slow = self == Self::SlowTail && accepted_seq > FAST && accepted_seq.is_multiple_of(10);
        slow.then_some(Duration::from_millis(150))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correct_variant_has_none_of_the_bugs() {
        let correct = Variant::Correct;
        assert_eq!(correct.dedupe(), Dedupe::Atomic);
        assert_eq!(correct.unique_columns(), ["messageId", "idempotencyKey"]);
        assert!(correct.keeps_identity() && correct.waits_for_redis() && correct.buries());
        assert!(correct.counts_as_enqueued(true) && correct.recovers());
        assert!(correct.acks_before_writing().is_none() && !correct.gives_up_at_once());
        assert_eq!((correct.writers(), correct.partition(3, 99)), (1, 3));
        assert!(correct.counts_a_hit() == 1 && correct.tells_dead_letters());
        assert!(correct.reads_on(1_000_000));
        let is_calm = |n: u64| {
            let dies = correct.dies_of_dead_letter(n) || correct.dies_of_request(n);
            correct.has_receipts(n) && !correct.gives_up(n) && !correct.stumbles(n) && !dies
        };
        assert!((1..20_000).all(is_calm));
        assert!((0..PARTITIONS).all(|partition| correct.rest(partition).is_none()));
        assert!((1..20_000).all(|seq| correct.drag(seq).is_none()));
    }

    #[test]
    fn one_partition_rests_and_the_tail_is_slow() {
        let resting = |variant: Variant| {
            (0..PARTITIONS).filter(|&partition| variant.rest(partition).is_some()).count()
        };
        assert_eq!(resting(Variant::LagOfOnePartition), 1);
        assert_eq!(resting(Variant::SlowConsumer), usize::from(PARTITIONS));
        let slow = |from: u64| (from..from + 100).filter(|&n| Variant::SlowTail.drag(n).is_some());
        assert_eq!((slow(1).count(), slow(5_001).count()), (0, 10));
    }
}
