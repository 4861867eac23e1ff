//! Private brokers of Apache Kafka, and what their topics hold.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::server::kafka::{JAVA, NEED, SERVER};
use lab::{Kafka, KafkaOptions, Lab, LabOptions, Patience, Server as _};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::PATIENCE;

/// A broker in a lab of its own, and everything of both gone when it is dropped.
pub(crate) struct Broker {
    pub(crate) kafka: Kafka,
    lab: Lab,
    _logs: TempDir,
}

impl Broker {
    pub(crate) fn new() -> Self {
        Self::with(&KafkaOptions::default())
    }

    pub(crate) fn with(options: &KafkaOptions) -> Self {
        let logs = tempfile::tempdir().unwrap();
        let lab = LabOptions { exe: keeper(), ..LabOptions::new(logs.path()) }.start().unwrap();
        let kafka = Kafka::start(&lab, options, patience()).unwrap();
        Self { kafka, lab, _logs: logs }
    }

    /// Ends as by a crash, and stays away.
    pub(crate) fn crash(&self) {
        self.lab.hold(SERVER, patience()).unwrap();
        self.signal(Signal::KILL);
    }

    /// Comes back after a crash, with its data.
    pub(crate) fn come_back(&self) {
        self.lab.let_go(SERVER).unwrap();
        self.kafka.wait_until_ready(&self.lab, patience()).unwrap();
    }

    /// Accepts and does not answer any more.
    pub(crate) fn hang(&self) {
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.lab.process(SERVER).unwrap().pid.unwrap();
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
    }

    /// How often each value is in a topic.
    pub(crate) fn stored(&self, topic: &str) -> HashMap<String, u64> {
        let mut values = HashMap::new();
        for value in self.values(topic) {
            *values.entry(value).or_default() += 1;
        }
        values
    }

    /// The values in a topic; those of each partition in their order.
    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.kafka.address)
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
        let mut values = Vec::new();
        let end = Instant::now() + PATIENCE;
        while left > 0 {
            assert!(Instant::now() < end, "{left} records cannot be read");
            if let Some(record) = consumer.poll(Duration::from_millis(100)) {
                let record = record.unwrap();
                values.push(String::from_utf8(record.payload().unwrap().to_vec()).unwrap());
                left -= 1;
            }
        }
        values
    }

    /// The first bytes of what the broker has on its disk of a topic's first partition.
    pub(crate) fn segment(&self, topic: &str) -> Vec<u8> {
        let data = self.lab.scratch().join(SERVER).join("data");
        std::fs::read(data.join(format!("{topic}-0/00000000000000000000.log"))).unwrap()
    }

    /// Has one of Kafka's own tools do something.
    pub(crate) fn tool(&self, class: &str, arguments: &[&str]) {
        let jars = format!("{}/*", NEED.find().unwrap().display());
        let output = Command::new(JAVA.find().unwrap())
            .args(["-XX:-UsePerfData", "-cp", &jars, class])
            .args(["--bootstrap-server", &self.kafka.address])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The example, which cargo builds with the tests.
fn keeper() -> PathBuf {
    let loadgen = PathBuf::from(env!("CARGO_BIN_EXE_loadgen"));
    let keeper = loadgen.with_file_name("examples").join("kafka_broker");
    assert!(keeper.exists(), "cargo build --package loadgen --examples makes {}", keeper.display());
    keeper
}

fn patience() -> Patience<'static> {
    Patience::new(Duration::from_secs(120))
}
