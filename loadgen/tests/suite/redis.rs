//! Redis, the real one, as a private child of each test.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use loadgen::transport::redis::{Into, Stream};
use loadgen::{Job, LoadError, Redis, Schedule, Tls, Transport};
use rustix::process::Signal;
use scenarios::units::Rate;

use crate::support::redis::Redis as Server;
use crate::support::{PATIENCE, SECOND, complete, start, until, until_acked};

fn stream(name: &str) -> Into {
    Into::Stream(Stream {
        name: name.to_owned(),
        partitions: 1,
        max_length: None,
        exact: false,
        existing: false,
    })
}

fn redis(url: &str, into: Into) -> Redis {
    Redis {
        url: url.to_owned(),
        cluster: false,
        into,
        pipeline: 16,
        fields: vec![("id".to_owned(), "@{id}".into())],
        group: "g".to_owned(),
        ack_every: 10,
        tls: Tls::default(),
    }
}

fn job(redis: Redis, rate: f64, length: Duration) -> Job {
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job {
        connections: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "redis", schedule, Transport::Redis(redis))
    }
}

/// No waiting makes a password right: the run ends before the first operation.
#[test]
fn a_wrong_password_ends_the_run_at_once() {
    let server = Server::start();
    let set = server.ask(&["CONFIG", "SET", "requirepass", "right"]);
    assert_eq!(set.as_deref(), Some("+OK"));
    for user in ["", ":hunter22@", "joe:hunter22@"] {
        let url = server.url().replace("redis://", &format!("redis://{user}"));
        let error = job(redis(&url, stream("s")), 10.0, SECOND).ready().unwrap_err().to_string();
        assert!(error.contains("wrong user or password"), "{error}");
        assert!(!error.contains("hunter22"), "{error}");
    }
    let url = server.url().replace("redis://", "redis://:right@");
    let report = complete(start(job(redis(&url, stream("s")), 10.0, SECOND)).wait().unwrap());
    assert_eq!(report.totals.acked, report.totals.due);
}

#[test]
fn entries_are_added_and_read_back() {
    let server = Server::start();
    let job = Job { consumers: 2, ..job(redis(&server.url(), stream("s")), 2_000.0, SECOND) };
    let report = complete(start(job).wait().unwrap());
    assert_eq!((report.totals.due, report.totals.acked), (2_000, 2_000));
    assert_eq!(server.number(&["XLEN", "s"]), 2_000);
    let received = report.received.unwrap();
    assert_eq!((received.seen.len(), received.messages), (2_000, 2_000), "{received:?}");
    assert_eq!((received.foreign, received.repeated), (0, 0));
    assert_eq!(received.latency.len(), 2_000);
}

#[test]
fn lists_channels_and_partitions() {
    let server = Server::start();
    let list = Into::List { name: "l".to_owned(), left: true };
    let report = complete(start(job(redis(&server.url(), list), 500.0, SECOND)).wait().unwrap());
    assert_eq!(report.totals.acked, 500);
    assert_eq!(server.number(&["LLEN", "l"]), 500);

    let channel = Into::Channel("c".to_owned());
    let job_of = |into| job(redis(&server.url(), into), 500.0, SECOND);
    // A publish reaches those that listen already: the consumers come first.
    let heard = Job { consumers: 1, ..job_of(channel) };
    let running = loadgen::start(heard, Instant::now() + SECOND, SystemTime::UNIX_EPOCH).unwrap();
    let report = complete(running.wait().unwrap());
    assert_eq!(report.totals.acked, 500);
    assert_eq!(report.received.unwrap().seen.len(), 500);

    let parts = Into::Stream(Stream {
        name: "p".to_owned(),
        partitions: 4,
        max_length: Some(1_000),
        exact: true,
        existing: false,
    });
    assert_eq!(complete(start(job_of(parts)).wait().unwrap()).totals.acked, 500);
    for part in 0..4 {
        assert_eq!(server.number(&["XLEN", &format!("p-{part}")]), 125);
    }
}

#[test]
fn refusals_have_failed() {
    let server = Server::start();
    server.ask(&["SET", "text", "1"]).unwrap();
    let wrong = job(redis(&server.url(), stream("text")), 100.0, SECOND);
    let report = complete(start(wrong).wait().unwrap());
    assert_eq!(report.totals.failed, 100);
    assert!(report.errors[0].0.contains("WRONGTYPE"), "{:?}", report.errors);

    let existing = Into::Stream(Stream {
        name: "nowhere".to_owned(),
        partitions: 1,
        max_length: None,
        exact: false,
        existing: true,
    });
    let report =
        complete(start(job(redis(&server.url(), existing), 100.0, SECOND)).wait().unwrap());
    assert_eq!(report.totals.failed, 100);
    assert_eq!(server.number(&["EXISTS", "nowhere"]), 0);
}

#[test]
fn a_user_who_may_not_come_in_is_told() {
    let server = Server::start();
    server.ask(&["ACL", "SETUSER", "load", "on", ">right", "~*", "&*", "+@all"]).unwrap();
    let job = |secret| {
        let url = format!("redis://load:{secret}@127.0.0.1:{}/2", server.port);
        Job { grace: SECOND, ..job(redis(&url, stream("s")), 20.0, SECOND) }
    };
    assert_eq!(complete(start(job("right")).wait().unwrap()).totals.acked, 20);
    // No waiting mends that, so there is no load at all.
    let error = job("blackbird").ready().unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, LoadError::Denied(_)) && said.contains("WRONGPASS"), "{said}");
    assert!(!said.contains("blackbird"), "{said}");
}

#[test]
fn a_server_that_dies_and_comes_back_is_an_outage_and_nothing_is_lost() {
    let mut server = Server::start();
    let job = Job {
        timeout: Duration::from_secs(3),
        ..job(redis(&server.url(), stream("s")), 500.0, Duration::from_secs(6))
    };
    let running = start(job);
    until_acked(&running, 300);
    server.child.kill().unwrap();
    // Long enough to be called an outage.
    let due = running.progress().due;
    until(&running, |progress| progress.due >= due + 350);
    server.crash_and_return();
    let report = complete(running.wait().unwrap());
    let totals = report.totals;
    assert_eq!(totals.due, 3_000);
    assert!(totals.acked > 300 && totals.acked < 3_000, "{totals:?}");
    assert_eq!(report.outages.len(), 1, "{:?}", report.outages);
    assert!(report.outages[0].operations > 0);
    // Every acknowledged entry is there; of the unknown ones some may be.
    let held = server.number(&["XLEN", "s"]);
    assert!((totals.acked..=totals.acked + totals.indeterminate).contains(&held), "{held}");
}

#[test]
fn a_server_that_hangs_is_waited_for_no_longer_than_allowed() {
    let server = Server::start();
    let job = Job {
        timeout: SECOND,
        grace: SECOND,
        ..job(redis(&server.url(), stream("s")), 1_000.0, Duration::from_secs(3))
    };
    let began = Instant::now();
    let running = start(job);
    until_acked(&running, 200);
    server.signal(Signal::STOP);
    let report = complete(running.wait().unwrap());
    let took = began.elapsed();
    server.signal(Signal::CONT);
    assert_eq!(report.totals.due, 3_000);
    assert!(report.totals.indeterminate > 0);
    // No more were under way than the pipelines hold.
    assert!(report.totals.indeterminate <= 3 * 32, "{:?}", report.totals);
    assert!(took < PATIENCE, "{took:?}");
}

#[test]
fn a_pause_of_the_server_is_in_the_response_times() {
    let server = Server::start();
    let running = start(job(redis(&server.url(), stream("s")), 500.0, Duration::from_secs(3)));
    until_acked(&running, 200);
    server.ask(&["CLIENT", "PAUSE", "1000", "WRITE"]).unwrap();
    let report = complete(running.wait().unwrap());
    assert_eq!(report.totals.acked, 1_500);
    let longest = Duration::from_micros(report.latency.response.max());
    assert!(longest >= Duration::from_millis(900), "{longest:?}");
}

#[test]
fn a_server_that_accepts_and_never_answers_ends_on_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    let job = Job {
        timeout: Duration::from_millis(300),
        grace: Duration::from_millis(300),
        ..job(redis(&url, stream("s")), 200.0, SECOND)
    };
    let report = complete(start(job).wait().unwrap());
    assert_eq!(report.totals.acked, 0);
    assert!(report.never_reached() || report.totals.dropped > 0, "{:?}", report.totals);
}
