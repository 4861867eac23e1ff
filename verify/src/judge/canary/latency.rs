//! Response times of the version under test: against their bound, and against the
//! stable version at the same time; each workload by itself, and all together, so that
//! one route that is slow does not hide behind the others.
//!
//! Response times are those of requests that were answered, counted from when each
//! was due; what was not answered is a matter of shares. Stretches in which the stable
//! version's quantile is above the bound, too, are not held against the version under
//! test.

use reports::record::Verdict;
use scenarios::plan::check::LatencyOf;
use scenarios::units::{Span, Unit};
use serde_json::json;

use super::estimate::Estimate;
use super::part::{Part, verdict};
use super::times::{self, Pair, Stretch, Times, Tolerance};
use crate::history::History;
use crate::judge::counts::Counts;
use crate::judge::latency::timed_ones;
use crate::judge::overdue::is_slow;
use crate::judge::window::Window;
use crate::judge::words;
use crate::stats::blocks::{Block, total};
use crate::stats::share::Interval;

/// What of the requests must be left where the stable version broke a bound, too.
const LEAST_LEFT: f64 = 0.5;

/// Ranks vary a third as much as yes and no (1/12 against 1/4, and ties make it
/// less), so that one request is worth up to four tries.
pub const LEAST_EFFECT_OF_RANKS: f64 = 0.25;

pub(super) fn parts(
    latency: &LatencyOf,
    history: &History,
    window: &Window,
    error: f64,
) -> Vec<Part> {
    let mut alone: Vec<(String, Vec<Pair>)> = Vec::new();
    for (index, workload) in latency.workloads.iter().enumerate() {
        match pairs(history, window, workload, latency.stable.get(index)) {
            Ok(pairs) => alone.push((workload.clone(), pairs)),
            Err(why) => return vec![Part::open(workload, why)],
        }
    }
    if alone.len() > 1 {
        let merged = together(alone.iter().map(|(_, pairs)| pairs));
        alone.insert(0, ("all together".to_owned(), merged));
    }
    let is_compared = !latency.stable.is_empty();
    let asked = usize::from(latency.max.is_some()) + usize::from(is_compared);
    let error = error / (alone.len() * asked.max(1)) as f64;
    let mut parts = Vec::new();
    for (what, pairs) in &alone {
        let one = One { what, latency, pairs, error, seconds: window.seconds() };
        parts.extend(latency.max.map(|max| one.absolute(max.as_secs_f64())));
        parts.extend(is_compared.then(|| one.relative()));
    }
    parts
}

/// The seconds of the window with their response times on both sides.
fn pairs(
    history: &History,
    window: &Window,
    canary: &str,
    stable: Option<&String>,
) -> Result<Vec<Pair>, String> {
    let of = |workload: &str| {
        let told = history.workloads.get(workload);
        told.ok_or_else(|| format!("nothing is known of workload {workload}"))
    };
    whole(history, window, canary)?;
    if let Some(stable) = stable {
        whole(history, window, stable)?;
    }
    let canary = of(canary)?;
    let stable = stable.map(|stable| of(stable)).transpose()?;
    let seconds = window.spans.iter().flat_map(|span| span.whole_seconds());
    let pair = |second: i64| {
        let times = |told: &crate::history::WorkloadHistory| -> Times {
            let key = u64::try_from(second).unwrap_or(u64::MAX);
            let found = told.response.binary_search_by_key(&key, |&(known, _)| known);
            found.map(|index| told.response[index].1.counts().collect()).unwrap_or_default()
        };
        Pair { second, canary: times(canary), stable: stable.map(times).unwrap_or_default() }
    };
    Ok(seconds.filter(|&second| !is_slow(history, second)).map(pair).collect())
}

/// Every second has as many response times as its counts allow.
pub(in crate::judge) fn whole(
    history: &History,
    window: &Window,
    workload: &str,
) -> Result<(), String> {
    let Some(told) = history.workloads.get(workload) else {
        return Err(format!("nothing is known of workload {workload}"));
    };
    let counts = |count| Counts::of(history, workload, count);
    let (acked, indeterminate) = (counts("acked"), counts("indeterminate"));
    acked.total(window)?;
    for second in window.spans.iter().flat_map(|span| span.whole_seconds()) {
        let key = u64::try_from(second).unwrap_or(u64::MAX);
        let found = told.response.binary_search_by_key(&key, |&(known, _)| known);
        let timed =
            found.map_or(0, |index| told.response[index].1.counts().map(|(_, count)| count).sum());
        let acked = acked.second(second)?.max(0.0) as u64;
        let most = acked + indeterminate.second(second)?.max(0.0) as u64;
        timed_ones(workload, second, timed, acked, most)?;
    }
    Ok(())
}

/// The same seconds of several workloads as one.
fn together<'a>(all: impl Iterator<Item = &'a Vec<Pair>>) -> Vec<Pair> {
    let mut merged: Vec<Pair> = Vec::new();
    for pairs in all {
        if merged.is_empty() {
            merged.clone_from(pairs);
            continue;
        }
        for (sum, pair) in merged.iter_mut().zip(pairs) {
            for (sum, more) in [(&mut sum.canary, &pair.canary), (&mut sum.stable, &pair.stable)] {
                times::merge(sum, more);
            }
        }
    }
    merged
}

/// One workload, or all together.
struct One<'a> {
    what: &'a str,
    latency: &'a LatencyOf,
    pairs: &'a [Pair],
    error: f64,
    /// Of the window.
    seconds: f64,
}

impl One<'_> {
    fn requests(&self) -> f64 {
        self.pairs.iter().flat_map(|pair| &pair.canary).map(|&(_, count)| count as f64).sum()
    }

    fn stretches(&self) -> Vec<Stretch> {
        times::stretches(self.pairs, self.latency.quantile.map_or(0.5, |quantile| quantile.0))
    }

    fn absolute(&self, max: f64) -> Part {
        let quantile = self.latency.quantile.map_or(0.5, |quantile| quantile.0);
        let bound = words::show(Unit::Seconds, max);
        let what = format!("{}: {} within {bound}", self.what, words::share(quantile));
        let all = self.requests();
        if all <= 0.0 {
            return Part::open(&what, "The new version answered nothing.");
        }
        let stretches = self.stretches();
        let (kept, slow): (Vec<&Stretch>, Vec<&Stretch>) =
            stretches.iter().partition(|stretch| !times::is_slow(stretch, max));
        let (blocks, spared): (Vec<(i64, Block)>, f64) = if slow.is_empty() {
            let second = |pair: &Pair| (pair.second, times::above_seconds(&pair.canary, max));
            (self.pairs.iter().map(second).collect(), 0.0)
        } else {
            let block = |stretch: &&Stretch| (stretch.second, stretch.above(max));
            let spared = slow.iter().map(|stretch| stretch.above(max).tries).sum();
            (kept.iter().map(block).collect(), spared)
        };
        let bare: Vec<Block> = blocks.iter().map(|&(_, block)| block).collect();
        if spared > (1.0 - LEAST_LEFT) * all {
            let why = format!(
                "The stable version was above {bound} itself at the same times: only {} of {} \
                 requests of the new version are left.",
                words::number(all - spared),
                words::number(all)
            );
            return Part::open(&what, why);
        }
        let estimate = Estimate::of(&bare, self.error, 1.0);
        let side = estimate.against(1.0 - quantile, self.error);
        let (verdict, missing) = verdict(side, all / self.seconds);
        let measured = self.quantile_of(quantile);
        let mut why = format!(
            "{} took longer than {bound}, where {} may.{missing}",
            super::share::told(&estimate),
            words::share(1.0 - quantile)
        );
        if spared > 0.0 {
            let spared = words::number(spared);
            why.push_str(&format!(
                " {spared} are left out, as the stable version was above the bound at the same \
                 time."
            ));
        }
        let row = json!({
            "what": what, "above": estimate.share(), "requests": estimate.seen.tries,
            "effect": estimate.effect, "low": estimate.interval.low,
            "high": estimate.interval.high, "max": 1.0 - quantile,
        });
        let since = first_broken(&blocks, 1.0 - quantile, verdict);
        Part { what, verdict, measured, why, since, row }
    }

    fn relative(&self) -> Part {
        let tolerance = tolerance(self.latency);
        let figure = match self.latency.quantile {
            Some(quantile) => words::share(quantile.0),
            None => "typically".to_owned(),
        };
        let allowed = allowed(self.latency).unwrap_or_default();
        let what = format!("{}: {figure} at most {allowed} above the stable version", self.what);
        if self.requests() <= 0.0 {
            return Part::open(&what, "The new version answered nothing.");
        }
        let stretches = self.stretches();
        if stretches.is_empty() {
            let why = "There are not enough requests of both versions at the same time.";
            return Part::open(&what, why);
        }
        let all = self.requests();
        let kept: f64 = stretches.iter().map(|stretch| stretch.above(0.0).tries).sum();
        if kept < LEAST_LEFT * all {
            let why = format!(
                "Only {} of {} requests of the new version came while the stable one answered \
                 enough to compare them with.",
                words::number(kept),
                words::number(all)
            );
            return Part::open(&what, why);
        }
        let compared = Compared { quantile: self.latency.quantile.map(|q| q.0), stretches };
        let estimate = compared.estimate(tolerance, self.error);
        let level = compared.level();
        let (verdict, missing) =
            verdict(estimate.against(level, self.error), estimate.seen.tries / self.seconds);
        let ratio = compared.ratio();
        let range = compared.interval(self.error);
        let measured = format!(
            "{} times the stable version's (surely {} to {})",
            words::number(ratio),
            words::number(range.low),
            words::number(range.high)
        );
        let why = format!("{what}: {measured}.{missing}");
        let row = json!({
            "what": what, "ratio": ratio, "low": range.low, "high": range.high,
            "requests": estimate.seen.tries, "effect": estimate.effect,
            "more": self.latency.higher.map(|share| share.0),
        });
        let seconds = compared.stretches.iter().map(|stretch| stretch.second);
        let blocks: Vec<(i64, Block)> = seconds.zip(compared.blocks(tolerance)).collect();
        let since = first_broken(&blocks, level, verdict);
        Part { what, verdict, measured, why, since, row }
    }

    fn quantile_of(&self, quantile: f64) -> String {
        let mut all: Times = self.pairs.iter().flat_map(|pair| pair.canary.clone()).collect();
        all.sort_unstable_by_key(|&(value, _)| value);
        let rank = quantile * self.requests();
        let mut below = 0.0;
        let found = all.iter().find(|&&(_, count)| {
            below += count as f64;
            below >= rank
        });
        let micros = found.map_or(0, |&(value, _)| value);
        words::show(Unit::Seconds, micros as f64 / 1e6)
    }
}

/// How much more than on the stable version is allowed.
pub(in crate::judge) fn tolerance(latency: &LatencyOf) -> Tolerance {
    let seconds = |span: Option<Span>, without| span.map_or(without, Span::as_secs_f64);
    Tolerance {
        factor: 1.0 + latency.higher.map_or(f64::INFINITY, |share| share.0),
        most: seconds(latency.higher_by, f64::INFINITY),
        least: seconds(latency.floor, f64::NEG_INFINITY),
    }
}

/// How much more than on the stable version is allowed, in words.
pub(in crate::judge) fn allowed(latency: &LatencyOf) -> Option<String> {
    let share = latency.higher.map(|share| share.to_string());
    let by = latency.higher_by.map(|span| span.to_string());
    let both = share.into_iter().chain(by).collect::<Vec<_>>().join(" or ");
    match latency.floor {
        _ if both.is_empty() => None,
        Some(floor) => Some(format!("{both} (but {floor} in any case)")),
        None => Some(both),
    }
}

/// Two versions at the same times.
pub struct Compared {
    /// Of a quantile; of the typical response time without one.
    pub quantile: Option<f64>,
    /// The stretches.
    pub stretches: Vec<Stretch>,
}

impl Compared {
    /// The share that is allowed: what lies above a quantile, or half of the ranks.
    #[must_use]
    pub fn level(&self) -> f64 {
        1.0 - self.quantile.unwrap_or(0.5)
    }

    fn blocks(&self, tolerance: Tolerance) -> Vec<Block> {
        match self.quantile {
            Some(_) => times::longer(&self.stretches, tolerance),
            None => times::ranks(&self.stretches, tolerance),
        }
    }

    /// How many requests take longer than the stable version's may become, wrong with
    /// a probability of `error` at most.
    #[must_use]
    pub fn estimate(&self, tolerance: Tolerance, error: f64) -> Estimate {
        let least = if self.quantile.is_some() { 1.0 } else { LEAST_EFFECT_OF_RANKS };
        Estimate::of(&self.blocks(tolerance), error, least)
    }

    fn ratio(&self) -> f64 {
        times::factor_at(|factor| {
            let all = total(&self.blocks(Tolerance::factor(factor)));
            all.of > self.level() * all.tries
        })
    }

    /// The ratios that are possible: those that the estimate does not exclude.
    fn interval(&self, error: f64) -> Interval {
        let level = self.level();
        let estimate = |factor: f64| self.estimate(Tolerance::factor(factor), error).interval;
        Interval {
            low: times::factor_at(|factor| estimate(factor).low > level),
            high: times::factor_at(|factor| estimate(factor).high > level),
        }
    }
}

pub(in crate::judge) fn first_broken(
    blocks: &[(i64, Block)],
    max: f64,
    verdict: Verdict,
) -> Option<f64> {
    let broken = |block: &Block| block.tries > 0.0 && block.of > max * block.tries;
    let first = blocks.iter().find(|(_, block)| broken(block));
    first.filter(|_| verdict == Verdict::Violated).map(|&(second, _)| second as f64)
}
