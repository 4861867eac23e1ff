//! AMQP 0-9-1: the bodies of publishes are replaced by bytes that are no text in
//! UTF-8, no JSON and no Avro, of the same length. Properties stay.
//!
//! Which ones is said as for `amqp_duplicate`. An empty body stays empty.
//!
//! Confirmed by the record `poisoned` with what is known of the message. Undone
//! by removing it; what was poisoned stays so.
//!
//! For consumers this is permitted: any publisher may publish anything. For the
//! publisher it is not, since no broker changes a body: its message is lost.

use super::super::protocol::amqp::Message;
use super::super::protocol::amqp::publishes::{Fate, Fault, Publishes};
use super::super::protocol::{Pick, Picker};
use super::super::stage::{Ground, Turn, Way};
use super::Kind;

pub(super) fn stage(pick: &Pick, ground: &Ground) -> Publishes {
    let rng = ground.rng.clone().fork();
    Publishes::new(Poison { rng }, pick, ground)
}

struct Poison {
    rng: fastrand::Rng,
}

impl Fault for Poison {
    fn fate(&mut self, message: &Message, picker: &Picker, turn: &mut Turn<'_>) -> Fate {
        let identity = message.identity(&picker.pick.identity);
        if message.size() == Some(0) || !picker.record(turn, Way::Upstream, "poisoned", identity) {
            return Fate::Pass;
        }
        // None of these ever occurs in UTF-8.
        Fate::Changed(message.with_body(|| self.rng.u8(0xf8..)))
    }

    fn retune(&mut self, kind: &Kind) -> Option<Pick> {
        if let Kind::AmqpPoison(pick) = kind { Some(pick.clone()) } else { None }
    }
}
