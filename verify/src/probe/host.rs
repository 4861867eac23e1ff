//! The pressure of the host that this program runs on, in every run.
//!
//! The own processes are this program and everything below it, the lab's
//! processes above all, and whoever plays a role of a system of one's own. How long their threads waited for a processor is what the
//! scheduler says of each; where it says nothing, for how long any task of the
//! host waited (PSI) stands in for it; where neither is told, nothing is known.

use std::sync::Arc;

use machine::pressure::{Look, Pressure, Watch};

use super::Processes;
use crate::observe::ProbeObserver;

pub(super) struct Host {
    watch: Arc<Watch>,
    processes: Option<Processes>,
    before: Option<Look>,
}

impl Host {
    pub(super) fn new(processes: Option<Processes>) -> Self {
        Self { watch: Arc::default(), processes, before: None }
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let (watch, processes) = (Arc::clone(&self.watch), self.processes.clone());
        // Some hundred files are read.
        let look = tokio::task::spawn_blocking(move || {
            let mut roots = vec![std::process::id()];
            roots.extend(processes.iter().flat_map(Processes::ids));
            watch.look(&roots)
        });
        let look = look.await;
        let look = look.map_err(|error| error.to_string())?;
        let at = observer.now();
        if let Some(before) = self.before.replace(look.clone()) {
            send(observer, at, &before, &look);
        }
        Ok(())
    }
}

fn send(observer: &ProbeObserver, at: f64, before: &Look, look: &Look) {
    let window = look.at.saturating_sub(before.at).as_secs_f64();
    let pressure = Pressure::between(before, look);
    let values = [
        ("window", Some(window).filter(|&window| window > 0.0)),
        ("cpus", pressure.cpus),
        ("load", pressure.load),
        ("cpu_busy", pressure.busy),
        ("cpu_own", pressure.own),
        ("cpu_foreign", pressure.pressing),
        ("steal", pressure.steal),
        ("cpu_waiting", pressure.own_waiting.or(pressure.cpu_some)),
        ("cpu_waited", pressure.own_waited.or(pressure.cpu_some)),
        ("cpu_stalled", pressure.cpu_some),
        ("io_stalled", pressure.io_some),
        ("memory_stalled", pressure.memory_some),
        ("memory_available", pressure.memory_available),
        ("disk", pressure.io),
    ];
    for (series, value) in values {
        if let Some(value) = value {
            observer.value(at, series, value);
        }
    }
}
