//! What no rendering may let through: secrets, and characters that would steer
//! a terminal or break a document.
//!
//! Whoever writes a record leaves secrets out already. Evidence, however, quotes
//! the logs of systems that we never saw, so every text is looked at once more.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::Record;

const MASK: &str = "***";

/// The ends of names whose values are secrets.
const SECRETS: [&str; 7] =
    ["password", "passwd", "secret", "token", "api_key", "apikey", "api-key"];

/// The record as a reader may see it: masked, and without control characters.
pub(super) fn cleaned(record: &Record) -> Record {
    let mut record = each_text(record, &|text| mask(&plain(text)));
    mask_named(&mut record.params);
    record
}

/// The record without secrets, its texts otherwise untouched.
pub(crate) fn masked(record: &Record) -> Record {
    let mut record = each_text(record, &mask);
    mask_named(&mut record.params);
    record
}

fn mask_named(params: &mut BTreeMap<String, String>) {
    for (name, value) in params {
        if is_secret(name) {
            MASK.clone_into(value);
        }
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.ends_with(secret))
}

/// Applies `change` to every text of a record, by way of its JSON, so that a
/// field that is added later cannot be forgotten here.
fn each_text(record: &Record, change: &dyn Fn(&str) -> String) -> Record {
    let mut value = serde_json::to_value(record).expect("a record has only text for keys");
    walk(&mut value, change);
    serde_json::from_value(value).expect("a record reads back as it was written")
}

fn walk(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut value)| {
                    walk(&mut value, change);
                    (change(&name), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes out terminal escape sequences, control characters other than the line
/// feed, marks that reverse the direction of writing, and what XML forbids.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                // A control sequence ends with the first byte of 0x40 to 0x7E.
                for c in rest.by_ref() {
                    if ('\u{40}'..='\u{7e}').contains(&c) {
                        break;
                    }
                }
            }
            '\t' => out.push(' '),
            '\n' => out.push('\n'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Masks the password of every address (`amqp://guest:***@host`), the value of
/// every `password=` and its like, and every bearer token.
fn mask(text: &str) -> String {
    mask_bearers(&mask_values(&mask_addresses(text)))
}

fn mask_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "/?#\"'<>`".contains(c))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority
            .rsplit_once('@')
            .and_then(|(user, host)| Some((user.split_once(':')?.0, host)))
        {
            Some((user, host)) => out.push_str(&format!("{user}:{MASK}@{host}")),
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn mask_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        if is_secret(&before[..at]) {
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let inner = quote.map_or(after, |_| &after[1..]);
            let end = inner
                .find(|c: char| match quote {
                    Some(quote) => c == quote,
                    None => c.is_whitespace() || "&;,\"'<>".contains(c),
                })
                .unwrap_or(inner.len());
            if end > 0 {
                out.extend(quote);
                out.push_str(MASK);
                rest = &inner[end..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn mask_bearers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("Bearer ") {
        let (before, after) = rest.split_at(at + "Bearer ".len());
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "\"',;".contains(c));
        let (token, tail) = after.split_at(end.unwrap_or(after.len()));
        out.push_str(if token.is_empty() { "" } else { MASK });
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        for (given, shown) in [
            ("amqp://guest:s3cret@h:5672/v", "amqp://guest:***@h:5672/v"),
            ("a http://u:p@h and redis://:pw@h2/0.", "a http://u:***@h and redis://:***@h2/0."),
            ("http://u:p@ss@h/", "http://u:***@h/"),
            ("amqp://guest@h and user@example.org", "amqp://guest@h and user@example.org"),
            ("--set db_password=hunter2 --set n=5", "--set db_password=*** --set n=5"),
            ("PASSWORD='a b' x", "PASSWORD='***' x"),
            ("?token=abc&n=1", "?token=***&n=1"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("password=", "password="),
            ("= = 5", "= = 5"),
        ] {
            assert_eq!(mask(given), shown);
        }
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m\r\n\tend\u{7}\u{202e}\u{9b}é"), "red\n endé");
    }
}
