//! What no waiting mends ends the run at once, and nobody is stormed meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loadgen::transport::redis::{Into, Stream};
use loadgen::{Amqp, Job, LoadError, Redis, Running, Schedule, Tls, Transport};
use scenarios::units::Rate;

use crate::server::{Server, Talk};
use crate::support::broker::{Broker, PUBLISH};
use crate::support::redis::Redis as RedisServer;
use crate::support::{SECOND, start};

fn job(rate: f64, seconds: u32, transport: Transport) -> Job {
    let schedule = Schedule::constant(Rate(rate), seconds * SECOND).unwrap();
    Job { connections: 4, ..Job::new("r", "w", schedule, transport) }
}

fn redis(url: &str) -> Transport {
    let stream = Stream {
        name: "s".to_owned(),
        partitions: 1,
        max_length: None,
        exact: false,
        existing: false,
    };
    Transport::Redis(Redis {
        url: url.to_owned(),
        cluster: false,
        into: Into::Stream(stream),
        pipeline: 8,
        fields: vec![("id".to_owned(), "@{id}".into())],
        group: "g".to_owned(),
        ack_every: 1,
        tls: Tls::default(),
    })
}

fn amqp(server: &Server) -> Transport {
    Transport::Amqp(Amqp::new(&format!("amqp://{}", server.address), "", "q", "@{id}"))
}

/// What a target says that ends a run.
fn denial(error: LoadError) -> String {
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    error.to_string()
}

/// The run ends by itself, long before its time.
fn ends_early(running: Running) -> String {
    denial(running.wait().unwrap_err())
}

#[test]
fn an_unknown_database_ends_the_run_before_it_begins() {
    let server = RedisServer::start();
    for form in ["99", "?db=99"] {
        let url = format!("{}{form}", server.url());
        let said = denial(job(10.0, 1, redis(&url)).ready().unwrap_err());
        assert!(said.contains("SELECT 99") && said.contains("out of range"), "{said}");
    }
}

#[test]
fn a_right_that_is_missing_ends_the_run_at_once() {
    let server = RedisServer::start();
    server.ask(&["ACL", "SETUSER", "reader", "on", ">pw", "~*", "&*", "+@read"]).unwrap();
    let url = format!("redis://reader:pw@127.0.0.1:{}", server.port);
    let said = ends_early(start(job(20.0, 3_600, redis(&url))));
    assert!(said.contains("NOPERM"), "{said}");
}

#[test]
fn what_is_not_tls_is_told_at_once_in_every_transport() {
    let server = Server::start(|talk: &mut Talk| {
        talk.read_bytes(1);
        talk.write("-ERR this is no TLS\r\n");
    });
    let mut encrypted = Vec::new();
    let https = format!("https://{}/", server.address);
    let args = ["http", &https, "-r", "5", "-z", "1h", "--quiet"];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_loadgen")).args(args).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    encrypted.push(String::from_utf8(output.stderr).unwrap());
    let url = format!("rediss://{}", server.address);
    encrypted.push(denial(job(10.0, 1, redis(&url)).ready().unwrap_err()));
    let url = format!("amqps://{}", server.address);
    let transport = Transport::Amqp(Amqp::new(&url, "", "q", "@{id}"));
    encrypted.push(denial(job(10.0, 1, transport).ready().unwrap_err()));
    for said in encrypted {
        assert!(said.contains("not TLS"), "{said}");
    }
    // A look before the load each.
    assert_eq!(server.connections(), 3);
}

/// A broker that closes the connection by every publish, once it was told to.
fn refusing(refuses: &Arc<AtomicBool>) -> Server {
    let refuses = Arc::clone(refuses);
    Server::start(move |talk| {
        let Some(mut broker) = Broker::open(talk, 30) else { return };
        while let Some(frame) = broker.frame() {
            if frame.method() == Some(PUBLISH) && refuses.load(Ordering::SeqCst) {
                broker.close(404, "NOT_FOUND - no exchange 'e'");
                return;
            }
            broker.answer(&frame);
        }
    })
}

#[test]
fn an_unknown_exchange_ends_the_run_at_once() {
    let server = refusing(&Arc::new(AtomicBool::new(true)));
    let said = ends_early(start(job(100.0, 3_600, amqp(&server))));
    assert!(said.contains("no exchange"), "{said}");
    // The look before the load, and the connections of the run.
    assert!(server.connections() <= 2 * 5, "{}", server.connections());
}

/// Whatever was mended once may be mended again: the run goes on, and waits.
#[test]
fn a_broker_that_begins_to_refuse_is_not_stormed() {
    let refuses = Arc::new(AtomicBool::new(false));
    let server = refusing(&refuses);
    let running = start(Job { connections: 1, ..job(200.0, 3, amqp(&server)) });
    crate::support::until_acked(&running, 20);
    refuses.store(true, Ordering::SeqCst);
    let report = crate::support::complete(running.wait().unwrap());
    assert!(report.totals.acked >= 20, "{:?}", report.totals);
    // 50 ms, doubling to a second, and not once for each of 200 messages a second.
    assert!(server.connections() < 30, "{}", server.connections());
}
