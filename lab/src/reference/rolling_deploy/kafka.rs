//! The broker, as every process of the pipeline uses it: topics, groups, and records
//! that are written until they are there.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{ConsumerContext, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;

/// Events as they came in.
pub(crate) const EVENTS: &str = "events.raw";
/// Results of events.
pub(crate) const RESULTS: &str = "events.results";
/// Events that can never be processed.
pub(crate) const DEAD: &str = "events.dlq";
/// The group of the download-workers.
pub(crate) const WORKERS: &str = "xact-download-worker";
/// The group of the result-processors.
pub(crate) const PROCESSORS: &str = "xact-result-processor";

/// Of events and results.
const PARTITIONS: i32 = 12;
const DEAD_PARTITIONS: i32 = 3;
/// A record that is not there by then is unknown.
const DELIVERED_WITHIN: &str = "5000";

fn client(brokers: &str, name: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", name)
        .set("reconnect.backoff.max.ms", "1000")
        .set("log_level", "4");
    config
}

/// Makes the topics that are not there yet.
///
/// # Errors
/// Why not, in words; the same may work later.
pub(crate) async fn declare(brokers: &str, name: &str) -> Result<(), String> {
    let admin: AdminClient<DefaultClientContext> =
        client(brokers, name).create().map_err(|error| error.to_string())?;
    let partitions = [(EVENTS, PARTITIONS), (RESULTS, PARTITIONS), (DEAD, DEAD_PARTITIONS)];
    let topics = partitions
        .map(|(topic, partitions)| NewTopic::new(topic, partitions, TopicReplication::Fixed(1)));
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(5)));
    let made = admin.create_topics(&topics, &options).await.map_err(|error| error.to_string())?;
    for outcome in made {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(format!("topic {topic}: {code}")),
        }
    }
    Ok(())
}

/// A member of a group, which commits nothing by itself.
///
/// # Errors
/// Why not, in words.
pub(crate) fn consumer<C>(
    brokers: &str,
    name: &str,
    group: &str,
    context: C,
) -> Result<StreamConsumer<C>, String>
where
    C: ConsumerContext + 'static,
{
    let mut config = client(brokers, name);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "3000")
        .set("heartbeat.interval.ms", "500")
        // A few events at once: a request for each would be most of what the broker does.
        .set("fetch.min.bytes", "16384")
        .set("fetch.wait.max.ms", "100")
        .set("queued.max.messages.kbytes", "1024");
    StreamConsumer::from_config_and_context(&config, context).map_err(|error| error.to_string())
}

/// Writes records.
#[derive(Clone)]
pub(crate) struct Writer {
    producer: FutureProducer,
}

impl Writer {
    /// # Errors
    /// Why not, in words.
    pub(crate) fn new(brokers: &str, name: &str) -> Result<Self, String> {
        let producer = client(brokers, name)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .set("delivery.timeout.ms", DELIVERED_WITHIN)
            .set("request.timeout.ms", "4000")
            .create()
            .map_err(|error| error.to_string())?;
        Ok(Self { producer })
    }

    /// Writes a record and returns when every replica in sync has it.
    ///
    /// # Errors
    /// That of the client; the record may be there all the same unless
    /// [`is_definite`] says otherwise.
    pub(crate) async fn write(
        &self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        why: Option<&str>,
    ) -> Result<(), KafkaError> {
        let mut record = FutureRecord::to(topic).key(key).payload(payload);
        if let Some(why) = why {
            let header = Header { key: "x-error", value: Some(why) };
            record = record.headers(OwnedHeaders::new().insert(header));
        }
        let sent = self.producer.send(record, Duration::ZERO).await;
        sent.map(drop).map_err(|(error, _)| error)
    }
}

/// Whether a record that was not written is certainly not there.
pub(crate) fn is_definite(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(
            Code::QueueFull
                | Code::MessageSizeTooLarge
                | Code::InvalidMessageSize
                | Code::UnknownTopic
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
        )
    )
}
