//! Writing and reading `verdict.json`.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

use super::{Record, SCHEMA};

/// Why a text is not the record of a run.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON, or cut off.
    #[error(
        "this is not JSON, or it was cut off ({problem}); \
         give the verdict.json of a run that ended, or judge the run again with `verify recheck`"
    )]
    NotJson {
        /// What the parser stumbled over, with line and column.
        problem: serde_json::Error,
    },
    /// It is JSON without a `schema`.
    #[error("this JSON has no whole number \"schema\", so it is not the verdict.json of a run")]
    NotARecord,
    /// It was written by another version.
    #[error(
        "this record has schema {found}, and this program reads schema {SCHEMA}; \
         use the version of the program that wrote it, or judge the run again with `verify recheck`"
    )]
    OtherSchema {
        /// The schema of the record.
        found: u64,
    },
    /// The schema is right, and yet a field is missing or of another type.
    #[error("this record says schema {SCHEMA} but does not keep to it: {problem}")]
    Broken {
        /// Which field, with line and column.
        problem: serde_json::Error,
    },
}

/// What every version of the schema has.
#[derive(Deserialize)]
struct Header {
    schema: u64,
}

impl Record {
    /// The record as pretty JSON with a line feed behind, secrets masked.
    /// A figure that is not finite is written as `null`.
    ///
    /// # Panics
    ///
    /// Never: every key of a record is text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut text, Layout::default());
        let record = crate::format::masked(self);
        record.serialize(&mut serializer).expect("a record has only text for keys");
        text.push(b'\n');
        String::from_utf8(text).expect("JSON is UTF-8")
    }

    /// Reads what [`Record::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// Says whether the text is not JSON, not a record, of another schema or
    /// broken.
    pub fn from_json(text: &[u8]) -> Result<Self, RecordError> {
        let header: Header = serde_json::from_slice(text).map_err(|problem| {
            if problem.is_data() {
                RecordError::NotARecord
            } else {
                RecordError::NotJson { problem }
            }
        })?;
        if header.schema != u64::from(SCHEMA) {
            return Err(RecordError::OtherSchema { found: header.schema });
        }
        serde_json::from_slice(text).map_err(|problem| RecordError::Broken { problem })
    }
}

/// Indents JSON, except for arrays in arrays: a point of a series, or a row of a
/// table, has one line.
#[derive(Default)]
struct Layout {
    pretty: PrettyFormatter<'static>,
    /// What is open, the innermost last.
    open: Vec<Open>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    Array,
    /// An array on one line.
    Row,
}

impl Layout {
    fn in_row(&self) -> bool {
        self.open.last() == Some(&Open::Row)
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let nested = matches!(self.open.last(), Some(Open::Array | Open::Row));
        self.open.push(if nested { Open::Row } else { Open::Array });
        if nested { writer.write_all(b"[") } else { self.pretty.begin_array(writer) }
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.open.pop() {
            Some(Open::Row) => writer.write_all(b"]"),
            _ => self.pretty.end_array(writer),
        }
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        match (self.in_row(), first) {
            (true, true) => Ok(()),
            (true, false) => w.write_all(b", "),
            (false, _) => self.pretty.begin_array_value(w, first),
        }
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.in_row() { Ok(()) } else { self.pretty.end_array_value(writer) }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push(Open::Object);
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.pop();
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_object_key(w, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Record::from_json(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_unreadable_record_says_why() {
        assert!(problem("{\"schema\": 1,").starts_with("this is not JSON, or it was cut off"));
        assert!(problem("").contains("verify recheck"));
        assert!(problem("{\"name\": \"x\"}").contains("no whole number \"schema\""));
        assert!(problem("[]").contains("not the verdict.json"));
        assert!(
            problem("{\"schema\": 7}").contains("has schema 7, and this program reads schema 1")
        );
        assert!(problem("{\"schema\": 1}").contains("missing field `run`"));
    }
}
