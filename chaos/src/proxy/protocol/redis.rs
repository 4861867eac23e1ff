//! RESP, versions 2 and 3, as far as its toxics need it: where a command or a
//! reply ends, and what a command says. Nothing is kept of a value but its
//! current line and how deep it is nested.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::{Identity, pointed, text, usual};

/// No line that says a length or an error is longer.
const LONGEST_LINE: usize = 64 * 1024;
/// Nothing is nested deeper.
const DEEPEST: usize = 64;

/// Finds the ends of values in one direction.
#[derive(Default)]
pub(crate) struct Values {
    /// Requests may also be lines of words.
    are_requests: bool,
    line: Vec<u8>,
    /// Bytes of a text that are still to come, with its line end.
    text: u64,
    /// How many values are still to come at each depth.
    open: Vec<u64>,
    /// What the current value begins with, once that is known.
    first: Option<Vec<u8>>,
}

impl Values {
    pub(crate) fn of_requests() -> Self {
        Self { are_requests: true, ..Self::default() }
    }

    /// The first line of the value that is being read or was read last.
    pub(crate) fn first_line(&self) -> Option<&[u8]> {
        self.first.as_deref()
    }

    /// Whether a value has begun and not ended.
    pub(crate) fn is_within(&self) -> bool {
        !self.line.is_empty() || self.text > 0 || !self.open.is_empty()
    }

    /// Reads on up to the end of a value, or of the first line of one; how many
    /// bytes that took, and whether the value has ended.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(usize, bool), &'static str> {
        let mut used = 0;
        if !self.is_within() {
            self.first = None;
        }
        while used < bytes.len() {
            if self.text > 0 {
                let count =
                    (bytes.len() - used).min(usize::try_from(self.text).unwrap_or(usize::MAX));
                (used, self.text) = (used + count, self.text - count as u64);
                if self.text == 0 && self.end_value() {
                    return Ok((used, true));
                }
                continue;
            }
            let rest = &bytes[used..];
            let end = rest.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(rest.len(), |end| end + 1);
            self.line.extend_from_slice(&rest[..count]);
            used += count;
            if self.line.len() > LONGEST_LINE {
                return Err("a line is too long");
            }
            if end.is_none() {
                break;
            }
            let line = std::mem::take(&mut self.line);
            let is_first = self.first.is_none();
            let ended = self.end_line(&line)?;
            self.first.get_or_insert(line);
            if ended || is_first {
                return Ok((used, ended));
            }
        }
        Ok((used, false))
    }

    /// A line is whole; whether the outermost value is.
    fn end_line(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        let length = || {
            let digits = line.get(1..).and_then(|rest| std::str::from_utf8(rest).ok());
            digits.and_then(|text| text.trim_end().parse::<i64>().ok()).ok_or("a length is none")
        };
        let open = match line.first() {
            Some(b'$' | b'=' | b'!') => match u64::try_from(length()?) {
                Ok(bytes) => {
                    self.text = bytes.saturating_add(2);
                    return Ok(false);
                }
                // There is nothing.
                Err(_) => 0,
            },
            Some(b'*' | b'~' | b'>') => u64::try_from(length()?).unwrap_or(0),
            Some(b'%' | b'|') => u64::try_from(length()?).unwrap_or(0).saturating_mul(2),
            Some(b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(') => 0,
            _ if self.are_requests && self.open.is_empty() => 0,
            _ => return Err("it is not RESP"),
        };
        if open == 0 {
            return Ok(self.end_value());
        }
        if self.open.len() == DEEPEST {
            return Err("values are nested too deep");
        }
        self.open.push(open);
        Ok(false)
    }

    /// A value has ended; whether that was the outermost.
    fn end_value(&mut self) -> bool {
        while let Some(open) = self.open.last_mut() {
            *open -= 1;
            if *open > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }
}

/// The words of a whole command.
pub(crate) fn words(command: &[u8]) -> Vec<&[u8]> {
    if command.first() != Some(&b'*') {
        let words = command.split(u8::is_ascii_whitespace);
        return words.filter(|word| !word.is_empty()).collect();
    }
    let mut words = Vec::new();
    // The number of words, then a length and a word each.
    let mut rest = line(command).map(|(_, rest)| rest).unwrap_or_default();
    while let Some((length, behind)) = line(rest)
        && let Some(word) = behind.get(..length)
    {
        words.push(word);
        rest = behind.get(length + 2..).unwrap_or_default();
    }
    words
}

/// A line with a length, and what comes behind it.
fn line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at(end + 1);
    let digits = std::str::from_utf8(line.get(1..)?).ok()?;
    Some((digits.trim_end().parse().ok()?, rest))
}

/// By what a command is known: the value behind a field's name, or a place in
/// the first word that is JSON and has it.
pub(crate) fn id(words: &[&[u8]], identity: &Identity) -> Value {
    let field = |name: &str| {
        let behind = words.iter().skip(2).skip_while(|word| **word != name.as_bytes()).nth(1);
        behind.map(|value| text(value)).unwrap_or_default()
    };
    let first = |look: &dyn Fn(&[u8]) -> Value| {
        let found = words.iter().skip(2).map(|word| look(word));
        found.into_iter().find(|value| !value.is_null()).unwrap_or_default()
    };
    match identity {
        Identity::Usual => match field("id") {
            Value::Null => first(&usual),
            id => id,
        },
        Identity::Header(name) | Identity::Field(name) => field(name),
        Identity::Pointer(pointer) => first(&|word| pointed(word, pointer)),
    }
}

/// All that is known of a command, for the record.
pub(crate) fn identity_of(words: &[&[u8]], number: u64, identity: &Identity) -> Value {
    let word = |at: usize| words.get(at).map(|word| text(word)).unwrap_or_default();
    json!({"id": id(words, identity), "number": number, "command": word(0), "key": word(1)})
}
