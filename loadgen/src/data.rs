//! A table whose rows fill in operations: `@{column}` in a payload template.
//!
//! A CSV file names its columns in the first line; a file of JSON lines has an
//! object with the same names in each. All of it is read once and kept; what is
//! in it stands in no message.

use std::fmt;
use std::path::Path;

use scenarios::plan::data::Order;
use serde_json::Value as Json;

use crate::content::{self, FileError};
use crate::shape::Shape;

pub use format::Format;

mod format;

/// The largest data file, in bytes.
pub const LARGEST: u64 = 256 << 20;

/// Rows with the same columns.
#[derive(Clone, PartialEq, Eq)]
pub struct Data {
    shown: String,
    order: Order,
    columns: Vec<String>,
    /// All values, row by row, with nothing between them.
    text: Vec<u8>,
    /// Where each value ends.
    ends: Vec<u32>,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {:?} from {}", self.rows(), self.columns, self.shown)
    }
}

impl Data {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, has more than [`LARGEST`] bytes, or is not a
    /// table with a row. No error quotes a value.
    pub fn read(path: &Path, order: Order) -> Result<Self, FileError> {
        let bytes = content::read(path, LARGEST)?;
        let shown = path.display().to_string();
        Self::parse(&shown, Format::of(path, &bytes), &bytes, order)
            .map_err(|problem| FileError { shown, problem })
    }

    fn parse(shown: &str, format: Format, bytes: &[u8], order: Order) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
            format!("line {} is not UTF-8", line + 1)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut data = Self {
            shown: shown.to_owned(),
            order,
            columns: Vec::new(),
            text: Vec::new(),
            ends: Vec::new(),
        };
        match format {
            Format::Separated(separator) => format::separated(text, separator, &mut data)?,
            Format::Lines => format::lines(text, &mut data)?,
        }
        if data.ends.is_empty() {
            return Err("it has no row".to_owned());
        }
        Ok(data)
    }

    /// Takes in the names of the columns.
    fn name(&mut self, columns: Vec<String>) -> Result<(), String> {
        for (index, name) in columns.iter().enumerate() {
            if name.is_empty() || name.contains(['}', '\n', '\r']) {
                return Err(format!(
                    "column {} cannot be named {name:?}: a name is needed, and none with \"}}\"",
                    index + 1
                ));
            }
            if columns[..index].contains(name) {
                return Err(format!("two columns are named {name:?}"));
            }
        }
        self.columns = columns;
        Ok(())
    }

    /// Takes in the next value.
    fn push(&mut self, value: &str) -> Result<(), String> {
        self.text.extend_from_slice(value.as_bytes());
        // JSON may be written with fewer bytes than it was read from, or more.
        let end = u32::try_from(self.text.len()).map_err(|_| "its values are too long")?;
        self.ends.push(end);
        Ok(())
    }

    /// How many rows there are; at least one.
    #[must_use]
    pub fn rows(&self) -> u64 {
        (self.ends.len() / self.columns.len().max(1)) as u64
    }

    /// All values, row by row, with nothing between them, and where each ends: what tells
    /// one table from another.
    #[must_use]
    pub fn raw(&self) -> (&[u8], &[u32]) {
        (&self.text, &self.ends)
    }

    /// In which order they are used.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Where the rows come from.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The number of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The value of a column for operation `seq`.
    pub(crate) fn value(&self, column: usize, seq: u64, shape: &Shape) -> &[u8] {
        let row = match self.order {
            Order::InTurn | Order::Once => seq % self.rows(),
            Order::Random => shape.row(seq, self.rows()),
        };
        self.cell(row as usize * self.columns.len() + column)
    }

    /// Every value of a column.
    pub(crate) fn values(&self, column: usize) -> impl Iterator<Item = &[u8]> {
        (column..self.ends.len()).step_by(self.columns.len().max(1)).map(|at| self.cell(at))
    }

    fn cell(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[from..self.ends[at] as usize]
    }
}

/// A JSON value as it is filled in: a text without its quotes.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &str) -> Result<Data, String> {
        let format = Format::of(Path::new(name), text.as_bytes());
        Data::parse(name, format, text.as_bytes(), Order::InTurn)
    }

    fn values(data: &Data) -> Vec<Vec<String>> {
        let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).unwrap();
        (0..data.columns.len()).map(|column| data.values(column).map(text).collect()).collect()
    }

    #[test]
    fn tables_are_read() {
        let quoted = parse("x.csv", "\u{feff}user,note\r\nann,\"a, \"\"b\"\"\nc\"\n\nbob,\n");
        let quoted = quoted.unwrap();
        assert_eq!(quoted.columns, ["user", "note"]);
        assert_eq!(values(&quoted), [vec!["ann", "bob"], vec!["a, \"b\"\nc", ""]]);
        assert_eq!(values(&parse("x.tsv", "a\tb\n1,5\t2").unwrap()), [["1,5"], ["2"]]);
        let numbers =
            parse("x.ndjson", "{\"a\":-7,\"b\":1.5,\"c\":\"19.90\",\"d\":1e+20}").unwrap();
        assert_eq!(values(&numbers), [["-7"], ["1.5"], ["19.90"], ["1e+20"]]);
        let lines = "{\"a\":\"x\",\"n\":1}\n\n{\"n\":{\"k\":[null]},\"a\":\"\\\"\"}\n";
        for name in ["x.ndjson", "x.jsonl", "anything"] {
            let read = parse(name, lines).unwrap();
            assert_eq!(read.columns, ["a", "n"]);
            assert_eq!(values(&read), [["x", "\""], ["1", "{\"k\":[null]}"]]);
        }
    }

    #[test]
    fn what_is_no_table_is_refused_without_its_values() {
        for (name, text, hint) in [
            ("x.csv", "", "it has no row"),
            ("x.csv", "a,b\n", "it has no row"),
            ("x.csv", "a,b\n1,2\nsecret\n", "line 3"),
            ("x.csv", "a,a\n1,2\n", "two columns are named \"a\""),
            ("x.csv", "a,\n1,2\n", "column 2 cannot be named \"\""),
            ("x.csv", "a}\n1\n", "column 1 cannot be named"),
            ("x.ndjson", "{\"a\":1}\n{\"a\":\"secret\"\n", "line 2 is not a JSON object"),
            ("x.ndjson", "{\"a\":1}\n\"secret\"\n", "line 2 is not a JSON object"),
            ("x.ndjson", "{\"a\":1}\n{\"b\":\"secret\"}\n", "line 2 has no \"a\""),
            ("x.ndjson", "{\"a\":1}\n{\"a\":1,\"b\":\"secret\"}\n", "line 2 has \"b\""),
            ("x.ndjson", "{}\n", "line 1 has no names"),
            ("x.ndjson", "{\"a\":12345678901234567890123}\n", "line 1 has a number as \"a\""),
            ("x.ndjson", "{\"a\":1}\n{\"a\":19.90}\n", "put the numbers of \"a\" in quotes"),
            ("x.ndjson", "{\"a\":1E5}\n", "in other digits"),
        ] {
            let error = parse(name, text).unwrap_err();
            assert!(error.contains(hint) && !error.contains("secret"), "{text:?}: {error}");
        }
        let bytes = b"a\nx\n\xff\n";
        let error = Data::parse("x", Format::Separated(b','), bytes, Order::InTurn).unwrap_err();
        assert_eq!(error, "line 3 is not UTF-8");
    }

    #[test]
    fn rows_are_used_as_asked() {
        let data = parse("x.csv", "n\n0\n1\n2\n").unwrap();
        let shape = Shape { seed: 7, ..Shape::default() };
        let row = |data: &Data, seq| data.value(0, seq, &shape)[0] - b'0';
        assert_eq!((0..7).map(|seq| row(&data, seq)).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
        let random = Data { order: Order::Random, ..data };
        let drawn: Vec<u8> = (0..3_000).map(|seq| row(&random, seq)).collect();
        assert_eq!(drawn, (0..3_000).map(|seq| row(&random, seq)).collect::<Vec<_>>());
        for which in 0..3 {
            let count = drawn.iter().filter(|&&row| row == which).count();
            assert!((800..1_200).contains(&count), "{count}");
        }
        assert!(!format!("{random:?}").contains('2') || format!("{random:?}").contains("rows"));
    }
}
