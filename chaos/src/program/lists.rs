//! `chaos list`, `chaos completions` and `chaos man`.

use std::io::stdout;
use std::path::Path;

use chaos::catalogue;
use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use super::arguments::Arguments;
use super::exit::{Exit, Trouble};
use super::say::Say;

/// Shows every kind of fault.
pub(crate) fn faults(say: &Say) -> Exit {
    for about in catalogue() {
        let text = format!(
            "{}\n  does       {}\n  confirmed  {}\n  undone     {}\n  contract   {}",
            about.command, about.does, about.confirmed, about.undone, about.contract
        );
        say.step(&text, &json!(about));
    }
    Exit::Done
}

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut Arguments::command(), "chaos", &mut stdout());
    Exit::Done
}

/// Writes a manual page for each command.
pub(crate) fn man(dir: &Path) -> Result<Exit, Trouble> {
    let made = std::fs::create_dir_all(dir);
    made.and_then(|()| clap_mangen::generate_to(Arguments::command(), dir))
        .map_err(|source| Trouble::Pages { dir: dir.to_owned(), source })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_that_names_a_subcommand_has_it() {
        let program = Arguments::command();
        for about in catalogue().iter().filter(|about| !about.command.contains(' ')) {
            let found = program.find_subcommand(about.command);
            assert!(found.is_some(), "chaos {} is not there", about.command);
        }
    }
}
