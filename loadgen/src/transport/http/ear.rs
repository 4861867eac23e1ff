//! Listens to an accepted answer where the answers to an operation are
//! compared. Others are not listened to, and their bodies are not kept.

use http::header::HeaderName;
use scenarios::plan::workload::{Hit, Statuses};
use scenarios::pointer::Pointer;
use serde_json::Value as Json;

use super::setting;
use crate::answers::{Said, Value};
use crate::error::LoadError;

/// The longest body that is kept, in bytes.
const LONGEST: usize = 64 * 1024;

/// What is compared of the answers to an operation that is sent twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compare {
    /// Where the value stands that must be the same.
    pub same: Option<Pointer>,
    /// Where it stands that the operation was known already.
    pub hit: Option<Hit>,
}

impl Compare {
    /// Whether anything is compared.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.same.is_some() || self.hit.is_some()
    }

    /// # Errors
    /// When the name of a header cannot be one.
    pub(super) fn check(&self) -> Result<(), LoadError> {
        match &self.hit {
            Some(Hit::Header(name)) => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(_) => Ok(()),
                Err(error) => Err(setting("header of a hit", name, error.to_string())),
            },
            _ => Ok(()),
        }
    }
}

/// What is heard of one answer.
#[derive(Debug)]
pub(super) struct Ear<'a> {
    compare: &'a Compare,
    accepted: &'a Statuses,
    /// The body of this answer is kept.
    keeps: bool,
    body: Vec<u8>,
    header: bool,
}

impl<'a> Ear<'a> {
    pub(super) fn new(compare: &'a Compare, accepted: &'a Statuses) -> Self {
        Self { compare, accepted, keeps: false, body: Vec::new(), header: false }
    }

    /// An answer begins; `header` finds one of its headers.
    pub(super) fn begin(&mut self, status: u16, header: impl FnOnce(&str) -> Option<Vec<u8>>) {
        self.body.clear();
        self.header = false;
        self.keeps = self.accepted.contains(status)
            && (self.compare.same.is_some() || matches!(self.compare.hit, Some(Hit::Body(_))));
        if let Some(Hit::Header(name)) = &self.compare.hit {
            self.header = header(name).is_some_and(|value| says_yes(&value));
        }
    }

    /// Whether the body is of interest.
    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// A part of the body.
    pub(super) fn hear(&mut self, part: &[u8]) {
        // What is longer cannot be read as JSON any more, and says nothing.
        let room = LONGEST.saturating_sub(self.body.len());
        self.body.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// What the answer said.
    pub(super) fn said(&self, retried: bool) -> Said {
        let body: Json = match self.keeps {
            true => serde_json::from_slice(&self.body).unwrap_or_default(),
            false => Json::Null,
        };
        let at = |pointer: &Pointer| pointer.find(&body).filter(|at| !at.is_null());
        Said {
            value: match &self.compare.same {
                None => Value::Unasked,
                Some(pointer) => at(pointer)
                    .map_or(Value::Missing, |value| Value::Text(value.to_string().into())),
            },
            hit: self.compare.hit.as_ref().map(|hit| match hit {
                Hit::Header(_) => self.header,
                Hit::Body(pointer) => match at(pointer) {
                    None => false,
                    Some(Json::String(text)) => says_yes(text.as_bytes()),
                    Some(other) => says_yes(other.to_string().as_bytes()),
                },
            }),
            retried,
        }
    }
}

fn says_yes(text: &[u8]) -> bool {
    let text = text.trim_ascii().to_ascii_lowercase();
    !matches!(&text[..], b"" | b"0" | b"false" | b"no" | b"miss" | b"[]" | b"{}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(compare: &Compare, status: u16, header: &str, body: &str) -> Said {
        let accepted: Statuses = "200-299".parse().unwrap();
        let mut ear = Ear::new(compare, &accepted);
        ear.begin(500, |_| Some(b"true".to_vec()));
        ear.hear(b"what an earlier attempt was told");
        ear.begin(status, |_| (!header.is_empty()).then(|| header.as_bytes().to_vec()));
        if ear.keeps() {
            body.as_bytes().chunks(3).for_each(|part| ear.hear(part));
        }
        ear.said(false)
    }

    #[test]
    fn values_are_found_in_the_body() {
        let compare = Compare { same: "/a/id".parse().ok(), hit: None };
        let value = |body: &str| heard(&compare, 200, "", body).value;
        assert_eq!(value("{\"a\":{\"id\":\"x\"}}"), Value::Text("\"x\"".into()));
        assert_eq!(value("{\"a\":{\"id\":1}}"), Value::Text("1".into()));
        for body in ["", "{", "{\"a\":{}}", "{\"a\":{\"id\":null}}", "[]"] {
            assert_eq!(value(body), Value::Missing, "{body}");
        }
        let long = format!("{{\"a\":{{\"id\":1}},\"b\":\"{}\"}}", "b".repeat(LONGEST));
        assert_eq!(value(&long), Value::Missing);
    }

    #[test]
    fn hits_are_found_in_the_body_or_in_a_header() {
        let body = Compare { same: None, hit: "/hit".parse().ok().map(Hit::Body) };
        for (text, hit) in [
            ("{\"hit\":true}", true),
            ("{\"hit\":1}", true),
            ("{\"hit\":\"yes\"}", true),
            ("{\"hit\":false}", false),
            ("{\"hit\":0}", false),
            ("{\"hit\":\"\"}", false),
            ("{}", false),
        ] {
            let said = heard(&body, 200, "", text);
            assert_eq!((said.hit, said.value), (Some(hit), Value::Unasked), "{text}");
        }
        let header = Compare { same: None, hit: Some(Hit::Header("x-hit".to_owned())) };
        for (text, hit) in [("true", true), ("HIT", true), ("miss", false), ("False", false)] {
            assert_eq!(heard(&header, 200, text, "").hit, Some(hit), "{text}");
        }
        assert_eq!(heard(&header, 200, "", "").hit, Some(false));
    }
}
