//! What the tests share: a lab, a probe that runs, and what it sends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lab::{Lab, LabOptions, Patience};
use scenarios::plan::{Probe, ProbeKind};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use verify::clock::Clock;
use verify::event::Event;
use verify::history::Sample;
use verify::observe::{Observed, Observer};
use verify::probe::{Prober, Processes};

/// Generous: it only ever runs out when something is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

pub(crate) fn patience() -> Patience<'static> {
    Patience::new(LIMIT)
}

/// A lab whose keeper is `verify` itself.
pub(crate) fn lab(logs: &Path) -> Lab {
    LabOptions { exe: PathBuf::from(env!("CARGO_BIN_EXE_verify")), ..LabOptions::new(logs) }
        .start()
        .unwrap()
}

/// A probe that samples.
pub(crate) struct Watch {
    observed: UnboundedReceiver<Observed>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    pub(crate) samples: BTreeMap<String, Vec<Sample>>,
    pub(crate) troubles: Vec<String>,
    /// What is told not to exist, and has not appeared since.
    pub(crate) absent: Vec<String>,
}

impl Watch {
    pub(crate) fn start(kind: ProbeKind) -> Self {
        Self::of(kind, None)
    }

    /// One that looks at processes.
    pub(crate) fn of(kind: ProbeKind, processes: Option<Processes>) -> Self {
        let probe = Probe { name: "it".to_owned(), every: "100ms".parse().unwrap(), kind };
        // As `main` does; a second time, in another test, it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (observer, observed) = Observer::new(Clock::starting_in(Duration::ZERO));
        let prober = Prober::new(&probe, &BTreeMap::new(), processes.as_ref(), observer).unwrap();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(prober.run(stopped));
        let (samples, troubles, absent) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { observed, stop, task, samples, troubles, absent }
    }

    /// Takes what comes until the answer is there.
    pub(crate) async fn until<T>(&mut self, what: &str, answer: impl Fn(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = answer(self) {
                return found;
            }
            let left = LIMIT.saturating_sub(begun.elapsed());
            let next = tokio::time::timeout(left, self.observed.recv()).await;
            match next.unwrap_or_else(|_| panic!("never came: {what}; {:?}", self.troubles)) {
                Some(Observed::Sample { series, sample }) => {
                    self.samples.entry(series.to_string()).or_default().push(sample);
                }
                Some(Observed::Event(event)) => match *event {
                    Event::ProbeTrouble { why, .. } => self.troubles.push(why),
                    Event::Absent { thing, .. } => self.absent.push(thing),
                    Event::Appeared { thing, .. } => self.absent.retain(|other| *other != thing),
                    _ => {}
                },
                None => panic!("the probe has ended: {what}"),
            }
        }
    }

    /// Forgets what came so far, and what was on its way.
    pub(crate) fn forget(&mut self) {
        while self.observed.try_recv().is_ok() {}
        self.samples.clear();
        self.troubles.clear();
    }

    /// The newest value of a label.
    pub(crate) fn last(&self, series: &str, label: &str) -> Option<f64> {
        let samples = self.samples.get(&format!("it.{series}"))?;
        samples.iter().rev().find(|sample| &*sample.label == label).map(|sample| sample.value)
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}
