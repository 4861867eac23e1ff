//! The name of an operation, `run/workload/sequence`, by which its effect is
//! found again on the far side of the system.
//!
//! `run` and `workload` are words of letters, digits, `.`, `_` and `-`; the
//! sequence is a decimal number without leading zeros. An identity is read
//! strictly, so that a text that merely resembles one is never counted.

use std::fmt;

/// The identity of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The run.
    pub run: String,
    /// The workload's name.
    pub workload: String,
    /// The operation's number within the workload, from 0.
    pub sequence: u64,
}

/// An identity that borrows from the text it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdentityRef<'a> {
    /// The run.
    pub run: &'a str,
    /// The workload's name.
    pub workload: &'a str,
    /// The operation's number within the workload, from 0.
    pub sequence: u64,
}

impl IdentityRef<'_> {
    /// An identity that owns its words.
    #[must_use]
    pub fn to_owned(self) -> Identity {
        Identity {
            run: self.run.to_owned(),
            workload: self.workload.to_owned(),
            sequence: self.sequence,
        }
    }
}

impl fmt::Display for IdentityRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.run, self.workload, self.sequence)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.run, self.workload, self.sequence)
    }
}

/// Reads an identity that fills the whole text; `None` for anything else.
/// Allocates nothing.
#[must_use]
pub fn parse(text: &[u8]) -> Option<IdentityRef<'_>> {
    // The sequence is the shortest and the most telling part: read it first.
    let slash = text.iter().rposition(|&byte| byte == b'/')?;
    let sequence = sequence(&text[slash + 1..])?;
    let head = &text[..slash];
    let slash = head.iter().position(|&byte| byte == b'/')?;
    Some(IdentityRef { run: word(&head[..slash])?, workload: word(&head[slash + 1..])?, sequence })
}

/// The identity at the beginning of a padded text: `run/workload/number` and
/// then anything that is no digit. The whole text if there are no two slashes.
pub(crate) fn leading(text: &[u8]) -> &[u8] {
    let mut slashes = text.iter().enumerate().filter(|&(_, &byte)| byte == b'/');
    let Some((last, _)) = slashes.nth(1) else { return text };
    let digits = text[last + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    &text[..last + 1 + digits]
}

/// Whether a text may stand as the run or the workload of an identity.
#[must_use]
pub fn is_word(text: &str) -> bool {
    word(text.as_bytes()).is_some()
}

fn word(text: &[u8]) -> Option<&str> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.is_empty() || !text.iter().all(legal) {
        return None;
    }
    std::str::from_utf8(text).ok()
}

fn sequence(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_identities_are_read() {
        let good = parse(b"r-1/publish/42").unwrap();
        assert_eq!((good.run, good.workload, good.sequence), ("r-1", "publish", 42));
        assert_eq!(parse(b"r/w/18446744073709551615").unwrap().sequence, u64::MAX);
        for bad in [
            "",
            "r",
            "r/w",
            "/w/1",
            "r//1",
            "r/w/",
            "r/w/01",
            "r/w/+1",
            "r/w/-1",
            "r/w/1 ",
            " r/w/1",
            "r/w/x/1",
            "r/w/1x",
            "r/w/18446744073709551616",
            "r é/w/1",
            "r/w/1\n",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    proptest! {
        /// What is written is what is read.
        #[test]
        fn identities_survive_the_way(run in "[A-Za-z0-9._-]{1,20}", workload in "[A-Za-z0-9._-]{1,20}", sequence: u64) {
            let identity = Identity { run, workload, sequence };
            prop_assert_eq!(parse(identity.to_string().as_bytes()).unwrap().to_owned(), identity);
        }

        /// No bytes make the reader fail, and what it accepts it would have
        /// written the same way.
        #[test]
        fn any_bytes_are_safe(bytes: Vec<u8>) {
            if let Some(identity) = parse(&bytes) {
                prop_assert_eq!(identity.to_string().into_bytes(), bytes);
            }
        }
    }
}
