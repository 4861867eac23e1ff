//! Processes, as `/proc` tells of them.
//!
//! A process id is used again, an id with its start time is not ([`Pinned`]).
//! Functions that take only an id say what is true of whoever has it now.

mod below;
mod group;
mod stat;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::text::field;
pub use below::end_everything_below;
pub(crate) use group::only_within_groups;
pub use stat::{Stat, below};

/// One process for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pinned {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of
    /// `/proc/PID/stat`).
    pub start_time: u64,
}

impl Pinned {
    /// Pins the process that has this id now; `None` if there is none or it has
    /// ended.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        stat(pid).filter(Stat::is_alive).map(|stat| stat.pinned())
    }

    /// What there is to say of this very process; `None` once it has ended.
    #[must_use]
    pub fn stat(self) -> Option<Stat> {
        stat(self.pid).filter(|stat| stat.pinned() == self && stat.is_alive())
    }

    /// For how long it has been there, or would be if it had not ended. Exact to
    /// a tick, a hundredth of a second.
    #[must_use]
    pub fn age(self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let now = Duration::try_from(now).unwrap_or_default();
        now.saturating_sub(stat::of_ticks(self.start_time))
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        self.stat().is_some()
    }

    /// Whether this very process is stopped, as by SIGSTOP.
    #[must_use]
    pub fn is_stopped(self) -> bool {
        self.stat().is_some_and(|stat| stat.is_stopped())
    }

    /// The processor time that it has used, user and system.
    #[must_use]
    pub fn cpu_time(self) -> Option<Duration> {
        self.stat().map(|stat| stat.cpu_time())
    }

    /// The memory that it has resident, in bytes.
    #[must_use]
    pub fn resident(self) -> Option<u64> {
        // Looked at afterwards: until then it was the same process.
        resident(self.pid).filter(|_| self.is_alive())
    }
}

/// `PID@START`, as a dry run and a journal show it.
impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.pid, self.start_time)
    }
}

impl FromStr for Pinned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('@').and_then(|(pid, start_time)| {
            Some(Self { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? })
        });
        parsed.ok_or_else(|| format!("{text:?} is not PID@START, such as 4321@987654"))
    }
}

/// Every process id that exists now, in ascending order.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn pids() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// Every process that exists now, those that have ended and were not yet
/// collected included. One that goes meanwhile is left out.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn all() -> io::Result<Vec<Stat>> {
    Ok(pids()?.into_iter().filter_map(stat).collect())
}

/// The processes whose parent is `parent`, in ascending order, those that have
/// ended and were not yet collected included.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn children(parent: u32) -> io::Result<Vec<u32>> {
    let children = all()?.into_iter().filter(|stat| stat.parent == parent);
    Ok(children.map(|stat| stat.pid).collect())
}

/// The processes below these, themselves included where they exist.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn descendants(roots: &[u32]) -> io::Result<BTreeSet<u32>> {
    Ok(below(&all()?, roots))
}

/// What `/proc/PID/stat` says, if the process exists.
#[must_use]
pub fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&read(pid, "stat").ok()?)
}

/// The memory that a process has resident, in bytes; `None` if there is none,
/// as for a process that has ended.
#[must_use]
pub fn resident(pid: u32) -> Option<u64> {
    status(pid, "VmRSS:").map(|kibibytes| kibibytes << 10)
}

/// The most memory that a process ever had resident, in bytes.
#[must_use]
pub fn peak_resident(pid: u32) -> Option<u64> {
    status(pid, "VmHWM:").map(|kibibytes| kibibytes << 10)
}

/// The real user id of a process.
#[must_use]
pub fn owner(pid: u32) -> Option<u32> {
    status(pid, "Uid:")?.try_into().ok()
}

/// The words of a process's command line. It has none once it has ended, and
/// may have written something else in their place.
#[must_use]
pub fn command_line(pid: u32) -> Vec<OsString> {
    pieces(read(pid, "cmdline").unwrap_or_default())
}

/// The environment that a process was started with, as names and values.
///
/// # Errors
/// When it may not be read, or the process does not exist.
pub fn environment(pid: u32) -> io::Result<Vec<(OsString, OsString)>> {
    let pair = |entry: OsString| {
        let at = entry.as_bytes().iter().position(|&byte| byte == b'=')?;
        let (name, value) = entry.as_bytes().split_at(at);
        Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(&value[1..]).to_owned()))
    };
    // A process that writes a title for itself writes it over these.
    Ok(pieces(read(pid, "environ")?).into_iter().filter_map(pair).collect())
}

/// Whether a process was started with this variable and value.
#[must_use]
pub fn has_variable(pid: u32, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> bool {
    let wanted = (name.as_ref(), value.as_ref());
    let environment = environment(pid).unwrap_or_default();
    environment.iter().any(|(name, value)| (name.as_os_str(), value.as_os_str()) == wanted)
}

/// The folder that a process works in.
#[must_use]
pub fn working_folder(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The program that a process runs.
#[must_use]
pub fn executable(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// How many files, sockets and pipes a process has open; `None` where that may
/// not be read.
#[must_use]
pub fn open_files(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten().count())
}

fn read(pid: u32, file: &str) -> io::Result<Vec<u8>> {
    fs::read(format!("/proc/{pid}/{file}"))
}

/// A number of `/proc/PID/status`. By its name alone, for not every kernel
/// writes every line.
fn status(pid: u32, name: &str) -> Option<u64> {
    field(&String::from_utf8_lossy(&read(pid, "status").ok()?), name)
}

/// The pieces of a text, each of which ends with a zero byte.
fn pieces(mut text: Vec<u8>) -> Vec<OsString> {
    if text.last() == Some(&0) {
        text.pop();
    }
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|&byte| byte == 0).map(|piece| OsString::from_vec(piece.to_vec())).collect()
}

#[cfg(test)]
mod tests;
