//! What load, faults, probes and taps tell the conductor, who alone writes.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::event::Event;
use crate::history::{Line, Sample};

/// Something that was observed.
#[derive(Debug)]
pub enum Observed {
    /// A value of a series.
    Sample {
        /// The full name of the series.
        series: Arc<str>,
        /// The value.
        sample: Sample,
    },
    /// Anything else, which is rare and large.
    Event(Box<Event>),
}

/// The sending end: stamps what a probe sees.
#[derive(Debug, Clone)]
pub struct Observer {
    sender: mpsc::UnboundedSender<Observed>,
    clock: Clock,
}

impl Observer {
    /// An observer and the end at which the conductor listens. The channel is
    /// unbounded, because nothing that is observed may be dropped; probes bound
    /// what they send for each sample.
    #[must_use]
    pub fn new(clock: Clock) -> (Self, mpsc::UnboundedReceiver<Observed>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, clock }, receiver)
    }

    /// The run's clock.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// An observer that does not keep the conductor listening.
    #[must_use]
    pub fn downgrade(&self) -> WeakObserver {
        WeakObserver { sender: self.sender.downgrade(), clock: self.clock }
    }

    /// Sends something; a conductor that has gone away no longer wants it.
    pub fn send(&self, observed: Observed) {
        let _ = self.sender.send(observed);
    }

    /// Sends an event.
    pub fn event(&self, event: Event) {
        self.send(Observed::Event(Box::new(event)));
    }
}

/// An observer for a part that may outlive the run's observation.
#[derive(Debug, Clone)]
pub struct WeakObserver {
    sender: mpsc::WeakUnboundedSender<Observed>,
    clock: Clock,
}

impl WeakObserver {
    /// The observer, while somebody else still observes.
    #[must_use]
    pub fn upgrade(&self) -> Option<Observer> {
        Some(Observer { sender: self.sender.upgrade()?, clock: self.clock })
    }
}

/// An observer of one probe, which names its series.
#[derive(Debug, Clone)]
pub struct ProbeObserver {
    observer: Observer,
    probe: String,
}

impl ProbeObserver {
    /// An observer for the named probe.
    #[must_use]
    pub fn new(observer: Observer, probe: &str) -> Self {
        Self { observer, probe: probe.to_owned() }
    }

    /// Seconds since the start of the first phase.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.observer.clock.now()
    }

    /// Sends a value of a series that has only one.
    pub fn value(&self, at: f64, series: &str, value: f64) {
        self.labelled(at, series, "", value);
    }

    /// Sends a value of one of several.
    pub fn labelled(&self, at: f64, series: &str, label: &str, value: f64) {
        if value.is_finite() {
            self.observer.send(Observed::Sample {
                series: format!("{}.{series}", self.probe).into(),
                sample: Sample { at, label: label.into(), value },
            });
        }
    }

    /// Sends a log line.
    pub fn line(&self, at: f64, source: &str, text: &str) {
        let text = text.chars().take(2_000).collect();
        let line = Line { at_ms: (at * 1e3).round() as i64, source: source.to_owned(), text };
        self.observer.event(Event::LogLine { probe: self.probe.clone(), line });
    }

    /// Says that something does not exist yet: what it is, in words.
    pub fn absent(&self, thing: &str, what: &str) {
        let (probe, thing, what) = (self.probe.clone(), thing.to_owned(), what.to_owned());
        self.observer.event(Event::Absent { probe, thing, what });
    }

    /// Says that something that did not exist yet is there.
    pub fn appeared(&self, thing: &str) {
        let (probe, thing) = (self.probe.clone(), thing.to_owned());
        self.observer.event(Event::Appeared { probe, thing });
    }

    /// Says that the probe cannot see.
    pub fn trouble(&self, why: impl ToString) {
        let why = why.to_string();
        self.observer.event(Event::ProbeTrouble { probe: self.probe.clone(), why });
    }
}
