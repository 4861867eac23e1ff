//! How long operations took until they had their effect, by the second in which
//! each was due, from the times that stand in the records.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use loadgen::{Fate, Histogram, Ledger};
use roaring::RoaringTreemap;

use super::offered::{Offered, Operations};
use crate::clock;
use crate::history::{EffectTimes, TimedSecond, Times};

/// Takes down times.
pub struct Reader<'a> {
    offered: &'a Offered,
    workloads: BTreeMap<&'a str, Workload<'a>>,
    /// How far the clock of the records is before ours, in microseconds.
    offset: i64,
    /// Says which values fall into one bucket.
    buckets: Histogram,
}

struct Workload<'a> {
    operations: &'a Operations,
    acked: RoaringTreemap,
    seen: RoaringTreemap,
    seconds: BTreeMap<u64, BTreeMap<u64, u64>>,
    untimed: u64,
    early: u64,
    /// The most by which an effect came before its operation was due, in
    /// microseconds.
    earliest: u64,
    /// The most by which an effect's time lies behind that of its reading, in
    /// microseconds.
    latest: u64,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing. Timed is what was acknowledged; poison is
    /// not meant to take effect, and `has_poison` says whether it counts, as it
    /// does among dead letters. `offset` is how far the clock by which the
    /// records tell their times is before that of this machine, in microseconds.
    pub fn new(
        offered: &'a Offered,
        ledgers: &BTreeMap<&str, &Ledger>,
        has_poison: bool,
        offset: i64,
    ) -> Self {
        let of = |(name, operations): (&'a String, &'a Operations)| {
            let acked = ledgers.get(name.as_str())?.of(Fate::Acked).clone();
            let acked = match has_poison {
                true => acked,
                false => acked.iter().filter(|&seq| !operations.shape.is_poison(seq)).collect(),
            };
            let workload = Workload {
                operations,
                acked,
                seen: RoaringTreemap::new(),
                seconds: BTreeMap::new(),
                untimed: 0,
                early: 0,
                earliest: 0,
                latest: 0,
            };
            Some((name.as_str(), workload))
        };
        let workloads = offered.workloads.iter().filter_map(of).collect();
        Self { offered, workloads, offset, buckets: loadgen::latency::histogram() }
    }

    /// Takes down one effect with the time that stands with it. What is no
    /// identity of this run is nobody's business, and of an operation the first
    /// effect counts.
    pub fn take(&mut self, text: &str, time: Option<&str>) {
        let Some(id) = loadgen::identity::parse(text.as_bytes()) else { return };
        if id.run != self.offered.run {
            return;
        }
        let Some(workload) = self.workloads.get_mut(id.workload) else { return };
        let seq = id.sequence;
        if !workload.acked.contains(seq) || !workload.seen.insert(seq) {
            return;
        }
        let due = workload.operations.schedule.due(seq);
        let at = time.and_then(unix_micros);
        let (Some(due), Some(at)) = (due, at) else {
            workload.untimed += 1;
            return;
        };
        let due_at = micros(self.offered.zero + due);
        let at = at.saturating_sub(self.offset);
        let took = at.saturating_sub(due_at);
        // What is read was written before.
        let now = micros(clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default());
        workload.latest = workload.latest.max(at.saturating_sub(now).max(0).unsigned_abs());
        if took < 0 {
            workload.early += 1;
            workload.earliest = workload.earliest.max(took.unsigned_abs());
        }
        let bucket = self.buckets.highest_equivalent(took.max(0).unsigned_abs());
        let second = workload.seconds.entry(due.as_secs()).or_default();
        *second.entry(bucket).or_default() += 1;
    }

    /// What was read, by workload. Every second in which an acknowledged operation
    /// was due is there, or, if `of_seen` alone is asked for, every one of which
    /// something was read.
    #[must_use]
    pub fn finish(self, of_seen: bool) -> BTreeMap<String, EffectTimes> {
        let told = self.workloads.into_iter().map(|(name, workload)| {
            let counted = if of_seen { &workload.seen } else { &workload.acked };
            let mut acked: BTreeMap<u64, u64> = BTreeMap::new();
            for due in counted.iter().filter_map(|seq| workload.operations.schedule.due(seq)) {
                *acked.entry(due.as_secs()).or_default() += 1;
            }
            let seconds = acked.into_iter().map(|(second, acked)| {
                let times = workload.seconds.get(&second);
                let counts = times.into_iter().flatten().map(|(&value, &count)| (value, count));
                TimedSecond { second, acked, times: Times::from_counts(counts.collect()) }
            });
            let told = EffectTimes {
                seconds: seconds.collect(),
                untimed: workload.untimed,
                early: workload.early,
                earliest_us: workload.earliest,
                latest_us: workload.latest,
            };
            (name.to_owned(), told)
        });
        told.collect()
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// A time as records tell it, as Unix time in microseconds: a number of seconds,
/// milliseconds, microseconds or nanoseconds, told apart by its size, as one of
/// 1973 to 5138 has its own in each, or a time of RFC 3339.
#[must_use]
pub fn unix_micros(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        let size = number.abs();
        let factor = match size {
            _ if !(1e8..1e20).contains(&size) => return None,
            _ if size < 1e11 => 1e6,
            _ if size < 1e14 => 1e3,
            _ if size < 1e17 => 1.0,
            _ => 1e-3,
        };
        return Some((number * factor).round() as i64);
    }
    // A database puts a space where RFC 3339 has a T, and may leave out minutes
    // of the offset; jiff reads both.
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_records_write_them() {
        let at = 1_764_288_000_123_456;
        for (text, micros) in [
            ("1764288000.123456", at),
            ("1764288000123", at - 456),
            ("1764288000123456", at),
            ("1764288000123456789", at + 1),
            ("2025-11-28T00:00:00.123456Z", at),
            ("2025-11-28 01:00:00.123456+01:00", at),
            ("2025-11-28 00:00:00.123456+00", at),
        ] {
            let read = unix_micros(text).unwrap();
            assert!((read - micros).abs() <= 256, "{text}: {read}");
        }
        for text in ["", "yesterday", "NaN", "12", "1e30", "2025-11-28"] {
            assert_eq!(unix_micros(text), None, "{text}");
        }
    }

    proptest! {
        /// A time is the same in every unit that it may be written in.
        #[test]
        fn a_time_is_the_same_in_every_unit(seconds in 100_000_000_i64..99_999_999_999) {
            let micros = seconds * 1_000_000;
            prop_assert_eq!(unix_micros(&seconds.to_string()), Some(micros));
            prop_assert_eq!(unix_micros(&(seconds * 1_000).to_string()), Some(micros));
            prop_assert_eq!(unix_micros(&micros.to_string()), Some(micros));
        }
    }
}
