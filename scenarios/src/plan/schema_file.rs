//! A JSON Schema that records or bodies have to follow.

use serde::{Deserialize, Serialize};

/// A JSON Schema, drafts 2020-12 and 7, with its text: a plan stands alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaFile {
    /// The file that it is read from.
    pub file: String,
    /// What stands in it; empty until it was read.
    pub text: String,
}

impl SchemaFile {
    /// A file that was not read yet.
    #[must_use]
    pub fn at(file: String) -> Self {
        Self { file, text: String::new() }
    }
}
