//! Arguments of queues, bindings and consumers: a name with a value that has a
//! type.

use std::convert::Infallible;
use std::str::FromStr;

use super::frame::{put_entry, put_short};

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A text.
    Text(String),
}

/// `true` and `false` are booleans, digits a number, and everything else a text;
/// in double quotes it is a text whatever it looks like.
impl FromStr for Value {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Ok(match (quoted, text.parse(), text.parse()) {
            (Some(quoted), ..) => Self::Text(quoted.to_owned()),
            (None, Ok(number), _) => Self::Long(number),
            (None, _, Ok(truth)) => Self::Bool(truth),
            (None, ..) => Self::Text(text.to_owned()),
        })
    }
}

impl Value {
    /// Appends an entry of a table of AMQP, its name in front.
    pub(super) fn put(&self, out: &mut Vec<u8>, name: &str) {
        let mut tagged = |tag: u8, bytes: &[u8]| {
            put_short(out, |out| out.extend_from_slice(name.as_bytes()));
            out.push(tag);
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Bool(truth) => tagged(b't', &[u8::from(*truth)]),
            Self::Long(number) => tagged(b'l', &number.to_be_bytes()),
            Self::Text(text) => {
                put_entry(out, name, |out| out.extend_from_slice(text.as_bytes()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_it_looks_like_unless_it_is_quoted() {
        let value = |text: &str| text.parse::<Value>().unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(value("true"), Value::Bool(true));
        assert_eq!(value("false"), Value::Bool(false));
        assert_eq!(value("-5"), Value::Long(-5));
        assert_eq!(value("quorum"), text("quorum"));
        assert_eq!(value("\"123\""), text("123"));
        assert_eq!(value("\"true\""), text("true"));
        assert_eq!(value(""), text(""));
        assert_eq!(value("\""), text("\""));
        assert_eq!(value("99999999999999999999"), text("99999999999999999999"));
    }

    #[test]
    fn an_entry_has_the_tag_of_its_type() {
        let entry = |value: Value| {
            let mut out = Vec::new();
            value.put(&mut out, "a");
            out
        };
        assert_eq!(entry(Value::Bool(true)), b"\x01at\x01");
        assert_eq!(entry(Value::Long(2)), b"\x01al\0\0\0\0\0\0\0\x02");
        assert_eq!(entry(Value::Text("x".to_owned())), b"\x01aS\0\0\0\x01x");
    }
}
