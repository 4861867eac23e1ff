//! Lines with an identity each: of a file, or of an HTTP answer.

use std::io::{BufRead, BufReader};

use scenarios::pointer::Pointer;
use scenarios::redact::redact;
use serde_json::Value;

/// A line without an end is given up beyond this length.
const LONGEST: usize = 1 << 20;

/// Hands over the identity in a text: all of it, or what a JSON pointer points
/// at.
pub(super) fn identity_in(text: &str, pointer: Option<&Pointer>, take: &mut impl FnMut(&str)) {
    match pointer {
        None => take(text.trim().trim_matches('"')),
        Some(pointer) => {
            if let Some(text) = pointer.find_in(text.as_bytes()).as_ref().and_then(Value::as_str) {
                take(text);
            }
        }
    }
}

/// Reads a file.
pub(super) async fn read_file(
    path: &str,
    pointer: Option<&Pointer>,
    take: &mut impl FnMut(&str),
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let file = BufReader::new(std::fs::File::open(path).map_err(failed)?);
    for line in file.lines() {
        identity_in(&line.map_err(failed)?, pointer, take);
    }
    Ok(())
}

/// Reads an answer as it comes.
pub(super) async fn read_url(
    url: &str,
    pointer: Option<&Pointer>,
    take: &mut impl FnMut(&str),
) -> Result<(), String> {
    let shown = redact(url);
    let failed = |error: reqwest::Error| format!("{shown}: {}", error.without_url());
    let answer = reqwest::get(url).await.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(failed)?;
    let mut unfinished: Vec<u8> = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        unfinished.extend_from_slice(&chunk);
        let mut from = 0;
        while let Some(length) = unfinished[from..].iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&unfinished[from..from + length]);
            identity_in(&line, pointer, take);
            from += length + 1;
        }
        unfinished.drain(..from);
        if unfinished.len() > LONGEST {
            return Err(format!("{shown}: a line is longer than 1 MiB"));
        }
    }
    identity_in(&String::from_utf8_lossy(&unfinished), pointer, take);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_the_text_or_a_part_of_it() {
        let found = |text: &str, pointer: Option<&str>| {
            let mut found = Vec::new();
            let pointer = pointer.map(|pointer| pointer.parse().unwrap());
            identity_in(text, pointer.as_ref(), &mut |id| found.push(id.to_owned()));
            found
        };
        assert_eq!(found(" r/w/1\r", None), ["r/w/1"]);
        assert_eq!(found("\"r/w/1\"", None), ["r/w/1"]);
        assert_eq!(found(r#"{"a":{"id":"r/w/2"}}"#, Some("/a/id")), ["r/w/2"]);
        assert!(found(r#"{"a":1}"#, Some("/a")).is_empty());
        assert!(found("torn {", Some("/a")).is_empty());
    }
}
