//! A program that is run once for each operation.
//!
//! The identity is in `SHAKEDOWN_ID` and the payload on the standard input.
//! Exit code 0 acknowledges; listed codes have failed; any other code or a
//! signal leaves the operation indeterminate. Each program is the leader of a
//! process group of its own, which is killed when its time is over or the run
//! ends, children included. It runs in the folder of this program, and inherits
//! its environment without [`scenarios::program::NOT_INHERITED`].

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use scenarios::program::NOT_INHERITED;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin};

use super::{body, template};
use crate::content::Content;
use crate::error::LoadError;
use crate::feed::Op;
use crate::lane::Lane;
use crate::limit::Limit;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::shape::Shape;

/// The files of one program: both ends of its input, of the pipe by which its
/// start is told, and a descriptor of its end.
pub(super) const FILES: u64 = 5;

/// The pause after a program that this machine could not start.
const BREATHER: Duration = Duration::from_millis(50);

/// How long a program that was killed may take to end.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// A program that is run once for each operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments, each a payload template.
    pub words: Vec<String>,
    /// Exit codes that mean *definitely not done*.
    pub refused: Vec<i32>,
    /// The standard input.
    pub body: Content,
}

/// A program that is ready to be run.
#[derive(Debug)]
pub(crate) struct Target {
    words: Vec<Payload>,
    refused: Vec<i32>,
    body: Payload,
}

impl Target {
    pub(super) fn new(command: &Command, shape: &Shape) -> Result<Self, LoadError> {
        let setting = |problem: &str| LoadError::Setting {
            what: "command",
            value: command.words.join(" "),
            problem: problem.to_owned(),
        };
        if command.words.first().is_none_or(String::is_empty) {
            return Err(setting("name a program"));
        }
        if command.refused.contains(&0) {
            return Err(setting("exit code 0 means accepted; it cannot mean refused, too"));
        }
        Ok(Self {
            words: command
                .words
                .iter()
                .map(|word| template("command", word, shape))
                .collect::<Result<_, _>>()?,
            refused: command.refused.clone(),
            body: body(&command.body, shape)?,
        })
    }

    fn spawn(&self, lane: &Lane, op: &Op) -> std::io::Result<Group> {
        let now = lane.now();
        let identity = lane.identity(op);
        let mut words = self.words.iter().map(|word| {
            let mut text = Vec::new();
            lane.render(word, op, now, &mut text);
            std::os::unix::ffi::OsStringExt::from_vec(text)
        });
        let program: std::ffi::OsString = words.next().unwrap_or_default();
        let mut command = tokio::process::Command::new(program);
        for variable in NOT_INHERITED {
            command.env_remove(variable);
        }
        let child = command
            .args(words)
            .env("SHAKEDOWN_ID", identity.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Group(child))
    }

    fn answer(&self, status: ExitStatus) -> Answer {
        match (status.code(), status.signal()) {
            (Some(0), _) => Answer::Acked,
            (Some(code), _) if self.refused.contains(&code) => Answer::Failed(Reason::Exit(code)),
            (Some(code), _) => Answer::Indeterminate(Reason::Exit(code)),
            (None, signal) => Answer::Indeterminate(Reason::Signal(signal.unwrap_or_default())),
        }
    }
}

/// A program that runs, with its process group; killed when it is dropped.
struct Group(Child);

impl Group {
    async fn run(&mut self, input: &[u8]) -> std::io::Result<ExitStatus> {
        if let Some(stdin) = self.0.stdin.take() {
            // A program that does not read its input may still succeed.
            let _ = feed(stdin, input).await;
        }
        self.0.wait().await
    }
}

async fn feed(mut stdin: ChildStdin, input: &[u8]) -> std::io::Result<()> {
    stdin.write_all(input).await?;
    stdin.shutdown().await
}

impl Group {
    fn kill(&self) {
        // The leader is not reaped yet while it has an id, so the number is
        // still its own. What it left behind after its end is not touched.
        let id = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = id {
            // It may have ended just now, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs one program after another until there are no more operations.
pub(super) async fn drive(target: &Target, lane: &Lane) {
    while let Some(op) = lane.next().await {
        let started = lane.now();
        let answer = attempt(target, lane, &op, started + lane.timeout()).await;
        lane.settle(op, started, &answer);
    }
}

async fn attempt(target: &Target, lane: &Lane, op: &Op, until: Duration) -> Answer {
    let mut group = match target.spawn(lane, op) {
        Ok(group) => group,
        Err(error) => {
            let why = Limit::of_spawn(&error)
                .map_or_else(|| Reason::Spawn(error.to_string()), Reason::Here);
            // Another attempt at once would meet the same.
            if let Reason::Here(_) = why {
                lane.pause(BREATHER).await;
            }
            return Answer::Failed(why);
        }
    };
    let mut input = Vec::new();
    lane.render_body(&target.body, op, lane.now(), &mut input);
    match lane.limit(until, group.run(&input)).await {
        Some(Ok(status)) => target.answer(status),
        Some(Err(error)) => Answer::Indeterminate(Reason::Lost(error.to_string())),
        None => {
            group.kill();
            // It cannot refuse; only its end remains to be taken down.
            let _ = lane.limit(lane.now() + LAST_BREATH, group.0.wait()).await;
            Answer::Indeterminate(Reason::Timeout)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Command {
        let words = words.iter().map(ToString::to_string).collect();
        Command { words, refused: vec![3], body: Content::default() }
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let target = Target::new(&command(&["prog", "a @{id}"]), &Shape::default()).unwrap();
        assert_eq!(target.words.len(), 2);
        for (bad, hint) in [(&[][..], "program"), (&[""], "program"), (&["p", "@{x}"], "@{id}")] {
            let error = Target::new(&command(bad), &Shape::default()).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        let both = Command { refused: vec![0], ..command(&["true"]) };
        assert!(Target::new(&both, &Shape::default()).is_err());
    }

    #[test]
    fn an_exit_code_decides() {
        let target = Target::new(&command(&["true"]), &Shape::default()).unwrap();
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        assert_eq!(target.answer(exit(0)), Answer::Acked);
        assert_eq!(target.answer(exit(3)), Answer::Failed(Reason::Exit(3)));
        assert_eq!(target.answer(exit(1)), Answer::Indeterminate(Reason::Exit(1)));
        let killed = ExitStatus::from_raw(9);
        assert_eq!(target.answer(killed), Answer::Indeterminate(Reason::Signal(9)));
    }
}
