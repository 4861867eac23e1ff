//! Listens to an accepted answer where the answers to an operation are
//! compared, and to where a redirect leads where it is followed. Others are not
//! listened to, and their bodies are not kept.
//!
//! A body that was compressed is read where that was asked for. Nothing is read
//! out of one that comes in another encoding: it is counted as unread.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use http::header::HeaderName;
use scenarios::plan::workload::{Hit, Statuses};
use scenarios::pointer::Pointer;
use serde_json::Value as Json;

use super::follow::is_redirect;
use super::{Target, setting};
use crate::answers::{Said, Value};
use crate::error::LoadError;
use crate::split::Split;

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
    /// `None` where only redirects are of interest.
    compare: Option<&'a Compare>,
    accepted: &'a Statuses,
    /// Compressed bodies are read.
    decompresses: bool,
    /// Redirects are followed.
    follows: bool,
    /// The body of this answer is kept.
    keeps: bool,
    coding: Coding,
    body: Vec<u8>,
    header: bool,
    location: Option<Vec<u8>>,
    /// By which header the figures are split.
    split: Option<&'a Split>,
    /// Who gave this answer.
    part: Option<usize>,
}

/// How the content of an answer is encoded (RFC 9110, 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
    Other,
}

impl Coding {
    fn of(header: Option<&[u8]>) -> Self {
        let is = |name: &str| {
            header.is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
        };
        match header {
            None => Self::Plain,
            Some(_) if is("identity") || is("") => Self::Plain,
            Some(_) if is("gzip") || is("x-gzip") => Self::Gzip,
            Some(_) => Self::Other,
        }
    }
}

impl<'a> Ear<'a> {
    /// Listens to what is compared, if it `compares`, and to redirects.
    pub(super) fn new(target: &'a Target, compares: bool) -> Self {
        Self {
            compare: compares.then_some(&target.compare),
            accepted: &target.accepted,
            decompresses: target.compressed,
            follows: target.follow.is_some(),
            keeps: false,
            coding: Coding::Plain,
            body: Vec::new(),
            header: false,
            location: None,
            split: target.split.as_ref(),
            part: None,
        }
    }

    /// Who gave the last answer, where that is asked for.
    pub(super) fn part(&self) -> Option<usize> {
        self.part
    }

    /// Whether it listens to what is compared.
    pub(super) fn compares(&self) -> bool {
        self.compare.is_some()
    }

    /// An answer begins; `header` finds one of its headers.
    pub(super) fn begin<'h>(&mut self, status: u16, header: impl Fn(&str) -> Option<&'h [u8]>) {
        self.body.clear();
        self.header = false;
        self.location = None;
        if self.follows && is_redirect(status) {
            self.location = header("location").map(<[u8]>::to_vec);
        }
        if let Some(split) = self.split {
            self.part = header(&split.header).and_then(|value| split.part(value));
        }
        let Some(compare) = self.compare else { return };
        self.keeps = self.accepted.contains(status)
            && (compare.same.is_some() || matches!(compare.hit, Some(Hit::Body(_))));
        if self.keeps {
            self.coding = Coding::of(header("content-encoding"));
        }
        if let Some(Hit::Header(name)) = &compare.hit {
            self.header = header(name).is_some_and(says_yes);
        }
    }

    /// Where the answer leads on to.
    pub(super) fn location(&mut self) -> Option<Vec<u8>> {
        self.location.take()
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

    /// The body without its encoding; `None` if it cannot be read.
    fn content(&self) -> Option<Vec<u8>> {
        match self.coding {
            Coding::Plain => Some(self.body.clone()),
            Coding::Gzip if self.decompresses => {
                let mut content = Vec::new();
                // What is longer says nothing, compressed or not.
                let most = LONGEST as u64;
                let read = MultiGzDecoder::new(&*self.body).take(most).read_to_end(&mut content);
                (read.is_ok() || self.body.len() >= LONGEST).then_some(content)
            }
            Coding::Gzip | Coding::Other => None,
        }
    }

    /// What the answer said, if that is compared.
    pub(super) fn said(&self, retried: bool) -> Option<Said> {
        let compare = self.compare?;
        let content = if self.keeps { self.content() } else { Some(Vec::new()) };
        let unread = content.is_none();
        let body: Json = serde_json::from_slice(&content.unwrap_or_default()).unwrap_or_default();
        let at = |pointer: &Pointer| pointer.find(&body).filter(|at| !at.is_null());
        Some(Said {
            value: match &compare.same {
                Some(pointer) if !unread => at(pointer)
                    .map_or(Value::Missing, |value| Value::Text(value.to_string().into())),
                _ => Value::Unasked,
            },
            hit: match &compare.hit {
                Some(Hit::Header(_)) => Some(self.header),
                Some(Hit::Body(pointer)) if !unread => Some(match at(pointer) {
                    None => false,
                    Some(Json::String(text)) => says_yes(text.as_bytes()),
                    Some(other) => says_yes(other.to_string().as_bytes()),
                }),
                _ => None,
            },
            retried,
            unread,
        })
    }
}

fn says_yes(text: &[u8]) -> bool {
    let text = text.trim_ascii().to_ascii_lowercase();
    !matches!(&text[..], b"" | b"0" | b"false" | b"no" | b"miss" | b"[]" | b"{}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ear<'a>(compare: &'a Compare, accepted: &'a Statuses, decompresses: bool) -> Ear<'a> {
        Ear {
            compare: Some(compare),
            accepted,
            decompresses,
            follows: false,
            keeps: false,
            coding: Coding::Plain,
            body: Vec::new(),
            header: false,
            location: None,
            split: None,
            part: None,
        }
    }

    fn heard(compare: &Compare, status: u16, header: &str, body: &str) -> Said {
        let accepted: Statuses = "200-299".parse().unwrap();
        let mut ear = ear(compare, &accepted, false);
        ear.begin(500, |_| Some(b"true"));
        ear.hear(b"what an earlier attempt was told");
        ear.begin(status, |name| {
            (!header.is_empty() && name == "x-hit").then_some(header.as_bytes())
        });
        if ear.keeps() {
            body.as_bytes().chunks(3).for_each(|part| ear.hear(part));
        }
        ear.said(false).unwrap()
    }

    #[test]
    fn a_compressed_body_is_read_or_said_to_be_unread() {
        let compare = Compare { same: "/id".parse().ok(), hit: "/hit".parse().ok().map(Hit::Body) };
        let accepted: Statuses = "200-299".parse().unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"{\"id\":7,\"hit\":true}").unwrap();
        let packed = packed.finish().unwrap();
        let said = |decompresses, coding: &str, body: &[u8]| {
            let mut ear = ear(&compare, &accepted, decompresses);
            ear.begin(200, |_| Some(coding.as_bytes()));
            ear.hear(body);
            ear.said(false).unwrap()
        };
        let read = said(true, "gzip", &packed);
        assert_eq!(
            (read.value, read.hit, read.unread),
            (Value::Text("7".into()), Some(true), false)
        );
        let plain = said(true, "identity", b"{\"id\":7}");
        assert_eq!((plain.value, plain.unread), (Value::Text("7".into()), false));
        for unread in [
            said(false, "GZIP", &packed),
            said(true, "br", &packed),
            said(true, "gzip", &packed[..packed.len() - 9]),
            said(true, "gzip", b"{\"id\":7}"),
        ] {
            assert_eq!((unread.value, unread.hit, unread.unread), (Value::Unasked, None, true));
        }
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
