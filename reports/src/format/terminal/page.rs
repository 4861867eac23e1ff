//! A page of text: wrapped to a width, indented, coloured or not.

use anstyle::Style;

use crate::format::Options;
use crate::format::text;

/// Narrower than this, nothing can be aligned.
const NARROWEST: usize = 40;

/// The text so far.
pub(super) struct Page {
    text: String,
    color: bool,
    width: usize,
}

impl Page {
    pub(super) fn new(options: Options) -> Self {
        let width = usize::from(options.width).max(NARROWEST);
        Self { text: String::new(), color: options.color, width }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// An empty line, unless the page begins here.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A section's name after an empty line.
    pub(super) fn heading(&mut self, name: &str) {
        self.blank();
        self.strong(name);
    }

    /// A paragraph in bold.
    pub(super) fn strong(&mut self, text: &str) {
        for line in wrap(text, self.width) {
            self.painted(&line, Style::new().bold());
            self.text.push('\n');
        }
    }

    /// A wrapped paragraph, every line behind `indent`.
    pub(super) fn paragraph(&mut self, indent: &str, text: &str) {
        for line in wrap(text, self.room(indent.len())) {
            self.text.push_str(indent);
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// A label, padded to `column` characters, with its text beside it.
    pub(super) fn hanging(
        &mut self,
        indent: &str,
        label: &str,
        style: Style,
        column: usize,
        text: &str,
    ) {
        self.columns(indent, &[Cell { text: label, style, column }], text);
    }

    /// Cells side by side and a text behind them, whose other lines stand below
    /// its first. What follows a cell that is too long for its column goes on in
    /// the next line, in its own column.
    pub(super) fn columns(&mut self, indent: &str, cells: &[Cell], text: &str) {
        self.text.push_str(indent);
        let mut below = indent.len();
        let mut at = below;
        for cell in cells {
            self.go_to(&mut at, below);
            self.painted(cell.text, cell.style);
            at += length(cell.text);
            below += cell.column;
        }
        for line in wrap(text, self.room(below)) {
            self.go_to(&mut at, below);
            self.text.push_str(&line);
            // The next line has to begin anew.
            at = usize::MAX;
        }
        self.text.push('\n');
    }

    /// Fills up to a column, in the next line if this one is past it.
    fn go_to(&mut self, at: &mut usize, column: usize) {
        // Two texts are at least one space apart, unless nothing stands before.
        let free = *at == column && !self.text.ends_with(|c: char| c != ' ' && c != '\n');
        if *at < column || free {
            self.spaces(column - *at);
        } else {
            self.text.push('\n');
            self.spaces(column);
        }
        *at = column;
    }

    fn room(&self, indent: usize) -> usize {
        self.width.saturating_sub(indent).max(NARROWEST / 2)
    }

    fn spaces(&mut self, count: usize) {
        self.text.extend(std::iter::repeat_n(' ', count));
    }

    fn painted(&mut self, text: &str, style: Style) {
        let text = text::line(text);
        if self.color {
            self.text.push_str(&format!("{style}{text}{style:#}"));
        } else {
            self.text.push_str(&text);
        }
    }
}

/// A text in a column of its own.
pub(super) struct Cell<'a> {
    pub(super) text: &'a str,
    pub(super) style: Style,
    pub(super) column: usize,
}

/// How many columns a text takes, near enough: one a character.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// Lines of at most `width` characters. Words are kept whole, so that an
/// identity or a path can be copied: one that is too long sticks out.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-word-too-long b", 4), ["a-word-too-long", "b"]);
        assert!(wrap("  ", 4).is_empty());
    }

    #[test]
    fn text_hangs_below_its_own_beginning() {
        let mut page = Page::new(Options { color: false, width: 40 });
        page.hanging("  ", "bound", Style::new(), 8, "at most five for every thousand of them");
        page.hanging("  ", "a-long-label", Style::new(), 8, "text");
        assert_eq!(
            page.into_text(),
            "  bound   at most five for every\n          thousand of them\n  a-long-label\n          text\n"
        );
    }
}
