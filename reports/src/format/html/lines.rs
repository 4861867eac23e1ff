//! The lines of a series: levels as they are, counters as rates, gaps as gaps.

use crate::record::{Record, SeriesRecord};
use scenarios::series::WORKLOAD;

/// So many usual distances without a sample are a gap.
const GAP: f64 = 3.5;
/// Points of a rate at most.
const RATES: f64 = 200.0;

/// Whether a series is a counter: as the record says, and in older ones as the counts of
/// workloads are. An offset can be set back, and yet its rise is what tells.
pub(super) fn is_counter(record: &Record, series: &SeriesRecord) -> bool {
    series.counter || series.name.ends_with("_offset") || is_of_workload(record, &series.name)
}

/// Whether a series is a count of a workload's operations, which the load's charts show.
pub(super) fn is_of_workload(record: &Record, name: &str) -> bool {
    let Some((owner, last)) = name.rsplit_once('.') else { return false };
    WORKLOAD.iter().any(|info| info.name == last)
        && record.workloads.iter().any(|workload| workload.name == owner)
}

/// The finite points of a series with a point that is not a number in each gap.
pub(super) fn levels(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let usual = usual(points);
    let mut out = Vec::with_capacity(points.len());
    let mut last = f64::NAN;
    for &(at, value) in points {
        if !at.is_finite() || !value.is_finite() || at - last > GAP * usual {
            out.push((f64::NAN, f64::NAN));
        }
        if at.is_finite() && value.is_finite() {
            out.push((at, value));
            last = at;
        }
    }
    out
}

/// How fast a counter rises, a second, at the end of each stretch. Where it falls it began
/// again, and where it has no samples nobody knows: both are gaps.
pub(super) fn rates(points: &[(f64, f64)], length: f64) -> Vec<(f64, f64)> {
    let usual = usual(points);
    let least = (length / RATES).max(usual * 0.9).max(0.2);
    let mut out = Vec::new();
    let mut from: Option<(f64, f64)> = None;
    for &(at, value) in points {
        if !at.is_finite() || !value.is_finite() {
            continue;
        }
        let Some((before, base)) = from else {
            from = Some((at, value));
            continue;
        };
        let time = at - before;
        if value < base || time > (GAP * usual).max(2.0 * least) {
            out.push((f64::NAN, f64::NAN));
            from = Some((at, value));
        } else if time >= least {
            if out.last().is_none_or(|last: &(f64, f64)| !last.0.is_finite()) {
                out.push((before, (value - base) / time));
            }
            out.push((at, (value - base) / time));
            from = Some((at, value));
        }
    }
    out
}

/// How much a counter has risen since its first sample.
pub(super) fn so_far(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut levels = levels(points);
    let first = levels.iter().map(|point| point.1).find(|value| value.is_finite());
    levels.iter_mut().for_each(|point| point.1 -= first.unwrap_or(0.0));
    levels
}

/// The usual distance of two points: the median.
fn usual(points: &[(f64, f64)]) -> f64 {
    let mut apart: Vec<f64> = points
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .filter(|apart| apart.is_finite() && *apart > 0.0)
        .collect();
    apart.sort_by(f64::total_cmp);
    apart.get(apart.len() / 2).copied().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_a_rate_and_a_restart_a_gap() {
        let mut points: Vec<(f64, f64)> =
            (0..10).map(|n| (f64::from(n), f64::from(n) * 5.0)).collect();
        points.extend((10..15).map(|n| (f64::from(n), f64::from(n - 10))));
        let rates = rates(&points, 15.0);
        assert_eq!(rates[0], (0.0, 5.0));
        assert_eq!(rates[9], (9.0, 5.0));
        assert!(rates[10].0.is_nan());
        assert_eq!(rates.last(), Some(&(14.0, 1.0)));
    }

    #[test]
    fn silence_is_a_gap() {
        let points = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (9.0, 1.0)];
        let levels = levels(&points);
        assert_eq!(levels.len(), 5);
        assert!(levels[3].0.is_nan());
    }
}
