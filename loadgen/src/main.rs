//! The program `loadgen`: offers load to one target and reports what became of
//! every operation.

use std::process::ExitCode;

use clap::Parser as _;
use program::args::{Args, Asked};

mod program;

fn main() -> ExitCode {
    let args = Args::parse();
    match args.read() {
        Ok(Asked::Load(load)) => program::offer_and_report(*load),
        Ok(Asked::FindMax(args)) => program::find_max::main(&args),
        Ok(Asked::Merge(args)) => program::merge::main(args),
        Ok(Asked::Export(args)) => program::export::main(&args),
        Ok(Asked::Compare(args)) => program::compare::main(&args),
        Ok(Asked::Completions(shell)) => program::args::completions(shell),
        Ok(Asked::Man(dir)) => program::args::man(&dir),
        Err(error) => program::exit::usage(&error),
    }
}
