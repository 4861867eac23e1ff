//! The JSON Schema of the scenario language, and the reference for people that
//! is made of it.

mod reference;

use serde_json::{Value as Json, json};

pub use reference::reference;

/// The schema (draft 2020-12), made by the functions that read the file.
#[must_use]
pub fn schema() -> Json {
    let mut schema = crate::file::describe();
    if let Json::Object(object) = &mut schema {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("Shakedown scenario"));
        object.insert("description".to_owned(), json!("What to load, break, watch and check."));
        object.insert("$defs".to_owned(), crate::field::definitions());
    }
    schema
}
