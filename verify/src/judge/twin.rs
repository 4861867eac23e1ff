//! Twin: a workload does no worse than the same load on the stable version.
//!
//! Both sides run at the same time on the same machines, so their seconds are
//! paired: what slows down a second for both cancels out, which a comparison of
//! two unpaired samples would count as noise. A difference must be real *and*
//! larger than the tolerance:
//!
//! - *response time*: the lower confidence bound of the pseudo-median of the
//!   differences between the medians of each second (Wilcoxon's signed ranks)
//!   exceeds the tolerance, which is a share of the stable side's median or the
//!   floor, whichever is more;
//! - *throughput*: the accepted share of what was due is lower by more than the
//!   tolerance over the whole window, and its mean difference by second is above
//!   0 with the same confidence.
//!
//! Evidence: both sides' figures and the worst seconds. Inconclusive with too
//! few seconds that both sides have in common, when counts or response times of
//! a second are missing, or when the stable side itself
//! accepted less than nine tenths: a broken yardstick measures nothing.

use loadgen::Histogram;
use reports::record::Evidence;
use scenarios::plan::Plan;
use scenarios::plan::check::Twin;
use scenarios::units::Unit;
use serde_json::json;

use super::anomalies::Rows;
use super::counts::Counts;
use super::latency::timed_ones;
use super::opinion::{Opinion, evidence};
use super::overdue::{Overdue, is_slow};
use super::window::Window;
use super::words;
use crate::history::History;
use crate::stats::median::median;
use crate::stats::wilcoxon::{mean_lower, shift};

/// The least share that the stable side must have accepted.
const SOUND: f64 = 0.9;

pub(super) fn judge(check: &Twin, plan: &Plan, history: &History) -> Opinion {
    let window = Window::of(plan, history, &check.phases).without(&history.apart);
    let bound = format!(
        "throughput lower by at most {}, response time higher by at most {} or {}",
        check.throughput, check.latency, check.latency_floor
    );
    let sides = window.missing.clone().map_or(Ok(()), Err).and_then(|()| {
        let new = Side::of(plan, history, &check.workload, &window)?;
        Ok((new, Side::of(plan, history, &check.stable, &window)?))
    });
    let (new, stable) = match sides {
        Ok(sides) => sides,
        Err(why) => return Opinion::inconclusive(&bound, why),
    };
    let pairs = pairs(&new, &stable);
    let seen = [summary(&check.workload, &new), summary(&check.stable, &stable)];
    if stable.share() < SOUND {
        let why = format!(
            "The stable side accepted only {} of its load: see that {} works before comparing \
             with it.",
            words::share(stable.share()),
            check.stable
        );
        return Opinion::inconclusive(&bound, why).evidence(seen);
    }
    if (pairs.len() as u64) < u64::from(check.samples) {
        let why = format!(
            "The sides have only {} in common with load on both; a verdict needs {}.",
            words::plural(pairs.len() as u64, "second"),
            check.samples
        );
        return Opinion::inconclusive(&bound, why).evidence(seen);
    }
    compare(check, &bound, &new, &stable, &pairs).evidence(seen)
}

/// One side over the window.
struct Side {
    seconds: Vec<Second>,
    merged: Option<Histogram>,
}

struct Second {
    second: i64,
    due: f64,
    acked: f64,
    /// The median response time in seconds.
    middle: Option<f64>,
}

impl Side {
    fn of(plan: &Plan, history: &History, workload: &str, window: &Window) -> Result<Self, String> {
        let told = history
            .workloads
            .get(workload)
            .ok_or_else(|| format!("nothing is known of workload {workload}"))?;
        let counts = |count| Counts::of(history, workload, count);
        let (due, acked, indeterminate) = (counts("due"), counts("acked"), counts("indeterminate"));
        due.total(window)?;
        acked.total(window)?;
        let overdue = Overdue::of(plan, history, workload);
        let mut side = Self { seconds: Vec::new(), merged: None };
        for second in window.spans.iter().flat_map(|span| span.whole_seconds()) {
            let key = u64::try_from(second).unwrap_or(u64::MAX);
            let found = told.response.binary_search_by_key(&key, |&(known, _)| known);
            let histogram = found.ok().map(|index| told.response[index].1.histogram());
            let histogram = histogram.filter(|histogram| !histogram.is_empty());
            let (due, acked) = (due.second(second)?, acked.second(second)?);
            let timed = histogram.as_ref().map_or(0, Histogram::len);
            let most = acked + indeterminate.second(second)?;
            timed_ones(workload, second, timed, acked as u64, most as u64)?;
            if let Some(histogram) = &histogram {
                match &mut side.merged {
                    Some(merged) => merged.add(histogram).map_err(|error| error.to_string())?,
                    None => side.merged = Some(histogram.clone()),
                }
            }
            let histogram = histogram.filter(|_| !is_slow(history, second));
            side.seconds.push(Second {
                second,
                due,
                acked: acked + overdue.in_second(second) as f64,
                middle: histogram.map(|histogram| histogram.value_at_quantile(0.5) as f64 / 1e6),
            });
        }
        Ok(side)
    }

    /// The accepted share of what was due.
    fn share(&self) -> f64 {
        let due: f64 = self.seconds.iter().map(|second| second.due).sum();
        let acked: f64 = self.seconds.iter().map(|second| second.acked).sum();
        if due > 0.0 { acked / due } else { 0.0 }
    }

    fn quantile(&self, quantile: f64) -> String {
        let known = self.merged.as_ref();
        known.map_or_else(
            || "unknown".to_owned(),
            |merged| words::show(Unit::Seconds, merged.value_at_quantile(quantile) as f64 / 1e6),
        )
    }
}

fn summary(workload: &str, side: &Side) -> Evidence {
    let seen = format!(
        "accepted {}, p50 {}, p95 {}",
        words::share(side.share()),
        side.quantile(0.5),
        side.quantile(0.95)
    );
    evidence(workload, seen, None)
}

/// The seconds in which both sides had load.
fn pairs<'a>(new: &'a Side, stable: &'a Side) -> Vec<(&'a Second, &'a Second)> {
    let both = new.seconds.iter().zip(&stable.seconds);
    both.filter(|(new, stable)| new.due > 0.0 && stable.due > 0.0).collect()
}

/// A side that is worse: how much, and when it was worst.
struct Worse {
    why: String,
    since: Option<f64>,
}

fn compare(
    check: &Twin,
    bound: &str,
    new: &Side,
    stable: &Side,
    pairs: &[(&Second, &Second)],
) -> Opinion {
    let slower = slower(check, pairs);
    let fewer = fewer(check, new, stable, pairs);
    let measured = format!(
        "accepted {} against {}, p50 {} against {}",
        words::share(new.share()),
        words::share(stable.share()),
        new.quantile(0.5),
        stable.quantile(0.5)
    );
    let worse: Vec<Worse> =
        [fewer, slower.as_ref().ok().and_then(worse)].into_iter().flatten().collect();
    if !worse.is_empty() {
        let since = worse.iter().filter_map(|worse| worse.since).reduce(f64::min);
        let why: Vec<&str> = worse.iter().map(|worse| worse.why.as_str()).collect();
        let rows = pairs.iter().map(|(new, stable)| {
            json!({
                "second": new.second,
                "due": [new.due, stable.due],
                "acked": [new.acked, stable.acked],
                "median_seconds": [new.middle, stable.middle],
            })
        });
        let rows = Rows::Listed(rows.collect());
        return Opinion::violated(bound, measured, why.join(" ")).since(since).rows(rows);
    }
    match slower {
        Ok(slower) => {
            let why = format!(
                "Over {} the typical difference of the response time is {}; more than {} would \
                 count.",
                words::plural(pairs.len() as u64, "second"),
                words::show(Unit::Seconds, slower.middle),
                words::show(Unit::Seconds, slower.tolerance)
            );
            Opinion::held(bound, measured, why)
        }
        Err(why) => Opinion::doubtful(bound, measured, why),
    }
}

/// How the response times differ.
struct Slower {
    middle: f64,
    lower: f64,
    tolerance: f64,
    since: Option<f64>,
}

fn slower(check: &Twin, pairs: &[(&Second, &Second)]) -> Result<Slower, String> {
    let timed: Vec<(i64, f64, f64)> = pairs
        .iter()
        .filter_map(|(new, stable)| Some((new.second, new.middle?, stable.middle?)))
        .collect();
    let differences: Vec<f64> = timed.iter().map(|(_, new, stable)| new - stable).collect();
    let usual: Vec<f64> = timed.iter().map(|&(.., stable)| stable).collect();
    if (timed.len() as u64) < u64::from(check.samples) {
        return Err(format!(
            "Only {} have response times on both sides; a verdict needs {}.",
            words::plural(timed.len() as u64, "second"),
            check.samples
        ));
    }
    let shift = shift(&differences, check.confidence.0).ok_or("There are no response times.")?;
    let usual = median(&usual).unwrap_or(0.0);
    let tolerance = (check.latency.0 * usual).max(check.latency_floor.as_secs_f64());
    let first = timed.iter().find(|(_, new, stable)| new - stable > tolerance);
    let since = first.map(|&(second, ..)| second as f64);
    Ok(Slower { middle: shift.middle, lower: shift.lower, tolerance, since })
}

fn worse(slower: &Slower) -> Option<Worse> {
    (slower.lower > slower.tolerance).then(|| Worse {
        why: format!(
            "The response time is higher by {}, at least by {}, where {} is allowed.",
            words::show(Unit::Seconds, slower.middle),
            words::show(Unit::Seconds, slower.lower),
            words::show(Unit::Seconds, slower.tolerance)
        ),
        since: slower.since,
    })
}

fn fewer(check: &Twin, new: &Side, stable: &Side, pairs: &[(&Second, &Second)]) -> Option<Worse> {
    let less = 1.0 - new.share() / stable.share();
    let differences: Vec<f64> =
        pairs.iter().map(|(new, stable)| stable.acked / stable.due - new.acked / new.due).collect();
    let is_real = mean_lower(&differences, check.confidence.0).is_some_and(|lower| lower > 0.0);
    (less > check.throughput.0 && is_real).then(|| {
        let worst = pairs.iter().zip(&differences).find(|&(_, &less)| less > check.throughput.0);
        Worse {
            why: format!(
                "The throughput is lower by {}, where {} is allowed.",
                words::share(less),
                check.throughput
            ),
            since: worst.map(|((new, _), _)| new.second as f64),
        }
    })
}
