//! A counter as a Prometheus server has it: many series, each scraped at its own
//! times, added up over what each rose by.
//!
//! Every sample is taken once, with the time at which it was scraped, so that a look
//! that comes late loses nothing, and a rise is known to lie between two scrapes and
//! nowhere else. Of one series
//!
//! ```text
//! rise = value − last     where value ≥ last
//!        value            where it fell: its process began again at 0
//! ```
//!
//! which is that of `increase()` without its extrapolation. A series that appears began
//! at 0 where its target (`job` and `instance`) was known before, or where what is
//! absent stands at 0; else nobody knows for how long it has counted, and its first
//! value is what it rises from.
//!
//! A sum is known up to the time that all series have reached. One that is silent for
//! longer than a look reads back is not waited for.

use std::collections::{BTreeMap, HashMap, HashSet};

/// One series as a look shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// What tells it apart from the others.
    pub(super) key: String,
    /// Whose it is.
    pub(super) target: String,
    /// The label under which it is added up.
    pub(super) label: String,
    /// Its samples, in order.
    pub(super) points: Vec<Point>,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// When it was scraped, in milliseconds of the server's clock.
    pub(super) at: i64,
    pub(super) value: f64,
    /// What it is a part of, which falls where its process began again; else the value.
    pub(super) whole: f64,
}

/// A total under a label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Total {
    /// In milliseconds of the server's clock.
    pub(super) at: i64,
    pub(super) label: String,
    pub(super) value: f64,
}

/// What is known of a counter.
pub(super) struct Counter {
    absent_is_zero: bool,
    /// In milliseconds.
    lookback: i64,
    last: HashMap<String, Point>,
    targets: HashSet<String>,
    /// Rises that are not told yet, by time and label.
    waiting: BTreeMap<i64, BTreeMap<String, f64>>,
    totals: BTreeMap<String, f64>,
    /// Looks at which there was nothing yet.
    empty: Vec<i64>,
    has_looked: bool,
    /// Up to when it was told.
    told: i64,
}

impl Counter {
    pub(super) fn new(absent_is_zero: bool, lookback: i64) -> Self {
        Self {
            absent_is_zero,
            lookback,
            last: HashMap::new(),
            targets: HashSet::new(),
            waiting: BTreeMap::new(),
            totals: BTreeMap::new(),
            empty: Vec::new(),
            has_looked: false,
            told: i64::MIN,
        }
    }

    /// Whether there was a series, or none need be.
    pub(super) fn is_known(&self) -> bool {
        self.absent_is_zero || !self.last.is_empty()
    }

    /// Takes down what a look shows. What was seen before is passed over.
    pub(super) fn take(&mut self, now: i64, series: Vec<Shown>) {
        if series.is_empty() && self.last.is_empty() && self.absent_is_zero {
            self.empty.push(now);
        }
        // Of several new series of a target none was there before.
        let known = self.targets.clone();
        for shown in series {
            let begins_at_0 =
                self.has_looked && (self.absent_is_zero || known.contains(&shown.target));
            for point in shown.points {
                if !(point.value.is_finite() && point.whole.is_finite()) {
                    continue;
                }
                let rise = match self.last.get(&shown.key) {
                    Some(last) if point.at <= last.at => continue,
                    Some(last) if point.value >= last.value && point.whole >= last.whole => {
                        point.value - last.value
                    }
                    Some(_) => point.value,
                    None if begins_at_0 => point.value,
                    None => 0.0,
                };
                // What comes later than anybody waits for is told as soon as it is known.
                let at = point.at.max(self.told.saturating_add(1));
                *self.waiting.entry(at).or_default().entry(shown.label.clone()).or_default() +=
                    rise;
                self.last.insert(shown.key.clone(), point);
            }
            self.targets.insert(shown.target);
        }
        self.has_looked = true;
    }

    /// The totals that have become certain, in order of time; at the end of the run
    /// all that there are.
    pub(super) fn settled(&mut self, now: i64, is_end: bool) -> Vec<Total> {
        let oldest = now.saturating_sub(self.lookback);
        let reached = self.last.values().map(|point| point.at).filter(|&at| at > oldest).min();
        let until = if is_end { i64::MAX } else { reached.unwrap_or(oldest) };
        let later = match until.checked_add(1) {
            Some(behind) => self.waiting.split_off(&behind),
            None => BTreeMap::new(),
        };
        let ready = std::mem::replace(&mut self.waiting, later);
        let mut told = self.nothing_yet(ready.keys().next().copied(), oldest, is_end);
        for (at, rises) in ready {
            for (label, rise) in rises {
                let total = self.totals.entry(label.clone()).or_default();
                *total += rise;
                told.push(Total { at, label, value: *total });
            }
        }
        if let Some(last) = told.last() {
            self.told = last.at;
        }
        told
    }

    /// Zeros of looks before the first series was there, as far as none can come to
    /// light that was there then.
    fn nothing_yet(&mut self, first: Option<i64>, oldest: i64, is_end: bool) -> Vec<Total> {
        let is_certain = |&at: &i64| match first {
            Some(first) => at < first,
            None => is_end || at <= oldest,
        };
        let zeros: Vec<i64> = self.empty.iter().copied().filter(is_certain).collect();
        let goes_on = first.is_none() && self.last.is_empty();
        self.empty.retain(|at| goes_on && !is_certain(at));
        let zero = |at| Total { at, label: String::new(), value: 0.0 };
        zeros.into_iter().map(zero).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOOKBACK: i64 = 60_000;

    fn shown(key: &str, points: &[(i64, f64)]) -> Shown {
        Shown {
            key: key.to_owned(),
            target: "t".to_owned(),
            label: String::new(),
            points: points.iter().map(|&(at, value)| Point { at, value, whole: value }).collect(),
        }
    }

    fn told(counter: &mut Counter, now: i64, is_end: bool) -> Vec<(i64, f64)> {
        counter.settled(now, is_end).into_iter().map(|total| (total.at, total.value)).collect()
    }

    #[test]
    fn each_scrape_is_told_once_at_its_own_time() {
        let mut counter = Counter::new(false, LOOKBACK);
        counter.take(16_000, vec![shown("a", &[(0, 100.0), (15_000, 130.0)])]);
        assert_eq!(told(&mut counter, 16_000, false), [(0, 0.0), (15_000, 30.0)]);
        counter.take(17_000, vec![shown("a", &[(0, 100.0), (15_000, 130.0)])]);
        assert_eq!(told(&mut counter, 17_000, false), []);
        // A look that comes late.
        let late = [(15_000, 130.0), (30_000, 140.0), (45_000, 5.0), (60_000, 6.0)];
        counter.take(61_000, vec![shown("a", &late)]);
        let expected = [(30_000, 40.0), (45_000, 45.0), (60_000, 46.0)];
        assert_eq!(told(&mut counter, 61_000, false), expected);
    }

    #[test]
    fn a_sum_waits_for_the_slowest_series_and_not_for_one_that_is_gone() {
        let mut counter = Counter::new(false, LOOKBACK);
        counter.take(1_500, vec![shown("a", &[(1_000, 0.0)]), shown("b", &[(500, 0.0)])]);
        assert_eq!(told(&mut counter, 1_500, false), [(500, 0.0)]);
        counter.take(3_500, vec![shown("a", &[(3_000, 7.0)])]);
        assert_eq!(told(&mut counter, 3_500, false), [], "b may have risen before");
        counter.take(4_000, vec![shown("b", &[(2_500, 2.0)])]);
        assert_eq!(told(&mut counter, 4_000, false), [(1_000, 0.0), (2_500, 2.0)]);
        counter.take(70_000, vec![shown("a", &[(69_000, 8.0)])]);
        assert_eq!(told(&mut counter, 70_000, false), [(3_000, 9.0), (69_000, 10.0)]);
    }

    #[test]
    fn a_series_that_appears_began_at_0_where_its_target_was_known() {
        let mut counter = Counter::new(false, LOOKBACK);
        counter.take(0, vec![shown("200", &[(0, 50.0)])]);
        let other = Shown { target: "u".to_owned(), ..shown("far", &[(1_000, 9_000.0)]) };
        counter.take(
            1_000,
            vec![shown("200", &[(1_000, 60.0)]), shown("500", &[(1_000, 3.0)]), other],
        );
        assert_eq!(told(&mut counter, 1_000, true), [(0, 0.0), (1_000, 13.0)]);
    }

    #[test]
    fn what_is_absent_is_unknown_unless_the_scenario_says_that_it_is_0() {
        let mut unknown = Counter::new(false, LOOKBACK);
        unknown.take(0, Vec::new());
        assert_eq!(told(&mut unknown, 0, true), []);
        let mut zero = Counter::new(true, LOOKBACK);
        for now in [0, 1_000, 2_000, 3_000] {
            zero.take(now, Vec::new());
            assert_eq!(told(&mut zero, now, false), [], "it may have been there already");
        }
        // The scrape in which it appeared is seen late.
        zero.take(4_000, vec![shown("500", &[(2_500, 4.0), (3_500, 6.0)])]);
        let expected = [(0, 0.0), (1_000, 0.0), (2_000, 0.0), (2_500, 4.0), (3_500, 6.0)];
        assert_eq!(told(&mut zero, 4_000, false), expected);
        let mut never = Counter::new(true, LOOKBACK);
        never.take(0, Vec::new());
        never.take(61_000, Vec::new());
        assert_eq!(told(&mut never, 61_000, false), [(0, 0.0)]);
        assert_eq!(told(&mut never, 61_000, true), [(61_000, 0.0)]);
    }

    #[test]
    fn a_part_began_again_when_its_whole_fell() {
        let mut counter = Counter::new(false, LOOKBACK);
        let points = [(0, 3.0, 1_000.0), (1_000, 5.0, 10.0)];
        let points = points.map(|(at, value, whole)| Point { at, value, whole }).to_vec();
        counter.take(1_000, vec![Shown { points, ..shown("a", &[]) }]);
        assert_eq!(told(&mut counter, 1_000, true).last(), Some(&(1_000, 5.0)));
    }

    proptest! {
        /// However many series there are, however often their processes begin again
        /// and at whatever times somebody looks, as long as every look reaches back to
        /// the one before: what was scraped is counted once, and totals never fall nor
        /// go back in time.
        #[test]
        fn nothing_scraped_is_lost_or_counted_twice(
            steps in prop::collection::vec((0_usize..4, 0_u32..50, any::<bool>(), 0_i64..3), 1..120),
            looks in prop::collection::vec(1_usize..9, 1..20),
        ) {
            let names = ["a", "b", "c", "d"];
            let mut scraped: [Vec<(i64, f64)>; 4] = std::array::from_fn(|_| vec![(0, 0.0)]);
            let mut counters = [0.0; 4];
            let mut counter = Counter::new(false, 1_000_000);
            let mut told = Vec::new();
            let (mut truth, mut now) = (0.0, 0);
            let mut looks = looks.into_iter().cycle();
            let mut until_look = 0;
            let look = |counter: &mut Counter, scraped: &[Vec<(i64, f64)>; 4], now, told: &mut Vec<(i64, f64)>| {
                let series = names.iter().zip(scraped).map(|(name, points)| shown(name, points));
                counter.take(now, series.collect());
                told.extend(counter.settled(now, false).into_iter().map(|total| (total.at, total.value)));
            };
            look(&mut counter, &scraped, now, &mut told);
            for (series, rise, is_killed, later) in steps {
                now += 1 + later;
                // It begins again, and has counted less than before when it is scraped.
                if is_killed && counters[series] > f64::from(rise) {
                    counters[series] = 0.0;
                }
                counters[series] += f64::from(rise);
                truth += f64::from(rise);
                scraped[series].push((now, counters[series]));
                if until_look == 0 {
                    look(&mut counter, &scraped, now, &mut told);
                    until_look = looks.next().unwrap_or(1);
                }
                until_look -= 1;
            }
            look(&mut counter, &scraped, now, &mut told);
            told.extend(counter.settled(now, true).into_iter().map(|total| (total.at, total.value)));
            prop_assert_eq!(told.last().map(|last| last.1), Some(truth));
            for pair in told.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1, "{:?}", pair);
            }
        }

        /// A counter that is watched from its birth on, of which what is absent is 0,
        /// has the whole of its last value, whenever it is first seen.
        #[test]
        fn a_birth_is_a_rise(first in 1_u32..90, at in 1_i64..50, looks in 1_i64..50) {
            let mut counter = Counter::new(true, LOOKBACK);
            for look in 0..looks {
                let points: Vec<(i64, f64)> = (look >= at).then_some((at, f64::from(first))).into_iter().collect();
                let series = if points.is_empty() { Vec::new() } else { vec![shown("a", &points)] };
                counter.take(look, series);
            }
            let told = told(&mut counter, looks, true);
            let expected = if looks > at { f64::from(first) } else { 0.0 };
            prop_assert_eq!(told.last().map(|last| last.1), Some(expected));
        }
    }
}
