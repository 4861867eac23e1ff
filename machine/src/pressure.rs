//! The pressure that a host is under: how busy its processors are and with
//! whose work, how long tasks were stalled, and how much memory is left.
//!
//! Two looks give the figures of the time between them ([`Pressure::between`]).
//! The work of the *own* processes (some roots and all their descendants) is
//! told apart from the *foreign* work of all others. What cannot be attributed
//! is never foreign: interrupts, time that a hypervisor took, and kernel threads,
//! which also work for the own processes.

mod family;
mod text;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

pub use family::Family;
pub use text::{Cpu, Memory, Stall, Turns, Unread};
pub use watch::Watch;

/// One look at a host. Counters count since the host started; what could not be
/// read is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// The time of the look on a clock that never goes back.
    pub at: Duration,
    /// The load average of the last minute: tasks that ran, wanted to run or waited for a
    /// disk.
    pub load: Option<f64>,
    /// Processor time of the whole host.
    pub cpu: Option<Cpu>,
    /// For how long tasks waited for a processor.
    pub cpu_stall: Option<Stall>,
    /// For how long tasks waited for a disk.
    pub io_stall: Option<Stall>,
    /// For how long tasks waited for memory.
    pub memory_stall: Option<Stall>,
    /// The memory now.
    pub memory: Option<Memory>,
    /// Bytes that went to and from all disks.
    pub io_bytes: Option<u64>,
    /// The processes now, and whose they are.
    pub family: Option<Family>,
}

/// The pressure between two looks. Shares are of 1: of all processors together,
/// of the time, of the whole memory. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pressure {
    /// Processors that are online.
    pub cpus: Option<f64>,
    /// The load average of a minute at the second look.
    pub load: Option<f64>,
    /// The share of all processors that was busy, for whomever.
    pub busy: Option<f64>,
    /// The share that the hypervisor gave to other machines while somebody here
    /// waited for it.
    pub steal: Option<f64>,
    /// The share that the own processes used.
    pub own: Option<f64>,
    /// The share that other processes used, without kernel threads and
    /// interrupts.
    pub foreign: Option<f64>,
    /// What of that did not yield to everybody else: without processes whose
    /// scheduling policy lets them run only where nobody else wants a processor.
    pub pressing: Option<f64>,
    /// For how long the threads of the own processes waited for a processor, all
    /// together, in seconds for each second.
    pub own_waited: Option<f64>,
    /// The share of the time in which they could have run that they waited so.
    pub own_waiting: Option<f64>,
    /// The programs that used most of the foreign share, with their shares, the greatest
    /// first. Only of processes that lived at the second look.
    pub foreign_by: Vec<(String, f64)>,
    /// Tasks that ran or wanted to run at the second look.
    pub runnable: Option<f64>,
    /// The share of the time in which some task waited for a processor.
    pub cpu_some: Option<f64>,
    /// The share in which all tasks did.
    pub cpu_full: Option<f64>,
    /// The share of the time in which some task waited for a disk.
    pub io_some: Option<f64>,
    /// The share in which all tasks did.
    pub io_full: Option<f64>,
    /// The share of the time in which some task waited for memory.
    pub memory_some: Option<f64>,
    /// The share in which all tasks did.
    pub memory_full: Option<f64>,
    /// The share of the memory that is available without swapping.
    pub memory_available: Option<f64>,
    /// The share of the memory that is resident in the own processes; what they
    /// share counts for each, so it is an upper bound.
    pub memory_own: Option<f64>,
    /// Bytes a second to and from disks.
    pub io: Option<f64>,
    /// Bytes a second of these that the own processes asked for.
    pub io_own: Option<f64>,
}

/// How many foreign programs are told by name.
const TOLD: usize = 3;
/// The share of all processors below which a program is not worth telling.
const WORTH: f64 = 0.02;

impl Pressure {
    /// The pressure from one look to a later one.
    #[must_use]
    pub fn between(before: &Look, after: &Look) -> Self {
        let seconds = after.at.saturating_sub(before.at).as_secs_f64();
        if seconds <= 0.0 {
            return Self::default();
        }
        let cpu = before.cpu.as_ref().zip(after.cpu.as_ref());
        let total = cpu.map(|(before, after)| after.total().saturating_sub(before.total()));
        let total = total.filter(|&ticks| ticks > 0).map(|ticks| ticks as f64);
        let share = |counted: fn(&Cpu) -> u64| {
            let (before, after) = cpu?;
            Some((counted(after).saturating_sub(counted(before)) as f64 / total?).min(1.0))
        };
        let family = before.family.as_ref().zip(after.family.as_ref());
        let ticks = |counted: fn(&Family) -> u64| {
            let (before, after) = family?;
            Some((counted(after).saturating_sub(counted(before)) as f64 / total?).min(1.0))
        };
        let own = ticks(|family| family.own_ticks);
        let kernel = ticks(|family| family.kernel_ticks);
        let worked = share(Cpu::worked);
        let foreign = worked.zip(own).zip(kernel).map(|((all, own), kernel)| all - own - kernel);
        let foreign = foreign.map(|share| share.max(0.0));
        let yielding = ticks(|family| family.yielding_ticks);
        let turns = family.and_then(|(before, after)| turns(before, after));
        let wanted = turns.map(|turns| (turns.ran + turns.waited) as f64);
        let rate = |counted: fn(&Look) -> Option<u64>| {
            let (before, after) = (counted(before)?, counted(after)?);
            Some(after.saturating_sub(before) as f64 / seconds)
        };
        let stalled = |which: fn(&Look) -> Option<Stall>, full: bool| {
            let (before, after) = (which(before)?, which(after)?);
            let micros = if full {
                after.full?.saturating_sub(before.full?)
            } else {
                after.some.saturating_sub(before.some)
            };
            Some((micros as f64 / 1e6 / seconds).min(1.0))
        };
        let whole = after.memory.map(|memory| memory.total).filter(|&total| total > 0);
        let of_memory = |bytes: u64| whole.map(|whole| (bytes as f64 / whole as f64).min(1.0));
        Self {
            cpus: after.cpu.as_ref().map(|cpu| f64::from(cpu.cpus)),
            load: after.load,
            busy: share(Cpu::busy),
            steal: share(|cpu| cpu.steal),
            own,
            foreign,
            pressing: foreign.zip(yielding).map(|(foreign, yields)| (foreign - yields).max(0.0)),
            own_waited: turns.map(|turns| turns.waited as f64 / 1e9 / seconds),
            own_waiting: turns.zip(wanted).map(|(turns, wanted)| match turns.waited {
                0 => 0.0,
                waited => waited as f64 / wanted,
            }),
            foreign_by: total.map_or_else(Vec::new, |total| programs(family, total)),
            runnable: after.cpu.as_ref().and_then(|cpu| cpu.runnable).map(f64::from),
            cpu_some: stalled(|look| look.cpu_stall, false),
            cpu_full: stalled(|look| look.cpu_stall, true),
            io_some: stalled(|look| look.io_stall, false),
            io_full: stalled(|look| look.io_stall, true),
            memory_some: stalled(|look| look.memory_stall, false),
            memory_full: stalled(|look| look.memory_stall, true),
            memory_available: after.memory.and_then(|memory| of_memory(memory.available)),
            memory_own: after.family.as_ref().and_then(|family| of_memory(family.own_bytes)),
            io: rate(|look| look.io_bytes),
            io_own: rate(|look| look.family.as_ref()?.own_io),
        }
    }
}

/// How the threads of the own processes fared between two looks. Those that
/// ended meanwhile are not in it.
fn turns(before: &Family, after: &Family) -> Option<Turns> {
    let (before, after) = (before.own_threads.as_ref()?, after.own_threads.as_ref()?);
    let mut sum = Turns::default();
    for (thread, now) in after {
        let then = before.get(thread).copied().unwrap_or_default();
        sum.ran += now.ran.saturating_sub(then.ran);
        sum.waited += now.waited.saturating_sub(then.waited);
    }
    Some(sum)
}

/// What the foreign processes of each program used, the greatest first.
fn programs(family: Option<(&Family, &Family)>, total: f64) -> Vec<(String, f64)> {
    let Some((before, after)) = family else { return Vec::new() };
    let mut programs: BTreeMap<&str, u64> = BTreeMap::new();
    for (identity, process) in &after.others {
        let known = before.others.get(identity).map_or(0, |before| before.ticks);
        *programs.entry(&process.command).or_default() += process.ticks.saturating_sub(known);
    }
    let shares = programs.into_iter().map(|(name, ticks)| (name, ticks as f64 / total));
    let mut shares: Vec<_> = shares.filter(|(_, share)| *share >= WORTH).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    shares.into_iter().take(TOLD).map(|(name, share)| (name.to_owned(), share)).collect()
}

#[cfg(test)]
mod tests;
