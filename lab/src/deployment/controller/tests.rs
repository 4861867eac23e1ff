//! What holds of a controller, whatever is asked of it and whatever its pods do.

use proptest::prelude::*;

use super::*;
use crate::deployment::Amount;
use crate::deployment::world::{Behaviour, CRASHES, GOOD, NEVER_READY, Round, World};

/// Longer than any rollout of the tests takes: its pods are ready within seconds.
const LONG: u64 = 600_000;

fn spec(replicas: u32) -> Spec {
    let mut spec = Spec::new("worker", "v1").replicas(replicas);
    spec.grace = Duration::from_secs(2);
    spec
}

fn world(spec: Spec) -> World<Deployment> {
    let images = [("v1", GOOD), ("v2", GOOD), ("never", NEVER_READY), ("crash", CRASHES)];
    World::new(Deployment::new(spec), &images)
}

fn ask(world: &mut World<Deployment>, request: Request) -> Result<bool, Refusal> {
    let now = world.now;
    world.machine.ask(&request, now)
}

fn set_image(image: &str) -> Request {
    Request::SetImage { image: image.to_owned() }
}

fn images(status: &Status) -> Vec<&str> {
    let counted = status.pods.iter().filter(|pod| pod.phase != "Terminating");
    counted.map(|pod| pod.image.as_str()).collect()
}

#[test]
fn the_first_rollout_starts_all_pods_at_once() {
    let mut world = world(spec(4));
    assert_eq!(world.act().starts(), 4);
    world.live(1_000, |_| {});
    let status = world.status();
    assert!(status.is_complete(), "{status:?}");
    assert_eq!(status.reason("Progressing"), Some("NewReplicaSetAvailable"));
    assert_eq!(status.pods[0].name, "worker-1-1");
    assert_eq!((status.revision, status.restarts), (1, 0));
}

#[test]
fn a_new_image_replaces_the_pods_within_its_room() {
    let mut world = world(spec(10));
    world.live(1_000, |_| {});
    assert_eq!(ask(&mut world, set_image("v2")), Ok(true));
    assert_eq!(ask(&mut world, set_image("v2")), Ok(false), "it is so already");
    let round = world.act();
    assert_eq!(round.starts(), 5, "3 above the 10, and 2 for those that may be away");
    assert_eq!(round.given_up().len(), 2);
    world.live(LONG, |_| {});
    let status = world.status();
    assert!(status.is_complete());
    assert_eq!(images(&status), ["v2"; 10]);
    assert_eq!(status.revision, 2);
}

#[test]
fn a_version_that_is_never_ready_exceeds_the_deadline_and_the_rest_serves() {
    for image in ["never", "crash"] {
        let mut world = world(spec(4));
        world.live(1_000, |_| {});
        ask(&mut world, set_image(image)).unwrap();
        world.live(70_000, |_| {});
        let status = world.status();
        assert!(status.is_stuck() && !status.is_complete(), "{image}: {status:?}");
        assert_eq!(status.available, 3, "{image}");
        assert_eq!(status.restarts > 0, image == "crash");
    }
}

#[test]
fn a_pod_that_ignores_its_signal_is_killed_after_its_grace() {
    let deaf = Behaviour { ends: None, ..GOOD };
    let mut world = World::new(Deployment::new(spec(1)), &[("v1", deaf)]);
    world.live(1_000, |_| {});
    let now = world.now;
    world.machine.ask(&Request::Scale { replicas: 0 }, now).unwrap();
    let mut killed = Vec::new();
    world.live(10_000, |round| {
        let kills = round.actions.iter().filter(|action| matches!(action, Action::Kill { .. }));
        killed.extend(kills.map(|_| round.now - now));
    });
    assert_eq!(killed, [Duration::from_secs(2)]);
    assert!(world.status().pods.is_empty());
}

#[test]
fn an_undo_makes_the_earlier_revision_the_newest_one() {
    let mut world = world(spec(2));
    world.live(1_000, |_| {});
    assert_eq!(
        ask(&mut world, Request::Undo { to: None }).unwrap_err().to_string(),
        "worker has no revision before this one"
    );
    ask(&mut world, set_image("v2")).unwrap();
    world.live(LONG, |_| {});
    ask(&mut world, Request::Undo { to: None }).unwrap();
    world.live(LONG, |_| {});
    let status = world.status();
    assert_eq!((status.image.as_str(), status.revision), ("v1", 3));
    assert_eq!(images(&status), ["v1"; 2]);
    assert_eq!(status.revisions.iter().map(|one| one.revision).collect::<Vec<_>>(), [2, 3]);
    let gone = ask(&mut world, Request::Undo { to: Some(1) }).unwrap_err();
    assert_eq!(gone.to_string(), "worker has no revision 1; it has 2, 3");
    ask(&mut world, Request::Undo { to: Some(2) }).unwrap();
    assert_eq!(world.machine.image(), "v2");
}

#[test]
fn what_is_paused_is_not_undone_and_not_restarted() {
    let mut world = world(spec(2));
    world.live(1_000, |_| {});
    ask(&mut world, Request::Pause).unwrap();
    for request in [Request::Rollout, Request::Undo { to: None }] {
        assert!(matches!(ask(&mut world, request), Err(Refusal::Paused { .. })));
    }
    ask(&mut world, set_image("v2")).unwrap();
    world.live(LONG, |_| {});
    let status = world.status();
    assert_eq!((images(&status), status.revision), (vec!["v1"; 2], 1));
    assert_eq!(status.reason("Progressing"), Some("DeploymentPaused"));
    ask(&mut world, Request::Resume).unwrap();
    world.live(LONG, |_| {});
    assert_eq!(images(&world.status()), ["v2"; 2]);
}

#[test]
fn a_rollout_of_the_same_image_replaces_every_pod() {
    let mut world = world(spec(3));
    world.live(1_000, |_| {});
    let before: Vec<String> = world.status().pods.into_iter().map(|pod| pod.name).collect();
    ask(&mut world, Request::Rollout).unwrap();
    world.live(LONG, |_| {});
    let status = world.status();
    assert!(status.is_complete());
    assert!(status.pods.iter().all(|pod| !before.contains(&pod.name) && pod.image == "v1"));
}

#[test]
fn no_more_revisions_are_kept_than_asked_for() {
    let mut world = world(Spec { history: 2, ..spec(1) });
    for _ in 0..6 {
        world.live(LONG, |_| {});
        ask(&mut world, Request::Rollout).unwrap();
    }
    world.live(LONG, |_| {});
    let revisions = world.status().revisions;
    assert_eq!(revisions.iter().map(|one| one.revision).collect::<Vec<_>>(), [5, 6, 7]);
}

/// Something that happens to a deployment.
#[derive(Debug, Clone)]
enum Event {
    Ask(Request),
    Kill(usize),
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![(0_u32..5).prop_map(Amount::Pods), (0_u32..=100).prop_map(Amount::Percent)]
}

fn any_spec() -> impl Strategy<Value = Spec> {
    (0_u32..13, amount(), amount(), 0_u64..3_000)
        .prop_map(|(replicas, surge, unavailable, min_ready)| Spec {
            min_ready: Duration::from_millis(min_ready),
            ..spec(replicas).room(surge, unavailable)
        })
        .prop_filter("room", |spec| spec.flaw().is_none())
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let ends = prop_oneof![4 => (0_u64..3_000).prop_map(Some), 1 => Just(None)];
    (0_u64..2_000, 0_u64..5_000, ends).prop_map(|(starts, ready, ends)| Behaviour {
        starts,
        ready: Some(ready),
        crashes: None,
        ends,
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop_oneof![Just("v1"), Just("v2")].prop_map(|image| Event::Ask(set_image(image))),
        1 => Just(Event::Ask(Request::Rollout)),
        2 => Just(Event::Ask(Request::Pause)),
        2 => Just(Event::Ask(Request::Resume)),
        2 => Just(Event::Ask(Request::Undo { to: None })),
        2 => (0_u32..13).prop_map(|replicas| Event::Ask(Request::Scale { replicas })),
        3 => any::<usize>().prop_map(Event::Kill),
    ]
}

fn story() -> impl Strategy<Value = Vec<(u64, Event)>> {
    prop::collection::vec((0_u64..8_000, event()), 0..12)
}

/// Looks at every round of a story.
fn tell(
    spec: Spec,
    images: &[(&'static str, Behaviour)],
    story: Vec<(u64, Event)>,
    mut look: impl FnMut(&Round),
) -> World<Deployment> {
    let mut world = World::new(Deployment::new(spec), images);
    for (millis, event) in story {
        world.live(millis, &mut look);
        match event {
            // A refusal is an answer, too.
            Event::Ask(request) => drop(ask(&mut world, request)),
            Event::Kill(place) => world.kill(place),
        }
    }
    world.live(0, look);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The controller itself never leaves fewer pods available than allowed: it ends one
    /// that is available only if enough others are, or if fewer were asked for.
    #[test]
    fn never_fewer_available_than_allowed_by_its_own_doing(
        spec in any_spec(), one in behaviour(), other in behaviour(), story in story(),
    ) {
        let mut sized_for = spec.replicas;
        let (surge, unavailable) = (spec.max_surge, spec.max_unavailable);
        tell(spec, &[("v1", one), ("v2", other)], story, |round| {
            let (before, after) = (&round.before[0], &round.after[0]);
            let least = after.desired - Room::of(after.desired, surge, unavailable).unavailable;
            let given_up = round.given_up().len() as u32;
            let was_scaled = std::mem::replace(&mut sized_for, after.desired) != after.desired;
            assert!(
                given_up == 0 || was_scaled || before.available - given_up >= least,
                "{given_up} of {} available pods ended although {least} must stay",
                before.available
            );
        });
    }

    /// There are never more pods than desired and the surge, but for those that end.
    #[test]
    fn never_more_than_the_surge(
        spec in any_spec(), one in behaviour(), other in behaviour(), story in story(),
    ) {
        let (surge, unavailable) = (spec.max_surge, spec.max_unavailable);
        tell(spec, &[("v1", one), ("v2", other)], story, |round| {
            let status = &round.after[0];
            let most = status.desired + Room::of(status.desired, surge, unavailable).surge;
            assert!(status.replicas <= most, "{} pods, {most} at most", status.replicas);
        });
    }

    /// Where pods become ready, every story ends with every pod new and available, once it
    /// is not paused.
    #[test]
    fn it_always_comes_to_its_end_when_pods_become_ready(
        spec in any_spec(), one in behaviour(), other in behaviour(), story in story(),
    ) {
        let mut world = tell(spec, &[("v1", one), ("v2", other)], story, |_| {});
        ask(&mut world, Request::Resume).unwrap();
        world.live(LONG, |_| {});
        let status = world.status();
        prop_assert!(status.is_complete(), "{status:?}");
        let image = world.machine.image().to_owned();
        prop_assert!(status.pods.iter().all(|pod| pod.image == image));
        prop_assert_eq!(world.machine.wakes_at(world.now), None, "nothing more is to be done");
    }

    /// Where the new pods never become ready, the deadline is exceeded, within the time
    /// that was given for it, and what must be available is.
    #[test]
    fn it_exceeds_its_deadline_when_pods_never_become_ready(
        spec in any_spec(), crashes in any::<bool>(),
    ) {
        prop_assume!(spec.replicas > 0);
        let room = Room::of(spec.replicas, spec.max_surge, spec.max_unavailable);
        let (replicas, deadline) = (spec.replicas, spec.progress_deadline);
        let bad = if crashes { CRASHES } else { NEVER_READY };
        let mut world = tell(spec, &[("v1", GOOD), ("v2", bad)], Vec::new(), |_| {});
        world.live(LONG, |_| {});
        ask(&mut world, set_image("v2")).unwrap();
        // Starting and ending pods is progress, too.
        let within = deadline + Duration::from_secs(10);
        world.live(within.as_millis() as u64, |_| {});
        let status = world.status();
        prop_assert!(status.is_stuck(), "{status:?}");
        prop_assert!(status.available >= replicas - room.unavailable);
    }

    /// While it is paused, no pod is started that was not there, unless more are asked for.
    #[test]
    fn a_paused_one_starts_nothing_new(
        spec in any_spec(), one in behaviour(), other in behaviour(),
        before in story(), meanwhile in story(),
    ) {
        let mut world = tell(spec, &[("v1", one), ("v2", other)], before, |_| {});
        ask(&mut world, Request::Pause).unwrap();
        world.act();
        for (millis, event) in meanwhile {
            world.live(millis, |round| assert_eq!(round.starts(), 0));
            match event {
                Event::Ask(Request::Resume | Request::Scale { .. }) => {}
                Event::Ask(request) => drop(ask(&mut world, request)),
                Event::Kill(place) => world.kill(place),
            }
        }
        world.live(LONG, |round| assert_eq!(round.starts(), 0));
    }

    /// An undo brings back the template from before, wherever the rollout stood.
    #[test]
    fn an_undo_returns_to_the_earlier_template(
        spec in any_spec(), one in behaviour(), after in 0_u64..20_000, kill in any::<usize>(),
    ) {
        let mut world = tell(spec, &[("v1", one), ("v2", one)], Vec::new(), |_| {});
        world.live(LONG, |_| {});
        ask(&mut world, set_image("v2")).unwrap();
        world.live(after, |_| {});
        world.kill(kill);
        ask(&mut world, Request::Undo { to: None }).unwrap();
        world.live(LONG, |_| {});
        let status = world.status();
        prop_assert!(status.is_complete(), "{status:?}");
        prop_assert!(images(&status).iter().all(|image| *image == "v1"));
        prop_assert_eq!(status.image, "v1");
    }
}
