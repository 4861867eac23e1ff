//! A process that is held while it is a victim, so that no other can take its
//! place.
//!
//! The kernel's handle (a pidfd) always means the process it was opened for.
//! The start time is looked at after opening it: if it is still the expected
//! one, the handle belongs to the expected process and keeps doing so.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
pub use rustix::process::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use crate::process::{Pinned, Process};

/// A process that is pinned by its start time and held by a handle.
#[derive(Debug)]
pub struct Victim {
    process: Process,
    handle: OwnedFd,
}

/// Why a process cannot be a victim.
#[derive(Debug, thiserror::Error)]
pub enum VictimError {
    /// It ended, or another process has its id by now. Nobody was signalled.
    #[error("{process} is no longer running; nothing else was hit in its place")]
    Gone {
        /// The process that was meant.
        process: Process,
    },
    /// The system does not permit this user to signal it.
    #[error("{process} belongs to somebody else; run as its owner or as root")]
    NotPermitted {
        /// The process that was meant.
        process: Process,
    },
    /// Anything else, such as no free file descriptors.
    #[error("{process} cannot be signalled: {source}")]
    System {
        /// The process that was meant.
        process: Process,
        /// What the system said.
        source: io::Error,
    },
}

impl Victim {
    /// Takes hold of exactly this process.
    ///
    /// # Errors
    /// [`VictimError::Gone`] if it does not run any more, even if its id is in
    /// use again.
    pub fn pin(process: Process) -> Result<Self, VictimError> {
        let raw = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let Some(pid) = raw else { return Err(VictimError::Gone { process }) };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(errno) => return Err(refusal(process, errno)),
        };
        let victim = Self { process, handle };
        if victim.is_gone() {
            return Err(VictimError::Gone { process: victim.process });
        }
        Ok(victim)
    }

    /// Sends a signal to this process or to nobody.
    ///
    /// # Errors
    /// [`VictimError::Gone`] if it ended, [`VictimError::NotPermitted`] if the
    /// system refuses.
    pub fn signal(&self, signal: Signal) -> Result<(), VictimError> {
        if self.is_gone() {
            return Err(VictimError::Gone { process: self.process.clone() });
        }
        pidfd_send_signal(&self.handle, signal)
            .map_err(|errno| refusal(self.process.clone(), errno))
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The pair that names it.
    #[must_use]
    pub fn pinned(&self) -> Pinned {
        self.process.pinned()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.pinned().is_alive()
    }
}

fn refusal(process: Process, errno: Errno) -> VictimError {
    match errno {
        Errno::SRCH => VictimError::Gone { process },
        Errno::PERM | Errno::ACCESS => VictimError::NotPermitted { process },
        _ => VictimError::System { process, source: errno.into() },
    }
}
