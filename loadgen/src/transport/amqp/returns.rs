//! Finds out which confirmed messages had been returned.
//!
//! The broker returns a message before it confirms it. The client library
//! hands each return on with whichever confirm it completes next, not with
//! that of the returned message. A confirm without a return tells that no
//! return was waiting at that moment; so a message is acknowledged for good
//! when its own confirm carried nothing, or when, after it carried another
//! message's return, a later confirm carried nothing.

use std::collections::HashMap;

/// What a confirm said, returns aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Ack,
    Nack,
}

/// What became of a message for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Acked,
    Nacked,
    /// Given back by the broker, and why.
    Returned(String),
}

/// Confirms that are not certain yet.
#[derive(Debug, Default)]
pub(super) struct Returns {
    /// Returned messages whose confirm was not seen yet.
    returned: HashMap<u64, String>,
    /// Confirmed in an earlier batch, with another message's return.
    doubtful: Vec<(u64, Said)>,
    /// Confirmed in this batch; whether the confirm carried a return.
    batch: Vec<(u64, Said, bool)>,
}

impl Returns {
    /// Takes in the confirm of message `seq`, with the return that came along.
    pub(super) fn confirm(&mut self, seq: u64, said: Said, along: Option<(u64, String)>) {
        self.batch.push((seq, said, along.is_some()));
        self.returned.extend(along);
    }

    /// Ends a batch: every confirm that had completed so far was taken in.
    /// `idle` says that no confirm is awaited. Gives the certain verdicts.
    pub(super) fn settle(&mut self, idle: bool, mut verdict: impl FnMut(u64, Verdict)) {
        let empty = idle || self.batch.iter().any(|&(_, _, along)| !along);
        let Self { returned, doubtful, batch } = self;
        let mut decide = |seq, said, certain: bool| {
            let found = match (returned.remove(&seq), said) {
                (Some(why), _) => Verdict::Returned(why),
                (None, _) if !certain => return false,
                (None, Said::Ack) => Verdict::Acked,
                (None, Said::Nack) => Verdict::Nacked,
            };
            verdict(seq, found);
            true
        };
        doubtful.retain(|&(seq, said)| !decide(seq, said, empty));
        for (seq, said, along) in batch.drain(..) {
            if !decide(seq, said, idle || !along) {
                doubtful.push((seq, said));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_return_finds_its_message() {
        let mut returns = Returns::default();
        let mut seen = Vec::new();
        returns.confirm(1, Said::Ack, Some((2, "NO_ROUTE".to_owned())));
        returns.settle(false, |seq, verdict| seen.push((seq, verdict)));
        assert_eq!(seen, [], "message 1 may have been returned, too");
        returns.confirm(2, Said::Ack, None);
        returns.settle(false, |seq, verdict| seen.push((seq, verdict)));
        assert_eq!(seen, [(1, Verdict::Acked), (2, Verdict::Returned("NO_ROUTE".to_owned()))]);
    }

    proptest! {
        /// Whichever confirms carry the returns, and however they are batched,
        /// each message gets its own verdict.
        #[test]
        fn every_message_gets_its_own_verdict(
            returned in prop::collection::vec(any::<bool>(), 1..60),
            order in prop::collection::vec(0_usize..5, 60),
            cuts in prop::collection::vec(any::<bool>(), 60),
        ) {
            // The broker's side: returns come in the order of the messages,
            // each before its confirm; confirms overtake each other.
            let mut waiting: VecDeque<u64> = VecDeque::new();
            let mut unconfirmed: Vec<u64> = Vec::new();
            let mut next = 0;
            let mut returns = Returns::default();
            let mut verdicts = BTreeMap::new();
            let total = returned.len() as u64;
            let mut done = 0;
            for turn in 0.. {
                while next < total && unconfirmed.len() < 5 {
                    if returned[next as usize] {
                        waiting.push_back(next);
                    }
                    unconfirmed.push(next);
                    next += 1;
                }
                if unconfirmed.is_empty() {
                    break;
                }
                let seq = unconfirmed.remove(order[turn % 60] % unconfirmed.len());
                let along = waiting.pop_front().map(|seq| (seq, "x".to_owned()));
                returns.confirm(seq, Said::Ack, along);
                done += 1;
                if cuts[turn % 60] || done == total {
                    returns.settle(done == total, |seq, verdict| {
                        assert!(verdicts.insert(seq, verdict).is_none());
                    });
                }
            }
            prop_assert_eq!(verdicts.len() as u64, total);
            for (seq, verdict) in verdicts {
                let expected = if returned[seq as usize] {
                    Verdict::Returned("x".to_owned())
                } else {
                    Verdict::Acked
                };
                prop_assert_eq!(verdict, expected);
            }
        }
    }
}
