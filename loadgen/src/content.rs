//! What a body or a field is made of: payload templates, and bytes that are
//! sent as they are.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use crate::payload::percent;

/// The longest body that is read from a file, in bytes: each connection holds
/// one.
pub const LONGEST_BODY: u64 = 64 << 20;

/// What a body is made of, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content(Vec<Piece>);

/// A part of a [`Content`].
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// A payload template. Where it is JSON, values of a data file that stand
    /// within a string are escaped.
    Text(String),
    /// A payload template whose values of a data file are percent-encoded.
    Encoded(String),
    /// Bytes in which nothing is filled in.
    Bytes(Arc<[u8]>),
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Encoded(text) => text.fmt(f),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

impl From<&str> for Content {
    fn from(template: &str) -> Self {
        Self::from(template.to_owned())
    }
}

impl From<String> for Content {
    fn from(template: String) -> Self {
        Self(vec![Piece::Text(template)])
    }
}

impl From<Vec<Piece>> for Content {
    fn from(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }
}

impl Content {
    /// Bytes that are sent as they are.
    #[must_use]
    pub fn verbatim(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(vec![Piece::Bytes(bytes.into())])
    }

    /// What a file holds: a text is a payload template, without a byte order mark at
    /// its begin, and anything else is sent as it is.
    #[must_use]
    pub fn of_file(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::from(text.strip_prefix('\u{feff}').unwrap_or(&text)),
            Err(binary) => Self::verbatim(binary.into_bytes()),
        }
    }

    /// Its text, where it is a single payload template.
    ///
    /// # Errors
    /// The content as it is, where it is anything else.
    pub fn into_text(mut self) -> Result<String, Self> {
        match (self.0.len(), self.0.pop()) {
            (1, Some(Piece::Text(text))) => Ok(text),
            (_, last) => {
                self.0.extend(last);
                Err(self)
            }
        }
    }

    /// Its parts.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Its payload templates.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) | Piece::Encoded(text) => Some(text.as_str()),
            Piece::Bytes(_) => None,
        })
    }

    /// Whether nothing is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|piece| match piece {
            Piece::Text(text) | Piece::Encoded(text) => text.is_empty(),
            Piece::Bytes(bytes) => bytes.is_empty(),
        })
    }

    /// Whether some of it is sent as it is.
    #[must_use]
    pub fn is_verbatim(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Bytes(_)))
    }

    /// Whether it is filled up to the size that is asked for.
    #[must_use]
    pub fn is_padded(&self) -> bool {
        self.texts().any(|text| text.contains("@{pad}"))
    }
}

/// Whether a template tells one operation from another.
#[must_use]
pub fn names_operation(template: &str) -> bool {
    template.contains("@{id}") || template.contains("@{seq}")
}

/// A payload template whose literal text is percent-encoded, as in a form. Its
/// marks stay.
#[must_use]
pub fn encoded(template: &str) -> String {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find("@{") {
        let (literal, after) = rest.split_at(at);
        // What opens no mark is a literal; what does not end is told later.
        let (mark, literal) = match literal.strip_suffix('@') {
            Some(literal) => (2, format!("{literal}@{{")),
            None => (after.find('}').map_or(after.len(), |end| end + 1), literal.to_owned()),
        };
        percent(&literal, &mut out);
        if mark > 2 {
            out.extend_from_slice(&after.as_bytes()[..mark]);
        }
        rest = &after[mark..];
    }
    percent(rest, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Why a file could not be taken in.
#[derive(Debug, thiserror::Error)]
#[error("{shown} cannot be read: {problem}")]
pub struct FileError {
    /// The file.
    pub shown: String,
    /// What is wrong and what to do about it.
    pub problem: String,
}

/// Everything that a file holds, or the standard input where it is `-`.
///
/// # Errors
/// When there is no such file, it is a folder, or has more than `most` bytes.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let is_input = path.as_os_str() == "-";
    let shown = if is_input { "the standard input".to_owned() } else { path.display().to_string() };
    let wrong = |problem: String| FileError { shown: shown.clone(), problem };
    let fails = |error: io::Error| {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::IsADirectory => "it is a folder; name a file in it".to_owned(),
            _ => error.to_string(),
        };
        wrong(problem)
    };
    let mut bytes = Vec::new();
    let limit = most.saturating_add(1);
    if is_input {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(fails)?;
    } else {
        let file = File::open(path).map_err(fails)?;
        file.take(limit).read_to_end(&mut bytes).map_err(fails)?;
    }
    if bytes.len() as u64 > most {
        return Err(wrong(format!("it has more than {} MiB, which is the most", most >> 20)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_template_or_sent_as_it_is() {
        let text = Content::of_file(b"{\"id\":\"@{id}\"}".to_vec());
        assert_eq!(text, Content::from("{\"id\":\"@{id}\"}"));
        assert!(!text.is_verbatim() && text.texts().all(names_operation));
        let binary = Content::of_file(b"\xff\x00@{id}".to_vec());
        assert!(binary.is_verbatim() && binary.texts().next().is_none());
        assert!(Content::of_file(Vec::new()).is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_taken_in_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body");
        std::fs::write(&file, vec![b'x'; 11 << 20]).unwrap();
        assert_eq!(read(&file, 11 << 20).unwrap().len(), 11 << 20);
        for (path, most, hint) in [
            (file.as_path(), 10 << 20, "more than 10 MiB"),
            (folder.path(), 1, "it is a folder"),
            (&folder.path().join("none"), 1, "there is no such file"),
        ] {
            let error = read(path, most).unwrap_err().to_string();
            assert!(error.contains(hint) && error.contains("cannot be read"), "{error}");
        }
    }
}
