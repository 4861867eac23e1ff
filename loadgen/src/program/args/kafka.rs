//! `loadgen kafka`.

use anyhow::bail;
use clap::ValueEnum;
use loadgen::transport::kafka::{Partitions, Sasl, Security};
use loadgen::{Kafka, Transport};
use scenarios::units::Span;

use super::content::BodyArgs;
use super::load::{Carries, LoadArgs};
use super::tls::TlsArgs;
use super::{Asked, EXAMPLES, pairs};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct KafkaArgs {
    /// Brokers to begin with, HOST:PORT with commas between them
    #[arg(env = "LOADGEN_KAFKA_BROKERS")]
    brokers: String,
    /// The topic
    #[arg(long)]
    topic: String,
    /// Make the topic with so many partitions if it is not there
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    partitions: Option<u32>,
    /// Copies of each partition
    #[arg(long, default_value_t = 1, requires = "partitions")]
    replication: u32,
    /// The key of each record, such as @{key} [default: none]
    #[arg(id = "record-key", long, value_name = "TEXT")]
    key: Option<String>,
    /// Write to this partition only
    #[arg(long)]
    partition: Option<i32>,
    #[command(flatten)]
    body: BodyArgs,
    /// A header, as name=template; may be repeated
    #[arg(long = "header", value_name = "NAME=TEXT")]
    headers: Vec<String>,
    /// Whose answer acknowledges a record
    #[arg(long, value_enum, default_value_t)]
    acks: Acks,
    /// Let the broker leave out what librdkafka sends again, unless a record timed out
    #[arg(long)]
    idempotence: bool,
    /// How long a record waits for others to travel with
    #[arg(long, default_value = "5ms")]
    linger: Span,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, default_value = "none")]
    compression: String,
    /// Records that a producer holds without an answer
    #[arg(long, default_value_t = 100_000)]
    queue: u32,
    /// A setting of librdkafka; may be repeated
    #[arg(short = 'X', value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
    #[arg(long, value_name = "MECHANISM", requires_all = ["user", "password"])]
    sasl: Option<String>,
    /// The user's name
    #[arg(long, requires = "sasl")]
    user: Option<String>,
    /// The user's password; better given in the environment
    #[arg(long, env = "LOADGEN_KAFKA_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Consumers that read everything meanwhile
    #[arg(long, default_value_t = 0)]
    consumers: u32,
    /// Their group
    #[arg(long, default_value = "loadgen")]
    group: String,
    /// Come through TLS
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    certificates: TlsArgs,
    #[command(flatten)]
    load: LoadArgs,
}

/// Whose answer acknowledges a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Acks {
    /// All replicas that are in sync
    #[default]
    All,
    /// The leader's
    #[value(name = "1")]
    Leader,
    /// Nobody's: sent is acknowledged
    #[value(name = "0")]
    Nobody,
}

impl KafkaArgs {
    pub(super) fn read(self) -> anyhow::Result<Asked> {
        if self.idempotence && self.acks != Acks::All {
            bail!("--idempotence needs --acks all");
        }
        let acks = match self.acks {
            Acks::All => "all",
            Acks::Leader => "1",
            Acks::Nobody => "0",
        };
        let linger = (self.linger.0.as_secs_f64() * 1e3).to_string();
        let mut settings = vec![
            ("acks".to_owned(), acks.to_owned()),
            ("enable.idempotence".to_owned(), self.idempotence.to_string()),
            ("linger.ms".to_owned(), linger),
            ("compression.type".to_owned(), self.compression),
        ];
        settings.extend(pairs(&self.settings)?);
        let tls = self.certificates.read();
        let kafka = Kafka {
            brokers: self.brokers,
            topic: self.topic.clone(),
            partitions: self
                .partitions
                .map(|number| Partitions { number, replication: self.replication }),
            key: self.key,
            partition: self.partition,
            body: self.body.of_message(self.load.is_sized())?,
            headers: pairs(&self.headers)?,
            queue: self.queue,
            group: self.group,
            settings,
            security: Security {
                tls: self.tls.then_some(tls),
                sasl: self
                    .sasl
                    .zip(self.user)
                    .zip(self.password)
                    .map(|((mechanism, user), password)| Sasl { mechanism, user, password }),
            },
        };
        let shown = format!("kafka topic {}", self.topic);
        let asked = self.load.read("kafka", shown, Carries::Many, Transport::Kafka(kafka))?;
        Ok(asked.with_consumers(self.consumers))
    }
}
