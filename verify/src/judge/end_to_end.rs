//! End to end: how long operations take from when they were due until they have
//! their effect, by the time that stands in its record.
//!
//! *Within*: of every operation that was due in the phases and acknowledged,
//! without poison, the share `quantile` had its effect within `max`. One without
//! an effect did not have it in time. The quantile is taken over the operations of
//! all the phases together; percentiles are never averaged. *Not before*: no
//! operation was given up sooner than `min` after it was due, as one that is tried
//! again after pauses cannot be.
//!
//! The times are told by whoever writes the records. Where it is known how their
//! clock compares with that of the run's machine, they are corrected, and what is
//! left of the error widens the bound both ways: where it decides, there is no
//! verdict. An effect before its operation was due proves that the clocks differ, and
//! so does one that is of later than its reading; then there is none either, unless
//! even that much does not matter.
//!
//! Inconclusive with fewer operations than prove anything of the quantile
//! ([`crate::stats::proportion`]: 59 for 95 %), with effects whose record has no time where those decide, and without
//! any times.

use loadgen::Histogram;
use scenarios::plan::Plan;
use scenarios::plan::check::{EndToEnd, TimeBound, Timed};
use scenarios::units::Unit;
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::window::Window;
use super::words;
use crate::history::{EffectTimes, History, TimedSecond, Timing};
use crate::stats::proportion::fewest_for_quantile;

pub(super) fn judge(check: &EndToEnd, plan: &Plan, history: &History) -> Opinion {
    let bound = match check.bound {
        TimeBound::Within { max, .. } => {
            format!("at most {}", words::show(Unit::Seconds, max.as_secs_f64()))
        }
        TimeBound::NotBefore(min) => {
            format!("at least {}", words::show(Unit::Seconds, min.as_secs_f64()))
        }
    };
    let window = Window::of(plan, history, &check.phases).without(&history.apart);
    if let Some(missing) = &window.missing {
        return Opinion::inconclusive(&bound, missing.clone());
    }
    match Times::of(check, history, &window) {
        Ok(times) => match check.bound {
            TimeBound::Within { quantile, max } => {
                times.within(&bound, &window, quantile.0, micros(max.0))
            }
            TimeBound::NotBefore(min) => times.not_before(&bound, &window, micros(min.0)),
        },
        Err(why) => Opinion::inconclusive(&bound, why),
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How far the times of records may be off either way, in microseconds, and what is known
/// of their clock, in words.
pub fn clock_of_records(timing: &Timing) -> (u64, String) {
    // Records are written with milliseconds, as a rule cut off.
    let Some(clock) = timing.clock else {
        return (1_000, "The times are those of whoever wrote the records.".to_owned());
    };
    let error = (clock.error_ms * 1e3).ceil() as u64 + 1_000;
    let side = if clock.offset_ms < 0.0 { "behind" } else { "ahead of" };
    let offset = words::show(Unit::Seconds, clock.offset_ms.abs() / 1e3);
    let either = words::show(Unit::Seconds, error as f64 / 1e6);
    (error, format!("The clock of the records is {offset} {side} ours, ± {either}."))
}

/// The times that are judged.
struct Times {
    seconds: Vec<TimedSecond>,
    /// Effects without a time, of any phase.
    untimed: u64,
    /// How far a time may be off either way, in microseconds.
    error: u64,
    /// By how much more every time may be too short, in microseconds.
    early: u64,
    /// By how much more every time may be too long, in microseconds.
    late: u64,
    /// Why what has no effect may still have one, if it may.
    blind: Option<String>,
    /// What is known of the clocks.
    clock: String,
}

impl Times {
    fn of(check: &EndToEnd, history: &History, window: &Window) -> Result<Self, String> {
        let source = &check.source;
        let seen = match history.effects.get(source) {
            Some(Ok(seen)) => seen,
            Some(Err(why)) => return Err(format!("{source} could not be read: {why}.")),
            None => return Err(format!("{source} was never read; let the run come to its end.")),
        };
        let timing = match check.of {
            Timed::Effects => &seen.times,
            Timed::DeadLetters => &seen.dead_times,
        };
        let timing = match timing {
            Some(Timing { trouble: Some(why), .. }) => {
                return Err(format!("The times of {source} could not be read: {why}."));
            }
            Some(timing) => timing,
            None => return Err(format!("The record of the run has no times of {source}.")),
        };
        let told: Vec<&EffectTimes> =
            check.workloads.iter().filter_map(|name| timing.workloads.get(name)).collect();
        let is_in = |second: &&TimedSecond| {
            i64::try_from(second.second).is_ok_and(|second| {
                window.spans.iter().any(|span| span.whole_seconds().contains(&second))
            })
        };
        let seconds = told.iter().flat_map(|told| told.seconds.iter().filter(is_in)).cloned();
        let mut seconds: Vec<TimedSecond> = seconds.collect();
        seconds.sort_by_key(|second| second.second);
        let early = told.iter().map(|told| told.earliest_us).max().unwrap_or(0);
        let (error, clock) = clock_of_records(timing);
        // How far a clock is ahead that is ahead nobody knows; but nothing takes less
        // than no time.
        let late = told.iter().map(|told| told.latest_us).max().unwrap_or(0);
        let all = told.iter().flat_map(|told| &told.seconds).flat_map(|s| s.times.counts());
        let least = all.map(|(value, _)| value).min().unwrap_or(0);
        let late = if late > error { late.max(least) } else { 0 };
        Ok(Self {
            seconds,
            untimed: told.iter().map(|told| told.untimed).sum(),
            error,
            early: early.saturating_sub(error),
            late,
            blind: seen.blind.clone(),
            clock,
        })
    }

    /// What proves that the clocks differ, if something does.
    fn clocks_differ(&self) -> Option<String> {
        let show = |by: u64| words::show(Unit::Seconds, (by + self.error) as f64 / 1e6);
        match (self.early, self.late) {
            (0, 0) => None,
            (0, late) => Some(format!(
                "Some are of later than they were read, so the clocks differ, by up to {}.",
                show(late)
            )),
            (early, _) => Some(format!(
                "Effects came up to {} before their operations were due, so the clocks differ.",
                show(early)
            )),
        }
    }

    fn acked(&self) -> u64 {
        self.seconds.iter().map(|second| second.acked).sum()
    }

    fn merged(&self) -> Histogram {
        let mut merged = loadgen::latency::histogram();
        for (value, count) in self.seconds.iter().flat_map(|second| second.times.counts()) {
            merged.saturating_record_n(value, count);
        }
        merged
    }

    fn within(&self, bound: &str, window: &Window, quantile: f64, max: u64) -> Opinion {
        let (acked, merged) = (self.acked(), self.merged());
        let needed = fewest_for_quantile(quantile);
        if acked < needed {
            let why = format!(
                "Only {} of {} were acknowledged; {} of the time needs {}.",
                words::plural(acked, "operation"),
                window.names(),
                words::share(quantile),
                words::count(needed)
            );
            return Opinion::inconclusive(bound, why);
        }
        let below = |limit: u64| merged.count_between(0, limit);
        // A time before its operation was due counts as 0, which no time is then known
        // to be.
        let sure = max.checked_sub(self.error + self.early).map_or(0, below);
        let missing = acked.saturating_sub(merged.len());
        let without = if self.blind.is_some() { missing } else { missing.min(self.untimed) };
        let latest = max.saturating_add(self.error).saturating_add(self.late);
        let most = (below(latest) + without).min(acked);
        let rank = (quantile * acked as f64 - 1e-9).ceil() as u64;
        let value = (rank <= merged.len() && rank > 0)
            .then(|| merged.value_at_quantile(rank as f64 / merged.len() as f64) as f64 / 1e6);
        let measured = match value {
            Some(value) => words::show(Unit::Seconds, value),
            None => format!("{} ever", words::share(merged.len() as f64 / acked as f64)),
        };
        let why = format!(
            "Of {} that were due in {} and acknowledged, {} took effect within {}. {}",
            words::plural(acked, "operation"),
            window.names(),
            words::share(below(max) as f64 / acked as f64),
            words::show(Unit::Seconds, max as f64 / 1e6),
            self.clock
        );
        let opinion = if sure >= rank {
            Opinion::held(bound, measured, why)
        } else if most >= rank {
            let doubt = if let Some(doubt) = self.clocks_differ() {
                doubt
            } else if let Some(blind) = &self.blind {
                format!("{blind}.")
            } else if without > 0 {
                format!("{} have no time in their record.", words::plural(without, "effect"))
            } else {
                "It hangs on the error of the clocks.".to_owned()
            };
            Opinion::doubtful(bound, measured, format!("{why} {doubt}"))
        } else {
            self.too_late(bound, measured, why, max)
        };
        opinion.reached(value)
    }

    fn too_late(&self, bound: &str, measured: String, why: String, max: u64) -> Opinion {
        let late = |second: &TimedSecond| {
            let limit = max.saturating_add(self.error).saturating_add(self.late);
            let quick = second.times.counts().filter(|(value, _)| *value <= limit);
            second.acked.saturating_sub(quick.map(|(_, count)| count).sum())
        };
        let mut worst: Vec<(&TimedSecond, u64)> = self
            .seconds
            .iter()
            .map(|second| (second, late(second)))
            .filter(|(_, late)| *late > 0)
            .collect();
        let since = worst.first().map(|(second, _)| second.second as f64);
        let rows = worst.iter().map(|(second, late)| {
            json!({ "second": second.second, "acked": second.acked, "not_in_time": late })
        });
        let rows = Rows::listed(rows);
        worst.sort_by(|(a, late_a), (b, late_b)| late_b.cmp(late_a).then(a.second.cmp(&b.second)));
        let shown = worst.into_iter().take(5).map(|(second, late)| {
            let seen =
                format!("{} of {} not in time", words::count(late), words::count(second.acked));
            evidence(format!("due in second {}", second.second), seen, Some(second.second as f64))
        });
        Opinion::violated(bound, measured, why).since(since).evidence(shown).rows(rows)
    }

    fn not_before(&self, bound: &str, window: &Window, min: u64) -> Opinion {
        let merged = self.merged();
        if merged.is_empty() {
            let why = match self.untimed {
                0 => format!("Nothing that was due in {} was given up.", window.names()),
                some => {
                    format!("{} have no time in their record.", words::plural(some, "dead letter"))
                }
            };
            return Opinion::inconclusive(bound, why);
        }
        let least = merged.min();
        let measured = words::show(Unit::Seconds, least as f64 / 1e6);
        let limit = min.saturating_sub(self.error + self.early);
        let soon = if limit == 0 { 0 } else { merged.count_between(0, limit - 1) };
        let sure = min.saturating_add(self.error).saturating_add(self.late);
        let sure = merged.count_between(0, sure.saturating_sub(1));
        let sooner = match (soon, sure) {
            (0, 0) => "none was".to_owned(),
            (0, some) => format!("{} may have been", words::count(some)),
            (1, _) => "1 was".to_owned(),
            (some, _) => format!("{} were", words::count(some)),
        };
        let why = format!(
            "Of {} that were due in {}, {sooner} given up sooner. {}",
            words::plural(merged.len(), "operation"),
            window.names(),
            self.clock
        );
        let opinion = if soon > 0 {
            let since = self
                .seconds
                .iter()
                .find(|second| second.times.counts().any(|(value, _)| value < limit));
            let since = since.map(|second| second.second as f64);
            let shown =
                since.map(|at| evidence(format!("due in second {at}"), measured.clone(), Some(at)));
            Opinion::violated(bound, measured, why).since(since).evidence(shown)
        } else if sure > 0 || self.untimed > 0 {
            let doubt = match self.untimed {
                0 => self
                    .clocks_differ()
                    .unwrap_or_else(|| "It hangs on the error of the clocks.".to_owned()),
                some => format!("{} have no time.", words::plural(some, "dead letter")),
            };
            Opinion::doubtful(bound, measured, format!("{why} {doubt}"))
        } else {
            Opinion::held(bound, measured, why)
        };
        opinion.reached(least as f64 / 1e6)
    }
}
