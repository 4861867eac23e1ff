//! A share of the version under test: against its bound, and against the stable
//! version at the same time.
//!
//! Seconds in which the stable version's share is above the bound, too, are not held
//! against the version under test: whatever broke both is not its doing. If fewer
//! than half of its requests are left, there is no telling.
//!
//! Where figures are split by who answered, what nobody answered may have been meant for
//! either: a share is held only if it would hold with all of it.

use std::collections::BTreeMap;

use reports::record::Verdict;
use scenarios::plan::check::ShareOf;
use scenarios::plan::{Plan, Workload};
use serde_json::json;

use super::estimate::{Difference, Estimate, Sides};
use super::part::{Part, verdict};
use crate::history::History;
use crate::judge::counts::Counts;
use crate::judge::overdue::Overdue;
use crate::judge::rising::Rising;
use crate::judge::window::{Span, Window};
use crate::judge::words;
use crate::stats::blocks::{Block, total};

/// What of the requests must be left where the stable version broke a bound, too.
const LEAST_LEFT: f64 = 0.5;

pub(super) fn parts(
    share: &ShareOf,
    plan: &Plan,
    history: &History,
    window: &Window,
    error: f64,
) -> Vec<Part> {
    let error = error / [share.max, share.more].iter().flatten().count().max(1) as f64;
    let known = sides(share, plan, history, window)
        .and_then(|sides| Ok((sides, strays_of(share, plan, history, window)?)));
    match known {
        Ok((sides, strays)) => {
            let worst = with_strays(&sides, &strays);
            let strays: f64 = strays.values().sum();
            let absolute = share.max.map(|max| {
                let judged = |sides: &[Stratum]| absolute(sides, max.0, window, error);
                unless_strayed(judged(&sides), || judged(&worst), strays)
            });
            let relative = share.more.map(|more| {
                let judged = |sides: &[Stratum]| relative(sides, more.0, window, error);
                unless_strayed(judged(&sides), || judged(&worst), strays)
            });
            absolute.into_iter().chain(relative).collect()
        }
        Err(why) => vec![Part::open(&share.of, why)],
    }
}

/// The strays that may belong to what a share counts: of what failed, none of the rest.
fn strays_of(
    share: &ShareOf,
    plan: &Plan,
    history: &History,
    window: &Window,
) -> Result<BTreeMap<i64, f64>, String> {
    match plan.count_of_workload(&share.of) {
        Some((part, "unsuccessful" | "failed" | "indeterminate")) => {
            strays(plan, history, part, window)
        }
        _ => Ok(BTreeMap::new()),
    }
}

/// Operations without success of a workload whose figures are split that no value of
/// the split answered, by second: whose they were nobody knows. A version that is down
/// is silent about itself, and the balancer's own error is nobody's.
pub(in crate::judge) fn strays(
    plan: &Plan,
    history: &History,
    part: &str,
    window: &Window,
) -> Result<BTreeMap<i64, f64>, String> {
    let is_whole = |workload: &&Workload| workload.parts().any(|name| name == part);
    let Some(whole) = plan.workloads.iter().find(is_whole) else { return Ok(BTreeMap::new()) };
    let failed = |workload: &str| by_second(plan, history, workload, "unsuccessful", window);
    let mut strays = failed(&whole.name)?;
    for part in whole.parts() {
        for (second, known) in failed(&part)? {
            if let Some(left) = strays.get_mut(&second) {
                *left = (*left - known).max(0.0);
            }
        }
    }
    Ok(strays)
}

/// The sides if all strays were the version's under test.
fn with_strays(sides: &[Stratum], strays: &BTreeMap<i64, f64>) -> Vec<Stratum> {
    let worse = |stratum: &Stratum| {
        let more = |(second, block): (&i64, &Block)| {
            let strayed = strays.get(second).copied().unwrap_or(0.0);
            Block { tries: block.tries + strayed, of: block.of + strayed }
        };
        let canary = stratum.seconds.iter().zip(&stratum.canary).map(more).collect();
        Stratum { seconds: stratum.seconds.clone(), canary, stable: stratum.stable.clone() }
    };
    sides.iter().map(worse).collect()
}

/// What held is only held if it did so with all strays.
fn unless_strayed(part: Part, worst: impl FnOnce() -> Part, strays: f64) -> Part {
    if part.verdict != Verdict::Held || strays <= 0.0 || worst().verdict == Verdict::Held {
        return part;
    }
    let why = format!(
        "{} But {} without success were answered by no version that is known: were they the new \
         version's, it would not hold. Have the balancer say in its own errors whom it asked.",
        part.why,
        words::plural(strays as u64, "request")
    );
    Part { verdict: Verdict::Inconclusive, why, ..part }
}

/// The seconds of one stratum on both versions, in pairs.
#[derive(Debug, Default)]
struct Stratum {
    seconds: Vec<i64>,
    canary: Vec<Block>,
    stable: Vec<Block>,
}

fn sides(
    share: &ShareOf,
    plan: &Plan,
    history: &History,
    window: &Window,
) -> Result<Vec<Stratum>, String> {
    let rising = |name: &str| {
        if let Some((workload, count)) = plan.count_of_workload(name) {
            return by_second(plan, history, workload, count, window);
        }
        let rising = Rising::of(plan, history, name, window)?;
        match rising.fall {
            Some(fall) => Err(fall),
            None => Ok(rising.by_second),
        }
    };
    let (of, to) = (rising(&share.of)?, rising(&share.to)?);
    let stable = match &share.stable {
        Some((of, to)) => Some((rising(of)?, rising(to)?)),
        None => None,
    };
    let at = |counts: &BTreeMap<i64, f64>, second: i64| counts.get(&second).copied().unwrap_or(0.0);
    let stratum = |span: Span| {
        let mut stratum = Stratum::default();
        for second in span.whole_seconds() {
            if !is_judged(window, second) {
                continue;
            }
            stratum.seconds.push(second);
            let (tries, of) = (at(&to, second), at(&of, second));
            stratum.canary.push(Block { tries: tries.max(of), of });
            let stable = stable.as_ref().map(|(of, to)| (at(to, second), at(of, second)));
            let (tries, of) = stable.unwrap_or_default();
            stratum.stable.push(Block { tries: tries.max(of), of });
        }
        stratum
    };
    Ok(window.phases.iter().map(|(_, span)| stratum(*span)).collect())
}

/// A count of a workload, of each second: without what the generator itself never
/// attempted, and without what was overdue in seconds that are slow for all.
pub(in crate::judge) fn by_second(
    plan: &Plan,
    history: &History,
    workload: &str,
    count: &str,
    window: &Window,
) -> Result<BTreeMap<i64, f64>, String> {
    let counts = Counts::of(history, workload, count);
    counts.total(window)?;
    let dropped = Counts::of(history, workload, "dropped");
    let overdue = Overdue::of(plan, history, workload);
    let seconds = window.spans.iter().flat_map(|span| span.whole_seconds());
    let value = |second: i64| {
        let all = counts.second(second)?;
        let never = match count {
            "unsuccessful" | "due" => dropped.second(second).unwrap_or(0.0),
            _ => 0.0,
        };
        let late = match count {
            "unsuccessful" => overdue.in_second(second) as f64,
            _ => 0.0,
        };
        Ok((second, (all - never - late).max(0.0)))
    };
    seconds.map(value).collect()
}

/// Whether a second lies in what is left of the window.
fn is_judged(window: &Window, second: i64) -> bool {
    window.spans.iter().any(|span| span.whole_seconds().contains(&second))
}

fn absolute(sides: &[Stratum], max: f64, window: &Window, error: f64) -> Part {
    let what = format!("at most {} of its requests", words::share(max));
    let all: f64 = sides.iter().map(|side| total(&side.canary).tries).sum();
    let (mut blocks, mut since) = (Vec::new(), None);
    for side in sides {
        for ((second, canary), stable) in side.seconds.iter().zip(&side.canary).zip(&side.stable) {
            if stable.tries > 0.0 && stable.of / stable.tries > max {
                continue;
            }
            if canary.tries > 0.0 && canary.of / canary.tries > max {
                since.get_or_insert(*second as f64);
            }
            blocks.push(*canary);
        }
    }
    let left = total(&blocks).tries;
    if all <= 0.0 {
        return Part::open(&what, "The new version got no requests.");
    }
    if left < LEAST_LEFT * all {
        let why = format!(
            "The stable version broke the bound itself at the same times: only {} of {} requests \
             of the new version are left.",
            words::number(left),
            words::number(all)
        );
        return Part::open(&what, why);
    }
    let estimate = Estimate::of(&blocks, error, 1.0);
    let (verdict, missing) = verdict(estimate.against(max, error), all / window.seconds());
    let measured = told(&estimate);
    let bound = words::share(max);
    let mut why = format!("{measured} of the new version's requests, where {bound} may.{missing}");
    if left < all {
        let spared = words::number(all - left);
        why.push_str(&format!(
            " {spared} are left out, as the stable version broke the bound at the same time."
        ));
    }
    let row = json!({
        "what": what, "share": estimate.share(), "of": estimate.seen.of,
        "requests": estimate.seen.tries, "effect": estimate.effect,
        "low": estimate.interval.low, "high": estimate.interval.high, "max": max,
    });
    Part { what, verdict, measured, why, since: broken(verdict, since), row }
}

fn relative(sides: &[Stratum], more: f64, window: &Window, error: f64) -> Part {
    let what = format!("at most {} more than the stable version", words::points(more));
    let strata: Vec<Sides> =
        sides.iter().map(|side| (side.canary.clone(), side.stable.clone())).collect();
    let difference = Difference::of(&strata, error);
    if difference.canary.seen.tries <= 0.0 {
        return Part::open(&what, "The new version got no requests.");
    }
    let rate = difference.canary.seen.tries / window.seconds();
    let (verdict, missing) = verdict(difference.against(more, error), rate);
    let measured =
        format!("{} against {}", told(&difference.canary), words::share(difference.stable.share()));
    let why = format!(
        "{measured} of the stable version's, surely {} to {} more: {what}.{missing}",
        words::number(difference.interval.low * 100.0),
        words::points(difference.interval.high)
    );
    let first = sides.iter().flat_map(|side| side.seconds.iter().zip(&side.canary));
    let stable = difference.stable.share();
    let since = first
        .filter(|(_, block)| block.tries > 0.0 && block.of / block.tries > stable + more)
        .map(|(&second, _)| second as f64)
        .next();
    let row = json!({
        "what": what, "share": difference.canary.share(), "stable": stable,
        "requests": difference.canary.seen.tries, "effect": difference.canary.effect,
        "low": difference.interval.low, "high": difference.interval.high, "max": more,
    });
    Part { what, verdict, measured, why, since: broken(verdict, since), row }
}

fn broken(verdict: Verdict, since: Option<f64>) -> Option<f64> {
    since.filter(|_| verdict == Verdict::Violated)
}

/// A share with what it could be as well.
pub(in crate::judge) fn told(estimate: &Estimate) -> String {
    format!(
        "{} ({} of {}; surely {} to {})",
        words::share(estimate.share()),
        words::number(estimate.seen.of),
        words::number(estimate.seen.tries),
        words::share(estimate.interval.low),
        words::share(estimate.interval.high)
    )
}
