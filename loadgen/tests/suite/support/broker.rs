//! The broker's side of AMQP 0-9-1, as far as a test needs it: one connection
//! of a [`Server`](crate::server::Server) speaks it as the test wants.

use std::time::Duration;

use crate::server::Talk;

pub(crate) const METHOD: u8 = 1;
pub(crate) const HEADER: u8 = 2;
pub(crate) const BODY: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 8;

pub(crate) const PUBLISH: (u16, u16) = (60, 40);
pub(crate) const CONSUME: (u16, u16) = (60, 20);
const ACK: (u16, u16) = (60, 80);
const DELIVER: (u16, u16) = (60, 60);

/// What the other side sent.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) channel: u16,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The class and number of a method.
    pub(crate) fn method(&self) -> Option<(u16, u16)> {
        let [a, b, c, d, ..] = self.payload[..] else { return None };
        (self.kind == METHOD).then(|| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

/// One connection, seen from the broker.
pub(crate) struct Broker<'a> {
    pub(crate) talk: &'a mut Talk,
    /// Confirmed publishes.
    tag: u64,
}

impl<'a> Broker<'a> {
    /// Lets the other side in, with a heartbeat in seconds.
    pub(crate) fn open(talk: &'a mut Talk, heartbeat: u16) -> Option<Self> {
        talk.read_bytes(8)?;
        let mut broker = Self { talk, tag: 0 };
        broker.send((10, 10), 0, &[&[0, 9, 0, 0, 0, 0][..], &long(b"PLAIN"), &long(b"en_US")]);
        broker.frame()?;
        let limits = [&2_047_u16.to_be_bytes()[..], &131_072_u32.to_be_bytes()];
        broker.send((10, 30), 0, &[limits[0], limits[1], &heartbeat.to_be_bytes()]);
        Some(broker)
    }

    /// Reads one frame; `None` at the end.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let head = self.talk.read_bytes(7)?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        let mut payload = self.talk.read_bytes(size + 1)?;
        payload.pop();
        let channel = u16::from_be_bytes([head[1], head[2]]);
        Some(Frame { kind: head[0], channel, payload })
    }

    /// The next frame if one comes soon.
    pub(crate) fn frame_within(&mut self, pause: Duration) -> Option<Frame> {
        if self.talk.comes_more(pause) { self.frame() } else { None }
    }

    /// Does what a broker does with the usual methods; a publish is confirmed.
    pub(crate) fn answer(&mut self, frame: &Frame) {
        let channel = frame.channel;
        match frame.method() {
            Some((10, 40)) => self.send((10, 41), 0, &[&[0]]),
            Some((10, 50)) => self.send((10, 51), 0, &[]),
            Some((20, 10)) => self.send((20, 11), channel, &[&[0; 4]]),
            Some((60, 10)) => self.send((60, 11), channel, &[]),
            Some(CONSUME) => self.send((60, 21), channel, &[&[1, b'c']]),
            Some((85, 10)) => self.send((85, 11), channel, &[]),
            Some(PUBLISH) => {
                self.tag += 1;
                self.send(ACK, channel, &[&self.tag.to_be_bytes(), &[0]]);
            }
            _ => {}
        }
    }

    /// Closes the connection with a code and a text.
    pub(crate) fn close(&mut self, code: u16, text: &str) {
        let text = [&[text.len() as u8], text.as_bytes()].concat();
        self.send((10, 50), 0, &[&code.to_be_bytes(), &text, &[0; 4]]);
    }

    /// Delivers a message of one byte.
    pub(crate) fn deliver(&mut self, tag: u64) -> bool {
        self.send(DELIVER, 1, &[&[1, b'c'], &tag.to_be_bytes(), &[0, 0, 1, b'q']]);
        let header = [&[0, 60, 0, 0][..], &1_u64.to_be_bytes(), &[0, 0]].concat();
        self.put(HEADER, 1, &header);
        self.put(BODY, 1, b"x")
    }

    fn send(&mut self, (class, method): (u16, u16), channel: u16, arguments: &[&[u8]]) {
        let name = [class.to_be_bytes(), method.to_be_bytes()].concat();
        self.put(METHOD, channel, &[&name, &arguments.concat()[..]].concat());
    }

    fn put(&mut self, kind: u8, channel: u16, payload: &[u8]) -> bool {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&channel.to_be_bytes());
        bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes.push(0xCE);
        self.talk.write_bytes(&bytes)
    }
}

fn long(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes(), text].concat()
}
