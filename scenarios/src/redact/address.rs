//! The passwords of addresses: `scheme://user:PASSWORD@host`, and the same
//! without a scheme.

use std::ops::Range;

/// The begins of schemes after whose hosts one name stands: a database, a
/// virtual host.
const NAMED: [&str; 5] = ["amqp", "redis", "postgres", "mongodb", "kafka"];

/// What messages and help write where user and password belong.
const EXAMPLES: [&str; 2] = ["user:password", "USER:PASSWORD"];

/// Finds them.
pub(super) fn spans(text: &str, out: &mut Vec<Range<usize>>) {
    if is_one(text) {
        return within(text, 0..text.len(), out);
    }
    let mut from = 0;
    while let Some(word) = next_word(text, from) {
        from = word.end;
        within(text, word, out);
    }
}

/// Finds them in a text that is one address and nothing else, whatever stands
/// in it.
pub(super) fn whole(text: &str, out: &mut Vec<Range<usize>>) {
    let address = match text.find("://").filter(|&end| is_scheme(&text[..end])) {
        Some(end) => password(text, end + 3..text.len(), is_named(&text[..end])),
        // There is no telling where the hosts end.
        None => password(text, 0..text.len(), true),
    };
    out.extend(address);
}

/// Whether a scheme may stand in a text before its `://`, or `name=scheme`; a
/// password before it, in an address without a scheme, may not.
fn is_scheme(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "+-._=".contains(c))
}

/// Whether one name stands after the hosts of a scheme's addresses.
fn is_named(scheme: &str) -> bool {
    NAMED.iter().any(|name| is_prefix(name, scheme))
}

/// Whether a text is one address, or the setting `name=address`: then a quote
/// is no end of it.
fn is_one(text: &str) -> bool {
    let begins = text.split_once("://").is_some_and(|(before, _)| is_scheme(before));
    begins && !text.contains(char::is_whitespace)
}

/// What may stand together in an address. A quote `'` may, unlike the others.
fn next_word(text: &str, from: usize) -> Option<Range<usize>> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`' | '\\');
    let start = from + text[from..].find(|c| !ends(c))?;
    let end = text[start..].find(ends).map_or(text.len(), |at| start + at);
    Some(start..end)
}

/// The addresses of one word, each up to the next one's scheme.
fn within(text: &str, word: Range<usize>, out: &mut Vec<Range<usize>>) {
    let mut at = word.start;
    while let Some(found) = text[at..word.end].find("://") {
        let scheme = scheme_before(text, at, at + found);
        bare(text, at..scheme, out);
        let start = at + found + 3;
        let mut nexts = text[start..word.end].match_indices("://").map(|(next, _)| start + next);
        let end = nexts.find(|&next| !is_open(&text[start..next]));
        let end = end.map_or(word.end, |next| scheme_before(text, start, next));
        out.extend(password(text, start..end, is_named(&text[scheme..at + found])));
        at = end;
        if text[at..word.end].find("://").is_none() {
            return;
        }
    }
    bare(text, at..word.end, out);
}

/// Whether what follows the `://` of an address is a password that has not come
/// to its end: then another `://` is a part of it.
fn is_open(text: &str) -> bool {
    let authority = text.split(['/', '?', '#']).next().unwrap_or(text);
    let password = authority.split_once(':').map(|(_, password)| password);
    !text.contains('@') && !text.starts_with('[') && password.is_some_and(|text| !is_port(text))
}

/// Where the scheme begins that ends before `end`.
fn scheme_before(text: &str, from: usize, end: usize) -> usize {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    from + text[from..end].trim_end_matches(part).len()
}

/// `user:PASSWORD@host` without a scheme, which a broken address may be.
fn bare(text: &str, word: Range<usize>, out: &mut Vec<Range<usize>>) {
    let part = |c: char| c.is_ascii_alphanumeric() || "._%+~$!-*".contains(c);
    let mut from = word.start;
    while let Some(colon) = text[from..word.end].find(':').map(|at| from + at) {
        let user = from + text[from..colon].trim_end_matches(part).len();
        let begins = user == word.start;
        from = colon + 1;
        if user == colon && !begins {
            continue;
        }
        if let Some(span) = password(text, user..word.end, false) {
            from = span.end;
            out.push(span);
        }
    }
}

/// Whether a text begins with a word of ASCII, in any case.
fn is_prefix(word: &str, text: &str) -> bool {
    text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

/// The password of what begins with `user:password@host`. A path may have an
/// `@`; where only one `named` thing follows the host, which must encode it,
/// such an `@` is the end of a password with a slash.
fn password(text: &str, address: Range<usize>, named: bool) -> Option<Range<usize>> {
    let whole = &text[address.clone()];
    let colon = whole.find(':')?;
    let authority = whole.find(['/', '?', '#']).unwrap_or(whole.len());
    let path = last_at(whole).filter(|_| named);
    let end = match path.or_else(|| last_at(&whole[..authority])) {
        Some(end) => end,
        // What is no port is the begin of a password with a slash.
        None if whole.starts_with('[') => return None,
        None if colon < authority && !is_port(&whole[colon + 1..authority]) => last_at(whole)?,
        None if colon == 0 => last_at(whole)?,
        None => return None,
    };
    let example = EXAMPLES.iter().any(|example| whole.get(..end) == Some(*example));
    (colon < end && !example).then(|| address.start + colon + 1..address.start + end)
}

/// The last `@` that is no mark of a payload such as `@{id}`, nor that of an
/// image.
fn last_at(text: &str) -> Option<usize> {
    let before_host = |at: &usize| {
        let after = &text[at + 1..];
        !after.starts_with('{') && !after.starts_with("sha256:")
    };
    text.rmatch_indices('@').map(|(at, _)| at).find(before_host)
}

/// Whether what follows the first colon of an authority begins with a port.
fn is_port(text: &str) -> bool {
    text.split(',').next().is_some_and(|port| port.chars().all(|c| c.is_ascii_digit()))
}
