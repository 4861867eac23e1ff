//! Lines of text that fit a width, broken between words.

/// The width of plain lines, in characters.
pub const WIDTH: usize = 80;

/// Appends a text to `lines` in lines of at most `width` characters. The first begins with
/// `lead`, the further ones with as many spaces. A word that is longer than a line is broken
/// at its end, any other between words only.
pub fn put(lines: &mut Vec<String>, lead: &str, text: &str, width: usize) {
    let indent = lead.chars().count();
    let room = width.saturating_sub(indent).max(1);
    let mut line = String::new();
    let mut is_first = true;
    let mut end = |line: &mut String| {
        let before = if is_first { lead.to_owned() } else { " ".repeat(indent) };
        lines.push(format!("{before}{}", std::mem::take(line)).trim_end().to_owned());
        is_first = false;
    };
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let used = line.chars().count();
        if used > 0 && used + 1 + length > room {
            end(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        let mut letters: Vec<char> = word.chars().collect();
        while letters.len() > room && line.is_empty() {
            line.extend(letters.drain(..room));
            end(&mut line);
        }
        line.extend(letters);
    }
    end(&mut line);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn further_lines_are_indented() {
        let mut lines = Vec::new();
        put(&mut lines, "due  ", "one two three", 12);
        assert_eq!(lines, ["due  one two", "     three"]);
        put(&mut lines, "x ", "", 12);
        assert_eq!(lines[2], "x");
    }

    proptest! {
        /// No line is longer than the width, no word is lost, and none that fits is broken.
        #[test]
        fn lines_fit_and_lose_nothing(
            words in prop::collection::vec("[a-z]{1,30}", 0..30),
            lead in "[a-z]{0,9} {0,3}",
            width in 20_usize..60,
        ) {
            let mut lines = Vec::new();
            put(&mut lines, &lead, &words.join(" "), width);
            let indent = lead.chars().count();
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width.max(indent + 1)));
            let told: String = lines.iter().flat_map(|line| line.chars().skip(indent)).collect();
            prop_assert_eq!(told.replace(' ', ""), words.concat());
            let whole: Vec<&str> =
                lines.iter().flat_map(|line| line.get(indent..).unwrap_or("").split(' ')).collect();
            let fits = |word: &&String| word.len() <= width - indent;
            prop_assert!(words.iter().filter(fits).all(|word| whole.contains(&word.as_str())));
        }
    }
}
