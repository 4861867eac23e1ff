//! The pressure of the host that this program runs on, in every run.
//!
//! The own processes are this program and everything below it, the lab's
//! processes above all. How long their threads waited for a processor is what the
//! scheduler says of each; where it says nothing, for how long any task of the
//! host waited (PSI) stands in for it; where neither is told, nothing is known.

use std::sync::Arc;

use lab::Lab;
use machine::pressure::{Look, Pressure, Watch};

use crate::observe::ProbeObserver;

pub(super) struct Host {
    watch: Arc<Watch>,
    lab: Option<Arc<Lab>>,
    before: Option<Look>,
}

impl Host {
    pub(super) fn new(lab: Option<Arc<Lab>>) -> Self {
        Self { watch: Arc::default(), lab, before: None }
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let mut roots = vec![std::process::id()];
        if let Some(lab) = &self.lab {
            roots.extend(lab.processes().iter().filter_map(|process| process.pid));
        }
        let watch = Arc::clone(&self.watch);
        // Some hundred files are read.
        let look = tokio::task::spawn_blocking(move || watch.look(&roots)).await;
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
