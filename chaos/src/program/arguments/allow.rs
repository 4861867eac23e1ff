//! What may be harmed although nobody would mean it.

use clap::Args;

use crate::program::exit::Trouble;

/// Permissions beyond this machine, this user and what looks harmless.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Allow {
    /// Permits a host that is not this machine, the process id of another user,
    /// or a namespace or context that looks like production; may be repeated
    #[arg(
        long = "allow",
        value_name = "HOST|PID|NAME",
        env = "SHAKEDOWN_ALLOW",
        value_delimiter = ' '
    )]
    pub(crate) words: Vec<String>,
}

impl Allow {
    /// Sees that every word allows something.
    ///
    /// # Errors
    /// Every word that does not, with what to write.
    pub(crate) fn check(&self) -> Result<(), Trouble> {
        hosts::permissions(&self.words).map_err(|error| Trouble::Usage(error.to_string()))
    }

    /// The words that are process ids.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.words.iter().filter_map(|word| word.parse().ok()).collect()
    }
}
