//! Stretches of time between two samples of counters.
//!
//! A sample shows what happened since the one before, and nobody knows when in
//! between. So a rise is never spread over the time that it may have taken: as many
//! calm seconds would then stand where one was seen, and what came in bursts would look
//! steady. What is judged is the stretch as a whole, of a second at least; the counters
//! of one version are sampled together, and where one is sampled more rarely its
//! stretches count. Counts of workloads have stretches of a second each.

use std::collections::BTreeMap;

use scenarios::plan::Plan;

use crate::history::History;
use crate::judge::rising::Rising;
use crate::judge::series::Series;
use crate::judge::window::{Span, Window};
use crate::stats::blocks::Block;

/// The shortest stretch, in seconds, but for what samples wander.
const SHORTEST: f64 = 0.95;
/// The share of a stretch that another one must have in common with it to be of the
/// same time.
const IN_COMMON: f64 = 0.05;
/// What share of the most is about as much.
const ABOUT: f64 = 0.8;

/// What happened in a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) block: Block,
}

impl Stretch {
    /// For how long two were at the same time, in seconds.
    fn overlap(&self, other: &Self) -> f64 {
        (self.to.min(other.to) - self.from.max(other.from)).max(0.0)
    }
}

/// A counter of which it is known when it was sampled.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    /// What it rose by within the window, by the time of the sample that shows it.
    rises: Vec<(f64, f64)>,
    /// When it was sampled, in order.
    times: Vec<f64>,
    /// The usual time between two samples, in seconds.
    gap: f64,
}

impl Counter {
    /// What a probe reads.
    ///
    /// # Errors
    /// When samples of the window are missing, or it fell for no known reason.
    pub(super) fn of_probe(
        plan: &Plan,
        history: &History,
        name: &str,
        window: &Window,
    ) -> Result<Self, String> {
        let rising = Rising::of(plan, history, name, window)?;
        if let Some(fall) = rising.fall {
            return Err(fall);
        }
        let series = Series::of(plan, history, name);
        let times = |(_, span): &(String, Span)| {
            series.rounds_of(*span).map(|round| round[0].at).collect::<Vec<_>>()
        };
        let times = window.phases.iter().flat_map(times).collect();
        Ok(Self { rises: rising.rises, times, gap: series.gap })
    }

    /// What is known of each second.
    pub(super) fn of_seconds(by_second: &BTreeMap<i64, f64>, window: &Window) -> Self {
        let rises = by_second.iter().map(|(&second, &rise)| ((second + 1) as f64, rise)).collect();
        let times = |(_, span): &(String, Span)| {
            let seconds = span.whole_seconds();
            (seconds.start..=seconds.end).map(|second| second as f64)
        };
        Self { rises, times: window.phases.iter().flat_map(times).collect(), gap: 1.0 }
    }

    fn times_in(&self, span: Span) -> &[f64] {
        let near = 1e-6;
        let from = self.times.partition_point(|&at| at < span.from - near);
        // The end of its last second belongs to a phase as well.
        let to = self.times.partition_point(|&at| at <= span.to + near);
        &self.times[from..to.max(from)]
    }

    /// What it rose by in each of the stretches that end at these times; a sample may
    /// be so much later than its end.
    fn between(&self, ends: &[f64], late: f64) -> Vec<f64> {
        let mut sums = vec![0.0; ends.len().saturating_sub(1)];
        for &(at, rise) in &self.rises {
            let end = ends.partition_point(|&end| end < at - late);
            if let Some(sum) = end.checked_sub(1).and_then(|stretch| sums.get_mut(stretch)) {
                *sum += rise;
            }
        }
        sums
    }
}

/// The stretches of a phase in which two counters of one version are known, without
/// what is not judged: of the first one what counts, of the second one all.
pub(super) fn of(of: &Counter, to: &Counter, span: Span, window: &Window) -> Vec<Stretch> {
    let rarer = if of.gap > to.gap { of } else { to };
    let late = of.gap.min(to.gap) / 2.0;
    let times = [of.times_in(span), to.times_in(span)];
    // Where one of them is not known yet, or no more, the other one says nothing.
    let first = times.iter().filter_map(|times| times.first()).copied().fold(span.from, f64::max);
    let last = times.iter().filter_map(|times| times.last()).copied().fold(span.to, f64::min);
    let are_known = |at: &&f64| (first - late..=last + late).contains(*at);
    let mut ends: Vec<f64> = Vec::new();
    for &at in rarer.times_in(span).iter().filter(are_known) {
        if ends.last().is_none_or(|last| at - last >= SHORTEST) {
            ends.push(at);
        }
    }
    let counts = of.between(&ends, late).into_iter().zip(to.between(&ends, late));
    let stretch = |(pair, (of, tries)): (&[f64], (f64, f64))| Stretch {
        from: pair[0],
        to: pair[1],
        block: Block { tries: tries.max(of), of },
    };
    let is_judged = |stretch: &Stretch| {
        let has = |span: &Span| span.from <= stretch.from + 1e-3 && stretch.to <= span.to + 1e-3;
        window.spans.iter().any(has)
    };
    ends.windows(2).zip(counts).map(stretch).filter(is_judged).collect()
}

/// What others saw at the times of each of these stretches.
pub(super) fn at_the_time_of(stretches: &[Stretch], others: &[Stretch]) -> Vec<Block> {
    let of = |stretch: &Stretch| {
        let first = others.partition_point(|other| other.to <= stretch.from);
        let others = others[first..].iter().take_while(|other| other.from < stretch.to);
        let length = |of: &Stretch| of.to - of.from;
        let are_common = |other: &&Stretch| {
            stretch.overlap(other) > IN_COMMON * length(stretch).min(length(other))
        };
        others.filter(are_common).fold(Block::default(), |sum, other| Block {
            tries: sum.tries + other.block.tries,
            of: sum.of + other.block.of,
        })
    };
    stretches.iter().map(of).collect()
}

/// The others, each put to the stretch that it has most in common with; the first one of
/// two that it has about as much in common with, so that each gets one.
pub(super) fn paired(stretches: &[Stretch], others: &[Stretch]) -> Vec<Block> {
    let mut blocks = vec![Block::default(); stretches.len()];
    for other in others {
        let first = stretches.partition_point(|stretch| stretch.to <= other.from);
        let near = stretches.iter().enumerate().skip(first);
        let near = near.take_while(|(_, stretch)| stretch.from < other.to);
        let near: Vec<(usize, f64)> =
            near.map(|(index, stretch)| (index, stretch.overlap(other))).collect();
        let most = near.iter().map(|(_, overlap)| *overlap).fold(0.0, f64::max);
        if let Some((index, _)) = near.iter().find(|(_, overlap)| *overlap >= ABOUT * most) {
            blocks[*index].tries += other.block.tries;
            blocks[*index].of += other.block.of;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judge::canary::estimate::Estimate;

    fn window(seconds: f64) -> Window {
        let phases = vec![("load".to_owned(), Span { from: 0.0, to: seconds })];
        Window::made(phases)
    }

    fn counter(gap: f64, offset: f64, count: usize, rise: f64) -> Counter {
        let times: Vec<f64> = (0..count).map(|k| offset + gap * k as f64).collect();
        Counter { rises: times.iter().skip(1).map(|&at| (at, rise)).collect(), times, gap }
    }

    const SPAN: Span = Span { from: 0.0, to: 60.0 };

    #[test]
    fn a_scrape_is_one_stretch_and_not_so_many_calm_seconds() {
        let (of, to) = (counter(15.0, 3.0, 4, 1.0), counter(15.0, 3.004, 4, 150.0));
        let stretches = super::of(&of, &to, SPAN, &window(60.0));
        assert_eq!(stretches.len(), 3);
        assert!(stretches.iter().all(|s| s.block == Block { tries: 150.0, of: 1.0 }));
        assert!((stretches[0].to - stretches[0].from - 15.0).abs() < 0.01);
    }

    #[test]
    fn the_counter_that_is_sampled_more_rarely_makes_the_stretches() {
        let (of, to) = (counter(10.0, 0.5, 6, 2.0), counter(0.5, 0.0, 120, 10.0));
        let stretches = super::of(&of, &to, SPAN, &window(60.0));
        assert_eq!(stretches.len(), 5);
        for stretch in stretches {
            assert_eq!(stretch.block, Block { tries: 200.0, of: 2.0 });
        }
    }

    #[test]
    fn where_errors_are_not_known_requests_say_nothing() {
        let (of, to) = (counter(1.0, 20.0, 20, 1.0), counter(1.0, 0.0, 60, 50.0));
        let stretches = super::of(&of, &to, SPAN, &window(60.0));
        assert_eq!(stretches.len(), 19, "from 20 s to 39 s");
        assert!(stretches.iter().all(|s| s.block == Block { tries: 50.0, of: 1.0 }));
    }

    #[test]
    fn what_is_sampled_often_is_taken_by_the_second() {
        let (of, to) = (counter(0.5, 0.1, 120, 1.0), counter(0.5, 0.1, 120, 50.0));
        let stretches = super::of(&of, &to, SPAN, &window(60.0));
        assert!((58..=59).contains(&stretches.len()), "{}", stretches.len());
        assert!(stretches.iter().all(|s| s.block == Block { tries: 100.0, of: 2.0 }));
    }

    #[test]
    fn versions_that_are_scraped_at_other_times_are_compared_at_the_same() {
        let canary =
            of(&counter(15.0, 3.0, 4, 1.0), &counter(15.0, 3.0, 4, 100.0), SPAN, &window(60.0));
        let mut bad = counter(15.0, 11.0, 4, 0.0);
        bad.rises[0].1 = 100.0;
        let stable = of(&bad, &counter(15.0, 11.0, 4, 100.0), SPAN, &window(60.0));
        let shares: Vec<f64> = at_the_time_of(&canary, &stable).iter().map(|b| b.of).collect();
        assert_eq!(shares, [100.0, 100.0, 0.0], "the bad stretch is 11 s to 26 s");
        let pairs = paired(&canary, &stable);
        assert!(pairs.iter().map(|block| block.tries).sum::<f64>() >= 300.0, "{pairs:?}");
    }

    /// Errors come in bursts of twenty within a second, at the bound exactly; both ways
    /// of looking at them are wrong no more often than was said, and the rare one
    /// proves no more than the other.
    #[test]
    fn what_is_scraped_rarely_proves_no_more_than_what_is_seen_each_second() {
        let mut random = fastrand::Rng::with_seed(23);
        let (runs, seconds, error) = (300, 480, 0.05);
        let mut wrong = [0; 2];
        for _ in 0..runs {
            let bursts = |random: &mut fastrand::Rng| if random.f64() < 0.1 { 20.0 } else { 0.0 };
            let rises: Vec<(f64, f64)> =
                (0..seconds).map(|second| (f64::from(second) + 1.0, bursts(&mut random))).collect();
            let sampled = |every: usize| {
                let times: Vec<f64> =
                    (0..=seconds as usize / every).map(|k| (k * every) as f64).collect();
                let sums = times.windows(2).map(|pair| {
                    let within = rises.iter().filter(|(at, _)| *at > pair[0] && *at <= pair[1]);
                    (pair[1], within.map(|(_, rise)| rise).sum())
                });
                let of = Counter { rises: sums.collect(), times: times.clone(), gap: every as f64 };
                let all = times.iter().skip(1).map(|&at| (at, 100.0 * every as f64)).collect();
                let to = Counter { rises: all, times, gap: every as f64 };
                let span = Span { from: 0.0, to: f64::from(seconds) };
                super::of(&of, &to, span, &window(f64::from(seconds)))
            };
            for (count, every) in wrong.iter_mut().zip([1, 15]) {
                let blocks: Vec<Block> = sampled(every).iter().map(|s| s.block).collect();
                let estimate = Estimate::of(&blocks, error, 1.0);
                *count += usize::from(!estimate.interval.has(0.02));
            }
        }
        let most = (f64::from(runs) * error) as usize;
        assert!(wrong[0] <= most && wrong[1] <= most, "{wrong:?} of {runs} with an error of 5 %");
    }

    proptest! {
        /// However the samples lie, nothing is counted twice, and only what is outside
        /// the stretches is not counted.
        #[test]
        fn rises_are_counted_once(
            of in (1_u32..200, 0_u32..100), to in (1_u32..200, 0_u32..100)
        ) {
            let made = |(gap, offset): (u32, u32)| {
                let gap = f64::from(gap) / 10.0;
                counter(gap, f64::from(offset) / 10.0, (60.0 / gap) as usize + 1, 1.0)
            };
            let (of, to) = (made(of), made(to));
            let stretches = super::of(&of, &to, SPAN, &window(60.0));
            let counted: f64 = stretches.iter().map(|s| s.block.of).sum();
            prop_assert!(counted <= of.rises.len() as f64);
            if let (Some(first), Some(last)) = (stretches.first(), stretches.last()) {
                let late = of.gap.min(to.gap) / 2.0;
                // Which stretch a rise at the very end of what may be late belongs to is
                // a matter of rounding.
                let within = |near: f64| {
                    let (from, to) = (first.from + late - near, last.to + late + near);
                    of.rises.iter().filter(|(at, _)| *at > from && *at <= to).count() as f64
                };
                prop_assert!((within(-1e-9)..=within(1e-9)).contains(&counted));
                for pair in stretches.windows(2) {
                    prop_assert!(pair[0].to <= pair[1].from + 1e-9);
                }
            }
        }
    }
}
