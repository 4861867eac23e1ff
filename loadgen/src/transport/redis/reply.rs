//! Answers in Redis' serialization protocol, version 2.

/// How deep arrays may lie in one another.
const DEEPEST: u8 = 16;

/// An answer, borrowed from the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// A word such as `OK`.
    Word(&'a [u8]),
    /// An error: its code and text.
    Error(&'a [u8]),
    /// A number, in digits.
    Number(&'a [u8]),
    /// Bytes.
    Bulk(&'a [u8]),
    /// Nothing.
    Nil,
    /// Several.
    Array(Vec<Reply<'a>>),
}

impl<'a> Reply<'a> {
    /// Reads the answer at the beginning; gives it with its length, `None` if
    /// it is not complete.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, String> {
        Self::parse_at(bytes, DEEPEST)
    }

    fn parse_at(bytes: &'a [u8], deep: u8) -> Result<Option<(Self, usize)>, String> {
        let Some(&kind) = bytes.first() else { return Ok(None) };
        let Some(line) = line(bytes)? else { return Ok(None) };
        let behind = line.len() + 3;
        Ok(Some(match kind {
            b'+' => (Self::Word(line), behind),
            b'-' => (Self::Error(line), behind),
            b':' => (Self::Number(line), behind),
            b'$' => match length(line)? {
                None => (Self::Nil, behind),
                Some(length) => {
                    let end = behind + length;
                    match bytes.get(end..end + 2) {
                        None => return Ok(None),
                        Some(b"\r\n") => (Self::Bulk(&bytes[behind..end]), end + 2),
                        Some(_) => return Err(malformed()),
                    }
                }
            },
            b'*' => match length(line)? {
                None => (Self::Nil, behind),
                Some(_) if deep == 0 => return Err(malformed()),
                Some(count) => {
                    let mut end = behind;
                    // The count may be a lie: let the replies make it true.
                    let mut replies = Vec::new();
                    for _ in 0..count {
                        match Self::parse_at(&bytes[end..], deep - 1)? {
                            None => return Ok(None),
                            Some((reply, length)) => {
                                replies.push(reply);
                                end += length;
                            }
                        }
                    }
                    (Self::Array(replies), end)
                }
            },
            _ => return Err(malformed()),
        }))
    }

    /// The bytes of a word, number or bulk string.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Word(bytes) | Self::Number(bytes) | Self::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The replies of an array; none of anything else.
    pub(super) fn items(&self) -> &[Reply<'a>] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }
}

/// The line behind the kind, without its end.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    // Answers of a pipeline are short: most lines end within some bytes.
    let behind = &bytes[1..];
    match behind.iter().position(|&byte| byte == b'\r') {
        None if behind.len() > 64 * 1024 => Err(malformed()),
        None => Ok(None),
        Some(end) => match behind.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&behind[..end])),
            Some(_) => Err(malformed()),
        },
    }
}

/// The length of what follows; `None` for −1, which is nothing.
fn length(line: &[u8]) -> Result<Option<usize>, String> {
    if line == b"-1" {
        return Ok(None);
    }
    if line.is_empty() || line.len() > 9 {
        return Err(malformed());
    }
    let digit =
        |sum: usize, &byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + usize::from(byte - b'0'));
    line.iter().try_fold(0, digit).map(Some).ok_or_else(malformed)
}

fn malformed() -> String {
    "malformed answer: this is no Redis server".to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_are_read() {
        for (text, reply) in [
            ("+OK\r\n", Reply::Word(b"OK")),
            ("-ERR no\r\n", Reply::Error(b"ERR no")),
            (":12\r\n", Reply::Number(b"12")),
            ("$3\r\na\r\n\r\n", Reply::Bulk(b"a\r\n")),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            ("*2\r\n:1\r\n*0\r\n", Reply::Array(vec![Reply::Number(b"1"), Reply::Array(vec![])])),
        ] {
            let whole = [text, "+more"].concat();
            let (read, length) = Reply::parse(whole.as_bytes()).unwrap().unwrap();
            assert_eq!((read, length), (reply, text.len()), "{text:?}");
            for cut in 0..text.len() {
                let part = Reply::parse(&text.as_bytes()[..cut]);
                assert_eq!(part, Ok(None), "{text:?} cut at {cut}");
            }
        }
        let deep = "*1\r\n".repeat(40);
        for bad in ["HTTP/1.1 400\r\n", "$x\r\n", "$1\r\nabc", "+a\rb", "$9999999999\r\n", &deep] {
            assert!(Reply::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    proptest! {
        /// No bytes make the reader fail, and it never claims more than there
        /// is.
        #[test]
        fn any_bytes_are_safe(text in "[+$*:0-9a\r\n-]{0,40}", bytes: Vec<u8>) {
            for bytes in [text.as_bytes(), &bytes] {
                if let Ok(Some((_, length))) = Reply::parse(bytes) {
                    prop_assert!(length <= bytes.len());
                }
            }
        }
    }
}
