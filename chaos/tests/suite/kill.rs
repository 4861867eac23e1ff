//! SIGKILL to a role with a supervisor, and to nobody by mistake.

use std::sync::Arc;
use std::time::Duration;

use chaos::victim::{Signal, Victim, VictimError};
use chaos::{ChoiceError, FaultError, Journal, Limits, Order, Scene, World, http_client, inject};
use scenarios::plan::fault::Victims;
use scenarios::plan::{FaultKind, Pick};

use crate::sleeper::{PATIENCE, Replicas, Sleeper};

fn order(role: &str, pick: Pick, heal_within: Duration) -> Order {
    let kind = FaultKind::KillProcess(Victims { role: role.to_owned(), pick });
    let name = "kill a replica".to_owned();
    Order { name, seed: 7, heal_within, kind, targets: Default::default() }
}

fn scene(world: Arc<Replicas>, folder: &tempfile::TempDir) -> Scene {
    let journal = Journal::open(folder.path().join("journal"), "run").unwrap();
    Scene {
        world,
        journal: Arc::new(journal),
        http: http_client().unwrap(),
        limits: Arc::new(Limits::default()),
    }
}

fn states(scene: &Scene) -> Vec<String> {
    let text = std::fs::read_to_string(scene.journal.path()).unwrap();
    let state = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        entry["state"].as_str().unwrap().to_owned()
    };
    text.lines().map(state).collect()
}

#[tokio::test]
async fn a_killed_replica_is_gone_and_the_role_becomes_whole() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(Replicas::start(true), &folder);
    let before = scene.world.processes("service");
    let injected = inject(&order("service", Pick::count(2), PATIENCE), &scene).await.unwrap();
    assert_eq!(injected.victims().len(), 2);
    injected.confirm().await.unwrap();
    let alive = before.iter().filter(|process| process.pinned().is_alive()).count();
    assert_eq!(alive, 1);
    let healed = injected.heal().await.unwrap();
    assert_eq!(healed.seen.as_deref(), Some(r#"3 of 3 processes of "service" run"#));
    assert_eq!(states(&scene), ["injecting", "injected", "confirmed", "undone", "healed"]);
}

/// The second has ended when its turn comes, and the third is not hit any more.
#[tokio::test]
async fn those_who_were_hit_before_one_who_could_not_be_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(Replicas::start(false), &folder);
    let running = scene.world.processes("service");
    let order = order("service", Pick::ALL, Duration::from_millis(50));
    let prepared = chaos::prepare(&order, &scene).await.unwrap();
    let second = Victim::pin(running[1].clone()).unwrap();
    second.signal(Signal::KILL).unwrap();
    crate::sleeper::wait_for("the end of the second", || second.is_gone());
    let injected = prepared.inject().await.unwrap();
    assert_eq!(injected.victims().len(), 1);
    let error = injected.confirm().await.unwrap_err();
    assert!(matches!(error, FaultError::Partly { hit: 1, of: 3, .. }), "{error}");
    assert!(error.to_string().starts_with("1 of 3 were hit and the others not"), "{error}");
    crate::sleeper::wait_for("the end of the first", || !running[0].pinned().is_alive());
    assert!(running[2].pinned().is_alive());
    assert_eq!(states(&scene), ["injecting", "injected", "failed"]);
    drop(injected);
}

#[tokio::test]
async fn a_role_that_nobody_restarts_is_not_healed() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(Replicas::start(false), &folder);
    let order = order("service", Pick::count(1), Duration::from_millis(50));
    let injected = inject(&order, &scene).await.unwrap();
    injected.confirm().await.unwrap();
    let error = injected.heal().await.unwrap_err();
    assert!(error.is_unhealed(), "{error}");
    assert!(error.to_string().contains("2 of 3"), "{error}");
    assert_eq!(states(&scene).last().unwrap(), "failed");
}

/// A pod of a rollout that was one too many is not started again.
#[tokio::test]
async fn as_many_as_are_wanted_make_a_role_whole() {
    let folder = tempfile::tempdir().unwrap();
    for (wanted, healed) in [(2, Some("2 of 2")), (3, None), (5, None)] {
        let scene = scene(Replicas::wanted(wanted), &folder);
        let order = order("service", Pick::count(1), Duration::from_millis(50));
        let injected = inject(&order, &scene).await.unwrap();
        injected.confirm().await.unwrap();
        match (injected.heal().await, healed) {
            (Ok(seen), Some(told)) => assert!(seen.seen.is_some_and(|seen| seen.contains(told))),
            (Err(error), None) => assert!(error.to_string().contains("2 of 3"), "{error}"),
            (heal, _) => panic!("{wanted} wanted: {:?}", heal.err()),
        }
    }
}

#[tokio::test]
async fn the_same_seed_kills_the_same_replica() {
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for _ in 0..2 {
        let scene = scene(Replicas::start(true), &folder);
        let order = order("service", Pick::count(1), PATIENCE);
        let victims = chaos::prepare(&order, &scene).await.unwrap().victims();
        names.push(victims[0].split(' ').next().unwrap().to_owned());
    }
    assert_eq!(names[0], names[1]);
}

#[tokio::test]
async fn nobody_and_too_few_are_never_replaced_by_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(Replicas::start(false), &folder);
    let before = scene.world.processes("service");
    for (role, pick, expected) in [
        ("servcie", Pick::ALL, ChoiceError::Nothing),
        ("service", Pick::count(4), ChoiceError::TooFew { asked: 4, found: 3 }),
    ] {
        let error = inject(&order(role, pick, PATIENCE), &scene).await.err().unwrap();
        assert!(matches!(error, FaultError::Choice { source, .. } if source == expected));
    }
    assert!(before.iter().all(|process| process.pinned().is_alive()));
    assert_eq!(states(&scene), ["failed", "failed"]);
}

/// The write fails on a device that is always full.
#[tokio::test]
async fn without_a_record_nothing_is_injected() {
    let world = Replicas::start(false);
    let journal = Arc::new(Journal::open("/dev/full", "run").unwrap());
    let scene = Scene {
        world: world.clone(),
        journal,
        http: http_client().unwrap(),
        limits: Arc::new(Limits::default()),
    };
    let error = inject(&order("service", Pick::ALL, PATIENCE), &scene).await.err().unwrap();
    assert!(matches!(error, FaultError::Journal(_)), "{error}");
    assert!(world.processes("service").iter().all(|process| process.pinned().is_alive()));
}

#[test]
fn a_process_with_another_start_time_is_not_hit() {
    let sleeper = Sleeper::start();
    let mut other = sleeper.process("other");
    other.start_time += 1;
    assert!(matches!(Victim::pin(other), Err(VictimError::Gone { .. })));
    let held = Victim::pin(sleeper.process("this")).unwrap();
    held.signal(Signal::KILL).unwrap();
    crate::sleeper::wait_for("the end of the sleeper", || held.is_gone());
    assert!(matches!(held.signal(Signal::KILL), Err(VictimError::Gone { .. })));
}

/// The conductor runs faults as tasks.
#[test]
fn the_life_of_a_fault_is_a_future_that_can_move_between_threads() {
    fn check<T: Send + 'static>(_: T) {}
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(Replicas::start(false), &folder);
    check(async move {
        let injected = inject(&order("service", Pick::ALL, PATIENCE), &scene).await?;
        injected.confirm().await?;
        injected.heal().await
    });
}
