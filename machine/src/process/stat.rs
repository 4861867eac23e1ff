//! One line of `/proc/PID/stat`, as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use procfs_core::FromRead;

use super::Pinned;

/// The flag of a kernel thread (`PF_KTHREAD`).
const KERNEL_THREAD: u32 = 0x0020_0000;
/// The scheduling policy of what only runs where nobody else wants a processor
/// (`SCHED_IDLE`).
const IDLE: u32 = 5;

/// A process as `/proc/PID/stat` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its id.
    pub pid: u32,
    /// Its parent's id; 0 is the kernel.
    pub parent: u32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// The name of its command, at most 15 bytes.
    pub command: String,
    /// Its state: `R` runs, `S` sleeps, `D` waits for a disk, `T` is stopped,
    /// `Z` has ended and was not yet collected. See proc_pid_stat(5).
    pub state: char,
    /// Processor time that it used itself, user and system, in clock ticks.
    pub ticks: u64,
    /// That of its children that ended and were collected.
    pub collected: u64,
    /// Resident memory in pages. Kernels count this one roughly.
    pub pages: u64,
    /// Whether it is a thread of the kernel.
    pub is_kernel: bool,
    /// Whether it only runs where nobody else of its group wants a processor, so that
    /// nobody there waits for it.
    pub yields: bool,
}

impl Stat {
    /// Reads `/proc/PID/stat`; another text is none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let stat = is_whole(text).then(|| procfs_core::process::Stat::from_read(text).ok())??;
        let collected = stat.cutime.saturating_add(stat.cstime);
        Some(Self {
            pid: stat.pid.try_into().ok()?,
            parent: stat.ppid.try_into().ok()?,
            start_time: stat.starttime,
            state: stat.state,
            ticks: stat.utime.saturating_add(stat.stime),
            collected: u64::try_from(collected).unwrap_or(0),
            pages: stat.rss,
            is_kernel: stat.flags & KERNEL_THREAD != 0,
            yields: stat.policy == Some(IDLE),
            command: stat.comm,
        })
    }

    /// The pair that names this process for ever.
    #[must_use]
    pub fn pinned(&self) -> Pinned {
        Pinned { pid: self.pid, start_time: self.start_time }
    }

    /// Whether it runs. A zombie has ended; only its parent has not noticed yet.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Whether it is stopped, as by SIGSTOP.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state == 'T'
    }

    /// The processor time that it used itself, user and system.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        of_ticks(self.ticks)
    }
}

/// So many clock ticks as a time.
pub(super) fn of_ticks(ticks: u64) -> Duration {
    let ticks_a_second = rustix::param::clock_ticks_per_second().max(1);
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_a_second);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Whether a text has the beginning of a line of `/proc/PID/stat`: an id, the
/// command in brackets, a state. The parser cuts there without a look. The
/// command may itself hold brackets, spaces and line ends.
fn is_whole(text: &[u8]) -> bool {
    let (Some(open), Some(close)) =
        (text.iter().position(|&byte| byte == b'('), text.iter().rposition(|&byte| byte == b')'))
    else {
        return false;
    };
    let id = text[..open].strip_suffix(b" ").unwrap_or_default();
    let state = text[close..].get(1..3).unwrap_or_default();
    open < close
        && !id.is_empty()
        && id.iter().all(u8::is_ascii_digit)
        && matches!(state, [b' ', letter] if letter.is_ascii_alphabetic())
}

/// The roots that exist and everything below them.
#[must_use]
pub fn below(processes: &[Stat], roots: &[u32]) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process.pid);
    }
    let exists = |root: &u32| processes.iter().any(|process| process.pid == *root);
    let mut open: Vec<u32> = roots.iter().copied().filter(exists).collect();
    let mut found = BTreeSet::new();
    while let Some(pid) = open.pop() {
        if found.insert(pid) {
            open.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}
