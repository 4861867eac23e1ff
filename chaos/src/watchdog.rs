//! The process that takes a fault back in time, even when the program that
//! began it was killed.
//!
//! It is this same executable under a hidden subcommand, in a session of its
//! own, so that neither Ctrl-C nor the end of a terminal reaches it. The pipe
//! to its input first brings it the undo and is then the dead-man's handle: when
//! it closes, because the fault was injected or because the program died, the
//! time begins to run.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::FaultError;
use crate::journal::{Reference, State};
use crate::leash;
use crate::process::Pinned;
use crate::undo::retry::WATCHDOG_WITHIN;
use crate::undo::{Undo, Undone};

const SUBCOMMAND: &str = "__chaos-watchdog";
const READY: &str = "armed";
/// No process has this id.
const NOBODY: Pinned = Pinned { pid: 0, start_time: 0 };
const START_WITHIN: Duration = Duration::from_secs(20);

/// Runs the hidden subcommand if the arguments ask for it.
pub(crate) fn hidden(arguments: &[OsString]) -> Option<u8> {
    let (first, rest) = arguments.split_first()?;
    if first != SUBCOMMAND {
        return None;
    }
    let lasts = rest.first()?.to_str()?.parse().ok()?;
    Some(watch(Duration::from_millis(lasts)))
}

/// What a watchdog is told.
#[derive(Serialize, Deserialize)]
pub(crate) struct Task {
    /// How the fault is taken back.
    pub(crate) undo: Undo,
    /// The program that has it in hand.
    pub(crate) owner: Pinned,
    /// Where it is written down.
    pub(crate) record: Reference,
}

/// A watchdog that is armed.
pub(crate) struct Watchdog {
    child: Child,
    pinned: Pinned,
    handle: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts a watchdog and waits until it knows what to do.
    pub(crate) async fn start(task: &Task, lasts: Duration) -> Result<Self, FaultError> {
        let failed = |reason: String| FaultError::Watchdog { reason };
        let mut child = spawn(task, lasts).map_err(|error| failed(error.to_string()))?;
        let (handle, output) = (child.stdin.take(), child.stdout.take());
        let pinned = Pinned::of(child.id());
        // Dropping it ends the process, whichever way this function ends.
        let watchdog = Self { child, pinned: pinned.unwrap_or(NOBODY), handle };
        let armed = tokio::task::spawn_blocking(move || output.is_some_and(says_ready));
        match tokio::time::timeout(START_WITHIN, armed).await {
            Ok(Ok(true)) if pinned.is_some() => Ok(watchdog),
            _ => Err(failed("it did not get ready".to_owned())),
        }
    }

    pub(crate) fn pinned(&self) -> Pinned {
        self.pinned
    }

    /// Lets its time begin.
    pub(crate) fn begin(&mut self) {
        self.handle = None;
    }

    /// Ends it; the fault has been taken back.
    pub(crate) fn end(mut self) {
        self.kill();
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A watchdog whose time has not begun has nothing to take back. One whose time
/// has begun outlives its handle: that is what it is for.
impl Drop for Watchdog {
    fn drop(&mut self) {
        if self.handle.is_some() {
            self.kill();
        }
    }
}

fn spawn(task: &Task, lasts: Duration) -> std::io::Result<Child> {
    let mut line = serde_json::to_vec(task)?;
    line.push(b'\n');
    let mut child = Command::new("/proc/self/exe")
        .arg0("chaos-watchdog")
        .arg(SUBCOMMAND)
        .arg(lasts.as_millis().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()?;
    let told = child.stdin.as_mut().map_or(Ok(()), |input| input.write_all(&line));
    if let Err(error) = told {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(child)
}

fn says_ready(output: ChildStdout) -> bool {
    let mut line = String::new();
    BufReader::new(output.take(64)).read_line(&mut line).is_ok() && line.trim_end() == READY
}

/// The watchdog itself. Ends early when the program has and there is nothing left
/// to take back.
fn watch(lasts: Duration) -> u8 {
    // Fails only for the leader of a process group, which has nothing to lose.
    let _ = rustix::process::setsid();
    let mut input = BufReader::new(std::io::stdin());
    let mut line = String::new();
    let told = input.read_line(&mut line).ok().and_then(|_| serde_json::from_str(&line).ok());
    let Some(Task { undo, owner, record }) = told else { return 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut output = std::io::stdout();
    let (Ok(runtime), Ok(())) =
        (runtime, writeln!(output, "{READY}").and_then(|()| output.flush()))
    else {
        return 1;
    };
    let _ = input.read_to_end(&mut Vec::new());
    let begun = Instant::now();
    while let Some(left) = lasts.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        if (undo.is_moot() || undo.ends_with_its_program()) && !owner.is_alive() {
            break;
        }
        thread::park_timeout(left.min(Duration::from_millis(250)));
    }
    let taken_back = runtime.block_on(async {
        leash::settle().await;
        undo.insist(|| WATCHDOG_WITHIN, |_, _| {}).await
    });
    let state = match taken_back {
        Ok(Undone { how, .. }) => State::Undone { how },
        // The reason may repeat a secret that only the program knows.
        Err(_) => State::Failed { why: "the watchdog could not take it back".to_owned() },
    };
    let is_done = matches!(state, State::Undone { .. });
    let written = record.record_of_watchdog(state);
    u8::from(!is_done || written.is_err())
}
