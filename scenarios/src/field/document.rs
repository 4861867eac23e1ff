//! What is asked of MongoDB, as fields.

use serde_json::{Value as Json, json};

use super::{Field, Scalar, text};
use crate::documents::{Document, Pipeline};

parsed!(
    Document,
    "document",
    "a document",
    r#"{"kind":"order","at":{"$gt":{"$date":"2026-01-31T00:00:00Z"}}}"#,
    r"^\s*\{|\$\{",
    "A document of MongoDB in extended JSON.",
    Document::default()
);
parsed!(
    Pipeline,
    "pipeline",
    "a pipeline",
    r#"[{"$unwind":"$processed"},{"$project":{"id":"$processed.id"}}]"#,
    r"^\s*\[|\$\{",
    "The stages of an aggregation of MongoDB in extended JSON; none may write.",
    Pipeline::default()
);
