//! A lab for the clients: real servers with a supervisor.

use std::path::PathBuf;
use std::time::Duration;

use chaos::{Aim, FaultError, Process, World};
use lab::{Lab, LabOptions, Patience};

use crate::sleeper::PATIENCE;

/// A lab. Everything in it ends with this value.
pub(crate) struct Ground {
    pub(crate) lab: Lab,
    _logs: tempfile::TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let logs = tempfile::tempdir().unwrap();
        let lab = LabOptions { exe: keeper(), ..LabOptions::new(logs.path()) }.start().unwrap();
        Self { lab, _logs: logs }
    }

    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        self.lab.process(name)?.pid
    }
}

/// The lab's processes, as the conductor shows them to faults.
impl World for Ground {
    fn processes(&self, role: &str) -> Vec<Process> {
        let ours = self.lab.processes().into_iter().filter(|state| state.role == role);
        let process = |state: lab::ProcessState| {
            let (name, start_time) = (state.name, state.start_time);
            state.pid.map(|pid| Process { name, pid, start_time })
        };
        ours.filter_map(process).collect()
    }

    fn may_hit(&self, _: &Process) -> Result<(), FaultError> {
        Ok(())
    }

    fn may_reach(&self, _: &Aim) -> Result<(), FaultError> {
        Ok(())
    }

    fn may_hold(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn hold(&self, name: &str) -> Result<(), String> {
        self.lab.hold(name, patience()).map_err(|error| error.to_string())
    }

    fn let_go(&self, name: &str) {
        self.lab.let_go(name).unwrap();
    }
}

/// The example, which cargo builds with the tests.
fn keeper() -> PathBuf {
    let chaos = PathBuf::from(env!("CARGO_BIN_EXE_chaos"));
    let keeper = chaos.with_file_name("examples").join("keeper");
    assert!(keeper.exists(), "cargo build --package chaos --examples makes {}", keeper.display());
    keeper
}

pub(crate) fn patience() -> Patience<'static> {
    Patience::new(PATIENCE.max(Duration::from_secs(120)))
}
