//! What the toxics that know a protocol share: by what a message is known, and
//! which messages are struck.
//!
//! Such a toxic must see a connection from its first byte, since otherwise it
//! cannot know where a message begins. It steps aside for a connection that was
//! open before it came, and for one that does not speak its protocol. To strike
//! connections later than they open, it is added with a share of 0, and the
//! share is raised.

pub(crate) mod amqp;
pub(crate) mod http;
#[cfg(test)]
pub(crate) mod link;
pub(crate) mod redis;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use scenarios::pointer::Pointer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::stage::{Ground, Turn, Way};

/// By what a message is known, in the attribute `identity`: nothing for what is
/// usual in the protocol, `header:NAME`, `field:NAME`, or a JSON pointer into
/// its body, such as `/order/id`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Identity {
    /// AMQP: `message_id`; HTTP: the header `idempotency-key`; Redis: the field
    /// `id`. If there is none, `id` in a JSON body.
    #[default]
    Usual,
    /// A header.
    Header(String),
    /// A field of a Redis entry.
    Field(String),
    /// A place in a JSON body.
    Pointer(Pointer),
}

impl TryFrom<String> for Identity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Ok(Self::Header(name.to_owned())),
            Some(("field", name)) if !name.is_empty() => Ok(Self::Field(name.to_owned())),
            _ if text.is_empty() => Ok(Self::Usual),
            _ if text.starts_with('/') => {
                text.parse().map(Self::Pointer).map_err(|error| format!("identity {error}"))
            }
            _ => Err(format!("identity {text:?} is no header:NAME, field:NAME or /POINTER")),
        }
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Usual => Self::new(),
            Identity::Header(name) => format!("header:{name}"),
            Identity::Field(name) => format!("field:{name}"),
            Identity::Pointer(pointer) => pointer.into(),
        }
    }
}

/// What a JSON body has at a place; nothing if it is no JSON or has nothing.
pub(crate) fn pointed(body: &[u8], pointer: &Pointer) -> Value {
    pointer.find_in(body).unwrap_or_default()
}

/// What a JSON body has by the usual name, `id`.
pub(crate) fn usual(body: &[u8]) -> Value {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get_mut("id").map(Value::take).unwrap_or_default()
}

/// Bytes of a protocol as a JSON text.
pub(crate) fn text(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).into()
}

/// The share of messages that are struck, from 0 to 1; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Default for Share {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        let is_share = (0.0..=1.0).contains(&share);
        is_share.then_some(Self(share)).ok_or_else(|| format!("share {share} is not from 0 to 1"))
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

/// What a toxic has done on all connections of its proxy together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    seen: AtomicU64,
    struck: AtomicU64,
    times: Mutex<HashMap<String, u64>>,
}

/// What has happened is no part of what a toxic is.
impl PartialEq for Tally {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Tally {
    /// Counts a message that could be struck; its number, from 1.
    pub(crate) fn see(&self) -> u64 {
        self.seen.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes one of `most` strikes, where 0 is without end; false if all are
    /// taken.
    pub(crate) fn claim(&self, most: u64) -> bool {
        let next = |struck: u64| (most == 0 || struck < most).then_some(struck + 1);
        self.struck.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// Gives a strike back that was not carried out.
    pub(crate) fn unclaim(&self) {
        self.struck.fetch_sub(1, Ordering::Relaxed);
    }

    /// Looks at, or changes, how often single messages were struck.
    pub(crate) fn times<T>(&self, look: impl FnOnce(&mut HashMap<String, u64>) -> T) -> T {
        look(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Attributes of all toxics that strike single messages: which ones.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pick {
    /// The share of messages.
    pub share: Share,
    /// The number of the first message that may be struck, from 1, over all
    /// connections.
    pub from: u64,
    /// How many are struck at most, over all connections; 0 is without end.
    pub count: u64,
    /// By what a message is known.
    pub identity: Identity,
}

/// Which messages of a connection are struck.
pub(crate) struct Picker {
    pub(crate) pick: Pick,
    rng: fastrand::Rng,
    pub(crate) tally: Arc<Tally>,
}

impl Picker {
    pub(crate) fn new(ground: &Ground, pick: &Pick) -> Self {
        let (rng, tally) = (ground.rng.clone(), ground.tally.clone());
        Self { pick: pick.clone(), rng, tally }
    }

    /// Whether the next message is to be struck, and its number. The chance is
    /// drawn for each message, so that `from` and `count` change nothing about
    /// which others are struck.
    pub(crate) fn pick(&mut self, turn: &mut Turn<'_>) -> (bool, u64) {
        let number = self.tally.see();
        let drawn = self.rng.f64() < self.pick.share.0;
        (turn.strikes() && drawn && number >= self.pick.from, number)
    }

    /// Takes one of the strikes; false if all are taken.
    pub(crate) fn claim(&self) -> bool {
        self.tally.claim(self.pick.count)
    }

    /// Records what is about to be done if it may still be done.
    pub(crate) fn record(
        &self,
        turn: &mut Turn<'_>,
        way: Way,
        what: &'static str,
        identity: Value,
    ) -> bool {
        if !self.claim() {
            return false;
        }
        let recorded = turn.record(way, what, identity);
        if !recorded {
            self.tally.unclaim();
        }
        recorded
    }
}

/// Why a connection is left alone, said once.
pub(crate) fn step_aside(turn: &mut Turn<'_>, why: &str) {
    // That nothing is done needs no permission.
    let _ = turn.record(Way::Upstream, "stepped_aside", json!({ "why": why }));
}

/// Why a connection that was open before the toxic is left alone.
pub(crate) const TOO_LATE: &str = "the connection was open before the toxic";

/// Bytes that are on their way out, in one write.
#[derive(Default)]
pub(crate) struct Outbox([Vec<u8>; 2]);

impl Outbox {
    pub(crate) fn put(&mut self, way: Way, bytes: &[u8]) {
        self.0[way as usize].extend_from_slice(bytes);
    }

    pub(crate) fn at(&mut self, way: Way) -> &mut Vec<u8> {
        &mut self.0[way as usize]
    }

    pub(crate) fn flush(&mut self, turn: &mut Turn<'_>) {
        for way in Way::BOTH {
            turn.forward(way, Bytes::from(std::mem::take(&mut self.0[way as usize])));
        }
    }
}
