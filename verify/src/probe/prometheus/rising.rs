//! Counters that are added up over their rises, in each process apart.

use std::collections::{BTreeMap, HashMap, HashSet};

/// The endpoint that a value comes from.
pub(super) struct Source {
    pub(super) number: usize,
    /// Whether it was read before: a counter that appears later began at 0.
    pub(super) is_known: bool,
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
    /// When its process began, where that is told.
    pub(super) began: Option<f64>,
}

/// What was last seen of a counter.
struct Seen {
    value: f64,
    whole: f64,
    began: Option<f64>,
    /// Whether the last look did not show it.
    is_gone: bool,
}

impl Seen {
    /// Whether its process may still be the one that it was, by what it shows now.
    fn goes_on(&self, now: &Shown) -> bool {
        let is_other = self.began.zip(now.began).is_some_and(|(then, now)| then != now);
        now.value >= self.value && now.whole >= self.whole && !is_other
    }
}

/// The rises of counters since they were first looked at, added up by label.
#[derive(Default)]
pub(super) struct Rising {
    last: HashMap<(usize, String), Seen>,
    totals: BTreeMap<String, f64>,
}

impl Rising {
    /// Takes down what an endpoint shows. True if one of the counters began again.
    pub(super) fn take(&mut self, source: &Source, values: impl Iterator<Item = Shown>) -> bool {
        let mut was_reset = false;
        let mut shown = HashSet::new();
        for counter in values.filter(|shown| shown.value.is_finite() && shown.whole.is_finite()) {
            let key = (source.number, counter.key.clone());
            let rise = match self.last.get(&key) {
                Some(seen) if seen.goes_on(&counter) => counter.value - seen.value,
                Some(_) => {
                    was_reset = true;
                    counter.value
                }
                None if source.is_known => counter.value,
                None => 0.0,
            };
            let Shown { label, value, whole, began, .. } = counter;
            *self.totals.entry(label).or_insert(0.0) += rise;
            self.last.insert(key.clone(), Seen { value, whole, began, is_gone: false });
            shown.insert(key);
        }
        // No process forgets a counter, unless it is another process. One of several behind
        // an endpoint may have been asked in vain: it is known again by when it began.
        self.last.retain(|key, seen| {
            if key.0 != source.number || shown.contains(key) {
                return true;
            }
            was_reset |= !seen.is_gone;
            seen.is_gone = true;
            seen.began.is_some()
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
        Shown { key: key.to_owned(), label: String::new(), value, whole: value, began: None }
    }

    fn take(rising: &mut Rising, is_known: bool, values: &[(&str, f64)]) -> bool {
        let values = values.iter().map(|&(key, value)| shown(key, value));
        rising.take(&Source { number: 0, is_known }, values)
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

    /// What a process that began then shows.
    fn of(began: f64, value: f64) -> impl Iterator<Item = Shown> {
        [Shown { began: Some(began), ..shown("a", value) }].into_iter()
    }

    const KNOWN: Source = Source { number: 0, is_known: true };

    #[test]
    fn a_process_that_says_so_began_again_whatever_it_shows() {
        let mut rising = Rising::default();
        rising.take(&Source { is_known: false, ..KNOWN }, of(1.0, 10.0));
        assert!(rising.take(&KNOWN, of(2.0, 12.0)));
        assert_eq!(total(&rising), Some(12.0));
    }

    #[test]
    fn a_process_that_was_asked_in_vain_is_known_again() {
        let mut rising = Rising::default();
        rising.take(&Source { is_known: false, ..KNOWN }, of(1.0, 10.0));
        assert!(rising.take(&KNOWN, std::iter::empty()), "nobody knows what becomes of it");
        assert!(!rising.take(&KNOWN, std::iter::empty()), "that was said");
        assert!(!rising.take(&KNOWN, of(1.0, 12.0)));
        assert_eq!(total(&rising), Some(2.0), "the same process");
        rising.take(&KNOWN, std::iter::empty());
        assert!(rising.take(&KNOWN, of(3.0, 13.0)));
        assert_eq!(total(&rising), Some(15.0), "another one, which began at 0");
    }

    #[test]
    fn a_part_that_rose_began_again_when_its_whole_fell() {
        let mut rising = Rising::default();
        let part = |value, whole| Shown { whole, ..shown("a", value) };
        rising.take(&Source { is_known: false, ..KNOWN }, [part(3.0, 1_000.0)].into_iter());
        assert!(rising.take(&KNOWN, [part(5.0, 10.0)].into_iter()));
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
                rising.take(&Source { number: process, is_known }, [shown("c", value)].into_iter());
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
