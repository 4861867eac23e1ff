//! A process under the name that its owner gave it.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use machine::process;
pub use machine::process::Pinned;
use serde::{Deserialize, Serialize};

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

impl Process {
    /// The process that has this id now, under its command's name; `None` if
    /// there is none or it has ended.
    #[must_use]
    pub fn find(pid: u32) -> Option<Self> {
        let stat = process::stat(pid).filter(process::Stat::is_alive)?;
        Some(Self { name: stat.command, pid, start_time: stat.start_time })
    }

    /// The processes whose command has exactly this name: the kernel's name for
    /// it (which is cut after 15 bytes) or the file name of its first argument.
    #[must_use]
    pub fn named(name: &str) -> Vec<Self> {
        all(|process| process.name == name || is_called(process.pid, name))
    }

    /// The processes that were started with this variable and value.
    pub(crate) fn with_variable(name: &str, value: &OsStr) -> Vec<Self> {
        all(|found| process::has_variable(found.pid, name, value))
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

/// The living processes that are so. A `/proc` that cannot be read has none.
fn all(is_so: impl Fn(&Process) -> bool) -> Vec<Process> {
    let pids = process::pids().unwrap_or_default();
    pids.into_iter().filter_map(Process::find).filter(is_so).collect()
}

fn is_called(pid: u32, name: &str) -> bool {
    let words = process::command_line(pid);
    let first = words.first().map(Path::new);
    first.and_then(Path::file_name).is_some_and(|first| first == name)
}
