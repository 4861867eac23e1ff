//! `loadgen command`.

use loadgen::{Command, Transport};

use super::load::{Carries, LoadArgs};
use super::{Asked, EXAMPLES};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CommandArgs {
    /// The program's standard input
    #[arg(long, default_value = "")]
    body: String,
    /// Exit codes that mean definitely not done
    #[arg(long, value_delimiter = ',', value_name = "CODE,...")]
    refused: Vec<i32>,
    #[command(flatten)]
    load: LoadArgs,
    /// The program and its arguments; the identity is in SHAKEDOWN_ID
    #[arg(last = true, required = true, value_name = "CMD")]
    words: Vec<String>,
}

impl CommandArgs {
    pub(super) fn read(self) -> anyhow::Result<Asked> {
        let run = shell_words::join(&self.words);
        let target = format!("command {run}");
        let command = Command { words: self.words, refused: self.refused, body: self.body };
        self.load.read("command", target, Carries::One, Transport::Command(command))
    }
}
