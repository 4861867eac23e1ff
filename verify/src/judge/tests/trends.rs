//! Trend against leaks, and against everything that looks like one.

use proptest::prelude::*;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::plan::check::{CheckKind, Trend};
use scenarios::units::{Quantity, Share};

use super::scene::Scene;

fn trend() -> CheckKind {
    CheckKind::Trend(Trend {
        series: "broker.channels".to_owned(),
        phase: "load".to_owned(),
        min_rise: Quantity::count(10.0),
        confidence: Share(0.99),
        samples: 20,
    })
}

/// The verdict on a series over the 28 s of the load; the time counts from
/// its start.
fn on(value: impl Fn(f64) -> f64) -> Verdict {
    Scene::new().sampled("broker.channels", |at| Some(value(at - 8.0))).find(trend()).verdict
}

#[test]
fn a_slow_leak_in_whole_steps_is_seen() {
    let leak = |at: f64| 12.0 + ((at - 8.0) * 23.0 / 28.0).floor();
    let mut scene = Scene::new()
        .sampled("broker.channels", |at| Some(leak(at)))
        .labelled("broker.connection_channels", "service-1", |at| Some(leak(at) - 8.0))
        .labelled("broker.connection_channels", "service-2", |_| Some(4.0));
    let finding = scene.find(trend());
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.why.contains("with 99% confidence"), "{}", finding.why);
    assert!(finding.since.is_some_and(|since| (15.0..30.0).contains(&since)));
    assert_eq!(finding.evidence[0].what, "connection service-1", "the guilty one comes first");
    assert!(!finding.evidence.iter().any(|evidence| evidence.what.contains("service-2")));
}

/// One channel in 5,000 publishes at 250/s is one in 20 s. Time has no scale for
/// a trend, so a load of four minutes is judged as this one.
#[test]
fn the_slowest_leak_is_seen_once_it_has_lost_a_dozen_channels() {
    assert_eq!(on(|at| 17.0 + (at * 12.0 / 28.0).floor()), Violated);
    assert_eq!(on(|at| 17.0 + (at * 8.0 / 28.0).floor()), Held, "less than counts as a rise");
}

#[test]
fn a_leak_that_ends_at_a_limit_is_seen() {
    for end in [0.45, 0.5, 0.7, 0.9] {
        let verdict = on(|at| 750.0 + (at / 28.0 / end).clamp(0.0, 1.0) * 3_344.0);
        assert_eq!(verdict, Violated, "limit reached after {end} of the phase");
    }
}

#[test]
fn a_leak_in_bursts_or_with_a_glitch_is_seen() {
    assert_eq!(on(|at| 12.0 + (at / 4.0).floor() * 5.0), Violated);
    assert_eq!(on(|at| if (13.0..13.5).contains(&at) { 0.0 } else { 12.0 + at }), Violated);
}

#[test]
fn warming_up_is_no_leak() {
    for end in [1.0, 3.0, 6.0, 28.0 / 3.0] {
        assert_eq!(on(|at| 12.0 + (at / end).clamp(0.0, 1.0) * 12.0), Held, "warm after {end} s");
        assert_eq!(on(|at| 12.0 + (at / end).clamp(0.0, 1.0) * 300.0), Held, "warm after {end} s");
    }
    assert_eq!(on(|at| 12.0 + 40.0 * (1.0 - (-at.max(0.0) / 5.0).exp())), Held);
}

#[test]
fn a_step_anywhere_is_no_leak() {
    for step in 0..28 {
        for height in [4.0, 9.0, 30.0] {
            let at_step = f64::from(step);
            let verdict = on(|at| if at < at_step { 12.0 } else { 12.0 + height });
            assert_eq!(verdict, Held, "{height} more after {step} s");
        }
    }
}

#[test]
fn a_dip_anywhere_is_no_leak() {
    for start in -8..28 {
        for low in [0.0, 6.0] {
            let dip = f64::from(start)..f64::from(start) + 8.0;
            let verdict = on(|at| if dip.contains(&at) { low } else { 12.0 });
            assert_eq!(verdict, Held, "a dip to {low} after {start} s");
        }
    }
}

#[test]
fn a_sawtooth_is_no_leak() {
    for teeth in 2..9 {
        let length = 28.0 / f64::from(teeth);
        assert_eq!(on(|at| 100.0 * (at / length).rem_euclid(1.0)), Held, "{teeth} teeth");
    }
}

#[test]
fn a_trend_needs_samples() {
    let mut few = Scene::new().sampled("broker.channels", |at| {
        (at.fract() < 0.2 && (at as u64).is_multiple_of(2)).then_some(at)
    });
    assert_eq!(few.find(trend()).verdict, Inconclusive);
    assert_eq!(Scene::new().find(trend()).verdict, Inconclusive);
}

/// Noise that remembers: each value is `memory` of the one before, and chance.
fn noise(random: &mut fastrand::Rng, memory: f64, size: f64) -> Vec<f64> {
    let mut last = 0.0;
    let draw = |random: &mut fastrand::Rng| {
        // The sum of twelve uniform values is nearly normal, with deviation 1.
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    };
    let fresh = (1.0 - memory * memory).sqrt();
    let mut step = || {
        last = memory * last + fresh * draw(random);
        size * last
    };
    // The memory fills before the first value counts.
    (0..50).for_each(|_| {
        step();
    });
    (0..121).map(|_| step()).collect()
}

/// False alarms in so many runs of flat noise.
fn alarms(runs: u32, memory: f64, size: f64, seed: u64) -> u32 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut alarms = 0;
    for _ in 0..runs {
        let values = noise(&mut random, memory, size);
        let mut scene = Scene::new().sampled("broker.channels", |at| {
            values.get((at * 2.0) as usize).map(|v| 100.0 + v.round())
        });
        alarms += u32::from(scene.find(trend()).verdict == Violated);
    }
    alarms
}

#[test]
fn flat_noise_rarely_alarms() {
    // Small, comparable to and far above the smallest rise that counts; fresh,
    // remembering for a second, for some seconds.
    let kinds =
        [(0.0, 5.0), (0.0, 50.0), (0.5, 5.0), (0.5, 50.0), (0.8, 3.0), (0.8, 20.0), (0.9, 5.0)];
    for (memory, size) in kinds {
        let alarms = alarms(2_000, memory, size, 7);
        assert!(alarms <= 2, "{alarms} of 2,000 with memory {memory} and size {size}");
    }
}

#[test]
fn a_leak_is_seen_through_noise() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut seen = 0;
    for _ in 0..200 {
        let values = noise(&mut random, 0.5, 2.0);
        let mut scene = Scene::new().sampled("broker.channels", |at| {
            values.get((at * 2.0) as usize).map(|v| (100.0 + v + (at - 8.0) * 23.0 / 28.0).round())
        });
        seen += u32::from(scene.find(trend()).verdict == Violated);
    }
    assert!(seen >= 175, "{seen} of 200");
}

/// The leaks of a table: the share of the load after which they begin, and how
/// much they add a second.
fn leak(from: f64, slope: f64) -> impl Fn(f64) -> f64 {
    move |at| 17.0 + ((at - from * 28.0).max(0.0) * slope).floor()
}

/// A pool that settles: how far it fills, and its time constant.
fn settles(to: f64, constant: f64) -> impl Fn(f64) -> f64 {
    move |at| 17.0 + (to * (1.0 - (-at.max(0.0) / constant).exp())).round()
}

#[test]
fn a_leak_from_the_middle_on_is_seen_at_every_slope() {
    for slope in [0.83, 1.0, 1.3, 2.0, 5.0, 50.0] {
        assert_eq!(on(leak(0.43, slope)), Violated, "{slope} a second from 43 % of the load on");
    }
}

#[test]
fn a_pool_that_settles_and_three_stairs_are_no_leaks() {
    for constant in [2.0, 4.0, 6.0, 8.0] {
        assert_eq!(on(settles(20.0, constant)), Held, "+20 with {constant} s");
        assert_eq!(on(settles(40.0, constant)), Held, "+40 with {constant} s");
    }
    for shift in 0..28 {
        let shift = f64::from(shift) / 4.0;
        let stairs = |at: f64| 12.0 + 6.0 * ((at + shift) / 7.0).floor().clamp(0.0, 3.0);
        assert_eq!(on(stairs), Held, "three stairs of +6, {shift} s early");
    }
}

#[test]
fn a_step_beside_a_leak_hides_nothing() {
    for step in 0..28 {
        for height in [10.0, 100.0, 1_000.0] {
            let both =
                |at: f64| leak(0.0, 1.0)(at) + if at < f64::from(step) { 0.0 } else { height };
            assert_eq!(on(both), Violated, "a leak, and {height} more after {step} s");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The same leak, steeper or longer, is never judged more mildly, whatever
    /// the series does besides.
    #[test]
    fn a_worse_leak_is_never_judged_more_mildly(
        seed: u64,
        size in 0.0_f64..6.0,
        from in 0.0_f64..0.9,
        slope in 0.0_f64..4.0,
        steeper in 1.0_f64..8.0,
        longer in 0.0_f64..1.0,
    ) {
        let values = noise(&mut fastrand::Rng::with_seed(seed), 0.5, size);
        let leaks = |from: f64, slope: f64| {
            let mut scene = Scene::new().sampled("broker.channels", |at| {
                let beside = values.get((at * 2.0) as usize)?;
                Some(100.0 + beside + (at - 8.0 - from * 28.0).max(0.0) * slope)
            });
            scene.find(trend()).verdict
        };
        if leaks(from, slope) == Violated {
            prop_assert_eq!(leaks(from, slope * steeper), Violated, "steeper");
            prop_assert_eq!(leaks(from * longer, slope), Violated, "longer");
        }
    }
}

/// Prints what the trend sees: the table in its documentation.
#[test]
#[ignore = "prints figures, and takes a while"]
fn trend_in_figures() {
    let seen = |verdicts: &[Verdict]| {
        let broken = verdicts.iter().filter(|verdict| **verdict == Violated).count();
        format!("{broken} of {}", verdicts.len())
    };
    let mut random = fastrand::Rng::with_seed(3);
    let mut noisy = |runs: u32, memory: f64, size: f64, slope: f64| {
        let verdicts: Vec<Verdict> = (0..runs)
            .map(|_| {
                let values = noise(&mut random, memory, size);
                on(|at| 100.0 + (values[((at + 8.0) * 2.0) as usize] + at * slope).round())
            })
            .collect();
        seen(&verdicts)
    };
    for (memory, size) in
        [(0.0, 5.0), (0.5, 50.0), (0.8, 3.0), (0.8, 20.0), (0.9, 5.0), (0.9, 50.0)]
    {
        println!("flat, noise {size} that remembers {memory}: {}", noisy(4_000, memory, size, 0.0));
    }
    for (memory, size, rise) in
        [(0.5, 2.0, 23.0), (0.5, 4.0, 23.0), (0.5, 4.0, 46.0), (0.5, 4.0, 100.0)]
    {
        println!(
            "a leak of {rise} in noise {size} that remembers {memory}: {}",
            noisy(400, memory, size, rise / 28.0)
        );
    }
    for from in [0.0, 0.3, 0.43, 0.5, 0.6, 0.7] {
        let slopes = [0.5, 0.83, 1.0, 1.3, 2.0, 4.0, 8.0];
        let verdicts = slopes.map(|slope| (slope, on(leak(from, slope)).word()));
        println!("a leak from {from} of the load on, by slope: {verdicts:?}");
    }
    for to in [10.0, 20.0, 40.0, 60.0, 100.0, 300.0] {
        let verdicts = [2.0, 4.0, 6.0, 8.0, 12.0, 20.0].map(|c| (c, on(settles(to, c)).word()));
        println!("a pool that settles at +{to}, by time constant: {verdicts:?}");
    }
    for stairs in 1..=6 {
        let stairs = f64::from(stairs);
        println!(
            "{stairs} stairs of +6: {}",
            on(|at| 6.0 * (at.max(0.0) / 28.0 * (stairs + 1.0)).floor()).word()
        );
    }
    for end in [0.2, 0.33, 0.4, 0.45, 0.5, 0.7, 0.9] {
        let verdicts = [12.0, 30.0, 300.0, 3_344.0]
            .map(|to| (to, on(|at| 12.0 + (at / 28.0 / end).clamp(0.0, 1.0) * to).word()));
        println!("a leak that ends at a limit after {end} of the load, by height: {verdicts:?}");
    }
}
