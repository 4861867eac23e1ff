//! Growth: a series does not grow with the operations.
//!
//! The level before is the median of the baseline phase's samples, the level
//! after the median over the last quarter of the later phase (its last five
//! samples, if the quarter holds fewer): medians, so that the dip of a process
//! that is just being replaced does not count. The rise between them, for
//! every `per` operations attempted meanwhile, is at most `max`. A fall holds.
//! The rise must exceed `max` as a whole, too, which it does with `per`
//! operations or more. Evidence: both levels, the operations, and the
//! connections that grew the most. Inconclusive with fewer than three samples
//! on a side, samples that end before the phase does, or fewer than `per`
//! operations.

use scenarios::plan::Plan;
use scenarios::plan::check::Growth;

use super::anomalies::Rows;
use super::counts::Counts;
use super::guilty::Guilty;
use super::opinion::{Opinion, evidence};
use super::series::Series;
use super::window::{Span, Window};
use super::words;
use crate::history::History;
use crate::stats::median::median;

/// The fewest samples that make a level.
const FEWEST: usize = 3;
/// The samples that make the level after, where a quarter of the phase has
/// fewer.
const ENOUGH: usize = 5;

pub(super) fn judge(check: &Growth, plan: &Plan, history: &History) -> Opinion {
    let per = words::count(check.per);
    let bound = format!("at most {} per {per}", words::number(check.max));
    match weigh(check, plan, history) {
        Ok(weighed) => decide(check, plan, history, &weighed, &bound),
        Err(why) => Opinion::inconclusive(&bound, why).drawn(&check.series, None),
    }
}

/// The figures of the verdict.
struct Weighed {
    before: f64,
    after: f64,
    operations: f64,
    baseline: Span,
    until: Span,
}

fn weigh(check: &Growth, plan: &Plan, history: &History) -> Result<Weighed, String> {
    let series = Series::of(plan, history, &check.series);
    let window = Window::of(plan, history, &[&check.baseline, &check.until]);
    if let Some(missing) = &window.missing {
        return Err(missing.clone());
    }
    let span = |name: &str| {
        let found = window.phases.iter().find(|(phase, _)| phase == name);
        found.map(|&(_, span)| span).ok_or_else(|| format!("phase {name} did not take place"))
    };
    let (baseline, until) = (span(&check.baseline)?, span(&check.until)?);
    if let Some(why) = series.shortage(&Window::of(plan, history, &[&check.baseline]), 0) {
        return Err(why);
    }
    let before = level(&series, &series.levels(baseline), &check.baseline, baseline)?;
    let all = series.levels(until);
    if all.last().is_none_or(|&(at, _)| until.to - at > series.unbroken()) {
        let reason = format!("{} has no samples at the end of phase {}", series.name, check.until);
        return Err(series.explain(&reason, until));
    }
    let quarter = until.to - until.seconds() / 4.0;
    let start = all.partition_point(|&(at, _)| at < quarter).min(all.len().saturating_sub(ENOUGH));
    let after = level(&series, &all[start..], &check.until, until)?;
    let meanwhile = Span { from: baseline.to, to: until.to };
    let mut operations = 0.0;
    for workload in &check.workloads {
        let due = Counts::of(history, workload, "due").rise(meanwhile)?;
        operations += due - Counts::of(history, workload, "dropped").rise(meanwhile)?;
    }
    if operations < check.per as f64 {
        return Err(format!(
            "only {} were attempted; a verdict needs {}. Raise the rate or the duration",
            words::plural(operations.max(0.0) as u64, "operation"),
            words::count(check.per)
        ));
    }
    Ok(Weighed { before, after, operations, baseline, until })
}

fn level(
    series: &Series<'_>,
    samples: &[(f64, f64)],
    phase: &str,
    span: Span,
) -> Result<f64, String> {
    let values: Vec<f64> = samples.iter().map(|&(_, value)| value).collect();
    if values.len() < FEWEST {
        let found = words::plural(values.len() as u64, "sample");
        let reason = format!(
            "{} has {found} where phase {phase} is measured, and a level needs {FEWEST}",
            series.name
        );
        return Err(series.explain(&reason, span));
    }
    match median(&values).filter(|level| level.is_finite() && values.iter().all(|v| v.is_finite()))
    {
        Some(level) => Ok(level),
        None => {
            let reason = format!("{} is not a number in phase {phase}", series.name);
            Err(series.explain(&reason, span))
        }
    }
}

fn decide(
    check: &Growth,
    plan: &Plan,
    history: &History,
    weighed: &Weighed,
    bound: &str,
) -> Opinion {
    let series = Series::of(plan, history, &check.series);
    let per = words::count(check.per);
    let portions = weighed.operations / check.per as f64;
    let rise = weighed.after - weighed.before;
    let growth = rise / portions;
    let allowed = weighed.before + check.max * portions;
    let show = |value| words::show(series.unit, value);
    let measured = format!("{} per {per}", words::number(growth));
    let operations = words::plural(weighed.operations as u64, "operation");
    let why = format!(
        "{} went from {} in {} to {} at the end of {} over {operations}: {} for every {per}.",
        series.name,
        show(weighed.before),
        check.baseline,
        show(weighed.after),
        check.until,
        words::signed(series.unit, growth),
    );
    let levels = [
        evidence(
            format!("{} in {}", series.name, check.baseline),
            show(weighed.before),
            Some(weighed.baseline.to),
        ),
        evidence(
            format!("{} at the end of {}", series.name, check.until),
            show(weighed.after),
            Some(weighed.until.to),
        ),
        evidence("operations attempted in between", words::count(weighed.operations as u64), None),
    ];
    let opinion = if growth > check.max && rise > check.max {
        let meanwhile = series.levels(Span { from: weighed.baseline.to, to: weighed.until.to });
        // The rise began with the last stretch above what the run may add.
        let last_below = meanwhile.iter().rposition(|&(_, level)| level <= allowed);
        let since = meanwhile.get(last_below.map_or(0, |index| index + 1)).map(|&(at, _)| at);
        let guilty = Guilty::of(&check.series, plan, history, weighed.baseline, weighed.until);
        Opinion::violated(bound, measured, why)
            .since(since)
            .evidence(levels)
            .evidence(guilty.evidence())
            .rows(Rows::Listed(guilty.rows()))
    } else {
        Opinion::held(bound, measured, why).evidence(levels)
    };
    opinion.drawn(&check.series, Some(allowed)).reached(growth)
}
