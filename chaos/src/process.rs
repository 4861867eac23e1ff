//! What `/proc` says of a process, and the pair that names one for ever.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One process for ever: ids are used again, an id with its start time is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pinned {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of
    /// `/proc/PID/stat`).
    pub start_time: u64,
}

/// A process that a fault may hit. The order is by name first, so that a seed
/// chooses the same replica in every run although ids differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// What its owner calls it (`service-2`), or its command's name.
    pub name: String,
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
}

impl Pinned {
    /// Pins the process that has this id now; `None` if there is none or it has
    /// ended.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = stat(pid).filter(Stat::is_alive)?;
        Some(Self { pid, start_time: stat.start_time })
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        self.stat().is_some()
    }

    /// Whether this very process is stopped, as by SIGSTOP.
    #[must_use]
    pub fn is_stopped(self) -> bool {
        self.stat().is_some_and(|stat| stat.state == 'T')
    }

    fn stat(self) -> Option<Stat> {
        stat(self.pid).filter(|stat| stat.start_time == self.start_time && stat.is_alive())
    }
}

/// `PID@START`, as the dry run and the journal show it.
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

impl Process {
    /// The process that has this id now, under its command's name; `None` if
    /// there is none or it has ended.
    #[must_use]
    pub fn find(pid: u32) -> Option<Self> {
        let stat = stat(pid).filter(Stat::is_alive)?;
        Some(Self { name: stat.command, pid, start_time: stat.start_time })
    }

    /// The processes whose command has exactly this name: the kernel's name for
    /// it (which is cut after 15 bytes) or the file name of its first argument.
    #[must_use]
    pub fn named(name: &str) -> Vec<Self> {
        let called = |process: &Self| {
            process.name == name || first_argument(process.pid).is_some_and(|first| first == name)
        };
        pids().into_iter().filter_map(Self::find).filter(called).collect()
    }

    /// The pair that names it for ever.
    #[must_use]
    pub fn pinned(&self) -> Pinned {
        Pinned { pid: self.pid, start_time: self.start_time }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pinned())
    }
}

/// The facts of `/proc/PID/stat` that are used here.
pub(crate) struct Stat {
    pub(crate) command: String,
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) start_time: u64,
}

impl Stat {
    /// A zombie has ended; only its parent has not noticed yet.
    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

pub(crate) fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&text))
}

/// The command's name stands in parentheses and may itself hold parentheses,
/// spaces and line ends, so the fields are counted from the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let (head, rest) = text.rsplit_once(')')?;
    let (_, command) = head.split_once('(')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start_time = fields.nth(17)?.parse().ok()?;
    Some(Stat { command: command.to_owned(), state, parent, start_time })
}

/// The processor time that a process has used, user and system; `None` if it
/// does not run any more. A tick of the kernel's clock for this is 10 ms.
pub(crate) fn processor_time(pinned: Pinned) -> Option<Duration> {
    let text = fs::read(format!("/proc/{}/stat", pinned.pid)).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.rsplit_once(')')?;
    // Fields 14 and 15; the first one behind the name is the third.
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    pinned.is_alive().then(|| Duration::from_millis(ticks * 10))
}

/// The memory that a process has resident, in bytes.
pub(crate) fn resident(pinned: Pinned) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pinned.pid)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    pinned.is_alive().then_some(kib << 10)
}

/// The processes in whose environment a variable has this value.
pub(crate) fn with_setting(name: &str, value: &str) -> Vec<Process> {
    let wanted = format!("{name}={value}").into_bytes();
    let has = |pid: &u32| {
        let settings = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        settings.split(|&byte| byte == 0).any(|setting| setting == wanted)
    };
    pids().into_iter().filter(has).filter_map(Process::find).collect()
}

/// The real user id of a process.
pub(crate) fn owner(pid: u32) -> Option<u32> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status).into_owned();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn first_argument(pid: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let first = line.split(|&byte| byte == 0).next()?;
    let first = String::from_utf8_lossy(first);
    Some(first.rsplit('/').next()?.to_owned())
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_command_name_does_not_shift_the_fields() {
        let line = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3";
        let stat = parse_stat(line).unwrap();
        assert_eq!(stat.command, "a) b (c");
        assert_eq!((stat.parent, stat.start_time, stat.state), (7, 98765, 'S'));
        assert!(parse_stat("12 (a) S 7").is_none());
    }

    #[test]
    fn a_process_is_alive_under_its_own_start_time_only() {
        let me = Pinned::of(std::process::id()).unwrap();
        assert!(me.is_alive());
        assert!(!me.is_stopped());
        assert!(!Pinned { start_time: me.start_time + 1, ..me }.is_alive());
    }

    #[test]
    fn a_pinned_process_reads_back_from_its_text() {
        let pinned = Pinned { pid: 12, start_time: 98765 };
        assert_eq!(pinned.to_string().parse(), Ok(pinned));
        assert!("12".parse::<Pinned>().is_err());
        assert!("12@".parse::<Pinned>().is_err());
    }
}
