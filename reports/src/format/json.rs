//! The record itself, as `verdict.json` holds it.

use crate::record::Record;

/// Pretty JSON, fields in the order of the schema.
pub(super) fn render(record: &Record) -> String {
    record.to_json()
}
