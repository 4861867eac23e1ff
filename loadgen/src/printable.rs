//! What others say, as it may stand on a terminal, in a log or on a page: what would
//! move a cursor, change colours or turn the direction of writing is spelled out.

/// The text in one line, its control characters written as `\n` or `\u{1b}`.
#[must_use]
pub fn line(text: &str) -> String {
    spelled(text, |c| c.is_control() || turns(c))
}

/// The text, in which line breaks and tabs stay.
#[must_use]
pub fn lines(text: &str) -> String {
    spelled(text, |c| c.is_control() && !matches!(c, '\n' | '\t') || turns(c))
}

fn spelled(text: &str, is_spelled: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_spelled(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// Whether a character ends a line, or turns the direction of what follows.
fn turns(c: char) -> bool {
    matches!(
        c,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_what_is_to_be_read() {
        let said = "ERR \u{1b}[2J\u{9b}31m\r\n\u{202e}ü\u{7f}";
        assert_eq!(line(said), "ERR \\u{1b}[2J\\u{9b}31m\\r\\n\\u{202e}ü\\u{7f}");
        assert_eq!(lines("a\n\tb\u{7}"), "a\n\tb\\u{7}");
    }
}
