//! Each variant shows its bug, where the correct one does not.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use lab::reference::worker_queue::Variant;
use lab::server::mongodb;

use super::stage::{BACKOFF, Play, QUEUE, Stage, event, poison};
use crate::support::until;

#[test]
fn bugs_of_effects_show() {
    let stage = Stage::new();
    twice_one_after_the_other(&stage, &stage.play(Variant::NoDedupe), (2, 2));
    twice_one_after_the_other(&stage, &stage.play(Variant::VersionTwice), (1, 2));
    twice_one_after_the_other(&stage, &stage.play(Variant::DedupeCheckThenAct), (1, 1));
    for variant in [Variant::Correct, Variant::DedupeCheckThenAct] {
        twins_at_once(&stage, &stage.play(variant), variant);
    }
    for variant in [Variant::Correct, Variant::LostUpdate] {
        updates_at_once(&stage, &stage.play(variant), variant);
    }
    wrong_vectors(&stage);
}

#[test]
fn bugs_of_acknowledgements_show() {
    let stage = Stage::new();
    for variant in [Variant::Correct, Variant::AutoAck, Variant::AckBeforeWrite] {
        workers_die_with_an_event_in_their_hands(&stage, &stage.play(variant), variant);
    }
}

#[test]
fn bugs_of_redelivery_show() {
    let stage = Stage::new();
    for variant in
        [Variant::DlqEverythingOnRestart, Variant::NackWithoutRequeue, Variant::StaleWrite]
    {
        workers_die_with_an_event_in_their_hands(&stage, &stage.play(variant), variant);
    }
    crash_on_duplicate(&stage, &stage.play(Variant::CrashOnDuplicate));
}

#[test]
fn deliveries_without_a_limit_show() {
    let stage = Stage::new();
    for variant in [Variant::Correct, Variant::PrefetchHoard] {
        deliveries_that_wait(&stage, &stage.play(variant), variant);
    }
}

#[test]
fn bugs_of_poison_show() {
    let stage = Stage::new();
    retries(&stage, &stage.play(Variant::TooManyRetries), 7);
    let begun = Instant::now();
    let play = stage.play(Variant::RetryWithoutBackoff);
    retries(&stage, &play, 5);
    println!("five retries without a wait took {:?}", begun.elapsed());
    drop(play);
    for variant in [Variant::RequeueForever, Variant::RetryLosesHeader] {
        let play = stage.play(variant);
        play.send_body(&poison("p"));
        until("more than five retries", || (play.counted("retry") > 7.0).then_some(()));
        assert_eq!((play.counted("failed"), stage.dead_letters()), (0.0, vec![]), "{variant}");
    }
    let play = stage.play(Variant::SkipPoison);
    play.send_body(&poison("p"));
    play.expect("failed", 1.0);
    play.drained();
    assert_eq!(stage.dead_letters(), []);
    drop(play);
    let play = stage.play(Variant::MetricsLie);
    play.send_body(&poison("p"));
    play.expect("success", 1.0);
    until("the dead letter", || (stage.dead_letters().len() == 1).then_some(()));
    assert_eq!((play.counted("failed"), play.depth("failed")), (0.0, Some(0.0)));
}

#[test]
fn a_slow_worker_is_slow() {
    let stage = Stage::new();
    let play = stage.play(Variant::SlowWorker);
    let begun = Instant::now();
    play.send_many(24, |number| format!("u{number}"));
    play.expect("success", 24.0);
    // Three at a time, 250 ms each.
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
}

/// What is left of an event that comes twice: entries of the document, and its version.
fn twice_one_after_the_other(stage: &Stage, play: &Play<'_>, left: (usize, i64)) {
    play.send("m", "u");
    stage.events("u", 1);
    play.send("m", "u");
    let document = until("both", || {
        let ended = play.counted("success") + play.counted("duplicate");
        stage.document("u").filter(|_| ended == 2.0)
    });
    assert_eq!((document.processed.len(), document.version), left);
}

fn twins_at_once(stage: &Stage, play: &Play<'_>, variant: Variant) {
    let mut sent = 0;
    let repeated = until("twins", || {
        let ids: Vec<String> = (sent..sent + 20).map(|number| format!("m{number}")).collect();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| ids.iter().for_each(|id| play.send(id, "u")));
            }
        });
        sent += 20;
        let all = f64::from(2 * sent);
        until("all", || (play.counted("success") + play.counted("duplicate") == all).then_some(()));
        let document = stage.document("u").unwrap();
        (document.repeated() > 0 || variant == Variant::Correct).then(|| document.repeated())
    });
    println!("{variant}: {repeated} of {sent} twice");
    assert_eq!(repeated == 0, variant == Variant::Correct);
}

fn updates_at_once(stage: &Stage, play: &Play<'_>, variant: Variant) {
    play.send_many(100, |_| "u".to_owned());
    play.expect("success", 100.0);
    let document = stage.document("u").unwrap();
    println!("{variant}: {} of 100 are left", document.processed.len());
    assert_eq!(document.version, i64::try_from(document.processed.len()).unwrap());
    assert_eq!(document.processed.len() == 100, variant == Variant::Correct);
}

fn wrong_vectors(stage: &Stage) {
    let vector = |variant: Variant| {
        let play = stage.play(variant);
        play.send_body(&event("new", "u", 2_000_000_000_000));
        stage.events("u", 1);
        play.send_body(&event("old", "u", 1_999_000_000_000));
        stage.events("u", 2).vector
    };
    let right = vector(Variant::Correct);
    assert_eq!(vector(Variant::WrongDimension).len(), 1535);
    let wrong = vector(Variant::WrongDecay);
    assert!(wrong.len() == right.len() && wrong != right);
}

/// All workers are killed at once while the database is away and one holds an event that
/// is older than the one before.
fn workers_die_with_an_event_in_their_hands(stage: &Stage, play: &Play<'_>, variant: Variant) {
    play.send_body(&event("new", "u", 2_000_000));
    stage.events("u", 1);
    play.drained();
    stage.away(mongodb::SERVER, || {
        play.send_body(&event("held", "u", 1_000_000));
        if variant == Variant::NackWithoutRequeue {
            until("a dead letter", || (play.depth("failed")? == 1.0).then_some(()));
            // Only then has the worker acknowledged what it gave up.
            play.drained();
        } else {
            until("its delivery", || (play.depth(QUEUE)? == 1.0).then_some(()));
        }
        until("an attempt", || {
            let log = |name: &String| fs::read_to_string(stage.lab.log(name)).unwrap();
            play.workers().iter().any(|name| log(name).contains("\"held: ")).then_some(())
        });
        // At once: none is given what another has left behind.
        stage.kill_all(&play.workers());
    });
    play.healthy();
    let (ids, newest): (&[&str], i64) = match variant {
        Variant::Correct => (&["new", "held", "after"], 2_000_000),
        Variant::StaleWrite => (&["new", "held", "after"], 1_500_000),
        _ => (&["new", "after"], 2_000_000),
    };
    // All of them but the last have taken effect before that is sent.
    stage.events("u", ids.len() - 1);
    play.drained();
    play.send_body(&event("after", "u", 1_500_000));
    let document = stage.events("u", ids.len());
    assert_eq!(document.processed, ids, "{variant}");
    assert_eq!(document.newest, newest, "{variant}");
    let dead = matches!(variant, Variant::DlqEverythingOnRestart | Variant::NackWithoutRequeue);
    until("the dead letters", || (stage.dead_letters().len() == usize::from(dead)).then_some(()));
}

fn crash_on_duplicate(stage: &Stage, play: &Play<'_>) {
    play.send("m", "u");
    stage.events("u", 1);
    play.send("m", "u");
    let crashes = || {
        let crashes = |name: &String| stage.lab.process(name).unwrap().crashes;
        play.workers().iter().map(crashes).sum::<u64>()
    };
    // One dies of it, and another skips it.
    play.expect("duplicate", 1.0);
    until("a crash", || (crashes() == 1).then_some(()));
    play.healthy();
    play.drained();
    assert_eq!((stage.document("u").unwrap().version, crashes()), (1, 1));
}

fn deliveries_that_wait(stage: &Stage, play: &Play<'_>, variant: Variant) {
    stage.away(mongodb::SERVER, || {
        play.send_many(200, |number| format!("u{}", number % 10));
        until("all", || (play.depth(QUEUE)? == 200.0).then_some(()));
        let expected = if variant == Variant::Correct { 60 } else { 200 };
        until("what is delivered", || (stage.unacknowledged() == expected).then_some(()));
    });
    play.expect("success", 200.0);
}

fn retries(stage: &Stage, play: &Play<'_>, count: i64) {
    let begun = Instant::now();
    play.send_body(&poison("p"));
    play.expect("failed", 1.0);
    until("the dead letter", || (stage.dead_letters() == [("p".to_owned(), count)]).then_some(()));
    assert_eq!(play.counted("retry"), count as f64);
    let waits = begun.elapsed() >= BACKOFF * 31;
    println!("{count} retries took {:?}, all waits: {waits}", begun.elapsed());
}
