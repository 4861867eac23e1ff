//! Kafka: the mock broker of librdkafka, which speaks the protocol over real
//! sockets within the test's process and keeps everything in memory, and,
//! where `scripts/test-kafka` has installed it, a real broker that speaks the
//! protocol (tansu) as a private child of each test.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use loadgen::transport::kafka::{Partitions, Sasl, Security};
use loadgen::{Job, Kafka, LoadError, Schedule, Transport};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use rustix::process::{Pid, Signal, kill_process};
use scenarios::units::Rate;
use tempfile::TempDir;

use crate::server::{Server, Talk};
use crate::support::{PATIENCE, SECOND, complete, start, until, until_acked};

/// A broker, its process or its mock gone when it is dropped.
enum Broker {
    Mock(MockCluster<'static, DefaultProducerContext>),
    Real { port: u16, folder: TempDir, child: Child },
}

impl Broker {
    fn mock() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("events", 3, 1).unwrap();
        Self::Mock(cluster)
    }

    fn real() -> Self {
        // Somebody else may take the port in between: then try another.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let mut child = spawn(port, port, &folder);
            if comes_up(&mut child, port) {
                return Self::Real { port, folder, child };
            }
        }
        panic!("the broker does not start");
    }

    fn address(&self) -> String {
        match self {
            Self::Mock(cluster) => cluster.bootstrap_servers(),
            Self::Real { port, .. } => format!("127.0.0.1:{port}"),
        }
    }

    /// Ends as by a crash.
    fn crash(&mut self) {
        match self {
            Self::Mock(cluster) => cluster.broker_down(1).unwrap(),
            Self::Real { child, .. } => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
    }

    /// Comes back after a crash, with its data.
    fn come_back(&mut self) {
        match self {
            Self::Mock(cluster) => cluster.broker_up(1).unwrap(),
            Self::Real { port, folder, child } => {
                let end = Instant::now() + PATIENCE;
                loop {
                    *child = spawn(*port, *port, folder);
                    if comes_up(child, *port) {
                        return;
                    }
                    assert!(Instant::now() < end, "the broker does not come back");
                }
            }
        }
    }

    /// Accepts and does not answer any more.
    fn hang(&self) {
        match self {
            Self::Mock(cluster) => cluster.broker_round_trip_time(1, PATIENCE * 10).unwrap(),
            Self::Real { child, .. } => kill_process(Pid::from_child(child), Signal::STOP).unwrap(),
        }
    }

    /// How often each value is in a topic.
    fn stored(&self, topic: &str) -> HashMap<String, u64> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.address())
            .set("group.id", "audit")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let mut list = TopicPartitionList::new();
        let mut left = 0;
        for partition in metadata.topics()[0].partitions() {
            let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE).unwrap();
            left += high - low;
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut values = HashMap::new();
        let end = Instant::now() + PATIENCE;
        while left > 0 {
            assert!(Instant::now() < end, "{left} records cannot be read");
            if let Some(record) = consumer.poll(Duration::from_millis(100)) {
                let record = record.unwrap();
                let value = String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
                *values.entry(value).or_default() += 1;
                left -= 1;
            }
        }
        values
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Self::Real { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(port: u16, shown: u16, folder: &TempDir) -> Child {
    let program = std::env::var_os("SHAKEDOWN_TANSU").expect("scripts/test-kafka sets this");
    let at = |port| format!("tcp://127.0.0.1:{port}");
    let mut command = Command::new(program);
    command
        .args(["broker", "--listener-url", &at(port), "--advertised-listener-url", &at(shown)])
        .args(["--storage-engine", "sqlite://records.db"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command.spawn().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks at a condition")]
fn comes_up(child: &mut Child, port: u16) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the broker does not answer");
}

fn kafka(broker: &Broker) -> Kafka {
    Kafka {
        brokers: broker.address(),
        topic: "events".to_owned(),
        // The mock knows no such request.
        partitions: matches!(broker, Broker::Real { .. })
            .then_some(Partitions { number: 3, replication: 1 }),
        key: Some("@{key}".to_owned()),
        partition: None,
        body: "@{id}".into(),
        headers: Vec::new(),
        queue: 1_000,
        group: "readers".to_owned(),
        settings: Vec::new(),
        security: Security::default(),
    }
}

fn job(kafka: Kafka, rate: f64, length: Duration) -> Job {
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job {
        connections: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "kafka", schedule, Transport::Kafka(kafka))
    }
}

fn records_are_written_and_read_back(broker: &Broker) {
    let kafka = Kafka { headers: vec![("n".to_owned(), "@{seq}".to_owned())], ..kafka(broker) };
    let job = Job { consumers: 2, ..job(kafka, 1_000.0, SECOND) };
    let report = complete(start(job).wait().unwrap());
    assert_eq!((report.totals.due, report.totals.acked), (1_000, 1_000), "{:?}", report.errors);
    let received = report.received.unwrap();
    assert_eq!((received.seen.len(), received.foreign), (1_000, 0), "{:?}", received.errors);
    let stored = broker.stored("events");
    assert_eq!(stored.len(), 1_000);
    assert!(stored.contains_key("test/kafka/999"));
}

fn a_broker_that_dies_and_comes_back_is_an_outage_and_nothing_is_lost(mut broker: Broker) {
    let job = Job {
        timeout: Duration::from_secs(2),
        ..job(kafka(&broker), 300.0, Duration::from_secs(10))
    };
    let running = start(job);
    until_acked(&running, 200);
    broker.crash();
    let due = running.progress().due;
    // Long enough for operations to be given up.
    until(&running, |progress| progress.due >= due + 1_200);
    broker.come_back();
    let report = complete(running.wait().unwrap());
    let totals = report.totals;
    assert_eq!(totals.due, 3_000);
    assert!(totals.indeterminate > 0 && totals.acked > 400, "{totals:?}");
    assert_eq!(report.outages.len(), 1, "{:?}", report.outages);
    assert!(!report.outages[0].open, "{:?}", report.outages);
    assert!(report.outages[0].operations > 0);
    // Every acknowledged record is there; of the unknown ones some may be.
    let stored = broker.stored("events").len() as u64;
    assert!((totals.acked..=totals.acked + totals.indeterminate).contains(&stored), "{stored}");
}

fn a_broker_that_hangs_is_waited_for_no_longer_than_allowed(broker: &Broker) {
    let kafka = Kafka { queue: 100, ..kafka(broker) };
    let job = Job { timeout: SECOND, grace: SECOND, ..job(kafka, 1_000.0, SECOND * 3) };
    let began = Instant::now();
    let running = start(job);
    until_acked(&running, 200);
    broker.hang();
    let report = complete(running.wait().unwrap());
    assert_eq!(report.totals.due, 3_000);
    let totals = report.totals;
    assert!(totals.indeterminate > 0, "{totals:?}");
    // No more were under way than the queues hold, each for a timeout.
    assert!(totals.indeterminate <= 6 * 200, "{totals:?}");
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn the_mock_is_written_and_read_back() {
    records_are_written_and_read_back(&Broker::mock());
}

#[test]
#[ignore = "scripts/test-kafka installs a broker and runs this"]
fn a_real_broker_is_written_and_read_back() {
    records_are_written_and_read_back(&Broker::real());
}

#[test]
fn the_mock_dies_and_comes_back() {
    a_broker_that_dies_and_comes_back_is_an_outage_and_nothing_is_lost(Broker::mock());
}

#[test]
#[ignore = "scripts/test-kafka installs a broker and runs this"]
fn a_real_broker_dies_and_comes_back() {
    a_broker_that_dies_and_comes_back_is_an_outage_and_nothing_is_lost(Broker::real());
}

#[test]
fn the_mock_hangs() {
    a_broker_that_hangs_is_waited_for_no_longer_than_allowed(&Broker::mock());
}

#[test]
#[ignore = "scripts/test-kafka installs a broker and runs this"]
fn a_real_broker_hangs() {
    a_broker_that_hangs_is_waited_for_no_longer_than_allowed(&Broker::real());
}

#[test]
fn what_is_too_large_has_failed() {
    let broker = Broker::mock();
    let settings = vec![("message.max.bytes".to_owned(), "1000".to_owned())];
    let kafka = Kafka { settings, body: "@{rand:2000}".into(), ..kafka(&broker) };
    let report = complete(start(job(kafka, 50.0, SECOND)).wait().unwrap());
    assert_eq!(report.totals.failed, 50, "{:?}", report.errors);
    assert!(report.errors[0].0.contains("too large"), "{:?}", report.errors);
}

#[test]
fn a_broker_that_is_not_there_is_said_before_the_load() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    drop(taken);
    let kafka = Kafka { brokers: address, ..kafka(&Broker::mock()) };
    let error = job(kafka, 50.0, SECOND).ready().unwrap_err().to_string();
    assert!(error.contains("no broker answers"), "{error}");
}

/// What the brokers say of the topic ends the run before the load.
fn refused_for(error: RDKafkaRespErr) -> String {
    let broker = Broker::mock();
    let Broker::Mock(cluster) = &broker else { unreachable!() };
    cluster.topic_error("events", error).unwrap();
    let error = job(kafka(&broker), 50.0, SECOND).ready().unwrap_err();
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    error.to_string()
}

#[test]
fn a_topic_that_is_not_there_or_not_ours_ends_the_run_before_the_load() {
    let said = refused_for(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert!(said.contains("topic events") && said.contains("--partitions"), "{said}");
    let said = refused_for(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert!(said.contains("topic events") && said.contains("Topic authorization"), "{said}");
}

#[test]
fn a_right_that_is_missing_ends_the_run_at_once() {
    let broker = Broker::mock();
    let Broker::Mock(cluster) = &broker else { unreachable!() };
    let denials = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 100];
    cluster.request_errors(RDKafkaApiKey::Produce, &denials);
    let error = start(job(kafka(&broker), 50.0, SECOND * 3_600)).wait().unwrap_err();
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    assert!(error.to_string().contains("a record"), "{error}");
}

/// A broker that knows nobody by this password, as far as the protocol goes
/// before a client is let in; the mock knows no SASL.
fn doorkeeper() -> Server {
    Server::start(|talk: &mut Talk| {
        while let Some(length) = talk.read_bytes(4) {
            let length = u32::from_be_bytes(length.try_into().unwrap());
            let Some(request) = talk.read_bytes(length as usize) else { return };
            let number = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
            let mut answer = request[4..8].to_vec();
            let mut put = |number: i16| answer.extend(number.to_be_bytes());
            match (number(0), number(2)) {
                // The versions of requests that it knows, itself in the first only.
                (18, 1..) => [35, 0, 0].into_iter().for_each(put),
                (18, _) => {
                    [0, 0, 4, 3, 0, 4, 17, 0, 1, 18, 0, 0, 36, 0, 1].into_iter().for_each(put);
                }
                // The mechanisms.
                (17, _) => {
                    [0, 0, 1, 5].into_iter().for_each(&mut put);
                    answer.extend(b"PLAIN");
                }
                (36, _) => {
                    [58, 14].into_iter().for_each(&mut put);
                    answer.extend(b"wrong password\0\0\0\0");
                }
                _ => return,
            }
            let length = (answer.len() as u32).to_be_bytes();
            if !talk.write_bytes(&[&length[..], &answer].concat()) {
                return;
            }
        }
    })
}

#[test]
fn a_wrong_password_ends_the_run_before_the_load() {
    let server = doorkeeper();
    let sasl = Sasl {
        mechanism: "PLAIN".to_owned(),
        user: "joe".to_owned(),
        password: "s3cret".to_owned(),
    };
    let kafka = Kafka {
        brokers: server.address.to_string(),
        security: Security { tls: None, sasl: Some(sasl) },
        ..kafka(&Broker::mock())
    };
    let error = job(kafka, 50.0, SECOND).ready().unwrap_err();
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("wrong password") && !said.contains("s3cret"), "{said}");
    assert!(server.connections() < 20, "{}", server.connections());
}

#[test]
fn settings_that_librdkafka_does_not_know_are_refused() {
    let broker = Broker::mock();
    let kafka = |name: &str, value: &str| Kafka {
        settings: vec![(name.to_owned(), value.to_owned())],
        ..kafka(&broker)
    };
    for (name, value) in [("no.such.setting", "1"), ("acks", "many"), ("linger.ms", "-7")] {
        let error = job(kafka(name, value), 50.0, SECOND).ready().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

/// A broker that is reached through TLS only, by a proxy in front of it: tansu's
/// own takes no certificate together with its key.
#[cfg(feature = "kafka-tls")]
mod secure {
    use std::path::PathBuf;
    use std::sync::Arc;

    use rustls::ServerConfig;
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::copy_bidirectional;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// The broker, and the authority that vouches for it.
    fn broker() -> (Broker, PathBuf) {
        for _ in 0..20 {
            let plain = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let status = Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
                .args(["-nodes", "-days", "1", "-subj", "/CN=test", "-keyout", "key.pem"])
                .args(["-addext", "subjectAltName=IP:127.0.0.1", "-out", "cert.pem"])
                .current_dir(folder.path())
                .stderr(Stdio::null())
                .status();
            assert!(status.unwrap().success());
            let port = proxy(&folder, plain);
            let mut child = spawn(plain, port, &folder);
            if comes_up(&mut child, plain) {
                let authority = folder.path().join("cert.pem");
                return (Broker::Real { port, folder, child }, authority);
            }
        }
        panic!("the broker does not start");
    }

    /// Passes on what comes through TLS to a port; gives its own. It ends with
    /// the test's process.
    fn proxy(folder: &TempDir, to: u16) -> u16 {
        let certificate = CertificateDer::from_pem_file(folder.path().join("cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        // Who does not trust us goes away.
                        let Ok(mut outer) = acceptor.accept(stream).await else { return };
                        let inner = tokio::net::TcpStream::connect(("127.0.0.1", to)).await;
                        let Ok(mut inner) = inner else { return };
                        let _ = copy_bidirectional(&mut outer, &mut inner).await;
                    });
                }
            });
        });
        port
    }

    #[test]
    #[ignore = "scripts/test-kafka installs a broker and runs this"]
    fn a_real_broker_is_reached_through_tls_by_those_who_trust_it() {
        let (broker, authority) = broker();
        let through = |ca| {
            let tls = loadgen::Tls { ca, ..loadgen::Tls::default() };
            Kafka { security: Security { tls: Some(tls), sasl: None }, ..kafka(&broker) }
        };
        let report = complete(start(job(through(Some(authority)), 200.0, SECOND)).wait().unwrap());
        assert_eq!(report.totals.acked, 200, "{:?}", report.errors);
        let error = job(through(None), 200.0, SECOND).ready().unwrap_err();
        assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    }
}
