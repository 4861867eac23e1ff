//! `verify export` and `verify completions`: texts for other tools.

use clap::CommandFactory;

use crate::cli::{Cli, Export};
use crate::exit::{self, Failure};

/// Prints what was asked for.
///
/// # Errors
/// When standard output cannot be written.
pub fn export(what: Export) -> Result<u8, Failure> {
    let text = match what {
        Export::Schema => format!("{:#}\n", scenarios::schema::schema()),
    };
    super::print(text.as_bytes())?;
    Ok(exit::HELD)
}

/// Prints completions for a shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "verify", &mut bytes);
    super::print(&bytes)?;
    Ok(exit::HELD)
}
