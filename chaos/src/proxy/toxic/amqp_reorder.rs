//! AMQP 0-9-1: publishes swap places with the next one on their channel to the
//! same exchange with the same routing key; confirms keep the client's numbers.
//!
//! Which ones is said as for `amqp_duplicate`. A publish waits for the next one
//! at most `wait` ms (100 by default) and until anything else comes on its
//! channel; then it goes on in its place, and nothing is recorded.
//!
//! Confirmed by the record `reordered` with what is known of the one that was
//! overtaken. Undone by removing it: what waits goes on at once; the numbers of
//! its channel are kept right for as long as that lives.
//!
//! No broker may do this: what is published on one channel to one queue arrives
//! in its order. What a publisher's own retries do to the order is like it.

use serde::{Deserialize, Serialize};

use super::super::protocol::amqp::Message;
use super::super::protocol::amqp::publishes::{Fate, Fault, Publishes};
use super::super::protocol::{Identity, Pick, Picker, Share};
use super::super::stage::{Ground, Turn, Way};
use super::{Kind, millis};

/// Attributes of the toxic `amqp_reorder`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AmqpReorder {
    /// Milliseconds.
    pub wait: u64,
    /// The share of publishes.
    pub share: Share,
    /// The number of the first publish that may be struck, from 1.
    pub from: u64,
    /// How many are struck at most; 0 is without end.
    pub count: u64,
    /// By what a message is known.
    pub identity: Identity,
}

impl Default for AmqpReorder {
    fn default() -> Self {
        let Pick { share, from, count, identity } = Pick::default();
        Self { wait: 100, share, from, count, identity }
    }
}

impl AmqpReorder {
    fn pick(&self) -> Pick {
        let Self { share, from, count, ref identity, .. } = *self;
        Pick { share, from, count, identity: identity.clone() }
    }

    pub(super) fn stage(&self, ground: &Ground) -> Publishes {
        Publishes::new(Swap { wait: self.wait }, &self.pick(), ground)
    }
}

struct Swap {
    wait: u64,
}

impl Fault for Swap {
    fn fate(&mut self, _message: &Message, _picker: &Picker, turn: &mut Turn<'_>) -> Fate {
        Fate::Behind(turn.now() + millis(self.wait))
    }

    fn overtakes(&mut self, waiting: &Message, picker: &Picker, turn: &mut Turn<'_>) -> bool {
        let identity = waiting.identity(&picker.pick.identity);
        picker.record(turn, Way::Upstream, "reordered", identity)
    }

    fn retune(&mut self, kind: &Kind) -> Option<Pick> {
        let Kind::AmqpReorder(asked) = kind else { return None };
        self.wait = asked.wait;
        Some(asked.pick())
    }
}
