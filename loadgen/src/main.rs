//! The program `loadgen`: offers load to one target and reports what became of
//! every operation.

use std::process::ExitCode;

use clap::Parser as _;

mod program;

fn main() -> ExitCode {
    let args = program::args::Args::parse();
    let asked = match args.read() {
        Ok(program::args::Asked::Load(load)) => *load,
        Ok(program::args::Asked::Completions(shell)) => return program::args::completions(shell),
        Err(error) => return program::exit::usage(&error),
    };
    let outcome = program::offer(asked.job, asked.start_at, &asked.output).and_then(|offered| {
        program::keep(&offered.report, &asked.output)?;
        program::summary::print(&offered, &asked.title, &asked.output)?;
        Ok(offered)
    });
    match outcome {
        Ok(offered) => program::exit::of(&offered),
        Err(error) => program::exit::failure(&error),
    }
}
