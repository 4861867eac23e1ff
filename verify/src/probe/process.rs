//! Processes of a role: restarts, crashes, memory and processor time. In the lab
//! its supervisor counts the restarts and how they came about; of a system of one's
//! own, each one that is seen in the place of the one before is one, and one between
//! two looks is not seen. How those ended nobody knows.
//!
//! Where a deployment of the plan runs the role, its processes are pods, which come and go.
//!
//! How busy a process is follows from two samples of the same one: at the first, and at the
//! first after a restart, it is unknown.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaos::Roles;
use lab::Lab;
use machine::process::Pinned;

use crate::observe::ProbeObserver;

/// Where the processes of roles come from.
#[derive(Clone)]
pub enum Processes {
    /// The lab, which has started them.
    Lab(Arc<Lab>),
    /// Whoever was named on the command line or in the file.
    Own(Arc<Roles>),
}

/// A process, or the place of one that has ended.
struct State {
    name: String,
    running: Option<Pinned>,
    restarts: u64,
    crashes: Option<u64>,
}

impl Processes {
    /// The ids of all of them that run.
    pub(super) fn ids(&self) -> Vec<u32> {
        match self {
            Self::Lab(lab) => lab.processes().iter().filter_map(|process| process.pid).collect(),
            Self::Own(roles) => roles.everybody().iter().map(|pinned| pinned.pid).collect(),
        }
    }

    fn of(&self, role: &str) -> Vec<State> {
        match self {
            Self::Lab(lab) => {
                let processes = lab.processes().into_iter().filter(|process| process.role == role);
                let state = |process: lab::ProcessState| State {
                    running: process.pid.map(|pid| Pinned { pid, start_time: process.start_time }),
                    name: process.name,
                    restarts: process.restarts,
                    crashes: Some(process.crashes),
                };
                processes.map(state).collect()
            }
            Self::Own(roles) => {
                let members = roles.members(role).into_iter();
                let state = |member: chaos::role::Member| State {
                    running: member.now,
                    name: member.name,
                    restarts: member.restarts,
                    crashes: None,
                };
                members.map(state).collect()
            }
        }
    }
}

pub(super) struct Process {
    processes: Processes,
    role: String,
    /// How many there were at the first look: each is followed to the end.
    first: Option<usize>,
    /// Whether they are the pods of a deployment, which come and go.
    pass: bool,
    /// What each had used at the last look.
    used: BTreeMap<String, Used>,
}

/// The processor time that a process had used at some moment.
#[derive(Debug, Clone, Copy)]
struct Used {
    process: Pinned,
    /// Seconds since the start of the run.
    at: f64,
    /// Milliseconds.
    cpu: f64,
}

impl Used {
    /// The share of one processor that it used since an earlier look; none where that was
    /// at another process.
    fn since(self, before: Self) -> Option<f64> {
        let seconds = self.at - before.at;
        let is_same = self.process == before.process && seconds > 0.0 && self.cpu >= before.cpu;
        is_same.then(|| (self.cpu - before.cpu) / 1e3 / seconds)
    }
}

impl Process {
    pub(super) fn new(processes: Processes, role: &str) -> Self {
        let (role, used) = (role.to_owned(), BTreeMap::new());
        Self { processes, role, first: None, pass: false, used }
    }

    /// The processes are the pods of a deployment: more of them than at first are no
    /// strangers, and one that ends is followed by another.
    pub(super) fn let_pass(&mut self) {
        self.pass = true;
    }

    pub(super) fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let at = observer.now();
        let states = self.processes.of(&self.role);
        if states.is_empty() {
            return Err(format!("no process plays the role {:?}", self.role));
        }
        let first = *self.first.get_or_insert(states.len());
        let first = if self.pass { states.len() } else { first };
        for State { name, running, restarts, crashes } in states.iter().take(first) {
            observer.labelled(at, "restarts", name, *restarts as f64);
            if let Some(crashes) = crashes {
                observer.labelled(at, "crashes", name, *crashes as f64);
            }
            observer.labelled(at, "running", name, f64::from(u8::from(running.is_some())));
            // A process that ends just now has no figures; the next sample will.
            if let Some((process, (resident, cpu))) = running.and_then(|p| Some((p, usage(p)?))) {
                observer.labelled(at, "resident", name, resident);
                observer.labelled(at, "cpu", name, cpu);
                let used = Used { process, at: observer.now(), cpu };
                let before = self.used.insert(name.clone(), used);
                if let Some(busy) = before.and_then(|before| used.since(before)) {
                    observer.labelled(at, "busy", name, busy);
                }
            }
        }
        match states.len().saturating_sub(first) {
            0 => Ok(()),
            more => Err(format!(
                "{more} more processes play the role {:?} than when the run began, and are not watched",
                self.role
            )),
        }
    }
}

/// Resident bytes and processor milliseconds of a process.
fn usage(pinned: Pinned) -> Option<(f64, f64)> {
    Some((pinned.resident()? as f64, pinned.cpu_time()?.as_secs_f64() * 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_as_busy_as_it_was_between_two_looks_at_it() {
        let look = |pid, start_time, at, cpu| Used { process: Pinned { pid, start_time }, at, cpu };
        let before = look(7, 100, 10.0, 2_000.0);
        assert_eq!(look(7, 100, 12.0, 3_600.0).since(before), Some(0.8));
        assert_eq!(look(7, 100, 12.0, 2_000.0).since(before), Some(0.0));
        assert_eq!(look(7, 100, 12.0, 8_000.0).since(before), Some(3.0), "of three threads");
        // Another process, although the number is the same; or no time between.
        assert_eq!(look(7, 900, 12.0, 3_600.0).since(before), None);
        assert_eq!(look(8, 100, 12.0, 3_600.0).since(before), None);
        assert_eq!(look(7, 100, 10.0, 3_600.0).since(before), None);
    }
}
