//! AMQP 0-9-1: a consumer's acknowledgement never reaches the broker, and the
//! connection ends; so the broker delivers again, and says so itself.
//!
//! A `share` of acknowledgements is struck, from number `from` on and at most
//! `count` of them, both over all connections. All that the consumer has got and
//! not acknowledged is delivered again. No message is made to be delivered again
//! more than `most` times (3 by default), since quorum queues drop what was
//! delivered too often: an acknowledgement is left alone if it or anything
//! beside it has come so far, or has nothing by which it is known.
//!
//! Confirmed by the records `ack_withheld` for what the consumer is done with
//! and `unacked` for what else it had got. What was still on its way to the
//! consumer is delivered again, too, and not recorded. Undone by removing it.
//! Connections that were open before the toxic are left alone.
//!
//! This is permitted: the network may break at any time, and at-least-once
//! delivery then means again.

use std::collections::HashMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::protocol::amqp::{Cutter, Frame, Unacked};
use super::super::protocol::{Identity, Pick, Picker, Share, TOO_LATE, step_aside};
use super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::Kind;

/// With more unacknowledged deliveries than this, or more messages that were
/// struck, nothing is struck any more.
const MOST_OPEN: usize = 64 * 1024;
const MOST_KNOWN: usize = 1024 * 1024;

/// Attributes of the toxic `amqp_withhold_ack`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AmqpWithholdAck {
    /// How often a message is made to be delivered again.
    pub most: u64,
    /// The share of acknowledgements.
    pub share: Share,
    /// The number of the first acknowledgement that may be struck, from 1.
    pub from: u64,
    /// How many are struck at most; 0 is without end.
    pub count: u64,
    /// By what a message is known.
    pub identity: Identity,
}

impl Default for AmqpWithholdAck {
    fn default() -> Self {
        let Pick { share, from, count, identity } = Pick::default();
        Self { most: 3, share, from, count, identity }
    }
}

impl AmqpWithholdAck {
    fn pick(&self) -> Pick {
        let Self { share, from, count, ref identity, .. } = *self;
        Pick { share, from, count, identity: identity.clone() }
    }

    pub(super) fn stage(&self, ground: &Ground) -> Withhold {
        Withhold {
            most: self.most,
            picker: Picker::new(ground, &self.pick()),
            cutters: Default::default(),
            unacked: Unacked::default(),
            state: if ground.from_start { State::Watching } else { State::Late },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was open before, and nobody was told yet.
    Late,
    /// The connection is left alone.
    Aside,
    Watching,
    /// The connection ends.
    Over,
}

/// The stage.
pub(super) struct Withhold {
    most: u64,
    picker: Picker,
    cutters: [Cutter; 2],
    unacked: Unacked,
    state: State,
}

/// The name of a message in the list of how often it was struck.
fn key(id: &Value) -> Option<String> {
    let id = id.get("id").filter(|id| !id.is_null())?;
    Some(id.to_string())
}

impl Withhold {
    /// Whether the acknowledgement of these is withheld.
    fn strikes(&mut self, ids: &[Value], turn: &mut Turn<'_>) -> bool {
        let (picked, _) = self.picker.pick(turn);
        if !picked || ids.is_empty() || self.unacked.len() > MOST_OPEN {
            return false;
        }
        let most = self.most;
        let keys: Option<Vec<String>> = ids.iter().chain(self.unacked.ids()).map(key).collect();
        let Some(keys) = keys else { return false };
        let may = |times: &mut HashMap<String, u64>| {
            times.len() < MOST_KNOWN
                && keys.iter().all(|key| times.get(key).is_none_or(|times| *times < most))
        };
        if !self.picker.tally.times(may) || !self.picker.claim() {
            return false;
        }
        let mut record = |what, id: &Value| turn.record(Way::Upstream, what, id.clone());
        if !ids.iter().all(|id| record("ack_withheld", id)) {
            return false;
        }
        // What else is delivered again comes with it.
        for id in self.unacked.ids() {
            let _ = record("unacked", id);
        }
        self.picker.tally.times(|times| {
            keys.into_iter().for_each(|key| *times.entry(key).or_default() += 1);
        });
        true
    }

    fn go_on(&mut self, way: Way, turn: &mut Turn<'_>) -> Result<(), &'static str> {
        let mut out = Vec::new();
        let result = loop {
            let frame = match self.cutters[way as usize].next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break Ok(()),
                Err(why) => break Err(why),
            };
            if way == Way::Downstream {
                self.unacked.deliver(&frame, &self.picker.pick.identity);
            } else if self.answered(&frame, turn) {
                self.state = State::Over;
                break Ok(());
            }
            out.extend_from_slice(&frame.bytes);
        };
        turn.forward(way, out.into());
        if self.state == State::Over {
            // Behind what was acknowledged before.
            turn.end(Way::Upstream, Ending::Closed);
        }
        result
    }

    /// Whether a frame of the client's is withheld.
    fn answered(&mut self, frame: &Frame, turn: &mut Turn<'_>) -> bool {
        let (is_ack, ids) = self.unacked.answer(frame);
        is_ack && self.strikes(&ids, turn)
    }

    fn let_go(&mut self, turn: &mut Turn<'_>) {
        if self.state != State::Over {
            self.state = State::Aside;
            for way in Way::BOTH {
                let rest = self.cutters[way as usize].rest();
                turn.forward(way, rest);
            }
        }
    }
}

impl Stage for Withhold {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        match self.state {
            State::Late => {
                step_aside(turn, TOO_LATE);
                self.state = State::Aside;
                turn.forward(way, bytes);
            }
            State::Aside => turn.forward(way, bytes),
            State::Watching => {
                self.cutters[way as usize].push(&bytes);
                if let Err(why) = self.go_on(way, turn) {
                    step_aside(turn, why);
                    self.let_go(turn);
                }
            }
            State::Over => {}
        }
    }

    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        if self.state != State::Over {
            let rest = self.cutters[way as usize].rest();
            turn.forward(way, rest);
            turn.end(way, ending);
        }
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        self.let_go(turn);
    }

    fn lingers(&self) -> bool {
        // Nobody goes on with a connection that has lost something.
        self.state == State::Over
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::AmqpWithholdAck(asked) = kind else { return false };
        (self.most, self.picker.pick) = (asked.most, asked.pick());
        true
    }

    fn both_ways(&self) -> bool {
        true
    }
}
