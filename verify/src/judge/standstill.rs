//! A standstill: a label of a series that must fall did not fall by anything, in
//! seconds in which the host did run and the run's own load added nothing.
//!
//! What is only slow falls by something in them. So a standstill is no matter of pace,
//! however much time the host was starved beside it. It takes half of the time that the
//! check gives, in pairs of samples without a hole between them: a consumer has to come
//! back first. While load is due, and where nobody knows whether it is, a level that
//! stays may be one that rises and falls alike, and there is no standstill.

use scenarios::plan::Plan;
use scenarios::plan::check::Drain;

use super::counts::Counts;
use super::drain;
use super::series::Series;
use super::window::Span;
use crate::history::{History, Sample};

/// The share of the time that the check gives in which it must have stood still.
const SHARE: f64 = 0.5;

/// One label that stood still.
pub(super) struct Standstill {
    /// It; empty where the series has none.
    pub(super) label: String,
    /// For how long, in seconds, those that are `apart` not counted.
    pub(super) seconds: f64,
}

/// The longest standstill of a drain, above its level, until its time was up.
pub(super) fn of(
    check: &Drain,
    plan: &Plan,
    history: &History,
    apart: &[(f64, f64)],
) -> Option<Standstill> {
    let start = drain::start(&check.after, history).ok()?;
    let within = check.within.as_secs_f64();
    let judged = Span { from: start, to: start + within };
    let quiet_from = load_ended(plan, history, judged)?;
    let series = Series::of(plan, history, &check.series);
    let mut labels: Vec<&str> = series.within(judged).iter().map(|s| &*s.label).collect();
    labels.sort_unstable();
    labels.dedup();
    let standstill = |label: &str| {
        let samples = series.within(judged).iter().filter(|sample| &*sample.label == label);
        let seconds = stood(samples, check.to.value, quiet_from, series.unbroken(), apart)?;
        Some(Standstill { label: label.to_owned(), seconds })
    };
    let all = labels.into_iter().filter_map(standstill);
    let longest = all.max_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
    (longest.seconds >= SHARE * within).then_some(longest)
}

/// When the last operation of the run's own load was due, at the earliest when the
/// judged time begins; `None` where nobody knows.
fn load_ended(plan: &Plan, history: &History, judged: Span) -> Option<f64> {
    let mut ended = judged.from;
    for workload in &plan.workloads {
        let due = Counts::of(history, &workload.name, "due");
        for second in judged.from.floor() as i64..judged.to.ceil() as i64 {
            if due.second(second).ok()? > 0.0 {
                ended = ended.max((second + 1) as f64);
            }
        }
    }
    (!plan.workloads.is_empty()).then_some(ended)
}

/// For how long a label stood still at the end, of samples in order of time; `None`
/// where it fell or has come to the level.
fn stood<'a>(
    samples: impl Iterator<Item = &'a Sample>,
    level: f64,
    quiet_from: f64,
    unbroken: f64,
    apart: &[(f64, f64)],
) -> Option<f64> {
    let (mut last, mut seconds): (Option<&Sample>, f64) = (None, 0.0);
    for sample in samples.filter(|sample| sample.value.is_finite()) {
        if let Some(before) = last {
            if sample.value < before.value {
                return None;
            }
            if sample.value > before.value {
                seconds = 0.0;
            } else if before.at >= quiet_from && sample.at - before.at <= unbroken {
                seconds += seconds_beside(before.at, sample.at, apart);
            }
        }
        last = Some(sample);
    }
    last.filter(|sample| sample.value > level).map(|_| seconds)
}

/// The seconds of a stretch that are in none of these, which do not overlap.
fn seconds_beside(from: f64, to: f64, apart: &[(f64, f64)]) -> f64 {
    let taken = apart.iter().map(|&(begin, end)| (end.min(to) - begin.max(from)).max(0.0));
    to - from - taken.sum::<f64>()
}
