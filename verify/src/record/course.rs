//! The load over time, for drawing: outcomes and response times in stretches of equal
//! length.

use std::collections::BTreeMap;

use reports::record::CourseRecord;
use scenarios::plan::Plan;

use crate::history::{History, Sample};

/// The most stretches.
const STRETCHES: f64 = 240.0;
/// The counts of a stretch, in the order of the record.
const COUNTS: [&str; 5] = ["due", "acked", "failed", "indeterminate", "dropped"];

/// The courses of all workloads together, where there are several, and of each.
pub(super) fn courses(plan: &Plan, history: &History) -> Vec<CourseRecord> {
    let end = history.phases.last().map_or(0.0, |phase| phase.to).max(1.0);
    let width = (end / STRETCHES).ceil().max(1.0);
    let stretches = (end / width).ceil() as usize;
    let names: Vec<&str> = plan
        .workloads
        .iter()
        .map(|workload| workload.name.as_str())
        .filter(|name| history.samples.has(&format!("{name}.due")))
        .collect();
    let mut courses = Vec::new();
    if names.len() > 1 {
        courses.push(course("", &names, history, width, stretches));
    }
    courses.extend(names.iter().map(|name| course(name, &[name], history, width, stretches)));
    courses
}

fn course(
    name: &str,
    workloads: &[&str],
    history: &History,
    width: f64,
    stretches: usize,
) -> CourseRecord {
    let mut outcomes = vec![[0; 5]; stretches];
    for workload in workloads {
        for (place, count) in COUNTS.iter().enumerate() {
            let Some(samples) = history.samples.read(&format!("{workload}.{count}")) else {
                continue;
            };
            let at = |stretch: usize| value_at(&samples, stretch as f64 * width);
            for (stretch, outcome) in outcomes.iter_mut().enumerate() {
                outcome[place] += (at(stretch + 1) - at(stretch)).max(0.0) as u64;
            }
        }
    }
    let times = times(workloads, history, width, stretches);
    let steps = steps();
    let heat = times.iter().enumerate().flat_map(|(stretch, times)| {
        let mut heat: BTreeMap<u64, u64> = BTreeMap::new();
        for (&micros, &count) in times {
            let step = steps.partition_point(|step| *step < micros as f64 / 1e6);
            *heat.entry(step.min(steps.len() - 1) as u64).or_default() += count;
        }
        heat.into_iter().map(move |(step, count)| [stretch as u64, step, count])
    });
    CourseRecord {
        workload: name.to_owned(),
        width,
        outcomes,
        response: times.iter().map(quantiles).collect(),
        heat: heat.collect(),
        steps,
    }
}

/// The value of a counter at a time: its last sample by then.
fn value_at(samples: &[Sample], at: f64) -> f64 {
    let after = samples.partition_point(|sample| sample.at <= at + 1e-6);
    after.checked_sub(1).map_or(0.0, |last| samples[last].value)
}

/// Response times in microseconds with their counts, by stretch.
fn times(
    workloads: &[&str],
    history: &History,
    width: f64,
    stretches: usize,
) -> Vec<BTreeMap<u64, u64>> {
    let mut all = vec![BTreeMap::new(); stretches];
    for known in workloads.iter().filter_map(|name| history.workloads.get(*name)) {
        for (second, times) in &known.response {
            let stretch = (*second as f64 / width) as usize;
            let Some(merged) = all.get_mut(stretch) else { continue };
            for (micros, count) in times.counts() {
                *merged.entry(micros).or_default() += count;
            }
        }
    }
    all
}

/// p50, p95, p99 and the greatest, in seconds; nothing of nothing.
fn quantiles(times: &BTreeMap<u64, u64>) -> Vec<f64> {
    let all: u64 = times.values().sum();
    let Some((&max, _)) = times.last_key_value() else { return Vec::new() };
    let at = |quantile: f64| {
        let rank = (quantile * all as f64).ceil() as u64;
        let mut seen = 0;
        let reached = times.iter().find(|&(_, count)| {
            seen += count;
            seen >= rank
        });
        reached.map_or(max, |(&micros, _)| micros)
    };
    [at(0.5), at(0.95), at(0.99), max].map(|micros| micros as f64 / 1e6).to_vec()
}

/// The upper ends of the steps of response time: 1, 2 and 5 times the powers of ten from
/// 100 µs to 500 s.
fn steps() -> Vec<f64> {
    let powers = (-4..=2).map(|power| 10_f64.powi(power));
    powers.flat_map(|power| [1.0, 2.0, 5.0].map(|part| part * power)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::quantiles;

    #[test]
    fn quantiles_are_those_of_all() {
        let times = BTreeMap::from([(1_000, 94), (2_000, 4), (3_000_000, 2)]);
        assert_eq!(quantiles(&times), [0.001, 0.002, 3.0, 3.0]);
        assert!(quantiles(&BTreeMap::new()).is_empty());
    }
}
