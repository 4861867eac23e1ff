//! What the lab and its keeper say to each other: one JSON value a line,
//! commands into the keeper's standard input, events out of its output.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A process that the keeper is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Unique in the lab; also names the log.
    pub name: String,
    /// What it is in the system: `broker`, `service`, `stable`, `internal`.
    pub role: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The whole environment, but for the marker that the keeper adds.
    pub env: BTreeMap<String, String>,
    /// The working folder.
    pub cwd: PathBuf,
    /// What to do when it ends.
    pub restart: Restart,
    /// Whether it has the keeper run processes: what it writes to its standard output are
    /// commands, and its standard input has the keeper's events.
    #[serde(default)]
    pub(crate) steers: bool,
}

impl ProcessSpec {
    /// A process with an empty environment, working in `/`, never restarted.
    pub fn new<A: AsRef<OsStr>>(name: &str, role: &str, argv: impl IntoIterator<Item = A>) -> Self {
        let argv = argv.into_iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect();
        Self {
            name: name.to_owned(),
            role: role.to_owned(),
            argv,
            env: BTreeMap::new(),
            cwd: PathBuf::from("/"),
            restart: Restart::Never,
            steers: false,
        }
    }

    /// Lets it have the keeper run processes.
    #[must_use]
    pub(crate) fn steering(mut self) -> Self {
        self.steers = true;
        self
    }

    /// Adds one variable to the environment.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.env.insert(key.to_owned(), value.into());
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// Sets what to do when it ends.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }
}

/// What the keeper does when a process ends by itself or is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Nothing.
    Never,
    /// Starts it again after a backoff: 250 ms, doubling to 5 s, back to
    /// 250 ms once it has been up for 10 s.
    Always,
}

/// What the lab asks of the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Command {
    /// Run a process. A name may be used again once its process was stopped.
    Start(ProcessSpec),
    /// Start a process again that has ended and that nobody else starts again. One that
    /// is held is started when it is let go.
    Again { name: String },
    /// Ask a process to end, by SIGTERM, and do not start it again.
    Terminate { name: String },
    /// Kill a process group and do not start it again.
    Stop { name: String },
    /// Know nothing more of a process that has ended for good.
    Forget { name: String },
    /// Leave a process alone when it ends, until it is let go.
    Hold { name: String },
    /// Start a process that was held, or end the hold of one that still runs.
    LetGo { name: String },
    /// Outlive the lab: from now on only a signal ends the keeper.
    Release,
}

/// What happened, as the keeper saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The keeper is there and its scratch folder exists.
    Ready {
        /// The keeper's process id.
        pid: u32,
        /// Its start time, in clock ticks since boot.
        start_time: u64,
        /// The folder that it removes in the end.
        scratch: PathBuf,
    },
    /// The keeper cannot work at all, and ends.
    Refused {
        /// Why.
        reason: String,
    },
    /// Somebody has asked for a process.
    Expected {
        /// Its name.
        name: String,
        /// What it is in the system.
        role: String,
    },
    /// A process runs.
    Started {
        /// Its name.
        name: String,
        /// Its process id, which is also its process group.
        pid: u32,
        /// Its start time, in clock ticks since boot.
        start_time: u64,
        /// How often it has been restarted before.
        restarts: u64,
    },
    /// A process could not be started.
    Failed {
        /// Its name.
        name: String,
        /// The system's answer.
        reason: String,
    },
    /// A process ended.
    Exited {
        /// Its name.
        name: String,
        /// Its process id.
        pid: u32,
        /// In words: `exit code 1`, `killed by signal 9 (SIGKILL)`.
        status: String,
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
    },
    /// A process will be started again.
    Restarting {
        /// Its name.
        name: String,
        /// After so many milliseconds.
        in_ms: u64,
    },
    /// A process that has ended is not known any more.
    Forgotten {
        /// Its name.
        name: String,
    },
    /// A process was to be asked to end, and there was none.
    Absent {
        /// Its name.
        name: String,
    },
    /// A process will be left alone when it ends.
    Held {
        /// Its name.
        name: String,
    },
    /// A process will not be started again.
    GaveUp {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Something that the keeper could work around.
    Warning {
        /// What.
        message: String,
    },
}
