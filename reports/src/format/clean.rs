//! What no rendering may let through: secrets, and characters that would steer
//! a terminal or break a document.
//!
//! Whoever writes a record leaves secrets out already. Evidence, however, quotes
//! the logs of systems that we never saw, so every text is looked at once more.

use std::collections::BTreeMap;

use scenarios::redact::{MASK, is_secret, redact};
use serde_json::Value;

use crate::record::Record;

/// The record as a reader may see it: masked, and without control characters.
pub(super) fn cleaned(record: &Record) -> Record {
    let mut record = each_text(record, &|text| redact(&plain(text)));
    mask_named(&mut record.params);
    record
}

/// The record without secrets, its texts otherwise untouched.
pub(crate) fn masked(record: &Record) -> Record {
    let mut record = each_text(record, &redact);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m\r\n\tend\u{7}\u{202e}\u{9b}é"), "red\n endé");
    }
}
