//! Programs that are run to break something or to take it back.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

/// A program that takes longer is taken to hang.
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// How much of its last words is shown.
const SHOWN: usize = 400;

/// A program that has ended.
pub(crate) struct Ran {
    /// How.
    pub(crate) status: ExitStatus,
    /// What it has written to its output.
    pub(crate) output: String,
    /// The end of what it has complained about.
    errors: String,
}

impl Ran {
    /// Its output.
    ///
    /// # Errors
    /// If it did not end with exit code 0: how it ended, and its last words.
    pub(crate) fn success(self) -> Result<String, String> {
        if self.status.success() { Ok(self.output) } else { Err(self.describe()) }
    }

    /// How it ended, and its last words.
    pub(crate) fn describe(&self) -> String {
        let words = if self.errors.trim().is_empty() { &self.output } else { &self.errors };
        let words = words.trim();
        let from = words.char_indices().rev().nth(SHOWN).map_or(0, |(at, _)| at);
        format!("{}: {}", self.status, &words[from..])
    }
}

/// Runs a program, given as one line that is split as a POSIX shell splits
/// words, without a shell.
pub(crate) async fn run(line: &str) -> Result<Ran, String> {
    let words = shell_words::split(line).map_err(|error| error.to_string())?;
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments);
    finish(command).await
}

/// Waits for a program, which dies with this one.
pub(crate) async fn finish(mut command: tokio::process::Command) -> Result<Ran, String> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(RUN_WITHIN, command.output())
        .await
        .map_err(|_| format!("it does not end within {RUN_WITHIN:?}"))?
        .map_err(|error| error.to_string())?;
    Ok(Ran {
        status: output.status,
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
