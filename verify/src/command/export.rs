//! `verify export`, `verify completions` and `verify man`: texts for other tools.

use std::path::Path;

use clap::CommandFactory;

use reports::monitoring;
use scenarios::units::Span;
use scenarios::{Plan, Settings};

use crate::cli::{Cli, Export, Exported};
use crate::exit::{self, Failure};
use crate::folder::{Folder, FolderError};

/// Prints what was asked for.
///
/// # Errors
/// When there is no such scenario, it has problems, or standard output cannot
/// be written.
pub fn export(what: Export) -> Result<u8, Failure> {
    let text = match what {
        Export::Alerts { of, lasting, output: None } => monitoring::alerts(&plan(&of)?, lasting),
        Export::Alerts { of, lasting, output: Some(path) } => {
            return alerts(&plan(&of)?, lasting, &path);
        }
        Export::Dashboard { of } => monitoring::dashboard(&plan(&of)?),
        Export::Schema => format!("{:#}\n", scenarios::schema::schema()),
    };
    super::print_data(text.as_bytes())?;
    Ok(exit::HELD)
}

/// Writes alert rules, and their unit tests beside them.
fn alerts(plan: &Plan, lasting: Span, path: &Path) -> Result<u8, Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Failure::usage(format!("--output {}: name a file, such as alerts.yml", path.display()))
    })?;
    let tests = path.with_extension("test.yml");
    if tests == path {
        return Err(Failure::usage(format!(
            "--output {}: the unit tests of the rules would have the same name; choose another",
            path.display()
        )));
    }
    put(path, &monitoring::alerts(plan, lasting))?;
    put(&tests, &monitoring::unit_tests(plan, lasting, name))?;
    Ok(exit::HELD)
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = Folder::at(path.parent().unwrap_or(Path::new("")));
    folder.put(path, text.as_bytes()).map_err(|error| match error {
        FolderError::Write { path, why } => {
            Failure::environment(format!("cannot write {}: {why}", path.display()))
        }
        error => Failure::environment(error),
    })
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
    super::write_out(&bytes)?;
    Ok(exit::HELD)
}

/// Writes a manual page for each command.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn man(dir: &Path) -> Result<u8, Failure> {
    let made = std::fs::create_dir_all(dir);
    made.and_then(|()| clap_mangen::generate_to(Cli::command(), dir)).map_err(|error| {
        Failure::environment(format!("cannot write pages into {}: {error}", dir.display()))
    })?;
    Ok(exit::HELD)
}
