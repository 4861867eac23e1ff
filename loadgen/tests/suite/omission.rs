//! A target that stalls, seen without coordinated omission.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use loadgen::{Http, Job, Quantiles, Schedule, Transport};
use scenarios::units::Rate;

use crate::server::Server;

const RATE: f64 = 200.0;
const LENGTH: Duration = Duration::from_secs(20);

/// The server answers at once, but for one second in every ten.
const CYCLE: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(1);
/// When, in each cycle.
const AT: Duration = Duration::from_secs(4);

/// At a fixed rate, with the target stalled for 1 s in every 10 s, operations
/// that come due during a stall wait for the rest of it: of all operations a
/// tenth waits, evenly between 0 and 1 s, so the 99th percentile is 0.9 s.
/// It is computed here from the stalls as they really were.
#[test]
#[expect(clippy::disallowed_methods, reason = "the server is slow on purpose")]
fn the_response_times_hold_the_stall_as_it_was() {
    let t0 = Instant::now() + Duration::from_millis(200);
    let stalls: Arc<Mutex<Vec<(Duration, Duration)>>> = Arc::default();
    let server = {
        let stalls = Arc::clone(&stalls);
        Server::start(move |talk| {
            while talk.request().is_some() {
                let now = Instant::now().saturating_duration_since(t0);
                let cycle = now.as_nanos() / CYCLE.as_nanos();
                let begin = CYCLE * cycle as u32 + AT;
                if (begin..begin + STALL).contains(&now) {
                    std::thread::sleep(begin + STALL - now);
                    let end = Instant::now().saturating_duration_since(t0);
                    stalls.lock().unwrap().push((begin, end));
                }
                if !talk.answer(200) {
                    return;
                }
            }
        })
    };
    let http = Http::new(&server.url());
    let schedule = Schedule::constant(Rate(RATE), LENGTH).unwrap();
    let due: Vec<Duration> = (0..schedule.total()).filter_map(|seq| schedule.due(seq)).collect();
    let job = Job { connections: 2, ..Job::new("co", "http", schedule, Transport::Http(http)) };
    let report = loadgen::start(job, t0, SystemTime::UNIX_EPOCH).unwrap().wait().unwrap();
    assert_eq!(report.totals.acked, 4_000);

    // An operation that is due in a stall waits until its end.
    let stalls = stalls.lock().unwrap();
    let wait = |due: &Duration| {
        let stall = stalls.iter().find(|(begin, end)| (*begin..*end).contains(due));
        stall.map_or(Duration::ZERO, |(_, end)| *end - *due)
    };
    let mut waits: Vec<Duration> = due.iter().map(wait).collect();
    waits.sort_unstable();
    let expected = waits[waits.len() * 99 / 100 - 1].as_secs_f64();
    assert!((0.85..1.5).contains(&expected), "the stalls were not as planned: {expected}");

    let response = Quantiles::of(&report.latency.response).p99.as_secs_f64();
    let off = (response - expected).abs() / expected;
    assert!(off <= 0.05, "p99 {response} s is {:.1} % off {expected} s", off * 100.0);
    // What a tool that waits for answers would have reported.
    let service = Quantiles::of(&report.latency.service).p99.as_secs_f64();
    assert!(service < expected / 2.0, "{service}");
}
