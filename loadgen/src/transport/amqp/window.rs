//! The messages of one channel that are not confirmed yet.
//!
//! They stand in a ring in the order of their delivery tags, so that a confirm
//! of many costs as much as they are many, whatever the window.

use std::collections::VecDeque;
use std::time::Duration;

use crate::feed::Op;
use crate::outcome::{Answer, Reason};

/// How many confirmed messages may stand behind one that is not, times the
/// window.
const STRAGGLE: usize = 64;

/// The unconfirmed messages of a channel.
#[derive(Debug)]
pub(super) struct Window {
    /// The most messages under way.
    size: usize,
    /// The delivery tag of the first slot.
    base: u64,
    slots: VecDeque<Slot>,
    unconfirmed: usize,
    /// Messages with lower tags are overdue or settled.
    watched: u64,
}

#[derive(Debug)]
struct Slot {
    /// Gone when it is settled.
    op: Option<Op>,
    started: Duration,
    /// Where its bytes begin and end in the connection's stream.
    bytes: (u64, u64),
    confirmed: bool,
    returned: Option<Box<str>>,
}

impl Slot {
    fn settle(&mut self, answer: &Answer, settle: &mut impl FnMut(Op, Duration, &Answer)) {
        let Some(op) = self.op.take() else { return };
        match self.returned.take() {
            // It was not routed, whatever came later.
            Some(why) => {
                settle(op, self.started, &Answer::Failed(Reason::Returned(why.into_string())));
            }
            None => settle(op, self.started, answer),
        }
    }
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Self { size, base: 1, slots: VecDeque::new(), unconfirmed: 0, watched: 1 }
    }

    /// How many more messages may be published.
    pub(super) fn room(&self) -> usize {
        let straggling = self.size.saturating_mul(STRAGGLE).saturating_sub(self.slots.len());
        self.size.saturating_sub(self.unconfirmed).min(straggling)
    }

    /// Whether every message is settled, be it confirmed or not.
    pub(super) fn is_settled(&mut self) -> bool {
        self.deadline().is_none()
    }

    /// Takes in a message that was published with the next delivery tag.
    pub(super) fn push(&mut self, op: Op, started: Duration, bytes: (u64, u64)) {
        let slot = Slot { op: Some(op), started, bytes, confirmed: false, returned: None };
        self.slots.push_back(slot);
        self.unconfirmed += 1;
    }

    /// When the message that has waited longest was started.
    pub(super) fn deadline(&mut self) -> Option<Duration> {
        self.watched = self.watched.max(self.base);
        loop {
            let slot = self.slots.get((self.watched - self.base) as usize)?;
            if slot.op.is_some() {
                return Some(slot.started);
            }
            self.watched += 1;
        }
    }

    /// Settles the messages that were started by `before`, which are overdue,
    /// with `answer`. They keep their places.
    pub(super) fn expire(
        &mut self,
        before: Duration,
        answer: &Answer,
        mut settle: impl FnMut(Op, Duration, &Answer),
    ) {
        while self.deadline().is_some_and(|started| started <= before) {
            let slot = &mut self.slots[(self.watched - self.base) as usize];
            slot.settle(answer, &mut settle);
        }
    }

    /// Takes in a confirm: `answer` holds for the message with this tag, or
    /// for all up to it.
    pub(super) fn confirm(
        &mut self,
        tag: u64,
        multiple: bool,
        answer: &Answer,
        mut settle: impl FnMut(Op, Duration, &Answer),
    ) {
        let last = if tag == 0 { u64::MAX } else { tag };
        if multiple {
            while self.base <= last
                && let Some(mut slot) = self.slots.pop_front()
            {
                self.base += 1;
                self.unconfirmed -= usize::from(!slot.confirmed);
                slot.settle(answer, &mut settle);
            }
        } else if let Some(at) = tag.checked_sub(self.base)
            && let Some(slot) = self.slots.get_mut(at as usize)
            && !slot.confirmed
        {
            slot.confirmed = true;
            self.unconfirmed -= 1;
            slot.settle(answer, &mut settle);
        }
        while self.slots.front().is_some_and(|slot| slot.confirmed) {
            self.slots.pop_front();
            self.base += 1;
        }
    }

    /// Notes that the broker gave message `seq` back.
    pub(super) fn give_back(&mut self, seq: u64, why: &str) {
        let found = self.slots.iter_mut().find(|slot| {
            slot.returned.is_none() && slot.op.as_ref().is_some_and(|op| op.seq == seq)
        });
        if let Some(slot) = found {
            slot.returned = Some(why.into());
        }
    }

    /// Without confirms: settles the messages of which every byte is among
    /// the first `written` of the stream.
    pub(super) fn written(&mut self, written: u64, mut settle: impl FnMut(Op, Duration, &Answer)) {
        while self.slots.front().is_some_and(|slot| slot.bytes.1 <= written)
            && let Some(mut slot) = self.slots.pop_front()
        {
            self.base += 1;
            self.unconfirmed -= 1;
            slot.settle(&Answer::Acked, &mut settle);
        }
    }

    /// The connection was lost after this many bytes: settles what may have
    /// been sent with `lost`, and gives the rest back, in order.
    pub(super) fn end(
        &mut self,
        written: u64,
        lost: &Answer,
        unsent: &mut VecDeque<Op>,
        mut settle: impl FnMut(Op, Duration, &Answer),
    ) {
        for mut slot in self.slots.drain(..) {
            if slot.bytes.0 >= written {
                unsent.extend(slot.op.take());
            } else {
                slot.settle(lost, &mut settle);
            }
        }
        self.unconfirmed = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::feed::Sending;

    fn op(seq: u64) -> Op {
        Op { seq, due: Duration::ZERO, sending: Sending::Only }
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Publish,
        /// Confirms the tag at this share of those published; many at once.
        Confirm(f64, bool),
        Return(f64),
        Expire(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Publish),
            2 => (0.0_f64..1.0, any::<bool>()).prop_map(|(at, many)| Step::Confirm(at, many)),
            1 => (0.0_f64..1.0).prop_map(Step::Return),
            1 => (0_u64..200).prop_map(Step::Expire),
        ]
    }

    proptest! {
        /// Whatever the broker says, in whatever order: each message is
        /// settled once, or given back unsent; no more are under way than the
        /// window holds; and a message that was returned has never been
        /// acknowledged.
        #[test]
        fn each_message_is_settled_once(size in 1_usize..20, steps in prop::collection::vec(step(), 0..200), written in 0.0_f64..1.2) {
            let mut window = Window::new(size);
            let mut settled: BTreeMap<u64, Answer> = BTreeMap::new();
            let mut returned = Vec::new();
            let mut published = 0_u64;
            for step in steps {
                let mut settle = |op: Op, _: Duration, answer: &Answer| {
                    assert!(settled.insert(op.seq, answer.clone()).is_none(), "settled twice");
                };
                match step {
                    Step::Publish if window.room() > 0 => {
                        let bytes = (published * 10, published * 10 + 10);
                        window.push(op(published), Duration::from_millis(published), bytes);
                        published += 1;
                    }
                    Step::Confirm(at, many) if published > 0 => {
                        let tag = (at * published as f64) as u64 + 1;
                        window.confirm(tag, many, &Answer::Acked, &mut settle);
                    }
                    Step::Return(at) => {
                        let seq = (at * published as f64) as u64;
                        let open = window.slots.iter().any(|slot| {
                            slot.op.as_ref().is_some_and(|op| op.seq == seq)
                        });
                        if open {
                            window.give_back(seq, "312 NO_ROUTE");
                            returned.push(seq);
                        }
                    }
                    Step::Expire(before) => {
                        let answer = Answer::Indeterminate(Reason::Timeout);
                        window.expire(Duration::from_millis(before), &answer, &mut settle);
                    }
                    _ => {}
                }
                prop_assert!(window.unconfirmed <= size);
                let open = window.slots.iter().filter(|slot| !slot.confirmed).count();
                prop_assert_eq!(window.unconfirmed, open);
            }
            let written = (written * published as f64 * 10.0) as u64;
            let mut unsent = VecDeque::new();
            let lost = Answer::Indeterminate(Reason::Lost("gone".to_owned()));
            window.end(written, &lost, &mut unsent, |op, _, answer| {
                assert!(settled.insert(op.seq, answer.clone()).is_none(), "settled twice");
            });
            prop_assert!(unsent.iter().all(|op| op.seq * 10 >= written));
            prop_assert!(unsent.iter().all(|op| !settled.contains_key(&op.seq)));
            prop_assert_eq!((settled.len() + unsent.len()) as u64, published);
            for seq in returned {
                prop_assert_ne!(settled.get(&seq), Some(&Answer::Acked));
            }
        }
    }
}
