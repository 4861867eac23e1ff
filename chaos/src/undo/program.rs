//! Programs that are run to break something or to take it back.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::leash::leashed;

/// A program that takes longer is taken to hang.
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// How much of its last words is shown.
const SHOWN: usize = 400;
/// How much of its output is read.
const LONGEST: usize = 1 << 20;

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
        // Secrets are masked where this is written and said, by whoever knows them:
        // a text that was masked in part would not be known any more.
        let words: Vec<&str> = words.split_whitespace().collect();
        let words = words.join(" ");
        let from = words.char_indices().rev().nth(SHOWN).map_or(0, |(at, _)| at);
        // A part of a word could be the rest of a secret.
        let from = if from == 0 { 0 } else { words[from..].find(' ').map_or(from, |at| from + at) };
        format!("{}: {}", self.status, words[from..].trim_start())
    }
}

/// Runs a program, given as one line that is split as a POSIX shell splits
/// words, without a shell.
pub(crate) async fn run(line: &str) -> Result<Ran, String> {
    let words = shell_words::split(line).map_err(|error| error.to_string())?;
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut command = leashed(program);
    command.args(arguments);
    finish(command).await
}

/// Waits for a leashed program.
///
/// It writes into files without names, not into pipes: what it leaves running in
/// the background would keep a pipe open, and its end would never be seen.
pub(crate) async fn finish(mut command: tokio::process::Command) -> Result<Ran, String> {
    let failed = |error: std::io::Error| error.to_string();
    let (output, errors) = (nameless().map_err(failed)?, nameless().map_err(failed)?);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(output.try_clone().map_err(failed)?);
    command.stderr(errors.try_clone().map_err(failed)?);
    let mut child = command.spawn().map_err(failed)?;
    let status = tokio::time::timeout(RUN_WITHIN, child.wait())
        .await
        .map_err(|_| format!("it does not end within {RUN_WITHIN:?}"))?
        .map_err(failed)?;
    let (output, errors) = (text(&output).map_err(failed)?, text(&errors).map_err(failed)?);
    Ok(Ran { status, output, errors })
}

fn nameless() -> std::io::Result<File> {
    Ok(memfd_create("output", MemfdFlags::CLOEXEC)?.into())
}

/// From its beginning, wherever the program has left the position; no more than
/// anybody wants to read.
fn text(file: &File) -> std::io::Result<String> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(LONGEST).min(LONGEST);
    let mut bytes = vec![0; length];
    let read = file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
}
