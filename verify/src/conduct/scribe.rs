//! The scribe: the only one who writes the history while the run goes on.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use loadgen::{Second, Tally};
use scenarios::Plan;
use tokio::sync::mpsc::UnboundedReceiver;

use super::load::SETTLING;
use crate::folder::FolderError;
use crate::folder::write::Writer;
use crate::history::Sample;
use crate::observe::Observed;
use crate::signal::Cancel;

/// Writes down what is observed.
pub(super) struct Scribe<'a> {
    writer: &'a mut Writer,
    counts: BTreeMap<String, Counts>,
    end: u64,
}

/// The running counts of a workload.
#[derive(Default)]
struct Counts {
    total: Tally,
    /// Seconds whose counts are written.
    written: u64,
}

impl<'a> Scribe<'a> {
    pub(super) fn new(writer: &'a mut Writer, plan: &Plan, end: Duration) -> Self {
        let counts = plan.workloads.iter().map(|w| (w.name.clone(), Counts::default())).collect();
        Self { writer, counts, end: end.as_secs() }
    }

    /// Writes until every observer has gone away and every workload has ended.
    /// When the folder cannot be written any more, asks for the end of the run
    /// and gives the error once everybody has gone.
    pub(super) async fn write(
        mut self,
        mut observed: UnboundedReceiver<Observed>,
        seconds: Vec<(String, Receiver<Second>)>,
        cancel: &Cancel,
    ) -> Result<(), FolderError> {
        let mut result = self.zero();
        let mut ticks = tokio::time::interval(SETTLING);
        loop {
            let step = tokio::select! {
                next = observed.recv() => match next {
                    Some(observed) => self.take(observed),
                    None => break,
                },
                _ = ticks.tick() => self.settle(&seconds).and_then(|()| self.writer.flush()),
            };
            if result.is_ok() && step.is_err() {
                cancel.cancel();
                result = step;
            }
        }
        result?;
        self.settle(&seconds)?;
        for workload in self.counts.keys().cloned().collect::<Vec<_>>() {
            self.fill(&workload, self.end)?;
        }
        self.writer.flush()
    }

    fn take(&mut self, observed: Observed) -> Result<(), FolderError> {
        match observed {
            Observed::Sample { series, sample } => self.writer.sample(&series, &sample),
            Observed::Event(event) => self.writer.event(event),
        }
    }

    /// Every counter begins at 0, so that its first second has a rise.
    fn zero(&mut self) -> Result<(), FolderError> {
        for workload in self.counts.keys().cloned().collect::<Vec<_>>() {
            self.row(&workload, 0)?;
        }
        Ok(())
    }

    /// Writes the seconds that were settled since the last time.
    fn settle(&mut self, seconds: &[(String, Receiver<Second>)]) -> Result<(), FolderError> {
        for (workload, receiver) in seconds {
            while let Ok(second) = receiver.try_recv() {
                self.fill(workload, second.second)?;
                if let Some(counts) = self.counts.get_mut(workload) {
                    counts.total += second.tally;
                }
                self.fill(workload, second.second + 1)?;
                self.writer.latency(workload, &second)?;
            }
        }
        Ok(())
    }

    /// Writes the counts at every whole second up to `until`.
    fn fill(&mut self, workload: &str, until: u64) -> Result<(), FolderError> {
        loop {
            let Some(counts) = self.counts.get_mut(workload) else { return Ok(()) };
            if counts.written >= until {
                return Ok(());
            }
            counts.written += 1;
            let at = counts.written;
            self.row(workload, at)?;
        }
    }

    fn row(&mut self, workload: &str, at: u64) -> Result<(), FolderError> {
        let Some(counts) = self.counts.get(workload) else { return Ok(()) };
        let tally = counts.total;
        let values = [
            ("due", tally.due),
            ("acked", tally.acked),
            ("failed", tally.failed),
            ("indeterminate", tally.indeterminate),
            ("dropped", tally.dropped),
            ("late", tally.late),
            ("unsuccessful", tally.failed + tally.indeterminate + tally.dropped),
        ];
        for (name, value) in values {
            let sample = Sample { at: at as f64, label: "".into(), value: value as f64 };
            self.writer.sample(&format!("{workload}.{name}"), &sample)?;
        }
        Ok(())
    }
}
