//! A program that is running, and what it said when it had ended.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal};

use crate::wait;

/// No run of the shipped scenarios takes so long, by far.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// A program that is running; killed when it is dropped.
///
/// Its output goes to files, not to pipes: a process that it leaves behind
/// cannot hold them open, and nobody need read them in time.
#[derive(Debug)]
pub struct Run {
    child: Child,
    begun: Instant,
    stdout: File,
    stderr: File,
}

/// A program that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// Starts a command with an empty standard input.
    ///
    /// # Errors
    /// When it cannot be executed.
    pub fn start(command: &mut Command) -> Result<Self> {
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone()?)
            .stderr(stderr.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot execute {}", command.get_program().display()))?;
        Ok(Self { child, begun: Instant::now(), stdout, stderr })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The time since it was started.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What it has said on standard error so far.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn said(&mut self) -> Result<String> {
        text(&mut self.stderr)
    }

    /// Sends it a signal, unless it has ended: then its number may be somebody
    /// else's by now.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.is_running()? {
            let pid = Pid::from_raw(self.child.id().cast_signed()).context("processes have ids")?;
            rustix::process::kill_process(pid, signal)?;
        }
        Ok(())
    }

    /// Whether it goes on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits until `seen` says that the moment has come, or the program has
    /// ended; tells which: true for the moment.
    ///
    /// # Errors
    /// When neither happens within [`DEADLINE`].
    pub fn wait_for(
        &mut self,
        what: &str,
        mut seen: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool> {
        let (came, _) = wait::until(what, DEADLINE, || {
            if seen(self) {
                return Some(true);
            }
            matches!(self.is_running(), Ok(false)).then_some(false)
        })?;
        Ok(came)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it goes on after [`DEADLINE`]: then it is killed, and the error says
    /// what it had said.
    pub fn end(mut self) -> Result<Ended> {
        let begun = self.begun;
        let child = &mut self.child;
        let ended = wait::until("the program to end", DEADLINE, || child.try_wait().transpose());
        match ended {
            Ok((status, _)) => self.ended(status?, begun.elapsed()),
            Err(error) => {
                let said = self.said()?;
                Err(anyhow!("{error}; it said:\n{said}"))
            }
        }
    }

    fn ended(&mut self, status: ExitStatus, took: Duration) -> Result<Ended> {
        Ok(Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: text(&mut self.stdout)?,
            stderr: text(&mut self.stderr)?,
            took,
        })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All of a file that somebody else may still be writing to, at its own end.
/// The position is shared with the writer, which appends; so read by offset.
fn text(file: &mut File) -> Result<String> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len())?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
