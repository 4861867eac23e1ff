//! Whose work it is: some processes with all their descendants against all
//! others.
//!
//! A process that ended and was collected hands what it used to its parent
//! (`cutime`, `cstime`), so the sum of both over a tree loses nothing, however
//! short-lived its processes are.

use std::collections::{BTreeMap, BTreeSet};

use procfs_core::FromRead;
use procfs_core::process::Stat;

/// The flag of a kernel thread (`PF_KTHREAD`).
const KERNEL_THREAD: u32 = 0x0020_0000;

/// A process as `/proc/PID/stat` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub parent: i32,
    /// When it started, in ticks since the host did: ids are used again.
    pub started: u64,
    /// The name of its program, at most 15 bytes.
    pub program: String,
    /// Processor time that it used itself, in ticks.
    pub ticks: u64,
    /// That of its children that ended and were collected.
    pub collected: u64,
    /// Resident memory in pages.
    pub pages: u64,
    /// Whether it is a thread of the kernel.
    pub is_kernel: bool,
}

impl Process {
    /// Reads `/proc/PID/stat`; another text is none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let stat = Stat::from_read(text).ok()?;
        let collected = stat.cutime.saturating_add(stat.cstime);
        Some(Self {
            pid: stat.pid,
            parent: stat.ppid,
            started: stat.starttime,
            ticks: stat.utime.saturating_add(stat.stime),
            collected: u64::try_from(collected).unwrap_or(0),
            pages: stat.rss,
            is_kernel: stat.flags & KERNEL_THREAD != 0,
            program: stat.comm,
        })
    }
}

/// The processes of a host at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Family {
    /// The ids of the roots and their descendants.
    pub own: BTreeSet<i32>,
    /// Processor time of the own processes and of those that they collected, in
    /// ticks. Where a tree came or went between two looks, so does its time.
    pub own_ticks: u64,
    /// Resident memory of the own processes in bytes.
    pub own_bytes: u64,
    /// Bytes that the own processes had read from and written to disks, where
    /// that may be read of all of them.
    pub own_io: Option<u64>,
    /// Processor time of the kernel's threads, in ticks.
    pub kernel_ticks: u64,
    /// All other processes, by id and start.
    pub others: BTreeMap<(i32, u64), Process>,
}

impl Family {
    /// Tells the processes apart.
    #[must_use]
    pub fn of(processes: Vec<Process>, roots: &[i32], page: u64) -> Self {
        let own = descendants(&processes, roots);
        let mut family = Self::default();
        for process in processes {
            if own.contains(&process.pid) {
                family.own_ticks += process.ticks + process.collected;
                family.own_bytes += process.pages * page;
            } else if process.is_kernel {
                family.kernel_ticks += process.ticks;
            } else {
                family.others.insert((process.pid, process.started), process);
            }
        }
        family.own = own;
        family
    }
}

/// The roots that exist and everything below them.
fn descendants(processes: &[Process], roots: &[i32]) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process.pid);
    }
    let exists = |root: &i32| processes.iter().any(|process| process.pid == *root);
    let mut open: Vec<i32> = roots.iter().copied().filter(exists).collect();
    let mut found = BTreeSet::new();
    while let Some(pid) = open.pop() {
        if found.insert(pid) {
            open.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}
