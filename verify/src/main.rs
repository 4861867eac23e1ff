//! `verify`: load, plan, conduct, judge, report.

use std::process::ExitCode;

use clap::Parser;
use verify::cli::{Cli, Command};
use verify::command;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments).or_else(|| chaos::hidden(&arguments)) {
        return code.into();
    }
    let cli = Cli::try_parse().unwrap_or_else(|error| command::refuse(&error));
    let done = match cli.command {
        None => command::run::run(&cli.run),
        Some(Command::List) => command::list::list(),
        Some(Command::Show { scenario, source, file }) => {
            command::show::show(&scenario, source, file.as_deref())
        }
        Some(Command::Lint { files }) => command::lint::lint(&files),
        Some(Command::Recheck { run, json }) => command::recheck::recheck(&run, json),
        Some(Command::Operation { run, id, json }) => {
            command::operation::operation(&run, &id, json)
        }
        Some(Command::ListRuns { dir, scenario, json }) => {
            command::list_runs::list_runs(&dir, scenario.as_deref(), json)
        }
        Some(Command::Prune(asked)) => command::prune::prune(&asked),
        Some(Command::Compare(asked)) => command::compare::compare(&asked),
        Some(Command::Render { run, format, output }) => {
            command::render::render(&run, &format, output.as_deref())
        }
        Some(Command::Export(what)) => command::export::export(what),
        Some(Command::Calibrate(asked)) => command::calibrate::execute(&asked),
        Some(Command::Provision) => command::provision::provision(),
        Some(Command::Completions { shell }) => command::export::completions(shell),
        Some(Command::Man { dir }) => command::export::man(&dir),
    };
    match done {
        Ok(code) => code.into(),
        Err(failure) => {
            command::complain(&failure);
            failure.code.into()
        }
    }
}
