//! The shell that reads the files.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use procfs_core::FromBufRead;
use procfs_core::process::Io;

use super::Look;
use super::family::Family;
use super::text::{Cpu, Memory, Stall, Turns, io_bytes, load};
use crate::process;

/// Looks at this host again and again.
#[derive(Debug)]
pub struct Watch {
    since: Instant,
    page: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { since: Instant::now(), page: rustix::param::page_size() as u64 }
    }
}

impl Watch {
    /// A look at the host now; the own processes are the roots and their
    /// descendants. What cannot be read is absent.
    #[must_use]
    pub fn look(&self, roots: &[u32]) -> Look {
        let read = |path: &str| fs::read_to_string(path).ok();
        let stall = |path: &str| read(path).and_then(|text| Stall::parse(&text).ok());
        // The processes first: what they use while they are walked through is
        // then foreign to nobody.
        let family = process::all().ok().map(|mut processes| {
            process::only_within_groups(&mut processes, roots);
            let mut family = Family::of(processes, roots, self.page);
            family.own_io = family.own.iter().map(|&pid| io_of(pid)).sum();
            family.own_threads = turns_of(family.own.iter().copied());
            family
        });
        Look {
            at: self.since.elapsed(),
            load: read("/proc/loadavg").and_then(|text| load(&text).ok()),
            cpu: read("/proc/stat").and_then(|text| Cpu::parse(&text).ok()),
            cpu_stall: stall("/proc/pressure/cpu"),
            io_stall: stall("/proc/pressure/io"),
            memory_stall: stall("/proc/pressure/memory"),
            memory: read("/proc/meminfo").and_then(|text| Memory::parse(&text).ok()),
            io_bytes: read("/proc/vmstat").and_then(|text| io_bytes(&text).ok()),
            family,
        }
    }
}

/// The bytes that a process and its collected children had read from and
/// written to disks. One that has ended meanwhile has none; one that may not be
/// read makes the sum unknown.
fn io_of(pid: u32) -> Option<u64> {
    match fs::read(format!("/proc/{pid}/io")) {
        Ok(text) => {
            let told = Io::from_buf_read(&text[..]).ok()?;
            Some(told.read_bytes.saturating_add(told.write_bytes))
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => None,
        Err(_) => Some(0),
    }
}

/// How the threads of some processes fared. A thread that has ended meanwhile has
/// no turns; where the kernel does not tell of those that are there, or one may
/// not be read, nothing is known.
fn turns_of(processes: impl Iterator<Item = u32>) -> Option<BTreeMap<u32, Turns>> {
    let mut turns = BTreeMap::new();
    for pid in processes {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for thread in threads.flatten() {
            let Some(id) = thread.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            match fs::read_to_string(thread.path().join("schedstat")) {
                Ok(text) => turns.insert(id, Turns::parse(&text).ok()?),
                // The thread has ended, or the kernel was built without it.
                Err(_) if !thread.path().exists() => continue,
                Err(_) => return None,
            };
        }
    }
    (!turns.is_empty()).then_some(turns)
}
