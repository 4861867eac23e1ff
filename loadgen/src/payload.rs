//! Texts in which `@{id}`, `@{seq}`, `@{run}` and `@{time}` differ for each
//! operation.
//!
//! A template is split once, when the run starts; rendering it copies its
//! pieces into a buffer that is used again. `@@{` stands for a literal `@{`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BufMut;

use crate::identity::IdentityRef;

/// A text with marks for what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The literal text in front of the first mark.
    head: Box<[u8]>,
    /// Each mark with the literal text behind it.
    tail: Box<[(Mark, Box<[u8]>)]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Id,
    Seq,
    Run,
    Time,
}

/// Why a text is not a payload template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// `@{` without an end.
    #[error(
        "{text:?} opens a mark with \"@{{\" and does not close it; \
         write \"@@{{\" for the two characters themselves"
    )]
    Unclosed {
        /// The text from the mark on.
        text: String,
    },
    /// A mark that does not exist.
    #[error("@{{{name}}} is unknown; the marks are @{{id}}, @{{seq}}, @{{run}} and @{{time}}")]
    Unknown {
        /// What stands between the braces.
        name: String,
    },
}

impl Payload {
    /// Splits a text at its marks.
    ///
    /// # Errors
    /// When a mark is unknown or not closed.
    pub fn new(text: &str) -> Result<Self, PayloadError> {
        let mut head = None;
        let mut tail: Vec<(Mark, Box<[u8]>)> = Vec::new();
        let mut literal = String::new();
        let mut pending = None;
        let mut rest = text;
        while let Some(at) = rest.find("@{") {
            if rest[..at].ends_with('@') {
                literal.push_str(&rest[..at]);
                literal.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let (mark, behind) = mark(&rest[at..])?;
            let piece = std::mem::take(&mut literal).into_bytes().into_boxed_slice();
            match pending.replace(mark) {
                None => head = Some(piece),
                Some(earlier) => tail.push((earlier, piece)),
            }
            rest = behind;
        }
        literal.push_str(rest);
        let piece = literal.into_bytes().into_boxed_slice();
        match pending {
            None => head = Some(piece),
            Some(earlier) => tail.push((earlier, piece)),
        }
        Ok(Self { head: head.unwrap_or_default(), tail: tail.into() })
    }

    /// Whether every operation gets the same text.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.tail.is_empty()
    }

    /// Appends the text of one operation to `out`. `time` is the Unix time in
    /// milliseconds.
    pub fn render(&self, identity: IdentityRef<'_>, time: u64, out: &mut impl BufMut) {
        out.put_slice(&self.head);
        for (mark, literal) in &self.tail {
            match mark {
                Mark::Id => write_identity(identity, out),
                Mark::Seq => write_number(identity.sequence, out),
                Mark::Run => out.put_slice(identity.run.as_bytes()),
                Mark::Time => write_number(time, out),
            }
            out.put_slice(literal);
        }
    }
}

/// Reads the mark that `text` starts with; gives what stands behind it.
fn mark(text: &str) -> Result<(Mark, &str), PayloadError> {
    let end = text.find('}').ok_or_else(|| PayloadError::Unclosed { text: text.to_owned() })?;
    let mark = match &text[2..end] {
        "id" => Mark::Id,
        "seq" => Mark::Seq,
        "run" => Mark::Run,
        "time" => Mark::Time,
        name => return Err(PayloadError::Unknown { name: name.to_owned() }),
    };
    Ok((mark, &text[end + 1..]))
}

/// Appends `run/workload/sequence`.
pub fn write_identity(identity: IdentityRef<'_>, out: &mut impl BufMut) {
    out.put_slice(identity.run.as_bytes());
    out.put_slice(b"/");
    out.put_slice(identity.workload.as_bytes());
    out.put_slice(b"/");
    write_number(identity.sequence, out);
}

fn write_number(mut number: u64, out: &mut impl BufMut) {
    // 2⁶⁴ has 20 digits.
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

/// Turns times after T0 into Unix time.
#[derive(Debug, Clone, Copy)]
pub struct Calendar {
    unix_t0: Duration,
}

impl Calendar {
    /// A calendar for a run whose T0 was at `unix_t0`.
    #[must_use]
    pub fn new(unix_t0: SystemTime) -> Self {
        Self { unix_t0: unix_t0.duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// The Unix time, in milliseconds, at `after` T0.
    #[must_use]
    pub fn unix_millis(&self, after: Duration) -> u64 {
        u64::try_from((self.unix_t0 + after).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn render(text: &str) -> String {
        let identity = IdentityRef { run: "r1", workload: "w", sequence: 42 };
        let mut out = Vec::new();
        Payload::new(text).unwrap().render(identity, 1_700_000_000_123, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn marks_are_replaced() {
        assert_eq!(render(""), "");
        assert_eq!(render("plain"), "plain");
        assert_eq!(render("@{id}"), "r1/w/42");
        assert_eq!(render("{\"n\":@{seq}}"), "{\"n\":42}");
        assert_eq!(render("@{run}@{seq}-@{time}."), "r142-1700000000123.");
        assert_eq!(render("@@{id} a@b.c @ {"), "@{id} a@b.c @ {");
        assert_eq!(render("é@{seq}é"), "é42é");
    }

    #[test]
    fn bad_marks_are_refused() {
        assert!(matches!(Payload::new("x @{id"), Err(PayloadError::Unclosed { .. })));
        let error = Payload::new("@{nope}").unwrap_err();
        assert!(error.to_string().starts_with("@{nope} is unknown; the marks are @{id}"));
    }

    #[test]
    fn a_text_without_marks_is_constant() {
        assert!(Payload::new("a @@{id}").unwrap().is_constant());
        assert!(!Payload::new("@{id}").unwrap().is_constant());
    }

    proptest! {
        /// A rendered template is its text with the marks replaced.
        #[test]
        fn rendering_is_replacement(parts in prop::collection::vec("[a-z{} ]{0,4}|@\\{id\\}|@\\{seq\\}", 0..8)) {
            let text = parts.concat();
            let expected = text.replace("@{id}", "r1/w/42").replace("@{seq}", "42");
            prop_assert_eq!(render(&text), expected);
        }

        #[test]
        fn numbers_are_decimal(number: u64) {
            let mut out = Vec::new();
            write_number(number, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
