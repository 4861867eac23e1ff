//! Values as YAML, so that every reader takes them for what they are.
//!
//! Kubernetes reads YAML 1.1, in which `on`, `y`, `0x1f` or `12:30` are no texts: any text
//! that is not plainly one stands in quotation marks, as JSON has them.

use std::fmt::Write as _;

use serde_json::Value;

/// A document.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

/// A value that begins where a line does.
fn block(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (name, value)) in fields.iter().enumerate() {
                if at > 0 {
                    out.extend(std::iter::repeat_n(' ', depth));
                }
                out.push_str(&text(name));
                out.push(':');
                nested(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.extend(std::iter::repeat_n(' ', depth));
                }
                out.push_str("- ");
                block(out, item, depth + 2);
            }
        }
        Value::String(string) => {
            let _ = writeln!(out, "{}", text(string));
        }
        // Numbers, truth, nothing and what is empty are written as in JSON.
        other => {
            let _ = writeln!(out, "{other}");
        }
    }
}

/// A value behind its name: on the lines below it if it has several.
fn nested(out: &mut String, value: &Value, depth: usize) {
    let has_lines = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if has_lines {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth + 2));
        block(out, value, depth + 2);
    } else {
        out.push(' ');
        block(out, value, depth);
    }
}

/// A text, in quotation marks unless no reader could take it for anything else.
fn text(string: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let mut bytes = string.bytes();
    let is_plain = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'/')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
        && !WORDS.contains(&string.to_lowercase().as_str());
    if is_plain {
        return string.to_owned();
    }
    let mut out = String::with_capacity(string.len() + 2);
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{2030}'..='\u{d7ff}' => out.push(c),
            // What YAML does not print, or takes for the end of a line.
            c if (c as u32) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![
            any::<String>(),
            "[a-z0-9:#&*!|>' \n\t-]{0,8}",
            prop::sample::select(vec!["on", "Y", "null", "~", "0x1f", "12:30", "1e3", "<<", "- a"])
                .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            texts.clone().prop_map(Value::String),
            any::<i64>().prop_map(|number| json!(number)),
            any::<bool>().prop_map(Value::Bool),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(texts.clone(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Any value is read as what was written.
        #[test]
        fn what_is_written_is_read(value in values()) {
            let text = document(&value);
            let read: Value = serde_saphyr::from_str(&text)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn a_document_is_easy_to_read() {
        let value = json!({"kind": "Job", "list": [{"a": 1, "b": ["x", "on"]}, {}], "none": []});
        assert_eq!(
            document(&value),
            "kind: Job\nlist:\n  - a: 1\n    b:\n      - x\n      - \"on\"\n  - {}\nnone: []\n"
        );
    }
}
