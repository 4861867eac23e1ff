//! Quantiles of a histogram's rises, as `histogram_quantile(q,
//! rate(…_bucket[over]))` gives them (Prometheus, promql/quantile.go): within
//! its bucket a quantile is interpolated, so it is exact only at the buckets'
//! bounds. Where that function would answer with the highest bound although the
//! quantile lies above it, this one says so as well.

use std::collections::{BTreeMap, VecDeque};

use scenarios::plan::probe::is_bound;

use super::rising::{Rising, Shown, Source};
use super::text::Sample;

/// Counts up to a bound, by the bound, in order.
type Buckets = Vec<(f64, f64)>;

/// A quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantile {
    pub(super) value: f64,
    /// Whether it lies above the highest bound, which is the value.
    pub(super) is_beyond: bool,
}

/// The buckets of a histogram over the last so long.
pub(super) struct Histogram {
    quantile: f64,
    over: f64,
    rising: Rising,
    /// The sums at the rounds within `over` and at the last one before.
    rounds: VecDeque<(f64, BTreeMap<String, Buckets>)>,
}

impl Histogram {
    pub(super) fn new(quantile: f64, over: f64) -> Self {
        Self { quantile, over, rising: Rising::default(), rounds: VecDeque::new() }
    }

    /// Takes down what an endpoint shows: every bucket with its bound. True if it began
    /// again.
    pub(super) fn take(
        &mut self,
        source: &Source,
        buckets: impl Iterator<Item = (f64, Shown)>,
    ) -> bool {
        let values = buckets.map(|(le, shown)| {
            let label = format!("{le}\n{}", shown.label);
            Shown { label, ..shown }
        });
        self.rising.take(source, values)
    }

    /// The quantiles by label over the time up to now. Until so much time has
    /// been seen there is none, and none of fewer recordings than it takes to
    /// have one above the quantile.
    pub(super) fn quantiles(&mut self, at: f64) -> Vec<(String, Quantile)> {
        let mut now: BTreeMap<String, Buckets> = BTreeMap::new();
        for (name, count) in self.rising.totals() {
            let Some((le, label)) = name.split_once('\n') else { continue };
            let Ok(le) = le.parse::<f64>() else { continue };
            now.entry(label.to_owned()).or_default().push((le, count));
        }
        for buckets in now.values_mut() {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        self.rounds.push_back((at, now));
        let begin = at - self.over + 1e-6;
        while self.rounds.get(1).is_some_and(|(next, _)| *next <= begin) {
            self.rounds.pop_front();
        }
        let (Some((first, then)), Some((_, now))) = (self.rounds.front(), self.rounds.back())
        else {
            return Vec::new();
        };
        if *first > begin {
            return Vec::new();
        }
        let found = now.iter().filter_map(|(label, buckets)| {
            let rises = rises(buckets, then.get(label).map_or(&[][..], Vec::as_slice));
            Some((label.clone(), quantile(self.quantile, &rises)?))
        });
        found.collect()
    }
}

/// What of histograms lies above a bound: by the labels of each, without `le`, the
/// count above it and the count of everything.
///
/// # Errors
/// Where one of them has no bucket of that bound: which bounds there are.
pub(crate) fn above<'s>(
    buckets: impl Iterator<Item = &'s Sample<'s>>,
    bound: f64,
) -> Result<Vec<(&'s Sample<'s>, String, f64, f64)>, String> {
    let mut all: BTreeMap<String, Vec<(&str, &Sample<'_>)>> = BTreeMap::new();
    for sample in buckets {
        if let Some(le) = sample.label("le") {
            all.entry(sample.key_without("le")).or_default().push((le, sample));
        }
    }
    let of = |(key, buckets): (String, Vec<(&'s str, &'s Sample<'s>)>)| {
        let at = |bound| buckets.iter().find(|(le, _)| is_bound(le, bound));
        match (at(bound), at(f64::INFINITY)) {
            (Some((_, below)), Some((_, all))) => {
                Ok((*all, key, (all.value - below.value).max(0.0), all.value))
            }
            (None, _) => Err(no_bucket(bound, buckets.iter().map(|(le, _)| *le))),
            (_, None) => Err("a histogram has no bucket of everything".to_owned()),
        }
    };
    all.into_iter().map(of).collect()
}

/// That no bucket has a bound, and which there are.
pub(crate) fn no_bucket<'a>(bound: f64, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<f64> = known.filter_map(|le| le.parse().ok()).collect();
    known.sort_by(f64::total_cmp);
    known.dedup();
    let known: Vec<String> =
        known.iter().filter(|le| le.is_finite()).map(ToString::to_string).collect();
    format!(
        "no bucket ends at {bound}, and what lies between two is not known; there are: {}",
        known.join(", ")
    )
}

/// What each bucket rose by; one that was not there stood at 0.
fn rises(now: &[(f64, f64)], then: &[(f64, f64)]) -> Buckets {
    let before = |le: f64| then.iter().find(|(known, _)| *known == le).map_or(0.0, |known| known.1);
    let mut most: f64 = 0.0;
    let rise = |&(le, count): &(f64, f64)| {
        // Buckets hold those below them, too.
        most = most.max(count - before(le));
        (le, most)
    };
    now.iter().map(rise).collect()
}

/// The quantile of what is in these buckets.
fn quantile(quantile: f64, buckets: &[(f64, f64)]) -> Option<Quantile> {
    let &(last, total) = buckets.last()?;
    // Without the bucket of everything nobody knows how much there is above.
    if last != f64::INFINITY || total * (1.0 - quantile) < 1.0 - 1e-9 {
        return None;
    }
    let rank = quantile * total;
    let place = buckets.iter().position(|&(_, count)| count >= rank)?;
    let (upper, count) = buckets[place];
    let (lower, below) = match place.checked_sub(1) {
        Some(before) => buckets[before],
        None if upper > 0.0 && upper.is_finite() => (0.0, 0.0),
        None => (upper, 0.0),
    };
    if upper == f64::INFINITY {
        return lower.is_finite().then_some(Quantile { value: lower, is_beyond: true });
    }
    let within = if count > below { (rank - below) / (count - below) } else { 1.0 };
    Some(Quantile { value: lower + (upper - lower) * within, is_beyond: false })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: [f64; 5] = [0.01, 0.05, 0.1, 0.5, f64::INFINITY];

    fn buckets(values: &[f64]) -> Buckets {
        let count = |le: f64| values.iter().filter(|&&value| value <= le).count() as f64;
        BOUNDS.iter().map(|&le| (le, count(le))).collect()
    }

    #[test]
    fn a_quantile_lies_in_its_bucket() {
        let half = [vec![0.02; 50], vec![0.3; 50]].concat();
        assert_eq!(quantile(0.5, &buckets(&half)).unwrap().value, 0.05);
        let above = quantile(0.95, &buckets(&half)).unwrap();
        assert!(above.value > 0.1 && above.value <= 0.5 && !above.is_beyond);
        let beyond = quantile(0.95, &buckets(&[9.0; 40])).unwrap();
        assert_eq!(beyond, Quantile { value: 0.5, is_beyond: true });
        assert_eq!(quantile(0.95, &buckets(&[0.02; 19])), None, "too few");
        assert_eq!(quantile(0.95, &[(0.1, 100.0)]), None, "without +Inf");
    }

    #[test]
    fn only_the_last_so_long_counts() {
        let mut histogram = Histogram::new(0.95, 10.0);
        let mut values: Vec<f64> = Vec::new();
        let mut at = |value: f64, from: u32, to: u32, histogram: &mut Histogram| {
            let mut last = Vec::new();
            for second in from..to {
                values.extend([value; 10]);
                let shown = buckets(&values);
                let shown = shown.into_iter().map(|(le, value)| {
                    let (key, label) = (le.to_string(), String::new());
                    (le, Shown { key, label, value, whole: value, began: None })
                });
                histogram.take(&Source { number: 0, is_known: second > 0 }, shown);
                last = histogram.quantiles(f64::from(second));
                assert!(second >= 10 || last.is_empty(), "not before the time is full");
            }
            last[0].1.value
        };
        assert!(at(0.02, 0, 30, &mut histogram) <= 0.05);
        assert!(at(0.3, 30, 40, &mut histogram) > 0.1);
        assert!(at(0.02, 40, 60, &mut histogram) <= 0.05, "the slow ones are past");
    }

    proptest! {
        /// The quantile lies in the bucket in which the true one lies, and
        /// does not fall when a greater one is asked for.
        #[test]
        fn quantiles_are_true_to_a_bucket(values in prop::collection::vec(0.0_f64..0.5, 40..200), q in 0.05_f64..0.95) {
            let found = quantile(q, &buckets(&values)).unwrap();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let truth = sorted[((q * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1];
            let upper = BOUNDS.iter().copied().find(|&le| truth <= le).unwrap();
            let lower = BOUNDS.iter().copied().filter(|&le| le < truth).fold(0.0, f64::max);
            prop_assert!(found.value >= lower - 1e-9 && found.value <= upper + 1e-9);
            prop_assert!(quantile(q + 0.02, &buckets(&values)).unwrap().value >= found.value - 1e-9);
        }
    }
}
