//! Kafka records through librdkafka, which batches, compresses and retries.
//!
//! The client can be left out of a build (the feature `kafka`, which is there by
//! default), because librdkafka is C that has to be compiled; without it these
//! settings can be written down, and using them is an error that says how to get it.
//!
//! A record is acknowledged as `acks` demands. librdkafka sends again what the
//! broker did not answer, so an error that comes back for a record tells only
//! of the last attempt: one before may have been written. A record has
//! therefore failed only where every attempt must have ended the same way, such
//! as one that is too large; all other errors leave it indeterminate.
//!
//! Idempotence has the broker leave out what is sent again, but not once a record
//! has timed out: librdkafka then goes on in another epoch of the producer, and
//! what it sends again is new to the broker, also of other records.

use std::collections::BTreeMap;

use scenarios::plan::workload as plan;
use scenarios::template::TemplateError;
use services::kafka::SETTINGS;
use services::{Address, AddressError, Service};

use crate::content::Content;
use crate::tls::Tls;

#[cfg(feature = "kafka")]
use client as backend;
#[cfg(not(feature = "kafka"))]
use without as backend;

pub(crate) use backend::Target;
pub(super) use backend::{consume, drive, files, led, setup};

#[cfg(feature = "kafka")]
mod batch;
#[cfg(feature = "kafka")]
mod bell;
#[cfg(feature = "kafka")]
mod client;
#[cfg(feature = "kafka")]
mod consumer;
#[cfg(feature = "kafka")]
mod fate;
#[cfg(feature = "kafka")]
mod returns;
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
    /// The value of each record.
    pub body: Content,
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
            body: planned.body.fill(targets)?.into(),
            headers: planned.headers.clone().into_iter().collect(),
            queue: 100_000,
            group: "loadgen".to_owned(),
            settings,
            security: Security::default(),
        })
    }
}

impl Kafka {
    /// The settings that name brokers, each address read whole.
    ///
    /// # Errors
    /// When one is not an address of brokers.
    fn addresses(&self) -> Result<Vec<(&str, Address)>, AddressError> {
        let others = self.settings.iter().filter(|(name, _)| SETTINGS.contains(&name.as_str()));
        let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
        std::iter::once((SETTINGS[0], self.brokers.as_str()))
            .chain(others)
            .map(|(name, text)| Ok((name, Service::Kafka.address(text)?)))
            .collect()
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

#[cfg(test)]
mod tests {
    use services::kafka::bootstrap;

    use super::*;

    fn kafka(brokers: &str, settings: &[(&str, &str)]) -> Kafka {
        let settings = settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Kafka {
            brokers: brokers.to_owned(),
            topic: "t".to_owned(),
            partitions: None,
            key: None,
            partition: None,
            body: Content::default(),
            headers: Vec::new(),
            queue: 1,
            group: "g".to_owned(),
            settings: settings.collect(),
            security: Security::default(),
        }
    }

    #[test]
    fn every_broker_is_read_or_refused() {
        let brokers =
            kafka("kafka://a,[::1]:9093", &[("acks", "all"), ("metadata.broker.list", "b:1,c:2")]);
        let read = brokers.addresses().unwrap();
        let hosts = read.iter().flat_map(|(_, at)| &at.hosts).map(|host| host.name.as_str());
        assert_eq!(hosts.collect::<Vec<_>>(), ["a", "::1", "b", "c"]);
        let read: Vec<_> = read.iter().map(|(name, at)| (*name, bootstrap(at))).collect();
        assert_eq!(read[0], ("bootstrap.servers", "a:9092,[::1]:9093".to_owned()));
        assert_eq!(read[1..], [("metadata.broker.list", "b:1,c:2".to_owned())]);
        for (bad, hint) in [
            ("a:9O92", "from 1 to 65535"),
            ("a:1,b:99999", "from 1 to 65535"),
            ("a:1,,b:2", "a host is missing"),
            ("::1", "brackets"),
            ("u:secret@a:1", "settings of the client"),
            ("a:1/x", "nothing must follow"),
        ] {
            for wrong in [kafka(bad, &[]), kafka("a:1", &[("bootstrap.servers", bad)])] {
                let error = wrong.addresses().unwrap_err().to_string();
                assert!(error.contains(hint) && !error.contains("secret"), "{error}");
                let shape = crate::shape::Shape::default();
                assert!(matches!(
                    Target::new(&wrong, &shape, &[]),
                    Err(crate::LoadError::Address(_))
                ));
            }
        }
    }
}
