//! Synthetic runs.

use super::{STEPS, Window};
use crate::judge::canary::times::{Pair, Times};

/// The noise that both versions live in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum World {
    /// None but that of single requests.
    White,
    /// The level of the response times wanders, the same for both: an AR(1) process
    /// of logarithms with a memory of some ten seconds and 15 %.
    Common,
    /// It wanders for each by itself, by 3 %.
    Own,
    /// One request of fifty takes longer by a Pareto distribution of index 1.5.
    HeavyTails,
    /// The level and the errors rise and fall by 30 % over the window.
    Drift,
    /// Errors come in bursts of a second, for both at once.
    Bursts,
    /// For 3 s of every 10 s everything takes 2.5 times as long.
    Neighbour,
}

/// What the version under test does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Truth {
    /// The same as the stable one.
    Same,
    /// One request of ten takes 6 ms and more, where 5 ms is the bound for 95 %.
    SlowP95,
    /// One of fifty takes five times as long.
    SlowTail,
    /// Everything takes so many times as long.
    Slower(f64),
    /// One route of ten does.
    SlowRoute(f64),
    /// So many fail.
    Errors(f64),
    /// 3 % fail, five at a time.
    Sparse,
    /// One caller of fifty always fails.
    Caller,
    /// The version gets three times its share.
    Split,
}

/// Routes, and callers.
pub(super) const ROUTES: usize = 10;
pub(super) const CALLERS: usize = 50;

/// A second on both versions.
#[derive(Debug, Clone, Default)]
pub(super) struct Second {
    /// The share that the version under test was to get.
    pub(super) share: f64,
    /// Response times of both.
    pub(super) all: Pair,
    /// The same by route.
    pub(super) routes: Vec<Pair>,
    /// Requests and errors of the version under test, and of the stable one.
    pub(super) canary: (f64, f64),
    pub(super) stable: (f64, f64),
    /// Requests and errors of the version under test, by caller.
    pub(super) callers: Vec<(u64, u64)>,
}

pub(super) struct Run {
    pub(super) seconds: Vec<Second>,
}

/// The typical response time in microseconds, the spread of its logarithm (σ), and the
/// share of requests that fail.
const TYPICAL: f64 = 2_300.0;
const SPREAD: f64 = 0.12;
const ERRORS: f64 = 0.0005;

pub(super) fn run(world: World, truth: Truth, window: Window, random: &mut fastrand::Rng) -> Run {
    let (mut common, mut own) = (0.0, [0.0, 0.0]);
    let all = window.step * STEPS.len() as u32;
    let mut burst = 0;
    let seconds = (0..all).map(|second| {
        let share = STEPS[(second / window.step) as usize];
        let turn = f64::from(second) / f64::from(all) * std::f64::consts::TAU;
        common = 0.9 * common + 0.15 * (1.0 - 0.81_f64).sqrt() * normal(random);
        for own in &mut own {
            *own = 0.9 * *own + 0.03 * (1.0 - 0.81_f64).sqrt() * normal(random);
        }
        let (mut level, mut errors) = (1.0, ERRORS);
        match world {
            World::White | World::Own | World::HeavyTails => {}
            World::Common => level = f64::exp(common),
            World::Drift => {
                level = 1.0 + 0.3 * turn.sin();
                errors *= 1.0 + 0.3 * turn.sin();
            }
            World::Bursts => errors = if random.f64() < 0.05 { 0.2 } else { ERRORS },
            World::Neighbour => level = if second % 10 < 3 { 2.5 } else { 1.0 },
        }
        let got = if truth == Truth::Split { 3.0 * share } else { share };
        let mut made = Maker { world, random, burst: &mut burst };
        let own = if world == World::Own { [own[0].exp(), own[1].exp()] } else { [1.0, 1.0] };
        made.second(second, share, got.min(1.0), window.rate, (level, errors, own), truth)
    });
    Run { seconds: seconds.collect() }
}

struct Maker<'a> {
    world: World,
    random: &'a mut fastrand::Rng,
    /// How many requests of a burst are still to fail.
    burst: &'a mut u32,
}

impl Maker<'_> {
    fn second(
        &mut self,
        second: u32,
        share: f64,
        got: f64,
        rate: f64,
        (level, errors, own): (f64, f64, [f64; 2]),
        truth: Truth,
    ) -> Second {
        let mut raw: [Vec<Vec<u64>>; 2] = [vec![Vec::new(); ROUTES], vec![Vec::new(); ROUTES]];
        let mut made = Second { share, callers: vec![(0, 0); CALLERS], ..Second::default() };
        for request in 0..rate as u64 {
            let is_canary = self.random.f64() < got;
            let truth = if is_canary { truth } else { Truth::Same };
            let (route, caller) = (request as usize % ROUTES, self.random.usize(..CALLERS));
            let is_failed = self.fails(errors, truth, caller);
            let micros = self.takes(level * own[usize::from(is_canary)], truth, route);
            raw[usize::from(is_canary)][route].push(micros);
            let counts = if is_canary { &mut made.canary } else { &mut made.stable };
            counts.0 += 1.0;
            counts.1 += f64::from(u8::from(is_failed));
            if is_canary {
                made.callers[caller].0 += 1;
                made.callers[caller].1 += u64::from(is_failed);
            }
        }
        let second = i64::from(second);
        let [stable, canary] = raw;
        let pair = |route: usize| Pair {
            second,
            canary: times(canary[route].clone()),
            stable: times(stable[route].clone()),
        };
        made.routes = (0..ROUTES).map(pair).collect();
        made.all = Pair { second, canary: times(canary.concat()), stable: times(stable.concat()) };
        made
    }

    fn fails(&mut self, errors: f64, truth: Truth, caller: usize) -> bool {
        let share = match truth {
            Truth::Errors(share) => share,
            Truth::Caller if caller == 17 => 1.0,
            Truth::Sparse => {
                if *self.burst == 0 && self.random.f64() < 0.03 / 5.0 {
                    *self.burst = 5;
                }
                let is_in_burst = *self.burst > 0;
                *self.burst = self.burst.saturating_sub(1);
                f64::from(u8::from(is_in_burst))
            }
            _ => errors,
        };
        self.random.f64() < share
    }

    fn takes(&mut self, level: f64, truth: Truth, route: usize) -> u64 {
        let mut micros = TYPICAL * level * (SPREAD * normal(self.random)).exp();
        if self.world == World::HeavyTails && self.random.f64() < 0.02 {
            micros *= (1.0 - self.random.f64()).powf(-1.0 / 1.5);
        }
        match truth {
            Truth::SlowP95 if self.random.f64() < 0.10 => micros = 6_000.0 + micros / 2.0,
            Truth::SlowTail if self.random.f64() < 0.02 => micros *= 5.0,
            Truth::Slower(times) => micros *= times,
            Truth::SlowRoute(times) if route == 7 => micros *= times,
            _ => {}
        }
        micros as u64
    }
}

/// Values as a histogram of three digits holds them.
fn times(mut values: Vec<u64>) -> Times {
    values.sort_unstable();
    let mut times: Times = Vec::new();
    for value in values {
        let grain = (value / 1_000).next_power_of_two().max(1);
        let value = value / grain * grain;
        match times.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => times.push((value, 1)),
        }
    }
    times
}

/// A value of the normal distribution (Box & Muller 1958).
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}
