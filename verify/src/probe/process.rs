//! Processes of the lab: restarts, memory and processor time, from the
//! supervisor and from `/proc`.

use std::sync::Arc;

use lab::Lab;

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
            if let Some((resident, cpu)) = process.pid.and_then(usage) {
                observer.labelled(at, "resident", name, resident);
                observer.labelled(at, "cpu", name, cpu);
            }
        }
        if found { Ok(()) } else { Err(format!("the lab has no process of role {:?}", self.role)) }
    }
}

/// Resident bytes and processor milliseconds of a process, from
/// `/proc/PID/stat` (see proc(5): fields 14, 15 and 24).
fn usage(pid: u32) -> Option<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in brackets and may hold spaces.
    let rest = text.rsplit_once(") ")?.1;
    let field = |number: usize| rest.split(' ').nth(number - 3)?.parse::<f64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    Some((field(24)? * page, (field(14)? + field(15)?) * 1e3 / ticks))
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_uses_memory() {
        let (resident, cpu) = super::usage(std::process::id()).unwrap();
        assert!(resident > 100_000.0 && cpu >= 0.0);
        assert_eq!(super::usage(u32::MAX), None);
    }
}
