//! A contract: the JSON Schema that messages and documents have to follow.
//!
//! Drafts 2020-12 and 7, by what `$schema` says; 2020-12 where it says nothing. Formats are
//! demanded, not merely noted. Nothing is ever fetched: a `$ref` has to lead to a place in
//! the schema itself. Patterns are matched in time that grows with the text alone, so that
//! none takes for ever; what can only be matched by trying, such as look-around, is refused.

mod words;

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

/// The longest schema, in bytes.
pub(crate) const LONGEST: u64 = 1 << 20;
/// About how much memory a pattern may take, in bytes.
const PATTERN: usize = 1 << 20;

/// A JSON Schema, ready to be held against texts.
#[derive(Debug)]
pub(crate) struct Contract {
    validator: Validator,
    /// Names of formats that nobody knows, with their places: nothing is demanded by them.
    unknown_formats: Vec<(String, String)>,
}

/// Why a text is no schema that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContractError {
    /// The place in the schema, a JSON pointer; empty for the whole.
    pub(crate) at: String,
    /// What is wrong and what to do.
    pub(crate) why: String,
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str(&self.why),
            at => write!(f, "at {at}: {}", self.why),
        }
    }
}

/// How a text departs from a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    /// The place in the text, a JSON pointer; empty for the whole.
    pub(crate) at: String,
    /// What is wrong there.
    pub(crate) what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str(&self.what),
            at => write!(f, "{at}: {}", self.what),
        }
    }
}

impl Contract {
    /// Reads a schema.
    ///
    /// # Errors
    /// What is wrong with it, where, and what to do.
    pub(crate) fn new(text: &str) -> Result<Self, ContractError> {
        let whole = |why: String| ContractError { at: String::new(), why };
        let schema: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| whole(format!("this is no JSON: {error}")))?;
        let draft = draft(&schema)?;
        let options = jsonschema::options()
            .with_draft(draft)
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN),
            );
        let mut unknown_formats = Vec::new();
        formats(&schema, &mut String::new(), &mut |at, name| {
            if !options.is_known_format(draft, name) {
                unknown_formats.push((at.to_owned(), name.to_owned()));
            }
        });
        let validator = options.build(&schema).map_err(|error| refusal(&schema, &error))?;
        if everything().iter().all(|value| validator.is_valid(value)) {
            let why = "every JSON value follows this schema, so that nothing can break it; say what must be there, with type, required and properties";
            return Err(whole(why.to_owned()));
        }
        Ok(Self { validator, unknown_formats })
    }

    /// What of it is probably not meant as it is written.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = String> {
        self.unknown_formats.iter().map(|(at, name)| {
            format!("at {at}: nobody knows the format {name:?}, so nothing is demanded by it; say it with pattern, minimum or the like")
        })
    }

    /// Whether a text follows it.
    pub(crate) fn is_followed(&self, text: &[u8]) -> bool {
        serde_json::from_slice(text).is_ok_and(|value| self.validator.is_valid(&value))
    }

    /// The first thing by which a text departs from it. A text that is no JSON does so.
    pub(crate) fn breach(&self, text: &[u8]) -> Option<Breach> {
        let value: Value = match serde_json::from_slice(text) {
            Ok(value) => value,
            Err(error) => return Some(no_json(text, &error)),
        };
        let error = self.validator.validate(&value).err()?;
        Some(Breach { at: error.instance_path().to_string(), what: words::of(&error) })
    }
}

fn no_json(text: &[u8], error: &serde_json::Error) -> Breach {
    let what = if text.is_empty() {
        "it is empty, and no JSON".to_owned()
    } else if std::str::from_utf8(text).is_err() {
        "it is no UTF-8 text, and so no JSON".to_owned()
    } else {
        format!("it is no JSON: {error}")
    };
    Breach { at: String::new(), what }
}

/// Values of every type, each as empty as can be and with something in it.
fn everything() -> [Value; 8] {
    [
        Value::Null,
        json!(true),
        json!(-0.5),
        json!(""),
        json!("\u{1}x"),
        json!([null, "x"]),
        json!({}),
        json!({ "\u{1}x": [{}] }),
    ]
}

/// The draft that a schema is of.
fn draft(schema: &Value) -> Result<Draft, ContractError> {
    let wrong = |at: &str, why: String| Err(ContractError { at: at.to_owned(), why });
    match schema {
        Value::Bool(_) | Value::Object(_) => {}
        _ => {
            return wrong("", "a schema is an object, such as { \"type\": \"object\" }".to_owned());
        }
    }
    let Some(named) = schema.get("$schema") else { return Ok(Draft::Draft202012) };
    match named.as_str().map(|named| named.trim_end_matches('#')) {
        Some("https://json-schema.org/draft/2020-12/schema") => Ok(Draft::Draft202012),
        Some(
            "http://json-schema.org/draft-07/schema" | "https://json-schema.org/draft-07/schema",
        ) => Ok(Draft::Draft7),
        _ => wrong(
            "/$schema",
            format!(
                "{named} is none of the drafts that are known; write \"https://json-schema.org/draft/2020-12/schema\" or \"http://json-schema.org/draft-07/schema#\""
            ),
        ),
    }
}

/// Hands over every format of a schema with its place.
fn formats(value: &Value, at: &mut String, found: &mut impl FnMut(&str, &str)) {
    visit(value, at, &mut |at, key, value| {
        if let ("format", Value::String(name)) = (key, value) {
            found(at, name);
        }
    });
}

/// Hands over every key of a schema with its place. What stands in examples and the like
/// is no part of it.
fn visit(value: &Value, at: &mut String, see: &mut impl FnMut(&str, &str, &Value)) {
    let length = at.len();
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                if matches!(key.as_str(), "const" | "enum" | "default" | "examples") {
                    continue;
                }
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                see(at, key, inner);
                visit(inner, at, see);
                at.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                at.push_str(&format!("/{index}"));
                visit(inner, at, see);
                at.truncate(length);
            }
        }
        _ => {}
    }
}

/// What is wrong with a schema that was refused.
fn refusal(schema: &Value, error: &ValidationError<'_>) -> ContractError {
    if let ValidationErrorKind::Referencing(why) = error.kind() {
        return unresolved(schema, &why.to_string());
    }
    // Against the schema of schemas, the instance is the schema itself.
    let at = match error.instance_path().as_str() {
        "" => error.schema_path().to_string(),
        at => at.to_owned(),
    };
    let is_pattern = at.contains("/pattern")
        && matches!(error.kind(), ValidationErrorKind::Format { format } if format == "regex");
    let why = if is_pattern {
        format!(
            "{} is no pattern that can be used; it must be a regular expression without look-around and back-references, and not larger than a mebibyte when it is laid out",
            words::shown(error.instance())
        )
    } else {
        words::of(error)
    };
    ContractError { at, why }
}

/// A `$ref` that leads nowhere, or out of the document.
fn unresolved(schema: &Value, why: &str) -> ContractError {
    let mut outside: Option<(String, String)> = None;
    let mut inside: Option<(String, String)> = None;
    visit(schema, &mut String::new(), &mut |at, key, value| {
        let (true, Value::String(reference)) = (matches!(key, "$ref" | "$dynamicRef"), value)
        else {
            return;
        };
        let found = (at.to_owned(), reference.clone());
        match reference.strip_prefix('#') {
            None => {
                outside.get_or_insert(found);
            }
            Some(pointer) if pointer.starts_with('/') && schema.pointer(pointer).is_none() => {
                inside.get_or_insert(found);
            }
            Some(_) => {}
        }
    });
    match (inside, outside) {
        (Some((at, reference)), _) => {
            let why = format!(
                "there is nothing at {reference:?} in this schema; correct the $ref, or write what it means into \"$defs\""
            );
            ContractError { at, why }
        }
        (None, Some((at, reference))) => {
            let why = format!(
                "{reference:?} leads out of this document, and nothing is fetched; copy what stands there into \"$defs\" and refer to it by \"#/$defs/NAME\""
            );
            ContractError { at, why }
        }
        (None, None) => {
            ContractError { at: String::new(), why: format!("a $ref leads nowhere: {why}") }
        }
    }
}

#[cfg(test)]
mod tests;
