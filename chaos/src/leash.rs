//! A program on a leash: it ends when the program that runs it does, with
//! everything that it has started, so that nothing is broken after it was taken
//! back.
//!
//! Between the two stands this same executable under hidden subcommands: a keeper,
//! and below it a holder. The pipe to the input of each is the leash: when it closes,
//! because whoever has its other end let go or was killed, everything below is
//! killed. Both are subreapers, so that processes which detach themselves stay below
//! them. Should the holder be killed, the keeper kills what it leaves; should the
//! keeper be, the holder does. A third hidden subcommand becomes the program itself
//! and dies with the holder.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use machine::process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, setrlimit,
};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::patience::Patience;
use crate::process::Pinned;

const KEEPER: &str = "__chaos-leash";
const HOLDER: &str = "__chaos-holder";
const TETHER: &str = "__chaos-tether";
/// A process that the kernel holds in a system call dies when the call ends;
/// nobody waits for it longer than this.
const END_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What becomes of the processes that a program leaves in the background when it
/// ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// They stay: they may be what it was run for.
    Stays,
    /// They are killed.
    Ends,
}

impl Background {
    fn word(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::Ends => "ends",
        }
    }
}

/// A program that is to be run by one whose `main` calls [`crate::hidden`]. It
/// inherits the environment without [`scenarios::program::NOT_INHERITED`], and
/// is a process group of its own, out of reach of a terminal's Ctrl-C. Its input
/// is empty.
#[derive(Debug)]
pub struct Leash {
    command: tokio::process::Command,
}

impl Leash {
    /// Prepares it.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>, background: Background) -> Self {
        let mut command = tokio::process::Command::new("/proc/self/exe");
        for variable in scenarios::program::NOT_INHERITED {
            command.env_remove(variable);
        }
        let owner = Pinned::of(std::process::id()).map(|owner| owner.to_string());
        command.arg0("chaos-leash").arg(KEEPER).arg(owner.unwrap_or_default());
        command.arg(background.word()).arg(program);
        command.stdin(Stdio::piped()).process_group(0);
        Self { command }
    }

    /// Its arguments, environment, output and errors are given here.
    pub fn command(&mut self) -> &mut tokio::process::Command {
        &mut self.command
    }

    /// Runs it.
    ///
    /// # Errors
    /// When there are no processes or files left. A program that does not exist
    /// ends with exit code 127 instead, and its errors say so.
    pub fn run(mut self) -> std::io::Result<Leashed> {
        let mut child = self.command.spawn()?;
        Ok(Leashed { leash: child.stdin.take(), child })
    }
}

/// A program that runs on its leash. When this is dropped it ends, with
/// everything that it has started; that is waited for, some milliseconds as a
/// rule.
#[derive(Debug)]
pub struct Leashed {
    leash: Option<ChildStdin>,
    child: Child,
}

impl Leashed {
    /// Where its output can be read, if it was asked for as a pipe.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system cannot say.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.leash = None;
        let begun = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if begun.elapsed() > END_WITHIN {
                let _ = self.child.start_kill();
                return;
            }
            thread::park_timeout(LOOK_EVERY);
        }
    }
}

/// Waits until no program is left whose owner was killed: what it was about to
/// break must not happen after it was taken back.
pub(crate) async fn settle() {
    let patience = Patience::new(END_WITHIN, LOOK_EVERY);
    while is_anybody_orphaned() && patience.pause().await {}
}

fn is_anybody_orphaned() -> bool {
    process::pids().unwrap_or_default().into_iter().any(|pid| {
        let words = process::command_line(pid);
        let [_, first, owner, ..] = words.as_slice() else { return false };
        let owner = || owner.to_str().and_then(|owner| owner.parse::<Pinned>().ok());
        (first == KEEPER || first == HOLDER) && owner().is_some_and(|owner| !owner.is_alive())
    })
}

/// Runs a hidden subcommand if the arguments ask for one.
pub(crate) fn hidden(arguments: &[OsString]) -> Option<u8> {
    match arguments {
        [first, rest @ ..] if first == KEEPER => Some(keep(rest)),
        [first, _, background, program @ ..] if first == HOLDER => {
            Some(hold(background == Background::Ends.word(), program))
        }
        [first, holder, program @ ..] if first == TETHER => Some(become_it(holder, program)),
        _ => None,
    }
}

enum Event {
    LetGo,
    Ended(std::io::Result<ExitStatus>),
}

/// The keeper: runs a holder until it ends or the leash is let go of.
fn keep(arguments: &[OsString]) -> u8 {
    let mut holder = Command::new("/proc/self/exe");
    holder.arg0("chaos-holder").arg(HOLDER).args(arguments).stdin(Stdio::piped());
    // One that was killed has left everything below; of a program that was killed by
    // somebody nothing stays either.
    run_below(holder, |status| status.signal() == Some(Signal::KILL.as_raw()))
}

/// The holder: runs a program until it ends or the leash is let go of.
fn hold(background_ends: bool, program: &[OsString]) -> u8 {
    let mut tethered = Command::new("/proc/self/exe");
    tethered.arg(TETHER).arg(std::process::id().to_string()).args(program).stdin(Stdio::null());
    run_below(tethered, |_| background_ends)
}

/// Runs a program below this process until it ends, and ends as it did, or until the
/// leash is let go of. What is left below then is killed; also when the program ended
/// so that nothing may stay.
fn run_below(mut program: Command, nothing_stays: impl FnOnce(ExitStatus) -> bool) -> u8 {
    // Whoever looks for holders sees this one by now. If its owner was killed
    // before, it might not have been seen, and nothing may happen any more.
    if is_let_go() || set_child_subreaper(Some(getpid())).is_err() {
        return 1;
    }
    let (sender, events) = mpsc::channel();
    let leash = sender.clone();
    thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        leash.send(Event::LetGo)
    });
    // By this thread, which stays until the end: with it the program would die.
    let mut child = match program.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("no process can be started: {error}");
            return 1;
        }
    };
    // It is the leash of whoever is below, and closes with this process.
    let _leash = child.stdin.take();
    thread::spawn(move || sender.send(Event::Ended(child.wait())));
    match events.recv() {
        Ok(Event::Ended(Ok(status))) => {
            if nothing_stays(status) {
                process::end_everything_below(END_WITHIN);
            }
            end_like(status)
        }
        _ => {
            process::end_everything_below(END_WITHIN);
            1
        }
    }
}

/// Whether the pipe to the input has closed; nothing is ever written to it.
fn is_let_go() -> bool {
    let input = std::io::stdin();
    let mut looked_at = [PollFd::new(&input, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut looked_at, Some(&now)).is_ok() && !looked_at[0].revents().is_empty()
}

/// Ends as the program did. By a signal that this process cannot die of, with the
/// exit code that shells use.
fn end_like(status: ExitStatus) -> u8 {
    if let Some(signal) = status.signal() {
        let no_core = Rlimit { current: Some(0), maximum: Some(0) };
        let _ = setrlimit(Resource::Core, no_core);
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = kill_process(getpid(), signal);
        }
    }
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Becomes the program, which dies with its holder.
fn become_it(holder: &OsStr, program: &[OsString]) -> u8 {
    let asked = set_parent_process_death_signal(Some(Signal::KILL));
    // The holder may have been killed before: then nobody would send the signal.
    let parent = getppid().map(|parent: Pid| parent.as_raw_nonzero().to_string());
    let [program, arguments @ ..] = program else { return 1 };
    if asked.is_err() || parent.as_deref().map(OsStr::new) != Some(holder) {
        return 1;
    }
    let error = Command::new(program).args(arguments).exec();
    eprintln!("{}: {error}", program.to_string_lossy());
    127
}
