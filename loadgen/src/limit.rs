//! What this machine may run out of while a load is offered. It says nothing of
//! the target, which has not even heard of the operation.

use std::error::Error;
use std::fmt;
use std::io;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// What this machine has no more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Files that a process, or all of them, may have open.
    Files,
    /// Local ports towards one address, or an address of our own to come from.
    Ports,
    /// Memory.
    Memory,
    /// Processes and threads.
    Processes,
}

impl Limit {
    /// The limit that an error is about, if it is about one.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        if let Some(code) = error.raw_os_error() {
            return Self::of_code(Errno::from_raw_os_error(code));
        }
        // An error of a library may hold the system's.
        let mut cause = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
        while let Some(inner) = cause {
            match inner.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
                Some(code) => return Self::of_code(Errno::from_raw_os_error(code)),
                None => cause = inner.source(),
            }
        }
        None
    }

    /// The limit that a program could not be started for.
    pub(crate) fn of_spawn(error: &io::Error) -> Option<Self> {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::AGAIN) => Some(Self::Processes),
            _ => Self::of(error),
        }
    }

    /// The limit of open files, if it is reached right now: a resolver opens
    /// files, too, and does not say why it could not.
    pub(crate) fn now() -> Option<Self> {
        eventfd(0, EventfdFlags::CLOEXEC).err().and_then(Self::of_code)
    }

    /// The limit that a library tells of in words of the system.
    #[cfg(any(test, feature = "kafka"))]
    pub(crate) fn told(text: &str) -> Option<Self> {
        let codes = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOMEM, Errno::NOBUFS];
        let told = |code: &Errno| {
            let words = io::Error::from(*code).to_string();
            // "Too many open files (os error 24)"
            let words = words.split(" (os error").next().unwrap_or_default();
            text.contains(words)
        };
        codes.into_iter().find(told).and_then(Self::of_code)
    }

    fn of_code(code: Errno) -> Option<Self> {
        match code {
            Errno::MFILE | Errno::NFILE => Some(Self::Files),
            Errno::ADDRNOTAVAIL => Some(Self::Ports),
            Errno::NOMEM | Errno::NOBUFS => Some(Self::Memory),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Files => "raise the limit of open files (ulimit -n), or use fewer connections",
            Self::Ports => {
                "use fewer connections, keep them open, widen net.ipv4.ip_local_port_range, or see \
                 that this machine has an address of the target's kind"
            }
            Self::Memory => "free some memory, or use fewer connections",
            Self::Processes => "raise the limit of processes (ulimit -u), or let fewer run at once",
        }
    }
}

/// `this machine: too many open files`
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "this machine: too many open files",
            Self::Ports => "this machine: no free local port or address",
            Self::Memory => "this machine: out of memory",
            Self::Processes => "this machine: too many processes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_our_own_are_told_from_troubles_of_the_target() {
        let of = |code: Errno| Limit::of(&io::Error::from(code));
        assert_eq!(of(Errno::MFILE), Some(Limit::Files));
        assert_eq!(of(Errno::NFILE), Some(Limit::Files));
        assert_eq!(of(Errno::ADDRNOTAVAIL), Some(Limit::Ports));
        assert_eq!(of(Errno::NOBUFS), Some(Limit::Memory));
        for theirs in [Errno::CONNREFUSED, Errno::CONNRESET, Errno::TIMEDOUT, Errno::HOSTUNREACH] {
            assert_eq!(of(theirs), None);
        }
        let wrapped = io::Error::other(io::Error::from(Errno::MFILE));
        assert_eq!(Limit::of(&wrapped), Some(Limit::Files));
        assert_eq!(Limit::of_spawn(&Errno::AGAIN.into()), Some(Limit::Processes));
        assert_eq!(Limit::now(), None);
    }

    #[test]
    fn libraries_tell_of_limits_in_words() {
        let said = "127.0.0.1:9092/1: Failed to create socket: Too many open files";
        assert_eq!(Limit::told(said), Some(Limit::Files));
        assert_eq!(Limit::told("Connect failed: Connection refused"), None);
    }
}
