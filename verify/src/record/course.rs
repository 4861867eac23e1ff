//! The load over time, for drawing: outcomes and response times in stretches of equal
//! length.

use loadgen::course::{STRETCHES, Times, heat, quantiles, steps};
use reports::record::CourseRecord;
use scenarios::plan::Plan;

use crate::history::{History, Sample};

/// The counts of a stretch, in the order of the record.
const COUNTS: [&str; 5] = ["due", "acked", "failed", "indeterminate", "dropped"];

/// The courses of all workloads together, where there are several, and of each.
pub(super) fn courses(plan: &Plan, history: &History) -> Vec<CourseRecord> {
    let end = history.phases.last().map_or(0.0, |phase| phase.to).max(1.0);
    let width = (end / STRETCHES as f64).ceil().max(1.0);
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
    CourseRecord {
        workload: name.to_owned(),
        width,
        outcomes,
        response: times.iter().map(quantiles).collect(),
        steps: steps(),
        heat: heat(times.iter()),
    }
}

/// The value of a counter at a time: its last sample by then.
fn value_at(samples: &[Sample], at: f64) -> f64 {
    let after = samples.partition_point(|sample| sample.at <= at + 1e-6);
    after.checked_sub(1).map_or(0.0, |last| samples[last].value)
}

/// Response times in microseconds with their counts, by stretch.
fn times(workloads: &[&str], history: &History, width: f64, stretches: usize) -> Vec<Times> {
    let mut all = vec![Times::new(); stretches];
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
