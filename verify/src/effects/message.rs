//! A message of AMQP as a record: its properties, its headers and its body.

use std::borrow::Cow;

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use scenarios::locator::{Part, Record};
use scenarios::pointer::Pointer;
use serde_json::{Number, Value};

/// A message with its properties.
pub(super) struct Message<'a>(&'a BasicProperties, &'a [u8]);

impl<'a> Message<'a> {
    /// The message of a delivery.
    pub(super) fn of(delivery: &'a Delivery) -> Self {
        Self(&delivery.properties, &delivery.data)
    }

    fn value(&self, header: &str) -> Option<&AMQPValue> {
        self.0.headers().as_ref()?.inner().get(header)
    }
}

impl Record for Message<'_> {
    fn whole(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.1))
    }

    fn property(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let properties = self.0;
        let text = match name {
            "message_id" => properties.message_id(),
            "correlation_id" => properties.correlation_id(),
            "type" => properties.kind(),
            "app_id" => properties.app_id(),
            "user_id" => properties.user_id(),
            "reply_to" => properties.reply_to(),
            "content_type" => properties.content_type(),
            _ => return None,
        };
        text.as_ref().map(|text| Cow::Borrowed(text.as_str().as_bytes()))
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match self.value(name)? {
            AMQPValue::LongString(text) => Some(Cow::Borrowed(text.as_bytes())),
            AMQPValue::ShortString(text) => Some(Cow::Borrowed(text.as_str().as_bytes())),
            AMQPValue::ByteArray(bytes) => Some(Cow::Borrowed(bytes.as_slice())),
            value => match json(value) {
                Value::Null | Value::Array(_) | Value::Object(_) => None,
                plain => Some(Cow::Owned(plain.to_string().into_bytes())),
            },
        }
    }

    /// A header may be a list or a table: `header:x-death /0/count`.
    fn at(&self, part: &Part, pointer: &Pointer) -> Option<Value> {
        if let Part::Header(name) = part
            && let Some(value @ (AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_))) =
                self.value(name)
        {
            return pointer.find(&json(value)).cloned();
        }
        pointer.find_in(&self.part(part)?)
    }
}

/// A value of a header as JSON.
fn json(value: &AMQPValue) -> Value {
    let number = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    match value {
        AMQPValue::LongString(text) => {
            Value::String(String::from_utf8_lossy(text.as_bytes()).into_owned())
        }
        AMQPValue::ShortString(text) => Value::String(text.as_str().to_owned()),
        AMQPValue::ByteArray(bytes) => {
            Value::String(String::from_utf8_lossy(bytes.as_slice()).into_owned())
        }
        AMQPValue::Boolean(truth) => Value::Bool(*truth),
        AMQPValue::ShortShortInt(number) => Value::from(*number),
        AMQPValue::ShortShortUInt(number) => Value::from(*number),
        AMQPValue::ShortInt(number) => Value::from(*number),
        AMQPValue::ShortUInt(number) => Value::from(*number),
        AMQPValue::LongInt(number) => Value::from(*number),
        AMQPValue::LongUInt(number) => Value::from(*number),
        AMQPValue::Timestamp(number) => Value::from(*number),
        AMQPValue::LongLongInt(number) => Value::from(*number),
        AMQPValue::Float(value) => number(f64::from(*value)),
        AMQPValue::Double(value) => number(*value),
        AMQPValue::FieldArray(list) => Value::Array(list.as_slice().iter().map(json).collect()),
        AMQPValue::FieldTable(table) => object(table),
        AMQPValue::DecimalValue(_) | AMQPValue::Void => Value::Null,
    }
}

fn object(table: &FieldTable) -> Value {
    let parts = table.inner().iter();
    Value::Object(parts.map(|(name, value)| (name.as_str().to_owned(), json(value))).collect())
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldArray;
    use scenarios::locator::Locator;

    use super::*;

    #[test]
    fn headers_of_every_kind_are_read() {
        let mut death = FieldTable::default();
        death.insert("count".into(), AMQPValue::LongLongInt(5));
        death.insert("queue".into(), AMQPValue::LongString("work".into()));
        let mut headers = FieldTable::default();
        headers.insert("x-retry-count".into(), AMQPValue::LongInt(5));
        headers.insert("x-share".into(), AMQPValue::Double(0.5));
        headers.insert("x-told".into(), AMQPValue::LongString("{\"tries\":7}".into()));
        let deaths = FieldArray::from(vec![AMQPValue::FieldTable(death)]);
        headers.insert("x-death".into(), AMQPValue::FieldArray(deaths));
        let properties =
            BasicProperties::default().with_headers(headers).with_message_id("r/w/1".into());
        let message = Message(&properties, br#"{"id":"r/w/2"}"#);
        for (place, expected) in [
            ("message_id", Some("r/w/1")),
            ("/id", Some("r/w/2")),
            ("header:x-retry-count", Some("5")),
            ("header:x-share", Some("0.5")),
            ("header:x-told /tries", Some("7")),
            ("header:x-death /0/count", Some("5")),
            ("header:x-death /0/queue", Some("work")),
            ("header:x-death /1/count", None),
            ("header:x-death", None),
            ("header:nobody /0", None),
            ("field:x", None),
        ] {
            let locator: Locator = place.parse().unwrap();
            assert_eq!(locator.find(&message).as_deref(), expected, "{place}");
        }
    }
}
