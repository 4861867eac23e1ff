//! A workload in one phase of one run, second by second from the phase's start.

use std::collections::BTreeMap;

use super::Side;
use super::figures::Figure;
use crate::judge::canary::times::{self, Times, merge};
use crate::judge::canary::{latency, share};
use crate::judge::starvation;
use crate::judge::window::{Span, Window};
use crate::stats::blocks::Block;

/// The most blocks that response times are compared in: seconds, or in long phases
/// several of them.
const MOST_BLOCKS: usize = 512;

/// What is known of the seconds.
#[derive(Debug, Clone)]
pub(super) struct Seconds {
    /// The second of the run in which the phase begins.
    pub(super) from: i64,
    seconds: Vec<Second>,
}

#[derive(Debug, Clone)]
struct Second {
    /// What was attempted, and what of it was unsuccessful.
    attempted: Block,
    /// What was unsuccessful and answered by no part of the workload.
    strays: f64,
    times: Times,
    is_starved: bool,
}

/// How long a phase of a run lasted, in seconds.
///
/// # Errors
/// When it did not take place, or was cut short.
pub(super) fn length(side: Side<'_>, phase: &str) -> Result<i64, String> {
    let window = Window::of(side.plan, side.history, &[phase]);
    match (window.missing, window.spans.first()) {
        (None, Some(span)) => Ok(span.whole_seconds().end - span.whole_seconds().start),
        (missing, _) => Err(missing.unwrap_or_else(|| format!("phase {phase} is not known"))),
    }
}

impl Seconds {
    /// The first seconds of a phase.
    ///
    /// # Errors
    /// When something of them is missing.
    pub(super) fn of(
        side: Side<'_>,
        workload: &str,
        phase: &str,
        length: i64,
    ) -> Result<Self, String> {
        let Side { plan, history } = side;
        let mut window = Window::of(plan, history, &[phase]);
        let from = window.spans.first().map_or(0, |span| span.whole_seconds().start);
        window.spans = vec![Span { from: from as f64, to: (from + length) as f64 }];
        latency::whole(history, &window, workload)?;
        let count = |count: &str| share::by_second(plan, history, workload, count, &window);
        let (due, unsuccessful) = (count("due")?, count("unsuccessful")?);
        let strays = share::strays(plan, history, workload, &window)?;
        let told = history.workloads.get(workload);
        let starved = starvation::reached(history);
        let at = |counts: &BTreeMap<i64, f64>, second| counts.get(&second).copied().unwrap_or(0.0);
        let second = |second: i64| {
            let (due, of) = (at(&due, second), at(&unsuccessful, second));
            let key = u64::try_from(second).unwrap_or(u64::MAX);
            let times = told.and_then(|told| {
                let index = told.response.binary_search_by_key(&key, |&(known, _)| known).ok()?;
                Some(told.response[index].1.counts().collect())
            });
            let is_in = |&(from, to): &(f64, f64)| (from..to).contains(&(second as f64));
            Second {
                attempted: Block { tries: due.max(of), of },
                strays: at(&strays, second),
                times: times.unwrap_or_default(),
                is_starved: starved.iter().any(is_in),
            }
        };
        Ok(Self { from, seconds: (from..from + length).map(second).collect() })
    }

    /// What was attempted, and what of it was unsuccessful.
    pub(super) fn attempted(&self) -> Vec<Block> {
        self.seconds.iter().map(|second| second.attempted).collect()
    }

    /// The response times in blocks of time, and how many seconds each has.
    pub(super) fn times(&self) -> (Vec<Times>, usize) {
        let length = self.seconds.len().div_ceil(MOST_BLOCKS).max(1);
        let block = |seconds: &[Second]| {
            let mut times = Times::new();
            seconds.iter().for_each(|second| merge(&mut times, &second.times));
            times
        };
        (self.seconds.chunks(length).map(block).collect(), length)
    }

    /// The figure of each second, where there is one: a share, or seconds.
    pub(super) fn values(&self, figure: Figure) -> impl Iterator<Item = Option<f64>> {
        self.seconds.iter().map(move |second| {
            let quantile = match figure {
                Figure::Errors => {
                    let Block { tries, of } = second.attempted;
                    return (tries > 0.0).then(|| of / tries);
                }
                Figure::Typical => 0.5,
                Figure::Quantile(at) => at.0,
            };
            let count = times::len(&second.times);
            let rank = (quantile * count as f64).ceil() as u64;
            (count > 0).then(|| times::ranked(&second.times, rank.max(1)) as f64 / 1e6)
        })
    }

    /// How many seconds there are.
    pub(super) fn len(&self) -> usize {
        self.seconds.len()
    }

    /// How many were unsuccessful and answered by no part.
    pub(super) fn strays(&self) -> f64 {
        self.seconds.iter().map(|second| second.strays).sum()
    }

    /// The same if all strays had been this part's.
    pub(super) fn with_strays(&self) -> Self {
        let mut worst = self.clone();
        for second in &mut worst.seconds {
            second.attempted.tries += second.strays;
            second.attempted.of += second.strays;
        }
        worst
    }

    /// How many seconds the host was starved in.
    pub(super) fn starved(&self) -> usize {
        self.seconds.iter().filter(|second| second.is_starved).count()
    }

    /// Without them: they stay as seconds in which nothing happened.
    pub(super) fn awake(&self) -> Self {
        let mut awake = self.clone();
        for second in awake.seconds.iter_mut().filter(|second| second.is_starved) {
            (second.attempted, second.strays) = (Block::default(), 0.0);
            second.times.clear();
        }
        awake
    }
}
