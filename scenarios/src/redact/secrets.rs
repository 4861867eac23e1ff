//! Secrets that are known, such as the passwords of a run's targets, wherever
//! they stand: a driver's error may repeat one without anything beside it that
//! would tell so.

use std::ops::Range;

use serde_json::Value;

use super::{MASK, is_secret, merged, redact, spans};

/// What is masked even if nothing around tells that it is a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Longest first, decoded and as they were written.
    known: Vec<String>,
}

/// How many there are, and none of them.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.known.len())
    }
}

/// Shorter ones would be found everywhere: no text could be read any more.
const SHORTEST: usize = 4;

/// Passwords that everybody knows, and that are names of other things as well.
const PUBLIC: [&str; 7] = ["guest", "postgres", "redis", "admin", "root", "user", "test"];

impl Secrets {
    /// The secrets that stand in a text, as [`redact`] finds them.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut all = Self::default();
        for span in spans(text) {
            all.add(&text[span]);
        }
        all
    }

    /// One more, in the way in which it was written. Decoded it is one as well.
    pub fn add(&mut self, secret: &str) {
        let decoded = decoded(secret);
        for secret in [secret, decoded.as_str()] {
            let is_known = self.known.iter().any(|known| known == secret);
            let usable = secret.len() >= SHORTEST && !PUBLIC.contains(&secret) && secret != MASK;
            if usable && !is_known {
                self.known.push(secret.to_owned());
            }
        }
        self.known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// All of both.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        for secret in &others.known {
            self.add(secret);
        }
        self
    }

    /// Without those that stand in a text: what everybody can read there is no
    /// secret.
    #[must_use]
    pub fn not_in(mut self, text: &str) -> Self {
        self.known.retain(|secret| !text.contains(secret));
        self
    }

    /// Every text of a value hidden as by [`Secrets::hide`], and whatever is
    /// named like a secret.
    pub fn hide_in(&self, value: &mut Value) {
        walk(value, &|text| self.hide(text));
    }

    /// The text without these secrets, whatever stands around them and however
    /// they are spelled, and without those that [`redact`] sees.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let mut found: Vec<Range<usize>> = Vec::new();
        for secret in &self.known {
            let mut from = 0;
            while from < text.len() {
                match spelled(text, from, secret) {
                    Some(end) => {
                        found.push(from..end);
                        from = end;
                    }
                    None => from += text[from..].chars().next().map_or(1, char::len_utf8),
                }
            }
        }
        if found.is_empty() {
            return redact(text);
        }
        found.extend(spans(text));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for span in merged(found) {
            out.push_str(&text[done..span.start]);
            out.push_str(MASK);
            done = span.end;
        }
        out.push_str(&text[done..]);
        redact(&out)
    }
}

/// Applies a change to every text of a value, names included, and masks the
/// texts that are named like secrets.
fn walk(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut value)| {
                    match &mut value {
                        Value::String(text) if is_secret(&name) && !text.is_empty() => {
                            MASK.clone_into(text);
                        }
                        value => walk(value, change),
                    }
                    (change(&name), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Where a secret ends that begins here, each of its bytes as it is, as `%2F`,
/// or with a backslash before it as in JSON.
fn spelled(text: &str, from: usize, secret: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    for &wanted in secret.as_bytes() {
        at = if bytes.get(at) == Some(&wanted) {
            at + 1
        } else if bytes.get(at) == Some(&b'%') && hex(bytes, at + 1) == Some(wanted) {
            at + 3
        } else if bytes.get(at) == Some(&b'\\') && bytes.get(at + 1) == Some(&wanted) {
            at + 2
        } else if bytes.get(at) == Some(&b'+') && wanted == b' ' {
            at + 1
        } else {
            return None;
        };
    }
    text.is_char_boundary(at).then_some(at)
}

fn hex(bytes: &[u8], at: usize) -> Option<u8> {
    let digits = std::str::from_utf8(bytes.get(at..at + 2)?).ok()?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// `%2F` and its like replaced; what is none stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| hex(bytes, at + 1)).flatten();
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_is_hidden_in_every_spelling() {
        let secrets = Secrets::of("amqp://joe:p%40s%2Fs word@h");
        let secrets = secrets.and(&Secrets::of("amqp://joe:p%40s%2Fsword@h"));
        for text in ["p@s/sword", "p%40s%2fsword", "refused p@s%2Fsword!", "x%70@s/sword"] {
            let shown = secrets.hide(text);
            assert!(shown.contains(MASK) && !shown.contains("sword"), "{shown}");
        }
        assert!(!format!("{secrets:?}").contains("sword"));
    }

    #[test]
    fn a_name_that_is_everybodys_password_stays_readable() {
        let secrets = Secrets::of("amqp://guest:guest@h and redis://:a@h");
        assert_eq!(secrets.hide("guest at a host"), "guest at a host");
    }
}
