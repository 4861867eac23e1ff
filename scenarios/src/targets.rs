//! The addresses of a run, as a command line gives them: `KEY=URL`.
//!
//! What is wrong with one is said by its place and its key alone. Its text may be
//! a password, or the rest of one.

use std::collections::{BTreeMap, BTreeSet};

/// The variable that holds pairs, with spaces between them, where the command line
/// has none.
pub const VARIABLE: &str = "SHAKEDOWN_TARGETS";

/// What a command line gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given {
    /// The addresses by their keys.
    pub targets: BTreeMap<String, String>,
    /// The keys of those that cannot be used.
    pub unusable: BTreeSet<String>,
    /// What is wrong with them, one text for each.
    pub problems: Vec<String>,
}

/// The pairs of the command line, or else those of the variable.
#[must_use]
pub fn pairs(flags: &[String], variable: Option<&str>) -> Vec<String> {
    match (flags, variable) {
        ([], Some(text)) => text.split_whitespace().map(str::to_owned).collect(),
        (flags, _) => flags.to_vec(),
    }
}

/// Reads pairs, all of them.
#[must_use]
pub fn read(pairs: &[String]) -> Given {
    let mut given = Given::default();
    for (index, pair) in pairs.iter().enumerate() {
        let (key, url) = pair.split_once('=').unwrap_or(("", ""));
        let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if key.is_empty() || !key.chars().all(is_key) {
            given.problems.push(format!(
                "--target {}: this is no KEY=URL, and is not shown because it may be a part of a password; write for example --target service=http://127.0.0.1:8080, with %20 for a space",
                ordinal(index + 1)
            ));
        } else if url.is_empty() {
            given.unusable.insert(key.to_owned());
            given
                .problems
                .push(format!("--target {key}=: the address is missing; write --target {key}=URL"));
        } else if given.targets.contains_key(key) || given.unusable.contains(key) {
            given.problems.push(format!("--target {key} is given twice"));
        } else {
            given.targets.insert(key.to_owned(), url.to_owned());
        }
    }
    given
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("(the {number}{ending})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &[&str]) -> Given {
        read(&list.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_pair_is_a_key_and_all_that_follows() {
        let given = of(&["a=http://x?y=z", "b=redis://h"]);
        assert_eq!(given.targets["a"], "http://x?y=z");
        assert!(given.problems.is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_said_and_no_text_of_it_is_shown() {
        let given =
            of(&["shp=", "hunter22@h/d", "db=postgres://u:a hunter22@h", "db=x", "=hunter22"]);
        assert_eq!(given.problems.len(), 4, "{:?}", given.problems);
        assert!(given.problems[0].contains("shp=: the address is missing"));
        assert!(given.problems[1].contains("(the 2nd)"), "{:?}", given.problems);
        assert!(given.problems[2].contains("db is given twice"));
        assert!(!given.problems.concat().contains("hunter22"));
        assert_eq!(given.unusable, ["shp".to_owned()].into());
        assert_eq!(given.targets["db"], "postgres://u:a hunter22@h");
    }

    #[test]
    fn the_variable_stands_in_for_the_flags() {
        let flag = ["a=b c".to_owned()];
        assert_eq!(pairs(&flag, Some("x=y")), flag);
        assert_eq!(pairs(&[], Some("a=b  c=d\n")), ["a=b", "c=d"]);
        assert!(pairs(&[], None).is_empty());
    }
}
