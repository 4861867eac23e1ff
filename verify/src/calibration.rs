//! How often the canary checks are wrong: synthetic runs of which the truth is known.
//!
//! `verify calibrate` makes many runs of two versions that are the same, over noise of
//! several kinds, and of versions that differ, judges each at every look with the code
//! that judges real runs, and counts. Beside it the same runs are judged by rules that
//! other tools use. Every run has a seed of its own, made from that of the table.

mod rules;
#[cfg(test)]
mod tests;
mod world;

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use self::rules::Verdicts;
use self::world::{Truth, World};

/// A kind of runs.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// A word or a few.
    pub name: &'static str,
    /// Whether the version under test is as good as the stable one.
    pub is_sound: bool,
    world: World,
    truth: Truth,
}

/// What became of the runs of a case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs.
    pub runs: u64,
    /// In which some check was violated at some look.
    pub violated: u64,
    /// In which all checks were held at the end, and none was ever violated.
    pub held: u64,
    /// The same for a threshold on the mean, looked at as often.
    pub mean: u64,
    /// The same for Mann and Whitney's test at a level of 2 % with a tolerance of
    /// 25 %, looked at as often.
    pub mann_whitney: u64,
    /// Seconds until the first violated look, summed up.
    pub seconds: u64,
}

/// How the runs are made and judged.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Requests a second, both versions together.
    pub rate: f64,
    /// The length of each of the steps 5 %, 10 % and 50 %, in seconds.
    pub step: u32,
    /// Seconds between two looks.
    pub look: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { rate: 500.0, step: 25, look: 1 }
    }
}

/// The shares of the traffic that the version under test gets.
pub const STEPS: [f64; 3] = [0.05, 0.10, 0.50];

/// Every kind of runs.
#[must_use]
pub fn cases() -> Vec<Case> {
    let same = |name, world| Case { name, is_sound: true, world, truth: Truth::Same };
    let worse = |name, truth| Case { name, is_sound: false, world: World::White, truth };
    vec![
        same("white noise", World::White),
        same("autocorrelated, both alike", World::Common),
        same("autocorrelated, each its own", World::Own),
        same("heavy tails", World::HeavyTails),
        same("drift of the day", World::Drift),
        same("errors in bursts, both alike", World::Bursts),
        same("a noisy neighbour", World::Neighbour),
        worse("slow-p95", Truth::SlowP95),
        worse("slow-tail", Truth::SlowTail),
        worse("slow-12-percent", Truth::Slower(1.12)),
        worse("slow-15-percent", Truth::Slower(1.15)),
        worse("slow-on-one-route", Truth::SlowRoute(1.6)),
        worse("errors-1-percent", Truth::Errors(0.01)),
        worse("errors-2-percent", Truth::Errors(0.02)),
        worse("errors-sparse", Truth::Sparse),
        worse("errors-for-one-caller", Truth::Caller),
        worse("wrong-split", Truth::Split),
    ]
}

/// Judges `runs` runs of a case, on all processors.
#[must_use]
pub fn count(case: &Case, window: Window, runs: u64, seed: u64) -> Counts {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let worker = || {
        let mut counts = Counts::default();
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed) as u64;
            if run >= runs {
                return counts;
            }
            counts.add(judge(case, window, seed.wrapping_mul(1_000_003).wrapping_add(run)));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let counts = workers.into_iter().map(|worker| worker.join().unwrap_or_default());
        counts.fold(Counts::default(), Counts::plus)
    })
}

impl Counts {
    fn add(&mut self, one: Self) {
        *self = self.plus(one);
    }

    fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            violated: self.violated + other.violated,
            held: self.held + other.held,
            mean: self.mean + other.mean,
            mann_whitney: self.mann_whitney + other.mann_whitney,
            seconds: self.seconds + other.seconds,
        }
    }
}

/// One run, looked at until something is violated, by each rule.
fn judge(case: &Case, window: Window, seed: u64) -> Counts {
    let mut random = fastrand::Rng::with_seed(seed);
    let run = world::run(case.world, case.truth, window, &mut random);
    let mut counts = Counts { runs: 1, ..Counts::default() };
    let mut last = Verdicts::default();
    let all = run.seconds.len();
    for look in (1..=all).filter(|look| look % window.look as usize == 0 || *look == all) {
        let so_far = &run.seconds[..look];
        if counts.violated == 0 {
            last = rules::ours(so_far);
            if last.is_violated {
                counts.violated = 1;
                counts.seconds = look as u64;
            }
        }
        if counts.mean == 0 && rules::mean(so_far) {
            counts.mean = 1;
        }
        if counts.mann_whitney == 0 && rules::mann_whitney(so_far) {
            counts.mann_whitney = 1;
        }
    }
    counts.held = u64::from(counts.violated == 0 && last.is_held);
    counts
}
