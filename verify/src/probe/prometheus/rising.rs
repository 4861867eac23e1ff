//! Counters that are added up over their rises, in each process apart.

use std::collections::{BTreeMap, HashMap, HashSet};

/// The endpoint that a value comes from.
pub(super) struct Source {
    pub(super) number: usize,
    /// Whether it was read before: a counter that appears later began at 0.
    pub(super) is_known: bool,
    /// Whether its process is another one than before.
    pub(super) began_again: bool,
}

/// A counter as an endpoint shows it.
pub(super) struct Shown {
    /// What tells it apart from the others.
    pub(super) key: String,
    /// The label under which it is added up.
    pub(super) label: String,
    pub(super) value: f64,
    /// What it is a part of, which falls where its process began again although the
    /// part may have risen by then; else the value itself.
    pub(super) whole: f64,
}

/// The rises of counters since they were first looked at, added up by label.
#[derive(Default)]
pub(super) struct Rising {
    last: HashMap<(usize, String), (f64, f64)>,
    totals: BTreeMap<String, f64>,
}

impl Rising {
    /// Takes down what an endpoint shows. True if one of the counters began again.
    pub(super) fn take(&mut self, source: &Source, values: impl Iterator<Item = Shown>) -> bool {
        let mut was_reset = source.began_again;
        let mut shown = HashSet::new();
        for counter in values.filter(|shown| shown.value.is_finite() && shown.whole.is_finite()) {
            let Shown { key, label, value, whole } = counter;
            let key = (source.number, key);
            let rise = match self.last.get(&key) {
                Some(&(last, before))
                    if value >= last && whole >= before && !source.began_again =>
                {
                    value - last
                }
                Some(_) => {
                    was_reset = true;
                    value
                }
                None if source.is_known => value,
                None => 0.0,
            };
            *self.totals.entry(label).or_insert(0.0) += rise;
            self.last.insert(key.clone(), (value, whole));
            shown.insert(key);
        }
        // No process forgets a counter, unless it is another process.
        self.last.retain(|key, _| {
            let stays = key.0 != source.number || shown.contains(key);
            was_reset |= !stays;
            stays
        });
        was_reset
    }

    /// The sums by label, in order.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&str, f64)> {
        self.totals.iter().map(|(label, &total)| (label.as_str(), total))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(key: &str, value: f64) -> Shown {
        Shown { key: key.to_owned(), label: String::new(), value, whole: value }
    }

    fn take(rising: &mut Rising, is_known: bool, values: &[(&str, f64)]) -> bool {
        let values = values.iter().map(|&(key, value)| shown(key, value));
        rising.take(&Source { number: 0, is_known, began_again: false }, values)
    }

    fn total(rising: &Rising) -> Option<f64> {
        rising.totals().next().map(|(_, total)| total)
    }

    #[test]
    fn a_counter_counts_from_when_it_was_first_looked_at() {
        let mut rising = Rising::default();
        assert!(!take(&mut rising, false, &[("a", 100.0)]));
        assert_eq!(total(&rising), Some(0.0));
        assert!(!take(&mut rising, true, &[("a", 103.0), ("b", 2.0)]));
        assert_eq!(total(&rising), Some(5.0), "one that appears began at 0");
        assert!(take(&mut rising, true, &[("a", 4.0), ("b", 2.0)]), "it began again");
        assert_eq!(total(&rising), Some(9.0));
        assert!(take(&mut rising, true, &[("a", 4.0)]), "one that is gone began again");
    }

    #[test]
    fn a_process_that_says_so_began_again_whatever_it_shows() {
        let mut rising = Rising::default();
        take(&mut rising, false, &[("a", 10.0)]);
        let again = Source { number: 0, is_known: true, began_again: true };
        assert!(rising.take(&again, [shown("a", 12.0)].into_iter()));
        assert_eq!(total(&rising), Some(12.0));
    }

    #[test]
    fn a_part_that_rose_began_again_when_its_whole_fell() {
        let mut rising = Rising::default();
        let part = |value, whole| Shown { whole, ..shown("a", value) };
        let known = Source { number: 0, is_known: true, began_again: false };
        let first = Source { number: 0, is_known: false, began_again: false };
        rising.take(&first, [part(3.0, 1_000.0)].into_iter());
        assert!(rising.take(&known, [part(5.0, 10.0)].into_iter()));
        assert_eq!(total(&rising), Some(5.0), "not 2");
    }

    proptest! {
        /// However often processes are killed, nothing that was looked at is
        /// lost or counted twice, as long as each is looked at before its end.
        #[test]
        fn restarts_lose_nothing(steps in prop::collection::vec((0_usize..3, 0_u32..50, any::<bool>()), 1..80)) {
            let mut rising = Rising::default();
            let mut counters = [0.0; 3];
            let show = |rising: &mut Rising, is_known, process: usize, value: f64| {
                rising.take(&Source { number: process, is_known, began_again: false }, [shown("c", value)].into_iter());
            };
            for process in 0..3 {
                show(&mut rising, false, process, 0.0);
            }
            let mut truth = 0.0;
            for (process, rise, killed) in steps {
                counters[process] += f64::from(rise);
                truth += f64::from(rise);
                show(&mut rising, true, process, counters[process]);
                if killed {
                    counters[process] = 0.0;
                    show(&mut rising, true, process, 0.0);
                }
            }
            prop_assert_eq!(total(&rising), Some(truth));
        }
    }
}
