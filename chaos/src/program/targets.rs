//! The processes that the command line names, as a world for faults.

use chaos::{Aim, ChoiceError, FaultError, Process, World, guard, role, victim::VictimError};
use hosts::{Ground, Guard};

use super::arguments::{Allow, Named, Processes};
use super::exit::Trouble;

/// Exactly the named processes. Who starts them again is not known.
pub(crate) struct Targets {
    processes: Vec<Process>,
    /// Processes of other users that may be hit all the same.
    pids: Vec<u32>,
    hosts: Guard,
}

impl World for Targets {
    fn processes(&self, _role: &str) -> Vec<Process> {
        self.processes.clone()
    }

    fn is_supervised(&self, _: &str) -> bool {
        false
    }

    fn may_hit(&self, process: &Process) -> Result<(), FaultError> {
        guard::process(process, &self.pids)
    }

    fn may_reach(&self, aim: &Aim) -> Result<(), FaultError> {
        guard::hosts(aim, &self.hosts)
    }
}

impl Targets {
    /// Finds what is named, if the fault hits processes.
    pub(crate) fn find(named: Option<&Processes>, allow: &Allow) -> Result<Self, Trouble> {
        let processes = named.map(candidates).transpose()?.unwrap_or_default();
        let hosts = Guard::new(Ground::Machine, &allow.words);
        let found = Self { processes, pids: allow.pids(), hosts };
        // Every candidate, so that no seed can reach one that may not be hit.
        found.processes.iter().try_for_each(|process| found.may_hit(process))?;
        Ok(found)
    }
}

/// The processes that are named.
fn candidates(named: &Processes) -> Result<Vec<Process>, Trouble> {
    let mut found = Vec::new();
    for &pid in &named.pids {
        found.push(process(pid)?);
    }
    for path in &named.pid_files {
        found.push(process(Named::Pinned(role::by_file(path)?))?);
    }
    for name in &named.names {
        let mut exactly = Process::named(name.as_str());
        if exactly.is_empty() {
            for pinned in role::by_name(name)? {
                exactly.push(process(Named::Pinned(pinned))?);
            }
        }
        found.append(&mut exactly);
    }
    // A process that is named twice is still one candidate.
    found.sort();
    found.dedup();
    Ok(found)
}

impl Processes {
    /// What the journal calls the candidates.
    pub(crate) fn describe(&self) -> String {
        let pids = self.pids.iter().map(|pid| match pid {
            Named::Pid(pid) => pid.to_string(),
            Named::Pinned(pinned) => pinned.to_string(),
        });
        let files = self.pid_files.iter().map(|path| path.display().to_string());
        let all: Vec<String> = pids
            .chain(files)
            .chain(self.names.iter().map(|name| name.as_str().to_owned()))
            .collect();
        all.join(" ")
    }
}

fn process(named: Named) -> Result<Process, FaultError> {
    match named {
        Named::Pid(pid) => Process::find(pid).ok_or_else(|| nothing(format!("process id {pid}"))),
        Named::Pinned(pinned) => match Process::find(pinned.pid) {
            Some(process) if process.pinned() == pinned => Ok(process),
            _ => {
                let (pid, start_time) = (pinned.pid, pinned.start_time);
                let process = Process { name: "the process".to_owned(), pid, start_time };
                Err(FaultError::Victim(VictimError::Gone { process }))
            }
        },
    }
}

fn nothing(what: String) -> FaultError {
    FaultError::Choice { what, source: ChoiceError::Nothing }
}
