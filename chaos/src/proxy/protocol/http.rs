//! HTTP/1.1 as far as its toxics need it: where a message ends, and what a
//! request says.

pub(crate) mod exchanges;
#[cfg(test)]
mod tests;

use httparse::{EMPTY_HEADER, Header, Status};
use serde_json::{Value, json};

use super::{Identity, pointed, text, usual};

/// No head and no line of a chunk is longer.
const LONGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;

/// What a head says that others must know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Of a response.
    pub(crate) status: u16,
    /// The connection ends with this message.
    pub(crate) closes: bool,
    /// An interim response or another protocol may come first.
    pub(crate) expects: bool,
    /// A response to `HEAD` has no body whatever its head says.
    pub(crate) is_bodiless: bool,
    /// Another protocol follows it.
    pub(crate) is_upgrade: bool,
    body: Body,
}

impl Head {
    /// An interim response, which another one follows.
    pub(crate) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Body {
    #[default]
    None,
    Length(u64),
    Chunked,
    /// By the end of the connection.
    Rest,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    /// With the line end behind it.
    Chunk(u64),
    Trailer,
    Rest,
}

/// Finds the ends of messages in one direction.
#[derive(Default)]
pub(crate) struct Messages {
    are_requests: bool,
    state: State,
    /// A head or a line that is not whole.
    line: Vec<u8>,
    head: Option<Head>,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// All bytes, and the message goes on.
    Part,
    /// So many bytes, with which the head ended, and the body comes.
    Head(usize),
    /// So many bytes, with which the message ended.
    Whole(usize),
}

impl Messages {
    pub(crate) fn of_requests() -> Self {
        Self { are_requests: true, ..Self::default() }
    }

    /// The head of the message that is being read or was read last.
    pub(crate) fn head(&self) -> Option<Head> {
        self.head
    }

    /// Reads on up to the end of a head or a message. `is_bodiless` says that
    /// the message is the answer to `HEAD`.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn read(&mut self, bytes: &[u8], is_bodiless: bool) -> Result<Read, &'static str> {
        let mut used = 0;
        while used < bytes.len() {
            let rest = &bytes[used..];
            match self.state {
                State::Length(left) | State::Chunk(left) => {
                    let count = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    used += count;
                    let left = left - count as u64;
                    self.state = match self.state {
                        State::Length(_) if left == 0 => {
                            self.state = State::Head;
                            return Ok(Read::Whole(used));
                        }
                        State::Length(_) => State::Length(left),
                        _ if left == 0 => State::ChunkSize,
                        _ => State::Chunk(left),
                    };
                }
                State::Rest => return Ok(Read::Part),
                State::Head | State::ChunkSize | State::Trailer => {
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    let count = end.map_or(rest.len(), |end| end + 1);
                    self.line.extend_from_slice(&rest[..count]);
                    used += count;
                    if self.line.len() > LONGEST_HEAD {
                        return Err("a head is too long");
                    }
                    if end.is_some()
                        && let Some(read) = self.end_line(used, is_bodiless)?
                    {
                        return Ok(read);
                    }
                }
            }
        }
        Ok(Read::Part)
    }

    /// A line is whole.
    fn end_line(&mut self, used: usize, is_bodiless: bool) -> Result<Option<Read>, &'static str> {
        match self.state {
            State::ChunkSize => {
                let parsed = httparse::parse_chunk_size(&self.line);
                let Ok(Status::Complete((_, size))) = parsed else {
                    return Err("a chunk has no size");
                };
                self.line.clear();
                self.state = match size {
                    0 => State::Trailer,
                    size => State::Chunk(size.saturating_add(2)),
                };
                return Ok(None);
            }
            State::Trailer => {
                let is_last = matches!(&self.line[..], b"\r\n" | b"\n");
                self.line.clear();
                if is_last {
                    self.state = State::Head;
                }
                return Ok(is_last.then_some(Read::Whole(used)));
            }
            _ => {}
        }
        let is_end = self.line.ends_with(b"\n\r\n") || self.line.ends_with(b"\n\n");
        if !is_end && !matches!(&self.line[..], b"\r\n" | b"\n") {
            return Ok(None);
        }
        if !is_end {
            // Empty lines before a request are passed over.
            self.line.clear();
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        let head = if self.are_requests { request(&line) } else { response(&line, is_bodiless) };
        let head = head.ok_or("it is not HTTP/1.1")?;
        self.head = Some(head);
        self.state = match head.body {
            Body::None | Body::Length(0) => return Ok(Some(Read::Whole(used))),
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::ChunkSize,
            Body::Rest => State::Rest,
        };
        Ok(Some(Read::Head(used)))
    }
}

/// Whether a header's list has a word.
fn has(headers: &[Header<'_>], name: &str, word: &str) -> bool {
    let values = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    values
        .filter_map(|header| std::str::from_utf8(header.value).ok())
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(word))
}

fn header<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// What is said of the body; nothing if that is no sense.
fn body(headers: &[Header<'_>], otherwise: Body) -> Option<Body> {
    if header(headers, "transfer-encoding").is_some() {
        return has(headers, "transfer-encoding", "chunked").then_some(Body::Chunked);
    }
    match header(headers, "content-length") {
        Some(length) => Some(Body::Length(std::str::from_utf8(length).ok()?.trim().parse().ok()?)),
        None => Some(otherwise),
    }
}

fn request(bytes: &[u8]) -> Option<Head> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if !request.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let (method, headers) = (request.method?, &*request.headers);
    Some(Head {
        status: 0,
        closes: request.version != Some(1) || has(headers, "connection", "close"),
        expects: ["expect", "upgrade"].iter().any(|name| header(headers, name).is_some()),
        is_bodiless: method == "HEAD",
        is_upgrade: method == "CONNECT",
        body: body(headers, Body::None)?,
    })
}

fn response(bytes: &[u8], is_bodiless: bool) -> Option<Head> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    if !response.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let (status, headers) = (response.code?, &*response.headers);
    let has_none = is_bodiless || matches!(status, 100..200 | 204 | 304);
    let body = if has_none { Body::None } else { body(headers, Body::Rest)? };
    Some(Head {
        status,
        closes: response.version != Some(1)
            || has(headers, "connection", "close")
            || body == Body::Rest,
        expects: false,
        is_bodiless,
        is_upgrade: status == 101,
        body,
    })
}

/// The body of a whole message without the sizes of its chunks.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(Status::Complete((at, size))) = httparse::parse_chunk_size(body) {
        let end = usize::try_from(size).ok().and_then(|size| size.checked_add(at));
        let Some(chunk) = end.and_then(|end| body.get(at..end)).filter(|chunk| !chunk.is_empty())
        else {
            break;
        };
        all.extend_from_slice(chunk);
        body = body.get(at + chunk.len() + 2..).unwrap_or_default();
    }
    all
}

/// What is known of a whole request, for the record.
pub(crate) fn identity_of(bytes: &[u8], number: u64, identity: &Identity) -> Value {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(Status::Complete(at)) = request.parse(bytes) else { return Value::Null };
    let headers = &*request.headers;
    let body = || {
        let is_chunked = has(headers, "transfer-encoding", "chunked");
        if is_chunked { unchunked(&bytes[at..]) } else { bytes[at..].to_vec() }
    };
    let named = |name: &str| header(headers, name).map(text);
    let id = match identity {
        Identity::Usual => named("idempotency-key").unwrap_or_else(|| usual(&body())),
        Identity::Header(name) | Identity::Field(name) => named(name).unwrap_or_default(),
        Identity::Pointer(pointer) => pointed(&body(), pointer),
    };
    json!({"id": id, "number": number, "method": request.method, "path": request.path})
}

/// The method of a whole request.
pub(crate) fn method_of(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == b' ').next().unwrap_or_default()
}
