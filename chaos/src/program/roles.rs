//! The processes of this machine that play the roles of a scenario.

use chaos::service::Service;
use chaos::{FaultError, Process, World, guard};

use super::arguments::{Named, Role, Selector, Surroundings};
use super::targets::read_pid;

/// The roles as the command line hands them out. They are looked up anew each
/// time, since processes end and are started again.
pub(crate) struct Roles {
    roles: Vec<Role>,
    supervised: bool,
    /// Processes of other users, by id, that may be hit all the same.
    pids: Vec<u32>,
    /// Far hosts that may be reached all the same.
    hosts: Vec<String>,
}

impl Roles {
    pub(crate) fn new(asked: &Surroundings) -> Self {
        let pids = asked.allow.iter().filter_map(|word| word.parse().ok()).collect();
        let (roles, hosts) = (asked.roles.clone(), asked.allow.clone());
        Self { roles, supervised: asked.supervised, pids, hosts }
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

    fn may_reach(&self, service: &'static Service, address: &str) -> Result<(), FaultError> {
        guard::host(service, address, &self.hosts)
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
