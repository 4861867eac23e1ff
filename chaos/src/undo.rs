//! What takes a fault back, as a value that can be written down before the
//! fault exists and carried out by another program later.

mod deployment;
mod file;
pub(crate) mod held;
mod node;
pub(crate) mod program;
pub(crate) mod retry;
pub(crate) mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use scenarios::program::Program;
use serde::{Deserialize, Serialize};

use crate::hold::Hold;
use crate::process::{Pinned, Process};
use crate::role::Starting;
use crate::victim::{Signal, Victim, VictimError};

pub(crate) use node::rabbitmqctl;
pub(crate) use program::run;

/// How a fault is taken back. Carrying it out twice is harmless.
///
/// No undo has a secret in it, because it is written to the journal as it is and
/// carried out from there: a process is found by its number, a node by the
/// environment of its process, a cluster by the kubeconfig; a proxy's address
/// with a user or password is refused, and so is a program's line that has a
/// secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Undo {
    /// Nothing: somebody else makes the system whole again.
    Nothing {
        /// Who, and how.
        why: String,
    },
    /// Nothing: it ends by itself.
    Expires {
        /// What ends.
        what: String,
        /// When at the latest.
        by: Timestamp,
    },
    /// SIGCONT to processes that were stopped.
    ContinueProcesses {
        /// The processes that were stopped.
        victims: Vec<Pinned>,
    },
    /// Processes that were ended are started again, as far as nobody else has
    /// done so.
    StartProcesses {
        /// How.
        starting: Starting,
        /// How many ran before.
        before: usize,
        /// Those that were ended.
        victims: Vec<Pinned>,
    },
    /// SIGKILL to processes that this tool has started.
    EndProcesses {
        /// The processes.
        victims: Vec<Pinned>,
    },
    /// A file that this tool has made is removed.
    RemoveFile {
        /// The file.
        path: PathBuf,
    },
    /// A file gets its text back, unless somebody else has changed it since.
    RestoreFile {
        /// The file.
        path: PathBuf,
        /// Its text before; `None` if there was no file.
        before: Option<String>,
        /// The text that this tool has written.
        written: String,
    },
    /// A setting of a running RabbitMQ node is set back, with `rabbitmqctl`.
    SetNode {
        /// The node's process. One that was started again has forgotten the
        /// setting.
        node: Pinned,
        /// What `rabbitmqctl` is told.
        words: Vec<String>,
        /// What it was told when the fault was injected.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        set: Vec<String>,
    },
    /// A toxic is taken out of a proxy.
    RemoveToxic {
        /// The proxy's admin API.
        admin: String,
        /// The proxy.
        proxy: String,
        /// The toxic.
        toxic: String,
    },
    /// A balancer's weight is set back.
    SetWeight {
        /// Where it is told and set.
        url: String,
        /// The new version's share before, in percent.
        before: String,
        /// The share that was set.
        set: String,
    },
    /// A program of the user's own takes it back.
    Run {
        /// The program.
        command: Program,
        /// The folder in which it runs, whoever runs it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<PathBuf>,
    },
    /// A workload of a cluster gets back what it had.
    #[cfg(feature = "kubernetes")]
    Kubernetes {
        /// What was altered.
        alteration: Box<crate::kubernetes::Alteration>,
    },
    /// A deployment and its canary get back what was desired of them, as far as steps of
    /// a plan or other faults have set it.
    Deployment {
        /// Which one, and what it had.
        deployment: Box<crate::deployment::Restoration>,
    },
    /// A thing that other faults may hold as well is taken back as far as they
    /// do not.
    Held {
        /// The fault's part in it.
        hold: Hold,
        /// How the thing is taken back when nobody else holds it.
        undo: Box<Undo>,
    },
}

/// What an undo did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// What was done, in words.
    pub how: String,
    /// The fault that holds the same thing still, `RUN/NAME`: to it is left what
    /// is not as it was.
    pub left_to: Option<String>,
}

impl From<String> for Undone {
    fn from(how: String) -> Self {
        Self { how, left_to: None }
    }
}

/// Why a fault could not be taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// A process could not be signalled.
    #[error("process {pid} did not get its signal; run kill -{signal} {pid} as its owner: {source}", pid = victim.pid)]
    Signal {
        /// The process.
        victim: Pinned,
        /// The signal: `CONT`.
        signal: &'static str,
        /// Why.
        source: VictimError,
    },
    /// A process could not be started again.
    #[error("{role} was not started again by {command:?} in {}: {reason}", folder.display())]
    Start {
        /// The role.
        role: String,
        /// Program and arguments.
        command: String,
        /// Where it was started.
        folder: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A file could not be removed or written.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// `remove`, `restore` or `use`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else has changed it since, and it was left alone.
    #[error("{what} was left alone: somebody has {changed} since")]
    LeftAlone {
        /// The thing.
        what: String,
        /// What somebody else did: `set it to 5`.
        changed: String,
    },
    /// What may pass did not pass in time.
    #[error("{source}; it was tried {tries} times in {:.0} s", spent.as_secs_f64())]
    GivenUp {
        /// How often.
        tries: u32,
        /// For how long.
        spent: Duration,
        /// What kept it the last time.
        source: Box<UndoError>,
    },
    /// A balancer's weight could not be set.
    #[error("the weight at {url} was not set back: {reason}")]
    Weight {
        /// Where it is set.
        url: String,
        /// What it said.
        reason: String,
    },
    /// Nobody listens where a balancer's weight is set.
    #[error(
        "nobody listens at {url} any more; unless the balancer has ended, give the new version {share} % of the requests by hand"
    )]
    Away {
        /// Where it was set.
        url: String,
        /// The new version's share before, in percent.
        share: String,
    },
    /// A deployment could not be given back what it had.
    #[error("deployment {name} was not set back: {reason}")]
    Deployment {
        /// The deployment.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// A program failed.
    #[error("{command:?} did not take it back: {reason}")]
    Program {
        /// Program and arguments.
        command: String,
        /// How it ended, and its last words.
        reason: String,
    },
    /// A cluster could not be asked.
    #[cfg(feature = "kubernetes")]
    #[error(transparent)]
    Kubernetes(crate::kubernetes::KubernetesError),
    /// A proxy could not be asked.
    #[error("the proxy at {admin} did not remove {toxic}: {reason}")]
    Proxy {
        /// The admin API.
        admin: String,
        /// The toxic.
        toxic: String,
        /// What it said.
        reason: String,
    },
}

#[cfg(feature = "kubernetes")]
impl From<crate::kubernetes::KubernetesError> for UndoError {
    fn from(error: crate::kubernetes::KubernetesError) -> Self {
        match error {
            crate::kubernetes::KubernetesError::Theirs { what, present } => {
                Self::LeftAlone { what, changed: format!("set it to {present}") }
            }
            error => Self::Kubernetes(error),
        }
    }
}

impl Undo {
    /// Whether the fault would outlive a killed program without somebody who
    /// watches over it.
    pub(crate) fn needs_watchdog(&self) -> bool {
        match self {
            Self::Nothing { .. }
            | Self::Expires { .. }
            | Self::EndProcesses { .. }
            | Self::RemoveToxic { .. } => false,
            Self::ContinueProcesses { .. }
            | Self::StartProcesses { .. }
            | Self::RemoveFile { .. }
            | Self::RestoreFile { .. }
            | Self::SetNode { .. }
            | Self::SetWeight { .. }
            | Self::Deployment { .. }
            | Self::Run { .. } => true,
            Self::Held { undo, .. } => undo.needs_watchdog(),
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes { .. } => true,
        }
    }

    /// What is done where nobody else holds the thing.
    fn alone(&self) -> &Self {
        match self {
            Self::Held { undo, .. } => undo,
            alone => alone,
        }
    }

    /// Whether two who carry it out at the same moment would do it twice: whoever
    /// else could is ended first.
    pub(crate) fn is_for_one(&self) -> bool {
        matches!(self.alone(), Self::StartProcesses { .. })
    }

    /// Whether it is taken back as soon as the program that has it in hand has ended,
    /// whatever time is left.
    pub(crate) fn ends_with_its_program(&self) -> bool {
        matches!(self, Self::Deployment { .. })
    }

    /// Its parts in things that several faults can hold.
    fn holds(&self) -> Vec<&Hold> {
        match self {
            Self::Held { hold, .. } => vec![hold],
            Self::Deployment { deployment } => deployment.holds().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether there is nothing left to take back.
    pub(crate) fn is_moot(&self) -> bool {
        match self.alone() {
            Self::ContinueProcesses { victims } => victims.iter().all(|victim| !victim.is_alive()),
            Self::RemoveFile { path } => !path.exists(),
            Self::SetNode { node, .. } => !node.is_alive(),
            _ => false,
        }
    }

    /// Whether it sets back a value, which can be only one at a time.
    pub(crate) fn sets_a_value(&self) -> bool {
        self.alone().swap().is_some()
    }

    /// Of a thing that has a value: the one from before, and the one that was set.
    fn swap(&self) -> Option<(Option<String>, String)> {
        match self {
            Self::RestoreFile { before, written, .. } => Some((before.clone(), written.clone())),
            Self::SetNode { words, set, .. } => Some((Some(words.join(" ")), set.join(" "))),
            Self::SetWeight { before, set, .. } => Some((Some(before.clone()), set.clone())),
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes { alteration } => {
                let (was, set) = alteration.swap.ends();
                Some((Some(was), set))
            }
            _ => None,
        }
    }

    /// The same with another value from before.
    fn giving_back(mut self, value: Option<String>) -> Self {
        match (&mut self, value) {
            (Self::RestoreFile { before, .. }, value) => *before = value,
            (Self::SetNode { words, .. }, Some(value)) => {
                *words = value.split(' ').map(str::to_owned).collect();
            }
            (Self::SetWeight { before, .. }, Some(value)) => *before = value,
            #[cfg(feature = "kubernetes")]
            (Self::Kubernetes { alteration }, Some(value)) => alteration.swap.give_back(value),
            _ => {}
        }
        self
    }

    /// Whether it is for others to take back now: it would end with what they do.
    pub(crate) fn is_left_to_others(&self) -> bool {
        let Self::Held { hold, .. } = self else { return false };
        matches!(self.alone(), Self::Expires { .. })
            && crate::hold::peek(&hold.record).others(&hold.by).next().is_some()
    }

    /// Lets go of a thing that was taken back in another way or never changed, and
    /// says which fault holds it still.
    pub(crate) async fn let_go(&self) -> Result<Option<String>, UndoError> {
        let mut left_to = None;
        for hold in self.holds() {
            left_to = left_to.or(held::let_go(hold).await?);
        }
        Ok(left_to)
    }

    /// Takes the fault back, once, and says what was done.
    ///
    /// # Errors
    /// When the fault is still there afterwards.
    pub async fn perform(&self) -> Result<Undone, UndoError> {
        match self {
            Self::Held { hold, undo } => held::perform(hold, undo).await,
            Self::Deployment { deployment } => deployment::restore(deployment).await,
            alone => Ok(alone.perform_alone().await?.into()),
        }
    }

    async fn perform_alone(&self) -> Result<String, UndoError> {
        match self {
            Self::Nothing { why } => Ok(format!("nothing to undo: {why}")),
            Self::Expires { what, by } => Ok(expire(what, *by).await),
            Self::ContinueProcesses { victims } => {
                signal_all(victims, Signal::CONT, "CONT", |sent| {
                    format!("continued {sent} stopped")
                })
            }
            Self::StartProcesses { starting, before, victims } => {
                start::start(starting, *before, victims).await
            }
            Self::EndProcesses { victims } => signal_all(victims, Signal::KILL, "KILL", |sent| {
                format!("ended {sent} of the tool's own")
            }),
            Self::RemoveFile { path } => file::remove(path),
            Self::RestoreFile { path, before, written } => {
                file::put(path, before.as_deref(), &[written])
            }
            Self::SetNode { node, words, .. } => node::set(*node, words).await,
            Self::SetWeight { url, before, set } => crate::weight::put(url, before, &[set]).await,
            Self::RemoveToxic { admin, proxy, toxic } => {
                crate::toxiproxy::remove(admin, proxy, toxic).await
            }
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes { alteration } => {
                Ok(alteration.undo(crate::kubernetes::Limits::default()).await?)
            }
            Self::Held { .. } | Self::Deployment { .. } => Ok(Box::pin(self.perform()).await?.how),
            Self::Run { command, folder } => {
                let shown = command.to_string();
                let failed = |reason| UndoError::Program { command: shown.clone(), reason };
                // Its addresses were filled in when it was written down.
                let words = command.words(&BTreeMap::new()).map_err(|e| failed(e.to_string()))?;
                let ran = run(&words, folder.as_deref()).await.map_err(failed)?;
                ran.success().map_err(failed)?;
                Ok(format!("ran {shown:?}"))
            }
        }
    }
}

/// Waits until it has ended by itself.
async fn expire(what: &str, by: Timestamp) -> String {
    #[expect(clippy::disallowed_methods, reason = "an undo is carried out at a real time")]
    let left = by.duration_since(Timestamp::now());
    if let Ok(left) = Duration::try_from(left) {
        tokio::time::sleep(left).await;
    }
    format!("{what} has ended by itself")
}

fn signal_all(
    victims: &[Pinned],
    signal: Signal,
    name: &'static str,
    done: impl FnOnce(usize) -> String,
) -> Result<String, UndoError> {
    let mut sent = 0;
    for &victim in victims {
        match send(victim, signal) {
            Ok(()) => sent += 1,
            // A process that ended needs nothing any more.
            Err(VictimError::Gone { .. }) => {}
            Err(source) => return Err(UndoError::Signal { victim, signal: name, source }),
        }
    }
    Ok(match victims.len() - sent {
        0 => done(sent),
        gone => format!("{}; {gone} had ended", done(sent)),
    })
}

pub(crate) fn send(pinned: Pinned, signal: Signal) -> Result<(), VictimError> {
    let Pinned { pid, start_time } = pinned;
    Victim::pin(Process { name: "process".to_owned(), pid, start_time })?.signal(signal)
}
