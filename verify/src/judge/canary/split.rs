//! How much of the traffic the version under test really got, phase by phase: the
//! share is that of a binomial distribution, or varies less where the balancer takes
//! turns.

use reports::record::Verdict;
use scenarios::plan::Plan;
use scenarios::plan::check::Split;
use serde_json::json;

use super::estimate::Estimate;
use super::estimate::Side;
use super::part::{Part, verdict};
use super::share::told;
use crate::history::History;
use crate::judge::rising::Rising;
use crate::judge::window::{Span, Window};
use crate::judge::words;
use crate::stats::blocks::Block;

pub(super) fn parts(
    split: &Split,
    phases: &[String],
    plan: &Plan,
    history: &History,
    window: &Window,
    error: f64,
) -> Vec<Part> {
    let rising = |name: &str| Rising::of(plan, history, name, window);
    let (canary, stable) = match (rising(&split.canary), rising(&split.stable)) {
        (Ok(canary), Ok(stable)) => (canary, stable),
        (Err(why), _) | (_, Err(why)) => return vec![Part::open("split", why)],
    };
    if canary.total <= 0.0 {
        return vec![Part::open("split", "The new version got no requests at all.")];
    }
    let error = error / phases.len().max(1) as f64;
    let tolerance = split.tolerance.0;
    let part = |(name, span): &(String, Span)| {
        let asked = phases.iter().position(|phase| phase == name);
        let share = asked.and_then(|index| split.shares.get(index)).map_or(0.0, |share| share.0);
        let at = |rising: &Rising, second: i64| rising.by_second.get(&second).copied();
        let blocks: Vec<Block> = span
            .whole_seconds()
            .map(|second| {
                let of = at(&canary, second).unwrap_or(0.0);
                Block { tries: of + at(&stable, second).unwrap_or(0.0), of }
            })
            .collect();
        one(name, share, tolerance, &blocks, *span, error)
    };
    window.phases.iter().map(part).collect()
}

fn one(phase: &str, share: f64, tolerance: f64, blocks: &[Block], span: Span, error: f64) -> Part {
    let (least, most) = (share * (1.0 - tolerance), share * (1.0 + tolerance));
    let what = format!("{phase}: {} to {} of the traffic", words::share(least), words::share(most));
    let estimate = Estimate::of(blocks, error, 1.0);
    let below = Side::Below;
    let sides = (estimate.against(least, error), estimate.against(most, error));
    let rate = estimate.seen.tries / span.seconds().max(1.0);
    let (verdict, missing) = match sides {
        (_, Side::Above) => (Verdict::Violated, String::new()),
        // At the least or below it: for certain only where the interval is below.
        (Side::Below, _) if estimate.interval.high < least => (Verdict::Violated, String::new()),
        (Side::Above, most) if most == below => (Verdict::Held, String::new()),
        (Side::Open(more), _) | (_, Side::Open(more)) => verdict(Side::Open(more), rate),
        (Side::Below | Side::Above, _) => verdict(Side::Open(None), rate),
    };
    let measured = told(&estimate);
    let missing = missing.replace(" of the new version", "");
    let why = format!("{measured} of the requests went to the new version; {what}.{missing}");
    let row = json!({
        "what": what, "share": estimate.share(), "requests": estimate.seen.tries,
        "low": estimate.interval.low, "high": estimate.interval.high,
        "min": least, "max": most,
    });
    let since = (verdict == Verdict::Violated).then_some(span.from);
    Part { what, verdict, measured, why, since, row }
}
