//! Whose work it is: some processes with all their descendants against all
//! others.
//!
//! A process that ended and was collected hands what it used to its parent
//! (`cutime`, `cstime`), so the sum of both over a tree loses nothing, however
//! short-lived its processes are.

use std::collections::{BTreeMap, BTreeSet};

use super::text::Turns;
use crate::process::{Pinned, Stat, below};

/// The processes of a host at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Family {
    /// The ids of the roots and their descendants.
    pub own: BTreeSet<u32>,
    /// Processor time of the own processes and of those that they collected, in
    /// ticks. Where a tree came or went between two looks, so does its time.
    pub own_ticks: u64,
    /// Resident memory of the own processes in bytes.
    pub own_bytes: u64,
    /// Bytes that the own processes had read from and written to disks, where
    /// that may be read of all of them.
    pub own_io: Option<u64>,
    /// How the threads of the own processes fared with the scheduler, by thread
    /// id, where the kernel tells it.
    pub own_threads: Option<BTreeMap<u32, Turns>>,
    /// Processor time of the kernel's threads, in ticks.
    pub kernel_ticks: u64,
    /// Processor time of other processes that yield to everybody, and of those
    /// that they collected, in ticks.
    pub yielding_ticks: u64,
    /// All other processes.
    pub others: BTreeMap<Pinned, Stat>,
}

impl Family {
    /// Tells the processes apart.
    #[must_use]
    pub fn of(processes: Vec<Stat>, roots: &[u32], page: u64) -> Self {
        let own = below(&processes, roots);
        let mut family = Self::default();
        for process in processes {
            if own.contains(&process.pid) {
                family.own_ticks += process.ticks + process.collected;
                family.own_bytes += process.pages * page;
            } else if process.is_kernel {
                family.kernel_ticks += process.ticks;
            } else {
                if process.yields {
                    family.yielding_ticks += process.ticks + process.collected;
                }
                family.others.insert(process.pinned(), process);
            }
        }
        family.own = own;
        family
    }
}
