//! Everything that can go wrong with a lab, each with what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the lab, a broker or a reference system could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A program that the system needs is not installed.
    #[error(
        "{program} is not installed. Install it with `{install}`, let `--provision` do it, or name its folder in {variable}"
    )]
    Missing {
        /// The program that was looked for.
        program: String,
        /// The exact command that installs it.
        install: String,
        /// The variable of the environment that can name its folder.
        variable: String,
    },
    /// A program that nothing here can install is not there.
    #[error(
        "{program} is not installed, and no package that is known here brings it. Install it by hand, and name its folder in {variable} if it is not on the PATH"
    )]
    ByHand {
        /// The program that was looked for.
        program: String,
        /// The variable of the environment that can name its folder.
        variable: String,
    },
    /// The keeper process could not be started, or ended while it was needed.
    #[error("the lab's keeper process failed: {reason}. Its log is {}", log.display())]
    Keeper {
        /// What happened to it.
        reason: String,
        /// The keeper's own log.
        log: PathBuf,
    },
    /// A process could not be started at all.
    #[error("could not start {name}: {reason}")]
    Spawn {
        /// The process's name in the lab.
        name: String,
        /// The system's answer.
        reason: String,
    },
    /// A process ended while the lab waited for it to become ready.
    #[error(
        "{name} ended while it was starting ({status}). The last lines of {}:\n{tail}",
        log.display()
    )]
    Died {
        /// The process's name in the lab.
        name: String,
        /// How it ended.
        status: String,
        /// Its whole log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A fixed port is already taken.
    #[error(
        "port {port} on 127.0.0.1 is already in use. Stop what listens there (`ss -ltnp 'sport = :{port}'` names it) or choose another port"
    )]
    PortInUse {
        /// The port that was asked for.
        port: u16,
    },
    /// The disk under the scratch folder is too full for a broker to work.
    #[error(
        "{} has only {free_mib} MiB free and a broker needs {needed_mib} MiB. Free some space or set TMPDIR to another disk",
        path.display()
    )]
    DiskFull {
        /// The folder whose disk was looked at.
        path: PathBuf,
        /// What is free, in MiB.
        free_mib: u64,
        /// What is needed, in MiB.
        needed_mib: u64,
    },
    /// Something did not happen in the time allowed.
    #[error("gave up waiting for {what} after {} s", after.as_secs())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// The time that was allowed.
        after: Duration,
    },
    /// The caller's cancel flag was raised.
    #[error("interrupted while waiting for {what}")]
    Cancelled {
        /// What was waited for.
        what: String,
    },
    /// A reference system or a variant that does not exist was named.
    #[error("there is no {kind} called `{given}`. Known: {known}")]
    Unknown {
        /// "reference system" or "variant of the publisher".
        kind: String,
        /// What was asked for.
        given: String,
        /// The names that exist, comma separated.
        known: String,
    },
    /// A setting of a reference system has a value that it cannot read.
    #[error("the setting `{name}` of the {system} is `{given}`, and should be {expected}")]
    Setting {
        /// The reference system.
        system: String,
        /// The setting.
        name: String,
        /// Its value.
        given: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A deployment cannot be carried out, or its pods do not become ready.
    #[error("the deployment {name} did not come about: {reason}")]
    Deployment {
        /// The deployment.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// A role that stands for a class of servers fits several.
    #[error("the role `{role}` could mean any of {servers} in this lab. Name one of them instead")]
    ManyServers {
        /// The role that was given.
        role: String,
        /// The servers, comma separated.
        servers: String,
    },
    /// Installing a missing program failed.
    #[error("could not install {program}: {reason}. To do it by hand: `{install}`")]
    Provision {
        /// The program.
        program: String,
        /// What went wrong.
        reason: String,
        /// The exact command to run by hand.
        install: String,
    },
    /// A file or folder could not be used.
    #[error("could not {what} {}: {source}", path.display())]
    File {
        /// What was being done, as a verb.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A socket on the loopback interface could not be had.
    #[error("could not reserve a port on 127.0.0.1: {source}")]
    Port {
        /// The system's answer.
        source: io::Error,
    },
}

impl LabError {
    /// For `map_err` on file operations: `LabError::file("create", &path)`.
    pub(crate) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
