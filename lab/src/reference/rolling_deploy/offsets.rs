//! Which offset of a partition may be committed while events are under way.

use std::collections::BTreeSet;

/// The offsets of one partition since it was assigned.
///
/// Kafka commits the offset that is to be read next, and everything before it counts as
/// processed: so only what is finished without a gap may be committed.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    under_way: BTreeSet<i64>,
    /// The one above the highest that was received.
    received: Option<i64>,
    /// What was last given to be committed; at first where the partition was begun.
    given: Option<i64>,
}

impl Offsets {
    /// An event was received.
    pub(crate) fn begin(&mut self, offset: i64) {
        self.given.get_or_insert(offset);
        self.under_way.insert(offset);
        self.received = self.received.max(Some(offset + 1));
    }

    /// An event is finished.
    pub(crate) fn finish(&mut self, offset: i64) {
        self.under_way.remove(&offset);
    }

    /// The offset to commit, if that is further than the last one.
    pub(crate) fn take(&mut self) -> Option<i64> {
        self.give(self.under_way.first().copied().or(self.received))
    }

    /// The same if everything that was received counted as processed.
    pub(crate) fn take_received(&mut self) -> Option<i64> {
        self.give(self.received)
    }

    fn give(&mut self, next: Option<i64>) -> Option<i64> {
        let further = next.filter(|_| next > self.given);
        self.given = self.given.max(further);
        further
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gap_is_waited_for() {
        let mut offsets = Offsets::default();
        assert_eq!(offsets.take(), None, "nothing was received");
        (5..8).for_each(|offset| offsets.begin(offset));
        offsets.finish(6);
        assert_eq!(offsets.take(), None, "5 is under way");
        offsets.finish(5);
        assert_eq!((offsets.take(), offsets.take()), (Some(7), None));
        assert_eq!(offsets.take_received(), Some(8));
        offsets.finish(7);
        assert_eq!(offsets.take(), None, "that was given before");
    }

    proptest! {
        /// Whatever is finished in whatever order, nothing unfinished is committed, no
        /// commit goes back, and in the end all is committed.
        #[test]
        fn only_what_is_finished_is_committed(
            first in 0_i64..1_000, order in Just((0_i64..40).collect::<Vec<_>>()).prop_shuffle(),
            looks in prop::collection::vec(any::<bool>(), 40),
        ) {
            let mut offsets = Offsets::default();
            (first..first + 40).for_each(|offset| offsets.begin(offset));
            let (mut finished, mut last) = (BTreeSet::new(), first);
            for (place, look) in order.into_iter().zip(looks) {
                offsets.finish(first + place);
                finished.insert(first + place);
                if let Some(next) = look.then(|| offsets.take()).flatten() {
                    prop_assert!(next > last);
                    prop_assert!((first..next).all(|offset| finished.contains(&offset)));
                    last = next;
                }
            }
            let next = offsets.take().unwrap_or(last);
            prop_assert_eq!(next, first + 40);
        }
    }
}
