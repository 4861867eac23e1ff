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
//! | `@{column}`, `@{data:column}` | the value of a column of the data file |
//!
//! A value of the data file is percent-encoded in a URL and in a form, and
//! escaped in a body that is JSON where it stands within a string. Elsewhere it
//! stands as it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BufMut;

use crate::content::{Content, Piece};
use crate::data::Data;
use crate::identity::IdentityRef;
use crate::shape::{self, Shape};
use escape::Escape;
pub(crate) use escape::percent;
use mark::Mark;
pub use mark::write_identity;
pub(crate) use mark::write_number;
use split::Split;

mod escape;
mod mark;
mod split;

/// Padding is copied from a stretch of letters of this length.
const FILLER: usize = 4096;

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
    /// Keys, sizes, random fields and the rows of the data file.
    pub shape: &'a Shape,
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
        "@{{{name}}} is unknown{}; the marks are @{{id}}, @{{seq}}, @{{run}}, @{{time}}, @{{key}}, \
         @{{int:A-B}}, @{{rand:N}}, @{{pad}} and the columns of {columns}; write \"@@{{\" for the \
         two characters themselves",
        meant(.nearest.as_deref())
    )]
    Unknown {
        /// What stands between the braces.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// The data file with its columns, or that there may be one.
        columns: String,
    },
    /// A column that the data file does not have.
    #[error("@{{data:{name}}} is no column of {shown}; {help}")]
    Column {
        /// The name of the column.
        name: String,
        /// The data file.
        shown: String,
        /// The nearest name, or all.
        help: String,
    },
    /// A column, and no data file.
    #[error("@{{data:{name}}} is a column of a data file, and there is none; give it with --data")]
    NoData {
        /// The name of the column.
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

fn meant(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean @{{{name}}}?)")).unwrap_or_default()
}

impl Payload {
    /// Splits a text at its marks; it has no columns.
    ///
    /// # Errors
    /// When a mark is unknown or not closed.
    pub fn new(text: &str) -> Result<Self, PayloadError> {
        Self::plain(text, &Shape::default())
    }

    /// Splits a text in which values of the data file stand as they are.
    ///
    /// # Errors
    /// When a mark is unknown or not closed.
    pub fn plain(text: &str, shape: &Shape) -> Result<Self, PayloadError> {
        let mut split = Split::new(shape.data.as_deref());
        split.text(text, |_| Escape::None)?;
        split.finish()
    }

    /// Splits a text in which values of the data file are percent-encoded, as
    /// in a URL.
    ///
    /// # Errors
    /// When a mark is unknown or not closed.
    pub fn encoded(text: &str, shape: &Shape) -> Result<Self, PayloadError> {
        let mut split = Split::new(shape.data.as_deref());
        split.text(text, |_| Escape::Percent)?;
        split.finish()
    }

    /// Splits content that has the size that it is given.
    ///
    /// # Errors
    /// When a mark is unknown or not closed.
    pub fn content(content: &Content, shape: &Shape) -> Result<Self, PayloadError> {
        let mut split = Split::new(shape.data.as_deref());
        for piece in content.pieces() {
            match piece {
                Piece::Text(text) => split.json_or_text(text)?,
                Piece::Encoded(text) => split.text(text, |_| Escape::Percent)?,
                Piece::Bytes(bytes) => split.literal(bytes),
            }
        }
        split.finish()
    }

    /// Splits a body whose size the shape may give.
    ///
    /// # Errors
    /// When a mark is wrong, or the text cannot be brought to the size.
    pub fn body(content: &Content, shape: &Shape) -> Result<Self, PayloadError> {
        let payload = Self::content(content, shape)?;
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

    /// Whether it is made of marks of ours alone, such as `@{id}`: no text and no
    /// column of a data file is in it.
    pub(crate) fn is_marks_alone(&self) -> bool {
        let is_ours = |mark: &Mark| !matches!(mark, Mark::Column(..));
        self.head.is_empty()
            && !self.tail.is_empty()
            && self.tail.iter().all(|(mark, literal)| is_ours(mark) && literal.is_empty())
    }

    /// Every value that a column of the data file puts into it, without what is
    /// escaped.
    pub(crate) fn values<'a>(&'a self, data: &'a Data) -> impl Iterator<Item = &'a [u8]> {
        let columns = self.tail.iter().filter_map(|(mark, _)| mark.column());
        columns.flat_map(|column| data.values(column))
    }

    /// Appends the text of one operation to `out`.
    pub fn render(&self, fields: &Fields<'_>, out: &mut impl BufMut) {
        out.put_slice(&self.head);
        for (mark, literal) in &self.tail {
            match *mark {
                Mark::Pad => self.pad(fields, out),
                _ => mark.render(fields, out),
            }
            out.put_slice(literal);
        }
    }

    fn pad(&self, fields: &Fields<'_>, out: &mut impl BufMut) {
        let sequence = fields.identity.sequence;
        let Some(size) = fields.shape.size(sequence) else { return };
        let mut left = size.saturating_sub(self.width(|mark| mark.width(fields)));
        let mut from = shape::mix(sequence) as usize % FILLER;
        while left > 0 {
            let piece = &self.filler[from..FILLER.min(from + left)];
            out.put_slice(piece);
            left -= piece.len();
            from = 0;
        }
    }

    /// The length of a text without its padding, in bytes.
    fn width(&self, of: impl Fn(Mark) -> usize) -> usize {
        let width = |(mark, literal): &(Mark, Box<[u8]>)| of(*mark) + literal.len();
        self.head.len() + self.tail.iter().map(width).sum::<usize>()
    }

    /// The same for a late operation of a usual run, with the longest values of
    /// the data file.
    fn longest(&self, shape: &Shape) -> usize {
        let identity = IdentityRef {
            run: "load-19abcdef012-12345",
            workload: "command",
            sequence: 999_999_999,
        };
        let fields = Fields { identity, time: 1_700_000_000_000, shape };
        self.width(|mark| mark.longest(&fields))
    }
}

/// Letters that look like text and compress like it.
fn filler() -> Vec<u8> {
    (0..FILLER as u64).map(|at| b'a' + (shape::mix(at) % 26) as u8).collect()
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
        Payload::plain(text, shape).unwrap().render(&fields, &mut out);
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
        let first = render("@{rand:16}@{rand:16}");
        assert_ne!(first[..16], first[16..], "nor do the first two");
        assert_eq!(render(text), render(text));
        assert_ne!(render(text), sized(text, &Shape { seed: 1, ..Shape::default() }));
    }

    #[test]
    fn a_body_that_cannot_have_its_size_is_refused() {
        let shape = |size: &str| Shape { size: size.parse().ok(), ..Shape::default() };
        assert!(Payload::body(&"@{id}@{pad}".into(), &shape("100")).is_ok());
        assert!(Payload::body(&"@{id}".into(), &Shape::default()).is_ok());
        assert_eq!(Payload::body(&"@{id}".into(), &shape("100")), Err(PayloadError::Unpadded));
        assert_eq!(Payload::body(&"@{pad}@{pad}".into(), &shape("9")), Err(PayloadError::Pads));
        let small = Payload::body(&"@{id}@{pad}".into(), &shape("10"));
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
