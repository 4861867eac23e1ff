//! Words of a command line in a pod, where Kubernetes replaces `$(NAME)` by the environment
//! variable of that name and reads `$$` as one dollar.

use std::path::Path;

/// The words, for a container's `args`: every dollar means itself, but for those of
/// references, where there is a Secret that they can refer to.
pub(super) fn escaped(words: &[String], is_from_secret: bool) -> Vec<String> {
    words.iter().map(|word| escape(word, is_from_secret)).collect()
}

fn escape(word: &str, is_from_secret: bool) -> String {
    replaced(word, is_from_secret, "$$", str::to_owned)
}

/// The word with something else in place of each reference, where references are such.
pub(super) fn with_references(word: &str, is_from_secret: bool, shown: &str) -> String {
    replaced(word, is_from_secret, "$", |_| shown.to_owned())
}

/// The word with something else in place of each `@{…}`, which is filled in for every operation.
pub(super) fn without_marks(word: &str, shown: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, mark)) = rest.split_once("@{") {
        let Some((_, after)) = mark.split_once('}') else { break };
        out.push_str(before);
        out.push_str(shown);
        rest = after;
    }
    out + rest
}

/// The word with these in place of its references, if they are such, and of other dollars.
fn replaced(
    word: &str,
    is_from_secret: bool,
    dollar: &str,
    shown: impl Fn(&str) -> String,
) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let found = reference(&rest[at..]).filter(|_| is_from_secret);
        out.push_str(&found.map_or_else(|| dollar.to_owned(), &shown));
        rest = &rest[at + found.map_or(1, str::len)..];
    }
    out + rest
}

/// `$(NAME)` at the beginning of a text.
fn reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("$(")?;
    let end = name.find(')')?;
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let name = &name[..end];
    let is_name = name.as_bytes().first().is_some_and(is_first) && name.bytes().all(is_letter);
    is_name.then(|| &text[..end + 3])
}

/// The file that a word names, as it stands or behind `=` or `@`, if there is one.
pub(super) fn file_in(word: &str) -> Option<String> {
    let tails = word.match_indices(['=', '@']).map(|(at, _)| &word[at + 1..]);
    let mut names = [word].into_iter().chain(tails).filter(|name| !name.is_empty());
    names.find(|name| Path::new(name).is_file()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a container gets, by the rules of Kubernetes: `$$` is a dollar, `$(NAME)` is
    /// replaced where there is such a variable, and any other dollar stays.
    fn expanded(text: &str, variable: (&str, &str)) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let reference = format!("({})", variable.0);
            if let Some(tail) = rest.strip_prefix('$') {
                out.push('$');
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix(&reference) {
                out.push_str(variable.1);
                rest = tail;
            } else {
                out.push('$');
            }
        }
        out + rest
    }

    proptest! {
        /// Any word reaches the program in the pod as it was given.
        #[test]
        fn every_word_arrives_as_it_was_given(word in "[$()A-C{}@ x]{0,20}") {
            let escaped = escape(&word, false);
            prop_assert_eq!(expanded(&escaped, ("A", "replaced")), word);
        }

        /// With a Secret, its references are replaced, and nothing else is changed.
        #[test]
        fn references_are_replaced(before in "[$a-c(]{0,8}", after in "[$a-c)]{0,8}") {
            let word = format!("{before} $(PW){after}");
            let escaped = escape(&word, true);
            prop_assert_eq!(expanded(&escaped, ("PW", "s3cret")), format!("{before} s3cret{after}"));
            prop_assert!(!with_references(&word, true, "***").contains("$(PW)"));
        }
    }
}
