//! A run that is under way.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use services::Trouble;

use crate::answers::Answers;
use crate::book::{Resent, Retries};
use crate::error::LoadError;
use crate::instance::Instance;
use crate::ledger::Ledger;
use crate::outage;
use crate::outcome::Reasons;
use crate::pump::Pump;
use crate::reader::Readers;
use crate::report::{Connected, PartReport, Progress, Report};
use crate::split::{Keys, Split};
use crate::tally::{Part, Second, Tally};
use crate::worker::{self, Done, Gauge, Order};

type Thread = JoinHandle<Result<Done, LoadError>>;

/// A run that is under way. Dropping it cuts the run off and waits for its
/// threads; [`Running::wait`] gives the report.
#[derive(Debug)]
pub struct Running {
    order: Arc<Order>,
    workers: Vec<(Arc<Gauge>, Thread)>,
    seconds: Option<Receiver<Second>>,
    readers: Option<Readers>,
    connections: u32,
}

/// The counters of a run. Reading them takes nothing from the load.
#[derive(Debug, Clone)]
pub struct Counters(Vec<Arc<Gauge>>);

impl Counters {
    /// The figures so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        sum(self.0.iter().map(|gauge| &**gauge))
    }
}

/// What the workers have counted together.
fn sum<'a>(gauges: impl Iterator<Item = &'a Gauge>) -> Progress {
    let mut sum = Progress::default();
    for gauge in gauges {
        sum.due += gauge.due.load(Ordering::Relaxed);
        sum.acked += gauge.acked.load(Ordering::Relaxed);
        sum.failed += gauge.failed.load(Ordering::Relaxed);
        sum.indeterminate += gauge.indeterminate.load(Ordering::Relaxed);
        sum.dropped += gauge.dropped.load(Ordering::Relaxed);
        sum.late += gauge.late.load(Ordering::Relaxed);
        sum.under_way += gauge.under_way.load(Ordering::Relaxed);
    }
    sum
}

impl Running {
    pub(crate) fn start(
        order: &Arc<Order>,
        instance: Instance,
        connections: u32,
        seconds: Option<Receiver<Second>>,
        readers: Option<Readers>,
    ) -> Result<Self, LoadError> {
        let order_of = Arc::clone(order);
        let workers = Vec::new();
        let mut running = Self { order: order_of, workers, seconds, readers, connections };
        let workers = order.workers as u32;
        for worker in 0..workers {
            let share = connections / workers + u32::from(worker < connections % workers);
            let stride = instance.stride(worker.into(), order.workers);
            let gauge = Arc::new(Gauge::default());
            let body = {
                let (order, gauge) = (Arc::clone(order), Arc::clone(&gauge));
                move || worker::run(&order, stride, share, &gauge)
            };
            let thread = thread::Builder::new()
                .name(format!("load-{worker}"))
                .spawn(body)
                .map_err(|source| LoadError::Thread { source })?;
            running.workers.push((gauge, thread));
        }
        Ok(running)
    }

    /// The figures so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        sum(self.workers.iter().map(|(gauge, _)| &**gauge))
    }

    /// The counters themselves, for somebody who looks at them from elsewhere, also when
    /// the run is over.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters(self.workers.iter().map(|(gauge, _)| Arc::clone(gauge)).collect())
    }

    /// The seconds of the run, each as soon as every operation that was due in
    /// it is settled, in order; the channel ends with the run. `None` after
    /// the first call. Drop the receiver if they are not wanted: otherwise
    /// they are kept until they are read.
    pub fn sealed(&mut self) -> Option<Receiver<Second>> {
        self.seconds.take()
    }

    /// Ends the run early: no more operations come due, those that are under
    /// way get their time, those that wait are dropped. Returns at once.
    pub fn stop(&self) {
        self.order.horizon.stop();
    }

    /// Whether the run has ended, so that [`Running::wait`] returns at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.workers.iter().all(|(_, thread)| thread.is_finished())
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    /// When the target answered that it does not let us in, before it had done
    /// anything; or when a worker failed, which is a defect of this program.
    pub fn wait(mut self) -> Result<Report, LoadError> {
        let mut done = Vec::new();
        let mut first_error = None;
        for (_, thread) in std::mem::take(&mut self.workers) {
            let result = thread.join().unwrap_or_else(|panic| Err(LoadError::from_panic(&*panic)));
            match result {
                Ok(worker) => done.push(worker),
                Err(error) => {
                    // The others have no reason to go on.
                    self.cut_off();
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            Some(error) => Err(error),
            None => {
                if let Some(trouble) = self.denied() {
                    return Err(LoadError::Denied(trouble));
                }
                let mut report = report(&self.order, done, self.connections)?;
                if let Some(readers) = self.readers.take() {
                    report.received = Some(readers.finish(report.totals.acked)?);
                }
                Ok(report)
            }
        }
    }

    /// Why the target did not let us in, if that ended the run.
    fn denied(&self) -> Option<Trouble> {
        self.order.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the run at once: what is under way is cut off, and indeterminate.
    pub fn cut_off(&self) {
        self.order.abort.store(true, Ordering::Relaxed);
        self.order.horizon.stop();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cut_off();
        for (_, thread) in self.workers.drain(..) {
            // Whoever drops the run does not ask how it ended.
            let _ = thread.join();
        }
        if let Some(readers) = self.readers.take() {
            let _ = readers.finish(0);
        }
    }
}

/// What each value of a split answered: all of them, also those that nobody met.
fn parts(split: Option<&Split>, mut parts: Vec<Part>, keys: Keys) -> Vec<PartReport> {
    let values = split.map_or(&[][..], |split| &split.values);
    parts.resize_with(values.len(), Part::default);
    let keys = keys.of_parts(values.len());
    let part = |((value, part), keys): ((&String, Part), Vec<(u64, u64)>)| PartReport {
        value: value.clone(),
        tally: part.tally,
        latency: part.latency,
        keys,
    };
    values.iter().zip(parts).zip(keys).map(part).collect()
}

fn report(order: &Order, done: Vec<Done>, connections: u32) -> Result<Report, LoadError> {
    let mut ledger = Ledger::new(&order.run, &order.workload);
    let mut totals = Tally::default();
    let mut reasons = Reasons::default();
    let mut pump = Pump::default();
    let mut stretches = Vec::new();
    let mut last_settled = Duration::ZERO;
    let mut duplicates = Resent::default();
    let mut answers = Answers::default();
    let mut keys = Keys::default();
    let mut dues: Option<(Duration, Duration)> = None;
    let mut retries = Retries::default();
    let mut idled_out = Retries::default();
    let mut all_since = Some(Duration::ZERO);
    for Done { closed, pump: ticks, complete } in done {
        retries.merge(closed.retries);
        idled_out.merge(closed.idled_out);
        all_since = all_since.zip(complete).map(|(one, other)| one.max(other));
        ledger.merge(&closed.ledger).map_err(|source| LoadError::Ledger { source })?;
        totals += closed.tally;
        reasons.merge(&closed.reasons);
        pump.merge(ticks);
        stretches.push(closed.stretches);
        last_settled = last_settled.max(closed.last);
        duplicates.merge(closed.duplicates);
        answers.merge(closed.answers);
        keys.merge(&closed.keys);
        if let Some((first, last)) = closed.dues {
            let (least, most) = dues.unwrap_or((first, last));
            dues = Some((least.min(first), most.max(last)));
        }
    }
    let collected = order.collector.finish().map_err(|panic| LoadError::from_panic(&*panic))?;
    let (first_due, last_due) = dues.unwrap_or_default();
    let quiet = outage::common(&stretches);
    Ok(Report {
        totals,
        seconds: collected.seconds,
        latency: collected.latency,
        outages: outage::hit(&quiet),
        quiet,
        pump,
        errors: reasons.top(),
        unreachable: reasons.unreachable(),
        forbidden: reasons.forbidden(),
        limits: reasons.limits(),
        retries,
        idled_out,
        connected: order.target.connects().then_some(Connected { connections, all_since }),
        first_due,
        last_due,
        duplicates,
        answers: order.target.compares().then_some(answers),
        parts: parts(order.target.split(), collected.parts, keys),
        measured: collected.measured,
        warm_up: collected.warm_up,
        last_settled,
        ledger,
        received: None,
    })
}
