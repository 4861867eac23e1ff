//! Where a text stands in a record of a source: the identity of an operation, or
//! the key that orders effects, in a message, a row, an entry or a line.
//!
//! It is written as one text of up to three steps, each of which may be left
//! out: a part of the record, a JSON pointer into it, and a regular expression
//! of which the first group (or else the whole match) is taken:
//! `field:payload /order/id regex:^order-(.+)$`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pointer::Pointer;

const PATTERN: &str = "regex:";

/// Where a text stands in a record; by default all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locator {
    /// The part of the record.
    pub part: Part,
    /// The place in the part, which is JSON then.
    pub pointer: Option<Pointer>,
    /// What is taken of the text there.
    pub pattern: Option<Pattern>,
}

/// A part of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Part {
    /// What the record is without more: the body of a message, a line, the
    /// first column of a row, an element.
    #[default]
    Whole,
    /// A property of a message, as its protocol names it: `message_id`.
    Property(String),
    /// A header of a message.
    Header(String),
    /// A field of an entry, or a column of a row.
    Field(String),
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(regex_lite::Regex);

/// Why a text is no locator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocatorError {
    /// It names no part that is known.
    #[error(
        "{text:?} is no place of a text; write a JSON pointer (\"/order/id\"), property:NAME, header:NAME or field:NAME, and behind it, where needed, a pointer and regex:EXPRESSION"
    )]
    Part {
        /// What was given.
        text: String,
    },
    /// Its pointer is none.
    #[error(transparent)]
    Pointer(#[from] crate::pointer::PointerError),
    /// Its regular expression is none.
    #[error("{text:?} is no regular expression: {reason}")]
    Pattern {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a source hands over for one effect. A part that a record does not have
/// is `None`.
pub trait Record {
    /// See [`Part::Whole`].
    fn whole(&self) -> Option<Cow<'_, [u8]>>;

    /// See [`Part::Property`].
    fn property(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// See [`Part::Header`].
    fn header(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// See [`Part::Field`].
    fn field(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// A part of it.
    fn part(&self, part: &Part) -> Option<Cow<'_, [u8]>> {
        match part {
            Part::Whole => self.whole(),
            Part::Property(name) => self.property(name),
            Part::Header(name) => self.header(name),
            Part::Field(name) => self.field(name),
        }
    }

    /// What stands at a place of a part, which is JSON as a rule. A record whose
    /// parts have parts of their own looks there by itself.
    fn at(&self, part: &Part, pointer: &Pointer) -> Option<Value> {
        pointer.find_in(&self.part(part)?)
    }

    /// What is held against a schema: JSON, if it follows.
    fn document(&self) -> Option<Cow<'_, [u8]>> {
        self.whole()
    }
}

/// A record that is nothing but a text.
impl Record for &str {
    fn whole(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.as_bytes()))
    }
}

impl Locator {
    /// A locator of a field.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self { part: Part::Field(name.to_owned()), ..Self::default() }
    }

    /// The text that stands there. Behind a pointer, a number or a truth value is
    /// taken as it is written. `None` where the part, the place or the
    /// expression is not found, or what is found is no text.
    #[must_use]
    pub fn find(&self, record: &dyn Record) -> Option<String> {
        let bytes;
        let text = match &self.pointer {
            None => {
                bytes = record.part(&self.part)?;
                Cow::Borrowed(std::str::from_utf8(&bytes).ok()?.trim())
            }
            Some(pointer) => Cow::Owned(match record.at(&self.part, pointer)? {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            }),
        };
        match &self.pattern {
            // A line that is a JSON text and nothing else.
            None => Some(text.trim_matches('"').to_owned()),
            Some(Pattern(pattern)) => {
                let found = pattern.captures(&text)?;
                found.get(1).or_else(|| found.get(0)).map(|part| part.as_str().to_owned())
            }
        }
    }
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let (head, pattern) = match text.strip_prefix(PATTERN) {
            Some(pattern) => ("", Some(pattern)),
            None => match text.split_once(" regex:") {
                Some((head, pattern)) => (head, Some(pattern)),
                None => (text, None),
            },
        };
        let head = head.trim();
        let (part, pointer) = match head.find(" /") {
            _ if head.starts_with('/') => ("", Some(head)),
            Some(at) => (head[..at].trim(), Some(&head[at + 1..])),
            None => (head, None),
        };
        let unknown = || LocatorError::Part { text: text.to_owned() };
        let part = match part.split_once(':') {
            None if part.is_empty() => Part::Whole,
            // So it was written when it was the only one.
            None if part == "message_id" => Part::Property(part.to_owned()),
            Some((_, "")) | None => return Err(unknown()),
            Some(("property", name)) => Part::Property(name.to_owned()),
            Some(("header", name)) => Part::Header(name.to_owned()),
            Some(("field", name)) => Part::Field(name.to_owned()),
            Some(_) => return Err(unknown()),
        };
        let pointer = pointer.map(str::parse).transpose()?;
        let pattern = pattern.map(str::parse).transpose()?;
        if part == Part::Whole && pointer.is_none() && pattern.is_none() {
            return Err(unknown());
        }
        Ok(Self { part, pointer, pattern })
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match &self.part {
            Part::Whole => None,
            Part::Property(name) => Some(format!("property:{name}")),
            Part::Header(name) => Some(format!("header:{name}")),
            Part::Field(name) => Some(format!("field:{name}")),
        };
        let pointer = self.pointer.as_ref().map(|pointer| pointer.as_str().to_owned());
        let pattern = self.pattern.as_ref().map(|pattern| format!("{PATTERN}{pattern}"));
        let steps: Vec<String> = [part, pointer, pattern].into_iter().flatten().collect();
        f.write_str(&steps.join(" "))
    }
}

impl TryFrom<String> for Locator {
    type Error = LocatorError;

    fn try_from(text: String) -> Result<Self, LocatorError> {
        // Only a plan says so, of what its file has left out.
        if text.is_empty() { Ok(Self::default()) } else { text.parse() }
    }
}

impl From<Locator> for String {
    fn from(locator: Locator) -> Self {
        locator.to_string()
    }
}

impl FromStr for Pattern {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let read = regex_lite::Regex::new(text);
        read.map(Self).map_err(|error| LocatorError::Pattern {
            text: text.to_owned(),
            reason: error.to_string(),
        })
    }
}

impl Pattern {
    /// Whether it matches somewhere in a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record that has every part.
    struct Message;

    impl Record for Message {
        fn whole(&self) -> Option<Cow<'_, [u8]>> {
            Some(br#"{"order":{"id":"r/w/1","number":7,"parts":[]}}"#.as_slice().into())
        }

        fn property(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            (name == "message_id").then(|| b"r/w/2".as_slice().into())
        }

        fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            (name == "trace").then(|| b"id=r/w/3; level=1".as_slice().into())
        }

        fn field(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            (name == "the payload").then(|| br#"{"id":"op-r/w/4"}"#.as_slice().into())
        }
    }

    fn found(text: &str) -> Option<String> {
        text.parse::<Locator>().unwrap().find(&Message)
    }

    #[test]
    fn a_text_is_found_in_every_part_by_pointer_and_by_expression() {
        for (text, expected) in [
            ("/order/id", Some("r/w/1")),
            ("/order/number", Some("7")),
            ("/order/parts", None),
            ("/order/nobody", None),
            ("message_id", Some("r/w/2")),
            ("property:message_id", Some("r/w/2")),
            ("property:correlation_id", None),
            (r"header:trace regex:id=([^;]+)", Some("r/w/3")),
            (r"header:trace regex:[a-z]+/[a-z]+/\d+", Some("r/w/3")),
            ("header:trace regex:nothing", None),
            ("header:trace /id", None),
            ("field:the payload /id regex:^op-(.*)$", Some("r/w/4")),
            (r#"regex:"id":"([^"]*)""#, Some("r/w/1")),
        ] {
            assert_eq!(found(text).as_deref(), expected, "{text}");
        }
        assert_eq!(Locator::default().find(&" r/w/5\r").as_deref(), Some("r/w/5"));
        assert_eq!(Locator::default().find(&"\"r/w/5\"").as_deref(), Some("r/w/5"));
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_to_write() {
        for text in ["", "id", "field:", "column:id", "correlation_id"] {
            let error = text.parse::<Locator>().unwrap_err().to_string();
            assert!(error.contains("field:NAME"), "{text}: {error}");
        }
        assert!("field:a /b~c".parse::<Locator>().unwrap_err().to_string().contains("~0"));
        assert!("regex:(".parse::<Locator>().unwrap_err().to_string().contains("regular"));
    }

    proptest! {
        /// What is written is read again as the same.
        #[test]
        fn writing_and_reading_are_inverse(
            part in prop_oneof![Just(""), Just("field:a b"), Just("header:x-id"), Just("property:type")],
            pointer in prop_oneof![Just(""), Just("/a"), Just("/a b/0"), Just("/a~1b")],
            pattern in prop_oneof![Just(""), Just("regex:a (b) /c")],
        ) {
            let steps: Vec<&str> =
                [part, pointer, pattern].into_iter().filter(|step| !step.is_empty()).collect();
            prop_assume!(!steps.is_empty());
            let locator: Locator = steps.join(" ").parse().unwrap();
            prop_assert_eq!(locator.to_string(), steps.join(" "));
            prop_assert_eq!(&locator.to_string().parse::<Locator>().unwrap(), &locator);
        }
    }
}
