//! The processes that the command line names, as a world for faults.

use std::fs;
use std::io;
use std::path::Path;

use chaos::{ChoiceError, FaultError, Process, World, guard, victim::VictimError};

use super::arguments::{Named, Processes};
use super::exit::Trouble;

/// Exactly the named processes. Who starts them again is not known.
pub(crate) struct Targets(Vec<Process>);

impl World for Targets {
    fn processes(&self, _role: &str) -> Vec<Process> {
        self.0.clone()
    }

    fn is_supervised(&self) -> bool {
        false
    }
}

impl Targets {
    /// No processes, for faults that hit something else.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Finds what is named and puts every candidate before the guards, so that
    /// no seed can reach one that may not be hit.
    pub(crate) fn find(named: &Processes) -> Result<Self, Trouble> {
        let mut found = Vec::new();
        for &pid in &named.pids {
            found.push(process(pid)?);
        }
        for path in &named.pid_files {
            found.push(process(Named::Pid(read_pid(path)?))?);
        }
        for name in &named.names {
            let mut processes = Process::named(name);
            if processes.is_empty() {
                return Err(nothing(format!("the name {name:?}")).into());
            }
            found.append(&mut processes);
        }
        // A process that is named twice is still one candidate.
        found.sort();
        found.dedup();
        for process in &found {
            guard::process(process, &named.allow)?;
        }
        Ok(Self(found))
    }
}

impl Processes {
    /// What the journal calls the candidates.
    pub(crate) fn describe(&self) -> String {
        let pids = self.pids.iter().map(|pid| match pid {
            Named::Pid(pid) => pid.to_string(),
            Named::Pinned(pinned) => pinned.to_string(),
        });
        let files = self.pid_files.iter().map(|path| path.display().to_string());
        let all: Vec<String> = pids.chain(files).chain(self.names.iter().cloned()).collect();
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

/// The id that a process wrote into a file.
pub(super) fn read_pid(path: &Path) -> Result<u32, Trouble> {
    let read = fs::read_to_string(path).and_then(|text| {
        let first = text.split_whitespace().next().unwrap_or_default();
        first.parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{first:?} is not a process id"))
        })
    });
    read.map_err(|source| Trouble::PidFile { path: path.to_owned(), source })
}
