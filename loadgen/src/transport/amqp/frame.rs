//! The frames of AMQP 0-9-1: how the ones that the publisher reads are taken
//! apart, and how those that it seldom sends are put together.
//!
//! A frame is a kind (1 byte), a channel (2), a size (4), as many bytes of
//! payload, and an end mark. A method's payload begins with its class and its
//! number.

/// The kinds of frames.
pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;

/// The mark behind each frame.
pub(super) const END: u8 = 0xCE;

/// The bytes of a frame that are not its payload.
pub(super) const OVERHEAD: usize = 8;

/// The class of publishes and their confirms.
pub(super) const BASIC: u16 = 60;

/// A method: its class and its number.
pub(super) type Name = (u16, u16);

pub(super) const CONNECTION_START: Name = (10, 10);
pub(super) const CONNECTION_START_OK: Name = (10, 11);
pub(super) const CONNECTION_TUNE: Name = (10, 30);
pub(super) const CONNECTION_TUNE_OK: Name = (10, 31);
pub(super) const CONNECTION_OPEN: Name = (10, 40);
pub(super) const CONNECTION_OPEN_OK: Name = (10, 41);
pub(super) const CONNECTION_CLOSE: Name = (10, 50);
pub(super) const CONNECTION_CLOSE_OK: Name = (10, 51);
/// RabbitMQ's own: it takes no messages for now, and does again.
pub(super) const CONNECTION_BLOCKED: Name = (10, 60);
pub(super) const CONNECTION_UNBLOCKED: Name = (10, 61);
pub(super) const CHANNEL_OPEN: Name = (20, 10);
pub(super) const CHANNEL_OPEN_OK: Name = (20, 11);
pub(super) const CHANNEL_CLOSE: Name = (20, 40);
pub(super) const PUBLISH: Name = (BASIC, 40);
pub(super) const RETURN: Name = (BASIC, 50);
pub(super) const ACK: Name = (BASIC, 80);
pub(super) const NACK: Name = (BASIC, 120);
pub(super) const CONFIRM_SELECT: Name = (85, 10);
pub(super) const CONFIRM_SELECT_OK: Name = (85, 11);

/// One frame, borrowed from the bytes it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) channel: u16,
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes the first frame off `bytes`; `None` while it is not whole.
    ///
    /// # Errors
    /// When the bytes are not AMQP, or the frame is longer than `longest`.
    pub(super) fn take(bytes: &mut &'a [u8], longest: usize) -> Result<Option<Self>, String> {
        let whole = *bytes;
        let Some((head, rest)) = whole.split_first_chunk::<7>() else { return Ok(None) };
        let [kind, c0, c1, s0, s1, s2, s3] = *head;
        if whole.starts_with(b"AMQP") {
            return Err("the server speaks another version of AMQP".to_owned());
        }
        let size = u32::from_be_bytes([s0, s1, s2, s3]) as usize;
        if size.saturating_add(OVERHEAD) > longest || !matches!(kind, 1..=3 | HEARTBEAT) {
            return Err("the server sent what is no AMQP frame".to_owned());
        }
        if rest.len() <= size {
            return Ok(None);
        }
        if rest[size] != END {
            return Err("the server sent a frame without its end".to_owned());
        }
        *bytes = &rest[size + 1..];
        let channel = u16::from_be_bytes([c0, c1]);
        Ok(Some(Self { kind, channel, payload: &rest[..size] }))
    }

    /// The method's name and its arguments; `None` for other frames.
    pub(super) fn method(&self) -> Option<(Name, Fields<'a>)> {
        let mut fields = Fields(self.payload);
        let name = (self.kind == METHOD).then(|| Some((fields.u16()?, fields.u16()?)))??;
        Some((name, fields))
    }
}

/// The arguments of a method, or the fields of a content header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

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

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_be_bytes)
    }

    pub(super) fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.bytes(length.into())
    }

    /// A long string or a whole table.
    pub(super) fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.bytes(length as usize)
    }

    /// A code with its text, as closes and returns carry it.
    pub(super) fn reason(mut self) -> String {
        let code = self.u16().unwrap_or_default();
        let text = self.short().unwrap_or_default();
        format!("{code} {}", String::from_utf8_lossy(text))
    }

    /// Skips to the properties of a content header; gives which there are.
    fn properties(&mut self) -> Option<u16> {
        let (_class, _weight, _size) = (self.u16()?, self.u16()?, self.u64()?);
        self.u16()
    }

    /// The whole number in the headers of a content header that has this name.
    pub(super) fn header_number(mut self, name: &str) -> Option<i64> {
        let flags = self.properties()?;
        let has = |bit: u16| flags & (1 << bit) != 0;
        for _ in (14..16).filter(|&bit| has(bit)) {
            self.short()?;
        }
        let mut entries = Fields(if has(13) { self.long()? } else { return None });
        while let Some(entry) = entries.short() {
            let tag = entries.u8()?;
            let value = entries.value(tag)?;
            if entry == name.as_bytes() {
                return (tag == b'l').then(|| value.try_into().ok().map(i64::from_be_bytes))?;
            }
        }
        None
    }

    /// The bytes of a value of a table, by the tags that RabbitMQ uses
    /// (<https://www.rabbitmq.com/amqp-0-9-1-errata>, section 3).
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        match tag {
            b'V' => self.bytes(0),
            b't' | b'b' | b'B' => self.bytes(1),
            b's' | b'u' => self.bytes(2),
            b'I' | b'i' | b'f' => self.bytes(4),
            b'D' => self.bytes(5),
            b'l' | b'd' | b'T' => self.bytes(8),
            b'S' | b'A' | b'F' | b'x' => self.long(),
            _ => None,
        }
    }

    /// The `message_id` of a content header.
    pub(super) fn message_id(mut self) -> Option<&'a [u8]> {
        let flags = self.properties()?;
        let has = |bit: u16| flags & (1 << bit) != 0;
        for bit in (8..16).rev().filter(|&bit| has(bit)) {
            match bit {
                13 => drop(self.long()?),
                12 | 11 => drop(self.u8()?),
                _ => drop(self.short()?),
            }
        }
        if has(7) { self.short() } else { None }
    }
}

/// Appends one frame whose payload `fill` writes.
pub(super) fn put(out: &mut Vec<u8>, kind: u8, channel: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    out.extend_from_slice(&channel.to_be_bytes());
    put_long(out, fill);
    out.push(END);
}

/// Appends one method.
pub(super) fn put_method(
    out: &mut Vec<u8>,
    channel: u16,
    (class, method): Name,
    arguments: impl FnOnce(&mut Vec<u8>),
) {
    put(out, METHOD, channel, |out| {
        out.extend_from_slice(&class.to_be_bytes());
        out.extend_from_slice(&method.to_be_bytes());
        arguments(out);
    });
}

/// Appends what `fill` writes, its length (4 bytes) in front.
pub(super) fn put_long(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends what `fill` writes, its length (1 byte) in front; says whether it
/// is short enough.
pub(super) fn put_short(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) -> bool {
    let at = out.len();
    out.push(0);
    fill(out);
    let length = u8::try_from(out.len() - at - 1);
    out[at] = length.unwrap_or_default();
    length.is_ok()
}

/// Appends an entry of a table whose value is a text.
pub(super) fn put_entry(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) -> bool {
    let short = put_short(out, |out| out.extend_from_slice(name.as_bytes()));
    out.push(b'S');
    put_long(out, value);
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST: usize = 4_096;

    fn frames() -> impl Strategy<Value = Vec<(u8, u16, Vec<u8>)>> {
        let kind = prop_oneof![Just(METHOD), Just(HEADER), Just(BODY), Just(HEARTBEAT)];
        let payload = prop::collection::vec(any::<u8>(), 0..60);
        prop::collection::vec((kind, any::<u16>(), payload), 0..8)
    }

    #[test]
    fn what_is_no_amqp_is_refused() {
        for bad in [
            &b"AMQP\x00\x00\x09\x01"[..],
            b"HTTP/1.1 400 Bad",
            &[METHOD, 0, 1, 0, 0, 0, 1, 7, 0],
            &[METHOD, 0, 1, 0, 1, 0, 0],
            &[9, 0, 1, 0, 0, 0, 0, END],
        ] {
            let mut rest = bad;
            assert!(Frame::take(&mut rest, LONGEST).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_header_gives_its_message_id() {
        let mut header = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        // Content type, headers, delivery mode and the identity.
        header.extend_from_slice(&(1_u16 << 15 | 1 << 13 | 1 << 12 | 1 << 7).to_be_bytes());
        put_short(&mut header, |out| out.extend_from_slice(b"text/plain"));
        put_long(&mut header, |out| {
            put_entry(out, "k", |out| out.push(b'v'));
        });
        header.push(2);
        put_short(&mut header, |out| out.extend_from_slice(b"r/w/1"));
        assert_eq!(Fields(&header).message_id(), Some(&b"r/w/1"[..]));
        for cut in 0..header.len() {
            assert_eq!(Fields(&header[..cut]).message_id(), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_number_is_found_among_headers_of_every_type() {
        let mut header = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        header.extend_from_slice(&(1_u16 << 15 | 1 << 13).to_be_bytes());
        put_short(&mut header, |out| out.extend_from_slice(b"text/plain"));
        put_long(&mut header, |out| {
            put_entry(out, "k", |out| out.push(b'v'));
            for (tag, size) in [(b't', 1), (b's', 2), (b'I', 4), (b'D', 5), (b'T', 8), (b'V', 0)] {
                put_short(out, |out| out.push(tag));
                out.push(tag);
                out.extend(std::iter::repeat_n(7, size));
            }
            put_short(out, |out| out.extend_from_slice(b"list"));
            out.push(b'A');
            put_long(out, |out| out.extend_from_slice(b"t\x01"));
            put_short(out, |out| out.extend_from_slice(b"x-stream-offset"));
            out.push(b'l');
            out.extend_from_slice(&4_711_i64.to_be_bytes());
        });
        let number = |bytes, name| Fields(bytes).header_number(name);
        assert_eq!(number(&header, "x-stream-offset"), Some(4_711));
        assert_eq!(number(&header, "I"), None, "of another size");
        assert_eq!(number(&header, "none"), None);
        for cut in 0..header.len() {
            assert_eq!(number(&header[..cut], "x-stream-offset"), None, "cut at {cut}");
        }
    }

    proptest! {
        /// Frames are read as they were written, wherever the bytes are split.
        #[test]
        fn splits_do_not_matter(frames in frames(), cut in 0_usize..600) {
            let mut bytes = Vec::new();
            for (kind, channel, payload) in &frames {
                put(&mut bytes, *kind, *channel, |out| out.extend_from_slice(payload));
            }
            let mut seen = Vec::new();
            let mut read = |mut rest: &[u8]| {
                while let Some(frame) = Frame::take(&mut rest, LONGEST).unwrap() {
                    seen.push((frame.kind, frame.channel, frame.payload.to_vec()));
                }
                rest.to_vec()
            };
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            let left = read(first);
            prop_assert!(read(&[&left, second].concat()).is_empty());
            prop_assert_eq!(seen, frames);
        }

        /// No bytes make the reader fail.
        #[test]
        fn any_bytes_are_safe(bytes: Vec<u8>) {
            let mut rest = bytes.as_slice();
            while let Ok(Some(frame)) = Frame::take(&mut rest, LONGEST) {
                if let Some((_, mut fields)) = frame.method() {
                    let _ = (fields.u64(), fields.short(), fields.long());
                    let _ = fields.reason();
                }
            }
            let _ = Fields(&bytes).message_id();
            let _ = Fields(&bytes).header_number("x");
        }
    }
}
