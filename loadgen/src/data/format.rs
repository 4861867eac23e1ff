//! The formats of data files.

use std::path::Path;

use serde_json::{Map, Value as Json};

use super::{Data, plain};

/// How a data file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Values with this byte between them (RFC 4180); the first line names the
    /// columns.
    Separated(u8),
    /// A JSON object in each line.
    Lines,
}

impl Format {
    /// The format that the name of a file says, else what it begins with.
    #[must_use]
    pub fn of(path: &Path, bytes: &[u8]) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Self::Separated(b','),
            Some("tsv") => Self::Separated(b'\t'),
            Some("ndjson" | "jsonl") => Self::Lines,
            _ if bytes.trim_ascii_start().starts_with(b"{") => Self::Lines,
            _ => Self::Separated(b','),
        }
    }
}

/// Takes in separated values.
pub(super) fn separated(text: &str, separator: u8, data: &mut Data) -> Result<(), String> {
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(text.as_bytes());
    let columns = reader.headers().map_err(|error| wrong(&error))?;
    let columns: Vec<String> = columns.iter().map(str::to_owned).collect();
    if columns.is_empty() {
        return Ok(());
    }
    data.name(columns)?;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| wrong(&error))? {
        record.iter().try_for_each(|value| data.push(value))?;
    }
    Ok(())
}

/// What is wrong, without any value.
fn wrong(error: &csv::Error) -> String {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line} has {len} values, and there are {expected_len} columns")
        }
        _ => format!("line {line} is not CSV"),
    }
}

/// Takes in JSON objects.
pub(super) fn lines(text: &str, data: &mut Data) -> Result<(), String> {
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let number = index + 1;
        let object: Map<String, Json> = serde_json::from_str(line)
            .map_err(|_| format!("line {number} is not a JSON object"))?;
        if data.columns.is_empty() {
            if object.is_empty() {
                return Err(format!("line {number} has no names"));
            }
            data.name(object.keys().cloned().collect())?;
        }
        for column in 0..data.columns.len() {
            let name = &data.columns[column];
            let value = object.get(name).ok_or_else(|| {
                format!("line {number} has no {name:?}; all lines must have the same names")
            })?;
            if let Json::Number(written) = value
                && !stands(&written.to_string(), line)
            {
                return Err(format!(
                    "line {number} has a number as {name:?} that would be sent in other digits; \
                     put the numbers of {name:?} in quotes"
                ));
            }
            data.push(&plain(value))?;
        }
        if let Some(name) = object.keys().find(|name| !data.columns.contains(name)) {
            return Err(format!(
                "line {number} has {name:?}, which the first one has not; all lines must have \
                 the same names"
            ));
        }
    }
    Ok(())
}

/// Whether a number stands in a line in these digits, and not only within another.
fn stands(number: &str, line: &str) -> bool {
    let part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    line.match_indices(number).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| line.as_bytes().get(before));
        let after = line.as_bytes().get(at + number.len());
        ![before, after].into_iter().flatten().any(part)
    })
}
