//! Values that are named like secrets, in every way in which a name and its
//! value are written: `password=x`, `password = "x"`, `"password": "x"`,
//! `?password=x&`, `--password x`, `Authorization: Bearer x`.

use std::ops::Range;

use super::MASK;

/// The ends of names of secrets, in lower case and without what joins words.
const SECRETS: [&str; 19] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secrets",
    "token",
    "apikey",
    "accesskey",
    "accesskeyid",
    "secretkey",
    "privatekey",
    "credential",
    "credentials",
    "authmechanismproperties",
    "jaasconfig",
    "redisclipassword",
];

/// Names of headers whose value may have several words.
const HEADERS: [&str; 4] = ["authorization", "proxyauthorization", "cookie", "setcookie"];

/// Words that begin the value of such a header, or show a secret by
/// themselves.
const SCHEMES: [&str; 5] = ["bearer", "basic", "digest", "negotiate", "token"];

/// Whether the value of what is called so is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let plain = plain(name);
    let last = name.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    SECRETS.iter().any(|secret| plain.ends_with(secret))
        || ["pass", "pw"].iter().any(|word| last.eq_ignore_ascii_case(word))
        || is_header(name)
}

fn is_header(name: &str) -> bool {
    HEADERS.contains(&plain(name).as_str())
}

/// In lower case, and without what joins words.
fn plain(name: &str) -> String {
    let joins = |c: &char| !matches!(c, '-' | '_' | '.');
    name.chars().filter(joins).map(|c| c.to_ascii_lowercase()).collect()
}

/// Finds the values.
pub(super) fn spans(text: &str, out: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(name) = next_name(text, from) {
        from = name.end;
        if !is_secret(&text[name.clone()]) {
            continue;
        }
        if let Some(value) = value(text, &name) {
            from = value.end.max(from);
            out.push(value);
        }
    }
}

/// Finds what follows `Bearer` and its like.
pub(super) fn bearers(text: &str, out: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(word) = next_name(text, from) {
        from = word.end;
        let Some(rest) = text[word.end..].strip_prefix(' ') else { continue };
        let token = word.end + 1..word.end + 1 + rest.find(ends_word).unwrap_or(rest.len());
        let is_token = match text[word].to_ascii_lowercase().as_str() {
            "bearer" => true,
            "basic" => is_encoded(&text[token.clone()]),
            _ => false,
        };
        if is_token {
            from = token.end;
            out.push(token);
        }
    }
}

/// Whether a word looks like base64, and not like a word.
fn is_encoded(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let inner = |c: char| !c.is_ascii_lowercase();
    word.len() >= 4 && word.chars().all(letters) && word.chars().skip(1).any(inner)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';')
}

fn next_name(text: &str, from: usize) -> Option<Range<usize>> {
    let start = from + text[from..].find(is_name)?;
    let end = text[start..].find(|c| !is_name(c)).map_or(text.len(), |at| start + at);
    Some(start..end)
}

/// The value that a name is given.
fn value(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let after = &text[name.end..];
    let closed = after.trim_start_matches(['\\', '"', '\'', '`', ']']);
    let spaced = closed.trim_start_matches([' ', '\t']);
    let at = |rest: &str| text.len() - rest.len();
    let rest = match spaced.strip_prefix(['=', ':']) {
        // `=>` and `:=` as well.
        Some(rest) => rest.trim_start_matches(['=', '>']).trim_start_matches([' ', '\t']),
        // `--password x`, and as one word of several: `"--password", "x"`.
        None if text[name.clone()].starts_with("--") => closed.trim_start_matches([',', ' ', '\t']),
        None => return None,
    };
    if rest.is_empty() || at(rest) == name.end {
        return None;
    }
    let start = at(rest);
    // What is masked already ends with its mask.
    let masked = rest.strip_prefix(MASK).map(|after| after.chars().next());
    if masked
        .is_some_and(|after| after.is_none_or(|c| c.is_whitespace() || "'\"`,;&)]}\\".contains(c)))
    {
        return Some(start..start + MASK.len());
    }
    Some(match quote(rest) {
        Some((open, quote)) => {
            let inner = start + open.len();
            inner..inner + closing(&text[inner..], open, quote)
        }
        None if is_header(&text[name.clone()]) => header(text, start),
        None => {
            let joined = text[..name.start].ends_with(['?', '&', ';']);
            start..start + bare(rest, joined)
        }
    })
}

/// The quote that a value begins with, as it is written: in a text within a
/// text with its backslashes.
fn quote(rest: &str) -> Option<(&str, char)> {
    let slashes = rest.len() - rest.trim_start_matches('\\').len();
    let quote = rest[slashes..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    Some((&rest[..=slashes], quote))
}

/// Where the quote closes that was opened so: one with as many backslashes, or
/// in an outermost text one without an odd number of them; but not one of a
/// shell's `'\''`.
fn closing(inner: &str, open: &str, quote: char) -> usize {
    let opened = open.len() - 1;
    let mut within = 0;
    let closes = inner.match_indices(quote).find_map(|(at, _)| {
        if at < within {
            return None;
        }
        let after = inner[at + 1..].trim_start_matches('\\');
        if quote == '\'' && after.len() < inner.len() - at - 1 && after.starts_with("''") {
            within = inner.len() - after.len() + 2;
            return None;
        }
        let slashes = at - inner[..at].trim_end_matches('\\').len();
        let even = opened == 0 && slashes.is_multiple_of(2);
        (slashes == opened || even).then(|| at - opened)
    });
    closes.unwrap_or(inner.len())
}

/// How long a value without quotes is. A parameter of an address ends with the
/// next one; elsewhere only a space ends it for certain, or a quote that
/// closes what the value is the end of.
fn bare(rest: &str, joined: bool) -> usize {
    let ends = |c: char| c.is_whitespace() || (joined && matches!(c, '&' | '#' | '"' | '\''));
    rest.find(ends).unwrap_or(rest.len())
}

/// What is secret of the value of a header: all after the name of its scheme.
fn header(text: &str, start: usize) -> Range<usize> {
    let line = text[start..].find(['\n', '\r', '"']).map_or(text.len(), |at| start + at);
    let value = &text[start..line];
    let first = value.find(' ').unwrap_or(value.len());
    match SCHEMES.contains(&value[..first].to_ascii_lowercase().as_str()) && first < value.len() {
        true => start + first + 1..line,
        false => start..line,
    }
}
