//! Puts the workers' parts of each second together, and hands whole seconds
//! on, in order.
//!
//! That is done on a thread of its own: adding up the histograms of one second takes
//! as long as many requests, above all where figures are split, and would hold up
//! those of a worker. A worker comes here once a second, when one is sealed; the locks
//! are therefore of no weight.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::latency::Latency;
use crate::ring::Sealed;
use crate::tally::{Part, Second, Tally};

/// So many histograms wait to be used again; more are given back to the system.
const SPARES: usize = 64;

/// Histograms that are used again, empty.
type Spares = Vec<Box<Latency>>;

/// Where workers hand their seconds to.
#[derive(Debug)]
pub(crate) struct Collector {
    inbox: Mutex<Option<Sender<Sealed>>>,
    thread: Mutex<Option<JoinHandle<Sums>>>,
    spares: Arc<Mutex<Spares>>,
}

impl Collector {
    /// Starts collecting this many workers' seconds. Those that begin before
    /// `warm_up` is over are handed on, and left out of the latencies.
    ///
    /// # Errors
    /// When there can be no thread more.
    pub(crate) fn start(
        workers: usize,
        warm_up: Duration,
        sealed: Sender<Second>,
    ) -> std::io::Result<Self> {
        let (inbox, outbox) = mpsc::channel();
        let spares = Arc::<Mutex<Spares>>::default();
        let sums = Sums::new(workers, warm_up, sealed);
        let body = {
            let spares = Arc::clone(&spares);
            move || sums.collect(&outbox, &spares)
        };
        let thread = thread::Builder::new().name("collector".to_owned()).spawn(body)?;
        let (inbox, thread) = (Mutex::new(Some(inbox)), Mutex::new(Some(thread)));
        Ok(Self { inbox, thread, spares })
    }

    /// Takes one worker's part of a second, and gives it empty histograms in its place,
    /// as far as there are some.
    pub(crate) fn add(&self, sealed: Sealed) -> Spares {
        let wanted = sealed.parts.len() + usize::from(sealed.latency.is_some());
        if let Some(inbox) = &*lock(&self.inbox) {
            // A collector that crashed says so in the end.
            let _ = inbox.send(sealed);
        }
        let mut spares = lock(&self.spares);
        let kept = spares.len().saturating_sub(wanted);
        spares.split_off(kept)
    }

    /// Ends the collection: hands on what is left.
    ///
    /// # Errors
    /// What the collector has crashed with.
    pub(crate) fn finish(&self) -> Result<Collected, Box<dyn Any + Send>> {
        drop(lock(&self.inbox).take());
        match lock(&self.thread).take() {
            Some(thread) => Ok(thread.join()?.finish()),
            None => Err(Box::new("the figures were collected already")),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked has not spoilt a list.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The parts of the seconds that not every worker has sealed yet, and the sum
/// of those that all have.
#[derive(Debug)]
struct Sums {
    workers: usize,
    pending: BTreeMap<u64, Pending>,
    /// `None` when nobody listens.
    sealed: Option<Sender<Second>>,
    seconds: Vec<(u64, Tally)>,
    latency: Latency,
    measured: Tally,
    parts: Vec<Part>,
    /// Seconds before this one are warm-up.
    warm_up: u64,
}

#[derive(Debug)]
struct Pending {
    parts: usize,
    second: Second,
}

/// What is left when every worker has ended.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) seconds: Vec<(u64, Tally)>,
    pub(crate) latency: Latency,
    /// The sum of the seconds behind the warm-up.
    pub(crate) measured: Tally,
    /// Those behind the warm-up, by who answered.
    pub(crate) parts: Vec<Part>,
    pub(crate) warm_up: Duration,
}

impl Sums {
    fn new(workers: usize, warm_up: Duration, sealed: Sender<Second>) -> Self {
        Self {
            workers,
            pending: BTreeMap::new(),
            sealed: Some(sealed),
            seconds: Vec::new(),
            latency: Latency::default(),
            measured: Tally::default(),
            parts: Vec::new(),
            warm_up: warm_up.as_secs() + u64::from(warm_up.subsec_nanos() > 0),
        }
    }

    /// Adds up until every worker has gone away.
    fn collect(mut self, sealed: &Receiver<Sealed>, spares: &Mutex<Spares>) -> Self {
        for Sealed { second, tally, latency, parts } in sealed {
            self.add(second, tally, latency.as_deref(), &parts);
            for mut used in latency.into_iter().chain(parts.into_iter().map(|part| part.latency)) {
                used.reset();
                let mut spares = lock(spares);
                if spares.len() < SPARES {
                    spares.push(used);
                }
            }
        }
        self
    }

    /// Takes in one worker's part of a second.
    fn add(&mut self, second: u64, tally: Tally, latency: Option<&Latency>, parts: &[Part]) {
        let pending = self
            .pending
            .entry(second)
            .or_insert_with(|| Pending { parts: 0, second: Second::empty(second) });
        pending.parts += 1;
        pending.second.tally += tally;
        if let Some(latency) = latency {
            pending.second.latency.merge(latency);
            if second >= self.warm_up {
                self.latency.merge(latency);
            }
        }
        Part::merge(&mut pending.second.parts, parts);
        if second >= self.warm_up {
            Part::merge(&mut self.parts, parts);
        }
        // Each worker seals its seconds in order, so the oldest is whole first.
        while let Some(oldest) = self.pending.first_entry() {
            if oldest.get().parts < self.workers {
                break;
            }
            let whole = oldest.remove().second;
            self.emit(whole);
        }
    }

    /// Hands on what is left.
    fn finish(mut self) -> Collected {
        for (_, pending) in std::mem::take(&mut self.pending) {
            self.emit(pending.second);
        }
        self.sealed = None;
        Collected {
            seconds: std::mem::take(&mut self.seconds),
            latency: std::mem::take(&mut self.latency),
            measured: self.measured,
            parts: std::mem::take(&mut self.parts),
            warm_up: Duration::from_secs(self.warm_up),
        }
    }

    fn emit(&mut self, second: Second) {
        if second.tally.due == 0 {
            return;
        }
        self.seconds.push((second.second, second.tally));
        if second.second >= self.warm_up {
            self.measured += second.tally;
        }
        if self.sealed.as_ref().is_some_and(|sealed| sealed.send(second).is_err()) {
            self.sealed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::latency;

    #[test]
    fn a_second_is_handed_on_when_every_worker_has_sealed_it() {
        let (sender, receiver) = mpsc::channel();
        let mut collector = Sums::new(2, Duration::ZERO, sender);
        let mut part = Latency::default();
        latency::record(&mut part.response, Duration::from_millis(3));
        let tally = Tally { due: 1, acked: 1, ..Tally::default() };
        collector.add(0, tally, Some(&part), &[]);
        collector.add(1, Tally::default(), None, &[]);
        assert!(receiver.try_recv().is_err());
        collector.add(0, tally, Some(&part), &[]);
        let second = receiver.try_recv().unwrap();
        assert_eq!((second.second, second.tally.acked, second.latency.response.len()), (0, 2, 2));
        collector.add(1, Tally::default(), None, &[]);
        assert!(receiver.try_recv().is_err(), "nothing was due in second 1");
        let collected = collector.finish();
        assert_eq!(collected.seconds.len(), 1);
        assert_eq!(collected.latency.response.len(), 2);
    }

    #[test]
    fn warm_up_is_counted_and_not_timed() {
        let (sender, receiver) = mpsc::channel();
        let mut collector = Sums::new(1, Duration::from_millis(1_500), sender);
        let mut part = Latency::default();
        latency::record(&mut part.response, Duration::from_millis(3));
        let tally = Tally { due: 1, acked: 1, ..Tally::default() };
        for second in 0..4 {
            collector.add(second, tally, Some(&part), &[]);
        }
        let collected = collector.finish();
        assert_eq!(collected.warm_up, Duration::from_secs(2));
        assert_eq!((collected.measured.acked, collected.seconds.len()), (2, 4));
        assert_eq!(collected.latency.response.len(), 2);
        assert_eq!(receiver.try_iter().count(), 4);
    }
}
