//! Kafka records through librdkafka, which batches, compresses and retries.
//!
//! The client is a feature of the build, `kafka`, because librdkafka is C that
//! has to be compiled; without it these settings can be written down, and
//! using them is an error that says how to get it.
//!
//! A record is acknowledged as `acks` demands. librdkafka sends again what the
//! broker did not answer, so an error that comes back for a record tells only
//! of the last attempt: one before may have been written. A record has
//! therefore failed only where every attempt must have ended the same way, such
//! as one that is too large; all other errors leave it indeterminate.

use std::collections::BTreeMap;

use scenarios::plan::workload as plan;
use scenarios::template::TemplateError;

use crate::tls::Tls;

#[cfg(feature = "kafka")]
use client as backend;
#[cfg(not(feature = "kafka"))]
use without as backend;

pub(crate) use backend::Target;
pub(super) use backend::{consume, drive, led, setup};

#[cfg(feature = "kafka")]
mod bell;
#[cfg(feature = "kafka")]
mod client;
#[cfg(feature = "kafka")]
mod consumer;
#[cfg(feature = "kafka")]
mod fate;
#[cfg(feature = "kafka")]
mod session;
#[cfg(feature = "kafka")]
mod topic;
#[cfg(not(feature = "kafka"))]
mod without;

/// Records of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// Where to begin, `HOST:PORT`, several with commas between them.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// Make the topic with this many partitions if it is not there.
    pub partitions: Option<Partitions>,
    /// The key of each record, a payload template.
    pub key: Option<String>,
    /// Write to this partition only; by the key's hash otherwise.
    pub partition: Option<i32>,
    /// The value of each record, a payload template.
    pub body: String,
    /// Headers of each record, as payload templates.
    pub headers: Vec<(String, String)>,
    /// Records that a producer holds without an answer.
    pub queue: u32,
    /// The consumer group.
    pub group: String,
    /// librdkafka's settings, the later ones before the earlier.
    pub settings: Vec<(String, String)>,
    /// How to come to the brokers.
    pub security: Security,
}

impl Kafka {
    /// The records of a plan, its `${target.key}` replaced by the addresses.
    pub(super) fn from_plan(
        planned: &plan::Kafka,
        targets: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let acks = match planned.acks {
            plan::Acks::All => "all",
            plan::Acks::Leader => "1",
            plan::Acks::Nobody => "0",
        };
        let mut settings = vec![("acks".to_owned(), acks.to_owned())];
        settings.extend(planned.settings.clone());
        Ok(Self {
            brokers: planned.brokers.fill(targets)?,
            topic: planned.topic.fill(targets)?,
            partitions: planned.partitions.map(|number| Partitions { number, replication: 1 }),
            key: planned.key.clone(),
            partition: None,
            body: planned.body.fill(targets)?,
            headers: planned.headers.clone().into_iter().collect(),
            queue: 100_000,
            group: "loadgen".to_owned(),
            settings,
            security: Security::default(),
        })
    }
}

/// How a topic is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partitions {
    /// How many.
    pub number: u32,
    /// Copies of each.
    pub replication: u32,
}

/// How to come to the brokers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Security {
    /// Through TLS, with these certificates.
    pub tls: Option<Tls>,
    /// With a user's name.
    pub sasl: Option<Sasl>,
}

/// A user's name and how to prove it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Sasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sasl({} as {})", self.mechanism, self.user)
    }
}
