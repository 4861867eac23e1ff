//! Text of a stranger inside Markdown: it must neither format, link, mention
//! anybody, nor end the cell that it stands in.

use crate::format::text;

/// One line of text, fit for a paragraph, a heading or a cell.
pub(super) fn inline(given: &str) -> String {
    let line = text::line(given);
    let mut out = String::with_capacity(line.len() + 8);
    let mut before = ' ';
    for (index, c) in line.char_indices() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // An empty comment ends what would be a mention or a reference.
            '@' | '#' => {
                out.push(c);
                out.push_str("<!-- -->");
            }
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Inside a word an underscore means nothing.
            '_' if !(before.is_alphanumeric() && next_is_word(&line[index + 1..])) => {
                out.push_str("\\_");
            }
            c => out.push(c),
        }
        before = c;
    }
    out
}

fn next_is_word(rest: &str) -> bool {
    rest.starts_with(char::is_alphanumeric)
}

/// Text that begins a paragraph: its first character must not make it a list, a
/// heading or a rule.
pub(super) fn block(given: &str) -> String {
    let line = inline(given);
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match line[digits..].chars().next() {
        Some('-' | '+' | '=' | '#') if digits == 0 => format!("\\{line}"),
        Some('.' | ')') if digits > 0 => format!("{}\\{}", &line[..digits], &line[digits..]),
        _ => line,
    }
}

/// A name in a code span, fit for a cell. The fence is longer than any run of
/// backticks inside. A bar cannot be written in a span outside of a table, so it
/// is drawn with its full-width form.
pub(super) fn code(given: &str) -> String {
    let line = text::line(given).replace('|', "\u{ff5c}");
    if line.is_empty() {
        return String::new();
    }
    let fence = fence(&line, 1);
    let edge = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{edge}{line}{edge}{fence}")
}

/// A command in a block of its own, to be copied as it is.
pub(super) fn fenced(given: &str) -> String {
    let fence = fence(given, 3);
    format!("{fence}sh\n{given}\n{fence}")
}

/// At least `least` backticks, and more than any run of them inside.
fn fence(inside: &str, least: usize) -> String {
    let longest = inside.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(least.max(longest + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_formats_or_leaves_its_cell() {
        assert_eq!(inline("a|b\nc"), "a\\|b c");
        assert_eq!(inline("<img> @all #12"), "&lt;img&gt; @<!-- -->all #<!-- -->12");
        assert_eq!(inline("snake_case _it_ *b*"), "snake_case \\_it\\_ \\*b\\*");
        assert_eq!(block("- no list"), "\\- no list");
        assert_eq!(block("1. no list"), "1\\. no list");
        assert_eq!(block("17 is a number"), "17 is a number");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(fenced("a ``` b"), "````sh\na ``` b\n````");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a|b"), "`a\u{ff5c}b`");
    }
}
