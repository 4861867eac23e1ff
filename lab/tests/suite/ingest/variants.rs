//! Each variant shows its bug, where the correct one does not.

use std::thread;
use std::time::{Duration, Instant};

use lab::reference::ingest::Variant;
use lab::server::{postgres, redis};

use super::stage::{Play, Stage, message, send};
use crate::support::until;

#[test]
fn bugs_of_the_ingress_show() {
    let stage = Stage::new();
    no_dedupe(&stage.play(Variant::NoDedupe));
    check_then_insert(&stage, &stage.play(Variant::CheckThenInsert));
    dedupe_in_memory(&stage, &stage.play(Variant::DedupeInMemory));
    new_id_on_hit(&stage.play(Variant::NewIdOnHit));
    metrics_lie(&stage.play(Variant::MetricsLie));
    for variant in [Variant::Correct, Variant::AcceptThenDrop] {
        redis_away(&stage, &stage.play(variant), variant);
    }
}

#[test]
fn bugs_of_the_order_show() {
    let stage = Stage::new();
    for variant in [Variant::Correct, Variant::Reorder, Variant::WrongPartition] {
        let play = stage.play(variant);
        play.switch_consumers(false);
        for number in 0..200 {
            assert_eq!(play.send(&format!("m{number}"), "one").status, 202);
        }
        play.switch_consumers(true);
        play.rows(200);
        let moved = stage.out_of_order();
        println!("{variant}: {moved} of 200 out of order");
        assert_eq!(moved == 0, variant == Variant::Correct, "{variant}: {moved}");
    }
}

#[test]
fn bugs_of_delivery_show() {
    let stage = Stage::new();
    for variant in [Variant::Correct, Variant::AckBeforeWrite, Variant::NoClaim] {
        worker_dies_with_a_message_in_its_hands(&stage, &stage.play(variant), variant);
    }
    drop_poison(&stage, &stage.play(Variant::DropPoison));
    for variant in [Variant::Correct, Variant::DlqOnFirstError] {
        database_away(&stage, &stage.play(variant), variant);
    }
}

#[test]
fn bugs_of_speed_show() {
    let stage = Stage::new();
    slow_consumer(&stage.play(Variant::SlowConsumer));
    lag_of_one_partition(&stage.play(Variant::LagOfOnePartition));
    slow_tail(&stage, &stage.play(Variant::SlowTail));
}

fn no_dedupe(play: &Play<'_>) {
    let [first, again] = [play.send("k", "c"), play.send("k", "c")];
    assert!(!again.hit && first.id() != again.id());
    play.rows(2);
}

fn check_then_insert(stage: &Stage, play: &Play<'_>) {
    let [first, again] = [play.send("k", "c"), play.send("k", "c")];
    assert!(again.hit && first.id() == again.id());
    play.rows(1);
    let mut round = 0;
    until("a twin that slipped through", || {
        round += 1;
        let key = format!("twin-{round}");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| play.send(&key, "c"));
            }
        });
        let twins = "select 1 from messages group by \"idempotencyKey\" having count(*) > 1";
        (!stage.sql(twins).is_empty()).then_some(())
    });
    println!("check-then-insert: a twin after {round} rounds");
}

fn dedupe_in_memory(stage: &Stage, play: &Play<'_>) {
    let [first, again] = [play.send("k", "c"), play.send("k", "c")];
    assert!(again.hit && first.id() == again.id());
    play.rows(1);
    stage.kill("ingress-1");
    play.healthy();
    let late = until("an answer", || send(&play.ingest.url, &message("k", "c", "text/plain")));
    assert!(!late.hit && first.id() != late.id());
    play.rows(2);
}

fn new_id_on_hit(play: &Play<'_>) {
    let [first, again] = [play.send("k", "c"), play.send("k", "c")];
    assert!(again.hit && first.id() != again.id());
    play.send("other", "c");
    play.rows(2);
}

fn metrics_lie(play: &Play<'_>) {
    for _ in 0..3 {
        play.send("k", "c");
    }
    let metrics = play.metrics();
    assert_eq!(metrics.sum("http_requests_accepted_total"), 3.0);
    assert_eq!(metrics.sum("idempotency_hit_total{operation=\"ingress\"}"), 2.0);
    assert_eq!(metrics.sum("stream_enqueue_total"), 1.0);
}

fn redis_away(stage: &Stage, play: &Play<'_>, variant: Variant) {
    stage.away(redis::SERVER, || {
        let status = play.send("lost", "c").status;
        match variant {
            Variant::AcceptThenDrop => assert_eq!(status, 202),
            _ => assert!([503, 504].contains(&status), "{status}"),
        }
    });
    play.healthy();
    assert_eq!(until("an answer", || Some(play.send("later", "c"))).status, 202);
    play.rows(1);
    assert_eq!(stage.sql("select \"idempotencyKey\" from messages"), "later");
}

/// A worker is killed while the database is away and it holds a message.
fn worker_dies_with_a_message_in_its_hands(stage: &Stage, play: &Play<'_>, variant: Variant) {
    play.send("warm", "c");
    play.rows(1);
    let pending = || {
        let summary = |n| stage.redis_all(&format!("XPENDING msg:stream:{n} persistence-workers"));
        (0..16).filter(|&n| summary(n).lines().nth(1) != Some(":0")).count()
    };
    until("nothing pending", || (pending() == 0).then_some(()));
    stage.away(postgres::SERVER, || {
        play.send("held", "c");
        match variant {
            // Acknowledged, and nowhere but in the worker's memory.
            Variant::AckBeforeWrite => {
                let gone = |lags: Vec<u64>| lags.iter().all(|&lag| lag == 0);
                until("its acknowledgement", || gone(play.lags()?).then_some(()));
            }
            _ => until("its delivery", || (pending() == 1).then_some(())),
        }
        for worker in play.workers() {
            stage.kill_process(&worker);
        }
    });
    play.healthy();
    play.send("after", "c");
    // In order, so what was held would be there before.
    play.rows(if variant == Variant::Correct { 3 } else { 2 });
    assert_eq!(pending(), usize::from(variant == Variant::NoClaim), "{variant}");
    let keys = stage.sql("select string_agg(\"idempotencyKey\", ' ' order by id) from messages");
    let expected = if variant == Variant::Correct { "warm held after" } else { "warm after" };
    assert_eq!(keys, expected, "{variant}");
}

fn drop_poison(stage: &Stage, play: &Play<'_>) {
    let poison = message("poison", "c", "application/x-poison");
    assert_eq!(send(&play.ingest.url, &poison).unwrap().status, 202);
    play.send("after", "c");
    play.rows(1);
    until("no lag", || play.lags()?.iter().all(|&lag| lag == 0).then_some(()));
    assert_eq!(stage.redis("XLEN msg:dlq"), "0");
}

fn database_away(stage: &Stage, play: &Play<'_>, variant: Variant) {
    play.send("warm", "c");
    play.rows(1);
    stage.away(postgres::SERVER, || {
        play.send("k", "c");
        let status = match variant {
            Variant::DlqOnFirstError => "dead_letter",
            _ => "error",
        };
        let counted = format!("stream_consumer_processed_total,status=\"{status}\"");
        until(status, || (play.metrics().sum(&counted) >= 1.0).then_some(()));
    });
    play.healthy();
    play.send("after", "c");
    let gives_up = variant == Variant::DlqOnFirstError;
    play.rows(if gives_up { 2 } else { 3 });
    assert_eq!(stage.redis("XLEN msg:dlq"), u8::from(gives_up).to_string());
}

/// At least twenty messages in every partition that nobody has consumed.
fn backlog(play: &Play<'_>) {
    play.switch_consumers(false);
    let send = |part: usize| {
        for number in (part..640).step_by(4) {
            assert_eq!(
                play.send(&format!("m{number}"), &format!("lane-{}", number % 64)).status,
                202
            );
        }
    };
    thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || send(part));
        }
    });
    assert!(play.lags().unwrap().iter().all(|&lag| lag >= 20), "{:?}", play.lags());
}

fn slow_consumer(play: &Play<'_>) {
    backlog(play);
    let begun = Instant::now();
    play.switch_consumers(true);
    until("a lag of most partitions", || {
        let lags = play.lags()?;
        let between = lags.iter().filter(|&&lag| lag > 0).count();
        (between > 8 && lags.iter().sum::<u64>() < 640).then_some(())
    });
    play.rows(640);
    // At least twenty messages are two batches with a rest between them.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    println!("slow-consumer: 640 messages took {:?}", begun.elapsed());
}

fn lag_of_one_partition(play: &Play<'_>) {
    backlog(play);
    play.switch_consumers(true);
    until("the lag of partition 7 alone", || {
        let lags = play.lags()?;
        let lagging: Vec<usize> = (0..16).filter(|&n| lags[n] > 0).collect();
        (lagging == [7]).then_some(())
    });
}

fn slow_tail(stage: &Stage, play: &Play<'_>) {
    let slow = |play: &Play<'_>| {
        let metrics = play.metrics();
        metrics.sum("duration_seconds_count") - metrics.sum("duration_seconds_bucket,le=\"0.1\"")
    };
    stage.redis("SET msg:seq 5000");
    for number in 0..30 {
        play.send(&format!("m{number}"), &format!("c{number}"));
    }
    play.rows(30);
    until("3 slow messages", || (slow(play) >= 3.0).then_some(()));
}
