//! `loadgen command`.

use loadgen::{Command, Transport};

use super::content::BodyArgs;
use super::load::{Carries, LoadArgs};
use super::{Asked, EXAMPLES};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CommandArgs {
    #[command(flatten)]
    body: BodyArgs,
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
        let body = self.body.given()?.unwrap_or_default();
        let run = shell_words::join(&self.words);
        let target = format!("command {run}");
        let command = Command { words: self.words, refused: self.refused, body };
        self.load.read("command", target, Carries::One, Transport::Command(command))
    }
}
