//! Text of a stranger inside HTML and SVG.

use std::fmt::{self, Display, Write};

/// A text that is shown as it is, in an element or in a quoted attribute.
pub(super) fn text(text: &str) -> Text<'_> {
    Text(text)
}

/// See [`text`].
pub(super) struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                c => f.write_char(c),
            }?;
        }
        Ok(())
    }
}

/// Whether a file of the run's folder can be linked to: a plain path that stays
/// inside.
pub(super) fn links(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    !path.is_empty() && !path.starts_with('/') && !path.contains("..") && path.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_instead_of_obeyed() {
        assert_eq!(
            text("<a b=\"c\" d='e'>&amp;").to_string(),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;"
        );
    }

    #[test]
    fn only_files_of_the_run_are_linked() {
        assert!(links("evidence/a-b_1.ndjson"));
        for path in ["", "/etc/passwd", "../up", "javascript:alert(1)", "a b", "//host/x"] {
            assert!(!links(path), "{path}");
        }
    }
}
