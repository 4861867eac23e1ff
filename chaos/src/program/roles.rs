//! The processes of this machine that play the roles of a scenario.

use chaos::{Aim, FaultError, Process, World, guard};
use hosts::{Ground, Guard};

use super::arguments::{Named, Role, Selector, Surroundings};
use super::targets::read_pid;

/// The roles as the command line hands them out. They are looked up anew each
/// time, since processes end and are started again.
pub(crate) struct Roles {
    roles: Vec<Role>,
    supervised: bool,
    /// Processes of other users, by id, that may be hit all the same.
    pids: Vec<u32>,
    hosts: Guard,
}

impl Roles {
    pub(crate) fn new(asked: &Surroundings) -> Self {
        let hosts = Guard::new(Ground::Machine, &asked.allow.words);
        let (roles, pids) = (asked.roles.clone(), asked.allow.pids());
        Self { roles, supervised: asked.supervised, pids, hosts }
    }

    /// Which hosts may be reached.
    pub(crate) fn hosts(&self) -> &Guard {
        &self.hosts
    }

    /// Whether the command line says who plays the role.
    pub(crate) fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known.role == role)
    }
}

impl World for Roles {
    fn processes(&self, role: &str) -> Vec<Process> {
        let selectors = self.roles.iter().filter(|known| known.role == role);
        let mut found: Vec<Process> = selectors.flat_map(|known| find(&known.selector)).collect();
        // A process that is named twice is still one candidate.
        found.sort_by_key(Process::pinned);
        found.dedup_by_key(|process| process.pinned());
        found.sort();
        found
    }

    fn is_supervised(&self) -> bool {
        self.supervised
    }

    fn may_hit(&self, process: &Process) -> Result<(), FaultError> {
        guard::process(process, &self.pids)
    }

    fn may_reach(&self, aim: &Aim) -> Result<(), FaultError> {
        guard::hosts(aim, &self.hosts)
    }
}

/// The processes that are meant and run now.
fn find(selector: &Selector) -> Vec<Process> {
    match selector {
        Selector::Name(name) => Process::named(name),
        Selector::Pid(Named::Pid(pid)) => Process::find(*pid).into_iter().collect(),
        Selector::Pid(Named::Pinned(pinned)) => {
            let same = |process: &Process| process.pinned() == *pinned;
            Process::find(pinned.pid).filter(same).into_iter().collect()
        }
        Selector::PidFile(path) => {
            // The file's name stays when its process is started again.
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let named = |process| Process { name: name.unwrap_or_default(), ..process };
            read_pid(path).ok().and_then(Process::find).map(named).into_iter().collect()
        }
    }
}
