//! A program on a leash: it is killed when the program that runs it is, so that
//! nothing is broken after it was taken back.
//!
//! It is this same executable under a hidden subcommand, which asks the kernel
//! for the signal and then becomes the program.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

const SUBCOMMAND: &str = "__chaos-leash";

/// A program that dies with this one, whose `main` calls [`crate::hidden`]. It
/// inherits the environment without [`scenarios::program::NOT_INHERITED`].
pub fn leashed(program: impl AsRef<OsStr>) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("/proc/self/exe");
    for variable in scenarios::program::NOT_INHERITED {
        command.env_remove(variable);
    }
    command.arg(SUBCOMMAND).arg(std::process::id().to_string()).arg(program);
    command
}

/// Runs the hidden subcommand if the arguments ask for it.
pub(crate) fn hidden(arguments: &[OsString]) -> Option<u8> {
    let [first, owner, program, rest @ ..] = arguments else { return None };
    if first != SUBCOMMAND {
        return None;
    }
    let asked = set_parent_process_death_signal(Some(Signal::KILL));
    // The owner may have been killed before: then nobody would send the signal.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().to_string());
    if asked.is_err() || parent.as_deref().map(OsStr::new) != Some(owner.as_os_str()) {
        return Some(1);
    }
    let error = Command::new(program).args(rest).exec();
    eprintln!("{}: {error}", program.to_string_lossy());
    Some(127)
}
