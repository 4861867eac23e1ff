//! Where in a shell's text a value is put, and how it has to be written there
//! to be what it is.

/// The innermost quotes that are open.
#[derive(Clone, Copy, PartialEq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// A value as it has to be written at the end of a shell's text to be part of
/// one word.
pub(super) fn quoted(before: &str, value: &str) -> String {
    match open(before) {
        Quotes::None => shell_words::quote(value).into_owned(),
        Quotes::Single => value.replace('\'', r"'\''"),
        Quotes::Double => value.chars().fold(String::new(), |mut text, letter| {
            if matches!(letter, '\\' | '"' | '$' | '`') {
                text.push('\\');
            }
            text.push(letter);
            text
        }),
    }
}

/// What is open at the end of a text. A `$(…)` begins anew, also within quotes; a
/// comment, which goes to the end of its line, opens nothing.
fn open(text: &str) -> Quotes {
    // With each the parentheses that are open in it.
    let mut around = vec![(Quotes::None, 0_u32)];
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let begins_a_word = before.is_whitespace() || ";&|()".contains(before);
        before = letter;
        let Some((quotes, parentheses)) = around.last_mut() else { return Quotes::None };
        match (*quotes, letter) {
            (Quotes::Single, '\'') | (Quotes::Double, '"') => {
                around.pop();
            }
            (Quotes::Single, _) => {}
            (Quotes::None, '#') if begins_a_word => {
                letters.by_ref().find(|&letter| letter == '\n');
                before = '\n';
            }
            (_, '\\') => {
                letters.next();
            }
            (_, '$') if letters.peek() == Some(&'(') => {
                letters.next();
                around.push((Quotes::None, 0));
            }
            (Quotes::None, '\'') => around.push((Quotes::Single, 0)),
            (Quotes::None, '"') => around.push((Quotes::Double, 0)),
            (Quotes::None, '(') => *parentheses += 1,
            (Quotes::None, ')') if *parentheses > 0 => *parentheses -= 1,
            (Quotes::None, ')') if around.len() > 1 => {
                around.pop();
            }
            _ => {}
        }
    }
    around.last().map_or(Quotes::None, |(quotes, _)| *quotes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_is_quoted_for_its_place() {
        for (before, written) in [
            ("psql ", r"'a'\''$b'"),
            ("psql '", r"a'\''$b"),
            ("psql \"", r"a'\$b"),
            ("psql 'a' \"b\" ", r"'a'\''$b'"),
            ("echo \"$(psql '", r"a'\''$b"),
            ("echo \"$(psql (x) 'y')", r"a'\$b"),
            ("echo \\'", r"'a'\''$b'"),
            ("# it isn't\necho \"", r"a'\$b"),
            ("a # it isn't\necho ", r"'a'\''$b'"),
            ("a#'", r"a'\''$b"),
            ("a '# b' ", r"'a'\''$b'"),
        ] {
            assert_eq!(quoted(before, "a'$b"), written, "{before}");
        }
        assert_eq!(quoted("psql --url=", "postgres://h/d"), "postgres://h/d");
    }

    proptest! {
        /// Whatever a value is, a shell's words have it as it is.
        #[test]
        fn a_value_stays_what_it_is(value in "[a-z '\"$`\\\\&;|<>()*~#\n]{0,12}") {
            for (before, after) in [("p --x=", ""), ("p --x='", "'"), ("p --x=\"", "\"")] {
                let text = format!("{before}{}{after} z", quoted(before, &value));
                let words = shell_words::split(&text).unwrap();
                prop_assert_eq!(words, ["p".to_owned(), format!("--x={value}"), "z".to_owned()]);
            }
        }
    }
}
