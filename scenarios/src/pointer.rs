//! JSON pointers (RFC 6901): `/order/id`, the place of a value in a JSON text.
//!
//! Every place that a scenario, a flag or a proxy's attribute names is read
//! here. The empty pointer, which points to the whole, is not taken: where it
//! stands, a value was forgotten.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON pointer; by default to the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pointer(String);

/// Why a text is no JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It begins with something else than a slash.
    #[error("{text:?} is no JSON pointer; begin it with a slash, such as \"/id\"")]
    NoSlash {
        /// What was given.
        text: String,
    },
    /// A tilde that is no escape.
    #[error("{text:?} is no JSON pointer; write ~ in a name as ~0, and / as ~1")]
    Escape {
        /// What was given.
        text: String,
    },
}

impl Pointer {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names and numbers that lead there, one after the other.
    pub fn steps(&self) -> impl Iterator<Item = String> {
        let steps = self.0.split('/').skip(1);
        steps.map(|step| step.replace("~1", "/").replace("~0", "~"))
    }

    /// What stands there.
    #[must_use]
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        value.pointer(&self.0)
    }

    /// What stands there in a text of JSON; `None` also where it is none.
    #[must_use]
    pub fn find_in(&self, text: &[u8]) -> Option<Value> {
        let mut value: Value = serde_json::from_slice(text).ok()?;
        value.pointer_mut(&self.0).map(Value::take)
    }
}

impl std::str::FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if !text.starts_with('/') {
            return Err(PointerError::NoSlash { text: text.to_owned() });
        }
        // After a tilde stands 0, for itself, or 1, for a slash.
        match text.split('~').skip(1).all(|part| part.starts_with(['0', '1'])) {
            true => Ok(Self(text.to_owned())),
            false => Err(PointerError::Escape { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for Pointer {
    type Error = PointerError;

    fn try_from(text: String) -> Result<Self, PointerError> {
        text.parse()
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> Self {
        pointer.0
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointer(text: &str) -> Pointer {
        text.parse().unwrap()
    }

    /// The examples of RFC 6901, section 5, but for the whole document.
    #[test]
    fn the_examples_of_the_standard_hold() {
        let text = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
            "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}"#;
        let places = ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"];
        for (number, place) in places.iter().enumerate() {
            assert_eq!(pointer(place).find_in(text.as_bytes()), Some(json!(number)), "{place}");
        }
        assert_eq!(pointer("/foo/0").find_in(text.as_bytes()), Some(json!("bar")));
        for none in ["/foo/00", "/foo/+1", "/foo/-", "/foo/2", "/foo/bar", "/x", "/foo/0/x"] {
            assert_eq!(pointer(none).find_in(text.as_bytes()), None, "{none}");
        }
        assert_eq!(pointer("/a").find_in(b"no JSON"), None);
    }

    #[test]
    fn what_is_no_pointer_says_what_to_write() {
        for (text, hint) in
            [("", "slash"), ("id", "slash"), ("#/id", "slash"), ("/a~", "~0"), ("/a~2b", "~0")]
        {
            let error = text.parse::<Pointer>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
