//! Percent-encoding.

/// Replaces `%2F` and its like.
///
/// # Errors
/// When a `%` is not followed by two hexadecimal digits, or the bytes are no
/// UTF-8. The text is not repeated: it may be a password.
pub(super) fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => byte_of(rest.next(), rest.next())
                .ok_or("a % must be followed by two hexadecimal digits; write % itself as %25")?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| "its percent-encoded bytes are no UTF-8".to_owned())
}

/// Writes everything percent-encoded that may mean something in an address, so that the
/// text is one part of it: a password, a name of a path.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte));
            }
            byte => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

fn byte_of(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decoded, encoded};

    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(encoded("/"), "%2F");
        assert_eq!(encoded("user events.ä"), "user%20events.%C3%A4");
    }

    proptest! {
        /// What was written is read back.
        #[test]
        fn written_and_read_is_the_same(text in ".*") {
            let written = encoded(&text);
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert_eq!(decoded(&written), Ok(text));
        }
    }
}
