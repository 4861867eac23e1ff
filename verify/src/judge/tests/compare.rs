//! Comparing runs: a run against itself, against a slower one, and against liars.

use loadgen::Fate;
use proptest::prelude::*;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::plan::Transport;
use scenarios::template::Template;
use scenarios::units::{Rate, Share, Span};

use super::scene::{Scene, names};
use crate::history::{Flaw, Sample};
use crate::judge::compare::{Asked, Comparison, Incomparable, Side, compare};

/// With what 1,400 operations can show.
fn asked() -> Asked {
    Asked {
        confidence: Share(0.99),
        more: Share(0.05),
        higher: Share(0.25),
        higher_by: Span::seconds(1),
        floor: "100us".parse().unwrap(),
        quantiles: vec![Share(0.9)],
        phases: names(&["load"]),
        workloads: Vec::new(),
    }
}

fn ask(asked: &Asked, baseline: &Scene, run: &Scene) -> Result<Comparison, Incomparable> {
    let [baseline, run] =
        [baseline, run].map(|scene| Side { plan: &scene.plan, history: &scene.history });
    compare(baseline, run, asked)
}

fn compared(baseline: &Scene, run: &Scene) -> Comparison {
    ask(&asked(), baseline, run).unwrap()
}

fn of(comparison: &Comparison, figure: &str) -> Verdict {
    let name = format!("publish.load.{figure}");
    comparison.findings.iter().find(|finding| finding.check == name).unwrap().verdict
}

/// Why a figure came to what it did.
fn why<'a>(comparison: &'a Comparison, figure: &str) -> &'a str {
    let name = format!("publish.load.{figure}");
    &comparison.findings.iter().find(|finding| finding.check == name).unwrap().why
}

/// Not the same for all operations of a second.
fn spread(k: u64) -> u64 {
    3_000 + k * 7_919 % 400
}

fn scene(answer: impl Fn(u64, u64) -> (Fate, u64)) -> Scene {
    Scene::new().workload("publish", answer).host(|_| false)
}

fn good() -> Scene {
    scene(|_, k| (Fate::Acked, spread(k)))
}

#[test]
fn a_run_is_no_worse_than_itself() {
    let run = good();
    let comparison = compared(&run, &run);
    assert_eq!(comparison.verdict, Held, "{}", comparison.headline);
    assert!(comparison.advice.is_none() && comparison.anomalies.is_empty());
    assert!(comparison.differences.is_empty(), "{:?}", comparison.differences);
    let checks: Vec<&str> = comparison.findings.iter().map(|one| one.check.as_str()).collect();
    let fit = ["baseline.load-was-offered", "run.load-was-offered"];
    let figures = ["publish.load.errors", "publish.load.typical", "publish.load.p90"];
    assert_eq!(checks, [&fit[..], &figures].concat());
    let series: Vec<(&str, &str, usize)> = comparison
        .series
        .iter()
        .map(|series| (series.name.as_str(), series.label.as_str(), series.points.len()))
        .collect();
    assert_eq!(series[..2], [("publish.errors", "run", 28), ("publish.errors", "baseline", 28)]);
}

#[test]
fn too_little_proves_nothing() {
    let run = good();
    let strict = Asked { more: Share(0.02), ..asked() };
    let failing =
        scene(|_, k| if k % 30 == 0 { (Fate::Failed, 9) } else { (Fate::Acked, spread(k)) });
    let comparison = ask(&strict, &failing, &failing).unwrap();
    assert_eq!(comparison.verdict, Inconclusive);
    assert_eq!(of(&comparison, "errors"), Inconclusive);
    assert!(why(&comparison, "errors").contains("more operations in each run"));

    // What no run of that length can hold is left out, unless it is violated.
    let strict = Asked { more: Share(0.001), quantiles: vec![Share(0.999)], ..asked() };
    let left = |comparison: &Comparison| -> Vec<String> {
        comparison.left_out.iter().map(|left| left.name.clone()).collect()
    };
    let comparison = ask(&strict, &run, &run).unwrap();
    assert_eq!(left(&comparison)[1..], ["publish.load.errors", "publish.load.p99.9"]);
    assert_eq!((comparison.verdict, of(&comparison, "typical")), (Held, Held));
    let failing =
        scene(|_, k| if k % 6 == 0 { (Fate::Failed, 9) } else { (Fate::Acked, spread(k)) });
    assert_eq!(of(&ask(&strict, &run, &failing).unwrap(), "errors"), Violated);
    // Of which nothing is left proves nothing.
    let short = Asked { phases: names(&["warm-up"]), ..asked() };
    let comparison = ask(&short, &run, &run).unwrap();
    assert_eq!((comparison.verdict, left(&comparison).len()), (Inconclusive, 4));
    assert!(comparison.headline.contains("no phase is long enough"), "{}", comparison.headline);
    // Nor does what is missing make a phase small.
    let mut gone = good();
    gone.history.workloads.clear();
    assert_eq!(of(&ask(&asked(), &run, &gone).unwrap(), "errors"), Inconclusive);
}

#[test]
fn a_slower_run_is_found_out_and_a_faster_one_is_not_blamed() {
    let slow = scene(|_, k| (Fate::Acked, spread(k) * 3 / 2));
    let comparison = compared(&good(), &slow);
    assert_eq!(of(&comparison, "typical"), Violated, "{}", why(&comparison, "typical"));
    assert_eq!(of(&comparison, "p90"), Violated, "{}", why(&comparison, "p90"));
    assert_eq!(of(&comparison, "errors"), Held);
    assert_eq!(comparison.verdict, Violated);
    let finding = comparison.findings.iter().find(|one| one.check == "publish.load.p90").unwrap();
    assert!(finding.since.is_some() && finding.evidence_file.is_some(), "{finding:?}");
    let advice = comparison.advice.unwrap();
    assert!(advice.what.contains("version of the baseline again") && advice.because.len() == 2);
    assert_eq!(compared(&slow, &good()).verdict, Held);
}

#[test]
fn a_tail_shows_at_its_quantile_alone() {
    let tail = scene(|_, k| (Fate::Acked, if k % 6 == 0 { 30_000 } else { spread(k) }));
    let comparison = compared(&good(), &tail);
    assert_eq!(of(&comparison, "typical"), Held, "{}", why(&comparison, "typical"));
    assert_eq!(of(&comparison, "p90"), Violated, "{}", why(&comparison, "p90"));
}

#[test]
fn more_errors_are_found_out() {
    let failing = scene(|_, k| match k % 6 {
        0 => (Fate::Failed, 1_000),
        _ => (Fate::Acked, spread(k)),
    });
    let comparison = compared(&good(), &failing);
    assert_eq!(of(&comparison, "errors"), Violated, "{}", why(&comparison, "errors"));
    assert_eq!(of(&compared(&failing, &good()), "errors"), Held);
    let itself = compared(&failing, &failing);
    assert_ne!(of(&itself, "errors"), Violated, "{}", why(&itself, "errors"));
}

/// The runs have no weather in common: one slow stretch each, at other times, is the same
/// in both.
#[test]
fn slow_seconds_at_other_times_are_no_difference() {
    let slow_in = |from: u64| {
        scene(move |at, k| {
            let slow = if (from..from + 5).contains(&at) { 20 } else { 1 };
            (Fate::Acked, spread(k) * slow)
        })
    };
    let (early, late) = (slow_in(10), slow_in(26));
    for (baseline, run) in [(&early, &late), (&late, &early)] {
        let comparison = compared(baseline, run);
        assert_ne!(comparison.verdict, Violated, "{}", comparison.headline);
    }
}

#[test]
fn what_is_missing_holds_nothing() {
    type Change = fn(&mut Scene);
    let changes: [(&str, Change); 5] = [
        ("latency.hlog has 0 response times", |scene| {
            let told = scene.history.workloads.get_mut("publish").unwrap();
            told.response.retain(|(second, _)| !(14..18).contains(second));
        }),
        ("has no counts", |scene| {
            let is_left = |sample: &Sample| !(14.0..18.0).contains(&sample.at);
            scene.history.samples.retain("publish.unsuccessful", is_left);
        }),
        ("lasted 10 s of 28 s", |scene| {
            scene.history.phases.truncate(3);
            scene.history.phases[2].to = 18.0;
        }),
        ("did not take place", |scene| scene.history.phases.truncate(2)),
        ("nothing is known", |scene| scene.history.workloads.clear()),
    ];
    for (what, change) in changes {
        let mut short = good();
        change(&mut short);
        for (baseline, run) in [(&good(), &short), (&short, &good())] {
            let comparison = compared(baseline, run);
            assert_eq!(comparison.verdict, Inconclusive, "{what}");
            assert_eq!(of(&comparison, "p90"), Inconclusive, "{what}");
            let why = why(&comparison, "p90");
            assert!(why.contains(what), "{why}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let refused = |change: &dyn Fn(&mut Scene), asked: &Asked| {
        let mut other = good();
        change(&mut other);
        ask(asked, &good(), &other).unwrap_err().to_string()
    };
    let why = refused(&|other| other.plan.name = "another".to_owned(), &asked());
    assert!(why.contains("a run of scene and the run one of another"), "{why}");
    let why = refused(&|other| other.history.flaws.push(Flaw::of("latency.hlog", "cut")), &asked());
    assert!(why.contains("the record of the run is damaged: latency.hlog: cut"), "{why}");
    let why = refused(&|other| other.plan.workloads[0].name = "read".to_owned(), &asked());
    assert!(why.contains("workload publish: the run has no such workload"), "{why}");
    let why = refused(
        &|other| {
            let Transport::Http(http) = &mut other.plan.workloads[0].transport else { panic!() };
            http.body = Template::new("another");
        },
        &asked(),
    );
    assert!(why.contains("its operations are others"), "{why}");
    let nothing = |_: &mut Scene| {};
    let why = refused(&nothing, &Asked { phases: names(&["laod"]), ..asked() });
    assert!(why.contains("no phase \"laod\"") && why.contains("load"), "{why}");
    let why = refused(&nothing, &Asked { phases: names(&["settle"]), ..asked() });
    assert!(why.contains("no judged phase has its load"), "{why}");
    let why = refused(&nothing, &Asked { workloads: names(&["read"]), ..asked() });
    assert!(why.contains("no workload \"read\"") && why.contains("publish"), "{why}");
}

#[test]
fn what_differs_otherwise_is_told() {
    let mut other = good();
    other.plan.seed = 2;
    other.plan.variant = "slow".to_owned();
    other.plan.workloads[0].rate = Rate(60.0);
    let Transport::Http(http) = &mut other.plan.workloads[0].transport else { panic!() };
    http.url = Template::new("http://127.0.0.2:7/");
    let told = compared(&good(), &other).differences.join("\n");
    for what in ["seed was 1", "variant slow", "rate of publish was 50/s"] {
        assert!(told.contains(what), "{what} is not in {told}");
    }
    other.history.samples.remove_all(|name| name.starts_with("host."));
    let told = compared(&good(), &other).differences.join("\n");
    assert!(told.contains("The run has no record of its host"), "{told}");
}

#[test]
fn a_starved_host_is_no_version() {
    let slow = |from: u64, to: u64| {
        Scene::new().workload("publish", move |at, k| {
            let slow = if (from..to).contains(&at) { 10 } else { 1 };
            (Fate::Acked, spread(k) * slow)
        })
    };
    let p90 = |baseline: &Scene, run: &Scene| {
        let comparison = compared(baseline, run);
        (of(&comparison, "p90"), why(&comparison, "p90").to_owned())
    };
    // Starvation reaches as far again: it has to be caught up with.
    let starved = |at: u64| (8..18).contains(&at);
    // Slow while it was starved, and while nothing starved it.
    let (verdict, why) = p90(&good(), &slow(8, 28).host(starved));
    assert_eq!(verdict, Inconclusive, "{why}");
    assert!(why.contains("starved"), "{why}");
    assert_eq!(p90(&good(), &slow(8, 28).host(|_| false)).0, Violated);
    // Slow all the time.
    assert_eq!(p90(&good(), &slow(0, 60).host(|at| (12..15).contains(&at))).0, Violated);
    // No worse than a baseline that was starved.
    let same = slow(0, 60).host(|_| false);
    let (verdict, why) = p90(&slow(0, 60).host(|at| at < 40), &same);
    assert_eq!(verdict, Inconclusive, "{why}");
    // What held though it was starved holds.
    assert_eq!(p90(&good(), &slow(0, 0).host(starved)).0, Held);
}

#[test]
fn what_was_not_broken_alike_is_not_compared() {
    let asked = Asked { phases: names(&["load", "faults", "recovery"]), ..asked() };
    let broken = good().fault("kill", 37.0);
    let comparison = ask(&asked, &good(), &broken).unwrap();
    let left: Vec<&str> = comparison.left_out.iter().map(|left| left.name.as_str()).collect();
    assert!(left.starts_with(&["faults", "recovery"]), "{left:?}");
    assert!(comparison.findings.iter().any(|one| one.check.starts_with("publish.load.")));
    assert!(!comparison.findings.iter().any(|one| one.check.starts_with("publish.faults.")));
    // One that did not land in one of them.
    let mut slow = scene(|_, k| (Fate::Acked, spread(k) * 2)).fault("kill", 37.0);
    assert_eq!(ask(&asked, &broken, &slow).unwrap().verdict, Violated);
    slow.history.faults[0].injected = None;
    let comparison = ask(&asked, &broken, &slow).unwrap();
    assert_eq!(comparison.verdict, Inconclusive);
    let why = why(&comparison, "p90");
    assert!(why.contains("not loaded and broken alike"), "{why}");
}

/// Two runs of one version whose speed wanders, each by itself.
#[test]
fn wandering_speed_raises_no_alarm() {
    let mut random = fastrand::Rng::with_seed(17);
    let mut wandering = || {
        let mut level = 0.0;
        let levels: Vec<f64> = (0..61)
            .map(|_| {
                level = 0.9 * level + 0.04 * (random.f64() - 0.5);
                level
            })
            .collect();
        let seed = random.u64(..);
        scene(move |at, k| {
            let mut own = fastrand::Rng::with_seed(seed ^ k);
            let micros = 3_000.0 * (1.0 + levels[at as usize]) * (-own.f64().max(1e-9).ln()).exp();
            let fate = if own.f64() < 0.01 { Fate::Failed } else { Fate::Acked };
            (fate, (micros as u64).clamp(100, 4_000_000))
        })
    };
    let alarms =
        (0..30).filter(|_| compared(&wandering(), &wandering()).verdict == Violated).count();
    assert_eq!(alarms, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// A figure that is worse in the run than in the baseline is not worse in the
    /// baseline than in the run; and no run is worse than itself.
    #[test]
    fn turning_both_round_never_breaks_both(
        slow in prop::collection::vec((0_u64..40, 0_u64..40), 60..61),
        failed in prop::collection::vec((0_u64..30, 0_u64..30), 60..61),
        (calm, higher, floor) in (0_u64..3, 0.0_f64..0.3, 0_u64..500),
    ) {
        let make = |of: fn(&(u64, u64)) -> u64| {
            let (slow, failed) = (slow.clone(), failed.clone());
            scene(move |at, k| {
                let index = (at as usize).min(59);
                let slow = of(&slow[index]) >> (calm * 2);
                match k % 50 < of(&failed[index]) >> calm {
                    true => (Fate::Failed, 1_000),
                    false => (Fate::Acked, spread(k) * (10 + slow) / 10),
                }
            })
        };
        let (one, other) = (make(|pair| pair.0), make(|pair| pair.1));
        let floor = Span(std::time::Duration::from_micros(floor));
        let asked = Asked { higher: Share(higher), more: Share(higher / 10.0), floor, ..asked() };
        let there = ask(&asked, &one, &other).unwrap();
        let back = ask(&asked, &other, &one).unwrap();
        for (there, back) in there.findings.iter().zip(&back.findings) {
            prop_assert!(
                !(there.verdict == Violated && back.verdict == Violated),
                "{}: {} and {}", there.check, there.why, back.why
            );
        }
        prop_assert!(ask(&asked, &one, &one).unwrap().verdict != Violated);
    }

    /// A run that takes longer is never judged more mildly.
    #[test]
    fn longer_is_never_better(
        slow in prop::collection::vec(0_u64..20, 60..61),
        more in 1_u64..20,
    ) {
        let make = |more: u64| {
            let slow = slow.clone();
            scene(move |at, k| (Fate::Acked, spread(k) * (10 + slow[(at as usize).min(59)] + more) / 10))
        };
        let (before, after) = (compared(&good(), &make(0)), compared(&good(), &make(more)));
        for (before, after) in before.findings.iter().zip(&after.findings) {
            let is_turned = before.verdict == Violated && after.verdict == Held;
            prop_assert!(!is_turned, "{}: {} and {}", before.check, before.why, after.why);
        }
    }
}
