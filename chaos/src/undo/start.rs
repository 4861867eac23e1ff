//! Processes that a fault has ended are started again, by the command that their
//! owner gave. They outlive whoever starts them.
//!
//! It is this same executable under a hidden subcommand that starts the program,
//! in a session of its own, sees it run for a moment, and ends: nobody who is
//! killed later takes it along.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::UndoError;
use super::program::{Ran, finish_alone};
use crate::patience::Patience;
use crate::process::Pinned;
use crate::role::{SETTLED, Starting};

const SUBCOMMAND: &str = "__chaos-start";
/// A victim that was asked to end may take so long; whoever still runs then does
/// not have to be started.
const END_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A program that cannot do its work says so within this time.
const SEEN_FOR: Duration = Duration::from_millis(500);

/// Starts as many processes as there are fewer than `before`, and says how many.
pub(super) async fn start(
    starting: &Starting,
    before: usize,
    victims: &[Pinned],
) -> Result<String, UndoError> {
    let patience = Patience::new(END_WITHIN, LOOK_EVERY);
    while victims.iter().any(|victim| victim.is_alive()) && patience.pause().await {}
    // Whoever was started by somebody else a moment ago is not counted yet.
    tokio::time::sleep(SETTLED).await;
    let running = starting.running().len();
    let missing = before.saturating_sub(running);
    let started = (0..missing).map(|_| {
        let mut command = tokio::process::Command::new("/proc/self/exe");
        command.arg(SUBCOMMAND).arg(&starting.folder).args(&starting.start);
        finish_alone(command)
    });
    for ran in join_all(started).await {
        ran.and_then(Ran::success).map_err(|reason| UndoError::Start {
            role: starting.role.clone(),
            command: starting.line(),
            folder: starting.folder.clone(),
            reason,
        })?;
    }
    Ok(match missing {
        0 => format!("{running} processes of {:?} run already", starting.role),
        _ => format!("started {missing} of {before} processes of {:?} again", starting.role),
    })
}

/// Runs the hidden subcommand if the arguments ask for it.
pub(crate) fn hidden(arguments: &[OsString]) -> Option<u8> {
    let [first, folder, program, rest @ ..] = arguments else { return None };
    if first != SUBCOMMAND {
        return None;
    }
    // Neither Ctrl-C nor the end of a terminal is meant for the program.
    let _ = rustix::process::setsid();
    let mut command = Command::new(program);
    command.args(rest).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("{}: {error}", program.to_string_lossy());
            return Some(127);
        }
    };
    let begun = Instant::now();
    while begun.elapsed() < SEEN_FOR {
        match child.try_wait() {
            Ok(None) => thread::park_timeout(LOOK_EVERY),
            // A program that has others do the work ends at once, too.
            Ok(Some(status)) if status.success() => break,
            Ok(Some(status)) => {
                eprintln!("it ended at once with {status}, and what it wrote is not kept");
                return Some(1);
            }
            Err(error) => {
                eprintln!("{error}");
                return Some(1);
            }
        }
    }
    Some(0)
}
