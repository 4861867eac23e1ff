//! Commands in Redis' serialization protocol, split once into what is the same
//! for every operation and what differs.

use std::time::Duration;

use super::{Into, Redis};
use crate::content::Content;
use crate::error::LoadError;
use crate::feed::Op;
use crate::lane::Lane;
use crate::payload::{Payload, write_number};
use crate::shape::Shape;
use crate::transport::body;

/// A command with places for what differs.
#[derive(Debug)]
pub(super) struct Template {
    /// Up to the name of the stream, one for each; a single one elsewhere.
    heads: Vec<Vec<u8>>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Same(Vec<u8>),
    /// A payload template, and whether it is the body.
    Field(Payload, bool),
}

impl Template {
    pub(super) fn new(redis: &Redis, shape: &Shape) -> Result<Self, LoadError> {
        let mut template = Self { heads: Vec::new(), pieces: Vec::new() };
        match &redis.into {
            Into::Stream(stream) => {
                let mut options: Vec<String> = Vec::new();
                if stream.existing {
                    options.push("NOMKSTREAM".to_owned());
                }
                if let Some(length) = stream.max_length {
                    let how = if stream.exact { "=" } else { "~" };
                    options.extend(["MAXLEN".to_owned(), how.to_owned(), length.to_string()]);
                }
                options.push("*".to_owned());
                let words = 2 + options.len() + 2 * redis.fields.len();
                for name in stream.names() {
                    let mut head = array(words);
                    bulk(b"XADD", &mut head);
                    bulk(name.as_bytes(), &mut head);
                    for option in &options {
                        bulk(option.as_bytes(), &mut head);
                    }
                    template.heads.push(head);
                }
                for (name, value) in &redis.fields {
                    let mut same = Vec::new();
                    bulk(name.as_bytes(), &mut same);
                    template.pieces.push(Piece::Same(same));
                    template.push(name, value, shape)?;
                }
            }
            Into::List { name, left } => {
                template.single(if *left { b"LPUSH" } else { b"RPUSH" }, name);
                template.first(redis, shape)?;
            }
            Into::Channel(name) => {
                template.single(b"PUBLISH", name);
                template.first(redis, shape)?;
            }
        }
        Ok(template)
    }

    fn single(&mut self, command: &[u8], name: &str) {
        let mut head = array(3);
        bulk(command, &mut head);
        bulk(name.as_bytes(), &mut head);
        self.heads.push(head);
    }

    fn first(&mut self, redis: &Redis, shape: &Shape) -> Result<(), LoadError> {
        let Some((_, value)) = redis.fields.first() else { return Ok(()) };
        self.pieces.push(Piece::Field(body(value, shape)?, true));
        Ok(())
    }

    /// The field that is padded is the body; it has the size that the shape
    /// gives, and may be poison.
    fn push(&mut self, name: &str, value: &Content, shape: &Shape) -> Result<(), LoadError> {
        let is_body = value.is_padded();
        let payload = match is_body {
            true => body(value, shape)?,
            false => Payload::content(value, shape).map_err(|source| {
                let what = format!("field {name}");
                LoadError::Payload { what, source }
            })?,
        };
        self.pieces.push(Piece::Field(payload, is_body));
        Ok(())
    }

    /// Which of the streams an operation goes to.
    pub(super) fn part(&self, lane: &Lane, op: &Op) -> usize {
        match self.heads.len() {
            1 => 0,
            streams => (lane.shape().key(op.seq) % streams as u64) as usize,
        }
    }

    /// Appends the command of an operation on this stream.
    pub(super) fn write(
        &self,
        part: usize,
        lane: &Lane,
        op: &Op,
        now: Duration,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&self.heads[part]);
        for piece in &self.pieces {
            match piece {
                Piece::Same(bytes) => out.extend_from_slice(bytes),
                Piece::Field(payload, is_body) => {
                    scratch.clear();
                    if *is_body {
                        lane.render_body(payload, op, now, scratch);
                    } else {
                        lane.render(payload, op, now, scratch);
                    }
                    bulk(scratch, out);
                }
            }
        }
    }
}

/// The beginning of an array of so many bulk strings.
fn array(words: usize) -> Vec<u8> {
    format!("*{words}\r\n").into_bytes()
}

fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'$');
    write_number(bytes.len() as u64, out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A whole command.
pub(super) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = array(words.len());
    for word in words {
        bulk(word, &mut out);
    }
    out
}
