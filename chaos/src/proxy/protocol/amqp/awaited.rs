//! What the other side still has to be told of: publishes that the broker has
//! not confirmed, and deliveries that the client has not acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::super::Identity;
use super::{
    ACK, CHANNEL_CLOSE_OK, CHANNEL_OPEN, CONFIRM_SELECT, Content, DELIVER, Frame, GET_OK, Message,
    NACK, Name, PUBLISH,
};

const CONSUME: Name = (60, 20);
const CONSUME_OK: Name = (60, 21);
const GET: Name = (60, 70);
const GET_EMPTY: Name = (60, 72);
const REJECT: Name = (60, 90);

/// The bodies of longer messages are not looked into.
const MOST_BYTES: usize = 1024 * 1024;

/// Puts the messages of one direction of a channel together.
#[derive(Default)]
struct Assembly {
    content: Content,
    message: Message,
    bytes: usize,
}

impl Assembly {
    /// Takes a frame; the message that is whole with it.
    fn take(&mut self, frame: &Frame, carries: bool) -> Option<Message> {
        let whole = self.content.follow(frame, carries);
        if carries {
            (self.message, self.bytes) = (Message::default(), 0);
        }
        self.bytes += frame.bytes.len();
        let is_part = carries || whole || self.content != Content::None;
        if is_part && (self.message.frames.len() < 2 || self.bytes < MOST_BYTES) {
            self.message.frames.push(frame.clone());
        }
        whole.then(|| std::mem::take(&mut self.message))
    }
}

/// Messages by their tags, in the order of these.
#[derive(Default)]
struct Open(VecDeque<(u64, Value)>);

impl Open {
    /// Takes those off that a confirm or an acknowledgement is about.
    fn settle(&mut self, tag: u64, multiple: bool) -> Vec<Value> {
        if multiple {
            let count = match tag {
                0 => self.0.len(),
                tag => self.0.partition_point(|(open, _)| *open <= tag),
            };
            return self.0.drain(..count).map(|(_, id)| id).collect();
        }
        let at = self.0.binary_search_by_key(&tag, |(open, _)| *open);
        at.ok().and_then(|at| self.0.remove(at)).map(|(_, id)| id).into_iter().collect()
    }
}

/// The tag of a confirm or an acknowledgement, and whether it is about all up to
/// it.
fn tag_of(frame: &Frame) -> Option<(u64, bool)> {
    let (name, mut fields) = frame.method()?;
    let (tag, bits) = (fields.u64()?, fields.u8()?);
    // The bit of a reject says something else.
    Some((tag, name != REJECT && bits & 1 != 0))
}

/// The publishes that the broker has not confirmed.
#[derive(Default)]
pub(crate) struct Unconfirmed {
    channels: BTreeMap<u16, Publisher>,
}

#[derive(Default)]
struct Publisher {
    confirms: bool,
    assembly: Assembly,
    last: u64,
    open: Open,
}

impl Unconfirmed {
    /// Takes a frame of the client's. When that makes a publish whole that the
    /// broker will confirm, `identify` says by what it is known.
    pub(crate) fn send(&mut self, frame: &Frame, identify: impl FnOnce(Message) -> Value) {
        let name = frame.method().map(|(name, _)| name);
        if name == Some(CHANNEL_OPEN) {
            self.channels.insert(frame.channel, Publisher::default());
        }
        let Some(channel) = self.channels.get_mut(&frame.channel) else { return };
        channel.confirms |= name == Some(CONFIRM_SELECT);
        let whole = channel.assembly.take(frame, name == Some(PUBLISH));
        if let Some(message) = whole.filter(|_| channel.confirms) {
            channel.last += 1;
            channel.open.0.push_back((channel.last, identify(message)));
        }
    }

    /// Takes a frame of the broker's; what it settles. An empty answer is that
    /// of a frame which is no confirm.
    pub(crate) fn settle(&mut self, frame: &Frame) -> (bool, Vec<Value>) {
        let name = frame.method().map(|(name, _)| name);
        if name == Some(CHANNEL_CLOSE_OK) {
            self.channels.remove(&frame.channel);
        }
        let channel = self.channels.get_mut(&frame.channel);
        match (channel, name, tag_of(frame)) {
            (Some(channel), Some(ACK | NACK), Some((tag, multiple))) if channel.confirms => {
                (name == Some(ACK), channel.open.settle(tag, multiple))
            }
            _ => (false, Vec::new()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.channels.values().map(|channel| channel.open.0.len()).sum()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &Value> {
        self.channels.values().flat_map(|channel| &channel.open.0).map(|(_, id)| id)
    }
}

/// The deliveries that the client has not acknowledged.
#[derive(Default)]
pub(crate) struct Unacked {
    channels: BTreeMap<u16, Consumer>,
}

#[derive(Default)]
struct Consumer {
    assembly: Assembly,
    open: Open,
    /// The consumers whose deliveries need no acknowledgement.
    carefree: BTreeSet<Vec<u8>>,
    /// The same of consumers and gets that the broker has not answered.
    asked: VecDeque<bool>,
    gets: VecDeque<bool>,
}

impl Unacked {
    /// Takes a frame of the broker's.
    pub(crate) fn deliver(&mut self, frame: &Frame, identity: &Identity) {
        let Some(channel) = self.channels.get_mut(&frame.channel) else { return };
        let method = frame.method();
        let name = method.map(|(name, _)| name);
        match method {
            Some((CONSUME_OK, mut fields)) if channel.asked.pop_front() == Some(true) => {
                channel.carefree.insert(fields.short().unwrap_or_default().to_vec());
            }
            Some((GET_EMPTY, _)) => drop(channel.gets.pop_front()),
            Some((CHANNEL_CLOSE_OK, _)) => {
                self.channels.remove(&frame.channel);
                return;
            }
            _ => {}
        }
        let Some(message) = channel.assembly.take(frame, matches!(name, Some(DELIVER | GET_OK)))
        else {
            return;
        };
        let Some((name, mut fields)) = message.frames.first().and_then(Frame::method) else {
            return;
        };
        let is_carefree = match name {
            DELIVER => fields.short().is_some_and(|tag| channel.carefree.contains(tag)),
            _ => channel.gets.pop_front() == Some(true),
        };
        if let Some(tag) = fields.u64().filter(|_| !is_carefree) {
            let id = message.identity(identity);
            channel.open.0.push_back((tag, id));
        }
    }

    /// Takes a frame of the client's; what it acknowledges, and whether it says
    /// that the message is done.
    pub(crate) fn answer(&mut self, frame: &Frame) -> (bool, Vec<Value>) {
        let nothing = (false, Vec::new());
        let Some((name, mut fields)) = frame.method() else { return nothing };
        if name == CHANNEL_OPEN {
            self.channels.insert(frame.channel, Consumer::default());
        }
        let Some(channel) = self.channels.get_mut(&frame.channel) else { return nothing };
        match name {
            CONSUME => {
                let _ = (fields.u16(), fields.short());
                let (tag, bits) =
                    (fields.short().unwrap_or_default(), fields.u8().unwrap_or_default());
                let is_carefree = bits & 2 != 0;
                // Without an answer the client names its consumer itself.
                match bits & 8 {
                    0 => channel.asked.push_back(is_carefree),
                    _ if is_carefree => drop(channel.carefree.insert(tag.to_vec())),
                    _ => {}
                }
                nothing
            }
            GET => {
                let _ = (fields.u16(), fields.short());
                channel.gets.push_back(fields.u8().is_some_and(|bits| bits & 1 != 0));
                nothing
            }
            ACK | NACK | REJECT => {
                let settled = tag_of(frame).map(|(tag, all)| channel.open.settle(tag, all));
                (name == ACK, settled.unwrap_or_default())
            }
            _ => nothing,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.channels.values().map(|channel| channel.open.0.len()).sum()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &Value> {
        self.channels.values().flat_map(|channel| &channel.open.0).map(|(_, id)| id)
    }
}
