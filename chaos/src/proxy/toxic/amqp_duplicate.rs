//! AMQP 0-9-1: publishes reach the broker twice, and neither side can tell from
//! the protocol: confirms have the client's own numbers, one for each of its
//! messages, and returns of duplicates are swallowed.
//!
//! Of all publishes a `share` is doubled, from number `from` on and at most
//! `count` of them (0 is without end). Both are counted over all connections.
//! The duplicate follows its original directly, on the same channel. The client
//! is told of a message what the broker says of the original; what it says of
//! the duplicate stays here, a refusal, too.
//!
//! Confirmed by the record `duplicated` with what is known of the message, made
//! before its duplicate is sent; what becomes of it in the broker is as unsure
//! as with any publish before its confirm. Undone by removing it: nothing is
//! doubled any more, while the numbers of channels that had duplicates are kept
//! right for as long as these live. Channels with transactions, messages of
//! more than 16 MiB and connections that were open before the toxic are left
//! alone.
//!
//! At-least-once delivery permits what this causes: a publisher that lost a
//! confirm does the same.

use super::super::protocol::amqp::Message;
use super::super::protocol::amqp::publishes::{Fate, Fault, Publishes};
use super::super::protocol::{Pick, Picker};
use super::super::stage::{Ground, Turn, Way};
use super::Kind;

pub(super) fn stage(pick: &Pick, ground: &Ground) -> Publishes {
    Publishes::new(Double, pick, ground)
}

struct Double;

impl Fault for Double {
    fn fate(&mut self, message: &Message, picker: &Picker, turn: &mut Turn<'_>) -> Fate {
        let identity = message.identity(&picker.pick.identity);
        let recorded = picker.record(turn, Way::Upstream, "duplicated", identity);
        if recorded { Fate::Twice } else { Fate::Pass }
    }

    fn retune(&mut self, kind: &Kind) -> Option<Pick> {
        if let Kind::AmqpDuplicate(pick) = kind { Some(pick.clone()) } else { None }
    }
}
