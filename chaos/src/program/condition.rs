//! `--stop-if COMMAND`: a program of the user's that says when it is enough.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::exit::Trouble;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);
/// A program that takes longer cannot say that all is well.
const WITHIN: Duration = Duration::from_secs(10);

/// A program that ends with 0 as long as faults may go on.
pub(crate) struct Condition {
    line: String,
    words: Vec<String>,
}

impl Condition {
    /// Splits the line into words, as a POSIX shell does.
    pub(crate) fn new(line: &str) -> Result<Self, Trouble> {
        match shell_words::split(line) {
            Ok(words) if !words.is_empty() => Ok(Self { line: line.to_owned(), words }),
            _ => Err(Trouble::Usage(format!("--stop-if {line:?} is not a program to run"))),
        }
    }

    /// Why no fault may be there now, if that is so. A program that cannot be
    /// asked is as good as one that says no.
    pub(crate) async fn holds(&self) -> Option<String> {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).stdin(Stdio::null()).kill_on_drop(true);
        let line = &self.line;
        match timeout(WITHIN, command.output()).await {
            Ok(Ok(output)) if output.status.success() => None,
            Ok(Ok(output)) => {
                let words = if output.stderr.is_empty() { output.stdout } else { output.stderr };
                let words = String::from_utf8_lossy(&words);
                let said: String = words.trim().chars().take(200).collect();
                let said = if said.is_empty() { said } else { format!(": {said}") };
                Some(format!("--stop-if {line:?} ended with {}{said}", output.status))
            }
            Ok(Err(error)) => Some(format!("--stop-if {line:?} cannot be run: {error}")),
            Err(_) => Some(format!("--stop-if {line:?} does not end within {WITHIN:?}")),
        }
    }

    /// Asks each second until it is enough.
    pub(crate) async fn violated(&self) -> String {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Some(why) = self.holds().await {
                return why;
            }
        }
    }
}
