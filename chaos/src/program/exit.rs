//! How the program ends: its troubles and its exit codes.

use std::io;
use std::path::PathBuf;

use chaos::proxy::ProxyError;
use chaos::role::RoleError;
use chaos::{FaultError, JournalError};
use hosts::GuardError;

/// The end of the program; the numbers are the same in all of Shakedown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done as asked, and taken back.
    Done,
    /// What was asked for makes no sense.
    Usage,
    /// The fault did not land, was refused, or was not healed.
    NotLanded,
    /// Something cannot be reached, read or written.
    Environment,
    /// A signal came; what had been broken is taken back.
    Interrupted,
}

impl Exit {
    /// The number for the shell.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::NotLanded => 3,
            Self::Environment => 4,
            Self::Interrupted => 130,
        }
    }
}

/// Why a subcommand could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The fault's own reason.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The proxy's own reason.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A pid file that does not name a process.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// There is no place for the journal.
    #[error("neither XDG_STATE_HOME nor HOME is set; say where the journal is with --journal FILE")]
    NoHome,
    /// What was asked for makes no sense, and why.
    #[error("{0}")]
    Usage(String),
    /// A scenario file with problems, shown where they are.
    #[error("{0}")]
    Scenario(String),
    /// The stop condition held before anything was broken.
    #[error("nothing was broken: {why}")]
    Stopped {
        /// What it said.
        why: String,
    },
    /// The run's folder cannot be written or read.
    #[error("cannot use {}: {source}; choose another place with --out DIR", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manual pages cannot be written.
    #[error("cannot write pages into {}: {source}", dir.display())]
    Pages {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A host that has no address.
    #[error(transparent)]
    Unknown(GuardError),
    /// The runtime or the signal handlers cannot be set up.
    #[error("the system gives no {what}: {source}")]
    System {
        /// What is missing.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl From<&Trouble> for Exit {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::NoHome | Trouble::Usage(_) | Trouble::Scenario(_) => Self::Usage,
            Trouble::Stopped { .. } => Self::NotLanded,
            Trouble::Role(error) if !matches!(error, RoleError::File { .. }) => Self::NotLanded,
            Trouble::Fault(fault) if fault.is_usage() => Self::Usage,
            Trouble::Proxy(proxy) if proxy.status() < 500 => Self::Usage,
            Trouble::Fault(fault) if !fault.is_environment() => Self::NotLanded,
            Trouble::Fault(_)
            | Trouble::Journal(_)
            | Trouble::Proxy(_)
            | Trouble::Role(_)
            | Trouble::Folder { .. }
            | Trouble::Pages { .. }
            | Trouble::Unknown(_)
            | Trouble::System { .. } => Self::Environment,
        }
    }
}
