//! `--stop-if COMMAND`: a program of the user's that says when it is enough.

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::program::Program;
use tokio::time::{MissedTickBehavior, interval};

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
    /// A text for `sh -c`.
    pub(crate) fn new(line: &str) -> Result<Self, Trouble> {
        let program = Program::literal_shell(line);
        match program.words(&BTreeMap::new()) {
            Ok(words) if !program.is_empty() => Ok(Self { line: line.to_owned(), words }),
            _ => Err(Trouble::Usage(format!("--stop-if {line:?} is not a program to run"))),
        }
    }

    /// Why no fault may be there now, if that is so. A program that cannot be
    /// asked is as good as one that says no.
    pub(crate) async fn holds(&self) -> Option<String> {
        let line = &self.line;
        match chaos::run_within(&self.words, WITHIN).await {
            Ok(ran) if ran.status.success() => None,
            Ok(ran) => Some(format!("--stop-if {line:?} ended with {}", ran.describe())),
            Err(why) => Some(format!("--stop-if {line:?} cannot be asked: {why}")),
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
