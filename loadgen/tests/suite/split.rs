//! Figures apart by who answered.

use std::time::{Duration, Instant, SystemTime};

use loadgen::{Http, Job, Schedule, Second, Split, Tally, Transport};
use scenarios::units::Rate;

use crate::server::Server;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
const KEYS: u64 = 10;

/// By the last digit of the number: 0 to 6 are stable, 7 and 8 canary, which refuses
/// every second of these, and 9 is somebody else's.
fn server() -> Server {
    Server::start(|talk| {
        while let Some((_, body)) = talk.request() {
            let number: u64 = body.parse().unwrap_or_default();
            let (version, status) = match number % 10 {
                9 => ("x-other: stable", 200),
                8 => ("X-Version: canary", 503),
                7 => ("x-version:canary ", 200),
                _ => ("x-version: stable", 200),
            };
            let head = format!("HTTP/1.1 {status} X\r\n{version}\r\ncontent-length: 0\r\n\r\n");
            if !talk.write(&head) {
                return;
            }
        }
    })
}

#[test]
fn each_version_has_figures_of_its_own_and_they_sum_to_the_whole() {
    let server = server();
    let http = Http {
        method: "POST".to_owned(),
        body: "@{seq}".into(),
        refused: "503".parse().unwrap(),
        split: Some(Split {
            header: "x-version".to_owned(),
            values: ["stable", "canary", "nobody"].map(str::to_owned).to_vec(),
        }),
        ..Http::new(&server.url())
    };
    let shape = loadgen::Shape {
        keys: "roundrobin".parse::<loadgen::shape::Keys>().unwrap().over(KEYS),
        ..loadgen::Shape::default()
    };
    let schedule = Schedule::constant(Rate(200.0), Duration::from_secs(2)).unwrap();
    let job = Job {
        shape,
        connections: 4,
        workers: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "post", schedule, Transport::Http(http))
    };
    let mut running = loadgen::start(job, Instant::now(), SystemTime::UNIX_EPOCH).unwrap();
    let seconds = running.sealed().unwrap();
    let report = running.wait().unwrap();
    let seconds: Vec<Second> = seconds.iter().collect();

    let tally = |part: usize| report.parts[part].tally;
    let counted = |part| {
        let Tally { due, acked, failed, indeterminate, .. } = tally(part);
        (due, acked, failed, indeterminate)
    };
    assert_eq!(report.parts[1].value, "canary");
    assert_eq!(counted(0), (280, 280, 0, 0));
    assert_eq!(counted(1), (80, 40, 40, 0));
    assert_eq!(counted(2), (0, 0, 0, 0), "one that nobody is counts nothing");
    assert_eq!(report.totals.due, 400, "the rest is somebody else's");
    assert_eq!(report.parts[1].latency.response.len(), 40);
    // Seconds add up to the whole.
    let of_seconds: u64 =
        seconds.iter().flat_map(|second| second.parts.get(1)).map(|part| part.tally.due).sum();
    assert_eq!(of_seconds, 80);
    // Round robin: key 7 always succeeds on the canary, and key 8 never.
    let keys = &report.parts[1].keys;
    assert_eq!((keys[7], keys[8], keys.len()), ((40, 0), (40, 40), 9));
    assert!(report.parts[0].keys.iter().all(|&(_, failed)| failed == 0));
}
