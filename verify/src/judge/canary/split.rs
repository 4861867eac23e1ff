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
use super::stretches::{self, Counter};
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
    let counter = |name: &str| match plan.count_of_workload(name) {
        Some(_) => {
            let rising = Rising::of(plan, history, name, window)?;
            Ok((rising.total, Counter::of_seconds(&rising.by_second, window)))
        }
        None => {
            let total = Rising::of(plan, history, name, window)?.total;
            Ok::<_, String>((total, Counter::of_probe(plan, history, name, window)?))
        }
    };
    let ((total, canary), stable) = match (counter(&split.canary), counter(&split.stable)) {
        (Ok(canary), Ok((_, stable))) => (canary, stable),
        (Err(why), _) | (_, Err(why)) => return vec![Part::open("split", why)],
    };
    if total <= 0.0 {
        return vec![Part::open("split", "The new version got no requests at all.")];
    }
    let error = error / phases.len().max(1) as f64;
    let tolerance = split.tolerance.0;
    let part = |(name, span): &(String, Span)| {
        let asked = phases.iter().position(|phase| phase == name);
        let share = asked.and_then(|index| split.shares.get(index)).map_or(0.0, |share| share.0);
        let mine = stretches::of(&canary, &canary, *span, window);
        let others = stretches::of(&stable, &stable, *span, window);
        let both = mine.iter().zip(stretches::paired(&mine, &others));
        let blocks: Vec<Block> = both
            .map(|(mine, other)| Block { tries: mine.block.of + other.of, of: mine.block.of })
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
