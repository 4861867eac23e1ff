//! A series with what the plan knows of it: its unit, its pace, and whether
//! its probe saw enough for a verdict.

use scenarios::plan::{Plan, ProbeKind};
use scenarios::series::WORKLOAD;
use scenarios::units::Unit;

use super::window::{Span, Window};
use super::words;
use crate::history::{History, Sample};
use crate::stats::median::median;

/// A run of samples may be this many usual gaps apart and still be unbroken.
const UNBROKEN: f64 = 3.0;
/// A probe may miss this share of a phase.
const MAY_MISS: f64 = 0.25;

/// A series as a check sees it.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) unit: Unit,
    /// Whether it only rises.
    pub(super) counter: bool,
    /// All samples of the run in order of time.
    pub(super) samples: &'a [Sample],
    /// Whether the counter is at 0 when the run begins, because the tool itself
    /// or its lab counts.
    pub(super) from_zero: bool,
    /// The usual time between two rounds of samples, in seconds.
    pub(super) gap: f64,
    probe: &'a str,
    trouble: Option<&'a str>,
}

impl<'a> Series<'a> {
    /// The series of that name; without a sample it is empty.
    pub(super) fn of(plan: &'a Plan, history: &'a History, name: &'a str) -> Self {
        let (probe, last) = name.rsplit_once('.').unwrap_or((name, ""));
        let planned = plan.probes.iter().find(|known| known.name == probe);
        let infos = planned.map_or_else(|| WORKLOAD.to_vec(), |probe| probe.kind.series());
        let info = infos.iter().find(|info| info.name == last);
        let every = planned.map_or(1.0, |probe| probe.every.as_secs_f64());
        let samples = history.samples.get(name).map_or(&[][..], Vec::as_slice);
        let from_zero = match planned.map(|probe| &probe.kind) {
            Some(
                ProbeKind::Rabbitmq { .. }
                | ProbeKind::RedisStreams { .. }
                | ProbeKind::Sql { .. }
                | ProbeKind::Promql { .. },
            ) => false,
            Some(ProbeKind::Process { .. }) => last == "restarts",
            // The probe adds up by itself what it saw since it began.
            Some(
                ProbeKind::Health { .. } | ProbeKind::Logs { .. } | ProbeKind::Prometheus { .. },
            )
            | None => true,
        };
        Self {
            name,
            unit: info.map_or(Unit::Count, |info| info.unit),
            counter: info.is_some_and(|info| info.counter),
            samples,
            from_zero,
            gap: usual_gap(samples, every),
            probe,
            trouble: history.troubles.get(probe).map(String::as_str),
        }
    }

    /// The samples within a span.
    pub(super) fn within(&self, span: Span) -> &'a [Sample] {
        let from = self.samples.partition_point(|sample| sample.at < span.from);
        let to = self.samples.partition_point(|sample| sample.at < span.to);
        &self.samples[from..to.max(from)]
    }

    /// The samples of each round added up over the labels: time and sum.
    pub(super) fn levels(&self, span: Span) -> Vec<(f64, f64)> {
        let rounds = self.within(span).chunk_by(|a, b| a.at == b.at);
        rounds.map(|round| (round[0].at, round.iter().map(|sample| sample.value).sum())).collect()
    }

    /// How many rounds of samples the window holds.
    pub(super) fn rounds(&self, window: &Window) -> u64 {
        window.spans.iter().map(|&span| self.levels(span).len() as u64).sum()
    }

    /// The longest time between two samples that do not break a run, in
    /// seconds.
    pub(super) fn unbroken(&self) -> f64 {
        UNBROKEN * self.gap
    }

    /// Why the samples do not carry a verdict that something held, if they do
    /// not: too few, none where a phase was, or a probe that was silent for
    /// long.
    pub(super) fn shortage(&self, window: &Window, samples: u32) -> Option<String> {
        if let Some(missing) = &window.missing {
            return Some(missing.clone());
        }
        for (phase, span) in &window.phases {
            let within = self.within(*span);
            if within.is_empty() {
                return Some(
                    self.explain(&format!("{} has no sample in phase {phase}", self.name)),
                );
            }
            if let Some(sample) = within.iter().find(|sample| !sample.value.is_finite()) {
                let at = words::seconds(sample.at);
                return Some(self.explain(&format!("{} is not a number at {at}", self.name)));
            }
            let silent = self.silence(*span);
            if silent > self.unbroken().max(MAY_MISS * span.seconds()) {
                return Some(self.explain(&format!(
                    "{} has no samples for {} of the {} of phase {phase}",
                    self.name,
                    words::seconds(silent),
                    words::seconds(span.seconds())
                )));
            }
        }
        let rounds = self.rounds(window);
        (rounds < u64::from(samples)).then(|| {
            let reason = format!(
                "{} has {} in {}, and a verdict needs {samples}",
                self.name,
                words::plural(rounds, "sample"),
                window.names()
            );
            match self.trouble {
                Some(_) => self.explain(&reason),
                None => format!("{reason}; let it last longer, with --duration where that counts"),
            }
        })
    }

    /// Adds what the probe said, and what to do.
    pub(super) fn explain(&self, reason: &str) -> String {
        match self.trouble {
            Some(trouble) => format!("{reason}. Probe {} said: {trouble}", self.probe),
            None => format!("{reason}; see that probe {} reaches what it reads", self.probe),
        }
    }

    /// For how long in all no sample came, stretches of a usual length apart.
    pub(super) fn silence(&self, span: Span) -> f64 {
        let mut silent = 0.0;
        let mut last = span.from;
        for at in self.within(span).iter().map(|sample| sample.at).chain([span.to]) {
            if at - last > self.unbroken() {
                silent += at - last;
            }
            last = at;
        }
        silent
    }
}

/// The median time between rounds. A probe may be slower than planned, as one
/// is that waits for its answers, but not by so much that it is no longer
/// watching.
fn usual_gap(samples: &[Sample], every: f64) -> f64 {
    let gaps: Vec<f64> =
        samples.windows(2).map(|pair| pair[1].at - pair[0].at).filter(|&gap| gap > 0.0).collect();
    median(&gaps).unwrap_or(every).clamp(every, (3.0 * every).max(2.0))
}
