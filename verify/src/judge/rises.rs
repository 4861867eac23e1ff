//! Rises of counters. A counter that falls was set back with its process and
//! began again at 0, so its new value is a rise.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::series::Series;
use super::window::{Span, Window};

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
}

/// Every rise of the run in order of time.
///
/// A label that appears when others have been sampled before was born in the
/// run and began at 0. In the first round a counter may have had its value for
/// long, unless the tool itself counts.
pub(super) fn of(series: &Series<'_>) -> Vec<Rise> {
    let first = series.samples.first().map_or(0.0, |sample| sample.at);
    let mut last: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut rises = Vec::new();
    let (mut round, mut before) = (first, first.min(0.0));
    for sample in series.samples.iter().filter(|sample| sample.value.is_finite()) {
        if sample.at > round {
            (before, round) = (round, sample.at);
        }
        let known = last.insert(&sample.label, (sample.at, sample.value));
        let (from, base) = match known {
            Some(known) => known,
            None if sample.at > first || series.from_zero => (before, 0.0),
            None => (sample.at, sample.value),
        };
        let amount = if sample.value < base { sample.value } else { sample.value - base };
        if amount > 0.0 {
            rises.push(Rise { from, at: sample.at, label: sample.label.clone(), amount });
        }
    }
    rises
}

/// Which rises lie in a window.
#[derive(Debug, Clone, Default)]
pub(super) struct Sorted {
    /// Those that happened within it. A rise across the start of a span belongs
    /// to it when the sample before is not older than usual.
    pub(super) inside: Vec<Rise>,
    /// Those across the edge of a span with a long silence around it, which may
    /// have happened on either side.
    pub(super) doubtful: Vec<Rise>,
}

/// Sorts rises by where they happened.
pub(super) fn sort(series: &Series<'_>, window: &Window) -> Sorted {
    let mut sorted = Sorted::default();
    for rise in of(series) {
        for &span in &window.spans {
            match place(&rise, span, window.is_last(span), series.unbroken()) {
                Place::Inside => sorted.inside.push(rise.clone()),
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
    Doubtful,
    Outside,
}

fn place(rise: &Rise, span: Span, is_last: bool, unbroken: f64) -> Place {
    let is_near = rise.at - rise.from <= unbroken + 1e-9;
    if rise.at < span.from || rise.from >= span.to {
        Place::Outside
    } else if rise.from >= span.from && rise.at < span.to {
        Place::Inside
    } else if rise.from < span.from && rise.at < span.to {
        if is_near { Place::Inside } else { Place::Doubtful }
    } else if is_last {
        Place::Inside
    } else if is_near {
        Place::Outside
    } else {
        Place::Doubtful
    }
}
