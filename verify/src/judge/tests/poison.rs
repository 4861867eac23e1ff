//! Poison of the load beside what the system does: however often a service tries
//! it, it is not blamed, and its own errors are.

use proptest::prelude::*;
use reports::record::Verdict::{self, Held, Inconclusive, Violated};
use scenarios::plan::check::{CheckKind, Poison, Raises, Speed};
use scenarios::plan::{Probe, ProbeKind};
use scenarios::template::Template;
use scenarios::units::{Rate, Span, Unit};

use super::scene::{Scene, names};

/// Poison in every so many operations; it is given up so long after it came due.
#[derive(Debug, Clone, Copy)]
struct World {
    every: u64,
    tries: u64,
    takes: f64,
    /// Errors of its own, a second, from a time on.
    own: f64,
    from: f64,
}

const WORLD: World = World { every: 120, tries: 1, takes: 0.3, own: 0.0, from: 0.0 };

fn counter(name: &str) -> Probe {
    Probe {
        name: name.to_owned(),
        every: "500ms".parse().unwrap(),
        kind: ProbeKind::Sql {
            url: Template::new("postgres://h/d"),
            query: "select 1".to_owned(),
            timeout: Span::seconds(5),
            counter: true,
            unit: Unit::Count,
            waits: false,
        },
    }
}

impl World {
    /// When each poisoned operation comes due.
    fn due(self, scene: &Scene) -> Vec<f64> {
        let due = scene.history.samples.read("publish.due").unwrap();
        let poison = &scene.history.workloads["publish"].poison;
        let time = |number: u64| {
            let next = due.partition_point(|sample| sample.value <= number as f64);
            let before = &due[next - 1];
            before.at + (number as f64 - before.value) / 50.0
        };
        poison.iter().map(time).collect()
    }

    fn scene(self) -> Scene {
        let mut scene = Scene::new().good_workload("publish");
        let told = scene.history.workloads.get_mut("publish").unwrap();
        // Not quite evenly, as chance has it.
        let number = |index: u64| index * self.every + (index * index * 7) % self.every.max(1);
        told.poison = (0..told.ledger.due() / self.every).map(number).collect();
        let due = self.due(&scene);
        scene.plan.probes.extend([counter("errors-of"), counter("dead")]);
        let mut all = vec![];
        for step in -1..=120 {
            let at = f64::from(step) * 0.5;
            let tried = |due: f64| {
                let share = ((at - due) / self.takes).clamp(0.0, 1.0);
                (share * self.tries as f64).floor()
            };
            let own = self.own * (at - self.from).max(0.0);
            let errors = due.iter().map(|&due| tried(due)).sum::<f64>() + own.floor();
            let dead = due.iter().filter(|&&due| at >= due + self.takes).count() as f64;
            // Each probe looks at its own time.
            all.push(("errors-of.value", at + 0.1, errors));
            all.push(("dead.value", at + 0.1, dead));
        }
        for (name, at, value) in all {
            scene.history.samples.add(name, at, "", value);
        }
        scene
    }

    fn judged(self, check: CheckKind) -> (Verdict, String) {
        let finding = self.scene().find(check);
        (finding.verdict, finding.why)
    }
}

fn errors() -> CheckKind {
    speed(Some(Raises::Until("dead.value".to_owned())), "errors-of.value", 1.0)
}

fn speed(raises: Option<Raises>, series: &str, max: f64) -> CheckKind {
    CheckKind::Speed(Speed {
        series: series.to_owned(),
        phases: names(&["load", "recovery"]),
        max: Rate(max),
        poison: raises.map(|raises| Poison { of: vec!["publish".to_owned()], raises }),
    })
}

#[test]
fn a_service_may_try_poison_as_often_as_it_likes() {
    for retries in [0, 1, 3, 10, 50] {
        let world = World { tries: retries + 1, ..WORLD };
        let (verdict, why) = world.judged(errors());
        assert_eq!(verdict, Held, "{retries} retries: {why}");
        // Also when the tries take a while.
        let slow = World { takes: 0.9, ..world };
        assert_eq!(slow.judged(errors()).0, Held, "{retries} retries, slowly");
    }
    let blamed = World { tries: 4, ..WORLD }.judged(speed(None, "errors-of.value", 1.0));
    assert_eq!(blamed.0, Violated, "without a word on poison");
}

#[test]
fn errors_beside_poison_are_seen() {
    for tries in [1, 4, 11] {
        let world = World { tries, own: 2.5, ..WORLD };
        let (verdict, why) = world.judged(errors());
        assert_eq!(verdict, Violated, "{tries} tries: {why}");
        assert!(why.contains("no poison was under way"), "{why}");
        let late = World { from: 20.0, own: 5.0, ..world };
        assert_ne!(late.judged(errors()).0, Held, "{tries} tries");
    }
}

#[test]
fn where_poison_is_always_under_way_nobody_can_tell() {
    let many = World { every: 5, tries: 4, ..WORLD };
    let (verdict, why) = many.judged(errors());
    assert_eq!(verdict, Inconclusive, "{why}");
    assert!(why.contains("smaller share"), "{why}");
    let slow = World { takes: 8.0, tries: 11, ..WORLD };
    assert_ne!(slow.judged(errors()).0, Violated);
    let mut blind = World { tries: 4, ..WORLD }.scene();
    blind.history.samples.remove("dead.value");
    assert_eq!(blind.find(errors()).verdict, Inconclusive);
}

#[test]
fn dead_letters_are_one_for_each() {
    let each = |max| speed(Some(Raises::Each(1)), "dead.value", max);
    // Ten a second, all of them poison.
    let world = World { every: 5, ..WORLD };
    assert_eq!(world.judged(each(1.0)).0, Held);
    assert_eq!(world.judged(speed(None, "dead.value", 1.0)).0, Violated);
    let mut scene = world.scene();
    scene.history.samples.edit("dead.value", |samples| {
        for sample in samples {
            sample.value += (20.0 * (sample.at - 8.0).max(0.0)).floor();
        }
    });
    assert_eq!(scene.find(each(1.0)).verdict, Violated);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A service without an error of its own is never blamed, however often and
    /// for how long it tries; one whose errors are too many is never cleared.
    #[test]
    fn poison_blames_nobody_and_hides_nothing(
        every in 3_u64..200,
        tries in 1_u64..30,
        takes in 0.05_f64..20.0,
        own in 4.0_f64..20.0,
    ) {
        let world = World { every, tries, takes, ..WORLD };
        prop_assert_ne!(world.judged(errors()).0, Violated);
        let wrong = World { own, ..world };
        prop_assert_ne!(wrong.judged(errors()).0, Held);
    }
}
