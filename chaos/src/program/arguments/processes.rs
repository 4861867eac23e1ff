//! Who is hit: processes by their ids, files or names, and how many of them.

use std::path::PathBuf;

use chaos::Pinned;
use clap::{ArgGroup, Args};
use scenarios::locator::Pattern;
use scenarios::plan::Pick;

use super::Allow;

/// The candidates: everything that is named, by any of the three ways.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("selector").required(true).multiple(true)))]
pub(crate) struct Processes {
    /// A process by its id, or by PID@START as the dry run shows it, which never
    /// means another process that got the same id later; may be repeated
    #[arg(long = "pid", value_name = "PID", group = "selector")]
    pub(crate) pids: Vec<Named>,
    /// A process by the file in which it wrote its id; may be repeated
    #[arg(long = "pid-file", value_name = "FILE", group = "selector")]
    pub(crate) pid_files: Vec<PathBuf>,
    /// Processes of exactly this name or, where none has it, those on whose command
    /// line this regular expression matches, such as worker.py; may be repeated
    #[arg(long = "name", value_name = "EXPRESSION", group = "selector")]
    pub(crate) names: Vec<Pattern>,
    #[command(flatten)]
    pub(crate) allow: Allow,
}

/// A process id, with or without the start time that pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Pid(u32),
    Pinned(Pinned),
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            return text.parse().map(Self::Pinned);
        }
        text.parse().map(Self::Pid).map_err(|_| format!("{text:?} is not a process id"))
    }
}

/// Which of the candidates are hit.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// How many of the candidates are hit: "one", "all", a number or a share such as 50%; "oldest"
    /// in front takes those that have been there for the longest
    #[arg(long, value_name = "HOW MANY", default_value = "one")]
    pub(crate) pick: Pick,
    /// Where the choice comes from; the same seed hits the same [default: another
    /// one each time, which is shown]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Shows who would be hit and does nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
