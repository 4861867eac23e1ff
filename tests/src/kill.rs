//! `kill -9` of `verify` at a moment: whatever it was doing, nothing may stay
//! behind but a readable folder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use reports::record::Verdict;
use rustix::process::Signal;
use verify::exit;

use crate::program::Profile;
use crate::run::Run;
use crate::sandbox::Sandbox;

/// When to kill.
#[derive(Debug, Clone)]
pub enum Moment {
    /// So long after the start.
    After(Duration),
    /// As soon as the log of a process of the lab is there.
    Process(&'static str),
    /// As soon as an event is written that contains these characters.
    Event(&'static str),
}

/// What a killed run left.
#[derive(Debug, Clone)]
pub struct Aftermath {
    /// How old the run was when it was killed; it may have ended before.
    pub age: Duration,
    /// Whether it had ended by itself.
    pub was_over: bool,
    /// How long it took until every process and temporary file was gone.
    pub cleared_in: Duration,
    /// What `recheck` says of the folder, if the run had got as far as one.
    pub recheck: Option<Verdict>,
}

impl Moment {
    /// Waits for the moment; tells whether the run still goes on then.
    ///
    /// # Errors
    /// When neither the moment nor the run's end comes.
    pub fn wait(&self, run: &mut Run, sandbox: &Sandbox) -> Result<bool> {
        let first = |below: &str| sandbox.runs().first().map(|run| run.join(below));
        run.wait_for("the moment to kill", |run| match self {
            Self::After(age) => run.age() >= *age,
            Self::Process(name) => {
                first(&format!("logs/{name}.log")).is_some_and(|path| path.exists())
            }
            Self::Event(text) => first("events.jsonl").is_some_and(|path| mentions(&path, text)),
        })
    }
}

fn mentions(path: &Path, text: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|all| all.contains(text))
}

/// Runs a scenario on its correct system, kills it, and looks at what is left.
///
/// # Errors
/// When a process or a temporary file stays, or the folder is not readable, or
/// a run that was cut short is called anything but inconclusive.
pub fn kill(moment: &Moment, profile: Profile, arguments: &[&str]) -> Result<Aftermath> {
    let sandbox = Sandbox::new(profile)?;
    let mut run = sandbox.verify(arguments)?;
    moment.wait(&mut run, &sandbox)?;
    let age = run.age();
    run.signal(Signal::KILL)?;
    let ended = run.end()?;
    let refused = [exit::USAGE, exit::ENVIRONMENT].map(|code| Some(i32::from(code)));
    ensure!(!refused.contains(&ended.code), "there was no run to kill: {}", ended.stderr);
    let cleared_in = sandbox.expect_nothing_left()?;
    let recheck = recheck(&sandbox)?;
    let was_over = ended.signal.is_none();
    Ok(Aftermath { age, was_over, cleared_in, recheck })
}

/// Judges what a killed run left. A verdict that was written stays what it is;
/// a run that was cut short is inconclusive; a folder without a plan is said
/// not to be one of a run.
fn recheck(sandbox: &Sandbox) -> Result<Option<Verdict>> {
    if sandbox.runs().is_empty() {
        return Ok(None);
    }
    let folder = sandbox.run()?;
    let path = folder.path().to_string_lossy().into_owned();
    let before = sandbox.record().ok();
    let events = std::fs::read_to_string(folder.events()).unwrap_or_default();
    let is_complete = events.contains("\"event\":\"run-ended\"");
    let has_plan = folder.plan().exists();
    let again = sandbox.verify(&["recheck", &path])?.end()?;
    if !has_plan {
        let told = again.code == Some(i32::from(exit::USAGE)) && again.stderr.contains("plan.toml");
        ensure!(told, "a folder without a plan: exit code {:?}, {}", again.code, again.stderr);
        return Ok(None);
    }
    let after = sandbox.record().map_err(|error| error.context(again.stderr))?;
    ensure!(
        again.code == Some(i32::from(exit::of(after.verdict))),
        "recheck ends with {:?} on {}",
        again.code,
        after.verdict.word()
    );
    if let Some(before) = before {
        ensure!(before.findings == after.findings, "judged again, the findings are not the same");
    }
    ensure!(
        is_complete || after.verdict == Verdict::Inconclusive,
        "a run that was cut short is called {}: {}",
        after.verdict.word(),
        after.headline
    );
    Ok(Some(after.verdict))
}
