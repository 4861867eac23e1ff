//! Recovery: some time after a fault has healed a series is as good as in its
//! baseline again, and stays so for a while.
//!
//! Of a level the sum over its labels is compared with the baseline's median:
//! good is at most that, and the tolerance or the floor more, whichever is
//! greater, in every round for as long as it must stay good. Of what says whether
//! something is there (`up` of a health probe, `running` of processes) good is at
//! least that, less the tolerance. Of a counter its
//! speed is compared: good is at least the baseline's mean speed less the
//! tolerance, over the time that it must stay good, counted from a sample behind
//! the healing; what rose before that sample is not in it. Broken when the time
//! is up before that. Measured is the time it took. Inconclusive when the
//! baseline has no samples, or stands still where a counter should rise, when
//! the fault never healed, when the series or one of its labels is silent while
//! it must be good (or, where it never was, at any time until then), or when the
//! run ended before it could be known. A fault that a supervisor was to mend, and
//! that was watched in vain for as long as that may take, breaks it, where the series
//! is bad from then on ([`super::unhealed`]).

use scenarios::plan::check::{After, Recovery};
use scenarios::plan::{Plan, ProbeKind};
use serde_json::json;

use super::anomalies::Rows;
use super::drain;
use super::opinion::Opinion;
use super::rises;
use super::series::Series;
use super::unhealed::{self, Unhealed};
use super::window::{Span, Window};
use super::words;
use crate::history::History;
use crate::stats::median::median;

/// A series as values that are compared with a bound.
struct Judged {
    stays: Vec<Stay>,
    /// The value that is just good enough.
    limit: f64,
    /// Whether more is better.
    rises: bool,
    shown: String,
}

/// A time for which a series must stay good, from one round on.
struct Stay {
    from: f64,
    /// The round that ends it; none when the run ended first.
    to: Option<f64>,
    /// The worst that it was in that time, as far as that is known.
    value: Option<f64>,
}

impl Judged {
    fn is_bad(&self, value: f64) -> bool {
        if self.rises { value < self.limit } else { value > self.limit }
    }
}

pub(super) fn judge(check: &Recovery, plan: &Plan, history: &History) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let bound = format!(
        "as good as in {} again, within {}, {} of the healing of {}",
        check.baseline,
        words::share(check.tolerance.0),
        check.within,
        check.after
    );
    let opinion = match judged(check, plan, history, &series) {
        Err(why) => Opinion::inconclusive(&bound, why),
        Ok(judged) => match drain::start(&After::Fault(check.after.clone()), history) {
            Ok(start) => decide(check, &series, &bound, start, &judged),
            Err(why) => unhealed::of(&check.after, plan, history)
                .and_then(|unhealed| never(&series, &bound, &unhealed, &judged))
                .unwrap_or_else(|| Opinion::inconclusive(&bound, why)),
        },
    };
    opinion.drawn(&check.series, None)
}

fn judged(
    check: &Recovery,
    plan: &Plan,
    history: &History,
    series: &Series<'_>,
) -> Result<Judged, String> {
    let window = Window::of(plan, history, &[&check.baseline]);
    if let Some(why) = series.shortage(&window, 3) {
        return Err(why);
    }
    let whole = Span { from: f64::NEG_INFINITY, to: f64::INFINITY };
    if series.counter {
        let sorted = rises::sort(series, &window);
        let speed = sorted.least() / window.seconds();
        if speed <= 0.0 {
            return Err(format!("{} stands still in {}", check.series, check.baseline));
        }
        let limit = speed * (1.0 - check.tolerance.0);
        let shown = format!("{}/s", words::number(limit));
        let stays = speeds(series, check.lasting.as_secs_f64());
        return Ok(Judged { stays, limit, rises: true, shown });
    }
    let levels: Vec<f64> =
        window.spans.iter().flat_map(|&span| series.levels(span)).map(|l| l.1).collect();
    let base = median(&levels).ok_or_else(|| format!("{} has no baseline", check.series))?;
    if is_presence(plan, &check.series) {
        if base <= 0.0 {
            return Err(format!("{} was 0 in {}", check.series, check.baseline));
        }
        let limit = base * (1.0 - check.tolerance.0);
        let shown = words::show(series.unit, limit);
        let levels = series.levels(whole);
        let stays = worst_levels(&levels, check.lasting.as_secs_f64(), f64::min);
        return Ok(Judged { stays, limit, rises: true, shown });
    }
    let more = (base.abs() * check.tolerance.0).max(check.floor.map_or(0.0, |floor| floor.value));
    let limit = base + more;
    let shown = words::show(series.unit, limit);
    let stays = worst_levels(&series.levels(whole), check.lasting.as_secs_f64(), f64::max);
    Ok(Judged { stays, limit, rises: false, shown })
}

/// How fast a counter rises from each of its rounds on, for as long as it must
/// stay good: the rises between that round and the first one behind the time.
/// What was counted before is not in it.
fn speeds(series: &Series<'_>, lasting: f64) -> Vec<Stay> {
    let whole = Span { from: f64::NEG_INFINITY, to: f64::INFINITY };
    let times: Vec<f64> = series.rounds_of(whole).map(|round| round[round.len() - 1].at).collect();
    let all = rises::of(series);
    let least = lasting.max(series.gap);
    let stay = |index: usize| {
        let from = times[index];
        let end = index + times[index..].partition_point(|&at| at < from + least - 1e-9);
        let to = times.get(end).copied();
        let value = to.map(|to| {
            let first = all.partition_point(|rise| rise.at <= from);
            let within = all[first..].iter().take_while(|rise| rise.at <= to);
            let rose: f64 =
                within.filter(|rise| rise.from >= from - 1e-9).map(|rise| rise.amount).sum();
            rose / (to - from)
        });
        Stay { from, to, value }
    };
    (0..times.len()).map(stay).collect()
}

/// Whether a series says that something is there, so that more is better.
fn is_presence(plan: &Plan, series: &str) -> bool {
    plan.probes.iter().any(|probe| {
        let name = match probe.kind {
            ProbeKind::Health { .. } => "up",
            ProbeKind::Process { .. } => "running",
            ProbeKind::Pods { .. } => "ready",
            _ => return false,
        };
        series.strip_prefix(probe.name.as_str()).and_then(|rest| rest.strip_prefix('.'))
            == Some(name)
    })
}

/// The worst level from each round on, for as long as it must stay good.
fn worst_levels(levels: &[(f64, f64)], lasting: f64, worse: fn(f64, f64) -> f64) -> Vec<Stay> {
    let stay = |index: usize| {
        let from = levels[index].0;
        let length = levels[index..].partition_point(|&(at, _)| at < from + lasting - 1e-9);
        let to = levels.get(index + length).map(|&(at, _)| at);
        let within = levels[index..].iter().take(length + 1).map(|&(_, level)| level);
        // One that is bad settles it, whatever comes behind the last round.
        Stay { from, to, value: within.reduce(worse) }
    };
    (0..levels.len()).map(stay).collect()
}

fn decide(
    check: &Recovery,
    series: &Series<'_>,
    bound: &str,
    start: f64,
    judged: &Judged,
) -> Opinion {
    let until = start + check.within.as_secs_f64();
    if let Some(flaw) = series.flaw() {
        return Opinion::inconclusive(bound, flaw);
    }
    let mut unknown = None;
    let mut known_to = f64::NEG_INFINITY;
    for stay in judged.stays.iter().filter(|stay| (start..=until).contains(&stay.from)) {
        if stay.value.is_some_and(|value| judged.is_bad(value)) {
            known_to = stay.from;
            continue;
        }
        let Some(to) = stay.to else {
            unknown.get_or_insert_with(|| "The run ended before it had stayed so for long enough: let the last phase be longer, or the time shorter.".to_owned());
            continue;
        };
        let span = Span { from: stay.from, to };
        if let Some(why) = hole(series, span) {
            unknown.get_or_insert(why);
            continue;
        }
        // What nobody saw before may have been good earlier; that it is good now
        // stands.
        let took = words::seconds(stay.from - start);
        let why = format!(
            "{} was at {} or better {took} after the fault had healed.",
            series.name, judged.shown
        );
        return Opinion::held(bound, took, why).reached(stay.from - start);
    }
    let measured = format!("not after {}", words::seconds((known_to.min(until) - start).max(0.0)));
    let watched = Span { from: start, to: until };
    let last = judged.stays.last().map_or(f64::NEG_INFINITY, |stay| stay.from);
    if last < until - series.unbroken() {
        let why = "The run ended before the time was up: let the last phase be longer, or the time shorter.";
        return Opinion::doubtful(bound, measured, why);
    }
    if let Some(why) = hole(series, watched).or(unknown) {
        return Opinion::doubtful(bound, measured, why);
    }
    let why = format!(
        "{} had not come back to {} when the time was up, or not to stay.",
        series.name, judged.shown
    );
    let bad = judged.stays.iter().filter(|stay| (start..=until).contains(&stay.from));
    let rows = bad.map(|stay| json!({ "at": stay.from, "value": stay.value }));
    Opinion::violated(bound, measured, why).since(Some(until)).rows(Rows::listed(rows))
}

/// What it comes to that the fault never healed: nothing, where the series was good
/// all the same, or nobody knows.
fn never(
    series: &Series<'_>,
    bound: &str,
    unhealed: &Unhealed,
    judged: &Judged,
) -> Option<Opinion> {
    let watched = unhealed.watched;
    // What was seen at that moment may have been there before it.
    let settled = watched.from + series.unbroken();
    let later = || judged.stays.iter().filter(|stay| stay.from > settled);
    let known = || later().filter_map(|stay| Some((stay.from, stay.value?)));
    let (last, _) = known().next_back()?;
    if series.flaw().is_some()
        || hole(series, Span { from: settled, to: watched.to }).is_some()
        || last < watched.to - series.unbroken()
        || known().any(|(_, value)| !judged.is_bad(value))
    {
        return None;
    }
    let measured = format!("not after {}", words::seconds(last - watched.from));
    let why = format!("{} {} did not come back to {}.", unhealed.why, series.name, judged.shown);
    let rows = known().map(|(at, value)| json!({ "at": at, "value": value }));
    let rows = Rows::listed(rows);
    Some(Opinion::violated(bound, measured, why).since(Some(watched.to)).rows(rows))
}

/// Why nobody knows what a series did within a span, if there is a hole in it.
fn hole(series: &Series<'_>, span: Span) -> Option<String> {
    let silent = series.silence(span);
    if silent > 0.0 {
        let silent = words::seconds(silent);
        let reason = format!("{} has no samples for {silent} after the fault", series.name);
        return Some(series.explain(&reason, span));
    }
    series.lost_label(span).map(|why| series.explain(&why, span))
}
