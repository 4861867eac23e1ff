//! Real processes to hurt: they sleep, and are gone when the test is.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chaos::{Aim, FaultError, Pinned, Process, World};

/// A test gives up after this long; on an idle machine nothing takes a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until the condition holds.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited too long for {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// A process that sleeps for longer than any test.
pub(crate) struct Sleeper {
    child: Child,
    pinned: Pinned,
}

impl Sleeper {
    pub(crate) fn start() -> Self {
        let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let pinned = Pinned::of(child.id()).unwrap();
        Self { child, pinned }
    }

    pub(crate) fn pinned(&self) -> Pinned {
        self.pinned
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pinned.pid
    }

    pub(crate) fn process(&self, name: &str) -> Process {
        let Pinned { pid, start_time } = self.pinned;
        Process { name: name.to_owned(), pid, start_time }
    }

    pub(crate) fn has_ended(&self) -> bool {
        !self.pinned.is_alive()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three replicas of role `service`, with or without somebody who replaces the
/// dead ones whenever one looks.
pub(crate) struct Replicas {
    sleepers: Mutex<Vec<Sleeper>>,
    restarts: bool,
    wanted: Option<usize>,
}

impl Replicas {
    pub(crate) fn start(restarts: bool) -> Arc<Self> {
        Self::of(restarts, None)
    }

    /// Nobody replaces the dead ones, and somebody wants so many of them.
    pub(crate) fn wanted(pods: usize) -> Arc<Self> {
        Self::of(false, Some(pods))
    }

    fn of(restarts: bool, wanted: Option<usize>) -> Arc<Self> {
        let sleepers = (0..3).map(|_| Sleeper::start()).collect();
        Arc::new(Self { sleepers: Mutex::new(sleepers), restarts, wanted })
    }
}

impl World for Replicas {
    fn processes(&self, role: &str) -> Vec<Process> {
        let mut sleepers = self.sleepers.lock().unwrap();
        if self.restarts {
            for sleeper in sleepers.iter_mut().filter(|sleeper| sleeper.has_ended()) {
                *sleeper = Sleeper::start();
            }
        }
        // The dead are listed too, as in a snapshot that is a moment old.
        let named = sleepers.iter().enumerate().map(|(i, s)| s.process(&format!("service-{i}")));
        named.filter(|_| role == "service").collect()
    }

    fn wanted(&self, _: &str) -> Option<usize> {
        self.wanted
    }

    fn may_hit(&self, _: &Process) -> Result<(), FaultError> {
        Ok(())
    }

    fn may_reach(&self, _: &Aim) -> Result<(), FaultError> {
        Ok(())
    }
}
