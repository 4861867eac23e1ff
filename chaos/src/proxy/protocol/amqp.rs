//! AMQP 0-9-1 as far as its toxics need it: how a stream is cut into frames, how
//! frames make a message, and what a publish says of itself.
//!
//! A frame is a kind (1 byte), a channel (2), a size (4), as many bytes of
//! payload, and an end mark. A message is a method, a header and its body in any
//! number of frames, which frames of other channels may come between.

mod awaited;
mod confirms;
pub(crate) mod publishes;
#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{Identity, pointed, text, usual};
pub(crate) use awaited::{Unacked, Unconfirmed};
pub(crate) use confirms::Confirms;

/// How a client begins.
const PREFACE: &[u8; 8] = b"AMQP\x00\x00\x09\x01";

/// The kinds of frames, and that of the preface, which is none.
pub(crate) const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const BEGIN: u8 = b'A';

const END: u8 = 0xCE;
const OVERHEAD: usize = 8;
/// RabbitMQ's frames have 128 KiB; a longer one than this is not kept.
const LONGEST: usize = 16 * 1024 * 1024;

/// A method: its class and its number.
pub(crate) type Name = (u16, u16);

pub(crate) const CHANNEL_OPEN: Name = (20, 10);
pub(crate) const CHANNEL_CLOSE: Name = (20, 40);
pub(crate) const CHANNEL_CLOSE_OK: Name = (20, 41);
pub(crate) const PUBLISH: Name = (60, 40);
pub(crate) const RETURN: Name = (60, 50);
pub(crate) const DELIVER: Name = (60, 60);
pub(crate) const GET_OK: Name = (60, 71);
pub(crate) const ACK: Name = (60, 80);
pub(crate) const NACK: Name = (60, 120);
pub(crate) const CONFIRM_SELECT: Name = (85, 10);
pub(crate) const TX_SELECT: Name = (90, 10);

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) channel: u16,
    /// All of it.
    pub(crate) bytes: Bytes,
}

impl Frame {
    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(7..self.bytes.len() - 1).unwrap_or_default()
    }

    /// The method's name and its arguments; `None` for other frames.
    pub(crate) fn method(&self) -> Option<(Name, Fields<'_>)> {
        let mut fields = Fields(self.payload());
        (self.kind == METHOD).then(|| Some(((fields.u16()?, fields.u16()?), fields)))?
    }
}

/// Cuts one direction of a connection into frames.
#[derive(Default)]
pub(crate) struct Cutter {
    rest: BytesMut,
    has_begun: bool,
}

impl Cutter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// What is wrong with the bytes; they stay where they are.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        if !self.has_begun && self.rest.first() == Some(&BEGIN) {
            let length = self.rest.len().min(PREFACE.len());
            if self.rest[..length] != PREFACE[..length] {
                return Err("it is another version of AMQP");
            }
            self.has_begun = length == PREFACE.len();
            let whole = self.has_begun.then(|| self.rest.split_to(length).freeze());
            return Ok(whole.map(|bytes| Frame { kind: BEGIN, channel: 0, bytes }));
        }
        let Some(&[kind, c0, c1, s0, s1, s2, s3]) = self.rest.first_chunk::<7>() else {
            let is_frame = self.rest.first().is_none_or(|kind| is_kind(*kind));
            return if is_frame { Ok(None) } else { Err("it is not AMQP") };
        };
        let size = u32::from_be_bytes([s0, s1, s2, s3]) as usize;
        if !is_kind(kind) {
            return Err("it is not AMQP");
        }
        if size > LONGEST {
            return Err("a frame is too long");
        }
        self.has_begun = true;
        if self.rest.len() < size + OVERHEAD {
            return Ok(None);
        }
        if self.rest[size + OVERHEAD - 1] != END {
            return Err("a frame has no end");
        }
        let bytes = self.rest.split_to(size + OVERHEAD).freeze();
        Ok(Some(Frame { kind, channel: u16::from_be_bytes([c0, c1]), bytes }))
    }

    /// What is no whole frame yet.
    pub(crate) fn rest(&mut self) -> Bytes {
        self.rest.split().freeze()
    }
}

fn is_kind(kind: u8) -> bool {
    matches!(kind, METHOD | HEADER | BODY | HEARTBEAT)
}

/// The arguments of a method, or the fields of a content header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*chunk)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_be_bytes)
    }

    pub(crate) fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.bytes(length.into())
    }

    /// A long string or a whole table.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.bytes(length as usize)
    }

    /// A value of a table: texts and whole numbers, and nothing for others.
    fn value(&mut self) -> Option<Value> {
        Some(match self.u8()? {
            b'S' => text(self.long()?),
            b'x' | b'A' | b'F' => self.long().map(|_| Value::Null)?,
            b't' => json!(self.u8()? != 0),
            b'b' => json!(i8::from_be_bytes(self.chunk()?)),
            b'B' => json!(self.u8()?),
            b's' => json!(i16::from_be_bytes(self.chunk()?)),
            b'u' => json!(self.u16()?),
            b'I' => json!(i32::from_be_bytes(self.chunk()?)),
            b'i' => json!(self.u32()?),
            b'l' | b'L' => json!(i64::from_be_bytes(self.chunk()?)),
            b'T' => json!(self.u64()?),
            b'f' => self.u32().map(|_| Value::Null)?,
            b'd' => self.u64().map(|_| Value::Null)?,
            b'D' => self.bytes(5).map(|_| Value::Null)?,
            b'V' => Value::Null,
            _ => return None,
        })
    }

    /// The value of a name in a table.
    fn find(mut self, name: &[u8]) -> Option<Value> {
        loop {
            let found = self.short()? == name;
            let value = self.value()?;
            if found {
                return Some(value);
            }
        }
    }
}

/// What a content header says.
#[derive(Debug, Clone, Copy, Default)]
struct Properties<'a> {
    headers: Option<&'a [u8]>,
    message_id: Option<&'a [u8]>,
}

impl<'a> Properties<'a> {
    fn read(header: &'a [u8]) -> Option<Self> {
        let (mut fields, mut found) = (Fields(header.get(12..)?), Self::default());
        let flags = fields.u16()?;
        for bit in (7..16_u16).rev().filter(|bit| flags & (1 << bit) != 0) {
            match bit {
                13 => found.headers = Some(fields.long()?),
                12 | 11 => drop(fields.u8()?),
                7 => found.message_id = Some(fields.short()?),
                _ => drop(fields.short()?),
            }
        }
        Some(found)
    }
}

/// How many bytes of body a header announces.
fn size_of(header: &Frame) -> u64 {
    header.payload().get(4..).and_then(|fields| Fields(fields).u64()).unwrap_or_default()
}

/// How far the content of one direction of a channel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Content {
    #[default]
    None,
    Header,
    Body(u64),
}

impl Content {
    /// Goes on with the next frame of the channel; `carries` says that this one
    /// is a method that content follows. Whether a message is now whole.
    pub(crate) fn follow(&mut self, frame: &Frame, carries: bool) -> bool {
        let (next, whole) = match (*self, frame.kind) {
            _ if carries => (Self::Header, false),
            (Self::Header, HEADER) => match size_of(frame) {
                0 => (Self::None, true),
                size => (Self::Body(size), false),
            },
            (Self::Body(left), BODY) => match left.saturating_sub(frame.payload().len() as u64) {
                0 => (Self::None, true),
                left => (Self::Body(left), false),
            },
            _ => (Self::None, false),
        };
        *self = next;
        whole
    }
}

/// A message: the frames of its method, its header and its body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// Its number among those that the toxic has seen.
    pub(crate) number: u64,
    pub(crate) frames: Vec<Frame>,
}

impl Message {
    /// The exchange and the routing key, and whether the publisher wants it back
    /// if it cannot be routed.
    pub(crate) fn address(&self) -> Option<(&[u8], &[u8], bool)> {
        let (name, mut fields) = self.frames.first()?.method()?;
        match name {
            PUBLISH => drop(fields.u16()?),
            // The code and the text of a return.
            RETURN => drop((fields.u16()?, fields.short()?)),
            DELIVER => drop((fields.short()?, fields.u64()?, fields.u8()?)),
            GET_OK => drop((fields.u64()?, fields.u8()?)),
            _ => return None,
        }
        let (exchange, key) = (fields.short()?, fields.short()?);
        Some((exchange, key, fields.u8().is_some_and(|bits| bits & 3 != 0)))
    }

    /// How long its body is, once its header has come.
    pub(crate) fn size(&self) -> Option<u64> {
        self.frames.get(1).map(size_of)
    }

    fn properties(&self) -> Properties<'_> {
        let header = self.frames.get(1);
        header.and_then(|header| Properties::read(header.payload())).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.frames.iter().skip(2).flat_map(Frame::payload).copied().collect()
    }

    /// By what it is known, nothing if it has no such thing.
    pub(crate) fn id(&self, identity: &Identity) -> Value {
        let properties = self.properties();
        match identity {
            Identity::Usual => match properties.message_id {
                Some(id) => text(id),
                None => usual(&self.body()),
            },
            Identity::Header(name) | Identity::Field(name) => {
                let headers = properties.headers.map(Fields);
                headers.and_then(|fields| fields.find(name.as_bytes())).unwrap_or_default()
            }
            Identity::Pointer(pointer) => pointed(&self.body(), pointer),
        }
    }

    /// The same with another body of the same length.
    pub(crate) fn with_body(&self, mut byte: impl FnMut() -> u8) -> Self {
        let mut changed = self.clone();
        for frame in changed.frames.iter_mut().skip(2) {
            let mut bytes = frame.bytes.to_vec();
            let end = bytes.len() - 1;
            bytes[7..end].fill_with(&mut byte);
            frame.bytes = bytes.into();
        }
        changed
    }

    /// All that is known of it, for the record.
    pub(crate) fn identity(&self, identity: &Identity) -> Value {
        let (exchange, key, _) = self.address().unwrap_or_default();
        let channel = self.frames.first().map(|frame| frame.channel);
        json!({
            "id": self.id(identity), "number": self.number, "channel": channel,
            "exchange": text(exchange), "routing_key": text(key),
        })
    }

    /// What two messages that are the same have in common, whatever method
    /// carries them.
    fn likeness(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let (exchange, key, _) = self.address().unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (exchange, key, self.properties().message_id, self.body()).hash(&mut hasher);
        hasher.finish()
    }
}

/// Appends one method with these arguments.
pub(crate) fn put_method(out: &mut Vec<u8>, channel: u16, name: Name, arguments: &[u8]) {
    let size = u32::try_from(arguments.len() + 4).unwrap_or(u32::MAX);
    out.push(METHOD);
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(&name.0.to_be_bytes());
    out.extend_from_slice(&name.1.to_be_bytes());
    out.extend_from_slice(arguments);
    out.push(END);
}

/// Appends a confirm. A broker's nack never asks for a requeue.
pub(crate) fn put_confirm(out: &mut Vec<u8>, channel: u16, name: Name, tag: u64, multiple: bool) {
    let mut arguments = [0; 9];
    arguments[..8].copy_from_slice(&tag.to_be_bytes());
    arguments[8] = multiple.into();
    put_method(out, channel, name, &arguments);
}
