//! The scribe: the only one who writes the history while the run goes on.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use loadgen::{Part, Second, Shape, Tally};
use scenarios::Plan;
use scenarios::plan::Workload;
use tokio::sync::mpsc::UnboundedReceiver;

use super::load::SETTLING;
use crate::folder::FolderError;
use crate::folder::write::Writer;
use crate::history::Sample;
use crate::live::Live;
use crate::observe::Observed;
use crate::signal::Cancel;

/// Writes down what is observed.
pub(super) struct Scribe<'a> {
    writer: &'a mut Writer,
    counts: BTreeMap<String, Counts>,
    /// The parts of each workload, in the order of the values of its split.
    values: BTreeMap<String, Vec<String>>,
    /// What parts come to together, with their places among the values.
    groups: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    end: u64,
    live: Live,
}

/// The running counts of a workload.
#[derive(Default)]
struct Counts {
    total: Tally,
    /// Seconds whose counts are written.
    written: u64,
    /// What the operations look like, where some are sent twice or are poison.
    shape: Option<Shape>,
    poisoned: u64,
}

impl Counts {
    fn new(workload: &Workload, seed: u64) -> Self {
        let shape = Shape::from_plan(workload, seed);
        let is_plain = !shape.has_twins() && shape.poison <= 0.0;
        Self { shape: (!is_plain).then_some(shape), ..Self::default() }
    }

    /// Adds a second. Operations are numbered in the order in which they come
    /// due, so its own are the next.
    fn add(&mut self, tally: Tally) {
        let due = self.total.due;
        self.total += tally;
        if let Some(shape) = self.shape.as_ref().filter(|shape| shape.poison > 0.0) {
            let poison = (due..self.total.due).filter(|&sequence| shape.is_poison(sequence));
            self.poisoned += poison.count() as u64;
        }
    }
}

impl<'a> Scribe<'a> {
    pub(super) fn new(writer: &'a mut Writer, plan: &Plan, end: Duration, live: &Live) -> Self {
        let counts = plan.workloads.iter();
        let parts = plan.workloads.iter().flat_map(Workload::divisions);
        let parts = parts.map(|part| (part, Counts::default()));
        let counts = counts.map(|w| (w.name.clone(), Counts::new(w, plan.seed))).chain(parts);
        let values = plan.workloads.iter().map(|w| (w.name.clone(), w.parts().collect()));
        let groups = plan.workloads.iter().map(|w| (w.name.clone(), w.groups()));
        let (counts, values, groups) = (counts.collect(), values.collect(), groups.collect());
        Self { writer, counts, values, groups, end: end.as_secs(), live: live.clone() }
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
            Observed::Event(event) => {
                self.live.saw(&event);
                self.writer.event(*event)
            }
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
                    counts.add(second.tally);
                }
                self.fill(workload, second.second + 1)?;
                self.writer.latency(workload, &second)?;
                self.settle_parts(workload, second)?;
            }
        }
        Ok(())
    }

    /// The same of each part of a workload, and of parts together.
    fn settle_parts(&mut self, workload: &str, second: Second) -> Result<(), FolderError> {
        let (number, parts) = (second.second, second.parts);
        for (name, places) in self.groups.get(workload).cloned().unwrap_or_default() {
            let mut sum = Part::default();
            for part in places.into_iter().filter_map(|place| parts.get(place)) {
                sum.tally += part.tally;
                sum.latency.merge(&part.latency);
            }
            self.settle_part(&name, number, sum)?;
        }
        let mut parts = parts.into_iter();
        for name in self.values.get(workload).cloned().unwrap_or_default() {
            self.settle_part(&name, number, parts.next().unwrap_or_default())?;
        }
        Ok(())
    }

    fn settle_part(&mut self, name: &str, second: u64, part: Part) -> Result<(), FolderError> {
        self.fill(name, second)?;
        if let Some(counts) = self.counts.get_mut(name) {
            counts.add(part.tally);
        }
        self.fill(name, second + 1)?;
        if part.tally.due == 0 {
            return Ok(());
        }
        let (tally, latency) = (part.tally, *part.latency);
        self.writer.latency(name, &Second { tally, latency, ..Second::empty(second) })
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
        let again = [
            ("resent", tally.resent),
            ("resent_acked", tally.resent_acked),
            ("hits", tally.hits),
            ("disagreed", tally.disagreed),
            ("poisoned", counts.poisoned),
        ];
        let again = again.iter().filter(|_| counts.shape.is_some());
        for &(name, value) in values.iter().chain(again) {
            let sample = Sample { at: at as f64, label: "".into(), value: value as f64 };
            self.writer.sample(&format!("{workload}.{name}"), &sample)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::history::poison;

    proptest! {
        /// However the operations fall into seconds, as much poison is counted
        /// as the ledger's numbers have.
        #[test]
        fn poison_is_counted_where_it_came_due(
            seed: u64,
            share in 0.0_f64..1.0,
            dues in prop::collection::vec(0_u64..50, 0..20),
        ) {
            let shape = Shape { seed, poison: share, ..Shape::default() };
            let mut counts = Counts { shape: Some(shape.clone()), ..Counts::default() };
            for &due in &dues {
                counts.add(Tally { due, ..Tally::default() });
            }
            prop_assert_eq!(counts.poisoned, poison(&shape, dues.iter().sum()).len());
        }
    }
}
