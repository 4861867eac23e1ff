use proptest::prelude::*;
use scenarios::plan::fault::{CloseConnections, Victims};
use scenarios::plan::{FaultKind, Phase};
use scenarios::template::Template;
use scenarios::units::Span;

use super::*;

fn fault(name: String, phase: &str, at: u64) -> Fault {
    Fault {
        name,
        phase: phase.to_owned(),
        at: Span::seconds(at),
        after: None,
        heal_within: Span::seconds(30),
        again: None,
        kind: FaultKind::KillProcess(Victims { role: "service".to_owned(), pick: Pick::count(1) }),
    }
}

fn timeline() -> Timeline {
    let phase = |name: &str, length| Phase {
        name: name.to_owned(),
        length: Span::seconds(length),
        stretch: false,
    };
    Timeline::new(&[phase("baseline", 10), phase("load", 60)])
}

#[test]
fn a_fault_is_due_in_its_phase_and_the_earliest_comes_first() {
    let faults = [fault("late".into(), "load", 5), fault("early".into(), "baseline", 9)];
    let planned = expand(&faults, &timeline(), 1).unwrap();
    let seen: Vec<_> = planned.iter().map(|p| (p.index, p.name.as_str(), p.at.as_secs())).collect();
    assert_eq!(seen, [(1, "early", 9), (0, "late", 15)]);
    assert_ne!(planned[0].seed, planned[1].seed);
}

#[test]
fn an_unknown_phase_is_an_error() {
    let error = expand(&[fault("f".into(), "soak", 0)], &timeline(), 1).unwrap_err();
    assert!(error.to_string().contains("soak"));
}

#[test]
fn an_order_has_its_addresses() {
    let mut close = fault("close".into(), "load", 0);
    close.kind = FaultKind::CloseConnections(CloseConnections {
        management: Template::new("${target.management}"),
        matching: "worker".to_owned(),
        pick: Pick::ALL,
    });
    let planned = expand(&[close], &timeline(), 1).unwrap().remove(0);
    let targets = BTreeMap::from([("management".to_owned(), "http://127.0.0.1:1".to_owned())]);
    let order = planned.order(&targets);
    assert_eq!((&order.kind, &order.targets), (&planned.fault.kind, &targets));
}

#[test]
fn nothing_and_too_few_are_errors() {
    assert_eq!(choose::<u8, _>(&[], Pick::ALL, 1, age), Err(ChoiceError::Nothing));
    assert_eq!(choose::<u8, _>(&[], Pick::count(1), 1, age), Err(ChoiceError::Nothing));
    let few = choose(&[1_u8, 2], Pick::count(3), 1, age);
    assert_eq!(few, Err(ChoiceError::TooFew { asked: 3, found: 2 }));
}

/// A replay years later must hit the same victims.
#[test]
fn the_choice_of_a_seed_never_changes() {
    let candidates: Vec<u8> = (0..100).collect();
    assert_eq!(scenarios::seed::of(42, "kill"), 6_593_483_478_166_658_596);
    assert_eq!(choose(&candidates, Pick::count(3), 42, age).unwrap(), [2, 60, 99]);
}

#[test]
fn every_candidate_is_chosen_by_some_seed() {
    let chosen: std::collections::BTreeSet<u8> =
        (0..200).map(|seed| choose(&[1, 2, 3, 4], Pick::count(1), seed, age).unwrap()[0]).collect();
    assert_eq!(chosen.len(), 4);
}

proptest! {
    /// The victims are a function of the set of candidates and the seed: as many
    /// as asked for, all different, all candidates, however they are listed.
    #[test]
    fn the_choice_depends_on_the_set_and_the_seed_only(
        (listed, shuffled) in proptest::collection::vec(any::<u16>(), 1..40)
            .prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        count in 1_u32..20,
        seed in any::<u64>(),
    ) {
        let mut distinct = listed.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let first = choose(&listed, Pick::count(count), seed, age);
        prop_assert_eq!(&first, &choose(&shuffled, Pick::count(count), seed, age));
        match first {
            Ok(victims) => {
                prop_assert_eq!(victims.len(), count as usize);
                prop_assert!(victims.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(victims.iter().all(|victim| distinct.contains(victim)));
            }
            Err(_) => prop_assert!(distinct.len() < count as usize),
        }
        prop_assert_eq!(choose(&shuffled, Pick::ALL, seed, age), Ok(distinct));
    }

    /// The timetable is sorted, complete, and a fault keeps its seed when another
    /// is put before it.
    #[test]
    fn the_timetable_is_sorted_and_complete(
        ats in proptest::collection::vec(0_u64..60, 0..20),
        seed in any::<u64>(),
    ) {
        let mut faults: Vec<_> =
            ats.iter().enumerate().map(|(i, &at)| fault(format!("f{i}"), "load", at)).collect();
        let planned = expand(&faults, &timeline(), seed).unwrap();
        prop_assert!(planned.is_sorted_by_key(|p| (p.at, p.index)));
        let mut indices: Vec<_> = planned.iter().map(|p| p.index).collect();
        indices.sort_unstable();
        prop_assert_eq!(indices, (0..ats.len()).collect::<Vec<_>>());
        faults.insert(0, fault("another".into(), "baseline", 0));
        let longer = expand(&faults, &timeline(), seed).unwrap();
        for before in &planned {
            let after = longer.iter().find(|p| p.name == before.name).unwrap();
            prop_assert_eq!((before.seed, before.at), (after.seed, after.at));
        }
    }
}

/// A number is as old as it is small.
fn age<N: Copy + Into<u64>>(number: &N) -> u64 {
    (*number).into()
}

#[test]
fn the_oldest_are_those_that_came_first_whatever_the_seed() {
    let candidates = [("b", 3_u64), ("a", 2), ("c", 1)];
    for seed in 0..20 {
        let oldest = choose(&candidates, "oldest 2".parse().unwrap(), seed, |one| one.1).unwrap();
        assert_eq!(oldest, [("a", 2), ("c", 1)]);
    }
}
