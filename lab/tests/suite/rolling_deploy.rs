//! The pipeline on a real Apache Kafka and PostgreSQL: every event has its result once,
//! through rollouts, kills and a rollback, and each variant has its bug.

mod scene;
mod variants;

use lab::reference::rolling_deploy::Variant;
use serde_json::json;

use crate::support::until;
use scene::Scene;

#[test]
fn every_event_has_one_result_through_a_rollout_a_kill_and_a_rollback() {
    let scene = Scene::start(Variant::Correct, 3);
    let mut names: Vec<&str> = scene.running.targets.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["database", "deployments", "ingester", "kafka", "metrics", "objects"]);
    scene.send_all(0..200);
    scene.results(200);

    scene.roll_out();
    scene.send_all(200..600);
    let status = scene.complete();
    assert!(status.pods.iter().any(|pod| pod.image == "download-worker:v2"));
    scene.kill_worker();
    scene.send_all(600..800);
    scene.ask("undo", &json!({}));
    scene.send_all(800..1_000);
    scene.results(1_000);
    scene.complete();
    assert_eq!(scene.sql("select count(*) from results"), "1000");
    assert_eq!(scene.sql("select count(distinct version) from results"), "2");
    assert_eq!(
        scene.sql("select others->>'trace' from results where event_id = 'run/load/7'"),
        "7"
    );

    for poison in [
        json!({"account": "a"}),
        json!({"event_id": "m", "account": "a", "object": "missing-1", "occurred_at": 1}),
    ] {
        assert!(scene.send(&poison));
    }
    let dead = || scene.metric("kafka_dlq_messages_total", "");
    until("two dead letters", || (dead() == 2.0).then_some(()));
}

#[test]
fn a_new_version_that_crashes_is_rolled_back_and_nothing_is_lost() {
    let scene = Scene::start(Variant::V2CrashLoop, 2);
    scene.roll_out();
    until("a crash loop", || (scene.status().restarts >= 2).then_some(()));
    scene.send_all(0..100);
    scene.ask("undo", &json!({}));
    assert_eq!(scene.complete().image, "download-worker:v1");
    scene.results(100);
}
