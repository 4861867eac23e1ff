//! What is offered: counts, shapes, sendings made twice, parts of a run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use loadgen::profile::Profile;
use loadgen::shape::{Again, Duplicates};
use loadgen::{
    Arrival, Closed, Fate, Histogram, Http, Instance, Job, Late, Ledger, Pace, Report, Schedule,
    Shape, Transport,
};
use scenarios::units::Rate;

use crate::server::Server;

const SECOND: Duration = Duration::from_secs(1);

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn job(url: &str, pace: impl Into<Pace>) -> Job {
    let http = Http {
        method: "POST".to_owned(),
        headers: vec![("x-id".to_owned(), "@{id}".to_owned())],
        body: "@{seq} @{key} @{int:0-99} @{rand:8} @{pad}".into(),
        ..Http::new(url)
    };
    Job {
        connections: 4,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "http", pace, Transport::Http(http))
    }
}

fn run(job: Job) -> Report {
    let report = loadgen::start(job, Instant::now(), SystemTime::UNIX_EPOCH).unwrap();
    let report = report.wait().unwrap();
    assert!(report.ledger.is_complete());
    assert_eq!(report.totals.settled(), report.totals.due);
    report
}

type Bodies = Arc<Mutex<Vec<String>>>;

/// A server that keeps every body.
fn server() -> (Server, Bodies) {
    let bodies = Bodies::default();
    let kept = Arc::clone(&bodies);
    let server = Server::start(move |talk| {
        while let Some((_, body)) = talk.request() {
            kept.lock().unwrap().push(body);
            if !talk.answer(200) {
                return;
            }
        }
    });
    (server, bodies)
}

fn schedule(profile: &str, rate: f64, length: Duration) -> Schedule {
    let profile: Profile = profile.parse().unwrap();
    Schedule::of(profile.segments(Rate(rate), length).unwrap(), Arrival::Uniform).unwrap()
}

#[test]
fn profiles_deliver_their_integral_and_a_seed_its_bodies() {
    let (server, bodies) = server();
    for (profile, expected) in [("constant", 400), ("ramp:0..400", 400), ("sine:150,1s", 400)] {
        let shape = |seed| Shape {
            seed,
            size: Some("100-300".parse().unwrap()),
            keys: "zipf:1.1".parse().unwrap(),
            duplicates: Duplicates { share: 0.1, when: Again::AtOnce },
            ..Shape::default()
        };
        let offered = |seed| {
            bodies.lock().unwrap().clear();
            let job = job(&server.url(), schedule(profile, 200.0, 2 * SECOND));
            let report = run(Job { shape: shape(seed), ..job });
            assert!(report.totals.acked.abs_diff(expected) <= 1, "{profile}: {:?}", report.totals);
            let mut bodies = std::mem::take(&mut *bodies.lock().unwrap());
            assert_eq!(bodies.len() as u64, report.totals.due + report.duplicates.planned());
            bodies.sort();
            bodies
        };
        let first = offered(1);
        assert_eq!(first, offered(1), "{profile}");
        assert_ne!(first, offered(2), "{profile}");
    }
}

#[test]
fn what_is_sent_twice_has_one_identity_and_one_fate() {
    for when in [Again::AtOnce, Again::Concurrently, Again::Later(SECOND / 5)] {
        let (server, bodies) = server();
        let shape = Shape {
            size: Some("100".parse().unwrap()),
            duplicates: Duplicates { share: 0.5, when },
            ..Shape::default()
        };
        let planned = (0..200).filter(|&seq| shape.is_twin(seq)).count() as u64;
        let job = job(&server.url(), schedule("constant", 200.0, SECOND));
        let report = run(Job { shape, ..job });
        assert_eq!((report.totals.due, report.totals.acked), (200, 200), "{when:?}");
        assert_eq!((report.duplicates.acked, report.duplicates.unsent), (planned, 0), "{when:?}");
        let bodies = bodies.lock().unwrap();
        assert_eq!(bodies.len() as u64, 200 + planned);
        let distinct: BTreeSet<_> = bodies.iter().collect();
        assert_eq!(distinct.len(), 200, "the second sending is the same to the byte");
    }
}

#[test]
fn a_closed_loop_ends_after_its_count_or_its_time() {
    let (server, bodies) = server();
    let shape = Shape { size: Some("100".parse().unwrap()), ..Shape::default() };
    let counted = Closed { count: Some(500), duration: None };
    for workers in [1, 3] {
        bodies.lock().unwrap().clear();
        let job = job(&server.url(), Pace::Closed(counted));
        let report = run(Job { shape: shape.clone(), workers, ..job });
        assert_eq!((report.totals.due, report.totals.acked), (500, 500));
        assert_eq!(bodies.lock().unwrap().iter().collect::<BTreeSet<_>>().len(), 500);
    }
    let timed = Closed { count: None, duration: Some(SECOND) };
    let report = run(Job { shape, ..job(&server.url(), Pace::Closed(timed)) });
    assert!(report.totals.due > 0);
    assert_eq!(report.totals.acked, report.totals.due);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the server is slow on purpose")]
fn late_operations_are_dropped_if_that_is_asked_for() {
    // One connection and 100 ms an answer: ten a second of a hundred.
    let server = Server::start(|talk| {
        while talk.request().is_some() {
            std::thread::sleep(SECOND / 10);
            if !talk.answer(200) {
                return;
            }
        }
    });
    let shape = Shape { size: Some("100".parse().unwrap()), ..Shape::default() };
    let plain = job(&server.url(), schedule("constant", 100.0, 2 * SECOND));
    let report = run(Job { shape, connections: 1, late: Late::Drop, ..plain });
    assert_eq!(report.totals.due, 200);
    assert!(report.totals.dropped >= 150, "{:?}", report.totals);
    assert!(report.totals.acked > 0);
    assert_eq!(report.ledger.count(Fate::Dropped), report.totals.dropped);
}

#[test]
fn instances_share_a_run_and_come_together_without_loss() {
    let (server, bodies) = server();
    let mut whole: Option<(Ledger, Histogram)> = None;
    let mut recorded = 0;
    for number in 1..=4 {
        let job = job(&server.url(), schedule("constant", 200.0, SECOND));
        let shape = Shape { size: Some("100".parse().unwrap()), ..Shape::default() };
        let report = run(Job { shape, instance: Instance { number, of: 4 }, ..job });
        assert_eq!(report.totals.due, 50);
        recorded += report.latency.response.len();
        match &mut whole {
            None => whole = Some((report.ledger, report.latency.response)),
            Some((ledger, histogram)) => {
                ledger.merge(&report.ledger).unwrap();
                histogram.add(report.latency.response).unwrap();
            }
        }
    }
    let (ledger, histogram) = whole.unwrap();
    assert!(ledger.is_complete());
    assert_eq!((ledger.due(), histogram.len(), recorded), (200, 200, 200));
    assert_eq!(bodies.lock().unwrap().iter().collect::<BTreeSet<_>>().len(), 200);
}
