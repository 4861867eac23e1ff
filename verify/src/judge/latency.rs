//! Latency: the given share of a workload's operations is accepted within
//! `max`, counted from when each was due.
//!
//! The quantile is taken over every operation that came due in the phases, from
//! the merged histograms of their seconds; percentiles are never averaged. An
//! operation that was refused, or never got an answer, was not accepted in
//! time, however quickly that was known: a system that refuses everything at
//! once is not fast. Histograms hold acknowledged and indeterminate operations
//! together. How many of the latter may hide among the quick ones is bounded
//! for each second, and where they decide there is no verdict; nor where
//! operations that the generator itself never attempted decide.
//!
//! Evidence: the worst seconds. Inconclusive, broken or not, with fewer
//! operations than prove anything of the quantile without assuming a
//! distribution ([`crate::stats::proportion`]: 59 for 95 %, 299 for 99 %), with
//! counts of any second missing, or with more or fewer response times in a second
//! than its counts allow.

use loadgen::Histogram;
use scenarios::plan::Plan;
use scenarios::plan::check::Latency;
use scenarios::units::Unit;
use serde_json::json;

use super::anomalies::Rows;
use super::counts::Counts;
use super::opinion::{Opinion, evidence};
use super::overdue::{Overdue, is_slow};
use super::window::Window;
use super::words;
use crate::history::{History, WorkloadHistory};
use crate::stats::proportion::fewest_for_quantile;

pub(super) fn judge(check: &Latency, plan: &Plan, history: &History) -> Opinion {
    let window = Window::of(plan, history, &check.phases).without(&history.apart);
    let bound = format!("at most {}", words::show(Unit::Seconds, check.max.as_secs_f64()));
    let told = history.workloads.get(&check.workload);
    let missing = window.missing.clone().or_else(|| {
        told.is_none().then(|| format!("nothing is known of workload {}", check.workload))
    });
    let (None, Some(told)) = (&missing, told) else {
        return Opinion::inconclusive(&bound, missing.unwrap_or_default());
    };
    match seconds(check, plan, history, told, &window) {
        Ok(seconds) => decide(check, &bound, &window, told, &seconds),
        Err(why) => Opinion::inconclusive(&bound, why),
    }
}

/// The operations of one second, by whether they were accepted in time.
struct Second {
    second: i64,
    due: u64,
    /// The fewest and the most that can have been accepted in time.
    within: (u64, u64),
    /// Never attempted.
    dropped: u64,
}

fn seconds(
    check: &Latency,
    plan: &Plan,
    history: &History,
    told: &WorkloadHistory,
    window: &Window,
) -> Result<Vec<Second>, String> {
    let counts = |count| Counts::of(history, &check.workload, count);
    let (due, acked, dropped) = (counts("due"), counts("acked"), counts("dropped"));
    let indeterminate = counts("indeterminate");
    // Says how far the counts reach, if that is not far enough.
    for count in [&due, &acked, &dropped] {
        count.total(window)?;
    }
    let micros = check.max.0.as_micros().min(u128::from(u64::MAX)) as u64;
    let overdue = Overdue::of(plan, history, &check.workload);
    let mut seconds = Vec::new();
    for second in window.spans.iter().flat_map(|span| span.whole_seconds()) {
        let of = |counts: &Counts| counts.second(second).map(|rise| rise.max(0.0) as u64);
        let (due, acked, dropped) = (of(&due)?, of(&acked)?, of(&dropped)?);
        let histogram = histogram_of(told, second);
        let timed = histogram.as_ref().map_or(0, Histogram::len);
        timed_ones(&check.workload, second, timed, acked, acked + of(&indeterminate)?)?;
        let quick = histogram.as_ref().map_or(0, |histogram| histogram.count_between(0, micros));
        let unsure = timed.saturating_sub(acked);
        let fewest = quick.saturating_sub(unsure);
        let most = quick - unsure.saturating_sub(timed - quick).min(quick);
        let most = match is_slow(history, second) {
            // All that was slow in it may be somebody else's doing.
            true => (acked + overdue.in_second(second)).min(due),
            false => most.min(acked),
        };
        seconds.push(Second { second, due, within: (fewest, most), dropped });
    }
    Ok(seconds)
}

/// A second's histogram has every operation that was acknowledged, and no more
/// than those and the indeterminate ones.
///
/// # Errors
/// When it has not: then the histogram or the counts are damaged.
pub(super) fn timed_ones(
    workload: &str,
    second: i64,
    timed: u64,
    least: u64,
    most: u64,
) -> Result<(), String> {
    if (least..=most).contains(&timed) {
        return Ok(());
    }
    Err(format!(
        "latency.hlog has {} of {workload} for second {second}, where the counts have {} to {}",
        words::plural(timed, "response time"),
        words::count(least),
        words::count(most)
    ))
}

fn histogram_of(told: &WorkloadHistory, second: i64) -> Option<Histogram> {
    let second = u64::try_from(second).ok()?;
    let index = told.response.binary_search_by_key(&second, |&(known, _)| known).ok()?;
    Some(told.response[index].1.histogram())
}

fn decide(
    check: &Latency,
    bound: &str,
    window: &Window,
    told: &WorkloadHistory,
    seconds: &[Second],
) -> Opinion {
    let due: u64 = seconds.iter().map(|second| second.due).sum();
    let fewest: u64 = seconds.iter().map(|second| second.within.0).sum();
    let most: u64 = seconds.iter().map(|second| second.within.1 + second.dropped).sum();
    let quantile = check.quantile.0;
    let needed = fewest_for_quantile(quantile);
    if due < needed {
        return Opinion::inconclusive(
            bound,
            format!(
                "only {} in {}; {} of the response time needs {}",
                words::plural(due, "operation"),
                window.names(),
                words::share(quantile),
                words::count(needed)
            ),
        );
    }
    let rank = (quantile * due as f64 - 1e-9).ceil() as u64;
    let value = value_at(told, seconds, rank);
    let measured =
        value.map_or_else(|| "no answer".to_owned(), |value| words::show(Unit::Seconds, value));
    let sure = fewest as f64 / due as f64;
    let why = format!(
        "Of {} in {}, {} were accepted within {}.",
        words::plural(due, "operation"),
        window.names(),
        words::share(sure),
        words::show(Unit::Seconds, check.max.as_secs_f64())
    );
    let opinion = if fewest >= rank {
        Opinion::held(bound, measured, why)
    } else if most >= rank {
        let open = words::plural(most - fewest, "operation");
        let why = format!(
            "{why} It hangs on {open} whose outcome is unknown or that were never attempted."
        );
        Opinion::doubtful(bound, measured, why)
    } else {
        violated(bound, measured, why, quantile, seconds)
    };
    opinion.reached(value)
}

fn violated(
    bound: &str,
    measured: String,
    why: String,
    quantile: f64,
    seconds: &[Second],
) -> Opinion {
    let late = |second: &Second| second.due.saturating_sub(second.within.1 + second.dropped);
    let broken = |second: &&Second| late(second) as f64 > (1.0 - quantile) * second.due as f64;
    let since = seconds.iter().find(broken).map(|second| second.second as f64);
    let rows = seconds.iter().filter(|second| late(second) > 0).map(
        |second| json!({ "second": second.second, "due": second.due, "not_in_time": late(second) }),
    );
    let rows = Rows::listed(rows);
    let mut worst: Vec<&Second> = seconds.iter().filter(|second| late(second) > 0).collect();
    worst.sort_by(|a, b| late(b).cmp(&late(a)).then(a.second.cmp(&b.second)));
    let worst = worst.into_iter().take(5).map(|second| {
        let seen =
            format!("{} of {} not in time", words::count(late(second)), words::count(second.due));
        evidence(format!("second {}", second.second), seen, Some(second.second as f64))
    });
    Opinion::violated(bound, measured, why).since(since).evidence(worst).rows(rows)
}

/// The time of the operation at this rank in seconds; those without a time come last.
fn value_at(told: &WorkloadHistory, seconds: &[Second], rank: u64) -> Option<f64> {
    let mut merged: Option<Histogram> = None;
    for second in seconds {
        let Some(histogram) = histogram_of(told, second.second) else { continue };
        match &mut merged {
            // Only a histogram of other bounds cannot be added.
            Some(merged) => merged.add(&histogram).unwrap_or_default(),
            None => merged = Some(histogram),
        }
    }
    match merged {
        Some(merged) if rank <= merged.len() && rank > 0 => {
            let micros = merged.value_at_quantile(rank as f64 / merged.len() as f64);
            Some(micros as f64 / 1e6)
        }
        _ => None,
    }
}
