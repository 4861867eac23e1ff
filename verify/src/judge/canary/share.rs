//! A share of the version under test: against its bound, and against the stable
//! version at the same time.
//!
//! Times at which the stable version's share is above the bound, too, are not held
//! against the version under test: whatever broke both is not its doing. If fewer
//! than half of its requests are left, there is no telling. A time is a stretch between
//! two samples (`stretches.rs`).
//!
//! Where figures are split by who answered, what nobody answered may have been meant for
//! either: a share is held only if it would hold with all of it.

use std::collections::BTreeMap;

use reports::record::Verdict;
use scenarios::plan::check::ShareOf;
use scenarios::plan::{Plan, Workload};
use serde_json::json;

use super::estimate::{Difference, Estimate, FEWEST_BLOCKS, Sides};
use super::part::{Part, verdict};
use super::stretches::{self, Counter, Stretch};
use crate::history::History;
use crate::judge::counts::Counts;
use crate::judge::overdue::Overdue;
use crate::judge::window::{Span, Window};
use crate::judge::words;
use crate::stats::blocks::{Block, total};
use crate::stats::median::median;

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
    let is_whole = |workload: &&Workload| workload.divisions().any(|name| name == part);
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
    let worse = |stretch: &Stretch| {
        let seconds = stretch.from.round() as i64..stretch.to.round() as i64;
        let strayed: f64 = strays.range(seconds).map(|(_, strayed)| strayed).sum();
        let Block { tries, of } = stretch.block;
        Stretch { block: Block { tries: tries + strayed, of: of + strayed }, ..*stretch }
    };
    let worse = |stratum: &Stratum| Stratum {
        canary: stratum.canary.iter().map(worse).collect(),
        stable: stratum.stable.clone(),
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

/// A phase on both versions, each by its own stretches of time.
#[derive(Debug, Default)]
struct Stratum {
    canary: Vec<Stretch>,
    stable: Vec<Stretch>,
}

fn sides(
    share: &ShareOf,
    plan: &Plan,
    history: &History,
    window: &Window,
) -> Result<Vec<Stratum>, String> {
    let counter = |name: &str| match plan.count_of_workload(name) {
        Some((workload, count)) => {
            let by_second = by_second(plan, history, workload, count, window)?;
            Ok(Counter::of_seconds(&by_second, window))
        }
        None => Counter::of_probe(plan, history, name, window),
    };
    let side = |(of, to): (&str, &str)| {
        let (counted, all) = (counter(of)?, counter(to)?);
        let stretches = |(_, span): &(String, Span)| {
            (stretches::of(&counted, &all, *span, window), stretches::of(&all, &all, *span, window))
        };
        let (strata, all): (Vec<_>, Vec<_>) = window.phases.iter().map(stretches).unzip();
        belong_together((of, to), &strata, &all)?;
        Ok::<_, String>(strata)
    };
    let canary = side((&share.of, &share.to))?;
    let stable = match &share.stable {
        Some((of, to)) => side((of, to))?,
        None => vec![Vec::new(); canary.len()],
    };
    let both = canary.into_iter().zip(stable);
    Ok(both.map(|(canary, stable)| Stratum { canary, stable }).collect())
}

/// Sees that a counter is a part of the other one, but for what one stretch shows of
/// its neighbour.
fn belong_together(
    (of, to): (&str, &str),
    strata: &[Vec<Stretch>],
    all: &[Vec<Stretch>],
) -> Result<(), String> {
    let counted = |stretch: &Stretch| stretch.block.of;
    let sum = |strata: &[Vec<Stretch>]| strata.iter().flatten().map(counted).sum::<f64>();
    let (part, whole) = (sum(strata), sum(all));
    let most = strata.iter().flatten().map(counted).fold(0.0, f64::max);
    if part - most <= whole {
        return Ok(());
    }
    Err(format!(
        "{of} rose by {} and {to} by {}, so it is no part of it; see that both count the same \
         requests",
        words::number(part),
        words::number(whole)
    ))
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

fn absolute(sides: &[Stratum], max: f64, window: &Window, error: f64) -> Part {
    let what = format!("at most {} of its requests", words::share(max));
    let all: f64 = sides.iter().map(|side| total(&blocks_of(&side.canary)).tries).sum();
    let (mut blocks, mut since) = (Vec::new(), None);
    for side in sides {
        let at_the_time = stretches::at_the_time_of(&side.canary, &side.stable);
        for (Stretch { from, block, .. }, stable) in side.canary.iter().zip(at_the_time) {
            if stable.tries > 0.0 && stable.of / stable.tries > max {
                continue;
            }
            if block.tries > 0.0 && block.of / block.tries > max {
                since.get_or_insert(*from);
            }
            blocks.push(*block);
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
    let judged = blocks.iter().filter(|block| block.tries > 0.0).count();
    let missing = too_few(sides, judged, verdict).unwrap_or(missing);
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
        sides.iter().map(|side| (blocks_of(&side.canary), blocks_of(&side.stable))).collect();
    let difference = Difference::of(&strata, error);
    if difference.canary.seen.tries <= 0.0 {
        return Part::open(&what, "The new version got no requests.");
    }
    let rate = difference.canary.seen.tries / window.seconds();
    let (verdict, missing) = verdict(difference.against(more, error), rate);
    let of_canary = sides.iter().flat_map(|side| &side.canary);
    let judged = of_canary.filter(|stretch| stretch.block.tries > 0.0).count();
    let missing = too_few(sides, judged, verdict).unwrap_or(missing);
    let measured =
        format!("{} against {}", told(&difference.canary), words::share(difference.stable.share()));
    let why = format!(
        "{measured} of the stable version's, surely {} to {} more: {what}.{missing}",
        words::number(difference.interval.low * 100.0),
        words::points(difference.interval.high)
    );
    let stable = difference.stable.share();
    let first = sides.iter().flat_map(|side| &side.canary);
    let since = first
        .filter(|stretch| stretch.block.tries > 0.0)
        .find(|stretch| stretch.block.of / stretch.block.tries > stable + more)
        .map(|stretch| stretch.from);
    let row = json!({
        "what": what, "share": difference.canary.share(), "stable": stable,
        "requests": difference.canary.seen.tries, "effect": difference.canary.effect,
        "low": difference.interval.low, "high": difference.interval.high, "max": more,
    });
    Part { what, verdict, measured, why, since: broken(verdict, since), row }
}

fn blocks_of(stretches: &[Stretch]) -> Vec<Block> {
    stretches.iter().map(|stretch| stretch.block).collect()
}

/// What is missing where samples are so rare that there are too few stretches; of the
/// new version so many are judged.
fn too_few(sides: &[Stratum], judged: usize, verdict: Verdict) -> Option<String> {
    let lengths = |stretches: fn(&Stratum) -> &Vec<Stretch>| -> Vec<f64> {
        let filled = |stretch: &&Stretch| stretch.block.tries > 0.0;
        let filled = sides.iter().flat_map(stretches).filter(filled);
        filled.map(|stretch| stretch.to - stretch.from).collect()
    };
    let is_rare = |(count, lengths): (usize, Vec<f64>)| {
        let length = median(&lengths)?;
        (count < FEWEST_BLOCKS && length > 1.5).then_some((count, length))
    };
    let stable = lengths(|side| &side.stable);
    let (count, length) = is_rare((judged, lengths(|side| &side.canary)))
        .or_else(|| is_rare((stable.len(), stable)))?;
    let count = match count {
        1 => "one stretch between two samples".to_owned(),
        count => format!("{count} stretches between two samples"),
    };
    (verdict == Verdict::Inconclusive).then(|| {
        format!(
            " There is no telling how much requests resemble each other from {count}, of {} \
             each: it takes {FEWEST_BLOCKS}; let the phase be longer, or have the counters \
             sampled more often.",
            words::seconds(length.round())
        )
    })
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
