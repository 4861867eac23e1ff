//! Secrets that are known, such as the passwords of a run's targets, wherever
//! they stand: a driver's error may repeat one without anything beside it that
//! would tell so.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{MASK, is_secret, masked, merged, redact, spans};

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

/// Passwords that everybody knows, and that are names of other things as well,
/// and words that say that there is none.
const PUBLIC: [&str; 14] = [
    "guest", "postgres", "redis", "admin", "root", "user", "test", "password", "PASSWORD",
    "secret", "none", "null", "true", "false",
];

/// A password that is a short word in lower case is the name of other things, too:
/// of a queue, a table, a program. It is masked where something tells that it is
/// one, in an address or as a named value, and not wherever the word stands.
const LONGEST_WORD: usize = 8;

fn is_word(secret: &str) -> bool {
    secret.len() <= LONGEST_WORD && secret.bytes().all(|byte| byte.is_ascii_lowercase())
}

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

    /// The secrets of every text of a value, as of [`Secrets::of`], and the
    /// texts that are named like secrets.
    #[must_use]
    pub fn of_value(value: &Value) -> Self {
        let mut all = Self::default();
        all.gather("", value);
        all
    }

    fn gather(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.add_setting(name, text),
            Value::Array(items) => {
                items.iter().for_each(|item| self.gather(name, item));
                // Of the words of a program one may say that the next is a secret.
                for pair in items.windows(2) {
                    if let [Value::String(flag), Value::String(value)] = pair
                        && flag.starts_with('-')
                    {
                        self.add_setting(flag.trim_start_matches('-'), value);
                    }
                }
            }
            Value::Object(fields) => fields.iter().for_each(|(name, v)| self.gather(name, v)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Those of a setting, a field or a parameter: all of it where it is named
    /// like a secret. A placeholder `${name}` stands for one, and is none.
    pub fn add_setting(&mut self, name: &str, value: &str) {
        let whole = is_secret(name).then_some(0..value.len());
        for span in spans(value).into_iter().chain(whole) {
            if !value[span.clone()].contains("${") {
                self.add(&value[span]);
            }
        }
    }

    /// One more, in the way in which it was written. Decoded it is one as well,
    /// and without the quotes of a shell.
    pub fn add(&mut self, secret: &str) {
        let (decoded, unquoted) = (decoded(secret), secret.replace("'\\''", "'"));
        for secret in [secret, decoded.as_str(), unquoted.as_str()] {
            let is_known = self.known.iter().any(|known| known == secret);
            let letters = secret.bytes().filter(|byte| *byte != b'\\').count();
            let usable = letters >= SHORTEST
                && !PUBLIC.contains(&secret)
                && !is_word(secret)
                && secret != MASK;
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

    /// Hides every text of a value as [`Secrets::hide`] does, and all of what
    /// is named like a secret. The names themselves stay.
    pub fn hide_in(&self, value: &mut Value) {
        walk(value, &|text| self.hide(text));
    }

    /// A value with its texts hidden so; `None` where a word that it is made of
    /// is one of the secrets.
    #[must_use]
    pub fn hidden<T: Serialize + DeserializeOwned>(&self, value: &T) -> Option<T> {
        let mut value = serde_json::to_value(value).ok()?;
        self.hide_in(&mut value);
        serde_json::from_value(value).ok()
    }

    /// The text without these secrets, whatever stands around them and however
    /// they are spelled, and without those that [`redact`] sees.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let mut found: Vec<Range<usize>> = Vec::new();
        for secret in &self.known {
            let mut from = 0;
            while from < text.len() {
                match spelled(text.as_bytes(), from, secret.as_bytes()) {
                    Some(end) if text.is_char_boundary(end) => {
                        found.push(from..end);
                        from = end;
                    }
                    _ => from += text[from..].chars().next().map_or(1, char::len_utf8),
                }
            }
        }
        if found.is_empty() {
            return redact(text);
        }
        found.extend(spans(text));
        redact(&masked(text, merged(found)))
    }
}

/// Applies a change to every text of a value, and masks the texts that are
/// named like secrets.
fn walk(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if is_secret(name) && !text.is_empty() => {
                        MASK.clone_into(text);
                    }
                    value => walk(value, change),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Where a secret ends that begins here, each of its bytes as it is or as `%2F`.
/// Backslashes count for nothing: a text within a text has many. A quote may be
/// one within quotes of a shell: `'\''`.
fn spelled(text: &[u8], at: usize, secret: &[u8]) -> Option<usize> {
    let Some((&wanted, rest)) = secret.split_first() else { return Some(at) };
    if wanted == b'\\' {
        return spelled(text, at, rest);
    }
    let at = plain(text, at);
    let is = |byte: u8| text.get(at) == Some(&byte);
    let ways = [
        is(wanted).then_some(at + 1),
        (is(b'%') && hex(text, at + 1) == Some(wanted)).then_some(at + 3),
        (is(b'+') && wanted == b' ').then_some(at + 1),
        quote_of_a_shell(text, at).filter(|_| wanted == b'\''),
    ];
    ways.into_iter().flatten().find_map(|next| spelled(text, next, rest))
}

/// The next byte that is no backslash, in either spelling.
fn plain(text: &[u8], mut at: usize) -> usize {
    loop {
        at += match text.get(at) {
            Some(b'\\') => 1,
            Some(b'%') if hex(text, at + 1) == Some(b'\\') => 3,
            _ => return at,
        };
    }
}

/// Where `'\''` ends that begins here.
fn quote_of_a_shell(text: &[u8], at: usize) -> Option<usize> {
    let second = plain(text, at + 1);
    let is = text.get(at) == Some(&b'\'') && second > at + 1;
    (is && text.get(second..second + 2) == Some(b"''")).then_some(second + 2)
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
        let quoted = Secrets::of("run --password 'it'\\''s \\it' x");
        for text in ["it's \\it", "'it'\\''s \\it'", "\"'it'\\\\''s \\\\it'\"", "it%27s%20%5Cit"] {
            let shown = quoted.hide(text);
            assert!(shown.contains(MASK) && !shown.contains("it"), "{text} -> {shown}");
        }
    }

    #[test]
    fn the_secrets_of_a_value_are_hidden_in_it_and_its_names_stay() {
        let mut value = serde_json::json!({
            "url": "redis://u:hunter%202@h",
            "headers": {"X-Api-Key": "a b c d"},
            "token": ["${target.token}"],
            "said": ["hunter 2 and a%20b%20c+d", 5, "${target.token}"],
        });
        let known = Secrets::of_value(&value);
        let hidden: Value = known.hidden(&value).unwrap();
        known.hide_in(&mut value);
        assert_eq!(value, hidden);
        assert_eq!(
            value,
            serde_json::json!({
                "url": "redis://u:***@h",
                "headers": {"X-Api-Key": "***"},
                "token": ["${target.token}"],
                "said": ["*** and ***", 5, "${target.token}"],
            })
        );
        assert!(Secrets::of("redis://:h%20w@h").hidden(&String::new()).is_some());
    }

    #[test]
    fn a_name_that_is_everybodys_password_stays_readable() {
        let secrets = Secrets::of("amqp://guest:guest@h and redis://:a@h");
        assert_eq!(secrets.hide("guest at a host"), "guest at a host");
        let secrets = Secrets::of("amqp://joe:orders@h and redis://:orders2@h");
        for (given, shown) in [
            ("queue orders of orders2", "queue orders of ***"),
            ("amqp://joe:orders@h/orders", "amqp://joe:***@h/orders"),
            ("--password orders", "--password ***"),
        ] {
            assert_eq!(secrets.hide(given), shown);
        }
    }
}
