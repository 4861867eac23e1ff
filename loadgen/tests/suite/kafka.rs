//! Kafka, on private brokers of Apache Kafka. A broker takes some seconds to start, so
//! that tests which leave it as it was share one.

mod broker;
mod secure;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use lab::KafkaOptions;
use loadgen::transport::kafka::{Partitions, Security};
use loadgen::{Fate, Job, Kafka, LoadError, Outage, Schedule, Shape, Transport};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use scenarios::units::Rate;

use crate::support::{PATIENCE, SECOND, complete, start, until, until_acked};
use broker::Broker;

fn kafka(address: &str, topic: &str) -> Kafka {
    Kafka {
        brokers: address.to_owned(),
        topic: topic.to_owned(),
        partitions: Some(Partitions { number: 3, replication: 1 }),
        key: Some("@{key}".to_owned()),
        partition: None,
        body: "@{id}".into(),
        headers: Vec::new(),
        queue: 1_000,
        group: format!("readers of {topic}"),
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

fn set(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_broker_is_written_and_read_back() {
    // What the broker itself refuses is more than what librdkafka does by default.
    let options = KafkaOptions {
        settings: [set("message.max.bytes", "20000")].into(),
        ..KafkaOptions::default()
    };
    let broker = Broker::with(&options);
    records_are_written_and_read_back(&broker);
    every_kind_of_compression_is_understood(&broker);
    readers_lose_nothing_when_another_comes_and_goes(&broker);
    what_is_too_large_has_failed(&broker);
    what_does_not_fit_at_once_keeps_its_order(&broker);
    a_topic_that_is_not_there_ends_the_run_before_the_load(&broker);
}

fn records_are_written_and_read_back(broker: &Broker) {
    let headers = vec![set("n", "@{seq}")];
    let kafka = Kafka { headers, ..kafka(&broker.kafka.address, "events") };
    let job = Job { consumers: 2, ..job(kafka, 1_000.0, SECOND) };
    let report = complete(start(job).wait().unwrap());
    assert_eq!((report.totals.due, report.totals.acked), (1_000, 1_000), "{:?}", report.errors);
    let received = report.received.unwrap();
    assert_eq!((received.seen.len(), received.foreign), (1_000, 0), "{:?}", received.errors);
    let stored = broker.stored("events");
    assert_eq!(stored.len(), 1_000);
    assert!(stored.contains_key("test/kafka/999"));
}

fn every_kind_of_compression_is_understood(broker: &Broker) {
    // The numbers are Kafka's: the lowest bits of a batch's attributes, which are the
    // bytes 21 and 22 of what is on the disk.
    for (kind, number) in [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)] {
        let kafka = Kafka {
            settings: vec![set("compression.type", kind), set("linger.ms", "50")],
            partitions: Some(Partitions { number: 1, replication: 1 }),
            ..kafka(&broker.kafka.address, kind)
        };
        let report = complete(start(job(kafka, 500.0, SECOND / 2)).wait().unwrap());
        assert_eq!(report.totals.acked, 250, "{kind}: {:?}", report.errors);
        assert_eq!(broker.stored(kind).len(), 250, "{kind}");
        assert_eq!(broker.segment(kind)[22] & 7, number, "{kind}");
    }
}

/// A consumer of somebody else takes partitions over, commits nothing and goes.
fn readers_lose_nothing_when_another_comes_and_goes(broker: &Broker) {
    let address = &broker.kafka.address;
    let kafka = kafka(address, "shared");
    let group = kafka.group.clone();
    let job = Job { consumers: 2, ..job(kafka, 300.0, SECOND * 300) };
    let running = start(job);
    until_acked(&running, 300);
    let other: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    other.subscribe(&["shared"]).unwrap();
    let end = Instant::now() + PATIENCE;
    let mut taken = 0;
    while taken < 50 {
        assert!(Instant::now() < end, "the other consumer is given no partition");
        taken += u64::from(other.poll(Duration::from_millis(20)).is_some_and(|r| r.is_ok()));
    }
    drop(other);
    let acked = running.progress().acked;
    until_acked(&running, acked + 300);
    running.stop();
    let report = complete(running.wait().unwrap());
    let received = report.received.unwrap();
    assert_eq!(received.seen.len(), report.totals.acked, "{:?}", received.errors);
}

fn what_is_too_large_has_failed(broker: &Broker) {
    // By the broker's limit, and by the client's own.
    for settings in [vec![], vec![set("message.max.bytes", "1000")]] {
        let body = "@{rand:30000}".into();
        let kafka = Kafka { settings, body, ..kafka(&broker.kafka.address, "large") };
        let report = complete(start(job(kafka, 50.0, SECOND)).wait().unwrap());
        assert_eq!(report.totals.failed, 50, "{:?}", report.errors);
        assert!(report.errors[0].0.contains("too large"), "{:?}", report.errors);
    }
}

/// A backlog of small records and of some that are too large, in a queue that takes a few
/// at a time: what is handed over together is taken in part.
fn what_does_not_fit_at_once_keeps_its_order(broker: &Broker) {
    let settings = [
        ("queue.buffering.max.kbytes", "16"),
        ("message.max.bytes", "1000"),
        ("enable.idempotence", "true"),
    ];
    let kafka = Kafka {
        settings: settings.map(|(name, value)| set(name, value)).into(),
        partitions: Some(Partitions { number: 1, replication: 1 }),
        body: "@{seq} @{pad}".into(),
        ..kafka(&broker.kafka.address, "crowded")
    };
    let shape = Shape { size: Some("50-1200".parse().unwrap()), ..Shape::default() };
    let job = Job { connections: 1, shape, ..job(kafka, 20_000.0, SECOND / 5) };
    let report = complete(start(job).wait().unwrap());
    let totals = report.totals;
    assert_eq!(totals.acked + totals.failed, 4_000, "{:?}", report.errors);
    assert!(totals.acked > 1_000 && totals.failed > 100, "{totals:?}");
    assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
    let values = broker.values("crowded");
    let stored = values.iter().map(|value| value.split(' ').next().unwrap().parse().unwrap());
    let stored: Vec<u64> = stored.collect();
    let acked: Vec<u64> = report.ledger.of(Fate::Acked).iter().collect();
    assert!(stored == acked, "{stored:?} of {acked:?}");
}

fn a_topic_that_is_not_there_ends_the_run_before_the_load(broker: &Broker) {
    let kafka = Kafka { partitions: None, ..kafka(&broker.kafka.address, "nowhere") };
    let error = job(kafka, 50.0, SECOND).ready().unwrap_err();
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("topic nowhere") && said.contains("--partitions"), "{said}");
}

/// Two loads meet the same crash: one whose records are given up meanwhile, and one that
/// waits for the broker.
#[test]
fn a_broker_that_dies_and_comes_back_is_an_outage_and_nothing_is_lost() {
    let broker = Broker::new();
    let timeout = SECOND * 5;
    let impatient = kafka(&broker.kafka.address, "impatient");
    let impatient = start(Job { timeout, ..job(impatient, 300.0, SECOND * 300) });
    let patient = start(once(&broker));
    until_acked(&impatient, 200);
    until_acked(&patient, 50);
    broker.crash();
    let due = impatient.progress().due;
    // Long enough for operations to be given up.
    until(&impatient, |progress| progress.due >= due + 2_100);
    broker.come_back();
    for running in [&impatient, &patient] {
        let acked = running.progress().acked;
        until_acked(running, acked + 300);
        running.stop();
    }
    let report = complete(impatient.wait().unwrap());
    let totals = report.totals;
    assert!(totals.indeterminate > 0, "{totals:?}");
    // What had waited for long may be given up just after the first record that came
    // through, which looks like an outage of its own; no later than it may wait.
    let outages = &report.outages;
    assert!(!outages.is_empty() && outages.iter().all(|outage| !outage.open), "{outages:?}");
    assert!(outages.iter().all(|outage| outage.operations > 0), "{outages:?}");
    let is_one = |pair: &[Outage]| pair[1].from - pair[0].to < timeout;
    assert!(outages.windows(2).all(is_one), "{outages:?}");
    // Every acknowledged record is there; of the unknown ones some may be.
    let stored = broker.stored("impatient");
    let (count, most) = (stored.len() as u64, totals.acked + totals.indeterminate);
    assert!((totals.acked..=most).contains(&count), "{count} of {totals:?}");

    let totals = complete(patient.wait().unwrap()).totals;
    assert_eq!(totals.acked, totals.due, "{totals:?}");
    let stored = broker.stored("once");
    assert_eq!(stored.len() as u64, totals.acked);
    let twice: Vec<_> = stored.iter().filter(|&(_, &times)| times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// A load whose records are there exactly once, whatever is sent again. That takes more
/// than idempotence: once a record is given up, or the broker has seen one without the one
/// before it, librdkafka goes on in another epoch, in which the broker cannot tell what it
/// has already. So none is given up, and one request is under way at a time.
fn once(broker: &Broker) -> Job {
    let one = set("max.in.flight.requests.per.connection", "1");
    let settings = vec![set("enable.idempotence", "true"), one];
    let kafka = Kafka { settings, queue: 10_000, ..kafka(&broker.kafka.address, "once") };
    Job { timeout: PATIENCE * 5, grace: PATIENCE * 5, ..job(kafka, 50.0, SECOND * 300) }
}

#[test]
fn a_broker_that_hangs_is_waited_for_no_longer_than_allowed() {
    let broker = Broker::new();
    let kafka = Kafka { queue: 100, ..kafka(&broker.kafka.address, "events") };
    let job = Job { timeout: SECOND, grace: SECOND, ..job(kafka, 1_000.0, SECOND * 5) };
    let began = Instant::now();
    let running = start(job);
    until_acked(&running, 200);
    broker.hang();
    let report = complete(running.wait().unwrap());
    let totals = report.totals;
    assert_eq!(totals.due, 5_000);
    assert!(totals.indeterminate > 0, "{totals:?}");
    // No more were under way than the queues hold, each for a timeout.
    assert!(totals.indeterminate <= 8 * 200, "{totals:?}");
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn a_broker_that_is_not_there_is_said_before_the_load() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    drop(taken);
    let error = job(kafka(&address, "events"), 50.0, SECOND).ready().unwrap_err().to_string();
    assert!(error.contains("no broker answers"), "{error}");
}

#[test]
fn settings_that_librdkafka_does_not_know_are_refused() {
    let kafka =
        |name, value| Kafka { settings: vec![set(name, value)], ..kafka("127.0.0.1:1", "events") };
    for (name, value) in [("no.such.setting", "1"), ("acks", "many"), ("linger.ms", "-7")] {
        let error = job(kafka(name, value), 50.0, SECOND).ready().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
