//! Syntax errors of TOML, in words that say what to do.

use toml::de::Error;

use crate::problem::Problem;

/// The problems of a text that is not valid TOML, in the order of their places
/// and each one once.
pub(super) fn problems(source: &str, errors: &[Error]) -> Vec<Problem> {
    let mut list: Vec<Problem> = errors.iter().map(|error| problem(source, error)).collect();
    list.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
    list.dedup();
    list
}

fn problem(source: &str, error: &Error) -> Problem {
    let span = error.span();
    let found = span.clone().and_then(|span| source.get(span)).unwrap_or_default();
    let (message, help) = if error.message().starts_with("string values must be quoted") {
        if found.is_empty() {
            ("a value is missing".to_owned(), "write one behind the \"=\"")
        } else {
            (format!("{found:?} is no value"), "a text stands in quotation marks")
        }
    } else if error.message() == "duplicate key" {
        let help = "join the two; of several tables each stands under a header in double brackets";
        (format!("the key {found:?} stands here for a second time"), help)
    } else if ["expected `\"`", "expected `'`"].iter().any(|end| error.message().ends_with(end)) {
        let help = "close it on the same line, or use three marks for a text of several lines";
        ("a text has no closing quotation mark".to_owned(), help)
    } else {
        (error.message().to_owned(), "this is not valid TOML")
    };
    Problem { message, help: Some(help.to_owned()), span }
}
