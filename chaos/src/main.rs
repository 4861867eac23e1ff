//! The program `chaos`: breaks one thing on purpose and takes it back.

mod program;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use program::arguments::{Arguments, Command};
use program::exit::Exit;
use program::say::Say;
use program::{lists, log, proxy, recovery, replay, run, strike};

fn main() -> ExitCode {
    let raw: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = chaos::hidden(&raw) {
        return ExitCode::from(code);
    }
    let Arguments { common, command } = Arguments::parse();
    let say = Say::new(common.json, common.quiet);
    let done = match &command {
        Command::List => Ok(lists::faults(&say)),
        Command::Completions { shell } => Ok(lists::completions(*shell)),
        Command::Man { dir } => lists::man(dir),
        Command::Fault(fault) => strike::run(fault, &common, &say),
        Command::Proxy(asked) => proxy::run(asked, &say),
        Command::Run(asked) => run::run(asked, &common, &say),
        Command::Replay(asked) => replay::run(asked, &common, &say),
        Command::Log(asked) => log::run(asked, &common, &say),
        Command::Recover(recover) => recovery::run(recover, &common, &say),
    };
    let exit = done.unwrap_or_else(|trouble| {
        say.trouble(&trouble);
        Exit::from(&trouble)
    });
    ExitCode::from(exit.code())
}
