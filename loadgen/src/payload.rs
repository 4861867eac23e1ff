//! Texts in which marks such as `@{id}` and `@{seq}` differ for each operation.
//!
//! A template is split once, when the run starts; rendering it copies its
//! pieces into a buffer that is used again. `@@{` stands for a literal `@{`.
//!
//! | mark | becomes |
//! | --- | --- |
//! | `@{id}` | the identity, `run/workload/sequence` |
//! | `@{seq}`, `@{run}` | its parts |
//! | `@{time}` | the Unix time in milliseconds |
//! | `@{key}` | the operation's key, a number |
//! | `@{int:A-B}` | a number from A to B, drawn from the seed |
//! | `@{rand:N}` | N hexadecimal digits, drawn from the seed |
//! | `@{pad}` | as many letters as bring the text to the size asked for |

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BufMut;

use crate::identity::IdentityRef;
use crate::shape::{self, Shape};

/// Padding is copied from a stretch of letters of this length.
const FILLER: usize = 4096;

/// The longest random field, in digits.
const LONGEST_FIELD: u64 = 65_536;

/// A text with marks for what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The literal text in front of the first mark.
    head: Box<[u8]>,
    /// Each mark with the literal text behind it.
    tail: Box<[(Mark, Box<[u8]>)]>,
    /// Letters for the padding; empty without `@{pad}`.
    filler: Box<[u8]>,
}

/// What a template is filled in with.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// The operation's name.
    pub identity: IdentityRef<'a>,
    /// The Unix time in milliseconds.
    pub time: u64,
    /// Keys, sizes and random fields.
    pub shape: &'a Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Id,
    Seq,
    Run,
    Time,
    Key,
    /// A number: the number of the field, the least and the greatest value.
    Int(u64, u64, u64),
    /// Hexadecimal digits: the number of the field, and how many.
    Rand(u64, u64),
    Pad,
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
    #[error(
        "@{{{name}}} is unknown; the marks are @{{id}}, @{{seq}}, @{{run}}, @{{time}}, @{{key}}, \
         @{{int:A-B}}, @{{rand:N}} and @{{pad}}"
    )]
    Unknown {
        /// What stands between the braces.
        name: String,
    },
    /// More than one `@{pad}`.
    #[error("there is more than one @{{pad}}; keep one of them")]
    Pads,
    /// A size is asked for, and nothing in the text can make up for the rest.
    #[error("a size is asked for; put @{{pad}} where the body is to be filled up")]
    Unpadded,
    /// The text alone is longer than the size asked for.
    #[error("a body of {size} bytes cannot hold the text, which needs up to {needed} bytes")]
    TooSmall {
        /// The smallest size asked for, in bytes.
        size: usize,
        /// The length of the text without its padding, in bytes.
        needed: usize,
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
            let (mark, behind) = mark(&rest[at..], tail.len() as u64)?;
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
        let filler = match tail.iter().filter(|(mark, _)| *mark == Mark::Pad).count() {
            0 => Vec::new(),
            1 => filler(),
            _ => return Err(PayloadError::Pads),
        };
        Ok(Self { head: head.unwrap_or_default(), tail: tail.into(), filler: filler.into() })
    }

    /// Splits the text of a body whose size the shape may give.
    ///
    /// # Errors
    /// When a mark is wrong, or the text cannot be brought to the size.
    pub fn body(text: &str, shape: &Shape) -> Result<Self, PayloadError> {
        let payload = Self::new(text)?;
        let Some(sizes) = &shape.size else { return Ok(payload) };
        let (size, needed) = (sizes.shortest(), payload.longest(shape));
        if payload.filler.is_empty() && !(size == sizes.longest() && needed == size) {
            return Err(PayloadError::Unpadded);
        }
        if size < needed {
            return Err(PayloadError::TooSmall { size, needed });
        }
        Ok(payload)
    }

    /// Whether every operation gets the same text.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.tail.is_empty()
    }

    /// Appends the text of one operation to `out`.
    pub fn render(&self, fields: &Fields<'_>, out: &mut impl BufMut) {
        out.put_slice(&self.head);
        for (mark, literal) in &self.tail {
            match *mark {
                Mark::Id => write_identity(fields.identity, out),
                Mark::Pad => self.pad(fields, out),
                _ => mark.render(fields, out),
            }
            out.put_slice(literal);
        }
    }

    fn pad(&self, fields: &Fields<'_>, out: &mut impl BufMut) {
        let sequence = fields.identity.sequence;
        let Some(size) = fields.shape.size(sequence) else { return };
        let mut left = size.saturating_sub(self.width(fields));
        let mut from = shape::mix(sequence) as usize % FILLER;
        while left > 0 {
            let piece = &self.filler[from..FILLER.min(from + left)];
            out.put_slice(piece);
            left -= piece.len();
            from = 0;
        }
    }

    /// The length of an operation's text without its padding, in bytes.
    fn width(&self, fields: &Fields<'_>) -> usize {
        let width = |(mark, literal): &(Mark, Box<[u8]>)| mark.width(fields) + literal.len();
        self.head.len() + self.tail.iter().map(width).sum::<usize>()
    }

    /// The same for a late operation of a usual run.
    fn longest(&self, shape: &Shape) -> usize {
        let identity = IdentityRef {
            run: "load-19abcdef012-12345",
            workload: "command",
            sequence: 999_999_999,
        };
        self.width(&Fields { identity, time: 1_700_000_000_000, shape })
    }
}

impl Mark {
    fn number(self, fields: &Fields<'_>) -> Option<u64> {
        let sequence = fields.identity.sequence;
        Some(match self {
            Self::Seq => sequence,
            Self::Time => fields.time,
            Self::Key => fields.shape.key(sequence),
            Self::Int(field, least, greatest) => {
                let span = u128::from(greatest - least) + 1;
                least + ((u128::from(fields.shape.field(field, sequence)) * span) >> 64) as u64
            }
            _ => return None,
        })
    }

    fn render(self, fields: &Fields<'_>, out: &mut impl BufMut) {
        if let Some(number) = self.number(fields) {
            write_number(number, out);
        } else if self == Self::Run {
            out.put_slice(fields.identity.run.as_bytes());
        } else if let Self::Rand(field, digits) = self {
            let mut bits = fields.shape.field(field, fields.identity.sequence);
            for digit in 0..digits {
                if digit % 16 == 0 && digit > 0 {
                    bits = shape::mix(bits.wrapping_add(digit));
                }
                let at = (bits >> (digit % 16 * 4)) & 15;
                out.put_u8(b"0123456789abcdef"[at as usize]);
            }
        }
    }

    /// How many bytes it becomes; none for padding.
    fn width(self, fields: &Fields<'_>) -> usize {
        let IdentityRef { run, workload, sequence } = fields.identity;
        match self {
            Self::Id => run.len() + workload.len() + 2 + digits(sequence),
            Self::Run => run.len(),
            Self::Rand(_, digits) => digits as usize,
            Self::Pad => 0,
            _ => self.number(fields).map_or(0, digits),
        }
    }
}

/// Letters that look like text and compress like it.
fn filler() -> Vec<u8> {
    (0..FILLER as u64).map(|at| b'a' + (shape::mix(at) % 26) as u8).collect()
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Reads the mark that `text` starts with; gives what stands behind it.
fn mark(text: &str, field: u64) -> Result<(Mark, &str), PayloadError> {
    let end = text.find('}').ok_or_else(|| PayloadError::Unclosed { text: text.to_owned() })?;
    let mark = match &text[2..end] {
        "id" => Mark::Id,
        "seq" => Mark::Seq,
        "run" => Mark::Run,
        "time" => Mark::Time,
        "key" => Mark::Key,
        "pad" => Mark::Pad,
        name => {
            drawn(name, field).ok_or_else(|| PayloadError::Unknown { name: name.to_owned() })?
        }
    };
    Ok((mark, &text[end + 1..]))
}

/// Reads `int:A-B` or `rand:N`.
fn drawn(name: &str, field: u64) -> Option<Mark> {
    let (kind, range) = name.split_once(':')?;
    match kind {
        "int" => {
            let (least, greatest) = range.split_once('-')?;
            let (least, greatest) = (least.parse().ok()?, greatest.parse().ok()?);
            (least <= greatest).then_some(Mark::Int(field, least, greatest))
        }
        "rand" => {
            let digits = range.parse().ok()?;
            (1..=LONGEST_FIELD).contains(&digits).then_some(Mark::Rand(field, digits))
        }
        _ => None,
    }
}

/// Appends `run/workload/sequence`.
pub fn write_identity(identity: IdentityRef<'_>, out: &mut impl BufMut) {
    out.put_slice(identity.run.as_bytes());
    out.put_slice(b"/");
    out.put_slice(identity.workload.as_bytes());
    out.put_slice(b"/");
    write_number(identity.sequence, out);
}

/// Appends a decimal number.
pub(crate) fn write_number(mut number: u64, out: &mut impl BufMut) {
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
        sized(text, &Shape::default())
    }

    fn sized(text: &str, shape: &Shape) -> String {
        let identity = IdentityRef { run: "r1", workload: "w", sequence: 42 };
        let fields = Fields { identity, time: 1_700_000_000_123, shape };
        let mut out = Vec::new();
        Payload::new(text).unwrap().render(&fields, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_are_drawn_from_the_seed() {
        let text = "@{int:5-7} @{rand:20} @{rand:20} @{key}";
        let parts: Vec<String> = render(text).split(' ').map(str::to_owned).collect();
        assert!((5..=7).contains(&parts[0].parse::<u64>().unwrap()));
        assert!(parts[1].len() == 20 && parts[1].bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(parts[1], parts[2], "two fields share no chance");
        assert_eq!(parts[3], "42");
        assert_eq!(render(text), render(text));
        assert_ne!(render(text), sized(text, &Shape { seed: 1, ..Shape::default() }));
    }

    #[test]
    fn a_body_that_cannot_have_its_size_is_refused() {
        let shape = |size: &str| Shape { size: size.parse().ok(), ..Shape::default() };
        assert!(Payload::body("@{id}@{pad}", &shape("100")).is_ok());
        assert!(Payload::body("@{id}", &Shape::default()).is_ok());
        assert_eq!(Payload::body("@{id}", &shape("100")), Err(PayloadError::Unpadded));
        assert_eq!(Payload::body("@{pad}@{pad}", &shape("9")), Err(PayloadError::Pads));
        let small = Payload::body("@{id}@{pad}", &shape("10"));
        assert!(matches!(small, Err(PayloadError::TooSmall { size: 10, .. })));
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
        /// A padded body has exactly the size that was drawn for it.
        #[test]
        fn a_body_has_its_size(seed: u64, first in 60_usize..200, more in 0_usize..9_000) {
            let size = format!("{first}-{}", first + more).parse().unwrap();
            let shape = Shape { seed, size: Some(size), ..Shape::default() };
            let text = "{\"id\":\"@{id}\",\"k\":@{key},\"n\":@{int:0-999},\"p\":\"@{pad}\"}";
            prop_assert_eq!(sized(text, &shape).len(), shape.size(42).unwrap());
        }

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
