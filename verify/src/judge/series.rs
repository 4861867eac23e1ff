//! A series with what the plan knows of it: its unit, its pace, and whether
//! its probe saw enough for a verdict.
//!
//! Every label is followed by itself: the silence of one process is not filled
//! by the samples of another. Which labels must be there, and for how long, is
//! the probe's nature ([`Lifetimes`]). A process that one series of a role has is
//! missing where another has not.

mod away;
mod ended;
mod info;
mod lifetimes;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scenarios::plan::{Plan, ProbeKind};
use scenarios::series::DEPLOYMENT_EVERY;
use scenarios::units::Unit;

use self::away::{Away, away, left};
use self::ended::ended;
pub(super) use self::info::{info, unit};
use self::lifetimes::{Lifetimes, lifetimes, siblings, told};
use super::window::{Span, Window};
use super::words;
use crate::history::{History, Sample, Trouble};
use crate::stats::median::median;

/// A run of samples may be this many usual gaps apart and still be unbroken.
const UNBROKEN: f64 = 3.0;
/// A probe may miss this share of a phase.
const MAY_MISS: f64 = 0.25;
/// The samples of one round may be this share of the usual gap apart, because
/// some probes look at one label after another.
const ROUND: f64 = 0.05;
/// Within so many seconds of a connection's end the broker's totals tell of it:
/// twice the interval of its statistics.
const TOTALS_WITHIN: f64 = 10.0;

/// A series as a check sees it.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) unit: Unit,
    /// Whether it only rises.
    pub(super) counter: bool,
    /// All samples of the run in order of time.
    pub(super) samples: Vec<Sample>,
    /// Whether the counter is at 0 when the run begins, because the tool itself
    /// or its lab counts.
    pub(super) from_zero: bool,
    /// The usual time between two rounds of samples, in seconds.
    pub(super) gap: f64,
    probe: &'a str,
    /// Why its probe could not see, in order of time.
    troubles: &'a [Trouble],
    flaw: Option<&'a str>,
    lifetimes: Lifetimes<'a>,
    /// The series that have the same labels.
    siblings: Vec<String>,
    /// The labels that another series tells of, and from when on.
    told: BTreeMap<String, f64>,
    /// The processes behind its labels that faults kept away.
    away: Vec<Away>,
    /// When something that ends a label or a counter was under way.
    disturbed: Vec<Span>,
    /// Which processes of the probe had ended, in words.
    ended: Option<String>,
    /// Whether the run can be made longer by an option.
    stretches: bool,
    history: &'a History,
}

impl<'a> Series<'a> {
    /// The series of that name; without a sample it is empty.
    pub(super) fn of(plan: &'a Plan, history: &'a History, name: &'a str) -> Self {
        let (probe, last) = name.rsplit_once('.').unwrap_or((name, ""));
        let planned = plan.probes.iter().find(|known| known.name == probe);
        let info = info(plan, name);
        let every = match planned {
            Some(probe) => probe.every.as_secs_f64(),
            None if plan.has_deployment(probe) => DEPLOYMENT_EVERY,
            None => 1.0,
        };
        let samples = history.samples.read(name).unwrap_or_default();
        let kind = planned.map(|probe| &probe.kind);
        let gap = usual_gap(&samples, every, kind);
        let flaw = history.flaws.iter().find(|flaw| flaw.series.as_deref() == Some(name));
        Self {
            name,
            unit: unit(info.as_ref()),
            counter: info.is_some_and(|info| info.counter),
            samples,
            from_zero: is_own_count(kind, last),
            gap,
            probe,
            troubles: history.troubles.get(probe).map_or(&[][..], Vec::as_slice),
            flaw: flaw.map(|flaw| flaw.why.as_str()),
            ended: ended(kind, probe, history),
            lifetimes: lifetimes(plan, kind, last),
            siblings: siblings(plan, planned),
            told: told(planned, last, history),
            away: away(plan, history, kind, gap, UNBROKEN * gap),
            disturbed: disturbed(plan, history, gap, UNBROKEN * gap),
            stretches: plan.phases.iter().any(|phase| phase.stretch),
            history,
        }
    }

    /// The samples within a span.
    pub(super) fn within(&self, span: Span) -> &[Sample] {
        let from = self.samples.partition_point(|sample| sample.at < span.from);
        let to = self.samples.partition_point(|sample| sample.at < span.to);
        &self.samples[from..to.max(from)]
    }

    /// The samples of each round, of all labels together.
    pub(super) fn rounds_of(&self, span: Span) -> impl Iterator<Item = &[Sample]> {
        let near = ROUND * self.gap;
        self.within(span).chunk_by(move |a, b| b.at - a.at <= near)
    }

    /// The samples of each round added up over the labels: time and sum. Part
    /// of a sum is not the sum: a round in which a label is missing that should
    /// be there gives nothing.
    pub(super) fn levels(&self, span: Span) -> Vec<(f64, f64)> {
        let lives = self.lives();
        let is_whole = |round: &&[Sample]| {
            let at = round[0].at;
            let expected = lives.values().filter(|life| match self.lifetimes {
                Lifetimes::Whole(_) => true,
                Lifetimes::Staying => life.first() <= at && at <= life.last(),
                Lifetimes::Passing => false,
            });
            matches!(self.lifetimes, Lifetimes::Passing) || round.len() >= expected.count()
        };
        let rounds = self.rounds_of(span).filter(is_whole);
        rounds.map(|round| (round[0].at, round.iter().map(|sample| sample.value).sum())).collect()
    }

    /// How many rounds of samples the window holds.
    pub(super) fn rounds(&self, window: &Window) -> u64 {
        window.spans.iter().map(|&span| self.rounds_of(span).count() as u64).sum()
    }

    /// The longest time between two samples that do not break a run, in
    /// seconds.
    pub(super) fn unbroken(&self) -> f64 {
        UNBROKEN * self.gap
    }

    /// Why the samples do not carry a verdict that something held, if they do
    /// not: damaged, too few, none where a phase was, or a probe or one of its
    /// labels that was silent for long.
    pub(super) fn shortage(&self, window: &Window, samples: u32) -> Option<String> {
        if let Some(missing) = &window.missing {
            return Some(missing.clone());
        }
        if let Some(flaw) = self.flaw() {
            return Some(flaw);
        }
        for (phase, span) in &window.phases {
            let within = self.within(*span);
            if within.is_empty() && !self.is_away(*span) {
                let reason = format!("{} has no sample in phase {phase}", self.name);
                return Some(self.explain(&reason, *span));
            }
            if let Some(sample) = within.iter().find(|sample| !sample.value.is_finite()) {
                let at = words::seconds(sample.at);
                let moment = Span { from: sample.at, to: sample.at };
                let reason = format!("{} is not a number at {at}", self.name);
                return Some(self.explain(&reason, moment));
            }
            let silent = self.silence(*span);
            if silent > self.may_miss(*span) {
                let reason = format!(
                    "{} has no samples for {} of the {} of phase {phase}",
                    self.name,
                    words::seconds(silent),
                    words::seconds(span.seconds())
                );
                return Some(self.explain(&reason, *span));
            }
            if let Some(why) = self.lost_label(*span) {
                return Some(self.explain(&format!("{why} in phase {phase}"), *span));
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
            match window.spans.iter().find(|&&span| self.trouble(span).is_some()) {
                Some(&span) => self.explain(&reason, span),
                None if self.stretches => {
                    format!("{reason}; let it last longer, with --duration")
                }
                None => format!("{reason}; let the phase be longer"),
            }
        })
    }

    /// What is damaged about it, if anything is.
    pub(super) fn flaw(&self) -> Option<String> {
        self.flaw.map(|flaw| format!("{} is damaged in the record: {flaw}", self.name))
    }

    /// How long a probe may be silent within a span.
    pub(super) fn may_miss(&self, span: Span) -> f64 {
        self.unbroken().max(MAY_MISS * span.seconds())
    }

    /// For how long in all no sample came, stretches of a usual length apart.
    /// Where faults of the tool kept everybody away that is not silent.
    pub(super) fn silence(&self, span: Span) -> f64 {
        let times = self.within(span).iter().map(|sample| sample.at);
        let holes = holes(times, span, self.unbroken());
        let away = self.nobody_there();
        let left = holes.map(|hole| left(hole, &away)).filter(|&left| left > self.unbroken());
        left.sum()
    }

    /// When every process behind its labels was kept away by a fault.
    fn nobody_there(&self) -> Vec<Span> {
        if self.away.is_empty() {
            return Vec::new();
        }
        let lives = self.lives();
        self.away.iter().filter_map(|away| away.of_all(lives.keys().copied())).collect()
    }

    /// Whether nobody was there in all of a span.
    fn is_away(&self, span: Span) -> bool {
        let away = self.nobody_there();
        !away.is_empty() && left(span, &away) <= self.unbroken()
    }

    /// A label that should have samples in a span and has none for long, in
    /// words: `streams.lag of msg:stream:3 has no samples from 12.1 s on`.
    pub(super) fn lost_label(&self, span: Span) -> Option<String> {
        let mut lives = self.lives();
        let beside: BTreeSet<Arc<str>>;
        if let Lifetimes::Whole(promised) = &self.lifetimes {
            for &label in promised {
                lives.entry(label).or_default();
            }
            let others = self.siblings.iter().flat_map(|name| self.history.samples.of(name));
            beside = others.map(|sample| sample.label).collect();
            for label in &beside {
                lives.entry(label).or_default();
            }
        }
        for label in self.told.keys() {
            lives.entry(label).or_default();
        }
        // A table that did not exist yet had no labels.
        let is_nothing = |label: &str| label.is_empty() && lives.len() > 1 && !self.is_whole();
        let mut all = lives.iter().filter(|(label, _)| !is_nothing(label));
        all.find_map(|(label, life)| self.lost(label, life, span))
    }

    /// Whether every label is there from the first sample of the series to its
    /// last.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.lifetimes, Lifetimes::Whole(_))
    }

    /// When each label has samples.
    fn lives(&self) -> BTreeMap<&str, Life> {
        let mut lives: BTreeMap<&str, Life> = BTreeMap::new();
        for sample in &self.samples {
            lives.entry(&sample.label).or_default().0.push(sample.at);
        }
        lives
    }

    fn lost(&self, label: &str, life: &Life, span: Span) -> Option<String> {
        let is_whole = self.is_whole();
        let what = if label.is_empty() {
            self.name.to_owned()
        } else {
            format!("{} of {label}", self.name)
        };
        if life.0.is_empty() && self.told.get(label).is_none_or(|&from| from <= span.to) {
            return Some(format!("{what} has no samples"));
        }
        let first = self.told.get(label).copied().unwrap_or(life.first());
        let has_come = first <= span.to;
        let has_gone = life.last() < span.from - self.unbroken();
        let passed = matches!(self.lifetimes, Lifetimes::Passing) && has_gone;
        if !is_whole && (!has_come || passed) {
            return None;
        }
        let start = if is_whole { span.from } else { span.from.max(first) };
        let span = Span { from: start, to: span.to };
        let times = life.0.iter().copied().filter(|at| (span.from..span.to).contains(at));
        let silent: f64 = holes(times, span, self.unbroken()).map(Span::seconds).sum();
        // One that never comes back may not be missing for longer than usual.
        let has_ended = span.to - life.last() > self.unbroken() && self.goes_on_after(life.last());
        let may_miss = if has_ended { self.unbroken() } else { self.may_miss(span) };
        if silent <= may_miss || (!is_whole && self.is_explained(label, life, span)) {
            return None;
        }
        Some(if has_ended {
            format!("{what} has no samples from {} on", words::seconds(life.last()))
        } else {
            format!(
                "{what} has no samples for {} of {}",
                words::seconds(silent),
                words::seconds(span.seconds())
            )
        })
    }

    /// Whether other labels have samples after a time.
    fn goes_on_after(&self, at: f64) -> bool {
        self.samples.last().is_some_and(|last| last.at - at > self.unbroken())
    }

    /// Whether everything that makes a label silent within a span is explained. A
    /// process that a fault kept away may be missing for as long as the fault was
    /// there.
    fn is_explained(&self, label: &str, life: &Life, span: Span) -> bool {
        let away: Vec<Span> = self.away.iter().flat_map(|away| away.of(label)).collect();
        let mut edges = vec![span.from];
        edges.extend(life.0.iter().copied().filter(|at| (span.from..span.to).contains(at)));
        edges.push(span.to);
        let holes = edges.windows(2).filter(|pair| pair[1] - pair[0] > self.unbroken());
        holes.clone().all(|pair| {
            // What had ended before the span ended where it was last seen.
            let from = life.0.iter().rev().find(|&&at| at <= pair[0]).copied().unwrap_or(pair[0]);
            let begins = |away: &Span| away.from <= from + self.unbroken() && from <= away.to;
            if away.iter().any(begins) {
                let hole = Span { from: pair[0], to: pair[1] };
                return left(hole, &away) <= self.unbroken();
            }
            self.is_disturbed(from, from + self.unbroken()) || self.has_closed(label, from)
        })
    }

    /// Whether a fault, or the end or start of a process, may have done what
    /// happened between two times.
    pub(super) fn is_disturbed(&self, from: f64, to: f64) -> bool {
        self.disturbed.iter().any(|span| span.from <= to && from <= span.to)
    }

    /// Whether the totals of the broker, or of the group that a label begins with, tell
    /// that connections, consumers or members changed about then.
    fn has_closed(&self, label: &str, at: f64) -> bool {
        if !matches!(self.lifetimes, Lifetimes::Passing) {
            return false;
        }
        ["connections", "connections_opened", "total_consumers", "members"].iter().any(|total| {
            let name = format!("{}.{total}", self.probe);
            let about = self.history.samples.of(&name).filter(|sample| {
                label.starts_with(&*sample.label) && (sample.at - at).abs() <= TOTALS_WITHIN
            });
            let values: Vec<f64> = about.map(|sample| sample.value).collect();
            values.windows(2).any(|pair| pair[0] != pair[1])
        })
    }
}

/// The times at which a label has samples, in order.
#[derive(Default)]
struct Life(Vec<f64>);

impl Life {
    fn first(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::INFINITY)
    }

    fn last(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NEG_INFINITY)
    }
}

/// Where there is nothing at these times, stretches of at most `unbroken` apart.
fn holes(
    times: impl Iterator<Item = f64>,
    span: Span,
    unbroken: f64,
) -> impl Iterator<Item = Span> {
    let mut last = span.from;
    times.chain([span.to]).filter_map(move |at| {
        let hole = Span { from: last, to: at };
        last = at;
        (hole.seconds() > unbroken).then_some(hole)
    })
}

/// Whether the tool itself, or its lab, counts from 0 when the run begins. Such
/// a counter never falls.
pub(super) fn is_own_count(kind: Option<&ProbeKind>, last: &str) -> bool {
    match kind {
        Some(ProbeKind::Promql { scraped, .. }) => scraped.is_some(),
        Some(
            ProbeKind::Rabbitmq { .. }
            | ProbeKind::RedisStreams { .. }
            | ProbeKind::RedisKeys { .. }
            | ProbeKind::RabbitmqQueues { .. }
            | ProbeKind::Mongodb { .. }
            | ProbeKind::Sql { .. }
            | ProbeKind::Command { .. },
        ) => false,
        // The others are Kafka's.
        Some(ProbeKind::Kafka(_)) => last == "rebalances",
        Some(ProbeKind::Process { .. }) => matches!(last, "restarts" | "crashes"),
        // The probe adds up by itself what it saw since it began.
        Some(
            ProbeKind::Health { .. }
            | ProbeKind::Logs { .. }
            | ProbeKind::Prometheus { .. }
            | ProbeKind::Pods { .. },
        )
        | None => true,
    }
}

/// When faults were under way, and processes ended or started. A fault of which
/// nobody knows whether it healed may reach as far as it was given time. What it
/// did may have been seen up to one sample before it was written down.
fn disturbed(plan: &Plan, history: &History, gap: f64, unbroken: f64) -> Vec<Span> {
    let of_fault = |fault: &reports::record::FaultRecord| {
        let injected = fault.injected?;
        let planned = plan.faults.iter().find(|planned| planned.name == fault.name);
        let patience = planned.map_or(0.0, |planned| planned.heal_within.as_secs_f64());
        let to = fault.healed.unwrap_or(injected + patience);
        Some(Span { from: injected - gap, to: to.max(injected) + unbroken })
    };
    let turns = history.processes.iter();
    let turns = turns.map(|turn| Span { from: turn.at - gap, to: turn.at + unbroken });
    history.faults.iter().filter_map(of_fault).chain(turns).collect()
}

/// The median time between rounds. A probe may be slower than planned, as one
/// is that waits for its answers, but not by so much that it is no longer
/// watching. What a Prometheus server scrapes has the times of its scrapes, of which
/// a look reads at least two.
fn usual_gap(samples: &[Sample], every: f64, kind: Option<&ProbeKind>) -> f64 {
    let most = match kind {
        Some(ProbeKind::Promql { scraped: Some(scraped), .. }) => {
            scraped.lookback.as_secs_f64() / 2.0
        }
        _ => (3.0 * every).max(2.0),
    };
    let gaps: Vec<f64> = samples
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .filter(|&gap| gap > ROUND * every)
        .collect();
    median(&gaps).unwrap_or(every).clamp(every, most.max(every))
}
