//! A private broker, who writes to it, and who works on what is there.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lab::server::kafka::SERVER;
use lab::{Kafka, KafkaOptions, Lab, Server as _};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{LIMIT, lab, patience};

/// A broker in a lab of its own, and everything of both gone when it is dropped.
pub(super) struct Broker {
    pub(super) address: String,
    kafka: Kafka,
    lab: Lab,
    _logs: TempDir,
}

impl Broker {
    pub(super) fn start() -> Self {
        let logs = tempfile::tempdir().unwrap();
        let lab = lab(logs.path());
        let kafka = Kafka::start(&lab, &KafkaOptions::default(), patience()).unwrap();
        Self { address: kafka.address.clone(), kafka, lab, _logs: logs }
    }

    /// Ends as by a crash, and stays away.
    pub(super) fn crash(&self) {
        self.lab.hold(SERVER, patience()).unwrap();
        self.signal(Signal::KILL);
    }

    /// Comes back on the same port, with its data.
    pub(super) fn come_back(&self) {
        self.lab.let_go(SERVER).unwrap();
        self.kafka.wait_until_ready(&self.lab, patience()).unwrap();
    }

    /// Accepts and does not answer any more.
    pub(super) fn hang(&self) {
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.lab.process(SERVER).unwrap().pid.unwrap();
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.address).create().unwrap()
    }

    /// Makes a topic and waits until it has its partitions.
    pub(super) async fn make(&self, topic: &str, partitions: i32) {
        self.make_with(topic, partitions, &[]).await;
    }

    pub(super) async fn make_with(&self, topic: &str, partitions: i32, set: &[(&str, &str)]) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let new = set.iter().fold(new, |new, (key, value)| new.set(key, value));
        let options = AdminOptions::new().operation_timeout(Some(LIMIT));
        let made = self.admin().create_topics([&new], &options).await.unwrap();
        made.into_iter().for_each(|one| drop(one.unwrap()));
    }

    /// Deletes what is before an offset.
    pub(super) async fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let options = AdminOptions::new().operation_timeout(Some(LIMIT));
        self.admin().delete_records(&list, &options).await.unwrap();
    }

    pub(super) fn topics(&self) -> Vec<String> {
        let client: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.address).create().unwrap();
        let seen = client.fetch_metadata(None, LIMIT).unwrap();
        seen.topics().iter().map(|topic| topic.name().to_owned()).collect()
    }

    pub(super) fn producer(&self) -> BaseProducer {
        ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .set("linger.ms", "5")
            .set("compression.type", "zstd")
            .set("queue.buffering.max.kbytes", "16384")
            .create()
            .unwrap()
    }

    /// Writes `r/w/N` of each number, and waits until the broker has them.
    pub(super) fn write(&self, topic: &str, partition: i32, numbers: Range<u64>) {
        let producer = self.producer();
        numbers.for_each(|number| send(&producer, topic, partition, number, &[]));
        producer.flush(LIMIT).unwrap();
    }

    /// The same with headers.
    pub(super) fn write_with(&self, topic: &str, number: u64, headers: &[(&str, &[u8])]) {
        let producer = self.producer();
        send(&producer, topic, 0, number, headers);
        producer.flush(LIMIT).unwrap();
    }

    /// The same in a transaction that stays open.
    pub(super) fn begin(&self, topic: &str, partition: i32, numbers: Range<u64>) -> Transaction {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .set("transactional.id", format!("{topic}-{}", numbers.start))
            .create()
            .unwrap();
        producer.init_transactions(LIMIT).unwrap();
        producer.begin_transaction().unwrap();
        numbers.for_each(|number| send(&producer, topic, partition, number, &[]));
        producer.flush(LIMIT).unwrap();
        Transaction(producer)
    }
}

/// Hands a record over, as soon as there is room for it.
pub(super) fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    number: u64,
    headers: &[(&str, &[u8])],
) {
    let (id, key) = (format!("r/w/{number}"), format!("user-{}", number % 7));
    let body = format!("{{\"id\":\"{id}\"}}");
    let own = headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
        all.insert(Header { key, value: Some(*value) })
    });
    let own = own.insert(Header { key: "id", value: Some(&id) });
    let mut record =
        BaseRecord::to(topic).partition(partition).key(&key).payload(&body).headers(own);
    while let Err((_, back)) = producer.send(record) {
        record = back;
        producer.poll(Duration::from_millis(20));
    }
}

/// Records of which nobody knows yet whether they are to be.
pub(super) struct Transaction(BaseProducer);

impl Transaction {
    pub(super) fn commit(self) {
        self.0.commit_transaction(LIMIT).unwrap();
    }

    pub(super) fn abort(self) {
        self.0.abort_transaction(LIMIT).unwrap();
    }
}

/// A member of a group that commits what it takes.
pub(super) struct Worker {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Of the partition that is given it commits nothing from an offset on.
    pub(super) fn start(
        address: &str,
        topic: &str,
        group: &str,
        client: &str,
        stuck: Option<(i32, i64)>,
    ) -> Self {
        let mut config = ClientConfig::new();
        config.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "500");
        Self::run(config, address, topic, [group, client], stuck)
    }

    /// One that speaks the other protocol of groups.
    pub(super) fn of_protocol(
        address: &str,
        topic: &str,
        group: &str,
        client: &str,
        protocol: &str,
    ) -> Self {
        let mut config = ClientConfig::new();
        config.set("group.protocol", protocol);
        Self::run(config, address, topic, [group, client], None)
    }

    fn run(
        mut config: ClientConfig,
        address: &str,
        topic: &str,
        [group, client]: [&str; 2],
        stuck: Option<(i32, i64)>,
    ) -> Self {
        let consumer: BaseConsumer = config
            .set("bootstrap.servers", address)
            .set("group.id", group)
            .set("client.id", client)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let Some(Ok(record)) = consumer.poll(Duration::from_millis(20)) else { continue };
                let is_stuck = stuck
                    .is_some_and(|(at, from)| record.partition() == at && record.offset() >= from);
                if !is_stuck {
                    // Meanwhile the partition may be another member's.
                    let _ = consumer.commit_message(&record, CommitMode::Sync);
                }
            }
        });
        Self { is_over, thread: Some(thread) }
    }

    /// Leaves the group.
    pub(super) fn stop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}
