//! Processes of the lab: restarts, from the supervisor, memory and processor
//! time, from the machine.

use std::sync::Arc;

use lab::{Lab, ProcessState};
use machine::process::Pinned;

use crate::observe::ProbeObserver;

pub(super) struct Process {
    lab: Arc<Lab>,
    role: String,
}

impl Process {
    pub(super) fn new(lab: Arc<Lab>, role: &str) -> Self {
        Self { lab, role: role.to_owned() }
    }

    pub(super) fn sample(&self, observer: &ProbeObserver) -> Result<(), String> {
        let at = observer.now();
        let mut found = false;
        for process in self.lab.processes() {
            if process.role != self.role {
                continue;
            }
            found = true;
            let name = &process.name;
            observer.labelled(at, "restarts", name, process.restarts as f64);
            observer.labelled(at, "running", name, f64::from(u8::from(process.pid.is_some())));
            // A process that ends just now has no figures; the next sample will.
            if let Some((resident, cpu)) = usage(&process) {
                observer.labelled(at, "resident", name, resident);
                observer.labelled(at, "cpu", name, cpu);
            }
        }
        if found { Ok(()) } else { Err(format!("the lab has no process of role {:?}", self.role)) }
    }
}

/// Resident bytes and processor milliseconds of a process.
fn usage(process: &ProcessState) -> Option<(f64, f64)> {
    let pinned = Pinned { pid: process.pid?, start_time: process.start_time };
    Some((pinned.resident()? as f64, pinned.cpu_time()?.as_secs_f64() * 1e3))
}
