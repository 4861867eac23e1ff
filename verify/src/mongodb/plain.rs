//! Values of MongoDB as JSON and as texts: numbers as they are, dates as RFC 3339,
//! the ids of objects as their digits.

use std::borrow::Cow;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{RawBsonRef, RawDocument, Uuid};
use scenarios::locator::{Part, Record};
use scenarios::pointer::Pointer;
use serde_json::{Number, Value};

/// The greatest whole number up to which a double has each one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A document as a record.
pub(crate) struct Found<'a>(pub(crate) &'a RawDocument);

impl<'a> Found<'a> {
    /// What stands at a path of names and numbers with dots between them.
    fn path(&self, path: &str) -> Option<RawBsonRef<'a>> {
        let whole = RawBsonRef::Document(self.0);
        // A name may have dots, too.
        let named = step(whole, path);
        named.or_else(|| path.split('.').try_fold(whole, step))
    }
}

impl Record for Found<'_> {
    fn whole(&self) -> Option<Cow<'_, [u8]>> {
        let json = value(RawBsonRef::Document(self.0));
        serde_json::to_vec(&json).ok().map(Cow::Owned)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        text(self.path(name)?).map(|text| Cow::Owned(text.into_bytes()))
    }

    fn at(&self, part: &Part, pointer: &Pointer) -> Option<Value> {
        let from = match part {
            Part::Whole => RawBsonRef::Document(self.0),
            Part::Field(name) => match self.path(name)? {
                // A field may hold JSON as a text.
                RawBsonRef::String(text) => return pointer.find_in(text.as_bytes()),
                other => other,
            },
            Part::Property(_) | Part::Header(_) => return None,
        };
        pointer.steps().try_fold(from, |at, name| step(at, &name)).map(value)
    }
}

/// What stands in a value under a name, or in a list at a number.
fn step<'a>(at: RawBsonRef<'a>, name: &str) -> Option<RawBsonRef<'a>> {
    match at {
        RawBsonRef::Document(document) => document.get(name).ok().flatten(),
        RawBsonRef::Array(list) => list.get(name.parse().ok()?).ok().flatten(),
        _ => None,
    }
}

/// The text of a value that has no parts.
#[must_use]
pub(crate) fn text(of: RawBsonRef<'_>) -> Option<String> {
    match value(of) {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value as JSON.
#[must_use]
pub(crate) fn value(of: RawBsonRef<'_>) -> Value {
    match of {
        RawBsonRef::Double(number) => double(number),
        RawBsonRef::Int32(number) => Value::from(number),
        RawBsonRef::Int64(number) => Value::from(number),
        RawBsonRef::Decimal128(number) => Value::String(number.to_string()),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) | RawBsonRef::JavaScriptCode(text) => {
            Value::String(text.to_owned())
        }
        RawBsonRef::Boolean(truth) => Value::Bool(truth),
        RawBsonRef::ObjectId(id) => Value::String(id.to_hex()),
        RawBsonRef::DateTime(at) => instant(at.timestamp_millis()),
        RawBsonRef::Timestamp(at) => instant(i64::from(at.time) * 1_000),
        RawBsonRef::Binary(binary) => {
            let uuid = <[u8; 16]>::try_from(binary.bytes);
            match (binary.subtype, uuid) {
                (BinarySubtype::Uuid, Ok(bytes)) => {
                    Value::String(Uuid::from_bytes(bytes).to_string())
                }
                _ => Value::String(binary.bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            }
        }
        RawBsonRef::Document(document) => {
            let parts = document.iter().filter_map(Result::ok);
            Value::Object(parts.map(|(name, part)| (name.to_string(), value(part))).collect())
        }
        RawBsonRef::Array(list) => {
            Value::Array(list.into_iter().filter_map(Result::ok).map(value).collect())
        }
        RawBsonRef::RegularExpression(_)
        | RawBsonRef::JavaScriptCodeWithScope(_)
        | RawBsonRef::DbPointer(_)
        | RawBsonRef::Null
        | RawBsonRef::Undefined
        | RawBsonRef::MaxKey
        | RawBsonRef::MinKey => Value::Null,
    }
}

/// A whole number is written as one: shells and languages with one kind of number
/// store it so.
fn double(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() <= EXACT {
        true => Value::from(number as i64),
        false => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

/// Milliseconds since 1970 as RFC 3339; what no calendar has, as their number.
fn instant(ms: i64) -> Value {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => Value::String(format!("{at:.3}")),
        Err(_) => Value::from(ms),
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{DateTime, RawDocumentBuf, doc};
    use scenarios::locator::Locator;

    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_stands_in_a_document() {
        let id = ObjectId::parse_str("65f0c2a1b3d4e5f60718293a").unwrap();
        let document = doc! {
            "_id": id,
            "user": { "id": "user-1" },
            "a.b": "dotted",
            "processed": [{ "id": "r/w/1", "at": DateTime::from_millis(1_769_817_600_250) }],
            "version": 5.0,
            "share": 0.5,
            "count": 7_i64,
            "is": true,
            "nothing": null,
            "payload": "{\"id\":\"r/w/2\"}",
        };
        let document = RawDocumentBuf::try_from(&document).unwrap();
        for (place, expected) in [
            ("field:_id", Some("65f0c2a1b3d4e5f60718293a")),
            ("field:user.id", Some("user-1")),
            ("field:a.b", Some("dotted")),
            ("field:processed.0.id", Some("r/w/1")),
            ("field:processed.0.at", Some("2026-01-31T00:00:00.250Z")),
            ("/processed/0/at", Some("2026-01-31T00:00:00.250Z")),
            ("field:processed /0/id", Some("r/w/1")),
            ("field:processed", None),
            ("field:processed.1.id", None),
            ("field:version", Some("5")),
            ("/share", Some("0.5")),
            ("field:count", Some("7")),
            ("/is", Some("true")),
            ("field:nothing", None),
            ("field:payload /id", Some("r/w/2")),
            ("field:payload", Some("{\"id\":\"r/w/2\"}")),
            (r#"regex:"id":"(r/w/[0-9]+)","#, None),
            (r#"regex:r/w/[0-9]+"#, Some("r/w/2")),
            ("property:message_id", None),
        ] {
            let locator: Locator = place.parse().unwrap();
            let found = locator.find(&Found(&document));
            assert_eq!(found.as_deref(), expected, "{place}");
        }
    }
}
