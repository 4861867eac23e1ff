//! Starvation: stretches in which the run itself hardly got a processor, and what
//! they excuse.
//!
//! A second is starved when the threads of the run and its lab waited for a
//! processor for at least half of the time in which they could have run, and for a
//! quarter of a second in all, while others used a quarter of all processors or
//! more; or when the hypervisor took a quarter away. What the lab does to itself
//! starves nobody: a system that is too slow for its load is to be found. Nor does
//! work that yields to everybody.
//!
//! What was delayed must be caught up with, so as much time again behind each
//! stretch belongs to it; whole seconds, because counts have no others.
//!
//! What did not fall by anything is no matter of pace, where more time does not show
//! that it does after all ([`super::standstill`]).
//!
//! A check that states that its demand has to do with pace
//! ([`scenarios::plan::check::Pace`]) and is violated is judged once more without
//! these stretches: samples and seconds in them do not count, and what must happen
//! within a time has so much more of it. A check that counts operations is judged
//! once more with them, too, as if the operations in them had been answered that
//! failed by time alone ([`super::overdue`]): to be refused or answered with an error
//! is no matter of pace, in starvation neither. Where it is violated in either way it
//! stays so; else it is inconclusive. Nothing else is ever changed: what held holds,
//! and without a record of the host every breach counts. docs/adr/0010 has a table of
//! what is excusable in each kind of check.

use reports::record::Verdict;
use scenarios::plan::check::{After, Drain, Figure, Pace};
use scenarios::plan::{Check, CheckKind, Plan};
use scenarios::series::HOST_NAME;
use scenarios::units;

use super::drain;
use super::opinion::Opinion;
use super::series::info;
use super::standstill::{self, Standstill};
use super::words;
use crate::history::{History, Sample};

/// The share of the time in which its threads could have run that the run waited.
const WAITING: f64 = 0.5;
/// For how long they waited, all together, in seconds of a second.
const WAITED: f64 = 0.25;
/// The share of all processors that others used.
const FOREIGN: f64 = 0.25;
/// The share of all processors that the hypervisor took.
const STEAL: f64 = 0.25;

/// The stretches `[from, to)` in seconds in which the host was starved.
#[must_use]
pub fn starved(history: &History) -> Vec<(f64, f64)> {
    let read = |name: &str| history.samples.read(&format!("{HOST_NAME}.{name}"));
    let [waiting, waited, foreign, steal] =
        ["cpu_waiting", "cpu_waited", "cpu_foreign", "steal"].map(|n| read(n).unwrap_or_default());
    let is_starved = |sample: &Sample| {
        let reaches = |series: &[Sample], least: f64| {
            let index = series.binary_search_by(|known| known.at.total_cmp(&sample.at));
            let value = index.ok().map(|index| series[index].value);
            value.is_some_and(|value| value.is_finite() && value >= least)
        };
        let waits = reaches(&waiting, WAITING) && reaches(&waited, WAITED);
        (waits && reaches(&foreign, FOREIGN)) || reaches(&steal, STEAL)
    };
    let windows = history.samples.of(&format!("{HOST_NAME}.window"));
    let spans = windows.filter(|sample| sample.value > 0.0).filter(is_starved);
    joined(spans.map(|sample| (sample.at - sample.value, sample.at)))
}

/// Stretches in order, those that touch made one.
fn joined(stretches: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from, to) in stretches {
        match joined.last_mut() {
            // Samples are written with microseconds.
            Some(last) if from <= last.1 + 1e-3 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// What starvation of this run reaches.
pub(super) fn reached(history: &History) -> Vec<(f64, f64)> {
    reach(&starved(history))
}

/// What starvation reaches: as long again behind each stretch, in whole seconds.
fn reach(stretches: &[(f64, f64)]) -> Vec<(f64, f64)> {
    joined(stretches.iter().map(|&(from, to)| (from.floor(), (to + (to - from)).ceil())))
}

/// What a check comes to when its demand is not held against a system that could
/// not run.
pub(super) fn excused(check: &Check, plan: &Plan, history: &History, opinion: Opinion) -> Opinion {
    if opinion.verdict != Verdict::Violated || !is_concerned(check, plan) {
        return opinion;
    }
    let starved = starved(history);
    let apart = reach(&starved);
    if apart.is_empty() {
        return opinion;
    }
    let weigh = |check: &Check, history: &History| super::weigh_whole(check, plan, history).verdict;
    let is_violated = |check: &Check, history: &History| weigh(check, history) == Verdict::Violated;
    let stays = match longer(check, history, &apart) {
        Some(longer) => match weigh(&longer, history) {
            Verdict::Violated => true,
            Verdict::Held => false,
            Verdict::Inconclusive => {
                let CheckKind::Drain(drain) = &check.kind else { return pace(opinion, &starved) };
                match standstill::of(drain, plan, history, &apart) {
                    Some(standstill) => return stood_still(opinion, drain, &standstill),
                    None => false,
                }
            }
        },
        None => {
            let slow = || History { slow: apart.clone(), ..history.clone() };
            (counts_operations(check, plan) && is_violated(check, &slow()))
                || is_violated(check, &without(check, history, apart.clone()))
        }
    };
    if stays { opinion } else { pace(opinion, &starved) }
}

/// A breach that is no matter of pace, although the host was starved beside it.
fn stood_still(opinion: Opinion, drain: &Drain, standstill: &Standstill) -> Opinion {
    let of = match standstill.label.as_str() {
        "" => drain.series.clone(),
        label => format!("{} of {label}", drain.series),
    };
    let why = format!(
        "{} The host was starved, but {of} did not fall by anything in {} in which it was not, and no load was due: that is no matter of pace.",
        opinion.why,
        words::seconds(standstill.seconds)
    );
    Opinion { why, ..opinion }
}

/// A breach that may be one of the host's pace.
fn pace(opinion: Opinion, starved: &[(f64, f64)]) -> Opinion {
    let seconds: f64 = starved.iter().map(|(from, to)| to - from).sum();
    let (first, _) = starved[0];
    let why = format!(
        "{} But it breaks only while the host was starved, for {} in all, first from {} on: the \
         run and its system waited for processors that others used. Repeat it on a quiet host.",
        opinion.why,
        words::seconds(seconds),
        words::seconds(first.max(0.0))
    );
    Opinion { verdict: Verdict::Inconclusive, why, ..opinion }
}

/// Whether the demand of a check has to do with pace.
fn is_concerned(check: &Check, plan: &Plan) -> bool {
    let mut kind = check.kind.clone();
    match kind.statement().pace {
        Pace::Never => false,
        Pace::Always => true,
        Pace::IfPaced(series) => {
            let paced = info(plan, series).is_some_and(|info| info.paced);
            // What is accepted may be too little because it was too slow.
            let is_least = matches!(&check.kind, CheckKind::Ratio(ratio) if ratio.min.is_some());
            paced || (is_least && counts_operations(check, plan))
        }
    }
}

/// Whether a check counts operations of a workload, of each of which the record
/// tells in which way it failed.
fn counts_operations(check: &Check, plan: &Plan) -> bool {
    let is_count = |series: &str| plan.count_of_workload(series).is_some();
    match &check.kind {
        CheckKind::Latency(_) => true,
        CheckKind::Canary(check) => match &check.figure {
            Figure::Latency(_) => true,
            Figure::Share(share) => is_count(&share.of),
            Figure::Split(_) | Figure::Callers(_) => false,
        },
        CheckKind::Ratio(check) => is_count(&check.of),
        CheckKind::Speed(check) => is_count(&check.series),
        CheckKind::Bound(_)
        | CheckKind::Growth(_)
        | CheckKind::Trend(_)
        | CheckKind::Absence(_)
        | CheckKind::Effects(_)
        | CheckKind::Aggregate(_)
        | CheckKind::EndToEnd(_)
        | CheckKind::Answers(_)
        | CheckKind::Order(_)
        | CheckKind::Drain(_)
        | CheckKind::Recovery(_)
        | CheckKind::Equal(_)
        | CheckKind::Schema(_)
        | CheckKind::Rollout(_) => false,
    }
}

/// The check with more time, where it demands something within a time from a moment
/// on that was: as much more as the stretches take of it.
fn longer(check: &Check, history: &History, apart: &[(f64, f64)]) -> Option<Check> {
    let (after, within) = match &check.kind {
        CheckKind::Drain(check) => (check.after.clone(), check.within),
        CheckKind::Recovery(check) => (After::Fault(check.after.clone()), check.within),
        _ => return None,
    };
    // Without one it is about the healing itself.
    let start = drain::start(&after, history).ok()?;
    let within = within.as_secs_f64();
    let mut end = start + within;
    // The time that is added may be taken in its turn.
    for &(from, to) in apart {
        if to > start && from < end {
            end += to - from.max(start);
        }
    }
    let mut longer = check.clone();
    let more = std::time::Duration::try_from_secs_f64(end - start).unwrap_or_default();
    match &mut longer.kind {
        CheckKind::Drain(check) => check.within = units::Span(more),
        CheckKind::Recovery(check) => check.within = units::Span(more),
        _ => {}
    }
    Some(longer)
}

/// The history without these stretches, and those that it is without already, as
/// far as the check reads it.
pub(super) fn without(check: &Check, history: &History, apart: Vec<(f64, f64)>) -> History {
    let mut history = history.clone();
    // These compare levels of a whole phase, and have nothing to cut it with.
    if let CheckKind::Growth(_) | CheckKind::Trend(_) = &check.kind {
        let mut kind = check.kind.clone();
        let names: Vec<String> = kind.statement().levels.iter().map(str::to_owned).collect();
        for name in &names {
            let is_apart = |at: f64| apart.iter().any(|&(from, to)| (from..to).contains(&at));
            history.samples.retain(name, |sample| !is_apart(sample.at));
        }
    }
    history.apart.extend(apart);
    history.apart.sort_by(|a, b| a.0.total_cmp(&b.0));
    history.apart = joined(history.apart.drain(..));
    history
}
