//! How a value of a data file stands where it is put.

use bytes::BufMut;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// As it is.
    None,
    /// Whatever is not unreserved (RFC 3986, 2.3) as `%XX`.
    Percent,
    /// As within a string of JSON (RFC 8259, 7).
    Json,
}

impl Escape {
    /// Appends a value.
    pub(super) fn write(self, value: &[u8], out: &mut impl BufMut) {
        let mut from = 0;
        for (at, &byte) in value.iter().enumerate() {
            if self.keeps(byte) {
                continue;
            }
            out.put_slice(&value[from..at]);
            self.replace(byte, out);
            from = at + 1;
        }
        out.put_slice(&value[from..]);
    }

    /// How many bytes a value becomes.
    pub(super) fn width(self, value: &[u8]) -> usize {
        value.iter().map(|&byte| if self.keeps(byte) { 1 } else { self.length(byte) }).sum()
    }

    fn keeps(self, byte: u8) -> bool {
        match self {
            Self::None => true,
            Self::Percent => is_unreserved(byte),
            Self::Json => byte >= 0x20 && !matches!(byte, b'"' | b'\\'),
        }
    }

    /// Appends what stands for a byte that is not kept.
    fn replace(self, byte: u8, out: &mut impl BufMut) {
        let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        match (self, short(byte)) {
            (Self::None, _) => out.put_u8(byte),
            (Self::Percent, _) => {
                out.put_u8(b'%');
                out.put_slice(&digits);
            }
            (Self::Json, Some(letter)) => out.put_slice(&[b'\\', letter]),
            (Self::Json, None) => {
                out.put_slice(b"\\u00");
                out.put_slice(&digits);
            }
        }
    }

    /// The length of [`Escape::replace`].
    fn length(self, byte: u8) -> usize {
        match (self, short(byte)) {
            (Self::None, _) => 1,
            (Self::Percent, _) => 3,
            (Self::Json, Some(_)) => 2,
            (Self::Json, None) => 6,
        }
    }
}

/// Appends a text percent-encoded.
pub(crate) fn percent(text: &str, out: &mut Vec<u8>) {
    Escape::Percent.write(text.as_bytes(), out);
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The letter behind a backslash that stands for a byte in JSON.
fn short(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(escape: Escape, value: &str) -> String {
        let mut out = Vec::new();
        escape.write(value.as_bytes(), &mut out);
        assert_eq!(out.len(), escape.width(value.as_bytes()));
        String::from_utf8(out).unwrap()
    }

    proptest! {
        /// Whoever reads what was written has the value again.
        #[test]
        fn values_come_back(value in "\\PC*|[\u{0}-\u{7f}]*") {
            prop_assert_eq!(&written(Escape::None, &value), &value);
            let json = format!("\"{}\"", written(Escape::Json, &value));
            prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &value);
            let percent = written(Escape::Percent, &value);
            let decoded = percent_encoding::percent_decode_str(&percent).decode_utf8().unwrap();
            prop_assert_eq!(decoded.as_ref(), value.as_str());
            prop_assert!(percent.bytes().all(|byte| byte == b'%' || is_unreserved(byte)));
        }
    }
}
