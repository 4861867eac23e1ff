//! Somebody's own system: a reference system that stands on its own, known to
//! `verify` by its addresses alone.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::reference::{self, Running, StartOptions};
use lab::{Lab, LabOptions, Patience};
use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Profile, Program};

const PATIENCE: Duration = Duration::from_secs(180);

/// A reference system in a lab that `verify` knows nothing of. Ends when it is
/// dropped.
#[derive(Debug)]
pub struct OwnSystem {
    // In this order: the lab ends before the ports of its replicas are free.
    lab: Lab,
    running: Running,
    _logs: tempfile::TempDir,
}

impl OwnSystem {
    /// Starts a system in a variant and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(system: &str, variant: &str, profile: Profile) -> Result<Self> {
        let logs = tempfile::Builder::new().prefix("shakedown-tests-").tempdir()?;
        let exe = Program::Verify.build(profile)?;
        let lab = LabOptions { exe, ..LabOptions::new(logs.path()) }.start()?;
        let options = StartOptions { variant: variant.to_owned(), ..StartOptions::default() };
        let running = reference::system(system)?.start(&lab, &options, Patience::new(PATIENCE))?;
        Ok(Self { lab, running, _logs: logs })
    }

    /// The address of one of its parts.
    ///
    /// # Errors
    /// When it has no such part.
    pub fn target(&self, key: &str) -> Result<&str> {
        let url = self.running.targets.get(key);
        url.map(String::as_str).with_context(|| format!("the system has no {key}"))
    }

    /// `--target KEY=URL` for each of these parts.
    ///
    /// # Errors
    /// When it has no such part.
    pub fn arguments(&self, keys: &[&str]) -> Result<Vec<String>> {
        let mut arguments = Vec::new();
        for key in keys {
            arguments.extend(["--target".to_owned(), format!("{key}={}", self.target(key)?)]);
        }
        Ok(arguments)
    }

    /// Sends a signal to one of its processes, which its supervisor starts
    /// again.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self, process: &str, signal: Signal) -> Result<()> {
        let pid = self.lab.process(process).and_then(|state| state.pid);
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.with_context(|| format!("{process} does not run"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// Has `rabbitmqctl` say something to the broker.
    ///
    /// # Errors
    /// When the broker does not run, or does not do it.
    pub fn rabbitmqctl(&self, words: &[&str]) -> Result<()> {
        let pid = self.lab.process("rabbitmq").and_then(|state| state.pid);
        rabbitmqctl(pid.context("the broker does not run")?, words).map(drop)
    }

    /// The addresses of all of its parts.
    #[must_use]
    pub fn targets(&self) -> &BTreeMap<String, String> {
        &self.running.targets
    }

    /// Whether each of its processes runs.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lab.is_kept() && self.lab.processes().iter().all(|process| process.pid.is_some())
    }
}

/// Has `rabbitmqctl` say something to the broker with this process id; gives
/// what it answers.
///
/// # Errors
/// When the broker does not run, or does not do it.
pub fn rabbitmqctl(pid: u32, words: &[&str]) -> Result<String> {
    // The node's own settings lead to it: its name, cookie and port mapper.
    let settings = machine::process::environment(pid)?;
    let mut command = std::process::Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl");
    command.env_clear().args(["--quiet"]).args(words);
    command.envs(settings.into_iter().filter(|(name, _)| name != "ERL_FLAGS"));
    let output = command.output().context("rabbitmqctl")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{said}{errors}");
    Ok(said)
}
