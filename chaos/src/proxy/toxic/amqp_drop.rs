//! AMQP 0-9-1: publishes never reach the broker, and the client is told that it
//! has them.
//!
//! Which ones is said as for `amqp_duplicate`. The client gets a confirm that no
//! broker gave, at once; all other confirms keep its numbers.
//!
//! Confirmed by the record `dropped` with what is known of the message. Undone
//! by removing it: nothing is dropped any more; what was dropped stays lost, and
//! the numbers of its channel are kept right for as long as that lives.
//!
//! No broker may do this: a confirm is its promise. It shows whether a judge
//! notices a loss. On a channel without confirms it is what a broken connection
//! does to any publish.

use super::super::protocol::amqp::Message;
use super::super::protocol::amqp::publishes::{Fate, Fault, Publishes};
use super::super::protocol::{Pick, Picker};
use super::super::stage::{Ground, Turn, Way};
use super::Kind;

pub(super) fn stage(pick: &Pick, ground: &Ground) -> Publishes {
    Publishes::new(Drop, pick, ground)
}

struct Drop;

impl Fault for Drop {
    fn fate(&mut self, message: &Message, picker: &Picker, turn: &mut Turn<'_>) -> Fate {
        let identity = message.identity(&picker.pick.identity);
        let recorded = picker.record(turn, Way::Upstream, "dropped", identity);
        if recorded { Fate::Never } else { Fate::Pass }
    }

    fn retune(&mut self, kind: &Kind) -> Option<Pick> {
        if let Kind::AmqpDrop(pick) = kind { Some(pick.clone()) } else { None }
    }
}
