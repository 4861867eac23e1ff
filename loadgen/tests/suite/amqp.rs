//! AMQP against a broker that does as a test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use loadgen::transport::amqp::Acks;
use loadgen::{Amqp, Job, Schedule, Transport};
use scenarios::units::Rate;

use crate::server::{Server, Talk};
use crate::support::broker::{Broker, CONSUME, HEARTBEAT, PUBLISH};
use crate::support::{PATIENCE, SECOND, start};

/// As often as AMQP can ask for.
const EVERY: u16 = 1;

/// So many signs of life make a habit.
const SIGNS: u64 = 3;

fn job(server: &Server, rate: f64, length: Duration) -> Job {
    let url = format!("amqp://u:p@{}/%2f", server.address);
    let amqp = Amqp { acks: Acks::Auto, ..Amqp::new(&url, "", "q", "@{id}") };
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job { connections: 1, ..Job::new("r", "w", schedule, Transport::Amqp(amqp)) }
}

#[derive(Default)]
struct Seen {
    beats: AtomicU64,
    consumers: AtomicU64,
}

fn wait_until(what: &str, so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "never came: {what}");
        #[expect(
            clippy::disallowed_methods,
            reason = "the pause between two looks at a condition"
        )]
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Confirms what is published and, to whoever consumes, delivers without end;
/// counts the signs of life of those who do what is asked for.
fn busy(talk: &mut Talk, seen: &Seen, counts: (u16, u16)) {
    let Some(mut broker) = Broker::open(talk, EVERY) else { return };
    let (mut consumes, mut counted, mut tag) = (false, false, 0);
    loop {
        if consumes {
            tag += 1;
            if !broker.deliver(tag) {
                return;
            }
        }
        let pause = Duration::from_millis(10);
        let frame = if consumes { broker.frame_within(pause) } else { broker.frame() };
        let Some(frame) = frame else {
            if consumes {
                continue;
            }
            return;
        };
        consumes |= frame.method() == Some(CONSUME);
        counted |= frame.method() == Some(counts);
        if frame.kind == HEARTBEAT && counted {
            seen.beats.fetch_add(1, Ordering::SeqCst);
        }
        broker.answer(&frame);
    }
}

#[test]
fn whoever_always_has_something_to_read_or_write_still_shows_that_it_lives() {
    for who in [CONSUME, PUBLISH] {
        let seen = Arc::new(Seen::default());
        let counting = Arc::clone(&seen);
        let server = Server::start(move |talk| busy(talk, &counting, who));
        let job = Job { consumers: 1, ..job(&server, 200.0, 600 * SECOND) };
        let running = start(job);
        let enough = || seen.beats.load(Ordering::SeqCst) >= SIGNS;
        wait_until("signs of life", enough);
        running.cut_off();
        running.wait().unwrap();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is a shell that owns a clock")]
fn a_connection_lives_until_a_start_that_is_far_away() {
    let seen = Arc::new(Seen::default());
    let counting = Arc::clone(&seen);
    // The channel is opened last before the wait.
    let server = Server::start(move |talk| busy(talk, &counting, (85, 10)));
    let hour = 3_600 * SECOND;
    let job = job(&server, 10.0, SECOND);
    let running = loadgen::start(job, Instant::now() + hour, SystemTime::now() + hour).unwrap();
    wait_until("signs of life", || seen.beats.load(Ordering::SeqCst) >= SIGNS);
    // The look before the load, and the load.
    assert_eq!(server.connections(), 2);
    running.cut_off();
    running.wait().unwrap();
}

#[test]
fn a_broker_that_falls_silent_is_left_by_consumers_too() {
    let seen = Arc::new(Seen::default());
    let counting = Arc::clone(&seen);
    let server = Server::start(move |talk| {
        let Some(mut broker) = Broker::open(talk, EVERY) else { return };
        while let Some(frame) = broker.frame() {
            if frame.method() == Some(CONSUME) {
                counting.consumers.fetch_add(1, Ordering::SeqCst);
            }
            broker.answer(&frame);
        }
    });
    let running = start(Job { consumers: 1, ..job(&server, 1.0, 600 * SECOND) });
    wait_until("another try", || seen.consumers.load(Ordering::SeqCst) >= 2);
    running.cut_off();
    let received = running.wait().unwrap().received.unwrap();
    assert!(received.errors[0].0.contains("no sign of life"), "{:?}", received.errors);
}
