//! What a finding rests on, for those who read it: its phases, how much was looked at,
//! the bound in figures, and its confidence. It decides nothing.

use loadgen::Fate;
use reports::record::{Basis, Finding, Quantiles, SpreadRecord, Verdict};
use scenarios::plan::check::{Canary, CheckKind, Figure, TimeBound};
use scenarios::plan::{Check, Plan};
use scenarios::units::{Quantity, Unit};

use super::series::{self, Series};
use super::window::Window;
use crate::history::History;

/// Says what the finding of a check rests on.
pub(super) fn fill(finding: &mut Finding, check: &Check, plan: &Plan, history: &History) {
    let mut kind = check.kind.clone();
    let statement = kind.statement();
    let phases: Vec<String> = statement.phases.iter().map(str::to_owned).collect();
    let workloads: Vec<String> = statement.workloads.iter().map(str::to_owned).collect();
    let series = statement.series().next().map(str::to_owned);
    let basis = finding.basis.get_or_insert_default();
    basis.phases = phases;
    let samples = match &check.kind {
        CheckKind::Effects(_) | CheckKind::Aggregate(_) | CheckKind::Order(_) => {
            operations(&workloads, history)
        }
        CheckKind::Bound(_)
        | CheckKind::Trend(_)
        | CheckKind::Growth(_)
        | CheckKind::Absence(_) => {
            None.or_else(|| samples(series.as_deref()?, &basis.phases, plan, history))
        }
        _ => None,
    };
    // These are judged after what they name.
    if let CheckKind::Drain(_) | CheckKind::Recovery(_) = &check.kind {
        basis.phases.clear();
    }
    if let CheckKind::Canary(Canary { figure: Figure::Latency(latency), phases, .. }) = &check.kind
    {
        let window = Window::of(plan, history, phases);
        let names = latency.workloads.iter().chain(&latency.stable);
        basis.spreads = names.filter_map(|name| spread(name, &window, history)).collect();
    }
    let counted = basis.estimates.iter().map(|estimate| estimate.count).fold(0.0, f64::max);
    (basis.samples, basis.of) = match samples {
        Some((samples, of)) => (Some(samples), of.to_owned()),
        None if counted > 0.0 => (Some(counted as u64), "requests".to_owned()),
        None => (None, String::new()),
    };
    bounds(basis, &check.kind, plan);
    // Where something is certain in the other direction there is no margin.
    if finding.verdict == Verdict::Inconclusive {
        basis.observed = None;
    }
}

/// How long answers of a workload took that were due in the window.
fn spread(name: &str, window: &Window, history: &History) -> Option<SpreadRecord> {
    let known = history.workloads.get(name)?;
    let mut times = loadgen::latency::histogram();
    for (second, counts) in &known.response {
        let at = *second as f64;
        if window.spans.iter().any(|span| span.from <= at && at < span.to) {
            for (micros, count) in counts.counts() {
                times.saturating_record_n(micros, count);
            }
        }
    }
    let at = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1e6;
    let quantiles = Quantiles {
        count: times.len(),
        mean: times.mean() / 1e6,
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        max: times.max() as f64 / 1e6,
    };
    (!times.is_empty()).then(|| SpreadRecord { name: name.to_owned(), times: quantiles })
}

/// The operations of these workloads that were acked.
fn operations(workloads: &[String], history: &History) -> Option<(u64, &'static str)> {
    let acked = |name: &String| Some(history.workloads.get(name)?.ledger.count(Fate::Acked));
    let all: Option<u64> = workloads.iter().map(acked).sum();
    all.map(|all| (all, "operations acked"))
}

/// The rounds of samples of a series in these phases.
fn samples(
    series: &str,
    phases: &[String],
    plan: &Plan,
    history: &History,
) -> Option<(u64, &'static str)> {
    if phases.is_empty() {
        return None;
    }
    let window = Window::of(plan, history, phases);
    Some((Series::of(plan, history, series).rounds(&window), "samples"))
}

/// The bound in figures, where it is one.
fn bounds(basis: &mut Basis, kind: &CheckKind, plan: &Plan) {
    let value = |quantity: Option<Quantity>| quantity.map(|quantity| quantity.value);
    let most = |most: f64, unit| (None, Some(most), Some(unit));
    (basis.least, basis.most, basis.unit) = match kind {
        CheckKind::Bound(check) => {
            let unit = series::unit(series::info(plan, &check.series).as_ref());
            (value(check.min), value(check.max), Some(unit))
        }
        CheckKind::Ratio(check) => {
            (check.min.map(|min| min.0), Some(check.max.0), Some(Unit::Share))
        }
        CheckKind::Speed(check) => most(check.max.0, Unit::PerSecond),
        CheckKind::Growth(check) => most(check.max, Unit::Count),
        CheckKind::Latency(check) => most(check.max.as_secs_f64(), Unit::Seconds),
        CheckKind::Drain(check) => most(check.within.as_secs_f64(), Unit::Seconds),
        CheckKind::Recovery(check) => most(check.within.as_secs_f64(), Unit::Seconds),
        CheckKind::EndToEnd(check) => match check.bound {
            TimeBound::Within { max, .. } => most(max.as_secs_f64(), Unit::Seconds),
            TimeBound::NotBefore(min) => (Some(min.as_secs_f64()), None, Some(Unit::Seconds)),
        },
        _ => (None, None, None),
    };
    basis.confidence = match kind {
        CheckKind::Canary(check) => Some(check.confidence.0),
        CheckKind::Trend(check) => Some(check.confidence.0),
        _ => None,
    };
}
