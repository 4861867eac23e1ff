//! The systems that the tools are tried on: correct, and with planted bugs.

mod diary;
pub mod ingest;
pub mod publisher;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::{
    Lab, LabError, Need, Patience, Postgres, PostgresOptions, Proxy, ProxyOptions, RabbitMq,
    RabbitMqOptions, Redis, RedisOptions,
};
use ingest::{Ingest, IngestOptions};
use publisher::{Publisher, PublisherOptions};

/// A reference system. A new one is a file and an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum System {
    /// A service that answers HTTP requests by publishing to RabbitMQ.
    Publisher,
    /// Messages over HTTP into Redis Streams, and by workers into PostgreSQL.
    Ingest,
}

/// A variant of a system: the correct one, or one with a planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariantInfo {
    /// As `--variant` takes it.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

/// How a system is to be.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// The variant of the part under test; `correct` by default.
    pub variant: String,
    /// Processes of each part; of the ingest, its workers.
    pub replicas: u16,
    /// The targets that the scenario names; a part that none of them needs is
    /// not started. `None` starts every part.
    pub targets: Option<BTreeSet<String>>,
    /// What is reached through a proxy.
    pub proxy: ProxyOptions,
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            variant: "correct".to_owned(),
            replicas: 2,
            targets: None,
            proxy: ProxyOptions::default(),
        }
    }
}

impl StartOptions {
    fn wants(&self, target: &str) -> bool {
        self.targets.as_ref().is_none_or(|targets| targets.contains(target))
    }
}

/// One process of a running system, as a pod is one of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its name among the lab's processes, and of its connections.
    pub name: String,
    /// The part that it belongs to: `service`, `stable`, `ingress`, `worker`.
    pub role: String,
    /// Its private address: the same routes as the shared one, and only it
    /// answers (`/health`, `/metrics`).
    pub url: String,
}

/// A system that answers. Its processes end with their [`Lab`]; keep this value
/// until then, because it holds the ports that restarted replicas come back to.
#[derive(Debug)]
pub struct Running {
    /// The address of each target.
    pub targets: BTreeMap<String, String>,
    /// Every replica of every part.
    pub replicas: Vec<Replica>,
    /// The broker under it, if it has one.
    pub broker: Option<RabbitMq>,
    /// What the brokers and stores under it are: `Redis 7.0.15`.
    pub versions: Vec<String>,
    _parts: Vec<Publisher>,
    _ingest: Option<Ingest>,
}

impl System {
    /// Every system there is.
    pub const ALL: [Self; 2] = [Self::Publisher, Self::Ingest];

    /// As a scenario names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Ingest => "ingest",
        }
    }

    /// What it is, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Publisher => "a service that answers HTTP requests by publishing to RabbitMQ",
            Self::Ingest => "messages over HTTP into Redis Streams, by workers into PostgreSQL",
        }
    }

    /// The system of that name.
    ///
    /// # Errors
    /// [`LabError::Unknown`], which lists those that exist.
    pub fn from_name(name: &str) -> Result<Self, LabError> {
        Self::ALL.into_iter().find(|system| system.name() == name).ok_or_else(|| {
            LabError::Unknown {
                kind: "reference system",
                given: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            }
        })
    }

    /// Its variants, the correct one first.
    pub fn variants(self) -> Vec<VariantInfo> {
        match self {
            Self::Publisher => publisher::Variant::ALL
                .into_iter()
                .map(|variant| VariantInfo { name: variant.name(), about: variant.about() })
                .collect(),
            Self::Ingest => ingest::Variant::ALL
                .into_iter()
                .map(|variant| VariantInfo { name: variant.name(), about: variant.about() })
                .collect(),
        }
    }

    /// The targets that it can give an address for.
    pub fn targets(self) -> &'static [&'static str] {
        match self {
            Self::Publisher => &["service", "stable", "rabbitmq", "management", "metrics", "proxy"],
            Self::Ingest => &["service", "redis", "database", "metrics", "proxy"],
        }
    }

    /// What must be installed.
    pub fn needs(self) -> &'static [Need] {
        match self {
            Self::Publisher => &[Need::RabbitMq],
            Self::Ingest => &[Need::Redis, Need::Postgres],
        }
    }

    /// Starts its brokers and its parts, and waits until all of them answer.
    ///
    /// # Errors
    /// [`LabError::Unknown`] for a variant that does not exist, before anything
    /// is started; else what starting the broker or a replica may answer.
    pub fn start(
        self,
        lab: &Lab,
        options: &StartOptions,
        patience: Patience<'_>,
    ) -> Result<Running, LabError> {
        match self {
            Self::Publisher => start_publisher(lab, options, patience),
            Self::Ingest => start_ingest(lab, options, patience),
        }
    }
}

fn start_publisher(
    lab: &Lab,
    options: &StartOptions,
    patience: Patience<'_>,
) -> Result<Running, LabError> {
    let variant = publisher::Variant::from_str(&options.variant)?;
    let broker = RabbitMq::start(lab, &RabbitMqOptions::default(), patience)?;
    let mut targets = BTreeMap::from([
        ("rabbitmq".to_owned(), broker.amqp_url.clone()),
        ("management".to_owned(), broker.management_url.clone()),
        ("metrics".to_owned(), broker.metrics_url.clone()),
    ]);
    let proxy = Proxy::start(lab, &options.proxy, &targets, patience)?;
    if !proxy.admin.is_empty() {
        targets.insert("proxy".to_owned(), proxy.admin.clone());
    }
    let mut parts = Vec::new();
    for (role, variant) in [("service", variant), ("stable", publisher::Variant::Correct)] {
        if !options.wants(role) {
            continue;
        }
        let part = PublisherOptions {
            variant,
            replicas: options.replicas,
            role: role.to_owned(),
            ..PublisherOptions::new(proxy.url("rabbitmq", &broker.amqp_url))
        };
        let part = Publisher::start(lab, &part, patience)?;
        targets.insert(role.to_owned(), part.url.clone());
        parts.push(part);
    }
    let replicas = parts.iter().flat_map(|part| part.replicas.clone()).collect();
    let versions = vec![format!("RabbitMQ {}", broker.version)];
    let broker = Some(broker);
    Ok(Running { targets, replicas, broker, versions, _parts: parts, _ingest: None })
}

/// Only the ingress reaches Redis through the proxy: what is broken there is
/// the network between the two, and not the workers'.
fn start_ingest(
    lab: &Lab,
    options: &StartOptions,
    patience: Patience<'_>,
) -> Result<Running, LabError> {
    let variant = ingest::Variant::from_str(&options.variant)?;
    let redis = Redis::start(lab, &RedisOptions::default(), patience)?;
    let database = Postgres::start(lab, &PostgresOptions::default(), patience)?;
    let mut targets = BTreeMap::from([
        ("redis".to_owned(), redis.url.clone()),
        ("database".to_owned(), database.url.clone()),
    ]);
    let proxy = Proxy::start(lab, &options.proxy, &targets, patience)?;
    if !proxy.admin.is_empty() {
        targets.insert("proxy".to_owned(), proxy.admin.clone());
    }
    let ingest = IngestOptions {
        ingress_redis_url: proxy.url("redis", &redis.url).to_owned(),
        variant,
        workers: options.replicas,
        ..IngestOptions::new(&redis.url, proxy.url("database", &database.url))
    };
    let ingest = Ingest::start(lab, &ingest, patience)?;
    targets.insert("service".to_owned(), ingest.url.clone());
    targets.insert("metrics".to_owned(), format!("{}/metrics", ingest.url));
    let versions =
        vec![format!("Redis {}", redis.version), format!("PostgreSQL {}", database.version)];
    let replicas = ingest.replicas.clone();
    let (_parts, _ingest) = (Vec::new(), Some(ingest));
    Ok(Running { targets, replicas, broker: None, versions, _parts, _ingest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_exist_is_answered_with_those_that_do() {
        let error = System::from_name("publishr").unwrap_err().to_string();
        assert!(error.contains("publishr") && error.contains("publisher"), "{error}");
        assert_eq!(System::from_name("publisher").unwrap(), System::Publisher);
        assert_eq!(System::Publisher.variants()[0].name, "correct");
    }
}
