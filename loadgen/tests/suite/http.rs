//! HTTP load against servers that behave well, badly, and not at all.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::server::Server;
use loadgen::{Fate, Http, Job, Report, Running, Schedule, Transport, identity};
use scenarios::units::Rate;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn http(url: &str) -> Http {
    Http {
        method: "POST".to_owned(),
        headers: vec![("x-id".to_owned(), "@{id}".to_owned())],
        body: "@{id}".into(),
        ..Http::new(url)
    }
}

fn job(url: &str, rate: f64, length: Duration) -> Job {
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job {
        connections: 4,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "post", schedule, Transport::Http(http(url)))
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is a shell that owns a clock")]
fn start(job: Job) -> Running {
    loadgen::start(job, Instant::now(), SystemTime::now()).unwrap()
}

fn run(job: Job) -> Report {
    complete(start(job).wait().unwrap())
}

/// What holds of every run, however it went.
fn complete(report: Report) -> Report {
    let totals = report.totals;
    assert_eq!(totals.settled(), totals.due, "{totals:?}");
    assert!(report.ledger.is_complete());
    assert_eq!(report.ledger.due(), totals.due);
    assert_eq!(report.ledger.count(Fate::Acked), totals.acked);
    let mut sum = loadgen::Tally::default();
    for (_, tally) in &report.seconds {
        sum += *tally;
    }
    assert_eq!(sum, totals, "the seconds add up");
    report
}

/// Waits for a condition; the tests wait for nothing else.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::yield_now();
    }
}

#[test]
fn a_good_server_gets_every_operation_once() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = Server::start({
        let seen = Arc::clone(&seen);
        move |talk| {
            while let Some((head, body)) = talk.request() {
                assert!(head.contains(&format!("x-id: {body}\r\n")), "{head}");
                seen.lock().unwrap().push(identity::parse(body.as_bytes()).unwrap().sequence);
                talk.answer(202);
            }
        }
    });
    for workers in [1, 3] {
        seen.lock().unwrap().clear();
        let before = server.connections();
        let job = Job { workers, ..job(&server.url(), 500.0, Duration::from_millis(1_500)) };
        let mut running = start(job);
        let sealed = running.sealed().unwrap();
        let report = complete(running.wait().unwrap());
        assert_eq!((report.totals.due, report.totals.acked), (750, 750));
        let sequences = seen.lock().unwrap().clone();
        assert_eq!(sequences.len(), 750);
        assert_eq!(sequences.iter().collect::<BTreeSet<_>>().len(), 750);
        assert_eq!(server.connections() - before, 4, "connections are kept");
        assert_eq!(report.outages, []);
        assert_eq!(report.errors, []);
        let seconds: Vec<_> = sealed.try_iter().map(|s| (s.second, s.tally.due)).collect();
        assert_eq!(seconds, [(0, 500), (1, 250)]);
        assert_eq!(report.latency.response.len(), 750);
        assert!(report.pump.ticks > 0);
    }
}

#[test]
fn a_stall_is_in_the_response_time_of_everything_due_meanwhile() {
    let stalled = Arc::new(Mutex::new(None));
    let served = AtomicU64::new(0);
    let gate = Arc::new(Mutex::new(()));
    let server = Server::start({
        let stalled = Arc::clone(&stalled);
        move |talk| {
            while talk.request().is_some() {
                if served.fetch_add(1, Ordering::SeqCst) == 200 {
                    let _shut = gate.lock().unwrap();
                    let start = Instant::now();
                    // The stall itself: a lock that every answer needs.
                    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
                    let _ = receiver.recv_timeout(Duration::from_secs(1));
                    *stalled.lock().unwrap() = Some(start.elapsed());
                }
                drop(gate.lock().unwrap());
                talk.answer(200);
            }
        }
    });
    // Long enough for the backlog to be worked off and to be a part of a whole.
    let rate = 200.0;
    let report = run(job(&server.url(), rate, Duration::from_secs(4)));
    assert_eq!(report.totals.acked, 800);
    let stall = stalled.lock().unwrap().unwrap().as_secs_f64();
    // Everything due during the stall waited for what was left of it, so the
    // share of operations above half of the stall is half of those due in it.
    let half = Duration::from_secs_f64(stall / 2.0).as_micros() as u64;
    let slow = report.latency.response.count_between(half, u64::MAX) as f64;
    let expected = rate * stall / 2.0;
    assert!(slow >= expected * 0.9, "{slow} operations were slow, {expected} expected");
    // A closed loop would have seen the stall only on its four connections.
    let service = report.latency.service.count_between(half, u64::MAX);
    assert!(service <= slow as u64 / 4, "{service} {slow}");
    let longest = Duration::from_micros(report.latency.response.max()).as_secs_f64();
    assert!(longest >= stall * 0.95, "{longest} {stall}");
    assert!(report.totals.late as f64 >= expected);
}

#[test]
fn a_server_that_dies_and_comes_back_is_an_outage_and_nothing_is_lost() {
    let first = Server::start(|talk| talk.answer_all(200));
    let address = first.address;
    let job = Job {
        timeout: Duration::from_millis(400),
        ..job(&first.url(), 300.0, Duration::from_secs(4))
    };
    let running = start(job);
    wait_until("the load", || running.progress().acked > 200);
    drop(first);
    let died = Instant::now();
    wait_until("the outage", || {
        running.progress().failed > 100 && died.elapsed() > Duration::from_millis(1_200)
    });
    let second = Server::start_at(address, Arc::new(|talk| talk.answer_all(200)));
    let away = died.elapsed();
    let report = complete(running.wait().unwrap());
    drop(second);
    assert_eq!(report.totals.due, 1_200);
    assert!(report.totals.failed > 100);
    assert!(report.totals.acked > 200);
    assert_eq!(report.outages.len(), 1, "{:?}", report.outages);
    let outage = report.outages[0];
    assert!(!outage.open || report.totals.acked < 300);
    assert!(outage.to - outage.from >= away.mul_f64(0.9), "{outage:?} {away:?}");
    let unsuccessful = report.totals.failed + report.totals.indeterminate;
    assert_eq!(outage.operations, unsuccessful);
    let reasons: Vec<_> = report.errors.iter().map(|(text, _)| text.as_str()).collect();
    assert!(reasons.iter().any(|text| text.starts_with("no connection:")), "{reasons:?}");
    assert!(reasons.iter().any(|text| text.starts_with("not sent:")), "{reasons:?}");
}

#[test]
fn a_server_that_never_was_is_unreachable() {
    let server = Server::start(|_| {});
    let url = server.url();
    drop(server);
    let report = run(Job {
        timeout: Duration::from_millis(300),
        grace: Duration::from_millis(500),
        ..job(&url, 100.0, Duration::from_secs(1))
    });
    assert_eq!(report.totals.acked + report.totals.indeterminate, 0);
    assert!(report.never_reached());
    assert!(report.outages.iter().all(|outage| outage.open));
}

#[test]
fn statuses_decide_the_outcome() {
    let server = Server::start(|talk| {
        while let Some((_, body)) = talk.request() {
            let sequence = identity::parse(body.as_bytes()).unwrap().sequence;
            talk.answer([200, 422, 500, 503][sequence as usize % 4]);
        }
    });
    let report = run(job(&server.url(), 400.0, Duration::from_secs(1)));
    let totals = report.totals;
    assert_eq!((totals.acked, totals.failed, totals.indeterminate), (100, 100, 200));
    assert_eq!(report.ledger.fate(4), Some(Fate::Acked));
    assert_eq!(report.ledger.fate(5), Some(Fate::Failed));
    assert_eq!(report.ledger.fate(7), Some(Fate::Indeterminate));
    let expected = ["status 422", "status 500", "status 503"];
    assert_eq!(report.errors.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), expected);
}

#[test]
fn an_answer_that_never_comes_is_indeterminate() {
    let server = Server::start(|talk| while talk.request().is_some() {});
    let report = run(Job {
        timeout: Duration::from_millis(100),
        grace: Duration::ZERO,
        ..job(&server.url(), 100.0, Duration::from_secs(1))
    });
    let totals = report.totals;
    assert_eq!(totals.acked + totals.failed, 0);
    // Four connections, ten time-outs a second on each; the rest never began.
    assert!(totals.indeterminate > 0 && totals.dropped > 0, "{totals:?}");
    assert_eq!(report.errors[0].0, "no answer within the timeout");
    assert!(report.latency.service.min() >= 99_000);
}

#[test]
fn a_connection_lost_after_sending_is_indeterminate() {
    let server = Server::start(|talk| {
        talk.request();
    });
    let report = run(job(&server.url(), 200.0, Duration::from_millis(500)));
    assert_eq!(report.totals.acked + report.totals.failed, 0);
    assert_eq!(report.totals.indeterminate, 100);
    assert!(report.errors[0].0.starts_with("connection lost"), "{:?}", report.errors);
}

#[test]
fn a_server_that_closes_at_once_never_acknowledges() {
    let server = Server::start(|_| {});
    let report = run(Job {
        timeout: Duration::from_millis(500),
        grace: Duration::from_secs(1),
        ..job(&server.url(), 100.0, Duration::from_millis(500))
    });
    assert_eq!(report.totals.acked, 0);
    assert_eq!(report.totals.due, 50);
}

#[test]
fn connections_that_the_server_closes_between_requests_cost_nothing() {
    // Three ways of ending a connection after a good answer.
    let served = Arc::new(AtomicU64::new(0));
    let server = Server::start({
        let served = Arc::clone(&served);
        move |talk| {
            for turn in 0..7 {
                if talk.request().is_none() {
                    return;
                }
                served.fetch_add(1, Ordering::SeqCst);
                let text = match (turn, served.load(Ordering::SeqCst) % 2) {
                    (6, 0) => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
                    (6, _) => "HTTP/1.0 200 OK\r\n\r\nuntil the end",
                    _ => {
                        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
                    }
                };
                talk.write(text);
            }
        }
    });
    let report = run(job(&server.url(), 500.0, Duration::from_secs(1)));
    assert_eq!(report.totals.acked, 500, "{:?} {:?}", report.totals, report.errors);
    assert_eq!(served.load(Ordering::SeqCst), 500);
    assert!(server.connections() >= 500 / 7);
}

#[test]
fn a_body_that_breaks_off_is_indeterminate() {
    let server = Server::start(|talk| {
        talk.request();
        talk.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this");
    });
    let report = run(job(&server.url(), 100.0, Duration::from_millis(300)));
    assert_eq!(report.totals.indeterminate, 30, "{:?}", report.errors);
}

#[test]
fn marks_in_the_path_are_filled_in() {
    let good = Arc::new(AtomicU64::new(0));
    let server = Server::start({
        let good = Arc::clone(&good);
        move |talk| {
            while let Some((head, body)) = talk.request() {
                if head.starts_with(&format!("POST /x?id={body} HTTP/1.1\r\n")) {
                    good.fetch_add(1, Ordering::SeqCst);
                }
                talk.answer(200);
            }
        }
    });
    let url = format!("{}x?id=@{{id}}", server.url());
    assert_eq!(run(job(&url, 100.0, Duration::from_millis(300))).totals.acked, 30);
    assert_eq!(good.load(Ordering::SeqCst), 30);
}

#[test]
fn stopping_ends_with_a_full_report() {
    let server = Server::start(|talk| talk.answer_all(200));
    let job = Job { workers: 2, ..job(&server.url(), 1_000.0, Duration::from_secs(3_600)) };
    let running = start(job);
    wait_until("some load", || running.progress().acked > 100);
    running.stop();
    let report = complete(running.wait().unwrap());
    assert!(report.totals.due < 3_600_000);
    assert_eq!(report.totals.acked + report.totals.dropped, report.totals.due);
}

#[test]
fn dropping_a_run_leaves_no_thread_behind() {
    let stop = Arc::new(AtomicBool::new(false));
    let server = Server::start(|talk| talk.answer_all(200));
    let running = start(job(&server.url(), 1_000.0, Duration::from_secs(3_600)));
    wait_until("some load", || running.progress().acked > 10);
    let dropping = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            drop(running);
            stop.store(true, Ordering::SeqCst);
        })
    };
    wait_until("the end", || stop.load(Ordering::SeqCst));
    dropping.join().unwrap();
}

#[test]
fn settings_are_checked_before_the_start() {
    let bad = [
        Job { run: "a/b".to_owned(), ..job("http://127.0.0.1:1/", 1.0, PATIENCE) },
        Job { connections: 0, ..job("http://127.0.0.1:1/", 1.0, PATIENCE) },
        Job { timeout: Duration::ZERO, ..job("http://127.0.0.1:1/", 1.0, PATIENCE) },
        job("ftp://127.0.0.1:1/", 1.0, PATIENCE),
    ];
    for job in bad {
        assert!(loadgen::start(job, Instant::now(), SystemTime::UNIX_EPOCH).is_err());
    }
}
