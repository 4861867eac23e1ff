//! `verify export` and `verify completions`: texts for other tools.

use clap::CommandFactory;

use reports::monitoring;
use scenarios::{Plan, Settings};

use crate::cli::{Cli, Export, Exported};
use crate::exit::{self, Failure};

/// Prints what was asked for.
///
/// # Errors
/// When there is no such scenario, it has problems, or standard output cannot
/// be written.
pub fn export(what: Export) -> Result<u8, Failure> {
    let text = match what {
        Export::Alerts { of, lasting } => monitoring::alerts(&plan(&of)?, lasting),
        Export::Dashboard { of } => monitoring::dashboard(&plan(&of)?),
        Export::Schema => format!("{:#}\n", scenarios::schema::schema()),
    };
    super::print(text.as_bytes())?;
    Ok(exit::HELD)
}

/// The plan as for the lab, where nothing is left out.
fn plan(of: &Exported) -> Result<Plan, Failure> {
    let settings = Settings { set: super::pairs(&of.set)?, ..Settings::default() };
    super::shown(&super::source(&of.scenario)?, &settings)
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
