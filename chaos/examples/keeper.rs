//! The keeper of a lab, for the tests: they are no program that could be
//! executed again as one.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    ExitCode::from(lab::hidden(&arguments).unwrap_or(2))
}
