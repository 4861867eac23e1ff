//! What a toxic is on one connection: a [`Stage`], and what it may do in its
//! [`Turn`].

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::chance::Dice;
use super::effects::{Effect, Effects, now};
use super::pipeline::{Others, Tail};
use super::protocol::Tally;
use super::toxic::{Kind, Toxic};

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From the client to the server: requests.
    Upstream,
    /// From the server to the client: responses.
    Downstream,
}

impl Way {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Upstream, Self::Downstream];

    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Upstream => Self::Downstream,
            Self::Downstream => Self::Upstream,
        }
    }

    /// Where the bytes come from.
    #[must_use]
    pub fn source(self) -> Side {
        match self {
            Self::Upstream => Side::Client,
            Self::Downstream => Side::Server,
        }
    }

    /// Where they go to.
    #[must_use]
    pub fn sink(self) -> Side {
        self.opposite().source()
    }
}

/// One of the two sockets of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that the client opened.
    Client,
    /// The one to the upstream server.
    Server,
}

/// How the bytes of one direction, a socket or a connection end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The sender has said all (FIN); the other direction goes on.
    Finished,
    /// The whole connection is closed (FIN to both sides).
    Closed,
    /// The whole connection is reset (RST to both sides).
    Reset,
}

/// A toxic at work on one connection. It is a state machine: it never waits,
/// reads no clock and owns no socket.
///
/// What comes in is taken by [`Stage::take`]; what is to go out is handed to
/// [`Turn::forward`], now or in a later turn, in any direction in which the
/// stage stands. A stage that keeps bytes must bound what it keeps: while
/// [`Stage::is_open`] is false it gets nothing, nothing more is read for it, and
/// the sender's window fills.
///
/// A stage that knows a protocol says [`Stage::both_ways`] and so sees both
/// directions of a connection with one state. It cuts each into messages and
/// forwards whole messages only; so it may put a message of its own into either
/// direction at any time, for instance an answer that the server never gave.
/// What it does to a message it first says to [`Turn::record`].
pub trait Stage: Send {
    /// Bytes of one direction, cut where the network happened to cut them.
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>);

    /// The direction ends, after all the bytes that were taken. A stage that
    /// keeps bytes hands them on first.
    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        turn.end(way, ending);
    }

    /// Whether it takes more of this direction.
    fn is_open(&self, _way: Way) -> bool {
        true
    }

    /// When it wants its next [`Stage::tick`].
    fn due(&self) -> Option<Instant> {
        None
    }

    /// The time that [`Stage::due`] gave has come.
    fn tick(&mut self, _turn: &mut Turn<'_>) {}

    /// The toxic is removed: whatever is kept goes on.
    fn leave(&mut self, _turn: &mut Turn<'_>) {}

    /// The attributes have changed. False means that the stage cannot change
    /// with them: then it leaves, and another one takes its place.
    fn retune(&mut self, _kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        false
    }

    /// Whether it must stay on the connection after it was left, since both
    /// sides rely on what it has told them. It gets all that it got before.
    fn lingers(&self) -> bool {
        false
    }

    /// Whether it stands in both directions, or only in that of the toxic.
    fn both_ways(&self) -> bool {
        false
    }
}

/// What a stage is told when it is made.
#[derive(Debug)]
pub struct Ground {
    /// The time at which the toxic and the connection met.
    pub now: Instant,
    /// The direction that the toxic is for.
    pub stream: Way,
    /// Chance that depends only on the seed, the proxy, the toxic and the
    /// number of the connection.
    pub rng: fastrand::Rng,
    /// Nothing has gone through the connection yet.
    pub from_start: bool,
    /// What the toxic has done on all connections.
    pub(crate) tally: std::sync::Arc<Tally>,
}

/// What a stage may do while it is called.
pub struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) toxic: &'a Toxic,
    pub(super) dice: &'a mut Dice,
    pub(super) others: Others<'a>,
    pub(super) tail: &'a mut Tail,
    pub(super) place: &'a Place,
}

/// Which connection it is, for the record.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) proxy: std::sync::Arc<str>,
    pub(crate) connection: u64,
    pub(crate) effects: std::sync::Arc<Effects>,
}

impl Turn<'_> {
    /// The time of this turn.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether the toxic strikes. To be asked once for each chunk, or once for
    /// each message by a stage that knows messages: with `per: chunk` this is a
    /// new chance each time, otherwise always true.
    pub fn strikes(&mut self) -> bool {
        self.dice.roll()
    }

    /// Hands bytes on, in either direction.
    pub fn forward(&mut self, way: Way, bytes: Bytes) {
        if !bytes.is_empty() {
            self.others.hand_on(self.tail, way, super::pipeline::Item::Bytes(bytes));
        }
    }

    /// Hands on that a direction ends here, after what was forwarded.
    pub fn end(&mut self, way: Way, ending: Ending) {
        self.others.hand_on(self.tail, way, super::pipeline::Item::End(ending));
    }

    /// Ends the connection now, without what is still on its way.
    pub fn cut(&mut self, ending: Ending) {
        self.tail.cut.get_or_insert(ending);
    }

    /// Closes one socket and keeps the other; what is for it is thrown away.
    pub fn close(&mut self, side: Side, ending: Ending) {
        self.tail.closes.push((side, ending));
    }

    /// Records what is about to be done to a message: "duplicated", and by what
    /// the message is known. False if it cannot be recorded; then it must not
    /// be done.
    #[must_use]
    pub fn record(&mut self, way: Way, what: &'static str, identity: Value) -> bool {
        let Place { proxy, connection, effects } = self.place;
        effects.record(Effect {
            sequence: 0,
            at: now(),
            proxy: proxy.clone(),
            toxic: self.toxic.name.clone(),
            connection: *connection,
            stream: way,
            what,
            identity,
        })
    }
}
