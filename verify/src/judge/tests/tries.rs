//! How often dead letters were tried again, against those who give up too early, too
//! late, or say nothing of it.

use std::collections::BTreeMap;

use loadgen::Fate;
use proptest::prelude::*;
use reports::record::{Finding, Verdict};
use scenarios::plan::check::{CheckKind, DeadLetters, EffectsCheck, Tries};
use scenarios::plan::effects::EffectsSource;
use scenarios::plan::{Effects, Listing};
use scenarios::template::Template;
use scenarios::units::Span;

use super::scene::{Scene, names};
use crate::history::{Dead, DeadTries, Seen, SeenWorkload, Tried};

use Verdict::{Held, Inconclusive, Violated};

/// 10 to 19 are poison, and each stands among the dead letters with the number of
/// tries that is given.
fn given_up(tries: impl Fn(u64) -> Option<u64>, change: impl FnOnce(&mut Seen)) -> Scene {
    let mut scene = Scene::new().good_workload("publish");
    let known = scene.history.workloads.get_mut("publish").unwrap();
    known.poison = (10..20).collect();
    let acked = known.ledger.of(Fate::Acked) - &known.poison;
    let mut seen = Seen::default();
    seen.workloads.insert("publish".to_owned(), SeenWorkload { once: acked, more: [].into() });
    let mut tried = Tried::default();
    (10..20).for_each(|sequence| tried.add(sequence, tries(sequence)));
    let tries = DeadTries { workloads: [("publish".to_owned(), tried)].into(), trouble: None };
    let workloads = [("publish".to_owned(), known.poison.clone())].into();
    seen.dead = Some(Dead { workloads, trouble: None, tries: Some(tries) });
    change(&mut seen);
    scene.history.effects.insert("rows".to_owned(), Ok(seen));
    let file = Template::new("rows");
    let ndjson = Listing::Ndjson { file, identity: "/id".parse().unwrap() };
    scene.plan.effects.push(Effects {
        name: "rows".to_owned(),
        source: EffectsSource::Listing(ndjson.clone()),
        dead: Some(ndjson),
        tries: Some("header:x-retry-count".parse().unwrap()),
        order: None,
        at: None,
        dead_at: None,
        aggregate: None,
        schema: None,
        settle: Span::seconds(1),
    });
    scene
}

fn check(tries: Option<&str>) -> CheckKind {
    CheckKind::Effects(EffectsCheck {
        source: "rows".to_owned(),
        workloads: names(&["publish"]),
        dead_letters: DeadLetters::Poison,
        tries: tries.map(|tries| tries.parse().unwrap()),
    })
}

fn find(mut scene: Scene) -> Finding {
    scene.find(check(Some("5")))
}

fn tries(seen: &mut Seen) -> &mut DeadTries {
    seen.dead.as_mut().unwrap().tries.as_mut().unwrap()
}

#[test]
fn each_dead_letter_was_tried_as_often_as_it_must_be() {
    let finding = find(given_up(|_| Some(5), |_| {}));
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert!(finding.why.ends_with("10 dead letters, each after 5 tries."), "{}", finding.why);
    assert!(finding.bound.ends_with("dead letters after 5 tries"), "{}", finding.bound);
    let of_range = |range| given_up(|k| Some(5 + k % 2), |_| {}).find(check(Some(range)));
    assert_eq!(of_range("5-6").verdict, Held);
    assert_eq!(of_range("6").verdict, Violated);
    // Who does not ask for it is told nothing of it.
    let finding = given_up(|_| Some(1), |_| {}).find(check(None));
    assert_eq!(finding.verdict, Held);
    assert!(!finding.bound.contains("tries"), "{}", finding.bound);
}

#[test]
fn every_liar_is_named_with_the_numbers() {
    let too_early = find(given_up(|k| Some(if k < 13 { 2 } else { 5 }), |_| {}));
    assert_eq!(too_early.verdict, Violated);
    assert_eq!(too_early.why, "3 of 10 dead letters were not given up after 5 tries: 3 after 2.");
    assert!(too_early.measured.ends_with("; 3 of 10 dead letters tried otherwise"));
    let told: Vec<&str> = too_early.evidence.iter().map(|one| one.what.as_str()).collect();
    assert!(told[0].ends_with("publish/10") && told.len() == 3, "{told:?}");
    assert_eq!(too_early.evidence[0].seen, "dead-lettered after 2 tries instead of 5");
    let too_late = find(given_up(|k| Some(if k == 15 { 600 } else { 5 }), |_| {}));
    assert!(too_late.why.contains("1 after 600"), "{}", too_late.why);
    // One that does not say is one of which nobody can tell.
    let silent = find(given_up(|k| (k != 12).then_some(5), |_| {}));
    assert_eq!(silent.verdict, Violated);
    assert!(silent.why.contains("1 that do not say"), "{}", silent.why);
    // Beside another breach both are told.
    let both = find(given_up(
        |_| Some(4),
        |seen| {
            seen.workloads.get_mut("publish").unwrap().once.remove(30);
        },
    ));
    assert_eq!(both.verdict, Violated);
    assert!(both.why.contains("never took effect"), "{}", both.why);
    assert!(both.why.contains("10 after 4"), "{}", both.why);
    // It is proven, whatever else is uncertain.
    let blind = find(given_up(
        |_| Some(4),
        |seen| {
            seen.workloads.get_mut("publish").unwrap().once.remove(30);
            seen.blind = Some("the tap lost its connection".to_owned());
        },
    ));
    assert_eq!(blind.verdict, Violated, "{}", blind.why);
}

#[test]
fn what_is_unknown_of_the_tries_proves_nothing() {
    let unknown = |change: fn(&mut Seen)| find(given_up(|_| Some(5), change));
    for (change, told) in [
        (
            (|seen| seen.dead.as_mut().unwrap().tries = None) as fn(&mut Seen),
            "did not read what they say",
        ),
        (|seen| tries(seen).trouble = Some("it is missing".to_owned()), "it is missing"),
        (|seen| tries(seen).workloads.clear(), "of 10 dead letters of publish it is known of 0"),
        (
            |seen| {
                let tried = tries(seen).workloads.get_mut("publish").unwrap();
                tried.numbers.get_mut(&5).unwrap().count = 9;
            },
            "it is known of 9",
        ),
        (
            |seen| tries(seen).workloads.get_mut("publish").unwrap().beyond = 1,
            "more than a thousand different numbers",
        ),
    ] {
        let finding = unknown(change);
        assert_eq!(finding.verdict, Inconclusive, "{}", finding.why);
        assert!(finding.why.contains(told), "{}", finding.why);
    }
    // Where none says a number it is looked for in the wrong place.
    let nowhere = find(given_up(|_| None, |_| {}));
    assert_eq!(nowhere.verdict, Inconclusive);
    assert!(
        nowhere.why.contains("none of 10 dead letters says a number at \"header:x-retry-count\""),
        "{}",
        nowhere.why
    );
    let unread = find(given_up(
        |_| Some(5),
        |seen| {
            let why = Some("refused".to_owned());
            let tries = Some(DeadTries { trouble: why.clone(), ..DeadTries::default() });
            seen.dead = Some(Dead { trouble: why, tries, ..Dead::default() });
        },
    ));
    assert_eq!(unread.verdict, Inconclusive, "{}", unread.why);
}

#[test]
fn without_dead_letters_nothing_is_said() {
    let mut scene = given_up(
        |_| Some(5),
        |seen| {
            let dead = Dead { tries: Some(DeadTries::default()), ..Dead::default() };
            seen.dead = Some(dead);
            seen.workloads.get_mut("publish").unwrap().once.insert_range(10..20);
        },
    );
    scene.history.workloads.get_mut("publish").unwrap().poison.clear();
    let finding = find(scene);
    assert_eq!(finding.verdict, Held, "{}", finding.why);
    assert!(!finding.why.contains("dead letter"), "{}", finding.why);
}

#[test]
fn many_different_numbers_take_a_bounded_amount_of_memory() {
    let mut tried = Tried::default();
    (0..5_000).for_each(|sequence| tried.add(sequence, Some(sequence)));
    (0..100).for_each(|sequence| tried.add(sequence, None));
    assert_eq!((tried.numbers.len(), tried.beyond, tried.letters()), (1_000, 4_000, 5_100));
    assert_eq!((tried.none.count, tried.none.first.len()), (100, 20));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where dead letters say numbers at all, the check holds exactly when each one
    /// says a number that is allowed.
    #[test]
    fn numbers_of_tries_are_exact(
        said in prop::collection::vec(prop_oneof![Just(None), (3_u64..8).prop_map(Some)], 10),
        min in 3_u64..7,
        width in 0_u64..3,
    ) {
        let allowed = Tries { min, max: min + width };
        let number = |sequence: u64| said[usize::try_from(sequence - 10).unwrap()];
        let finding = given_up(number, |_| {}).find(check(Some(&allowed.to_string())));
        let are_right = said.iter().all(|said| said.is_some_and(|said| allowed.holds(said)));
        let expected = match said.iter().any(Option::is_some) {
            false => Inconclusive,
            true if are_right => Held,
            true => Violated,
        };
        prop_assert_eq!(finding.verdict, expected, "{}", finding.why);
    }

    /// What is taken from the record of the tries never makes a held check violated, nor
    /// a violated one held.
    #[test]
    fn less_knowledge_never_turns_a_verdict(
        said in prop::collection::vec(4_u64..7, 10),
        lost in 0_u64..4,
        is_gone in any::<bool>(),
    ) {
        let number = |sequence: u64| Some(said[usize::try_from(sequence - 10).unwrap()]);
        let whole = find(given_up(number, |_| {}));
        let less = find(given_up(number, |seen| {
            if is_gone {
                tries(seen).workloads.clear();
            }
            let numbers: BTreeMap<_, _> = tries(seen)
                .workloads
                .values()
                .flat_map(|tried| tried.numbers.clone())
                .filter(|(tries, _)| *tries != 4 + lost)
                .collect();
            for tried in tries(seen).workloads.values_mut() {
                tried.numbers = numbers.clone();
            }
        }));
        prop_assert!(
            less.verdict == whole.verdict || less.verdict == Inconclusive,
            "{}: {}", whole.why, less.why
        );
    }
}
