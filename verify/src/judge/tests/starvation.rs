//! What a starved host excuses, and what it does not.

use loadgen::Fate;
use proptest::prelude::*;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::plan::check::{
    Absence, After, Bound, CheckKind, Drain, Equal, Latency, Ratio, Recovery, Speed,
};
use scenarios::units::{Quantity, Rate, Share, Span};

use super::canary::{failing_more, slower};
use super::scene::{Scene, names};
use crate::judge::starved;

impl Scene {
    /// A record of the host by second: starved where it is said to be. A sample
    /// is of the second before it.
    pub(super) fn host(mut self, is_starved: impl Fn(u64) -> bool) -> Self {
        for second in 0..60_u64 {
            let starved = is_starved(second);
            let values = [
                ("window", 1.0),
                ("cpu_foreign", if starved { 0.9 } else { 0.0 }),
                ("cpu_waiting", if starved { 0.8 } else { 0.3 }),
                ("cpu_waited", if starved { 2.0 } else { 0.5 }),
                ("steal", 0.0),
            ];
            for (name, value) in values {
                let at = (second + 1) as f64;
                self.history.samples.add(&format!("host.{name}"), at, "", value);
            }
        }
        self
    }

    fn without_host(mut self) -> Self {
        self.history.samples.remove_all(|name| name.starts_with("host."));
        self
    }
}

fn waiting(lasting: Option<u64>) -> CheckKind {
    CheckKind::Bound(Bound {
        series: "broker.messages_ready".to_owned(),
        phases: names(&["load", "recovery"]),
        min: None,
        max: Some(Quantity::count(50.0)),
        lasting: lasting.map(Span::seconds),
        samples: 5,
    })
}

/// Much waits in these seconds.
fn waits(from: f64, to: f64) -> Scene {
    let value = move |at: f64| Some(if (from..to).contains(&at) { 90.0 } else { 1.0 });
    Scene::new().sampled("broker.messages_ready", value)
}

#[test]
fn what_breaks_only_in_starvation_is_inconclusive() {
    // As long again behind the stretch belongs to it: to 26 s.
    let finding = waits(20.0, 25.5).host(|at| (20..23).contains(&at)).find(waiting(None));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert!(finding.why.contains("starved, for 3 s in all, first from 20 s on"), "{}", finding.why);
    assert!(finding.measured.starts_with("90"), "{}", finding.measured);
}

#[test]
fn a_breach_at_a_quiet_host_stays_one_with_starvation_elsewhere() {
    let elsewhere = |at: u64| (10..13).contains(&at) || (50..52).contains(&at);
    assert_eq!(waits(20.0, 21.0).host(elsewhere).find(waiting(None)).verdict, Violated);
    // So it does when it begins in starvation and goes on long after.
    let long = waits(20.0, 30.0).host(|at| (20..23).contains(&at));
    assert_eq!(long.clone_scene().find(waiting(None)).verdict, Violated);
    assert_eq!(long.clone_scene().find(waiting(Some(3))).verdict, Violated);
    // But of ten seconds too few are left.
    assert_eq!(long.clone_scene().find(waiting(Some(8))).verdict, Inconclusive);
}

#[test]
fn what_the_lab_does_to_itself_starves_nobody() {
    let mut busy = waits(20.0, 22.0).host(|at| (20..23).contains(&at));
    busy.history.samples.edit("host.cpu_foreign", |samples| {
        samples.iter_mut().for_each(|sample| sample.value = 0.1);
    });
    assert!(starved(&busy.history).is_empty());
    assert_eq!(busy.find(waiting(None)).verdict, Violated);
    // What a hypervisor takes is taken from everybody.
    busy.history.samples.edit("host.steal", |samples| {
        for sample in samples {
            sample.value = if (20.0..24.0).contains(&sample.at) { 0.4 } else { 0.0 };
        }
    });
    assert_eq!(starved(&busy.history), [(19.0, 23.0)]);
    assert_eq!(busy.find(waiting(None)).verdict, Inconclusive);
}

#[test]
fn what_is_counted_is_so_at_any_pace() {
    let leak = |at: f64| Some(if (20.0..21.0).contains(&at) { 90.0 } else { 1.0 });
    let channels = CheckKind::Bound(Bound {
        series: "broker.channels".to_owned(),
        phases: names(&["load"]),
        min: None,
        max: Some(Quantity::count(50.0)),
        lasting: None,
        samples: 5,
    });
    let mut scene = Scene::new().sampled("broker.channels", leak).host(|_| true);
    assert_eq!(scene.find(channels).verdict, Violated);
    let restarts = CheckKind::Absence(Absence {
        series: "process.restarts".to_owned(),
        phases: names(&["load"]),
        excused_by: Vec::new(),
        samples: 5,
    });
    let rose = |at: f64| Some(if at > 20.0 { 1.0 } else { 0.0 });
    let mut scene = Scene::new().labelled("process.restarts", "service-1", rose).host(|_| true);
    assert_eq!(scene.find(restarts).verdict, Violated);
}

/// At most such a share of what is due is not acknowledged.
fn unsuccessful(phases: &[&str], max: f64) -> CheckKind {
    CheckKind::Ratio(Ratio {
        of: "publish.unsuccessful".to_owned(),
        to: "publish.due".to_owned(),
        phases: names(phases),
        min: None,
        max: Share(max),
        at_least: 100,
    })
}

fn latency() -> CheckKind {
    CheckKind::Latency(Latency {
        workload: "publish".to_owned(),
        phases: names(&["load"]),
        quantile: Share(0.95),
        max: Span::seconds(1),
    })
}

fn slow(is_slow: impl Fn(u64) -> bool) -> Scene {
    Scene::new().workload("publish", move |second, _| {
        (Fate::Acked, if is_slow(second) { 3_000_000 } else { 3_000 })
    })
}

#[test]
fn response_times_in_starvation_do_not_count() {
    let starved = |second: u64| (20..23).contains(&second);
    let finding = slow(starved).host(starved).find(latency());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert_eq!(slow(starved).find(latency()).verdict, Violated, "without a record it is as ever");
    assert_eq!(slow(starved).host(|s| (8..10).contains(&s)).find(latency()).verdict, Violated);
    assert_eq!(slow(|_| true).host(starved).find(latency()).verdict, Violated);
}

#[test]
fn what_was_not_answered_in_starvation_does_not_count() {
    let unanswered = unsuccessful(&["load"], 0.01);
    let scene = |second, fate| {
        Scene::new().workload("publish", move |at, _| match at == second {
            // The time-out is 5 s.
            true => (fate, 5_000_000),
            false => (Fate::Acked, 3_000),
        })
    };
    let late = |second| scene(second, Fate::Indeterminate);
    let starved = |second: u64| (20..23).contains(&second);
    assert_eq!(late(21).host(starved).find(unanswered.clone()).verdict, Inconclusive);
    assert_eq!(late(30).host(starved).find(unanswered.clone()).verdict, Violated);
    let accepted = CheckKind::Ratio(Ratio {
        of: "publish.acked".to_owned(),
        to: "publish.due".to_owned(),
        phases: names(&["load"]),
        min: Some(Share(0.99)),
        max: Share(1.0),
        at_least: 100,
    });
    assert_eq!(late(21).host(starved).find(accepted.clone()).verdict, Inconclusive);
    let refused = scene(21, Fate::Failed).host(starved);
    assert_eq!(refused.clone_scene().find(unanswered).verdict, Violated);
    assert_eq!(refused.clone_scene().find(accepted).verdict, Violated);
}

#[test]
fn what_was_refused_or_reset_in_starvation_counts() {
    let ratio = || unsuccessful(&["load", "faults", "recovery"], 0.05);
    let speed = |count: &str| {
        CheckKind::Speed(Speed {
            series: format!("publish.{count}"),
            phases: names(&["load", "faults", "recovery"]),
            max: Rate(2.0),
            poison: None,
        })
    };
    // Killed at 20 s, it never comes back: nobody is there who could be slow.
    let gone = |fate, micros| {
        let answer =
            move |second, _| if second < 20 { (Fate::Acked, 3_000) } else { (fate, micros) };
        Scene::new().workload("publish", answer).host(|second| second >= 20)
    };
    for (fate, micros) in [(Fate::Failed, 0), (Fate::Indeterminate, 900)] {
        let scene = gone(fate, micros);
        for check in [ratio(), latency(), speed("unsuccessful")] {
            let finding = scene.clone_scene().find(check);
            assert_eq!(finding.verdict, Violated, "{fate:?}, {}: {}", finding.kind, finding.why);
        }
    }
    assert_eq!(gone(Fate::Failed, 0).find(speed("failed")).verdict, Violated);
    let slow = gone(Fate::Indeterminate, 5_000_400);
    for check in [ratio(), latency(), speed("unsuccessful")] {
        let finding = slow.clone_scene().find(check);
        assert_eq!(finding.verdict, Inconclusive, "{}: {}", finding.kind, finding.why);
    }
}

#[test]
fn a_restart_may_take_long_in_starvation_if_it_comes_to_an_end() {
    let ratio = || unsuccessful(&["faults"], 0.05);
    // Killed at 37 s, it has 5 s; it refuses until then, and is back or is not.
    let refuses = |until| {
        let answer = move |second, _| match (37..until).contains(&second) {
            true => (Fate::Failed, 0),
            false => (Fate::Acked, 3_000),
        };
        Scene::new().workload("publish", answer).fault("kill", 37.0)
    };
    let starved = |scene: Scene| scene.host(|second| (37..44).contains(&second));
    assert_eq!(refuses(41).find(ratio()).verdict, Violated);
    assert_eq!(starved(refuses(41)).find(ratio()).verdict, Inconclusive);
    assert_eq!(starved(refuses(44)).find(ratio()).verdict, Violated, "for too long");
    let mut never = starved(refuses(41));
    never.history.faults[0].healed = None;
    assert_eq!(never.find(ratio()).verdict, Violated, "nobody saw it whole again");
}

#[test]
fn a_side_that_refuses_in_starvation_is_worse() {
    let sides = |fate, micros| {
        let answer = move |_, sequence: u64| match sequence % 3 {
            0 => (fate, micros),
            _ => (Fate::Acked, 3_000),
        };
        // Some seconds are quiet, and nothing is wrong in them.
        let mended = move |second: u64, sequence| match second < 14 {
            true => (Fate::Acked, 3_000),
            false => answer(second, sequence),
        };
        let scene = Scene::new().good_workload("stable").workload("publish", mended);
        scene.host(|second| second >= 14)
    };
    assert_eq!(sides(Fate::Failed, 0).find(failing_more()).verdict, Violated);
    assert_eq!(sides(Fate::Indeterminate, 6_000_000).find(failing_more()).verdict, Inconclusive);
    assert_eq!(sides(Fate::Acked, 6_000_000).find(slower()).verdict, Held);
}

#[test]
fn a_speed_is_judged_without_starvation() {
    let speed = CheckKind::Speed(Speed {
        series: "broker.channels_opened".to_owned(),
        phases: names(&["load"]),
        max: Rate(20.0),
        poison: None,
    });
    let burst = |from: f64| {
        Scene::new()
            .sampled("broker.channels_opened", move |at| Some(if at > from { 900.0 } else { 0.0 }))
    };
    let starved = |second: u64| (20..23).contains(&second);
    assert_eq!(burst(21.0).host(starved).find(speed.clone()).verdict, Inconclusive);
    assert_eq!(burst(30.0).host(starved).find(speed.clone()).verdict, Violated);
    assert_eq!(burst(21.0).find(speed).verdict, Violated);
}

#[test]
fn what_must_happen_within_a_time_has_so_much_more() {
    let drain = CheckKind::Drain(Drain {
        series: "broker.messages_ready".to_owned(),
        after: After::Phase("faults".to_owned()),
        to: Quantity::count(0.0),
        within: Span::seconds(2),
        lasting: None,
    });
    let empty_at = |end: f64| {
        Scene::new()
            .sampled("broker.messages_ready", move |at| Some(if at < end { 9.0 } else { 0.0 }))
    };
    let starved = |second: u64| second == 48;
    // 2 s of it are taken, and so it has until 52 s.
    assert_eq!(empty_at(51.0).host(starved).find(drain.clone()).verdict, Inconclusive);
    assert_eq!(empty_at(54.0).host(starved).find(drain.clone()).verdict, Violated);
    assert_eq!(empty_at(51.0).host(|s| s == 40).find(drain).verdict, Violated);
    let recovery = CheckKind::Recovery(Recovery {
        series: "broker.messages_ready".to_owned(),
        baseline: "load".to_owned(),
        after: "kill".to_owned(),
        tolerance: Share(0.1),
        floor: None,
        within: Span::seconds(2),
        lasting: Span::seconds(1),
    });
    // Healed at 39 s.
    let back_at = |end: f64| {
        let value = move |at: f64| Some(if (37.0..end).contains(&at) { 90.0 } else { 5.0 });
        Scene::new().sampled("broker.messages_ready", value).fault("kill", 37.0)
    };
    let starved = |second: u64| second == 39;
    assert_eq!(back_at(42.5).host(starved).find(recovery.clone()).verdict, Inconclusive);
    assert_eq!(back_at(46.0).host(starved).find(recovery.clone()).verdict, Violated);
    assert_eq!(back_at(42.5).host(|s| s == 20).find(recovery).verdict, Violated);
}

/// The rank of a verdict by what it says for the system.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Held => 0,
        Inconclusive => 1,
        Violated => 2,
    }
}

fn checks() -> Vec<CheckKind> {
    vec![
        waiting(None),
        waiting(Some(2)),
        latency(),
        CheckKind::Drain(Drain {
            series: "broker.messages_ready".to_owned(),
            after: After::Phase("load".to_owned()),
            to: Quantity::count(10.0),
            within: Span::seconds(3),
            lasting: None,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the host did: what is refused breaks its bound by itself, and what
    /// only comes too late in starvation does not.
    #[test]
    fn only_what_failed_by_time_is_excused(
        refused in 0_u64..20,
        late in 0_u64..20,
        starved_from in 8_u64..20,
        starved_for in 8_u64..20,
    ) {
        let starved = move |second: u64| (starved_from..starved_from + starved_for).contains(&second);
        let answer = move |second: u64, sequence: u64| match sequence % 50 {
            place if starved(second) && place < refused => (Fate::Failed, 0),
            place if starved(second) && place < refused + late => (Fate::Indeterminate, 5_100_000),
            _ => (Fate::Acked, 3_000),
        };
        let ratio = unsuccessful(&["load"], 0.05);
        let share = |number: u64| {
            let judged = (8..36).filter(|&second| starved(second)).count() as u64;
            (number * judged) as f64 / (28.0 * 50.0)
        };
        let verdict = Scene::new().workload("publish", answer).host(starved).find(ratio).verdict;
        let expected = match (share(refused), share(refused + late)) {
            (refused, _) if refused > 0.05 => Violated,
            (_, all) if all > 0.05 => Inconclusive,
            _ => Held,
        };
        prop_assert_eq!(verdict, expected);
    }

    /// Starvation never turns violated into held, never held into violated, and
    /// what nobody can tell without it nobody can tell with it. Taking the record
    /// of the host away, or a part of it, never makes a verdict better.
    #[test]
    fn starvation_only_takes_blame_away(
        from in 3.0_f64..50.0,
        lasts in 0.0_f64..15.0,
        slow_from in 8_u64..30,
        slow_for in 0_u64..8,
        starved in prop::collection::vec(any::<bool>(), 60),
        kept in prop::collection::vec(any::<bool>(), 5),
    ) {
        let value = move |at: f64| Some(if (from..from + lasts).contains(&at) { 90.0 } else { 1.0 });
        let is_slow = |second: u64| (slow_from..slow_from + slow_for).contains(&second);
        let scene = slow(is_slow).sampled("broker.messages_ready", value);
        for check in checks() {
            let plain = scene.clone_scene().find(check.clone()).verdict;
            let host = scene.clone_scene().host(|second| starved[second as usize]);
            let with = host.clone_scene().find(check.clone()).verdict;
            prop_assert!(with == plain || (plain, with) == (Violated, Inconclusive));
            let mut part = host.clone_scene();
            let names = ["window", "cpu_foreign", "cpu_waiting", "cpu_waited", "steal"];
            for (name, _) in names.iter().zip(&kept).filter(|(_, kept)| !**kept) {
                part.history.samples.remove(&format!("host.{name}"));
            }
            prop_assert!(rank(part.find(check.clone()).verdict) >= rank(with));
            prop_assert_eq!(host.without_host().find(check).verdict, plain);
        }
    }
}

/// Of 50 operations a second that were acknowledged in load, as many as are said to have
/// been counted late are counted only at a time behind it.
fn counted_late(late: f64, at: f64) -> Scene {
    let value = move |now: f64| {
        let counted = 50.0 * (now.clamp(8.0, 36.0) - 8.0);
        Some(if now < at { (counted - late).max(0.0) } else { counted })
    };
    Scene::new().good_workload("publish").sampled("broker.messages_acknowledged", value)
}

#[test]
fn what_a_starved_host_counts_later_does_not_disagree() {
    let check = || {
        CheckKind::Equal(Equal {
            counts: vec!["publish.acked".to_owned(), "broker.messages_acknowledged".to_owned()],
            phases: names(&["load"]),
            tolerance: Share(0.001),
            at_least: 1,
            lower_bounds: false,
        })
    };
    let starved = |at: u64| (30..33).contains(&at);
    let late = counted_late(90.0, 44.0);
    assert_eq!(late.clone_scene().find(check()).verdict, Violated, "a quiet host");
    let finding = late.host(starved).find(check());
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    let never = counted_late(90.0, f64::INFINITY).host(starved).find(check());
    assert_eq!(never.verdict, Violated, "{}", never.why);
}
