//! What holds of a canary beside its stable deployment.

use proptest::prelude::*;

use super::*;
use crate::deployment::world::{GOOD, NEVER_READY, World};

fn world(replicas: u32) -> World<Track> {
    let spec = Spec::new("worker", "v1").replicas(replicas);
    let images = [("v1", GOOD), ("v2", GOOD), ("never", NEVER_READY)];
    let mut world = World::new(Track::new(spec), &images);
    world.live(2_000, |_| {});
    world
}

fn set_canary(world: &mut World<Track>, image: &str, pods: u32) -> Result<bool, Refusal> {
    let now = world.now;
    world.machine.set_canary(Some(image), pods, now)
}

fn counts(world: &World<Track>) -> [u32; 2] {
    world.machine.status(world.now).map(|status| status.available)
}

#[test]
fn one_of_ten_then_five_then_none() {
    let mut world = world(10);
    for (pods, expected) in [(1, [9, 1]), (5, [5, 5]), (0, [10, 0])] {
        set_canary(&mut world, "v2", pods).unwrap();
        world.live(10_000, |_| {});
        assert_eq!(counts(&world), expected);
    }
    let names: Vec<String> = world.machine.status(world.now).map(|status| status.name).into();
    assert_eq!(names, ["worker", "worker-canary"]);
}

#[test]
fn a_canary_that_is_never_ready_takes_nothing_from_the_stable_one() {
    let mut world = world(10);
    set_canary(&mut world, "never", 5).unwrap();
    world.live(100_000, |_| {});
    assert_eq!(counts(&world), [10, 0]);
    assert!(world.machine.status(world.now)[1].is_stuck());
}

#[test]
fn a_canary_cannot_have_more_than_there_are() {
    let mut world = world(10);
    let error = set_canary(&mut world, "v2", 11).unwrap_err().to_string();
    assert_eq!(error, "the canary of worker cannot have 11 pods: there are 10 in all");
    let now = world.now;
    set_canary(&mut world, "v2", 5).unwrap();
    let less = Request::Scale { replicas: 4 };
    assert!(matches!(world.machine.ask("worker", &less, now), Err(Refusal::Weight { .. })));
    let many = Request::Scale { replicas: 100_000 };
    assert!(matches!(world.machine.ask("worker", &many, now), Err(Refusal::TooMany { .. })));
}

#[test]
fn a_scale_of_the_canary_is_its_weight() {
    let mut world = world(4);
    set_canary(&mut world, "v2", 1).unwrap();
    let now = world.now;
    world.machine.ask("worker-canary", &Request::Scale { replicas: 2 }, now).unwrap();
    world.live(10_000, |_| {});
    assert_eq!(counts(&world), [2, 2]);
    world.machine.ask("worker", &Request::Scale { replicas: 6 }, world.now).unwrap();
    world.live(10_000, |_| {});
    assert_eq!(counts(&world), [4, 2], "the canary keeps its pods");
}

proptest! {
    /// While a canary grows, both together never have fewer pods available than there are
    /// to be; and there are never more than that and the canary's own.
    #[test]
    fn what_serves_does_not_get_less_while_a_canary_grows(
        replicas in 1_u32..13, steps in prop::collection::vec((0.0..=1.0, 0_u64..4_000), 1..6),
    ) {
        let mut world = world(replicas);
        let mut weight = 0;
        for (share, millis) in steps {
            weight = weight.max((share * f64::from(replicas)) as u32);
            set_canary(&mut world, "v2", weight).unwrap();
            world.live(millis, |round| {
                let serving: u32 = round.after.iter().map(|status| status.available).sum();
                let all: u32 = round.after.iter().map(|status| status.replicas).sum();
                assert!(serving >= replicas, "{serving} of {replicas}");
                assert!(all <= replicas + weight);
            });
        }
        world.live(60_000, |_| {});
        prop_assert_eq!(counts(&world), [replicas - weight, weight]);
    }

    /// A canary that is taken away is taken away at once.
    #[test]
    fn a_canary_that_shrinks_does_so_at_once(replicas in 1_u32..13, to in 0_u32..13) {
        let to = to.min(replicas);
        let mut world = world(replicas);
        set_canary(&mut world, "v2", replicas).unwrap();
        world.live(60_000, |_| {});
        let now = world.now;
        world.machine.set_canary(None, to, now).unwrap();
        prop_assert_eq!(world.act().after[1].replicas, to);
        world.live(60_000, |_| {});
        prop_assert_eq!(counts(&world), [replicas - to, to]);
    }
}
