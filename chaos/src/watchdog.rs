//! The process that ends a pause in time, even when the program that began it
//! was killed.
//!
//! It is this same executable under a hidden subcommand, in a session of its
//! own, so that neither Ctrl-C nor the end of a terminal reaches it. The pipe
//! to its input is the dead-man's handle: when it closes, because the fault was
//! injected or because the program died, the time begins to run.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::FaultError;
use crate::process::{Pinned, Process};
use crate::victim::{Signal, Victim};

const SUBCOMMAND: &str = "__chaos-watchdog";
const READY: &str = "armed";
/// No process has this id.
const NOBODY: Pinned = Pinned { pid: 0, start_time: 0 };
const START_WITHIN: Duration = Duration::from_secs(20);

/// Runs the hidden subcommand if `arguments` (without the program's name) ask
/// for it, and gives its exit code; `None` means that they are the user's. A
/// program that pauses processes calls this first thing in `main`.
#[must_use]
pub fn hidden(arguments: &[OsString]) -> Option<u8> {
    let (first, rest) = arguments.split_first()?;
    if first != SUBCOMMAND {
        return None;
    }
    let texts: Option<Vec<&str>> = rest.iter().map(|argument| argument.to_str()).collect();
    let (lasts, victims) = texts.as_deref()?.split_first()?;
    let lasts = Duration::from_millis(lasts.parse().ok()?);
    let victims: Result<Vec<Pinned>, _> = victims.iter().map(|text| text.parse()).collect();
    Some(watch(&victims.ok()?, lasts))
}

/// A watchdog that is armed.
pub(crate) struct Watchdog {
    child: Child,
    pinned: Pinned,
    handle: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts a watchdog and waits until it holds its victims.
    pub(crate) async fn start(victims: &[Pinned], lasts: Duration) -> Result<Self, FaultError> {
        let failed = |reason: String| FaultError::Watchdog { reason };
        let mut child = spawn(victims, lasts).map_err(|error| failed(error.to_string()))?;
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

    /// Ends it; the victims have been continued.
    pub(crate) fn end(mut self) {
        self.kill();
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A watchdog whose time has not begun has nobody to continue. One whose time
/// has begun outlives its handle: that is what it is for.
impl Drop for Watchdog {
    fn drop(&mut self) {
        if self.handle.is_some() {
            self.kill();
        }
    }
}

fn spawn(victims: &[Pinned], lasts: Duration) -> std::io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg0("chaos-watchdog")
        .arg(SUBCOMMAND)
        .arg(lasts.as_millis().to_string())
        .args(victims.iter().map(Pinned::to_string))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
}

fn says_ready(output: ChildStdout) -> bool {
    let mut line = String::new();
    BufReader::new(output.take(64)).read_line(&mut line).is_ok() && line.trim_end() == READY
}

/// The watchdog itself. Ends early when its victims have.
fn watch(victims: &[Pinned], lasts: Duration) -> u8 {
    // Fails only for the leader of a process group, which has nothing to lose.
    let _ = rustix::process::setsid();
    let hold = |pinned: &Pinned| {
        let Pinned { pid, start_time } = *pinned;
        Victim::pin(Process { name: "process".to_owned(), pid, start_time }).ok()
    };
    let held: Vec<Victim> = victims.iter().filter_map(hold).collect();
    let mut output = std::io::stdout();
    if writeln!(output, "{READY}").and_then(|()| output.flush()).is_err() {
        return 1;
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let begun = Instant::now();
    while let Some(left) = lasts.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        if held.iter().all(Victim::is_gone) {
            return 0;
        }
        thread::park_timeout(left.min(Duration::from_millis(250)));
    }
    // A victim that ended meanwhile needs no signal.
    held.iter().for_each(|victim| drop(victim.signal(Signal::CONT)));
    0
}
