//! Rises of counters, with what is certain of them.
//!
//! A counter that falls was set back with its process and began again at 0, so
//! its new value is a rise; so it is when a fault was under way, or a process
//! started or ended, about then. Where nothing explains the fall the record may
//! be wrong as well: the new value is a rise that may have been, and until the
//! counter is higher than it ever was nothing is certain.
//!
//! A sample shows what happened since the one before. A rise across the edge of
//! a phase belongs to either side, and to neither for certain.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::series::Series;
use super::window::{Span, Window};
use super::words;

/// A rise between two samples of one label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rise {
    /// The sample before.
    pub(super) from: f64,
    /// The sample that shows it.
    pub(super) at: f64,
    /// Which counter.
    pub(super) label: Arc<str>,
    /// By how much; above 0.
    pub(super) amount: f64,
    /// By how much for certain; from 0 to `amount`.
    pub(super) least: f64,
}

impl Rise {
    /// The part of it that is certain, if any is.
    pub(super) fn at_least(&self) -> Option<Self> {
        (self.least > 0.0).then(|| Self { amount: self.least, ..self.clone() })
    }
}

/// What is known of one label so far.
struct Known {
    at: f64,
    value: f64,
    /// What it had reached when it fell without an explanation.
    peak: Option<f64>,
}

/// Every rise of the run in order of time.
///
/// A label that appears when others have been sampled before was born in the
/// run and began at 0. In the first round a counter may have had its value for
/// long, unless the tool itself counts.
pub(super) fn of(series: &Series<'_>) -> Vec<Rise> {
    let first = series.samples.first().map_or(0.0, |sample| sample.at);
    let mut last: BTreeMap<&str, Known> = BTreeMap::new();
    let mut rises = Vec::new();
    let (mut round, mut before) = (first, first.min(0.0));
    for sample in series.samples.iter().filter(|sample| sample.value.is_finite()) {
        if sample.at > round {
            (before, round) = (round, sample.at);
        }
        let known = last.get(&*sample.label);
        let (from, base, peak) = match known {
            Some(known) => (known.at, known.value, known.peak),
            None if sample.at > first || series.from_zero => (before, 0.0, None),
            None => (sample.at, sample.value, None),
        };
        let (amount, least, peak) = if sample.value < base {
            let is_explained = series.is_disturbed(from, sample.at);
            let least = if is_explained { sample.value } else { 0.0 };
            (sample.value, least, (!is_explained).then_some(peak.unwrap_or(base).max(base)))
        } else {
            let floor = peak.unwrap_or(base).max(base);
            let peak = peak.filter(|&peak| sample.value < peak);
            (sample.value - base, (sample.value - floor).max(0.0), peak)
        };
        last.insert(&sample.label, Known { at: sample.at, value: sample.value, peak });
        if amount > 0.0 {
            rises.push(Rise { from, at: sample.at, label: sample.label.clone(), amount, least });
        }
    }
    rises
}

/// A fall that nothing explains.
pub(super) struct Fall {
    pub(super) from: f64,
    pub(super) at: f64,
    pub(super) label: Arc<str>,
}

impl Fall {
    /// `x of y falls between 1 s and 2 s for no known reason, …`.
    pub(super) fn says(&self, series: &Series<'_>) -> String {
        let of = if self.label.is_empty() { String::new() } else { format!(" of {}", self.label) };
        format!(
            "{}{of} falls between {} and {} for no known reason, so what it counted about then is unknown.",
            series.name,
            words::seconds(self.from),
            words::seconds(self.at)
        )
    }
}

/// The first fall within the window that nothing explains: what was counted
/// about then is unknown.
pub(super) fn unexplained_fall(series: &Series<'_>, window: &Window) -> Option<Fall> {
    let mut last: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for sample in series.samples.iter().filter(|sample| sample.value.is_finite()) {
        let Some((from, value)) = last.insert(&sample.label, (sample.at, sample.value)) else {
            continue;
        };
        let is_judged = window.spans.iter().any(|span| sample.at >= span.from && from < span.to);
        if sample.value < value && is_judged && !series.is_disturbed(from, sample.at) {
            return Some(Fall { from, at: sample.at, label: sample.label.clone() });
        }
    }
    None
}

/// Which rises lie in a window.
#[derive(Debug, Clone, Default)]
pub(super) struct Sorted {
    /// Those that happened within it.
    pub(super) inside: Vec<Rise>,
    /// Those across the edge of a span between two samples of the usual
    /// distance.
    pub(super) edge: Vec<Rise>,
    /// Those across the edge of a span with a long silence around it.
    pub(super) doubtful: Vec<Rise>,
}

impl Sorted {
    /// How much the counter rose at least.
    pub(super) fn least(&self) -> f64 {
        self.inside.iter().map(|rise| rise.least).sum()
    }

    /// How much it rose as the samples of the window show it.
    pub(super) fn shown(&self, window: &Window) -> f64 {
        let shows =
            |rise: &&Rise| window.spans.iter().any(|span| (span.from..span.to).contains(&rise.at));
        let all = self.inside.iter().chain(self.edge.iter().filter(shows));
        all.map(|rise| rise.amount).sum()
    }

    /// How much it may have risen at most.
    pub(super) fn most(&self) -> f64 {
        let all = self.inside.iter().chain(&self.edge).chain(&self.doubtful);
        all.map(|rise| rise.amount).sum()
    }
}

/// Sorts rises by where they happened.
pub(super) fn sort(series: &Series<'_>, window: &Window) -> Sorted {
    let mut sorted = Sorted::default();
    for rise in of(series) {
        for &span in &window.spans {
            match place(&rise, span, window.is_last(span), series.unbroken()) {
                Place::Inside => sorted.inside.push(rise.clone()),
                Place::Edge => sorted.edge.push(rise.clone()),
                Place::Doubtful => sorted.doubtful.push(rise.clone()),
                Place::Outside => continue,
            }
            break;
        }
    }
    sorted
}

enum Place {
    Inside,
    Edge,
    Doubtful,
    Outside,
}

fn place(rise: &Rise, span: Span, is_last: bool, unbroken: f64) -> Place {
    let is_near = rise.at - rise.from <= unbroken + 1e-9;
    // What the last sample shows behind the run happened in its last phase.
    let ends_within = rise.at < span.to || is_last;
    if rise.at < span.from || rise.from >= span.to {
        Place::Outside
    } else if rise.from >= span.from && ends_within {
        Place::Inside
    } else if is_near {
        Place::Edge
    } else {
        Place::Doubtful
    }
}
