//! What a run has come to so far, for Prometheus while it goes on.
//!
//! The figures are read from the counters that the load keeps anyhow, when somebody asks;
//! the rest is told by events, which are few. Nothing here waits for the load, and the
//! load for nothing here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use exposition::Page;
use loadgen::{Counters, Progress};
use scenarios::Plan;

use crate::clock;
use crate::event::Event;

/// The phase before the first one, and the one behind the last.
const BEFORE: &str = "set-up";
const AFTER: &str = "after";

/// A run that goes on.
#[derive(Debug, Clone)]
pub struct Live(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    scenario: String,
    run: String,
    since: Duration,
    phases: Vec<String>,
    phase: String,
    workloads: Vec<Workload>,
    /// Checks that are judged while the run goes on, and whether they are violated.
    watched: BTreeMap<String, bool>,
    /// Faults, and whether they are under way.
    faults: BTreeMap<String, bool>,
}

#[derive(Debug)]
struct Workload {
    name: String,
    rate: f64,
    phases: Vec<String>,
    counters: Option<Counters>,
    /// How many operations were started when somebody last asked.
    started: u64,
}

impl Live {
    /// A run that has not begun.
    #[must_use]
    pub fn new(plan: &Plan, run: &str) -> Self {
        let phases = plan.phases.iter().map(|phase| phase.name.clone());
        let workloads = plan.workloads.iter().map(|workload| Workload {
            name: workload.name.clone(),
            rate: workload.rate.0,
            phases: workload.phases.clone(),
            counters: None,
            started: 0,
        });
        let advised = plan.deployments.iter().flat_map(|deployment| &deployment.roll_back_if);
        let watched = plan.safety.stop_if.iter().chain(advised);
        let since = clock::wall().duration_since(SystemTime::UNIX_EPOCH);
        Self(Arc::new(Mutex::new(State {
            scenario: plan.name.clone(),
            run: run.to_owned(),
            since: since.unwrap_or_default(),
            phases: [BEFORE.to_owned()]
                .into_iter()
                .chain(phases)
                .chain([AFTER.to_owned()])
                .collect(),
            phase: BEFORE.to_owned(),
            workloads: workloads.collect(),
            watched: watched.map(|check| (check.clone(), false)).collect(),
            faults: plan.faults.iter().map(|fault| (fault.name.clone(), false)).collect(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workloads run.
    pub fn loads(&self, counters: Vec<(String, Counters)>) {
        let mut state = self.state();
        for (name, counters) in counters {
            if let Some(workload) = state.workloads.iter_mut().find(|known| known.name == name) {
                workload.counters = Some(counters);
            }
        }
    }

    /// Something has happened.
    pub fn saw(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::PhaseStarted { phase } => state.phase.clone_from(phase),
            Event::PhaseEnded { .. } => AFTER.clone_into(&mut state.phase),
            Event::FaultChanged { fault } => {
                let is_over = fault.undone.is_some() || fault.healed.is_some();
                state.faults.insert(fault.name.clone(), fault.injected.is_some() && !is_over);
            }
            Event::RunStopped { stop } => {
                state.watched.insert(stop.check.clone(), true);
            }
            Event::RollBackAdvised { advice } => {
                state.watched.insert(advice.check.clone(), true);
            }
            _ => {}
        }
    }

    /// The metrics.
    #[must_use]
    pub fn page(&self) -> Page {
        let mut state = self.state();
        let mut page = Page::default();
        let labels = [
            ("scenario", &*state.scenario),
            ("run", &*state.run),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        page.gauge("verify_run_info", "What runs.").sample(&labels, 1.0);
        page.started(state.since);
        let help = "1 for the phase that the run is in, 0 for the others.";
        let mut phases = page.gauge("verify_phase", help);
        for phase in &state.phases {
            phases.count(&[("phase", phase)], u64::from(*phase == state.phase));
        }
        let State { workloads, phase, .. } = &mut *state;
        loads(&mut page, phase, workloads);
        let help = "Whether a check that is judged during the run is violated so far.";
        let mut checks = page.gauge("verify_check_violated", help);
        for (check, is_violated) in &state.watched {
            checks.count(&[("check", check)], u64::from(*is_violated));
        }
        let mut faults = page.gauge("verify_fault_active", "Whether a fault is under way.");
        for (fault, is_active) in &state.faults {
            faults.count(&[("fault", fault)], u64::from(*is_active));
        }
        page
    }
}

fn loads(page: &mut Page, phase: &str, workloads: &mut [Workload]) {
    let told: Vec<Progress> = workloads
        .iter()
        .map(|workload| workload.counters.as_ref().map(Counters::progress).unwrap_or_default())
        .collect();
    let help = "The rate that the scenario asks for in this phase, profiles apart.";
    let mut rates = page.gauge("verify_asked_operations_per_second", help);
    for workload in &*workloads {
        let is_due = workload.phases.iter().any(|name| name == phase);
        let rate = if is_due { workload.rate } else { 0.0 };
        rates.sample(&[("workload", &workload.name)], rate);
    }
    let help = "Operations by outcome.";
    let mut outcomes = page.counter("verify_operations_total", help);
    for (workload, n) in workloads.iter().zip(&told) {
        for (outcome, count) in [
            ("acked", n.acked),
            ("failed", n.failed),
            ("indeterminate", n.indeterminate),
            ("dropped", n.dropped),
        ] {
            outcomes.count(&[("workload", &workload.name), ("outcome", outcome)], count);
        }
    }
    for (workload, n) in workloads.iter_mut().zip(&told) {
        // One that ends while the counters are read may be in none of them.
        let started = n.acked + n.failed + n.indeterminate + n.under_way;
        workload.started = workload.started.max(started);
    }
    let mut counter = |name: &str, help: &str, of: &dyn Fn(&Workload, &Progress) -> u64| {
        let mut counter = page.counter(name, help);
        for (workload, n) in workloads.iter().zip(&told) {
            counter.count(&[("workload", &workload.name)], of(workload, n));
        }
    };
    counter("verify_due_total", "Operations that came due.", &|_, n| n.due);
    counter("verify_started_total", "Operations that were started.", &|of, _| of.started);
    counter("verify_late_total", "Operations that were started late.", &|_, n| n.late);
    let mut gauge = |name: &str, help: &str, of: &dyn Fn(&Progress) -> u64| {
        let mut gauge = page.gauge(name, help);
        for (workload, n) in workloads.iter().zip(&told) {
            gauge.count(&[("workload", &workload.name)], of(n));
        }
    };
    gauge("verify_in_flight", "Operations that are under way.", &|n| n.under_way);
    gauge("verify_waiting", "Operations that are due and not started.", &Progress::waiting);
}

/// Where the metrics are served: an address, or a port of this machine alone.
///
/// # Errors
/// When it is neither.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>().ok();
    let here = port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    here.or_else(|| text.parse().ok())
        .ok_or_else(|| format!("{text} is no address; write 127.0.0.1:9400, or a port: 9400"))
}

/// Takes the port, before anything else is done.
///
/// # Errors
/// When it is not to be had, with what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .map_err(|error| format!("cannot serve metrics at {address}: {error}; give a free port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        for text in ["9400", ":9400", "127.0.0.1:9400"] {
            assert_eq!(address(text).unwrap().to_string(), "127.0.0.1:9400");
        }
        assert_eq!(address("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        assert_eq!(address("[::1]:1").unwrap().to_string(), "[::1]:1");
        assert!(address("here").unwrap_err().contains("127.0.0.1:9400"));
    }

    #[test]
    fn a_run_that_has_not_begun_is_in_its_set_up() {
        let source = scenarios::suite::find("channel-leak").unwrap().source;
        let settings = scenarios::Settings::default();
        let plan = scenarios::plan("channel-leak.toml", source, &settings).unwrap();
        let live = Live::new(&plan, "r1");
        let text = live.page().render();
        assert!(text.contains("verify_phase{phase=\"set-up\"} 1\n"), "{text}");
        let phase = plan.phases[0].name.clone();
        live.saw(&Event::PhaseStarted { phase: phase.clone() });
        let text = live.page().render();
        assert!(text.contains(&format!("verify_phase{{phase=\"{phase}\"}} 1\n")), "{text}");
        assert!(text.contains("verify_phase{phase=\"set-up\"} 0\n"), "{text}");
        assert!(text.contains("verify_fault_active{fault=\"kill-one-process\"} 0\n"), "{text}");
    }
}
