//! The texts of `/proc` that tell of the whole host, as values.

use procfs_core::{ExplicitSystemInfo, FromBufReadSI, KernelStats};

use crate::text::field;

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} could not be understood: {why}")]
pub struct Unread {
    /// The file.
    pub file: &'static str,
    /// What is wrong.
    pub why: String,
}

/// Processor time since the host started, in clock ticks, of all processors
/// together (`/proc/stat`, see proc_stat(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Processors that are online.
    pub cpus: u32,
    /// Time in processes, user and system.
    pub work: u64,
    /// Time in interrupts, which belong to nobody.
    pub interrupts: u64,
    /// Time in which nothing ran, waiting for disks included.
    pub idle: u64,
    /// Time that the hypervisor gave to others.
    pub steal: u64,
    /// Tasks that run or want to run, now.
    pub runnable: Option<u32>,
}

impl Cpu {
    /// Reads `/proc/stat`.
    ///
    /// # Errors
    /// When it is another text.
    pub fn parse(text: &str) -> Result<Self, Unread> {
        // Only needed for times of day, which are not read here.
        let system = ExplicitSystemInfo {
            boot_time_secs: 0,
            ticks_per_second: 100,
            page_size: 4096,
            is_little_endian: true,
        };
        let stats = KernelStats::from_buf_read(text.as_bytes(), &system)
            .map_err(|error| Unread { file: "/proc/stat", why: error.to_string() })?;
        let total = stats.total;
        Ok(Self {
            cpus: u32::try_from(stats.cpu_time.len()).unwrap_or(u32::MAX),
            // Time of guests is part of `user` and `nice` already.
            work: total.user + total.nice + total.system,
            interrupts: total.irq.unwrap_or(0) + total.softirq.unwrap_or(0),
            idle: total.idle + total.iowait.unwrap_or(0),
            steal: total.steal.unwrap_or(0),
            runnable: stats.procs_running,
        })
    }

    /// All time of all processors.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.work + self.interrupts + self.idle + self.steal
    }

    /// Time in which a processor did something.
    #[must_use]
    pub fn busy(&self) -> u64 {
        self.work + self.interrupts
    }

    /// Time in processes.
    #[must_use]
    pub fn worked(&self) -> u64 {
        self.work
    }
}

/// The load average of the last minute: how many tasks ran, wanted to run or waited for a
/// disk (`/proc/loadavg`, see proc_loadavg(5)).
///
/// # Errors
/// When it is another text.
pub(super) fn load(text: &str) -> Result<f64, Unread> {
    let first = text.split_ascii_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    let load = first.filter(|load| load.is_finite() && *load >= 0.0);
    load.ok_or_else(|| Unread { file: "/proc/loadavg", why: "no number first".to_owned() })
}

/// For how long tasks were stalled since the host started, in microseconds
/// (`/proc/pressure/*`, the kernel's PSI).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stall {
    /// Time in which some task waited.
    pub some: u64,
    /// Time in which all did; kernels before 5.13 do not tell it of processors.
    pub full: Option<u64>,
}

impl Stall {
    /// Reads a file of `/proc/pressure`.
    ///
    /// # Errors
    /// When it is another text.
    pub fn parse(text: &str) -> Result<Self, Unread> {
        let total = |which: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(which))?;
            let total = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("total="));
            total?.parse::<u64>().ok()
        };
        let some = total("some ").ok_or_else(|| Unread {
            file: "/proc/pressure",
            why: "no total of \"some\"".to_owned(),
        })?;
        Ok(Self { some, full: total("full ") })
    }
}

/// For how long a thread has run, and has waited for a processor when it could
/// have run, in nanoseconds (`/proc/PID/task/TID/schedstat`, see
/// sched-stats.rst of the kernel).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turns {
    /// Time on a processor.
    pub ran: u64,
    /// Time on a run queue.
    pub waited: u64,
}

impl Turns {
    /// Reads a `schedstat` file.
    ///
    /// # Errors
    /// When it is another text.
    pub fn parse(text: &str) -> Result<Self, Unread> {
        let mut words = text.split_ascii_whitespace().map(str::parse::<u64>);
        match (words.next(), words.next()) {
            (Some(Ok(ran)), Some(Ok(waited))) => Ok(Self { ran, waited }),
            _ => Err(Unread { file: "schedstat", why: "not two numbers".to_owned() }),
        }
    }
}

/// The memory of the host, in bytes (`/proc/meminfo`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What can be had without swapping.
    pub available: u64,
}

impl Memory {
    /// The memory of this host now.
    ///
    /// # Errors
    /// When `/proc/meminfo` cannot be read, or those of [`Memory::parse`].
    pub fn now() -> std::io::Result<Self> {
        let text = std::fs::read_to_string("/proc/meminfo")?;
        Self::parse(&text).map_err(std::io::Error::other)
    }

    /// Reads `/proc/meminfo`.
    ///
    /// # Errors
    /// When it is another text, or of a kernel that does not tell what is
    /// available (before 3.14).
    pub fn parse(text: &str) -> Result<Self, Unread> {
        let bytes = |name: &'static str| {
            let kibibytes = field(text, name);
            let unread = || Unread { file: "/proc/meminfo", why: format!("no {name}") };
            Ok(kibibytes.ok_or_else(unread)? * 1024)
        };
        Ok(Self { total: bytes("MemTotal:")?, available: bytes("MemAvailable:")? })
    }
}

/// The bytes that went to and from disks since the host started: `pgpgin` and
/// `pgpgout` of `/proc/vmstat`, which count KiB whatever the size of a page.
///
/// # Errors
/// When it is another text.
pub(super) fn io_bytes(text: &str) -> Result<u64, Unread> {
    let both = field(text, "pgpgin").zip(field(text, "pgpgout"));
    let (read, written) = both
        .ok_or_else(|| Unread { file: "/proc/vmstat", why: "no pgpgin and pgpgout".to_owned() })?;
    Ok((read + written) * 1024)
}
