//! What a fault that the tool could not take back excuses, and what it does not.

use loadgen::Fate;
use loadgen::answers::{Compared, Flaw, Guilty};
use proptest::prelude::*;
use reports::record::Finding;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::plan::check::{
    Absence, After, Answers, Bound, CheckKind, DeadLetters, Drain, EffectsCheck, Equal, Latency,
    Ratio, Recovery, Speed,
};
use scenarios::plan::fault::{Held as Paused, StopSignal, Stopped};
use scenarios::plan::workload::Hit;
use scenarios::plan::{FaultKind, Pick, Role, Transport};
use scenarios::program::Program;
use scenarios::units::{Quantity, Rate, Share, Span};

use super::scene::{Scene, names};
use crate::history::{AnswersHistory, Dead, Seen, SeenWorkload};

/// When the fault is injected, and when it should be over.
const INJECTED: f64 = 37.0;
pub(super) const OVER: f64 = 41.0;
/// Whoever was due from here on may have waited for what did not come back.
const WAITED: u64 = 36;

/// How what a fault ended comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Back {
    ByCommand,
    BySupervisor,
}

impl Scene {
    /// Processes are stopped for 4 s, and have 10 s to be whole again. Whether
    /// they are is up to `healed`.
    pub(super) fn stopped(self, back: Back, healed: Option<f64>) -> Self {
        let mut scene = self.fault("stop", INJECTED);
        let fault = &mut scene.plan.faults[0];
        fault.heal_within = Span::seconds(10);
        fault.kind = FaultKind::StopProcess(Stopped {
            role: "service".to_owned(),
            pick: Pick::ALL,
            lasts: Span::seconds(4),
            signal: StopSignal::Term,
        });
        let start = match back {
            Back::ByCommand => Program::literal(["service"]),
            Back::BySupervisor => Program::default(),
        };
        let role = Role { start, ..Role::default() };
        scene.plan.system.roles.insert("service".to_owned(), role);
        let record = &mut scene.history.faults[0];
        record.kind = "stop_process".to_owned();
        record.undone = Some(OVER);
        record.healed = healed;
        record.unhealed = healed.is_none();
        record.problem = healed.is_none().then(|| "0 of 1 processes run".to_owned());
        scene
    }

    /// The same, and its command fails.
    fn not_taken_back(self, back: Back) -> Self {
        let mut scene = self.stopped(back, None);
        scene.history.faults[0].still_there = true;
        scene
    }
}

const LATER: [&str; 4] = ["load", "faults", "recovery", "settle"];

/// Everything fails in these seconds.
fn fails(from: u64, to: u64) -> Scene {
    Scene::new().workload("publish", move |second, _| {
        (if (from..to).contains(&second) { Fate::Failed } else { Fate::Acked }, 3_000)
    })
}

fn unsuccessful() -> CheckKind {
    CheckKind::Ratio(Ratio {
        of: "publish.unsuccessful".to_owned(),
        to: "publish.due".to_owned(),
        phases: names(&LATER),
        min: None,
        max: Share(0.01),
        at_least: 100,
    })
}

fn latency() -> CheckKind {
    CheckKind::Latency(Latency {
        workload: "publish".to_owned(),
        phases: names(&LATER),
        quantile: Share(0.95),
        max: Span::seconds(1),
    })
}

#[test]
fn what_fails_because_nobody_came_back_is_inconclusive() {
    for scene in [
        fails(42, 60).stopped(Back::ByCommand, None),
        fails(42, 60).not_taken_back(Back::ByCommand),
        // Whatever it was, the tool did not take it back.
        fails(42, 60).not_taken_back(Back::BySupervisor),
        // Long after its time, by our own command.
        fails(42, 60).stopped(Back::ByCommand, Some(55.0)),
    ] {
        for check in [unsuccessful(), latency()] {
            let finding = scene.clone_scene().find(check);
            assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
            let why = "Fault stop should have been over at 41 s";
            assert!(finding.why.contains(why), "{}", finding.why);
        }
    }
}

#[test]
fn what_broke_before_and_what_a_supervisor_leaves_away_stays() {
    // Who was due at 36 s may have waited until 41 s; nobody before.
    let early = fails(WAITED - 4, WAITED).stopped(Back::ByCommand, None);
    assert_eq!(early.clone_scene().find(unsuccessful()).verdict, Violated);
    let early = fails(WAITED - 4, WAITED).not_taken_back(Back::ByCommand);
    assert_eq!(early.clone_scene().find(latency()).verdict, Violated);
    assert_eq!(fails(42, 60).stopped(Back::BySupervisor, None).find(latency()).verdict, Violated);
    // It was there again in time: then it is the system that fails.
    let back = fails(42, 60).stopped(Back::ByCommand, Some(44.0));
    assert_eq!(back.clone_scene().find(unsuccessful()).verdict, Violated);
    assert_eq!(fails(0, 0).stopped(Back::ByCommand, None).find(unsuccessful()).verdict, Held);
}

#[test]
fn a_run_that_ended_before_the_time_was_up_excuses_nothing() {
    let mut scene = fails(42, 60).stopped(Back::ByCommand, None);
    scene.history.faults[0].problem = None;
    assert_eq!(scene.find(unsuccessful()).verdict, Inconclusive, "the run went on for long");
    let mut short = scene.clone_scene();
    let Some(fault) = short.plan.faults.first_mut() else { unreachable!() };
    fault.heal_within = Span::seconds(30);
    assert_eq!(short.find(unsuccessful()).verdict, Violated);
}

/// Breaks a check from one time to another.
type Breaks = fn(Scene, f64, f64) -> Scene;

/// A kind of check with what breaks it.
fn dated() -> Vec<(CheckKind, Breaks)> {
    let high: fn(Scene, f64, f64) -> Scene = |scene, from, to| {
        let value = move |at: f64| Some(if (from..to).contains(&at) { 90.0 } else { 1.0 });
        scene.sampled("broker.messages_ready", value)
    };
    let rises: fn(Scene, f64, f64) -> Scene = |scene, from, to| {
        let value = move |at: f64| Some(10.0 * (at.clamp(from, to) - from).ceil());
        scene.labelled("process.restarts", "service-1", value)
    };
    let bound = CheckKind::Bound(Bound {
        series: "broker.messages_ready".to_owned(),
        phases: names(&LATER),
        min: None,
        max: Some(Quantity::count(50.0)),
        lasting: None,
        samples: 5,
    });
    let absence = CheckKind::Absence(Absence {
        series: "process.restarts".to_owned(),
        phases: names(&LATER),
        excused_by: Vec::new(),
        samples: 5,
    });
    let speed = CheckKind::Speed(Speed {
        series: "process.restarts".to_owned(),
        phases: names(&LATER),
        max: Rate(0.2),
        poison: None,
    });
    vec![(bound, high), (absence, rises), (speed, rises)]
}

#[test]
fn each_sample_has_a_time() {
    for (check, broken) in dated() {
        let find = |from: f64, to: f64| {
            let scene = broken(Scene::new(), from, to).stopped(Back::ByCommand, None);
            scene.clone_scene().find(check.clone())
        };
        let (before, after) = (find(20.0, 24.0), find(OVER + 2.0, OVER + 6.0));
        assert_eq!(before.verdict, Violated, "{}: {}", before.kind, before.why);
        assert_eq!(after.verdict, Inconclusive, "{}: {}", after.kind, after.why);
    }
}

#[test]
fn what_must_be_so_by_a_time_is_judged_where_that_came_before() {
    let drain = |after: &str, within| {
        CheckKind::Drain(Drain {
            series: "broker.messages_ready".to_owned(),
            after: After::Phase(after.to_owned()),
            to: Quantity::count(0.0),
            within: Span::seconds(within),
            lasting: None,
        })
    };
    let full = || Scene::new().sampled("broker.messages_ready", |_| Some(9.0));
    let find = |check| full().stopped(Back::ByCommand, None).find(check).verdict;
    assert_eq!(find(drain("load", 4)), Violated);
    assert_eq!(find(drain("load", 10)), Inconclusive);
    assert_eq!(find(drain("faults", 4)), Inconclusive);
    let recovery = CheckKind::Recovery(Recovery {
        series: "broker.messages_ready".to_owned(),
        baseline: "load".to_owned(),
        after: "stop".to_owned(),
        tolerance: Share(0.1),
        floor: None,
        within: Span::seconds(2),
        lasting: Span::seconds(1),
    });
    let value = |at: f64| Some(if at < INJECTED { 5.0 } else { 90.0 });
    let scene = || Scene::new().sampled("broker.messages_ready", value);
    let late = scene().stopped(Back::ByCommand, Some(50.0)).find(recovery.clone());
    assert_eq!(late.verdict, Inconclusive);
    assert_eq!(scene().stopped(Back::ByCommand, Some(44.0)).find(recovery).verdict, Violated);
}

#[test]
fn counts_that_must_agree_do_so_where_their_phases_are_over() {
    let equal = |phases: &[&str]| {
        CheckKind::Equal(Equal {
            counts: names(&["publish.acked", "publish.due"]),
            phases: names(phases),
            tolerance: Share(0.0),
            at_least: 10,
            lower_bounds: false,
        })
    };
    let find = |check| fails(20, 24).stopped(Back::ByCommand, None).find(check).verdict;
    assert_eq!(find(equal(&["load"])), Violated);
    assert_eq!(find(equal(&["load", "faults"])), Inconclusive);
    assert_eq!(find(equal(&[])), Inconclusive);
}

/// What was seen of the effects of 2,550 acknowledged operations.
fn stored(change: impl FnOnce(&mut SeenWorkload, &mut Dead)) -> Scene {
    let mut scene = Scene::new().good_workload("publish");
    let acked = scene.history.workloads["publish"].ledger.of(Fate::Acked).clone();
    let mut told = SeenWorkload { once: acked, more: [].into() };
    let mut dead = Dead::default();
    dead.workloads.insert("publish".to_owned(), roaring::RoaringTreemap::new());
    change(&mut told, &mut dead);
    let mut seen = Seen { dead: Some(dead), ..Seen::default() };
    seen.workloads.insert("publish".to_owned(), told);
    scene.history.effects.insert("rows".to_owned(), Ok(seen));
    scene
}

fn stored_once(scene: &mut Scene) -> Finding {
    scene.find(CheckKind::Effects(EffectsCheck {
        source: "rows".to_owned(),
        workloads: names(&["publish"]),
        dead_letters: DeadLetters::None,
        tries: None,
    }))
}

#[test]
fn what_may_wait_for_somebody_who_is_away_is_not_lost() {
    // The first was accepted long before the fault. Nobody knows when it should
    // have taken effect, so it may wait, as the last may.
    for lost in [3, 2_500] {
        let scene = |back, healed| {
            let scene = stored(|told, _| assert!(told.once.remove(lost)));
            stored_once(&mut scene.stopped(back, healed))
        };
        let finding = scene(Back::ByCommand, None);
        assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
        assert!(finding.why.contains("1 operation lost or dead-lettered"), "{}", finding.why);
        assert!(finding.why.contains("Fault stop"), "{}", finding.why);
        assert_eq!(scene(Back::BySupervisor, None).verdict, Violated);
        // It did come back, however late: whoever waited had its turn.
        assert_eq!(scene(Back::ByCommand, Some(55.0)).verdict, Violated);
        assert_eq!(scene(Back::ByCommand, Some(44.0)).verdict, Violated);
    }
    let dead = |told: &mut SeenWorkload, dead: &mut Dead| {
        told.once.remove(9);
        dead.workloads.get_mut("publish").unwrap().insert(9);
    };
    let finding = stored_once(&mut stored(dead).not_taken_back(Back::BySupervisor));
    assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
    assert_eq!(stored_once(&mut stored(dead)).verdict, Violated);
}

#[test]
fn nobody_who_is_away_does_something_twice() {
    let twice = |told: &mut SeenWorkload, _: &mut Dead| {
        told.more.insert(2_500, 2);
        told.once.remove(3);
    };
    let finding = stored_once(&mut stored(twice).not_taken_back(Back::ByCommand));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
    assert!(finding.why.starts_with("1 operation took effect more than once."), "{}", finding.why);
    assert!(finding.why.contains("proves nothing: Fault stop"), "{}", finding.why);
    let unasked = |told: &mut SeenWorkload, _: &mut Dead| {
        told.once.insert(9_999);
    };
    let finding = stored_once(&mut stored(unasked).not_taken_back(Back::ByCommand));
    assert_eq!(finding.verdict, Violated, "{}", finding.why);
}

#[test]
fn two_different_answers_stay_two() {
    let find = |kind, sequence: u64| {
        let mut scene = Scene::new().good_workload("publish");
        let Transport::Http(http) = &mut scene.plan.workloads[0].transport else { unreachable!() };
        http.same = "/id".parse().ok();
        http.hit = Some(Hit::Header("hit".to_owned()));
        let mut counts = Compared { pairs: 40, agreed: 40, marked: 40, ..Compared::default() };
        match kind {
            Flaw::Disagreed => counts.disagreed = 1,
            Flaw::Unmarked => counts.unmarked = 1,
            Flaw::Premature => counts.premature = 1,
        }
        let id = format!("r/publish/{sequence}");
        let guilty = vec![Guilty { id, kind, first: None, second: None }];
        let told = scene.history.workloads.get_mut("publish").unwrap();
        told.answers = Some(AnswersHistory { counts, guilty });
        let check = Answers {
            workload: "publish".to_owned(),
            max_unmarked: 0,
            max_premature: 0,
            at_least: 10,
        };
        scene.stopped(Back::ByCommand, None).find(CheckKind::Answers(check)).verdict
    };
    // 2,000 came due at 45 s, 100 in the warm-up.
    assert_eq!(find(Flaw::Disagreed, 2_000), Violated);
    assert_eq!(find(Flaw::Unmarked, 2_000), Inconclusive);
    assert_eq!(find(Flaw::Unmarked, 100), Violated);
    assert_eq!(find(Flaw::Premature, 2_000), Inconclusive);
}

#[test]
fn whoever_was_only_paused_is_not_started_again() {
    let mut scene = fails(42, 60).stopped(Back::ByCommand, None);
    scene.plan.faults[0].kind = FaultKind::PauseProcess(Paused {
        role: "service".to_owned(),
        pick: Pick::ALL,
        lasts: Span::seconds(4),
    });
    assert_eq!(scene.find(unsuccessful()).verdict, Violated, "it was told to go on, and did not");
    assert_eq!(scene.not_taken_back(Back::ByCommand).find(unsuccessful()).verdict, Inconclusive);
}

#[test]
fn the_hosts_doing_and_the_tools_are_told_together() {
    // 20 s was the host's, 50 s the tool's; of either alone the other is left.
    let slow = |second: u64| second == 20 || second >= 50;
    let mut scene = Scene::new().workload("publish", move |second, _| {
        (Fate::Acked, if slow(second) { 3_000_000 } else { 3_000 })
    });
    scene = scene.host(|second| second == 20);
    assert_eq!(scene.clone_scene().find(latency()).verdict, Violated);
    assert_eq!(scene.stopped(Back::ByCommand, None).find(latency()).verdict, Inconclusive);
}

fn back() -> impl Strategy<Value = Back> {
    prop_oneof![Just(Back::ByCommand), Just(Back::BySupervisor)]
}

/// What becomes of the fault: taken back or not, healed or not.
fn ends() -> impl Strategy<Value = (Back, bool, Option<f64>)> {
    (back(), any::<bool>(), prop::option::of(OVER..59.0))
}

fn with(scene: Scene, (back, still_there, healed): (Back, bool, Option<f64>)) -> Scene {
    let mut scene = scene.stopped(back, healed);
    scene.history.faults[0].still_there = still_there;
    scene
}

/// Whether the tool is to blame.
fn is_ours((back, still_there, healed): (Back, bool, Option<f64>)) -> bool {
    let is_late = healed.is_none_or(|healed| healed > INJECTED + 11.0);
    still_there || (back == Back::ByCommand && is_late)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A breach before the time stays one, a breach behind it stays one unless the
    /// tool is to blame, and nothing is ever held that was not.
    #[test]
    fn only_what_came_after_is_taken_away(from in 8_u64..56, length in 2_u64..6, end in ends()) {
        let to = from + length;
        let plain = fails(from, to).find(unsuccessful()).verdict;
        prop_assert_eq!(plain, Violated);
        let verdict = with(fails(from, to), end).find(unsuccessful()).verdict;
        let expected = if is_ours(end) && from >= WAITED { Inconclusive } else { Violated };
        prop_assert_eq!(verdict, expected);
        prop_assert_eq!(with(fails(0, 0), end).find(unsuccessful()).verdict, Held);
    }

    /// Losses prove nothing where the tool is to blame and nobody came back;
    /// repetitions always do.
    #[test]
    fn losses_wait_and_repetitions_do_not(
        lost in prop::collection::btree_set(0_u64..2_550, 0..4),
        twice in prop::collection::btree_set(0_u64..2_550, 0..2),
        end in ends(),
    ) {
        let scene = stored(|told, _| {
            told.once -= lost.iter().copied().collect::<roaring::RoaringTreemap>();
            told.more.extend(twice.difference(&lost).map(|&twice| (twice, 2)));
        });
        let verdict: Verdict = stored_once(&mut with(scene, end)).verdict;
        let expected = if twice.difference(&lost).count() > 0 {
            Violated
        } else if lost.is_empty() {
            Held
        } else if is_ours(end) && end.2.is_none() {
            Inconclusive
        } else {
            Violated
        };
        prop_assert_eq!(verdict, expected);
    }
}
