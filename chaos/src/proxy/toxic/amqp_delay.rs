//! AMQP 0-9-1: publishes reach the broker later by `delay` ms, and all of their
//! channel behind them: nothing is overtaken. Other channels go on.
//!
//! Which ones is said as for `amqp_duplicate`. What waits is bounded: behind 4
//! MiB the client is no longer read.
//!
//! Confirmed by the record `delayed` with what is known of the message. Undone
//! by removing it: what waits goes on at once. Any delay is permitted.

use serde::{Deserialize, Serialize};

use super::super::protocol::amqp::Message;
use super::super::protocol::amqp::publishes::{Fate, Fault, Publishes};
use super::super::protocol::{Identity, Pick, Picker, Share};
use super::super::stage::{Ground, Turn, Way};
use super::{Kind, millis};

/// Attributes of the toxic `amqp_delay`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AmqpDelay {
    /// Milliseconds.
    pub delay: u64,
    /// The share of publishes.
    pub share: Share,
    /// The number of the first publish that may be struck, from 1.
    pub from: u64,
    /// How many are struck at most; 0 is without end.
    pub count: u64,
    /// By what a message is known.
    pub identity: Identity,
}

impl AmqpDelay {
    fn pick(&self) -> Pick {
        let Self { share, from, count, ref identity, .. } = *self;
        Pick { share, from, count, identity: identity.clone() }
    }

    pub(super) fn stage(&self, ground: &Ground) -> Publishes {
        Publishes::new(Late { delay: self.delay }, &self.pick(), ground)
    }
}

struct Late {
    delay: u64,
}

impl Fault for Late {
    fn fate(&mut self, message: &Message, picker: &Picker, turn: &mut Turn<'_>) -> Fate {
        let identity = message.identity(&picker.pick.identity);
        if picker.record(turn, Way::Upstream, "delayed", identity) {
            Fate::Late(turn.now() + millis(self.delay))
        } else {
            Fate::Pass
        }
    }

    fn retune(&mut self, kind: &Kind) -> Option<Pick> {
        let Kind::AmqpDelay(asked) = kind else { return None };
        self.delay = asked.delay;
        Some(asked.pick())
    }
}
