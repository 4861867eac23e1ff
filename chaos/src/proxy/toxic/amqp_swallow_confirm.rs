//! AMQP 0-9-1: the broker confirms publishes, the client never hears of it, and
//! the connection ends; so its own retry makes the duplicates.
//!
//! A `share` of publishes is struck, from number `from` on and at most `count`
//! of them, both over all connections: `from` 5000 and `count` 1 is "between the
//! publish and the confirm of operation 5,000". Once the publish has gone to the
//! broker, nothing more is read from the client, and what the broker confirms
//! is swallowed; when it has confirmed all that it got, or after `settle` ms
//! (2,000 by default), the connection is closed. Every connection is struck
//! again if neither `share` nor `count` prevents it.
//!
//! Confirmed by the records `confirm_swallowed`, one for each message that the
//! broker has and the client does not know of, and `unconfirmed` for those that
//! the broker said nothing about in time. Undone by removing it; a connection on
//! which a confirm was swallowed is closed. Only channels that confirm are
//! struck; connections that were open before the toxic are left alone.
//!
//! This is permitted: the network may break at any time, and a publisher that
//! retries makes duplicates.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::super::protocol::amqp::{Cutter, Frame, Unconfirmed};
use super::super::protocol::{Identity, Pick, Picker, Share, TOO_LATE, step_aside};
use super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::{Kind, millis};

/// Nothing more is read while so many publishes are unconfirmed.
const MOST_OPEN: usize = 256 * 1024;

/// Attributes of the toxic `amqp_swallow_confirm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AmqpSwallowConfirm {
    /// Milliseconds.
    pub settle: u64,
    /// The share of publishes.
    pub share: Share,
    /// The number of the first publish that may be struck, from 1.
    pub from: u64,
    /// How many are struck at most; 0 is without end.
    pub count: u64,
    /// By what a message is known.
    pub identity: Identity,
}

impl Default for AmqpSwallowConfirm {
    fn default() -> Self {
        let Pick { share, from, count, identity } = Pick::default();
        Self { settle: 2000, share, from, count, identity }
    }
}

impl AmqpSwallowConfirm {
    fn pick(&self) -> Pick {
        let Self { share, from, count, ref identity, .. } = *self;
        Pick { share, from, count, identity: identity.clone() }
    }

    pub(super) fn stage(&self, ground: &Ground) -> Swallow {
        Swallow {
            settle: millis(self.settle),
            picker: Picker::new(ground, &self.pick()),
            cutters: Default::default(),
            unconfirmed: Unconfirmed::default(),
            state: if ground.from_start { State::Watching } else { State::Late },
        }
    }
}

enum State {
    /// It was open before, and nobody was told yet.
    Late,
    /// The connection is left alone.
    Aside,
    Watching,
    /// Confirms are swallowed until then.
    Swallowing(Instant),
    /// The connection ends.
    Over,
}

/// The stage.
pub(super) struct Swallow {
    settle: Duration,
    picker: Picker,
    cutters: [Cutter; 2],
    unconfirmed: Unconfirmed,
    state: State,
}

impl Swallow {
    fn sent(&mut self, frame: &Frame, turn: &mut Turn<'_>) {
        let picker = &mut self.picker;
        let mut is_struck = false;
        self.unconfirmed.send(frame, |mut message| {
            let (picked, number) = picker.pick(turn);
            message.number = number;
            is_struck = picked && picker.claim();
            message.identity(&picker.pick.identity)
        });
        if is_struck {
            self.state = State::Swallowing(turn.now() + self.settle);
        }
    }

    /// Whether a frame of the broker's goes on.
    fn said(&mut self, frame: &Frame, turn: &mut Turn<'_>) -> bool {
        let (is_ack, ids) = self.unconfirmed.settle(frame);
        let swallows = matches!(self.state, State::Swallowing(_)) && is_ack;
        // What is not recorded is not done.
        let mut record = |id: Value| turn.record(Way::Downstream, "confirm_swallowed", id);
        !swallows || !ids.into_iter().all(&mut record)
    }

    fn go_on(&mut self, way: Way, turn: &mut Turn<'_>) {
        let mut out = Vec::new();
        let mut wrong = None;
        while way == Way::Downstream || matches!(self.state, State::Watching) {
            match self.cutters[way as usize].next() {
                Ok(Some(frame)) => {
                    let passes = match way {
                        Way::Upstream => {
                            self.sent(&frame, turn);
                            true
                        }
                        Way::Downstream => self.said(&frame, turn),
                    };
                    if passes {
                        out.extend_from_slice(&frame.bytes);
                    }
                }
                Ok(None) => break,
                Err(why) => {
                    wrong = Some(why);
                    break;
                }
            }
        }
        turn.forward(way, out.into());
        if let Some(why) = wrong {
            step_aside(turn, why);
            self.let_go(turn);
        } else if matches!(self.state, State::Swallowing(_)) && self.unconfirmed.len() == 0 {
            self.close(turn);
        }
    }

    /// Ends the connection, behind what the client was already told.
    fn close(&mut self, turn: &mut Turn<'_>) {
        for id in self.unconfirmed.ids() {
            // It is only told; the connection ends in any case.
            let _ = turn.record(Way::Upstream, "unconfirmed", id.clone());
        }
        self.state = State::Over;
        turn.end(Way::Downstream, Ending::Closed);
    }

    /// Leaves the connection alone, if it still can.
    fn let_go(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            State::Swallowing(_) => return self.close(turn),
            State::Over => return,
            _ => self.state = State::Aside,
        }
        for way in Way::BOTH {
            let rest = self.cutters[way as usize].rest();
            turn.forward(way, rest);
        }
    }
}

impl Stage for Swallow {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        match self.state {
            State::Late => {
                step_aside(turn, TOO_LATE);
                self.state = State::Aside;
                turn.forward(way, bytes);
            }
            State::Aside => turn.forward(way, bytes),
            State::Watching | State::Swallowing(_) => {
                self.cutters[way as usize].push(&bytes);
                self.go_on(way, turn);
            }
            State::Over => {}
        }
    }

    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        match self.state {
            State::Over => {}
            State::Swallowing(_) => self.close(turn),
            _ => {
                let rest = self.cutters[way as usize].rest();
                turn.forward(way, rest);
                turn.end(way, ending);
            }
        }
    }

    fn is_open(&self, way: Way) -> bool {
        let is_full = || self.unconfirmed.len() > MOST_OPEN;
        way == Way::Downstream || !(matches!(self.state, State::Swallowing(_)) || is_full())
    }

    fn due(&self) -> Option<Instant> {
        if let State::Swallowing(until) = self.state { Some(until) } else { None }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        self.close(turn);
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        self.let_go(turn);
    }

    fn lingers(&self) -> bool {
        // Nobody goes on with a connection that has lost something.
        matches!(self.state, State::Over)
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::AmqpSwallowConfirm(asked) = kind else { return false };
        (self.settle, self.picker.pick) = (millis(asked.settle), asked.pick());
        true
    }

    fn both_ways(&self) -> bool {
        true
    }
}
