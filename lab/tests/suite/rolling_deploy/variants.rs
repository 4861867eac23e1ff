//! Each variant has the bug that it is there for.

use std::time::{Duration, Instant};

use lab::deployment::{DEPLOYMENTS, Status};
use lab::reference::rolling_deploy::Variant;
use serde_json::json;

use super::scene::Scene;
use crate::support::until;

/// Kills a worker while many events wait in it; gives how many of 300 were lost.
fn lost_by_a_kill(variant: Variant) -> u32 {
    let scene = Scene::start(variant, 1);
    scene.trouble(&json!({"delay_ms": 200}));
    scene.send_all(0..200);
    until("some results", || (scene.rows().0 >= 60).then_some(()));
    scene.kill_worker();
    scene.trouble(&json!({}));
    scene.send_all(200..300);
    let later = "select count(*) from results where event_id like 'run/load/2__'";
    until("what came later", || (scene.sql(later) == "100").then_some(()));
    let (all, distinct) = scene.rows();
    assert_eq!(all, distinct, "{variant}");
    300 - all
}

#[test]
fn offsets_that_are_committed_too_early_lose_the_events_of_a_killed_worker() {
    for variant in [Variant::CommitBeforeProcess, Variant::AutoCommitTimer] {
        assert!(lost_by_a_kill(variant) > 0, "{variant}");
    }
    assert_eq!(lost_by_a_kill(Variant::Correct), 0);
}

#[test]
fn a_rebalance_without_commits_repeats_effects() {
    let scene = Scene::start(Variant::NoCommitOnRevoke, 2);
    scene.ask("rollout", &json!({}));
    let mut sent = 0;
    until("a repeated effect", || {
        scene.send_all(sent..sent + 50);
        sent += 50;
        let (all, distinct) = scene.rows();
        if sent % 1_000 == 0 && scene.status().is_complete() {
            scene.ask("rollout", &json!({}));
        }
        (all > distinct).then_some(())
    });
}

#[test]
fn a_sink_that_is_not_idempotent_shows_what_a_kill_repeats() {
    let scene = Scene::start(Variant::NotIdempotentSink, 1);
    let mut sent = 0;
    until("a repeated effect", || {
        scene.send_all(sent..sent + 50);
        sent += 50;
        scene.results(sent);
        scene.kill_worker();
        let (all, distinct) = scene.rows();
        (all > distinct).then_some(())
    });
}

#[test]
fn one_partition_stands_while_the_others_go_on() {
    let scene = Scene::start(Variant::StuckPartition, 2);
    scene.send_all(0..400);
    let consumed = |label| scene.metric("kafka_messages_consumed_total", label) as u32;
    until("the others", || {
        let stuck = consumed("partition=\"7\"");
        (stuck > 0 && consumed("") == 400 && scene.rows() == (400 - stuck, 400 - stuck))
            .then_some(())
    });
}

#[test]
fn poison_that_is_tried_for_ever_blocks_its_partition() {
    let scene = Scene::start(Variant::PoisonBlocksPartition, 2);
    assert!(scene.send(&json!({"account": "account-1", "poison": true})));
    scene.send_all(0..80);
    until("the others", || {
        let others = "select count(*) from results where account = 'account-2'";
        let tries = scene.metric("kafka_processing_errors_total", "poison");
        (scene.sql(others) == "2" && tries >= 5.0).then_some(())
    });
    assert_eq!(scene.sql("select count(*) from results where account = 'account-1'"), "0");
}

#[test]
fn a_breaker_closes_again_unless_it_is_stuck() {
    let open = |scene: &Scene| {
        scene.trouble(&json!({"fail": 1.0}));
        scene.send_all(0..100);
        let state = || scene.metric("circuit_breaker_state", "");
        until("an open breaker", || (state() == 2.0).then_some(()));
        scene.trouble(&json!({}));
        Instant::now()
    };
    let well = Scene::start(Variant::Correct, 1);
    let begun = open(&well);
    well.results(100);
    let took = begun.elapsed();
    let stuck = Scene::start(Variant::BreakerStuckOpen, 1);
    let begun = open(&stuck);
    until("the same time", || (begun.elapsed() > took + Duration::from_secs(1)).then_some(()));
    assert_eq!(stuck.metric("circuit_breaker_state", ""), 2.0);
    assert_eq!(stuck.rows().0, 0);
}

#[test]
fn new_versions_are_bad_in_their_own_ways() {
    let scene = Scene::start(Variant::V2DropsUnknownFields, 1);
    scene.roll_out();
    scene.complete();
    scene.send_all(0..10);
    scene.results(10);
    assert_eq!(scene.sql("select count(*) from results where others = '{}'"), "10");
    drop(scene);

    let scene = Scene::start(Variant::V2Errors, 1);
    scene.send_all(0..200);
    scene.results(200);
    assert_eq!(scene.metric("kafka_processing_errors_total", "processing"), 0.0);
    scene.roll_out();
    scene.complete();
    scene.send_all(200..700);
    scene.results(700);
    let failed = scene.metric("kafka_processing_errors_total", "processing");
    assert!((1.0..=25.0).contains(&failed), "{failed} of 500, some 10 expected");
    drop(scene);

    let scene = Scene::start(Variant::V2NeverReady, 2);
    scene.roll_out();
    let is_new = |status: &Status| {
        let mut pods = status.pods.iter();
        pods.any(|pod| pod.image == "download-worker:v2" && pod.phase == "Running")
    };
    until("the new version", || is_new(&scene.status()).then_some(()));
    scene.send_all(0..100);
    scene.results(100);
    assert_eq!(scene.sql("select count(*) from results where version = 'v2'"), "0");
    assert!(scene.status().pods.iter().all(|pod| pod.image.ends_with(":v1") || !pod.ready));
    drop(scene);

    let scene = Scene::start(Variant::V2Slow, 1);
    scene.roll_out();
    scene.complete();
    scene.send_all(0..20);
    scene.results(20);
    let seconds = scene.metric("kafka_message_processing_duration_seconds_sum", "");
    assert!(seconds >= 2.0, "{seconds} for 20 events");
}

#[test]
fn a_worker_that_ignores_sigterm_is_killed_and_loses_nothing() {
    let scene = Scene::start(Variant::UngracefulStop, 1);
    scene.ask("rollout", &json!({}));
    scene.send_all(0..100);
    let log = || std::fs::read_to_string(scene.lab.log(DEPLOYMENTS)).unwrap();
    until("its kill", || log().contains("did not end in time").then_some(()));
    scene.results(100);
    assert_eq!(scene.rows(), (100, 100));
}

#[test]
fn the_old_version_does_not_come_back_where_a_rollback_fails() {
    let scene = Scene::start(Variant::RollbackFails, 1);
    scene.roll_out();
    scene.complete();
    scene.ask("undo", &json!({}));
    let why = |status: &Status| {
        let old = status.pods.iter().find(|pod| pod.image == "download-worker:v1")?;
        (old.restarts >= 2).then(|| old.last_end.clone())?
    };
    assert_eq!(until("a crash loop", || why(&scene.status())), "exit code 1");
    assert_eq!(scene.status().available, 1, "the new one goes on");
    scene.send_all(0..20);
    scene.results(20);
}
