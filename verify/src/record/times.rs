//! How long operations took until their effect, as tables: quantiles of each workload,
//! and a histogram of all.

use loadgen::Histogram;
use reports::record::TableRecord;
use scenarios::units::Unit;

use crate::history::{EffectTimes, History, Seen, Timing};
use crate::judge::clock_of_records;

/// So many steps lead beyond the longest time that is kept, an hour.
const STEPS: usize = 33;

/// The tables of every source that tells times.
pub(super) fn tables(history: &History) -> Vec<TableRecord> {
    let mut tables = Vec::new();
    for (source, seen) in &history.effects {
        let Ok(Seen { times, dead_times, .. }) = seen else { continue };
        let told = [("effect", times), ("dead letter", dead_times)];
        for (what, timing) in told.into_iter().filter_map(|(what, t)| Some((what, t.as_ref()?))) {
            tables.extend(of_source(source, what, timing));
        }
    }
    tables
}

fn of_source(source: &str, what: &str, timing: &Timing) -> Vec<TableRecord> {
    let mut all = loadgen::latency::histogram();
    let mut rows = Vec::new();
    for (workload, told) in &timing.workloads {
        let times = merged(told);
        if times.is_empty() {
            continue;
        }
        // Of the same bounds, so that nothing can be refused.
        let _ = all.add(&times);
        let quantiles = [0.5, 0.95, 0.99].map(|quantile| time(times.value_at_quantile(quantile)));
        let [p50, p95, p99] = quantiles;
        let count = Unit::Count.show(times.len() as f64);
        rows.push(vec![workload.clone(), count, p50, p95, p99, time(times.max())]);
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let clock = clock_of_records(timing).1;
    vec![
        TableRecord {
            title: format!("From when it was due to its {what}, by {source}. {clock}"),
            columns: columns(&["workload", "operations", "p50", "p95", "p99", "max"]),
            rows,
        },
        TableRecord {
            title: format!("The same as a histogram: operations by the time to their {what}"),
            columns: columns(&["up to", "operations", "share", "of all so far"]),
            rows: histogram(&all),
        },
    ]
}

fn merged(told: &EffectTimes) -> Histogram {
    let mut merged = loadgen::latency::histogram();
    for (value, count) in told.seconds.iter().flat_map(|second| second.times.counts()) {
        merged.saturating_record_n(value, count);
    }
    merged
}

fn time(micros: u64) -> String {
    Unit::Seconds.show(micros as f64 / 1e6)
}

/// A row for each step of 1, 2, 5, 10, 20 …, from the first that has some to the last.
fn histogram(times: &Histogram) -> Vec<Vec<String>> {
    let total = times.len();
    let share = |count: u64| Unit::Share.show(count as f64 / total as f64);
    let mut values = times.iter_recorded().peekable();
    let (mut rows, mut so_far) = (Vec::new(), 0);
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|step| step * 10_u64.pow(power)));
    for step in steps.take(STEPS) {
        let mut count = 0;
        // A value stands for those that the histogram cannot tell from it.
        while let Some(value) =
            values.next_if(|value| times.lowest_equivalent(value.value_iterated_to()) <= step)
        {
            count += value.count_since_last_iteration();
        }
        so_far += count;
        if so_far > 0 {
            rows.push(vec![
                time(step),
                Unit::Count.show(count as f64),
                share(count),
                share(so_far),
            ]);
        }
        if so_far == total {
            break;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::histogram;

    proptest! {
        /// Every operation is in one row, and the last row has seen them all.
        #[test]
        fn rows_add_up(micros in prop::collection::vec(1_u64..3_600_000_000, 1..200)) {
            let mut times = loadgen::latency::histogram();
            micros.iter().for_each(|&micros| times.saturating_record(micros));
            let rows = histogram(&times);
            let counts = rows.iter().map(|row| row[1].replace(',', "").parse::<usize>().unwrap());
            prop_assert_eq!(counts.sum::<usize>(), micros.len());
            prop_assert_eq!(rows.last().unwrap()[3].as_str(), "100%");
        }
    }

    #[test]
    fn steps_are_round() {
        let mut times = loadgen::latency::histogram();
        for micros in [900, 1_000, 1_500, 4_000, 4_100, 9_000] {
            times.saturating_record(micros);
        }
        let told: Vec<String> = histogram(&times).into_iter().map(|row| row.join(" ")).collect();
        assert_eq!(
            told,
            [
                "1ms 2 33.33% 33.33%",
                "2ms 1 16.67% 50%",
                "5ms 2 33.33% 83.33%",
                "10ms 1 16.67% 100%"
            ]
        );
    }
}
