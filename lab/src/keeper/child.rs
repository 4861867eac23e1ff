//! One process of the lab: how it is forked, and how it dies with its keeper.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal};

use super::backoff::Backoff;
use super::wire::{ProcessSpec, Restart};

/// What a child is doing.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Runs since then.
    Up { pid: Pid, since: Instant },
    /// Is to be started again then.
    Due(Instant),
    /// Ended, and stays so.
    Down,
}

impl Phase {
    /// Whether it has ended for good, unless somebody asks for another start.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self, Self::Down)
    }
}

/// A process that the keeper answers for.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) spec: ProcessSpec,
    pub(crate) phase: Phase,
    pub(crate) backoff: Backoff,
    pub(crate) restarts: u64,
    /// It is left alone when it ends.
    pub(crate) held: bool,
}

impl Child {
    pub(crate) fn new(spec: ProcessSpec) -> Self {
        Self { spec, phase: Phase::Down, backoff: Backoff::new(), restarts: 0, held: false }
    }

    /// Kills the whole process group and forbids a restart. The end itself is
    /// seen later, when the child is collected.
    pub(crate) fn stop(&mut self) {
        self.spec.restart = Restart::Never;
        match self.phase {
            Phase::Up { pid, .. } => kill_group(pid),
            Phase::Due(_) => self.phase = Phase::Down,
            Phase::Down => {}
        }
    }

    /// Asks it to end and forbids a restart; whether there is a process. Only its first
    /// one is asked, as a container's is.
    pub(crate) fn terminate(&mut self) -> bool {
        self.spec.restart = Restart::Never;
        match self.phase {
            Phase::Up { pid, .. } => {
                let _ = rustix::process::kill_process(pid, Signal::TERM);
                return true;
            }
            Phase::Due(_) => self.phase = Phase::Down,
            Phase::Down => {}
        }
        false
    }

    /// Whether somebody may have it started again now.
    pub(crate) fn may_start_again(&self) -> bool {
        self.phase.is_down() && !self.held
    }

    /// Leaves it alone when it ends.
    pub(crate) fn hold(&mut self) {
        self.held = true;
        if let Phase::Due(_) = self.phase {
            self.phase = Phase::Down;
        }
    }

    /// Starts it again if it has ended meanwhile.
    pub(crate) fn let_go(&mut self) {
        if std::mem::take(&mut self.held)
            && let Phase::Down = self.phase
        {
            self.phase = Phase::Due(Instant::now());
        }
    }
}

/// Kills a process and its group. The process must not have been collected
/// yet: until then nobody else can have its id.
pub(crate) fn kill_group(pid: Pid) {
    // Between fork and its own setpgid a child is not yet in its group.
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
}

/// Where the output of `name` goes. A child without its log is better than no
/// child: if the log cannot be opened, the output is dropped and the error
/// comes back beside it.
fn output(logs: &Path, name: &str) -> io::Result<(Stdio, Stdio)> {
    let path = log_path(logs, name);
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    Ok((Stdio::from(file.try_clone()?), Stdio::from(file)))
}

/// `LOGS/NAME.log`.
pub(crate) fn log_path(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}

/// A process that was forked.
pub(crate) struct Forked {
    pub(crate) pid: Pid,
    /// Why its log could not be opened, if so.
    pub(crate) no_log: Option<io::Error>,
    /// Of one that steers.
    pub(crate) pipes: Option<(ChildStdin, ChildStdout)>,
}

/// Forks one process into its own group, with the given environment and no
/// other, tied to the calling thread: the kernel kills it when that thread
/// ends. Must therefore be called on the keeper's main thread.
///
/// One that steers gets pipes instead of its input and its output.
pub(crate) fn fork(spec: &ProcessSpec, logs: &Path, scratch: &Path) -> io::Result<Forked> {
    let Some((program, arguments)) = spec.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command line is empty"));
    };
    let (output, no_log) = match output(logs, &spec.name) {
        Ok(pair) => (pair, None),
        Err(error) => ((Stdio::null(), Stdio::null()), Some(error)),
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&spec.env)
        .env(super::MARKER, scratch)
        .current_dir(&spec.cwd)
        .stdin(if spec.steers { Stdio::piped() } else { Stdio::null() })
        .stdout(if spec.steers { Stdio::piped() } else { output.0 })
        .stderr(output.1)
        .process_group(0);
    die_with_this_thread(&mut command);
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a child's process id is not 0");
    let pipes = child.stdin.take().zip(child.stdout.take());
    Ok(Forked { pid, no_log, pipes })
}

/// Makes the kernel send SIGKILL to the child when the forking thread ends.
#[expect(unsafe_code, reason = "prctl between fork and exec; std has no safe way to ask for it")]
fn die_with_this_thread(command: &mut Command) {
    let keeper = rustix::process::getpid();
    let in_child = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The keeper may have died before the line above: then nobody will
        // send the signal, and the child must not run.
        if rustix::process::getppid() != Some(keeper) {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()));
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls
    // (prctl, getppid) through rustix's raw back end; it neither allocates nor
    // takes a lock, and the error that it may return holds a plain number.
    unsafe { command.pre_exec(in_child) };
}
