//! What the lab knows of its processes: the keeper's events, folded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::process::Pinned;

use crate::keeper::wire::{Event, ProcessSpec};
use crate::{LabError, Patience};

/// What one process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessState {
    /// Its name in the lab.
    pub name: String,
    /// What it is in the system: `broker`, `service`, `stable`, `internal`.
    pub role: String,
    /// Its process id while it runs.
    pub pid: Option<u32>,
    /// When it started, in clock ticks since boot; together with the id this
    /// names one process for ever.
    pub start_time: u64,
    /// How often the keeper has started it again.
    pub restarts: u64,
    /// How often it has ended otherwise than by exit code 0: by another code or by
    /// a signal.
    pub crashes: u64,
    /// How it last ended, if it ever did.
    pub last_exit: Option<String>,
}

impl ProcessState {
    /// One that has not been started yet.
    fn new(name: &str, role: &str) -> Self {
        Self {
            name: name.to_owned(),
            role: role.to_owned(),
            pid: None,
            start_time: 0,
            restarts: 0,
            crashes: 0,
            last_exit: None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The keeper's own news: where it is, or why it refuses.
    pub(crate) ready: Option<Result<(Pinned, PathBuf), String>>,
    /// The keeper is gone.
    pub(crate) ended: bool,
    processes: BTreeMap<String, ProcessState>,
    /// The first start of each process, as an id or as the reason why not. A
    /// short-lived process may have ended before anybody looks.
    starts: BTreeMap<String, Result<u32, String>>,
    subscribers: Vec<Sender<Event>>,
}

/// A [`State`] that one thread folds events into and others wait on.
#[derive(Debug, Default)]
pub(crate) struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

impl Table {
    /// Makes a row for a process that is about to be started.
    pub(crate) fn expect(&self, spec: &ProcessSpec) {
        let mut state = self.lock();
        state.starts.remove(&spec.name);
        state.processes.insert(spec.name.clone(), ProcessState::new(&spec.name, &spec.role));
    }

    pub(crate) fn fold(&self, event: &Event) {
        let mut state = self.lock();
        state.fold(event);
        state.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
        drop(state);
        self.changed.notify_all();
    }

    /// The keeper is gone, and by the parent-death signal its children too.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.processes.values_mut().for_each(|process| process.pid = None);
        state.subscribers.clear();
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    pub(crate) fn processes(&self) -> Vec<ProcessState> {
        self.lock().processes.values().cloned().collect()
    }

    pub(crate) fn process(&self, name: &str) -> Option<ProcessState> {
        self.lock().processes.get(name).cloned()
    }

    /// Whether and how a process started, once that is known.
    pub(crate) fn start(&self, name: &str) -> Option<Result<u32, String>> {
        self.lock().starts.get(name).cloned()
    }

    pub(crate) fn subscribe(&self, subscriber: Sender<Event>) {
        let mut state = self.lock();
        if !state.ended {
            state.subscribers.push(subscriber);
        }
    }

    /// Waits for a change, but at most `limit`.
    pub(crate) fn pause(&self, limit: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout(state, limit));
    }

    /// Waits until `answer` has one.
    pub(crate) fn wait<T>(
        &self,
        patience: Patience<'_>,
        what: &str,
        answer: impl Fn(&State) -> Option<T>,
    ) -> Result<T, LabError> {
        loop {
            if let Some(found) = answer(&self.lock()) {
                return Ok(found);
            }
            patience.check(what)?;
            self.pause(Duration::from_millis(50));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fold(&mut self, event: &Event) {
        match event {
            Event::Ready { pid, start_time, scratch } => {
                let keeper = Pinned { pid: *pid, start_time: *start_time };
                self.ready = Some(Ok((keeper, scratch.clone())));
            }
            Event::Refused { reason } => self.ready = Some(Err(reason.clone())),
            // The program itself may have asked for it, and made the row.
            Event::Expected { name, role } => {
                let row = || ProcessState::new(name, role);
                self.processes.entry(name.clone()).or_insert_with(row);
            }
            Event::Forgotten { name } => {
                self.processes.remove(name);
                self.starts.remove(name);
            }
            Event::Started { name, pid, start_time, restarts } => {
                self.starts.entry(name.clone()).or_insert(Ok(*pid));
                if let Some(process) = self.processes.get_mut(name) {
                    process.pid = Some(*pid);
                    process.start_time = *start_time;
                    process.restarts = *restarts;
                }
            }
            Event::Exited { name, status, code, .. } => {
                if let Some(process) = self.processes.get_mut(name) {
                    process.pid = None;
                    process.crashes += u64::from(*code != Some(0));
                    process.last_exit = Some(status.clone());
                }
            }
            Event::Failed { name, reason } => {
                self.starts.entry(name.clone()).or_insert(Err(reason.clone()));
            }
            Event::Absent { .. }
            | Event::Held { .. }
            | Event::Restarting { .. }
            | Event::GaveUp { .. }
            | Event::Warning { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_counted_and_the_last_end_remembered() {
        let table = Table::default();
        table.expect(&ProcessSpec::new("service-1", "service", ["true"]));
        let name = || "service-1".to_owned();
        table.fold(&Event::Started { name: name(), pid: 10, start_time: 7, restarts: 0 });
        table.fold(&Event::Exited {
            name: name(),
            pid: 10,
            status: "killed by signal 9 (SIGKILL)".into(),
            code: None,
            signal: Some(9),
        });
        assert_eq!(table.process("service-1").unwrap().pid, None);
        assert_eq!(table.start("service-1"), Some(Ok(10)), "although it has ended");
        table.fold(&Event::Started { name: name(), pid: 11, start_time: 9, restarts: 1 });
        let state = table.process("service-1").unwrap();
        assert_eq!((state.pid, state.start_time, state.restarts), (Some(11), 9, 1));
        assert_eq!(state.last_exit.as_deref(), Some("killed by signal 9 (SIGKILL)"));
        assert_eq!(state.crashes, 1);
        let (status, code) = ("exit code 0".into(), Some(0));
        table.fold(&Event::Exited { name: name(), pid: 11, status, code, signal: None });
        assert_eq!(table.process("service-1").unwrap().crashes, 1, "it ended in good order");
        table.end();
        assert_eq!(table.process("service-1").unwrap().pid, None);
    }
}
