//! Answers to operations that are sent twice: a system that keeps its promise,
//! and several that do not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use loadgen::answers::Flaw;
use loadgen::shape::{Again, Duplicates};
use loadgen::{Answers, Compare, Fate, Http, Job, Report, Schedule, Shape, Transport};
use scenarios::plan::workload::Hit;
use scenarios::units::Rate;

use crate::server::Server;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a system answers an operation that it knows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum System {
    Correct,
    /// Its answers have a value of their own each time.
    Forgets,
    /// It does not say that it knew.
    Silent,
    /// It always says that it knew.
    Boasts,
    /// It answers without the value.
    Mute,
}

/// A system with a memory of what it was sent.
fn server(system: System) -> Server {
    let known: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    Server::start(move |talk| {
        while let Some((_, body)) = talk.request() {
            let (value, again) = {
                let mut known = known.lock().unwrap();
                let times = known.entry(body.clone()).or_default();
                *times += 1;
                let value = if system == System::Forgets { *times } else { 1 };
                (format!("{body}-{value}"), *times > 1)
            };
            let hit = match system {
                System::Silent => false,
                System::Boasts => true,
                _ => again,
            };
            let body = match system {
                System::Mute => "{}".to_owned(),
                _ => format!("{{\"message\":{{\"id\":{value:?}}},\"idempotent\":{hit}}}"),
            };
            let mark = if hit { "Idempotency-Hit: true\r\n" } else { "" };
            let length = body.len();
            // In chunks, so that the body comes out of them.
            let (a, b) = body.split_at(length / 2);
            let sent = talk.write(&format!(
                "HTTP/1.1 202 X\r\n{mark}transfer-encoding: chunked\r\n\r\n\
                 {:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n",
                a.len(),
                b.len()
            ));
            if !sent {
                return;
            }
        }
    })
}

fn compare(hit: Hit) -> Compare {
    Compare { same: "/message/id".parse().ok(), hit: Some(hit) }
}

fn by_body() -> Hit {
    Hit::Body("/idempotent".parse().unwrap())
}

fn run(system: System, when: Again, compare: Compare) -> (Report, Answers, u64) {
    let server = server(system);
    let http = Http {
        method: "POST".to_owned(),
        headers: vec![("idempotency-key".to_owned(), "@{id}".to_owned())],
        body: "@{seq}".into(),
        compare,
        ..Http::new(&server.url())
    };
    let shape = Shape { duplicates: Duplicates { share: 0.5, when }, ..Shape::default() };
    let planned = (0..200).filter(|&seq| shape.is_twin(seq)).count() as u64;
    let schedule = Schedule::constant(Rate(200.0), Duration::from_secs(1)).unwrap();
    let job = Job {
        shape,
        connections: 4,
        workers: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "post", schedule, Transport::Http(http))
    };
    let report = loadgen::start(job, Instant::now(), SystemTime::UNIX_EPOCH).unwrap();
    let report = report.wait().unwrap();
    assert_eq!(report.ledger.count(Fate::Acked), 200);
    let answers = report.answers.clone().unwrap();
    assert_eq!(answers.counts.pairs, planned, "{system:?} {when:?}");
    (report, answers, planned)
}

#[test]
fn a_system_that_keeps_its_promise_agrees_with_itself() {
    for when in [Again::AtOnce, Again::Concurrently, Again::Later(Duration::from_millis(50))] {
        for hit in [by_body(), Hit::Header("idempotency-hit".to_owned())] {
            let (report, answers, planned) = run(System::Correct, when, compare(hit));
            let counts = answers.counts;
            assert_eq!((counts.agreed, counts.marked), (planned, planned), "{when:?} {counts:?}");
            assert_eq!(answers.guilty("test", "post").count(), 0, "{when:?}");
            let totals = report.totals;
            assert_eq!((totals.resent, totals.resent_acked), (planned, planned));
            assert_eq!((totals.hits, totals.disagreed), (planned, 0));
        }
    }
}

#[test]
fn liars_are_named() {
    let flaws = |answers: &Answers, flaw| {
        answers.guilty("test", "post").filter(|row| row.kind == flaw).collect::<Vec<_>>()
    };
    for when in [Again::AtOnce, Again::Concurrently] {
        let (report, answers, planned) = run(System::Forgets, when, compare(by_body()));
        assert_eq!((answers.counts.disagreed, report.totals.disagreed), (planned, planned));
        let rows = flaws(&answers, Flaw::Disagreed);
        assert_eq!(rows.len() as u64, planned);
        assert!(rows[0].id.starts_with("test/post/"), "{:?}", rows[0]);
        let sequence = &rows[0].id["test/post/".len()..];
        let mut values = [rows[0].first.clone().unwrap(), rows[0].second.clone().unwrap()];
        values.sort();
        assert_eq!(values, [format!("\"{sequence}-1\""), format!("\"{sequence}-2\"")]);

        let (_, answers, planned) = run(System::Silent, when, compare(by_body()));
        assert_eq!(flaws(&answers, Flaw::Unmarked).len() as u64, planned, "{when:?}");
        assert_eq!(answers.counts.agreed, planned);

        let (_, answers, planned) = run(System::Boasts, when, compare(by_body()));
        assert_eq!(flaws(&answers, Flaw::Premature).len() as u64, planned, "{when:?}");

        let (_, answers, planned) = run(System::Mute, when, compare(by_body()));
        assert_eq!((answers.counts.valueless, answers.counts.agreed), (planned, 0));
    }
}
