//! What is wrong with a text that departs from a schema, in plain words of bounded length.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// The most characters of a value that are shown.
const VALUE: usize = 60;
/// The most characters in all.
const ALL: usize = 300;
/// The most names of a list that are shown.
const NAMES: usize = 5;

/// What an error says.
pub(super) fn of(error: &ValidationError<'_>) -> String {
    cut(&told(error), ALL)
}

fn told(error: &ValidationError<'_>) -> String {
    let value = error.instance();
    let shown = shown(value);
    match error.kind() {
        Kind::Type { kind } => format!("{shown} is {}, and must be {}", a(value), types(kind)),
        Kind::Required { property } => format!("{property} is missing"),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("{} must not be there", names(unexpected))
        }
        Kind::AdditionalItems { limit } => format!("{shown} has more than {limit} items"),
        Kind::UnevaluatedItems { .. } => format!("{shown} has items that must not be there"),
        Kind::Enum { options } => match options.as_array() {
            Some(options) => {
                let options: Vec<String> = options.iter().map(self::shown).collect();
                format!("{shown} is none of {}", list(&options))
            }
            None => format!("{shown} is none of what is allowed"),
        },
        Kind::Constant { expected_value } => {
            format!("{shown} must be {}", self::shown(expected_value))
        }
        Kind::Minimum { limit } => format!("{shown} is less than {limit}"),
        Kind::Maximum { limit } => format!("{shown} is more than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("{shown} is not more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("{shown} is not less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("{shown} is no multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("{shown} is shorter than {limit} characters"),
        Kind::MaxLength { limit } => format!("{shown} is longer than {limit} characters"),
        Kind::MinItems { limit } => format!("{shown} has fewer than {limit}"),
        Kind::MaxItems { limit } => format!("{shown} has more than {limit}"),
        Kind::MinProperties { limit } => format!("{shown} has fewer than {limit} properties"),
        Kind::MaxProperties { limit } => format!("{shown} has more than {limit} properties"),
        Kind::UniqueItems => format!("{shown} has an item twice"),
        Kind::Contains => format!("{shown} has none, or not as many, of the items that it must"),
        Kind::Pattern { pattern } => format!("{shown} does not match {pattern:?}"),
        Kind::Format { format } => format!("{shown} is no {format}"),
        Kind::PropertyNames { error } => format!("a name is wrong: {}", told(error)),
        Kind::AnyOf { context } => {
            format!("{shown} fits none of the {} forms of anyOf", context.len())
        }
        Kind::OneOfNotValid { context } => {
            format!("{shown} fits none of the {} forms of oneOf", context.len())
        }
        Kind::OneOfMultipleValid { .. } => {
            format!("{shown} fits more than one of the forms of oneOf")
        }
        Kind::Not { .. } => format!("{shown} is what \"not\" forbids"),
        Kind::FalseSchema => format!("{shown} must not be there"),
        Kind::ContentEncoding { content_encoding } => format!("{shown} is no {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => {
            format!("{shown} is no {content_media_type}")
        }
        Kind::BacktrackLimitExceeded { .. }
        | Kind::RegexEngineFailure { .. }
        | Kind::Custom { .. }
        | Kind::FromUtf8 { .. }
        | Kind::Referencing(_) => error.masked_with("it").to_string(),
    }
}

/// A value, shortly; of an array and an object what it is.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => match items.len() {
            1 => "an array of 1 item".to_owned(),
            many => format!("an array of {many} items"),
        },
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("{:?}", cut(text, VALUE)),
        Value::Null | Value::Bool(_) | Value::Number(_) => cut(&value.to_string(), VALUE),
    }
}

fn a(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(some) => {
            let some: Vec<String> = some.iter().map(|one| one.to_string()).collect();
            some.join(" or ")
        }
    }
}

fn names(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{:?}", cut(name, VALUE))).collect();
    list(&quoted)
}

fn list(items: &[String]) -> String {
    match items.len() {
        all if all <= NAMES => items.join(", "),
        all => format!("{} and {} more", items[..NAMES].join(", "), all - NAMES),
    }
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
