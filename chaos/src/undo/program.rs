//! Programs that are run to break something or to take it back.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use machine::output::Output;
use tokio::process::Command;

use crate::leash::{Background, Leash};

/// A program that takes longer is taken to hang.
pub(crate) const RUN_WITHIN: Duration = Duration::from_secs(60);
/// How much of its output is read.
const LONGEST: usize = 1 << 20;

const TRIM_EVERY: Duration = Duration::from_millis(50);

/// A program that has ended.
#[derive(Debug)]
pub struct Ran {
    /// How.
    pub status: ExitStatus,
    /// What it has written to its output.
    pub output: String,
    /// The end of what it has complained about, or else of its output. Secrets
    /// are masked where this is written and said, by whoever knows them.
    last_words: String,
}

impl Ran {
    /// Its output.
    ///
    /// # Errors
    /// If it did not end with exit code 0: how it ended, and its last words.
    pub fn success(self) -> Result<String, String> {
        if self.status.success() { Ok(self.output) } else { Err(self.describe()) }
    }

    /// How it ended, and its last words.
    #[must_use]
    pub fn describe(&self) -> String {
        let words = &self.last_words;
        if words.is_empty() {
            format!("{}, without a word", self.status)
        } else {
            format!("{}: {words}", self.status)
        }
    }
}

/// [`run_within`], in a folder if one is named, the time that breaking something and taking it back may take.
pub(crate) async fn run(words: &[String], folder: Option<&Path>) -> Result<Ran, String> {
    run_in(words, folder, RUN_WITHIN).await
}

/// Runs a program with its arguments; it dies with this program, and everything
/// that it has started with it. What it leaves in the background stays when it
/// ends by itself.
///
/// # Errors
/// When it cannot be started, or does not end within the time.
pub async fn run_within(words: &[String], within: Duration) -> Result<Ran, String> {
    run_in(words, None, within).await
}

async fn run_in(words: &[String], folder: Option<&Path>, within: Duration) -> Result<Ran, String> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut leash = Leash::new(program, Background::Stays);
    leash.command().args(arguments);
    if let Some(folder) = folder {
        leash.command().current_dir(folder);
    }
    finish(leash, within).await
}

/// Waits for a program on its leash.
pub(crate) async fn finish(mut leash: Leash, within: Duration) -> Result<Ran, String> {
    let said = Said::by(leash.command())?;
    let mut leashed = leash.run().map_err(|error| error.to_string())?;
    said.ran(leashed.wait(), within).await
}

/// Waits for a program that nothing holds.
pub(crate) async fn finish_alone(mut command: Command) -> Result<Ran, String> {
    let said = Said::by(command.stdin(Stdio::null()).kill_on_drop(true))?;
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    said.ran(child.wait(), RUN_WITHIN).await
}

/// Waits for the end of a program and keeps what it writes meanwhile from growing
/// without bound.
pub async fn trimming<T>(outputs: &[&Output], end: impl Future<Output = T>) -> T {
    let mut end = std::pin::pin!(end);
    loop {
        match tokio::time::timeout(TRIM_EVERY, &mut end).await {
            Ok(ended) => return ended,
            Err(_) => outputs.iter().for_each(|output| output.trim()),
        }
    }
}

/// What a program writes.
struct Said {
    output: Output,
    errors: Output,
}

impl Said {
    fn by(command: &mut Command) -> Result<Self, String> {
        let failed = |error: std::io::Error| error.to_string();
        let (output, errors) = (Output::new().map_err(failed)?, Output::new().map_err(failed)?);
        command.stdout(output.writer().map_err(failed)?);
        command.stderr(errors.writer().map_err(failed)?);
        Ok(Self { output, errors })
    }

    async fn ran(
        self,
        end: impl Future<Output = std::io::Result<ExitStatus>>,
        within: Duration,
    ) -> Result<Ran, String> {
        let status = tokio::time::timeout(within, trimming(&[&self.output, &self.errors], end))
            .await
            .map_err(|_| format!("it does not end within {within:?}"))?
            .map_err(|error| error.to_string())?;
        let complaints = self.errors.last_words();
        let last_words = if complaints.is_empty() { self.output.last_words() } else { complaints };
        let output = self.output.text(LONGEST).map_err(|error| error.to_string())?;
        Ok(Ran { status, output, last_words })
    }
}
