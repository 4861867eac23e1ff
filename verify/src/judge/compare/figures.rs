//! The figures of a workload in a phase of two runs that did not take place at the same
//! time.
//!
//! - *Errors*: the difference of two shares, as the check `canary` has it.
//! - *At a quantile p*: the confidence sequence of the share that takes longer than x
//!   leaves some x possible as the baseline's quantile (Howard & Ramdas, *Sequential
//!   estimation of quantiles with applications to A/B testing and best-arm
//!   identification*, 2022). The run breaks its bound if more than 1 − p of it certainly
//!   take longer than the greatest of these may become, and keeps it if 1 − p at most
//!   certainly take longer than the least may.
//! - *Typically*: how often an operation of the run takes longer than one of the
//!   baseline may, over all pairs (Mann & Whitney 1947). What chance does to it is the
//!   sum of what it does to the run, with the baseline as it was, and to the baseline,
//!   with the run as it was (Hoeffding, *A class of statistics with asymptotically
//!   normal distribution*, 1948: the two projections). Each has an interval of its own.
//!
//! Both intervals of a figure are wrong with half of its error at most.

use reports::record::{SeriesRecord, Verdict};
use scenarios::units::{Share, Unit};
use serde_json::json;

use super::seconds::{self, Seconds};
use super::{Asked, Side, latency_of};
use crate::judge::canary::LEAST_EFFECT_OF_RANKS;
use crate::judge::canary::estimate::{
    Difference, Estimate, FEWEST_BLOCKS, FEWEST_TRIES, Side as Lies,
};
use crate::judge::canary::latency::{allowed, first_broken, tolerance};
use crate::judge::canary::part::{Part, verdict};
use crate::judge::canary::share::told;
use crate::judge::canary::times::{self, Times, Tolerance};
use crate::judge::words;
use crate::stats::blocks::{Block, total};
use crate::stats::share::{self, Interval};

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub(super) enum Figure {
    Errors,
    Typical,
    Quantile(Share),
}

impl Figure {
    /// The last part of a finding's name.
    pub(super) fn word(self) -> String {
        match self {
            Self::Errors => "errors".to_owned(),
            Self::Typical => "typical".to_owned(),
            Self::Quantile(at) => format!("p{}", at.to_string().trim_end_matches('%')),
        }
    }

    /// Why it could not hold however good the run was: by the plans alone, in so many
    /// seconds with so many operations. Such a figure can only be violated.
    pub(super) fn too_small(
        self,
        (seconds, operations): (f64, f64),
        asked: &Asked,
        error: f64,
    ) -> Option<String> {
        if seconds < FEWEST_BLOCKS as f64 || operations < FEWEST_TRIES {
            return Some(format!(
                "{} with {} are too little to compare",
                words::seconds(seconds),
                words::plural(operations as u64, "operation")
            ));
        }
        let may = match self {
            Self::Errors => asked.more.0,
            Self::Typical => return None,
            Self::Quantile(at) => 1.0 - at.0,
        };
        let none = |operations| share::interval(0.0, operations, error / 2.0).high <= may;
        if none(operations) {
            return None;
        }
        let needed = share::needed(0.0, may, error / 2.0).unwrap_or(f64::INFINITY);
        Some(format!(
            "it takes {} operations at least, and the phase has {}",
            words::number(needed),
            words::number(operations)
        ))
    }

    pub(super) fn title(self) -> String {
        match self {
            Self::Errors => "unsuccessful operations".to_owned(),
            Self::Typical => "typical response time".to_owned(),
            Self::Quantile(_) => format!("{} of the response time", self.word()),
        }
    }

    pub(super) fn bound(self, asked: &Asked) -> String {
        match self {
            Self::Errors => format!("at most {} above the baseline", words::points(asked.more.0)),
            Self::Typical | Self::Quantile(_) => {
                let allowed = allowed(&latency_of(asked, None)).unwrap_or_default();
                format!("at most {allowed} above the baseline")
            }
        }
    }
}

/// A workload in a phase of both runs.
pub(super) struct Pairing<'a> {
    baseline: Seconds,
    run: Seconds,
    asked: &'a Asked,
    error: f64,
}

impl<'a> Pairing<'a> {
    /// As many seconds as the phase has in both.
    ///
    /// # Errors
    /// When something is missing, with the run that it is missing in.
    pub(super) fn of(
        sides: [Side<'_>; 2],
        workload: &str,
        phase: &str,
        asked: &'a Asked,
        error: f64,
    ) -> Result<Self, String> {
        let [baseline, run] = sides;
        let of = |name: &'static str| move |why: String| format!("In the {name}, {why}.");
        let length = seconds::length(baseline, phase).map_err(of("baseline"))?;
        let length = length.min(seconds::length(run, phase).map_err(of("run"))?);
        let baseline = Seconds::of(baseline, workload, phase, length).map_err(of("baseline"))?;
        let run = Seconds::of(run, workload, phase, length).map_err(of("run"))?;
        Ok(Self { baseline, run, asked, error })
    }

    /// Puts the figure of every second of the phase into its series, at the times of the
    /// run.
    pub(super) fn draw(&self, figure: Figure, name: &str, series: &mut Vec<SeriesRecord>) {
        for (label, side) in [("run", &self.run), ("baseline", &self.baseline)] {
            let values = (self.run.from..).zip(side.values(figure));
            let points = values.filter_map(|(at, value)| Some((at as f64, value?)));
            let known = series.iter().position(|one| one.name == name && one.label == label);
            let at = known.unwrap_or_else(|| {
                let unit = match figure {
                    Figure::Errors => Unit::Share,
                    Figure::Typical | Figure::Quantile(_) => Unit::Seconds,
                };
                let (name, label) = (name.to_owned(), label.to_owned());
                series.push(SeriesRecord { name, label, unit, counter: false, points: Vec::new() });
                series.len() - 1
            });
            series[at].points.extend(points);
        }
    }

    /// What a figure comes to when no host is held against a version, nor in favour of
    /// it.
    pub(super) fn judge(&self, figure: Figure) -> Part {
        let part = self.with_strays(figure, &self.baseline, &self.run);
        let starved = (self.baseline.starved(), self.run.starved());
        let awake = match (part.verdict, starved) {
            (Verdict::Inconclusive, _) | (_, (0, 0)) => return part,
            // What held though the run was starved holds.
            (Verdict::Held, (0, _)) => return part,
            (Verdict::Held, _) => self.with_strays(figure, &self.baseline.awake(), &self.run),
            (Verdict::Violated, _) => {
                self.with_strays(figure, &self.baseline.awake(), &self.run.awake())
            }
        };
        if awake.verdict == part.verdict {
            return part;
        }
        let why = format!(
            "{} But not without the seconds in which the host was starved, {} of the baseline and \
             {} of the run, as others used its processors. Repeat that run on a quiet host.",
            part.why, starved.0, starved.1
        );
        Part { verdict: Verdict::Inconclusive, why, since: None, ..part }
    }

    /// Nobody knows whose the operations were that no part of a workload answered.
    fn with_strays(&self, figure: Figure, baseline: &Seconds, run: &Seconds) -> Part {
        let part = self.weigh(figure, baseline, run);
        let worst = match (figure, part.verdict) {
            (Figure::Errors, Verdict::Held) if run.strays() > 0.0 => {
                self.weigh(figure, baseline, &run.with_strays())
            }
            (Figure::Errors, Verdict::Violated) if baseline.strays() > 0.0 => {
                self.weigh(figure, &baseline.with_strays(), run)
            }
            _ => return part,
        };
        if worst.verdict == part.verdict {
            return part;
        }
        let why = format!(
            "{} But {} without success of the run and {} of the baseline were answered by no \
             version that is known, and may be this one's.",
            part.why,
            words::number(run.strays()),
            words::number(baseline.strays())
        );
        Part { verdict: Verdict::Inconclusive, why, since: None, ..part }
    }

    fn weigh(&self, figure: Figure, baseline: &Seconds, run: &Seconds) -> Part {
        match figure {
            Figure::Errors => self.errors(baseline, run),
            Figure::Typical | Figure::Quantile(_) => self.times(figure, baseline, run),
        }
    }

    fn errors(&self, baseline: &Seconds, run: &Seconds) -> Part {
        let what = Figure::Errors.title();
        let more = self.asked.more.0;
        let sides = (run.attempted(), baseline.attempted());
        let since = sides.0.clone();
        let difference = Difference::of(&[sides], self.error);
        let (new, old) = (&difference.canary, &difference.stable);
        if new.seen.tries <= 0.0 || old.seen.tries <= 0.0 {
            return Part::open(&what, "One of the runs attempted nothing there.");
        }
        let rate = new.seen.tries / run.len() as f64;
        let lies = difference.against(more, self.error);
        let (verdict, missing) = verdict_of(lies, rate);
        let measured =
            format!("{} against {} in the baseline", told(new), words::share(old.share()));
        let why = format!(
            "{measured}, surely {} to {} more.{missing}",
            words::number(difference.interval.low * 100.0),
            words::points(difference.interval.high)
        );
        let row = json!({
            "what": what, "share": new.share(), "baseline": old.share(),
            "operations": new.seen.tries, "baseline_operations": old.seen.tries,
            "effect": new.effect, "baseline_effect": old.effect,
            "low": difference.interval.low, "high": difference.interval.high, "max": more,
        });
        let seconds = (run.from..).zip(since).collect::<Vec<_>>();
        let since = first_broken(&seconds, old.share() + more, verdict);
        Part { what, verdict, measured, why, since, row }
    }

    fn times(&self, figure: Figure, baseline: &Seconds, run: &Seconds) -> Part {
        let what = figure.title();
        let (old, new) = (Timed::of(baseline), Timed::of(run));
        for (name, side) in [("baseline", &old), ("run", &new)] {
            if side.all.is_empty() {
                return Part::open(&what, format!("The {name} has no response time there."));
            }
        }
        let quantile = match figure {
            Figure::Quantile(at) => Some(at),
            Figure::Errors | Figure::Typical => None,
        };
        let may = tolerance(&latency_of(self.asked, quantile));
        let error = self.error / 2.0;
        let found = match quantile {
            Some(at) => at_quantile(&old, &new, at.0, may, error),
            None => typically(&old, &new, may, error),
        };
        let rate = times::len(&new.all) as f64 / run.len() as f64;
        let (verdict, missing) = verdict_of(found.lies, rate);
        let measured = found.measured;
        let bound = figure.bound(self.asked);
        let why = format!("{measured}, where it may be {bound}.{missing}");
        let first = (run.from..).step_by(new.length).zip(found.blocks).collect::<Vec<_>>();
        let since = first_broken(&first, found.level, verdict);
        Part { what, verdict, measured, why, since, row: found.row }
    }
}

/// The response times of a phase: in blocks of time of so many seconds, and all.
struct Timed {
    blocks: Vec<Times>,
    length: usize,
    all: Times,
}

impl Timed {
    fn of(seconds: &Seconds) -> Self {
        let (blocks, length) = seconds.times();
        let every = blocks.iter().flatten().copied().collect::<Vec<_>>();
        let mut all = Times::new();
        // A first one that is empty makes merging put equal ones together.
        times::merge(&mut all, &[(0, 0)]);
        times::merge(&mut all, &every);
        all.retain(|&(_, count)| count > 0);
        Self { blocks, length, all }
    }

    fn above(&self, micros: f64) -> Vec<Block> {
        self.blocks.iter().map(|times| times::above(times, micros)).collect()
    }

    /// The response times in microseconds that are possible at a quantile.
    fn quantile(&self, quantile: f64, error: f64) -> Interval {
        let interval = |micros: u64| Estimate::of(&self.above(micros as f64), error, 1.0).interval;
        let below = self.all.partition_point(|&(value, _)| interval(value).low > 1.0 - quantile);
        let within = self.all.partition_point(|&(value, _)| interval(value).high > 1.0 - quantile);
        let at = |index: usize| self.all.get(index).map(|&(value, _)| value as f64);
        Interval {
            low: below.checked_sub(1).and_then(at).unwrap_or(0.0),
            high: at(within).unwrap_or(f64::INFINITY),
        }
    }

    fn ranked(&self, quantile: f64) -> f64 {
        let count = times::len(&self.all);
        let rank = (quantile * (count + 1) as f64).ceil() as u64;
        times::ranked(&self.all, rank.clamp(1, count.max(1))) as f64
    }
}

/// What comparing response times comes to.
struct Found {
    lies: Lies,
    measured: String,
    row: serde_json::Value,
    /// The run's operations, and those that count against it.
    blocks: Vec<Block>,
    /// The share of them that may.
    level: f64,
}

fn at_quantile(old: &Timed, new: &Timed, quantile: f64, may: Tolerance, error: f64) -> Found {
    let level = 1.0 - quantile;
    let before = old.quantile(quantile, error);
    let against = |micros: f64| {
        let blocks = new.above(may.of(micros));
        let estimate = Estimate::of(&blocks, error, 1.0);
        (estimate.against(level, error), estimate, blocks)
    };
    let is_short = Estimate::of(&old.above(0.0), error, 1.0).is_short;
    let (greatest, least) = (against(before.high), against(before.low));
    let (middle, estimate, blocks) = against(old.ranked(quantile));
    let lies = match (greatest.0, least.0) {
        _ if is_short => Lies::Open(None),
        (Lies::Above, _) if before.high.is_finite() => Lies::Above,
        (_, Lies::Below) => Lies::Below,
        // Both go on as so far; that the baseline is not known exactly takes as many again.
        _ => match middle {
            Lies::Open(more) => Lies::Open(more.map(|more| 2.0 * more + estimate.seen.tries)),
            Lies::Above | Lies::Below => Lies::Open(Some(estimate.seen.tries)),
        },
    };
    let time = |micros: f64| words::show(Unit::Seconds, micros / 1e6);
    let range = |interval: Interval| match interval.high {
        high if high.is_finite() => format!("{} to {}", time(interval.low), time(high)),
        _ => format!("{} or more", time(interval.low)),
    };
    let now = new.quantile(quantile, error);
    let measured = format!(
        "{} (surely {}) against {} ({}) in the baseline",
        time(new.ranked(quantile)),
        range(now),
        time(old.ranked(quantile)),
        range(before)
    );
    let row = json!({
        "quantile": quantile, "seconds": new.ranked(quantile) / 1e6,
        "low": now.low / 1e6, "high": now.high / 1e6,
        "baseline": old.ranked(quantile) / 1e6,
        "baseline_low": before.low / 1e6, "baseline_high": before.high / 1e6,
        "above": estimate.share(), "operations": estimate.seen.tries, "effect": estimate.effect,
    });
    Found { lies, measured, row, blocks, level }
}

fn typically(old: &Timed, new: &Timed, may: Tolerance, error: f64) -> Found {
    let estimates = |may: Tolerance| {
        let now: Vec<Block> =
            new.blocks.iter().map(|times| times::rank(times, &old.all, may)).collect();
        let before: Vec<Block> =
            old.blocks.iter().map(|times| times::outranked(&new.all, times, may)).collect();
        let of = |blocks: &[Block]| Estimate::of(blocks, error, LEAST_EFFECT_OF_RANKS);
        (of(&now), of(&before), now)
    };
    let interval = |may: Tolerance| {
        let (now, before, _) = estimates(may);
        let share = now.share();
        Interval {
            low: share - (share - now.interval.low) - (before.share() - before.interval.low),
            high: share + (now.interval.high - share) + (before.interval.high - before.share()),
        }
    };
    let (now, before, blocks) = estimates(may);
    let possible = interval(may);
    let level = 0.5;
    let lies = if now.is_short || before.is_short {
        Lies::Open(None)
    } else if possible.low > level {
        Lies::Above
    } else if possible.high <= level {
        Lies::Below
    } else {
        let tries = now.seen.tries.min(before.seen.tries);
        let effect = now.effect.max(before.effect);
        let halfway = f64::midpoint(level, now.share());
        let needed = share::needed(now.share(), halfway, error).map(|needed| needed * effect);
        Lies::Open(needed.map(|needed| (needed - tries).max(1.0)))
    };
    let factor = |passes: &dyn Fn(Tolerance) -> bool| {
        times::factor_at(|factor| passes(Tolerance::factor(factor)))
    };
    let ratio = factor(&|may| {
        let all = total(&[times::rank(&new.all, &old.all, may)]);
        all.of > level * all.tries
    });
    let low = factor(&|may| interval(may).low > level);
    let high = factor(&|may| interval(may).high > level);
    let measured = format!(
        "{} times the baseline's (surely {} to {})",
        words::number(ratio),
        words::number(low),
        words::number(high)
    );
    let row = json!({
        "ratio": ratio, "low": low, "high": high, "share": now.share(),
        "operations": now.seen.tries, "effect": now.effect, "baseline_effect": before.effect,
    });
    Found { lies, measured, row, blocks, level }
}

/// The verdict, with what is missing where there is none.
fn verdict_of(lies: Lies, rate: f64) -> (Verdict, String) {
    let (verdict, missing) = verdict(lies, rate);
    (verdict, missing.replace("more requests of the new version", "more operations in each run"))
}
