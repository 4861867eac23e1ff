//! Redis: a write is done, its client never hears of it, and the connection
//! ends; so the client's own retry makes the duplicate.
//!
//! A `share` of the `commands` (`XADD` by default) is struck, from number `from`
//! on and at most `count` of them, both over all connections. Once such a
//! command has gone to the server, nothing more is read from the client: what
//! comes behind it in a pipeline is never done. Replies to what came before it
//! go through; its own is swallowed, and the connection closed. An error, or a
//! reply of nothing, goes through, since then nothing was written.
//!
//! Confirmed by the record `reply_swallowed` with what is known of the command:
//! the server has done it. Undone by removing it. Commands between `MULTI` and
//! `EXEC`, and those of more than 1 MiB, are left alone, as are connections that
//! were open before the toxic, subscribe, monitor or turn replies off.
//!
//! This is permitted: the network may break at any time.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::protocol::redis::{Values, identity_of, words};
use super::super::protocol::{Identity, Pick, Picker, Share, TOO_LATE, step_aside};
use super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::Kind;

/// What is longer is not looked into.
const MOST_BYTES: usize = 1024 * 1024;

/// After these, not every command has one reply.
const UNCOUNTED: [&str; 5] = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC"];

/// Attributes of the toxic `redis_swallow_reply`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSwallowReply {
    /// Which commands may be struck.
    pub commands: Vec<String>,
    /// The share of these.
    pub share: Share,
    /// The number of the first one that may be struck, from 1.
    pub from: u64,
    /// How many are struck at most; 0 is without end.
    pub count: u64,
    /// By what a command is known: the field `id` by default.
    pub identity: Identity,
}

impl Default for RedisSwallowReply {
    fn default() -> Self {
        let Pick { share, from, count, identity } = Pick::default();
        Self { commands: vec!["XADD".to_owned()], share, from, count, identity }
    }
}

impl RedisSwallowReply {
    fn pick(&self) -> Pick {
        let Self { share, from, count, ref identity, .. } = *self;
        Pick { share, from, count, identity: identity.clone() }
    }

    pub(super) fn stage(&self, ground: &Ground) -> Swallow {
        Swallow {
            commands: self.commands.clone(),
            picker: Picker::new(ground, &self.pick()),
            requests: Values::of_requests(),
            replies: Values::default(),
            command: Vec::new(),
            head: Vec::new(),
            held: Bytes::new(),
            pending: 0,
            is_atomic: false,
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
    /// The last command that went to the server is the one to be struck.
    Struck(serde_json::Value),
    /// The connection ends.
    Over,
}

/// The stage.
pub(super) struct Swallow {
    commands: Vec<String>,
    picker: Picker,
    requests: Values,
    replies: Values,
    /// The command that is being read, as far as it is not too long.
    command: Vec<u8>,
    /// The beginning of a reply that may be swallowed.
    head: Vec<u8>,
    /// What the client has sent behind a command that was struck.
    held: Bytes,
    /// How many replies the server owes.
    pending: u64,
    /// Between `MULTI` and `EXEC`.
    is_atomic: bool,
    state: State,
}

impl Swallow {
    /// A command is whole.
    fn asked(&mut self, turn: &mut Turn<'_>) -> Result<(), &'static str> {
        let command = std::mem::take(&mut self.command);
        let words = words(&command);
        let is = |at: usize, name: &str| {
            words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        let is_long = command.len() > MOST_BYTES;
        if words.is_empty() && !is_long {
            // The server passes over it.
            return Ok(());
        }
        if UNCOUNTED.iter().any(|name| is(0, name)) || (is(0, "CLIENT") && is(1, "REPLY")) {
            return Err("its replies cannot be counted");
        }
        self.pending += 1;
        self.is_atomic = (self.is_atomic || is(0, "MULTI")) && !is(0, "EXEC") && !is(0, "DISCARD");
        let is_ours = self.commands.iter().any(|name| is(0, name));
        if is_ours && !is_long && !self.is_atomic {
            let (picked, number) = self.picker.pick(turn);
            if picked && self.picker.claim() {
                let identity = identity_of(&words, number, &self.picker.pick.identity);
                self.state = State::Struck(identity);
            }
        }
        Ok(())
    }

    fn take_requests(&mut self, bytes: Bytes, turn: &mut Turn<'_>) -> Result<(), &'static str> {
        let (mut used, mut result) = (0, Ok(()));
        while used < bytes.len() && matches!(self.state, State::Watching) && result.is_ok() {
            let rest = &bytes[used..];
            result = self.requests.read(rest).and_then(|(count, ended)| {
                used += count;
                // One byte too much is kept to know that it is too long.
                let room = (MOST_BYTES + 1).saturating_sub(self.command.len());
                self.command.extend_from_slice(&rest[..count.min(room)]);
                if ended { self.asked(turn) } else { Ok(()) }
            });
        }
        turn.forward(Way::Upstream, bytes.slice(..used));
        self.held = bytes.slice(used..);
        result
    }

    fn take_replies(&mut self, bytes: &[u8], turn: &mut Turn<'_>) -> Result<(), &'static str> {
        let (mut used, mut out) = (0, Vec::new());
        let mut result = Ok(());
        while used < bytes.len() {
            let is_judged = self.replies.first_line().is_some() && self.replies.is_within();
            let (count, ended) = match self.replies.read(&bytes[used..]) {
                Ok(read) => read,
                Err(why) => {
                    self.head.extend_from_slice(&bytes[used..]);
                    out.append(&mut self.head);
                    result = Err(why);
                    break;
                }
            };
            self.head.extend_from_slice(&bytes[used..used + count]);
            used += count;
            let Some(first) = self.replies.first_line() else { continue };
            let is_reply = !matches!(first.first(), Some(b'>' | b'|'));
            if !is_judged && self.pending == 1 && is_reply && self.is_swallowed(turn) {
                self.state = State::Over;
                break;
            }
            out.append(&mut self.head);
            if ended && is_reply {
                self.pending = self.pending.saturating_sub(1);
            }
        }
        turn.forward(Way::Downstream, out.into());
        result
    }

    /// Whether the reply that begins is that of a write that was done and is to
    /// be swallowed.
    fn is_swallowed(&mut self, turn: &mut Turn<'_>) -> bool {
        let State::Struck(identity) = std::mem::replace(&mut self.state, State::Watching) else {
            return false;
        };
        let first = self.replies.first_line().unwrap_or_default();
        let is_done = !matches!(first, [b'-' | b'!' | b'_', ..] | [b'$' | b'*', b'-', ..]);
        let swallowed = is_done && turn.record(Way::Downstream, "reply_swallowed", identity);
        if !swallowed {
            self.picker.tally.unclaim();
        }
        swallowed
    }

    /// Goes on after something was taken.
    fn settle(&mut self, result: Result<(), &'static str>, turn: &mut Turn<'_>) {
        if let Err(why) = result {
            step_aside(turn, why);
            return self.let_go(turn);
        }
        if matches!(self.state, State::Over) {
            turn.end(Way::Downstream, Ending::Closed);
        } else if matches!(self.state, State::Watching) && !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let result = self.take_requests(held, turn);
            self.settle(result, turn);
        }
    }

    fn let_go(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.state, State::Over) {
            self.state = State::Aside;
            let head = std::mem::take(&mut self.head);
            turn.forward(Way::Downstream, head.into());
            turn.forward(Way::Upstream, std::mem::take(&mut self.held));
        }
    }
}

impl Stage for Swallow {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        match (&self.state, way) {
            (State::Late, _) => {
                step_aside(turn, TOO_LATE);
                self.state = State::Aside;
                turn.forward(way, bytes);
            }
            (State::Aside, _) => turn.forward(way, bytes),
            (State::Watching | State::Struck(_), Way::Upstream) => {
                let result = self.take_requests(bytes, turn);
                self.settle(result, turn);
            }
            (State::Watching | State::Struck(_), Way::Downstream) => {
                let result = self.take_replies(&bytes, turn);
                self.settle(result, turn);
            }
            (State::Over, _) => {}
        }
    }

    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        if !matches!(self.state, State::Over) {
            if way == Way::Upstream {
                turn.forward(way, std::mem::take(&mut self.held));
            } else {
                turn.forward(way, std::mem::take(&mut self.head).into());
            }
            turn.end(way, ending);
        }
    }

    fn is_open(&self, way: Way) -> bool {
        way == Way::Downstream || !matches!(self.state, State::Struck(_))
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        self.let_go(turn);
    }

    fn lingers(&self) -> bool {
        // Nobody goes on with a connection that has lost something.
        matches!(self.state, State::Over)
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::RedisSwallowReply(asked) = kind else { return false };
        self.commands.clone_from(&asked.commands);
        self.picker.pick = asked.pick();
        true
    }

    fn both_ways(&self) -> bool {
        true
    }
}
