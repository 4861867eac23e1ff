//! What stands behind the host of an address, as browsers and curl send it: spaces
//! and letters of other languages percent-encoded, what is encoded left alone.

use percent_encoding::{AsciiSet, utf8_percent_encode};

/// What must not stand in a query as it is, by the URL standard.
const QUERY: &AsciiSet = &AsciiSet::EMPTY.add(b' ').add(b'"').add(b'<').add(b'>');

/// What must not stand in a path as it is, by the URL standard.
const PATH: &AsciiSet = &QUERY.add(b'^').add(b'`').add(b'{').add(b'}');

/// A template of path and query with its literal text encoded. Its marks stay.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut set = PATH;
    while !rest.is_empty() {
        let mark = rest.find("@{");
        let (literal, after) = rest.split_at(mark.unwrap_or(rest.len()));
        match literal.split_once('?').filter(|_| std::ptr::eq(set, PATH)) {
            Some((path, query)) => {
                set = QUERY;
                out.extend(utf8_percent_encode(path, PATH));
                out.push('?');
                out.extend(utf8_percent_encode(query, QUERY));
            }
            None => out.extend(utf8_percent_encode(literal, set)),
        }
        // What opens no mark, or is none, is told by whoever reads the template.
        let length = match literal.ends_with('@') {
            true => after.len().min(2),
            false => after.find('}').map_or(after.len(), |end| end + 1),
        };
        out.push_str(&after[..length]);
        rest = &after[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_as_browsers_do() {
        for (given, sent) in [
            ("/a b", "/a%20b"),
            ("/ü?ö=ä b", "/%C3%BC?%C3%B6=%C3%A4%20b"),
            ("/a%20b?c=%C3%BC", "/a%20b?c=%C3%BC"),
            ("/a{b}?{c}", "/a%7Bb%7D?{c}"),
            ("/x y/@{int:1-2}?q=@{key} z&q=1&q=2", "/x%20y/@{int:1-2}?q=@{key}%20z&q=1&q=2"),
            ("/a?b=@@{c} d", "/a?b=@@{c}%20d"),
            ("/a+b;c=d,e/~f", "/a+b;c=d,e/~f"),
            ("/@{open", "/@{open"),
            ("?x=\"<>\"", "?x=%22%3C%3E%22"),
            ("", ""),
        ] {
            assert_eq!(encoded(given), sent);
        }
    }
}
