//! What a step of GitHub Actions is told: annotations, and a summary that fits.
//!
//! A line of a step's log that begins with `::`, or has `##[` anywhere, is a command to
//! the runner, so no text of others may make one. Documented at
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>;
//! where a command may stand is what `ActionCommand.cs` of `actions/runner` looks for.

use std::borrow::Cow;

use super::standing::{self, Standing, standing_so};
use super::{clean, junit, markdown, text};
use crate::record::{Finding, Record, UNRUN, Verdict};

/// So many annotations of each kind are kept of a step; the runner drops the rest.
const ANNOTATIONS: usize = 10;
/// A message may be so long, and a title, in characters: what is longer is cut by the
/// runner and refused by the API of checks.
const MESSAGE: usize = 4_096;
const TITLE: usize = 255;

/// How much a step may write into its summary, in bytes: what is more is not shown at all.
pub const SUMMARY_BYTES: usize = 1024 * 1024;

/// The annotations of a record, a command a line, the worst first: an error for what keeps
/// the run from being held, a warning for what does not. Of more than ten of a kind the
/// last one says how many are not told.
#[must_use]
pub fn annotations(record: &Record) -> String {
    let record = &clean::cleaned(record);
    let of = |standing| standing_so(record, standing);
    let is_no_matter = |finding: &&Finding| junit::is_no_matter(finding);
    let mut errors: Vec<(String, String)> = of(Standing::Violated)
        .chain(of(Standing::Inconclusive).filter(|finding| !is_no_matter(finding)))
        .map(told)
        .collect();
    if errors.is_empty() && record.verdict != Verdict::Held {
        let title = format!("{} {}", record.run.scenario, record.verdict.word());
        errors.push((title, text::headline(record).to_owned()));
    }
    let unsure = of(Standing::Inconclusive).filter(is_no_matter);
    let noted = record.warnings.iter().map(|note| (record.run.scenario.clone(), note.clone()));
    let warnings = of(Standing::Warned).chain(unsure).map(told).chain(noted).collect();
    commands("error", errors) + &commands("warning", warnings)
}

/// An error annotation, with its line feed.
#[must_use]
pub fn error(title: &str, message: &str) -> String {
    command("error", title, message)
}

/// The Markdown summary of a record in at most `room` bytes: the whole, or its beginning
/// with a note that it was cut; nothing where not even its headline would fit.
#[must_use]
pub fn summary(record: &Record, room: usize) -> Option<String> {
    let whole = markdown::render(&clean::cleaned(record));
    if whole.len() < room {
        return Some(whole);
    }
    let note = "\n> The rest does not fit here: see `report.html` in the folder of the run.\n";
    let closing = "\n</details>\n";
    let mut end = room.checked_sub(note.len() + closing.len())?;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    // The block of code at the end must not be open, nor a table be cut within a row.
    let cut = &whole[..end];
    let cut = cut.find("\n```").map_or(cut, |fence| &cut[..fence + 1]);
    let cut = &cut[..cut.rfind('\n')? + 1];
    let has_headline = cut.lines().count() > 2;
    let is_open = cut.matches("\n<details>").count() > cut.matches("\n</details>").count();
    has_headline.then(|| format!("{cut}{}{note}", if is_open { closing } else { "" }))
}

/// Text in which nothing is a command to the runner.
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let (mut is_start, mut rest) = (true, text);
    while let Some(c) = rest.chars().next() {
        if is_start && rest.starts_with("::") {
            out.push_str(": ");
        } else if rest.starts_with("##[") {
            out.push_str("## ");
            rest = &rest[1..];
        } else {
            out.push(c);
        }
        // The runner looks behind all space at the begin of a line.
        is_start = c == '\n' || c == '\r' || is_start && c.is_whitespace();
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(out)
}

/// JSON, or YAML with its texts in quotes, that has no command to the runner and means the
/// same: `##[` can only stand within its texts, and no line begins with `::`.
#[must_use]
pub fn inert_json(text: &str) -> Cow<'_, str> {
    match text.contains("##[") {
        true => Cow::Owned(text.replace("##[", "#\\u0023[")),
        false => Cow::Borrowed(text),
    }
}

/// Title and message of a finding.
fn told(finding: &Finding) -> (String, String) {
    let word = match standing::of(finding) {
        Standing::Warned => "violated",
        standing => standing.word(),
    };
    let title = match finding.check == UNRUN {
        true => format!("no verdict: {}", finding.kind),
        false => format!("{} {word}", finding.check),
    };
    let mut message = finding.title.clone();
    if !finding.measured.is_empty() && finding.check != UNRUN {
        message.push_str(&format!("\nmeasured: {}", finding.measured));
    }
    if !finding.bound.is_empty() && finding.check != UNRUN {
        message.push_str(&format!("\nbound: {}", finding.bound));
    }
    (title, format!("{message}\n{}", finding.why))
}

fn commands(kind: &str, mut told: Vec<(String, String)>) -> String {
    if told.len() > ANNOTATIONS {
        let more = told.len() - (ANNOTATIONS - 1);
        told.truncate(ANNOTATIONS - 1);
        let message = format!("{more} more are told in the summary of the job.");
        told.push(("and more".to_owned(), message));
    }
    told.iter().map(|(title, message)| command(kind, title, message)).collect()
}

fn command(kind: &str, title: &str, message: &str) -> String {
    let first = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let title = property(&first(&text::line(title), TITLE));
    let title = if title.is_empty() { String::new() } else { format!(" title={title}") };
    format!("::{kind}{title}::{}\n", data(&first(message, MESSAGE)))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_the_runner_reads_them() {
        assert_eq!(
            error("a: 50%, b\nc", "1%\r\n::warning::x"),
            "::error title=a%3A 50%25%2C b c::1%25%0D%0A::warning::x\n"
        );
        let long = error(&"t".repeat(300), &"é".repeat(5_000));
        assert_eq!(long.chars().filter(|&c| c == 'é').count(), MESSAGE);
        assert_eq!(long.chars().filter(|&c| c == 't').count(), TITLE + 2);
    }

    #[test]
    fn no_text_is_a_command() {
        assert_eq!(inert("a\n  ::error::b"), "a\n  : :error::b");
        assert_eq!(inert("a\r::add-mask::b"), "a\r: :add-mask::b");
        assert_eq!(inert("\u{a0}\t::x::"), "\u{a0}\t: :x::");
        assert_eq!(inert("::::x"), ": :::x");
        assert_eq!(inert("a ##[error]b ###[x"), "a ## [error]b ### [x");
        assert_eq!(inert("std::fmt ## [x] a::b"), "std::fmt ## [x] a::b");
        assert_eq!(inert_json("{\"a\": \"##[error]\"}"), "{\"a\": \"#\\u0023[error]\"}");
    }
}
