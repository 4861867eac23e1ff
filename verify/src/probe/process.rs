//! Processes of a role: restarts, crashes, memory and processor time. In the lab
//! its supervisor counts the restarts and how they came about; of a system of one's
//! own, each one that is seen in the place of the one before is one, and one between
//! two looks is not seen. How those ended nobody knows.

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
}

impl Process {
    pub(super) fn new(processes: Processes, role: &str) -> Self {
        Self { processes, role: role.to_owned(), first: None }
    }

    pub(super) fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let at = observer.now();
        let states = self.processes.of(&self.role);
        if states.is_empty() {
            return Err(format!("no process plays the role {:?}", self.role));
        }
        let first = *self.first.get_or_insert(states.len());
        for State { name, running, restarts, crashes } in states.iter().take(first) {
            observer.labelled(at, "restarts", name, *restarts as f64);
            if let Some(crashes) = crashes {
                observer.labelled(at, "crashes", name, *crashes as f64);
            }
            observer.labelled(at, "running", name, f64::from(u8::from(running.is_some())));
            // A process that ends just now has no figures; the next sample will.
            if let Some((resident, cpu)) = running.and_then(usage) {
                observer.labelled(at, "resident", name, resident);
                observer.labelled(at, "cpu", name, cpu);
            }
        }
        match states.len() - first {
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
