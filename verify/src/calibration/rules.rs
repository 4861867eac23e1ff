//! The rules by which synthetic runs are judged: ours, with the code that judges real
//! runs and the checks of the shipped scenario, and those of others.

use super::world::{CALLERS, ROUTES, Second};
use crate::judge::canary::Compared;
use crate::judge::canary::estimate::{Difference, Estimate, Side, Sides};
use crate::judge::canary::times::{self, Pair};
use crate::stats::blocks::Block;
use crate::stats::median::median;
use crate::stats::share;

/// How many canary checks the shipped scenario has, among which the probability of
/// error is divided, and that probability.
const CHECKS: f64 = 10.0;
const ERROR: f64 = 0.01;

/// What our checks come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdicts {
    pub(super) is_violated: bool,
    pub(super) is_held: bool,
}

impl Verdicts {
    fn hear(&mut self, side: Side) {
        self.is_violated |= side == Side::Above;
        self.is_held &= side == Side::Below;
    }
}

/// Judges the seconds so far by our checks.
pub(super) fn ours(seconds: &[Second]) -> Verdicts {
    let error = ERROR / CHECKS;
    let mut verdicts = Verdicts { is_violated: false, is_held: true };
    errors(seconds, error, &mut verdicts);
    let all: Vec<Pair> = seconds.iter().map(|second| second.all.clone()).collect();
    latency(&all, Some(0.95), Some(5e-3), 1.10, error, &mut verdicts);
    latency(&all, Some(0.99), None, 1.25, error, &mut verdicts);
    latency(&all, None, None, 1.10, error, &mut verdicts);
    for route in 0..ROUTES {
        let pairs: Vec<Pair> = seconds.iter().map(|second| second.routes[route].clone()).collect();
        let error = error / ROUTES as f64;
        latency(&pairs, None, None, 1.25, error, &mut verdicts);
    }
    split(seconds, error, &mut verdicts);
    callers(seconds, error, &mut verdicts);
    verdicts
}

fn strata(seconds: &[Second]) -> Vec<Sides> {
    let mut strata: Vec<Sides> = Vec::new();
    let mut share = 0.0;
    for second in seconds {
        if strata.is_empty() || (second.share - share).abs() > 1e-9 {
            strata.push(Default::default());
            share = second.share;
        }
        if let Some((canary, stable)) = strata.last_mut() {
            canary.push(Block { tries: second.canary.0, of: second.canary.1 });
            stable.push(Block { tries: second.stable.0, of: second.stable.1 });
        }
    }
    strata
}

fn errors(seconds: &[Second], error: f64, verdicts: &mut Verdicts) {
    const MAX: f64 = 0.005;
    let strata = strata(seconds);
    let sound = strata.iter().flat_map(|(canary, stable)| canary.iter().zip(stable));
    let kept: Vec<Block> = sound
        .filter(|(_, stable)| stable.of <= MAX * stable.tries)
        .map(|(canary, _)| *canary)
        .collect();
    let estimate = Estimate::of(&kept, error / 2.0, 1.0);
    verdicts.hear(estimate.against(MAX, error / 2.0));
    let difference = Difference::of(&strata, error / 2.0);
    verdicts.hear(difference.against(0.01, error / 2.0));
}

fn latency(
    pairs: &[Pair],
    quantile: Option<f64>,
    max: Option<f64>,
    factor: f64,
    error: f64,
    verdicts: &mut Verdicts,
) {
    let error = if max.is_some() { error / 2.0 } else { error };
    let stretches = times::stretches(pairs, quantile.unwrap_or(0.5));
    if let (Some(max), Some(quantile)) = (max, quantile) {
        let kept = stretches.iter().filter(|stretch| !times::is_slow(stretch, max));
        let blocks: Vec<Block> = kept.map(|stretch| stretch.above(max)).collect();
        let estimate = Estimate::of(&blocks, error, 1.0);
        verdicts.hear(estimate.against(1.0 - quantile, error));
    }
    let compared = Compared { quantile, stretches };
    let estimate = compared.estimate(times::Tolerance { factor, most: 1.0, least: 0.0 }, error);
    verdicts.hear(estimate.against(compared.level(), error));
}

fn split(seconds: &[Second], error: f64, verdicts: &mut Verdicts) {
    let strata = strata(seconds);
    let mut shares: Vec<f64> = seconds.iter().map(|second| second.share).collect();
    shares.dedup();
    let error = error / super::STEPS.len() as f64;
    for ((canary, stable), share) in strata.iter().zip(shares) {
        let blocks: Vec<Block> = canary
            .iter()
            .zip(stable)
            .map(|(canary, stable)| Block { tries: canary.tries + stable.tries, of: canary.tries })
            .collect();
        let estimate = Estimate::of(&blocks, error, 1.0);
        let (least, most) = (share * 0.75, share * 1.25);
        let (below, above) = (estimate.against(least, error), estimate.against(most, error));
        verdicts.is_violated |= above == Side::Above || below == Side::Below;
        verdicts.is_held &= above == Side::Below && below == Side::Above;
    }
}

fn callers(seconds: &[Second], error: f64, verdicts: &mut Verdicts) {
    let mut sums = vec![(0, 0); CALLERS];
    for second in seconds {
        for (sum, caller) in sums.iter_mut().zip(&second.callers) {
            *sum = (sum.0 + caller.0, sum.1 + caller.1);
        }
    }
    let error = error / CALLERS as f64;
    let is_lost =
        |all: u64, failed: u64| share::interval(failed as f64, all as f64, error).low > 0.2;
    verdicts.is_violated |= sums.iter().any(|&(all, failed)| is_lost(all, failed));
    let known = sums.iter().filter(|&&(all, _)| is_lost(all, all)).count();
    verdicts.is_held &= known as f64 >= 0.9 * CALLERS as f64;
}

/// A threshold on the mean: response time 10 % above the stable version's, or errors
/// one point above, over all that was seen.
pub(super) fn mean(seconds: &[Second]) -> bool {
    let mean = |of: fn(&Pair) -> &times::Times| {
        let all = seconds.iter().flat_map(|second| of(&second.all));
        let (sum, count) = all.fold((0.0, 0.0), |(sum, count), &(value, n)| {
            (sum + value as f64 * n as f64, count + n as f64)
        });
        (count > 0.0).then(|| sum / count)
    };
    let share = |of: fn(&Second) -> (f64, f64)| {
        let (all, failed) =
            seconds.iter().map(of).fold((0.0, 0.0), |(all, failed), (a, f)| (all + a, failed + f));
        if all > 0.0 { failed / all } else { 0.0 }
    };
    let (canary, stable) = (mean(|pair| &pair.canary), mean(|pair| &pair.stable));
    let is_slower = canary.zip(stable).is_some_and(|(canary, stable)| canary > 1.1 * stable);
    is_slower || share(|second| second.canary) > share(|second| second.stable) + 0.01
}

/// Mann and Whitney's test of two metrics' values by second, as Kayenta's judge has it
/// (`MannWhitneyClassifier`, confidence 98 %, tolerance 25 %): worse where the lower
/// bound of the shift between the two is above a quarter of the estimated shift.
pub(super) fn mann_whitney(seconds: &[Second]) -> bool {
    let middle = |times: &times::Times| {
        let values: Vec<f64> = times
            .iter()
            .flat_map(|&(value, n)| std::iter::repeat_n(value as f64, n as usize))
            .collect();
        median(&values)
    };
    let metric = |of: &dyn Fn(&Second) -> Option<f64>| seconds.iter().filter_map(of).collect();
    let latency: [Vec<f64>; 2] = [
        metric(&|second| middle(&second.all.canary)),
        metric(&|second| middle(&second.all.stable)),
    ];
    let rate = |(all, failed): (f64, f64)| (all > 0.0).then(|| failed / all);
    let errors: [Vec<f64>; 2] =
        [metric(&|second| rate(second.canary)), metric(&|second| rate(second.stable))];
    [latency, errors].iter().any(|[canary, stable]| is_higher(canary, stable))
}

/// Whether the shift of two samples is certainly above a quarter of its estimate.
fn is_higher(canary: &[f64], stable: &[f64]) -> bool {
    let (m, n) = (canary.len(), stable.len());
    if m < 5 || n < 5 {
        return false;
    }
    let mut differences: Vec<f64> =
        canary.iter().flat_map(|a| stable.iter().map(move |b| a - b)).collect();
    differences.sort_unstable_by(f64::total_cmp);
    let Some(estimate) = crate::stats::median::of_sorted(&differences) else { return false };
    // The normal approximation of the rank of the bound (Hollander & Wolfe, 4.3).
    let (m, n) = (m as f64, n as f64);
    let spread = (m * n * (m + n + 1.0) / 12.0).sqrt();
    let rank = (m * n / 2.0 - 2.326 * spread).floor().max(0.0) as usize;
    differences.get(rank).is_some_and(|&lower| lower > 0.25 * estimate.abs())
}
