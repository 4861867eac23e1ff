//! The worker-queue on a real RabbitMQ and a real document store: the correct one
//! through every fault, and each variant with the bug that it is there for.

mod stage;
mod variants;

use std::time::{Duration, Instant};

use lab::LabError;
use lab::reference::worker_queue::Variant;
use lab::reference::{self, StartOptions};
use lab::server::{mongodb, rabbitmq};
use rustix::process::Signal;

use crate::support::{http, kill, lab, patience, until};
use stage::{BACKOFF, QUEUE, Stage, event, poison};

#[test]
fn the_whole_system_stands_with_all_its_targets_and_is_told_its_settings() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let system = reference::system("worker-queue").unwrap();
    let told = |name: &str, value: &str| {
        let settings = [(name.to_owned(), value.to_owned())].into();
        StartOptions { replicas: 3, settings, ..StartOptions::default() }
    };
    let error = system.start(&lab, &told("backof", "1s"), patience()).unwrap_err();
    assert!(matches!(error, LabError::Unknown { .. }), "{error}");
    let error = system.start(&lab, &told("backoff", "soon"), patience()).unwrap_err();
    assert!(matches!(error, LabError::Setting { .. }), "{error}");
    assert!(lab.processes().is_empty());

    let running = system.start(&lab, &told("backoff", "20ms"), patience()).unwrap();
    let names: Vec<&str> = running.targets.keys().map(String::as_str).collect();
    assert_eq!(names, ["database", "management", "metrics", "rabbitmq", "service"]);
    let replicas: Vec<&str> = running.replicas.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(replicas, ["worker-1", "worker-2", "worker-3", "control-1"]);
    let versions = running.versions();
    println!("{versions:?}");
    assert!(versions[0].starts_with("RabbitMQ ") && versions.len() == 2);

    let events = format!("{}/events", running.targets["service"]);
    assert_eq!(http("POST", &events, &event("m", "u", 1_000)).unwrap().0, 202);
    let page = || http("GET", &running.targets["metrics"], "").map(|(_, page)| page);
    let done = format!("{{queue=\"{QUEUE}\",status=\"success\"}} 1\n");
    until("the effect", || page()?.contains(&done).then_some(()));
    for queue in [QUEUE, "failed", "user_embedding_updates.retry.5"] {
        let empty = format!("messenger_queue_depth{{queue=\"{queue}\"}} 0\n");
        until("an empty queue", || page()?.contains(&empty).then_some(()));
    }

    // Asked nicely, each process ends as it should.
    for replica in &running.replicas {
        kill(lab.process(&replica.name).unwrap().pid.unwrap(), Signal::TERM);
        let exit = until("its end", || lab.process(&replica.name)?.last_exit);
        assert_eq!(exit, "exit code 0", "{}", replica.name);
        assert_eq!(lab.process(&replica.name).unwrap().crashes, 0);
    }
}

#[test]
fn an_event_takes_effect_once_and_poison_dies_after_five_waits() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    play.send_body(&event("new", "u", 2_000_000));
    let first = stage.events("u", 1);
    assert_eq!((first.version, first.vector.len(), first.newest), (1, 1536, 2_000_000));
    assert!(first.vector.iter().all(|number| number.abs() <= 3.0));

    for _ in 0..3 {
        play.send_body(&event("new", "u", 2_000_000));
    }
    play.send_body(&event("old", "u", 1_000_000));
    play.expect("duplicate", 3.0);
    let both = stage.events("u", 2);
    assert_eq!((both.version, both.newest), (2, 2_000_000));
    assert_eq!(both.processed, ["new", "old"]);
    assert_eq!(play.counted("success"), 2.0);

    let begun = Instant::now();
    play.send_body(&poison("poison"));
    play.expect("failed", 1.0);
    let took = begun.elapsed();
    assert!(took >= BACKOFF * 31, "{took:?}");
    assert_eq!(play.counted("retry"), 5.0);
    until("the dead letter", || (play.depth("failed")? == 1.0).then_some(()));
    assert_eq!(stage.dead_letters(), [("poison".to_owned(), 5)]);
    play.drained();
}

#[test]
fn many_updates_of_one_user_at_once_lose_nothing() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    play.send_many(120, |_| "u".to_owned());
    let document = stage.events("u", 120);
    assert_eq!((document.version, document.repeated()), (120, 0));
}

#[test]
fn what_a_killed_worker_held_takes_effect_once() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    play.send("warm", "u");
    stage.events("u", 1);
    stage.away(mongodb::SERVER, || {
        play.send_many(40, |_| "u".to_owned());
        until("all that can be held", || (play.depth(QUEUE)? >= 40.0).then_some(()));
        stage.kill("worker-1");
        stage.kill("worker-2");
    });
    let document = stage.events("u", 41);
    assert_eq!((document.version, document.repeated()), (41, 0));
    play.drained();
    assert_eq!(stage.dead_letters(), []);
    assert_eq!(stage.lab.process("worker-1").unwrap().crashes, 1);
}

#[test]
fn nothing_is_lost_while_the_database_and_the_broker_come_and_go() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    play.send_many(20, |number| format!("u{}", number % 2));
    stage.kill(mongodb::SERVER);
    play.send("between", "u0");
    stage.away(rabbitmq::SERVER, || {
        let refused = until("a refusal", || play.offer(&event("lost", "u0", 1)));
        assert!([503, 504].contains(&refused), "{refused}");
        until("a refusal that is sure", || {
            (play.offer(&event("lost", "u0", 1))? == 503).then_some(())
        });
        until("an unknown depth", || {
            (play.counted("success") > 0.0 && play.depth(QUEUE).is_none()).then_some(())
        });
    });
    play.healthy();
    play.send("after", "u1");
    assert_eq!(stage.events("u0", 11).version, 11);
    assert_eq!(stage.events("u1", 11).version, 11);
    play.drained();
    assert_eq!(stage.dead_letters(), []);
}

#[test]
fn a_time_limit_is_no_crash_and_no_restart_makes_a_counter_smaller() {
    let stage = Stage::new();
    let limit = Some(Duration::from_secs(1));
    let play = stage.play_with(Variant::Correct, |options| options.settings.time_limit = limit);
    let mut counted = 0.0;
    let mut sent = 0;
    until("two restarts of each", || {
        play.send(&format!("m{sent}"), &format!("u{}", sent % 5));
        sent += 1;
        let now = play.counted("success");
        assert!(now >= counted, "{now} after {counted}");
        counted = now;
        let restarts = |name: &String| stage.lab.process(name).unwrap().restarts;
        play.workers().iter().all(|name| restarts(name) >= 2).then_some(())
    });
    let whole = |user: usize| {
        let count = (user..sent).step_by(5).count();
        assert_eq!(stage.events(&format!("u{user}"), count).repeated(), 0);
    };
    (0..5).for_each(whole);
    for name in play.workers() {
        assert_eq!(stage.lab.process(&name).unwrap().crashes, 0, "{name}");
    }
    // Nothing was killed, so every effect was counted.
    play.expect("success", f64::from(u32::try_from(sent).unwrap()));
    until("worker-1", || stage.lab.process("worker-1")?.pid);
    kill(stage.lab.process("worker-1").unwrap().pid.unwrap(), Signal::KILL);
    until("a crash", || (stage.lab.process("worker-1")?.crashes == 1).then_some(()));
}
