//! HTTP/2 load against servers that behave well, badly, and not at all. The
//! server is written in frames, so that it can do what no real one would.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use loadgen::shape::{Again, Duplicates};
use loadgen::{Fate, Http, HttpVersion, Job, Report, Schedule, Shape, Transport, identity};
use scenarios::units::Rate;

use crate::server::{Server, Talk};
use crate::support::{PATIENCE, SECOND, complete, start, until, until_acked};

/// What is in front of the first frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Flags of frames.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const REFUSED_STREAM: u32 = 7;

/// A field block with only a status, from HPACK's table.
const OK: u8 = 0x88;
const BAD_REQUEST: u8 = 0x8c;
const SERVER_ERROR: u8 = 0x8e;

/// A connection in frames.
struct Frames<'a>(&'a mut Talk);

impl<'a> Frames<'a> {
    /// Begins; `None` if the client has left.
    fn begin(talk: &'a mut Talk, settings: &[(u16, u32)]) -> Option<Self> {
        assert_eq!(talk.read_bytes(PREFACE.len())?, PREFACE);
        let mut frames = Self(talk);
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend_from_slice(&name.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        frames.write(SETTINGS, 0, 0, &payload);
        Some(frames)
    }

    fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_bytes(&frame)
    }

    /// The next frame: its type, flags, stream and payload.
    fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let head = self.0.read_bytes(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], stream, self.0.read_bytes(length as usize)?))
    }

    /// The next request: its stream and the sequence number in its body.
    fn request(&mut self) -> Option<(u32, u64)> {
        let mut bodies = HashMap::<u32, Vec<u8>>::new();
        loop {
            let (kind, flags, stream, payload) = self.frame()?;
            match kind {
                SETTINGS if flags & ACK == 0 => {
                    self.write(SETTINGS, ACK, 0, &[]);
                }
                DATA => {
                    let body = bodies.entry(stream).or_default();
                    body.extend_from_slice(&payload);
                    if flags & END_STREAM != 0 {
                        return Some((stream, identity::parse(body).unwrap().sequence));
                    }
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, stream: u32, status: u8) -> bool {
        self.write(HEADERS, END_STREAM | END_HEADERS, stream, &[status])
    }

    fn refuse(&mut self, stream: u32) -> bool {
        self.write(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes())
    }

    /// Says which stream was the last one to be processed.
    fn go_away(&mut self, last: u32) -> bool {
        let mut payload = last.to_be_bytes().to_vec();
        payload.extend_from_slice(&[0; 4]);
        self.write(GOAWAY, 0, 0, &payload)
    }
}

/// How often each operation was carried out.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<u64, u64>>>);

impl Seen {
    /// Counts one; says how often it was seen, with this.
    fn count(&self, sequence: u64) -> u64 {
        let mut seen = self.0.lock().unwrap();
        let count = seen.entry(sequence).or_default();
        *count += 1;
        *count
    }

    fn len(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }

    fn times(&self, sequence: u64) -> u64 {
        self.0.lock().unwrap().get(&sequence).copied().unwrap_or_default()
    }

    fn all_are(&self, times: u64) -> bool {
        self.0.lock().unwrap().values().all(|count| *count == times)
    }
}

fn answer_all(talk: &mut Talk, seen: &Seen) {
    let Some(mut frames) = Frames::begin(talk, &[]) else { return };
    while let Some((stream, sequence)) = frames.request() {
        seen.count(sequence);
        frames.answer(stream, OK);
    }
}

fn http(url: &str, streams: u32) -> Http {
    Http {
        method: "POST".to_owned(),
        headers: vec![("X-Id".to_owned(), "@{id}".to_owned())],
        body: "@{id}".into(),
        version: HttpVersion::Http2 { streams },
        ..Http::new(url)
    }
}

fn job(http: Http, rate: f64, length: Duration) -> Job {
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job {
        connections: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "post", schedule, Transport::Http(http))
    }
}

fn run(job: Job) -> Report {
    complete(start(job).wait().unwrap())
}

/// Every operation was acked and carried out so often.
fn all_acked(report: &Report, seen: &Seen, times: u64) {
    assert_eq!(report.totals.acked, report.totals.due, "{:?} {:?}", report.totals, report.errors);
    assert_eq!(seen.len(), report.totals.due);
    assert!(seen.all_are(times), "{:?}", seen.0.lock().unwrap());
}

/// What was acked was carried out.
fn no_false_ack(report: &Report, seen: &Seen) {
    for sequence in 0..report.totals.due {
        if report.ledger.fate(sequence) == Some(Fate::Acked) {
            assert!(seen.times(sequence) > 0, "{sequence} was acked and never carried out");
        }
    }
}

#[test]
fn a_good_server_gets_every_operation_once() {
    let seen = Seen::default();
    let server = Server::start({
        let seen = seen.clone();
        move |talk| answer_all(talk, &seen)
    });
    for workers in [1, 2] {
        seen.0.lock().unwrap().clear();
        let before = server.connections();
        let report = run(Job { workers, ..job(http(&server.url(), 16), 1_000.0, SECOND) });
        all_acked(&report, &seen, 1);
        assert_eq!(server.connections() - before, 2, "connections are kept");
        assert_eq!(report.outages, []);
    }
}

#[test]
fn streams_are_as_many_as_the_server_allows() {
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    let seen = Seen::default();
    let server = Server::start({
        let seen = seen.clone();
        move |talk| {
            let Some(mut frames) = Frames::begin(talk, &[(MAX_CONCURRENT_STREAMS, 5)]) else {
                return;
            };
            loop {
                let mut batch = Vec::new();
                while batch.len() < 5 {
                    let Some((stream, sequence)) = frames.request() else { return };
                    seen.count(sequence);
                    batch.push(stream);
                }
                if seen.len() > 10 && frames.0.comes_more(Duration::from_millis(20)) {
                    // Whatever it is, it is no request.
                    let (kind, ..) = frames.frame().unwrap();
                    assert_ne!(kind, HEADERS, "a sixth stream");
                }
                for stream in batch {
                    frames.answer(stream, OK);
                }
            }
        }
    });
    let job = Job { connections: 1, ..job(http(&server.url(), 32), 200.0, SECOND) };
    all_acked(&run(job), &seen, 1);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_refused_stream_is_sent_again() {
    let seen = Seen::default();
    let requests = AtomicU64::new(0);
    let server = Server::start({
        let seen = seen.clone();
        move |talk| {
            let Some(mut frames) = Frames::begin(talk, &[]) else { return };
            let mut refused = std::collections::HashSet::new();
            while let Some((stream, sequence)) = frames.request() {
                let third = requests.fetch_add(1, Ordering::SeqCst).is_multiple_of(3);
                if third && refused.insert(sequence) {
                    frames.refuse(stream);
                } else {
                    seen.count(sequence);
                    frames.answer(stream, OK);
                }
            }
        }
    });
    all_acked(&run(job(http(&server.url(), 8), 300.0, SECOND)), &seen, 1);
}

#[test]
fn a_server_that_refuses_every_stream_has_done_nothing() {
    let server = Server::start(|talk| {
        let Some(mut frames) = Frames::begin(talk, &[]) else { return };
        while let Some((stream, _)) = frames.request() {
            frames.refuse(stream);
        }
    });
    let report = run(job(http(&server.url(), 8), 100.0, SECOND));
    assert_eq!(report.totals.failed, 100, "{:?} {:?}", report.totals, report.errors);
    assert_eq!(report.errors[0].0, "refused: the server refuses streams");
}

#[test]
fn a_goaway_in_mid_run_loses_nothing() {
    let seen = Seen::default();
    let partings = Arc::new(AtomicU64::new(0));
    let server = Server::start({
        let (seen, partings) = (seen.clone(), Arc::clone(&partings));
        move |talk| {
            let Some(mut frames) = Frames::begin(talk, &[]) else { return };
            let mut answered = 0;
            while let Some(first) = frames.request() {
                // Of four, the second is the last one that is processed.
                let mut batch = vec![first];
                let parts = answered == 20 && seen.len() < 300;
                if parts {
                    while batch.len() < 4 {
                        let Some(request) = frames.request() else { return };
                        batch.push(request);
                    }
                    // Bodies may end in another order than streams began.
                    batch.sort_unstable();
                    batch.truncate(2);
                    frames.go_away(batch[1].0);
                    partings.fetch_add(1, Ordering::SeqCst);
                }
                for (stream, sequence) in batch {
                    seen.count(sequence);
                    frames.answer(stream, OK);
                    answered += 1;
                }
                if parts {
                    return;
                }
            }
        }
    });
    let report = run(job(http(&server.url(), 16), 500.0, SECOND));
    all_acked(&report, &seen, 1);
    assert!(partings.load(Ordering::SeqCst) >= 5, "{partings:?}");
}

#[test]
fn a_connection_lost_after_sending_is_indeterminate() {
    let server = Server::start(|talk| {
        if let Some(mut frames) = Frames::begin(talk, &[]) {
            frames.request();
        }
    });
    let report = run(job(http(&server.url(), 4), 100.0, SECOND));
    let totals = report.totals;
    assert_eq!(totals.acked, 0);
    assert!(totals.indeterminate > 0, "{totals:?}");
    assert!(report.errors.iter().any(|(text, _)| text.starts_with("connection lost")));
}

#[test]
fn an_answer_that_never_comes_is_indeterminate_and_resets_its_stream() {
    let resets = Arc::new(AtomicU64::new(0));
    let server = Server::start({
        let resets = Arc::clone(&resets);
        move |talk| {
            let Some(mut frames) = Frames::begin(talk, &[]) else { return };
            // The first one is answered, time and again, so that the
            // connection is known to be alive.
            while let Some((kind, flags, stream, _)) = frames.frame() {
                if kind == RST_STREAM {
                    resets.fetch_add(1, Ordering::SeqCst);
                } else if kind == DATA && flags & END_STREAM != 0 && stream % 8 == 1 {
                    frames.answer(stream, OK);
                }
            }
        }
    });
    let report = run(Job {
        timeout: Duration::from_millis(300),
        grace: Duration::ZERO,
        ..job(http(&server.url(), 8), 200.0, 2 * SECOND)
    });
    let totals = report.totals;
    assert!(totals.acked > 0 && totals.indeterminate > 0, "{totals:?} {:?}", report.errors);
    let overdue = report.errors.iter().any(|(text, _)| text == "no answer within the timeout");
    assert!(overdue, "{:?}", report.errors);
    let end = Instant::now() + PATIENCE;
    while resets.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < end, "no stream was reset");
        std::thread::yield_now();
    }
}

#[test]
fn a_server_that_is_silent_does_not_hold_the_run_up() {
    let report_of = |url: &str| {
        run(Job {
            timeout: Duration::from_millis(300),
            grace: Duration::ZERO,
            ..job(http(url, 8), 100.0, 2 * SECOND)
        })
    };
    let server = Server::start(|talk| {
        if let Some(mut frames) = Frames::begin(talk, &[]) {
            while frames.frame().is_some() {}
        }
    });
    let totals = report_of(&server.url()).totals;
    assert_eq!(totals.acked, 0, "{totals:?}");
    assert!(totals.indeterminate > 0, "{totals:?}");
    assert!(server.connections() > 2, "a connection on which nothing is heard is not kept");
    // Connections wait to be accepted for ever: nothing was asked of anybody.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let report = report_of(&format!("http://{}/", deaf.local_addr().unwrap()));
    assert_eq!(report.totals.acked + report.totals.indeterminate, 0, "{:?}", report.totals);
    assert!(report.never_reached());
}

#[test]
fn a_server_of_another_protocol_is_unreachable() {
    let server = Server::start(|talk| {
        talk.read_bytes(PREFACE.len());
        talk.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
    let report = run(Job { grace: SECOND, ..job(http(&server.url(), 8), 50.0, SECOND) });
    assert!(report.never_reached(), "{:?}", report.totals);
    let reasons = format!("{:?}", report.errors);
    assert!(reasons.contains("does not speak HTTP/2"), "{reasons}");
}

#[test]
fn a_server_that_dies_and_comes_back_is_an_outage_and_nothing_is_lost() {
    let seen = Seen::default();
    let behaviour = {
        let seen = seen.clone();
        Arc::new(move |talk: &mut Talk| answer_all(talk, &seen))
    };
    let first = Server::start_at("127.0.0.1:0".parse().unwrap(), behaviour.clone());
    let address = first.address;
    let job = Job {
        timeout: Duration::from_millis(400),
        ..job(http(&first.url(), 16), 300.0, Duration::from_secs(3_600))
    };
    let running = start(job);
    until_acked(&running, 200);
    drop(first);
    let died = Instant::now();
    until(&running, |progress| progress.failed > 100 && died.elapsed() > SECOND);
    let acked = running.progress().acked;
    let second = Server::start_at(address, behaviour);
    let away = died.elapsed();
    until_acked(&running, acked + 200);
    running.stop();
    let report = complete(running.wait().unwrap());
    drop(second);
    no_false_ack(&report, &seen);
    // A machine that stands still makes others.
    let longest = report.outages.iter().map(|outage| outage.to - outage.from).max().unwrap();
    assert!(longest >= away.mul_f64(0.9), "{:?} {away:?}", report.outages);
    let reasons: Vec<_> = report.errors.iter().map(|(text, _)| text.as_str()).collect();
    assert!(reasons.iter().any(|text| text.starts_with("no connection:")), "{reasons:?}");
    assert!(reasons.iter().any(|text| text.starts_with("not sent:")), "{reasons:?}");
}

#[test]
fn retries_and_twins_keep_their_identity() {
    let seen = Seen::default();
    let server = Server::start({
        let seen = seen.clone();
        move |talk| {
            let Some(mut frames) = Frames::begin(talk, &[]) else { return };
            while let Some((stream, sequence)) = frames.request() {
                let again = seen.count(sequence) > 1;
                frames.answer(stream, if again { OK } else { SERVER_ERROR });
            }
        }
    });
    let retried = Http { retries: 2, ..http(&server.url(), 8) };
    let report = run(job(retried, 100.0, SECOND));
    assert!(report.totals.acked > 0, "{:?} {:?}", report.totals, report.errors);
    for sequence in 0..report.totals.due {
        // When the run is about to end, nothing is sent again.
        let times = if report.ledger.fate(sequence) == Some(Fate::Acked) { 2 } else { 1 };
        assert_eq!(seen.times(sequence), times, "{sequence}");
    }
    for when in [Again::AtOnce, Again::Concurrently, Again::Later(Duration::from_millis(30))] {
        seen.0.lock().unwrap().clear();
        let shape = Shape { duplicates: Duplicates { share: 1.0, when }, ..Shape::default() };
        let report = run(Job { shape, ..job(http(&server.url(), 8), 100.0, SECOND) });
        assert_eq!((report.totals.due, seen.len()), (100, 100), "{when:?}");
        assert!(seen.all_are(2), "{when:?}");
    }
}

#[test]
fn answers_are_compared() {
    let server = Server::start({
        let seen = Seen::default();
        move |talk| {
            let Some(mut frames) = Frames::begin(talk, &[]) else { return };
            while let Some((stream, sequence)) = frames.request() {
                let again = seen.count(sequence) > 1;
                // Every tenth has another value when it comes again.
                let value = if again && sequence % 10 == 0 { 1 } else { 0 };
                frames.write(HEADERS, END_HEADERS, stream, &[OK]);
                let (a, b) = (format!("{{\"id\":{value},"), format!("\"hit\":{again}}}"));
                frames.write(DATA, 0, stream, a.as_bytes());
                frames.write(DATA, END_STREAM, stream, b.as_bytes());
            }
        }
    });
    let compare = loadgen::Compare {
        same: "/id".parse().ok(),
        hit: "/hit".parse().ok().map(scenarios::plan::workload::Hit::Body),
    };
    let http = Http { compare, ..http(&server.url(), 8) };
    let when = Again::Concurrently;
    let shape = Shape { duplicates: Duplicates { share: 1.0, when }, ..Shape::default() };
    let report = run(Job { shape, ..job(http, 100.0, SECOND) });
    let counts = report.answers.unwrap().counts;
    assert_eq!((counts.agreed, counts.disagreed), (90, 10), "{counts:?}");
    assert_eq!((counts.marked, counts.unmarked, counts.premature), (100, 0, 0), "{counts:?}");
}

#[test]
fn statuses_decide_the_outcome() {
    let server = Server::start(|talk| {
        let Some(mut frames) = Frames::begin(talk, &[]) else { return };
        while let Some((stream, sequence)) = frames.request() {
            frames.answer(stream, [OK, BAD_REQUEST, SERVER_ERROR, OK][sequence as usize % 4]);
        }
    });
    let report = run(job(http(&server.url(), 8), 200.0, SECOND));
    let totals = report.totals;
    assert_eq!((totals.acked, totals.failed, totals.indeterminate), (100, 50, 50));
}

#[test]
fn dropping_a_run_leaves_no_thread_behind() {
    let seen = Seen::default();
    let server = Server::start(move |talk| answer_all(talk, &seen));
    let running = start(job(http(&server.url(), 8), 500.0, Duration::from_secs(3_600)));
    until_acked(&running, 10);
    let done = Arc::new(AtomicBool::new(false));
    let dropping = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            drop(running);
            done.store(true, Ordering::SeqCst);
        })
    };
    let end = Instant::now() + PATIENCE;
    while !done.load(Ordering::SeqCst) {
        assert!(Instant::now() < end, "the run does not end");
        std::thread::yield_now();
    }
    dropping.join().unwrap();
}
