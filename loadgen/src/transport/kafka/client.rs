//! Settings, topics and the life of a producer.

use std::mem;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::{Metadata, MetadataBroker, MetadataTopic};
use rdkafka::producer::{BaseProducer, NoCustomPartitioner, Producer as _, ProducerContext};
use services::kafka::bootstrap;
use services::{Address, Service, Trouble};

use super::fate::{denied, steady};
use super::returns::Returns;
use super::session::{self, End};
use super::{Kafka, Partitions, Security, consumer};
use crate::backoff::Backoff;
use crate::error::LoadError;
use crate::lane::Lane;
use crate::limit::Limit;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::reach::{Reach, Unready};
use crate::reader::Reader;
use crate::shape::Shape;
use crate::transport::{body, template};

/// The most bytes that a producer holds, in KiB; librdkafka's own is 1 GiB.
const MOST_KIB: &str = "65536";

/// How long brokers are given to answer before the load.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a producer is given to learn of its topic before the first
/// operation.
const GREETING: Duration = Duration::from_secs(1);

pub(super) type Producer = BaseProducer<Inbox>;

/// Records that are ready to be filled in.
#[derive(Debug)]
pub(crate) struct Target {
    config: ClientConfig,
    /// The brokers that are given, for messages.
    pub(super) at: Address,
    /// How many brokers are given.
    given: u64,
    reach: Reach,
    /// How many brokers the cluster has, once it was asked.
    count: OnceLock<u64>,
    pub(super) topic: String,
    partitions: Option<Partitions>,
    pub(super) key: Option<Payload>,
    pub(super) partition: Option<i32>,
    pub(super) body: Payload,
    pub(super) headers: Vec<(String, Payload)>,
    pub(super) queue: usize,
    group: String,
}

impl Target {
    pub(in crate::transport) fn new(
        kafka: &Kafka,
        shape: &Shape,
        allowed: &[String],
    ) -> Result<Self, LoadError> {
        let setting = |what, value: &str, problem: &str| LoadError::Setting {
            what,
            value: value.to_owned(),
            problem: problem.to_owned(),
        };
        if kafka.queue == 0 {
            return Err(setting("queue", "0", "use at least 1"));
        }
        if kafka.topic.is_empty() {
            return Err(setting("topic", "", "give it a name"));
        }
        let headers = kafka.headers.iter().map(|(name, value)| {
            Ok::<_, LoadError>((name.clone(), template(&format!("header {name}"), value, shape)?))
        });
        let given = kafka.addresses()?;
        let hosts = given.iter().flat_map(|(_, at)| &at.hosts).map(|host| host.name.as_str());
        let target = Self {
            reach: Reach::new("a broker of the Kafka cluster", hosts.clone(), allowed),
            at: Service::Kafka.address(&kafka.brokers)?,
            given: hosts.clone().count() as u64,
            count: OnceLock::new(),
            config: config(kafka, &given),
            topic: kafka.topic.clone(),
            partitions: kafka.partitions,
            key: kafka.key.as_deref().map(|key| template("key", key, shape)).transpose()?,
            partition: kafka.partition,
            body: body(&kafka.body, shape)?,
            headers: headers.collect::<Result<_, _>>()?,
            queue: kafka.queue as usize,
            group: kafka.group.clone(),
        };
        // Settings that contradict each other are found only by making one.
        if let Err(error) = target.producer(Duration::from_secs(1)) {
            let problem = match &error {
                KafkaError::ClientConfig(_, problem, name, value) => {
                    format!("{problem} ({name}={value})")
                }
                KafkaError::ClientCreation(problem) => problem.clone(),
                other => other.to_string(),
            };
            return Err(setting("Kafka setting", &kafka.brokers, &problem));
        }
        Ok(target)
    }

    /// A producer whose records are given up after `timeout`.
    fn producer(&self, timeout: Duration) -> Result<Producer, KafkaError> {
        let mut config = self.config.clone();
        config.set("message.timeout.ms", timeout.as_millis().max(1).to_string());
        config.set("queue.buffering.max.messages", self.queue.to_string());
        config.create_with_context(Inbox::default())
    }

    pub(super) fn consumer_config(&self) -> ClientConfig {
        let mut config = self.config.clone();
        config.set("group.id", &self.group);
        config
    }
}

/// librdkafka's settings: ours, then those that the user gives.
fn config(kafka: &Kafka, given: &[(&str, Address)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "shakedown-loadgen");
    config.set("queue.buffering.max.kbytes", MOST_KIB);
    // So that a broker that is back is found soon.
    config.set("reconnect.backoff.ms", "50");
    config.set("reconnect.backoff.max.ms", "1000");
    config.set("auto.offset.reset", "earliest");
    let Security { tls, sasl } = &kafka.security;
    config.set(
        "security.protocol",
        match (tls, sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        },
    );
    if let Some(tls) = tls {
        let files = [
            ("ssl.ca.location", &tls.ca),
            ("ssl.certificate.location", &tls.cert),
            ("ssl.key.location", &tls.key),
        ];
        for (name, path) in files {
            if let Some(path) = path {
                config.set(name, path.to_string_lossy());
            }
        }
        if tls.insecure {
            config.set("enable.ssl.certificate.verification", "false");
        }
    }
    if let Some(sasl) = sasl {
        config.set("sasl.mechanism", &sasl.mechanism);
        config.set("sasl.username", &sasl.user);
        config.set("sasl.password", &sasl.password);
    }
    for (name, value) in &kafka.settings {
        config.set(name, value);
    }
    for (name, brokers) in given {
        config.set(*name, bootstrap(brokers));
    }
    config
}

/// Where a producer's deliveries and troubles come in.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    said: Mutex<Said>,
}

/// What librdkafka has said about its connections.
#[derive(Debug, Default)]
struct Said {
    /// What was last wrong.
    trouble: Option<String>,
    /// What kind of error it was.
    code: Option<RDKafkaErrorCode>,
}

impl Inbox {
    /// What was last said about the connections.
    pub(super) fn trouble(&self) -> Option<String> {
        self.said().trouble.clone()
    }

    /// Why the brokers at this address do not let us in, if that is what they said.
    pub(super) fn refusal(&self, at: &Address) -> Option<Trouble> {
        let said = self.said();
        denied(at, said.code?, "a connection", said.trouble.as_deref()?)
    }

    /// The connections work.
    pub(super) fn well(&self) {
        *self.said() = Said::default();
    }

    /// Something is wrong with a connection.
    pub(super) fn hear(&self, code: RDKafkaErrorCode, reason: &str) {
        *self.said() = Said { trouble: Some(steady(reason)), code: Some(code) };
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Inbox {
    // Where it matters it comes back with a record, too.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.hear(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail), reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Inbox {
    type DeliveryOpaque = usize;

    // A session reads what comes back by itself. What a producer gives back
    // when it is dropped has its fate already.
    fn delivery(&self, _: &DeliveryResult<'_>, _: usize) {}
}

/// Asks the brokers that are given for all of the cluster, and judges where they
/// say that they are.
pub(in crate::transport) async fn led(target: &Target) -> Result<(), Unready> {
    let producer = target.producer(PATIENCE).map_err(|error| error.to_string())?;
    let seen = ask(&producer, target, None)?;
    // Whoever was first has learnt the same.
    let _ = target.count.set(seen.brokers().len() as u64);
    target.reach.see(&target.at.shown(), seen.brokers().iter().map(MetadataBroker::host))
}

/// Asks for all topics or one. A client tells why it cannot get in only to whoever
/// looks meanwhile.
fn ask(producer: &Producer, target: &Target, topic: Option<&str>) -> Result<Metadata, Unready> {
    let end = Instant::now() + PATIENCE;
    let mut within = PATIENCE / 16;
    loop {
        let error = match producer.client().fetch_metadata(topic, within) {
            Ok(seen) => return Ok(seen),
            Err(error) => error,
        };
        // It hands over what was said, and there are no records.
        if let Some(returns) = Returns::new(producer) {
            returns.take(&mut Vec::new());
        }
        if let Some(trouble) = producer.context().refusal(&target.at) {
            return Err(Unready::Denied(trouble));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let code = error.rdkafka_error_code();
            let said = code.map_or_else(|| error.to_string(), |code| code.to_string());
            return Err(format!("no broker answers: {said}").into());
        }
        within = (within * 2).min(left);
    }
}

/// How many files a client has open: a connection to each broker that is given and
/// to each of the cluster, its bell, and a pipe for each of its threads.
pub(in crate::transport) fn files(target: &Target) -> u64 {
    let brokers = target.count.get().copied().unwrap_or(1);
    let given = target.given;
    3 * (brokers + given) + 4
}

/// Makes the topic if asked to; otherwise it is there, or the brokers make it when
/// they are asked for it.
pub(in crate::transport) async fn setup(target: &Target) -> Result<(), Unready> {
    if let Some(Partitions { number, replication }) = target.partitions {
        let copies = i32::try_from(replication).map_err(|_| "--replication is too large")?;
        let partitions = i32::try_from(number).map_err(|_| "--partitions is too large")?;
        let client: AdminClient<DefaultClientContext> =
            target.config.create().map_err(|error| error.to_string())?;
        let topic = NewTopic::new(&target.topic, partitions, TopicReplication::Fixed(copies));
        let made = client.create_topics([&topic], &AdminOptions::new()).await;
        for result in made.map_err(|error| error.to_string())? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => return Err(told(target, &name, code)),
            }
        }
        return Ok(());
    }
    let producer = target.producer(PATIENCE).map_err(|error| error.to_string())?;
    let end = Instant::now() + PATIENCE / 2;
    loop {
        let seen = ask(&producer, target, Some(&target.topic))?;
        let error = seen.topics().first().and_then(MetadataTopic::error);
        match error.map(RDKafkaErrorCode::from) {
            None | Some(RDKafkaErrorCode::LeaderNotAvailable) => return Ok(()),
            // One that is being made is not there for a moment.
            Some(code) if is_absent(code) && Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Some(code) => return Err(told(target, &target.topic, code)),
        }
    }
}

/// Whether it means that there is no such topic, at this moment or ever.
fn is_absent(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
}

/// What was said of a topic before the load, apart whether waiting mends it.
fn told(target: &Target, name: &str, code: RDKafkaErrorCode) -> Unready {
    let request = format!("a request for topic {name}");
    if is_absent(code) {
        let said = format!("{code}; make it, or have it made by --partitions");
        return Unready::Denied(target.at.answered(&request, &said));
    }
    let denied = denied(&target.at, code, &request, &code.to_string());
    denied.map_or_else(|| format!("topic {name}: {code}").into(), Unready::Denied)
}

/// Drives one producer until there are no more operations.
pub(in crate::transport) async fn drive(target: &Target, lane: &Lane) {
    let mut backoff = Backoff::default();
    let mut first = true;
    loop {
        let reason = match target.producer(lane.timeout()) {
            Ok(producer) => {
                if mem::take(&mut first) {
                    // Otherwise the first operation would pay for it. Whoever
                    // does not answer will be seen by that one.
                    let _ = producer.client().fetch_metadata(Some(&target.topic), GREETING);
                }
                let standing = lane.standing();
                let end = session::serve(&producer, target, lane).await;
                drop(standing);
                match end {
                    End::NoMore => return,
                    End::Useless(reason) => reason,
                }
            }
            Err(error) => reason(&error.to_string()),
        };
        // One operation sees it, so that it is in the report.
        let Some(op) = lane.next().await else { return };
        let now = lane.now();
        lane.refused(&reason);
        lane.settle(op, now, &Answer::Failed(reason));
        lane.pause(backoff.pause()).await;
    }
}

/// Why there is no producer, as librdkafka tells of it.
pub(super) fn reason(said: &str) -> Reason {
    Limit::told(said).map_or_else(|| Reason::Unreachable(said.to_owned()), Reason::Here)
}

/// Reads what the operations became.
pub(in crate::transport) async fn consume(target: &Target, reader: &Reader) {
    consumer::run(target, reader).await;
}
