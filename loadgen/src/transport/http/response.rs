//! Reads the head of an HTTP/1.1 response, and skips its body (RFC 9112).

/// The most headers of a response.
const HEADERS: usize = 100;

/// The longest line of a chunk's size or of a trailer, in bytes.
const LONGEST_LINE: usize = 8 * 1024;

/// What matters in the head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The connection ends behind this response.
    pub(super) closes: bool,
    length: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(u64),
    Chunked,
    /// Until the connection ends.
    Open,
}

/// What follows a head.
pub(super) enum Body {
    None,
    Skip(Skip),
}

impl Head {
    /// Parses a head; gives it with its length in bytes, `None` if it is not
    /// complete yet.
    ///
    /// # Errors
    /// When it is no HTTP/1 response, or its length cannot be told for sure.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(format!("malformed response: {error}")),
        };
        let mut head = Self {
            status: response.code.unwrap_or_default(),
            closes: response.version == Some(0),
            length: Length::Open,
        };
        for header in response.headers.iter() {
            head.take(header.name, header.value)?;
        }
        if head.length == Length::Open {
            head.closes |= head.has_body();
        }
        Ok(Some((head, length)))
    }

    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let value = value.trim_ascii();
        // Lengths tell most names apart.
        match name.len() {
            14 if is("content-length") => {
                let bytes = std::str::from_utf8(value).ok().and_then(number);
                let bytes = bytes.ok_or("malformed response: content-length is no number")?;
                match self.length {
                    Length::Bytes(other) if other != bytes => {
                        return Err("malformed response: two content-lengths".to_owned());
                    }
                    // Chunks count more than a length.
                    Length::Chunked => {}
                    _ => self.length = Length::Bytes(bytes),
                }
            }
            17 if is("transfer-encoding") => {
                if !value.to_ascii_lowercase().ends_with(b"chunked") {
                    return Err("malformed response: a transfer-encoding unheard of".to_owned());
                }
                self.length = Length::Chunked;
            }
            10 if is("connection") => {
                for word in value.split(|&byte| byte == b',') {
                    let word = word.trim_ascii();
                    if word.eq_ignore_ascii_case(b"close") {
                        self.closes = true;
                    } else if word.eq_ignore_ascii_case(b"keep-alive") {
                        self.closes = false;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it is the answer, and not a word that comes before it.
    pub(super) fn is_final(&self) -> bool {
        self.status >= 200 || self.status == 101
    }

    fn has_body(&self) -> bool {
        self.is_final() && !matches!(self.status, 101 | 204 | 304)
    }

    /// What follows; nothing if the request was one whose response has no
    /// body.
    pub(super) fn body(&self, without: bool) -> Body {
        if without || !self.has_body() {
            return Body::None;
        }
        match self.length {
            Length::Bytes(0) => Body::None,
            Length::Bytes(bytes) => Body::Skip(Skip(State::Bytes(bytes))),
            Length::Chunked => Body::Skip(Skip(State::Size { size: 0, digits: 0, line: 0 })),
            Length::Open => Body::Skip(Skip(State::Open)),
        }
    }
}

/// The value of a header in a complete head, if it is there.
pub(super) fn header<'h>(head: &'h [u8], name: &str) -> Option<&'h [u8]> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok()?;
    let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(found.value.trim_ascii())
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Skips a body.
#[derive(Debug)]
pub(super) struct Skip(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes are left.
    Bytes(u64),
    /// Until the connection ends.
    Open,
    /// In the line with a chunk's size.
    Size {
        size: u64,
        digits: u8,
        line: usize,
    },
    /// In a chunk, with so many bytes left.
    Chunk(u64),
    /// Behind a chunk, before the end of the line.
    ChunkEnd,
    /// In the trailers: the length of the present line and of all.
    Trailer {
        line: usize,
        all: usize,
    },
    Done,
}

impl Skip {
    pub(super) fn is_done(&self) -> bool {
        self.0 == State::Done
    }

    /// Whether the end of the connection is the end of the body.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.0 == State::Open
    }

    /// Skips what belongs to the body; gives the number of bytes. What the
    /// body holds, without the lines around chunks, goes to `content`.
    ///
    /// # Errors
    /// When the chunks are malformed.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut content: impl FnMut(&[u8]),
    ) -> Result<usize, String> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            let inside = matches!(self.0, State::Open | State::Bytes(_) | State::Chunk(_));
            let used = self.step(&bytes[at..])?;
            if inside {
                content(&bytes[at..at + used]);
            }
            at += used;
        }
        Ok(at)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let byte = bytes[0];
        let bad = || Err("malformed response: a broken chunk".to_owned());
        self.0 = match self.0 {
            State::Open => return Ok(bytes.len()),
            State::Bytes(left) | State::Chunk(left) => {
                let used = left.min(bytes.len() as u64);
                let chunk = matches!(self.0, State::Chunk(_));
                self.0 = match (left - used, chunk) {
                    (0, false) => State::Done,
                    (0, true) => State::ChunkEnd,
                    (left, false) => State::Bytes(left),
                    (left, true) => State::Chunk(left),
                };
                return Ok(used as usize);
            }
            State::ChunkEnd if byte == b'\r' => State::ChunkEnd,
            State::ChunkEnd if byte == b'\n' => State::Size { size: 0, digits: 0, line: 0 },
            State::ChunkEnd => return bad(),
            State::Size { line, .. } if line >= LONGEST_LINE => return bad(),
            State::Size { digits: 0, .. } if !byte.is_ascii_hexdigit() => return bad(),
            State::Size { size: 0, .. } if byte == b'\n' => State::Trailer { line: 0, all: 0 },
            State::Size { size, .. } if byte == b'\n' => State::Chunk(size),
            // Only digits count, and only those in front of an extension.
            State::Size { size, digits, line } => match (byte as char).to_digit(16) {
                Some(_) if digits >= 16 && line == usize::from(digits) => return bad(),
                Some(digit) if line == usize::from(digits) => State::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                    line: line + 1,
                },
                _ => State::Size { size, digits, line: line + 2 },
            },
            State::Trailer { all, .. } if all >= LONGEST_LINE => return bad(),
            State::Trailer { line: 0, .. } if byte == b'\n' => State::Done,
            State::Trailer { all, .. } if byte == b'\n' => State::Trailer { line: 0, all: all + 1 },
            State::Trailer { line, all } if byte == b'\r' => State::Trailer { line, all: all + 1 },
            State::Trailer { line, all } => State::Trailer { line: line + 1, all: all + 1 },
            State::Done => return Ok(0),
        };
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads one response that comes in these pieces; gives its status and
    /// what is behind it.
    fn read(pieces: &[&[u8]]) -> Result<Option<(u16, Vec<u8>)>, String> {
        Ok(heard(pieces)?.map(|(status, behind, _)| (status, behind)))
    }

    /// A status, what is behind the response, and the content of its body.
    type Heard = (u16, Vec<u8>, Vec<u8>);

    /// The same, with the content of the body.
    fn heard(pieces: &[&[u8]]) -> Result<Option<Heard>, String> {
        let mut content = Vec::new();
        let mut bytes = Vec::new();
        let mut body: Option<(u16, Skip)> = None;
        let mut pieces = pieces.iter();
        loop {
            if body.is_none()
                && let Some((head, length)) = Head::parse(&bytes)?
            {
                bytes.drain(..length);
                match head.body(false) {
                    _ if !head.is_final() => continue,
                    Body::None => return Ok(Some((head.status, bytes, content))),
                    Body::Skip(skip) => body = Some((head.status, skip)),
                }
            }
            if let Some((status, skip)) = &mut body {
                let used = skip.take(&bytes, |part| content.extend_from_slice(part))?;
                bytes.drain(..used);
                if skip.is_done() {
                    return Ok(Some((*status, bytes, content)));
                }
            }
            match pieces.next() {
                Some(piece) => bytes.extend_from_slice(piece),
                None => return Ok(None),
            }
        }
    }

    const RESPONSES: [&str; 6] = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=0a\r\nhello\r\n1f\r\n\
         0123456789abcdef0123456789abcde\r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
    ];

    #[test]
    fn a_connection_closes_when_it_is_said() {
        let closes = |text: &str| Head::parse(text.as_bytes()).unwrap().unwrap().0.closes;
        assert!(!closes("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert!(closes("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: Close\r\n\r\n"));
        assert!(closes("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert!(!closes("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nConnection: keep-alive\r\n\r\n"));
        assert!(closes("HTTP/1.1 200 OK\r\n\r\n"), "the body ends with the connection");
        assert!(!closes("HTTP/1.1 204 No\r\n\r\n"));
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let head = b"HTTP/1.1 200 OK\r\nX-Hit:  true \r\n\r\n";
        assert_eq!(header(head, "x-hit"), Some(&b"true"[..]));
        assert_eq!(header(head, "x-miss"), None);
    }

    #[test]
    fn malformed_responses_are_errors() {
        for bad in [
            "HTTP/2 200 OK\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab",
        ] {
            assert!(read(&[bad.as_bytes()]).is_err(), "{bad:?}");
        }
    }

    proptest! {
        /// A response is read alike wherever it is split, and nothing behind
        /// it is touched.
        #[test]
        fn splits_do_not_matter(which in 0_usize..6, cuts in prop::collection::vec(0_usize..200, 0..6), behind in "[a-z]{0,5}") {
            let text = [RESPONSES[which], &behind].concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut from = 0;
            let mut pieces = Vec::new();
            for cut in cuts {
                pieces.push(&text.as_bytes()[from..cut]);
                from = cut;
            }
            let (status, mut left, content) = heard(&pieces).unwrap().unwrap();
            let expected = ["hello", "", "", "", "hello0123456789abcdef0123456789abcde", ""];
            prop_assert_eq!(&content[..], expected[which].as_bytes());
            // Pieces that were not asked for any more.
            let taken = text.len() - behind.len();
            prop_assert!(behind.as_bytes().starts_with(&left));
            left.clear();
            prop_assert_eq!(status, [200, 204, 304, 201, 200, 503][which]);
            prop_assert!(taken <= text.len());
        }

        /// No bytes make the reader fail.
        #[test]
        fn any_bytes_are_safe(mut bytes: Vec<u8>, start in 0_usize..6) {
            let _ = read(&[&bytes]);
            bytes.splice(0..0, RESPONSES[start].bytes().take(45));
            let _ = read(&[&bytes]);
        }
    }
}
