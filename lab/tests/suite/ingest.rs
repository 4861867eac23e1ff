//! The ingest on a real Redis and PostgreSQL: the correct one through every
//! fault, and each variant with the bug that it is there for.

mod stage;
mod variants;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use lab::reference::ingest::Variant;
use lab::reference::{self, StartOptions};
use lab::server::{postgres, redis};
use rustix::process::Signal;

use crate::support::{http, kill, lab, patience, until};
use stage::{Answer, Play, Stage, message, send};
use wire::Wire;

#[test]
fn the_whole_system_stands_with_all_its_targets() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let options = StartOptions { replicas: 3, ..StartOptions::default() };
    let running = reference::system("ingest").unwrap().start(&lab, &options, patience()).unwrap();
    let names: Vec<&str> = running.targets.keys().map(String::as_str).collect();
    assert_eq!(names, ["database", "metrics", "redis", "service"]);
    let replicas: Vec<&str> = running.replicas.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(replicas, ["ingress-1", "worker-1", "worker-2", "worker-3"]);
    let versions = running.versions();
    assert!(versions[0].starts_with("Redis ") && versions[1].starts_with("PostgreSQL "));

    let answer = send(&running.targets["service"], &message("k", "c", "text/plain")).unwrap();
    assert_eq!(answer.status, 202);
    let metrics = || http("GET", &running.targets["metrics"], "").map(|(_, text)| text);
    let has = |text: &str| metrics().is_some_and(|page| page.contains(text)).then_some(());
    until("the row", || {
        has("{worker=\"worker-1\",status=\"success\"} 1\n").or_else(|| {
            has("{worker=\"worker-2\",status=\"success\"} 1\n")
                .or_else(|| has("{worker=\"worker-3\",status=\"success\"} 1\n"))
        })
    });
    for number in 1..=3 {
        let labelled = format!("_total{{worker=\"worker-{number}\",status=\"dead_letter\"}} 0\n");
        until("every worker's figures", || has(&labelled));
    }

    // Asked nicely, each process ends as it should.
    for replica in &running.replicas {
        kill(lab.process(&replica.name).unwrap().pid.unwrap(), Signal::TERM);
        let exit = until("its end", || lab.process(&replica.name)?.last_exit);
        assert_eq!(exit, "exit code 0", "{}", replica.name);
    }
}

#[test]
fn a_message_is_one_row_however_often_it_is_sent() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    let first = play.send("k", "c");
    assert_eq!(first.status, 202);
    assert_eq!((first.text("state"), first.hit), (Some("pending".into()), false));
    play.rows(1);
    let again = play.send("k", "c");
    assert_eq!((again.status, again.hit), (200, true));
    assert_eq!(again.body["idempotentHit"], true);
    for key in ["messageId", "acceptedAt"] {
        assert_eq!(again.text(key), first.text(key));
    }
    // Twins at once.
    let twins: Vec<Answer> = thread::scope(|scope| {
        let twins: Vec<_> = (0..8).map(|_| scope.spawn(|| play.send("twin", "c"))).collect();
        twins.into_iter().map(|twin| twin.join().unwrap()).collect()
    });
    let ids: BTreeSet<_> = twins.iter().map(|twin| twin.text("messageId")).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(twins.iter().filter(|twin| !twin.hit).count(), 1);
    play.rows(2);
    assert_eq!(stage.sql("select count(*) from message_receipts where state = 'pending'"), "4");
    assert_eq!(stage.sql("select \"messageId\" from messages where id = 1"), first.id());

    let metrics = play.metrics();
    assert_eq!(metrics.sum("http_requests_accepted_total"), 10.0);
    assert_eq!(metrics.sum("stream_enqueue_total"), 10.0);
    assert_eq!(metrics.sum("idempotency_hit_total{operation=\"ingress\"}"), 8.0);
    until("no lag", || play.lags()?.iter().all(|&lag| lag == 0).then_some(()));
    assert_eq!(stage.redis("XLEN msg:dlq"), "0");
    for bad in ["hello", "{}", &message("", "c", "text/plain")] {
        assert_eq!(send(&play.ingest.url, bad).unwrap().status, 400);
    }
}

#[test]
fn poison_reaches_the_dead_letters_after_its_retries_and_nothing_else_does() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    play.switch_consumers(false);
    let unknown = message("unknown", "c", "application/x-poison");
    let unstorable = message("unstorable", "c", "text/plain").replace("hello", "\\u0000");
    for number in 0..10 {
        assert_eq!(play.send(&format!("healthy-{number}"), "c").status, 202);
        let poison = [(2, &unknown), (7, &unstorable)].into_iter().find(|(at, _)| *at == number);
        if let Some((_, body)) = poison {
            assert_eq!(send(&play.ingest.url, body).unwrap().status, 202);
        }
    }
    play.switch_consumers(true);
    play.rows(10);
    until("two dead letters", || (stage.redis("XLEN msg:dlq") == "2").then_some(()));
    let letters = stage.redis_all("XRANGE msg:dlq - +");
    for words in
        ["unknown", "content_type_unsupported", "unstorable", "message_unstorable", "22021"]
    {
        assert!(letters.contains(words), "{words} is not in {letters}");
    }
    assert_eq!(letters.matches("deadLetterAttempts\r\n$1\r\n4\r\n").count(), 2, "{letters}");
    let metrics = play.metrics();
    assert_eq!(metrics.sum("stream_dead_letter_total"), 2.0);
    assert_eq!(metrics.sum("stream_consumer_processed_total,status=\"retry\""), 6.0);
    assert_eq!(metrics.sum("stream_consumer_processed_total,status=\"error\""), 0.0);
    assert_eq!(stage.out_of_order(), 0);
    until("no lag", || play.lags()?.iter().all(|&lag| lag == 0).then_some(()));
}

#[test]
fn a_message_whose_answer_was_lost_keeps_its_identity() {
    let stage = Stage::new();
    let wire = Wire::to(stage.redis.port());
    let play = stage.play_with(Variant::Correct, |options| {
        options.ingress_redis_url = wire.url();
        options.consuming = false;
    });
    wire.delay(Duration::from_millis(100));
    let begun = Instant::now();
    assert_eq!(play.send("slow", "c").status, 202);
    assert!(begun.elapsed() >= Duration::from_millis(100));
    wire.delay(Duration::ZERO);

    // Redis takes the message, and its answer never arrives.
    wire.lose_answers(true);
    assert_eq!(play.send("lost", "c").status, 504);
    wire.lose_answers(false);
    play.healthy();
    let again = play.send("lost", "c");
    assert!(again.hit);
    assert_eq!(stage.sql("select count(*) from messages"), "0");
    play.switch_consumers(true);
    play.rows(2);
    let kept = stage.sql("select \"messageId\" from messages where \"idempotencyKey\" = 'lost'");
    assert_eq!(kept, again.id());
}

/// Redis 7.0 forgets over a restart how many entries a group has read.
#[test]
fn the_lag_is_right_after_a_restart_of_redis() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    let lag = || play.lags().map(|lags| lags.into_iter().sum::<u64>());
    let send = |from: u64, to: u64| {
        for number in from..to {
            assert_eq!(play.send(&format!("m{number}"), "c").status, 202);
        }
    };
    send(0, 40);
    play.rows(40);
    // What has been read is only in the file from here on.
    assert!(stage.redis_all("BGREWRITEAOF").starts_with('+'));
    until("the rewrite", || {
        stage.redis_all("INFO persistence").contains("aof_rewrite_in_progress:0").then_some(())
    });
    send(40, 60);
    play.rows(60);
    play.switch_consumers(false);
    send(60, 85);
    stage.kill(redis::SERVER);
    play.healthy();
    until("the lag as it was", || (lag()? == 25).then_some(()));
    play.switch_consumers(true);
    play.rows(85);
    until("no lag", || (lag()? == 0).then_some(()));
}

#[test]
fn every_accepted_message_is_a_row_once_through_every_fault() {
    let stage = Stage::new();
    let play = stage.play(Variant::Correct);
    let answers = play.through(8, |progress| {
        progress.more();
        for worker in play.workers() {
            stage.kill(&worker);
            progress.more();
        }
        play.switch_consumers(false);
        progress.more();
        stage.kill(postgres::SERVER);
        play.switch_consumers(true);
        progress.more();
        stage.away(postgres::SERVER, || progress.more());
        stage.kill(redis::SERVER);
        progress.more();
        stage.kill("ingress-1");
        progress.more();
    });
    let statuses: BTreeSet<u16> = answers.values().flatten().map(|answer| answer.status).collect();
    assert!(statuses.is_subset(&BTreeSet::from([200, 202, 503, 504])), "{statuses:?}");
    judge(&stage, &play, &answers);
    assert_eq!(stage.redis("XLEN msg:dlq"), "0");
}

/// Every accepted message is there once, under the identity that was answered;
/// what was refused is not; and conversations are in order.
fn judge(stage: &Stage, play: &Play<'_>, answers: &BTreeMap<String, Option<Answer>>) {
    let rows = || -> BTreeMap<String, String> {
        let rows = stage.sql("select \"idempotencyKey\", \"messageId\" from messages");
        rows.lines()
            .filter_map(|row| row.split_once('|'))
            .map(|(k, m)| (k.into(), m.into()))
            .collect()
    };
    until("nothing pending", || play.lags()?.iter().all(|&lag| lag == 0).then_some(()));
    let rows = rows();
    assert_eq!(stage.sql("select count(*) from messages"), rows.len().to_string());
    let mut accepted = 0;
    for (key, answer) in answers {
        match answer {
            Some(answer) if answer.status == 503 => {
                assert!(!rows.contains_key(key), "{key} was refused and is there");
            }
            Some(answer) if answer.status < 300 => {
                accepted += 1;
                assert_eq!(rows.get(key), Some(&answer.id()), "{key} was accepted");
            }
            _ => {}
        }
    }
    println!("{} messages, {accepted} accepted, {} rows", answers.len(), rows.len());
    assert!(rows.keys().all(|key| answers.contains_key(key)));
    assert_eq!(stage.out_of_order(), 0);
}
