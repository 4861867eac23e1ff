//! What is told to GitHub Actions, where that is what runs the program: annotations in
//! the log of the step, and the summary of the job. Nothing of it is written elsewhere.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use reports::Record;
use reports::format::github;

/// Whether a step of GitHub Actions, or of a server that is like it, runs this program.
#[must_use]
pub fn is_here() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
        || summary_file().is_some()
}

/// The file of the step's summary.
fn summary_file() -> Option<PathBuf> {
    let path = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())?;
    Some(path.into())
}

/// A text as it may be printed: in a step's log none of its lines is a command.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if is_here() { github::inert(text) } else { Cow::Borrowed(text) }
}

/// The same of JSON or YAML, which still means the same.
#[must_use]
pub fn printable_json(text: &str) -> Cow<'_, str> {
    if is_here() { github::inert_json(text) } else { Cow::Borrowed(text) }
}

/// Tells of a record: its findings as annotations, and its summary.
pub fn tell(record: &Record) {
    if is_here() {
        annotate(&github::annotations(record));
        summarize(record);
    }
}

/// Tells that something went wrong, as an annotation.
pub fn failed(message: &str) {
    if is_here() {
        annotate(&github::error("verify", message));
    }
}

/// Appends the summary of a record to that of the step, as much as fits. That it cannot
/// be written is said, and changes no verdict.
pub fn summarize(record: &Record) {
    let Some(path) = summary_file() else { return };
    let appended = OpenOptions::new().append(true).create(true).open(&path).and_then(|mut file| {
        // Other programs of the step may have written to it.
        let before = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let room = github::SUMMARY_BYTES.saturating_sub(before);
        match github::summary(record, room) {
            Some(summary) => file.write_all(summary.as_bytes()).map(|()| true),
            None => Ok(false),
        }
    });
    let why = match appended {
        Ok(true) => return,
        Ok(false) => "the step has written as much as GitHub shows".to_owned(),
        Err(error) => error.to_string(),
    };
    let line = format!("verify: warning: no summary in {}: {why}\n", path.display());
    let _ = std::io::stderr().write_all(printable(&line).as_bytes());
}

/// The runner looks for commands in both streams; standard output is the report's alone.
fn annotate(commands: &str) {
    // Nobody is left to be told when standard error cannot be written.
    let _ = std::io::stderr().lock().write_all(commands.as_bytes());
}
