//! Probes: what is watched during the whole run, and the series that each kind
//! of probe gives.

pub mod exporter;
mod kafka;
pub mod matchers;
mod metric;
mod series;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::ask::Ask;
use crate::program::Program;
use crate::series::SeriesInfo;
use crate::template::Template;
use crate::units::{Span, Unit};

pub use kafka::{Isolation, Kafka, Uncommitted};
pub use metric::{Metric, MetricRead, Scraped, is_bound};
pub(crate) use series::KINDS;

use series::{
    HEALTH, LOGS, PODS, PROCESS, RABBITMQ, RABBITMQ_QUEUES, REDIS_KEYS, REDIS_STREAMS, RESETS,
    gauge, is_paced,
};

/// A probe that samples series named `<probe>.<series>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The first part of its series' names.
    pub name: String,
    /// The time between two samples.
    pub every: Span,
    /// What is sampled.
    pub kind: ProbeKind,
}

/// What a probe samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ProbeKind {
    /// A RabbitMQ node. Totals come from the Prometheus endpoint where its
    /// address is known and are exact then, otherwise from the management API.
    Rabbitmq {
        /// The Prometheus endpoint, ending in `/metrics`.
        metrics: Option<Template>,
        /// The management API: names of connections, and everything where no
        /// Prometheus endpoint is known.
        management: Option<Template>,
    },
    /// The processes of a role.
    Process {
        /// The role.
        role: String,
    },
    /// Pods of a Kubernetes cluster.
    Pods {
        /// The kubeconfig's context; empty for the current one, or the cluster
        /// that the tool runs in.
        context: String,
        /// The namespace.
        namespace: String,
        /// A label selector: `app=worker`.
        labels: String,
    },
    /// A health endpoint.
    Health {
        /// Answers 200 when healthy.
        url: Template,
    },
    /// Log lines, counted where they contain a text.
    Logs {
        /// The role in the lab whose output is read, unless a file is given.
        role: Option<String>,
        /// A file that is followed from its end at the start of the run.
        file: Option<Template>,
        /// The texts of which one makes a line count; case matters. Without
        /// any, every line counts that `json` lets through.
        containing: Vec<String>,
        /// The fields that a line, read as JSON, must have, with their values.
        #[serde(default)]
        json: BTreeMap<String, String>,
    },
    /// Redis streams, and what a consumer group has not done yet.
    RedisStreams {
        /// The server.
        url: Template,
        /// The streams.
        streams: Vec<String>,
        /// The consumer group, unless only the streams themselves matter.
        group: Option<String>,
    },
    /// The answer of a database to a query.
    Sql {
        /// `postgres://user:password@host/database`.
        url: Template,
        /// Gives one number, or rows of a label and a number.
        query: String,
        /// How long the query may take.
        timeout: Span,
        /// Whether the number only rises.
        counter: bool,
        /// What the number is measured in.
        unit: Unit,
        /// Whether the number counts what waits to be done.
        #[serde(default)]
        waits: bool,
    },
    /// Endpoints in the text format of Prometheus, each of one process.
    Prometheus {
        /// The endpoints.
        urls: Vec<Template>,
        /// What is read from them, by the last part of the series' name.
        metrics: BTreeMap<String, Metric>,
    },
    /// The answer of a Prometheus server to a query.
    Promql {
        /// The server.
        url: Template,
        /// The query, which gives a number or an instant vector.
        query: String,
        /// Whether the number only rises.
        counter: bool,
        /// What the number is measured in.
        unit: Unit,
        /// Whether the number counts what waits to be done.
        #[serde(default)]
        waits: bool,
        /// Set where the query is a selector of counters, which are read as they were
        /// scraped.
        #[serde(default)]
        scraped: Option<Scraped>,
    },
    /// Queues of RabbitMQ, and who consumes them.
    RabbitmqQueues {
        /// The management API.
        management: Template,
        /// The virtual host.
        vhost: String,
        /// The queues.
        queues: Vec<String>,
    },
    /// What a MongoDB collection has: a number, or labelled numbers.
    Mongodb {
        /// `mongodb://user:password@host/database`.
        url: Template,
        /// The database, unless the address names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        database: Option<String>,
        /// The collection.
        collection: String,
        /// What is asked of it.
        ask: Ask,
        /// How long the answer may take.
        timeout: Span,
        /// Whether the number only rises.
        counter: bool,
        /// What the number is measured in.
        unit: Unit,
        /// Whether the number counts what waits to be done.
        #[serde(default)]
        waits: bool,
    },
    /// How many elements Redis keys have.
    RedisKeys {
        /// The server.
        url: Template,
        /// The keys.
        keys: Vec<String>,
    },
    /// Topics of Kafka, and how far consumer groups have come.
    Kafka(Kafka),
    /// What a program prints.
    Command {
        /// The program.
        run: Program,
        /// How long it may take.
        timeout: Span,
        /// The series that it prints.
        series: BTreeMap<String, Printed>,
    },
}

/// A series that a program prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Printed {
    /// What the values are measured in.
    pub unit: Unit,
    /// Whether they only rise.
    pub counter: bool,
    /// Whether they count what waits to be done.
    #[serde(default)]
    pub waits: bool,
}

impl ProbeKind {
    /// The words of all kinds.
    pub const WORDS: &'static [&'static str] = Self::VARIANTS;

    /// The role whose processes it looks at, if it looks at those of a role.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        // What [`Self::role_mut`] says of every kind.
        match self {
            Self::Process { role } => Some(role),
            Self::Logs { role, .. } => role.as_deref(),
            _ => None,
        }
    }

    /// The role whose processes it looks at, if it looks at those of a role.
    pub fn role_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Process { role } => Some(role),
            Self::Logs { role, .. } => role.as_mut(),
            Self::Rabbitmq { .. }
            | Self::Pods { .. }
            | Self::Health { .. }
            | Self::RedisStreams { .. }
            | Self::Sql { .. }
            | Self::Prometheus { .. }
            | Self::Promql { .. }
            | Self::RabbitmqQueues { .. }
            | Self::Mongodb { .. }
            | Self::RedisKeys { .. }
            | Self::Kafka(_)
            | Self::Command { .. } => None,
        }
    }

    /// The word by which the file names this kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Rabbitmq { .. } => "rabbitmq",
            Self::Process { .. } => "process",
            Self::Pods { .. } => "pods",
            Self::Health { .. } => "health",
            Self::Logs { .. } => "logs",
            Self::RedisStreams { .. } => "redis_streams",
            Self::Sql { .. } => "sql",
            Self::Prometheus { .. } => "prometheus",
            Self::Promql { .. } => "promql",
            Self::RabbitmqQueues { .. } => "rabbitmq_queues",
            Self::Mongodb { .. } => "mongodb",
            Self::RedisKeys { .. } => "redis_keys",
            Self::Kafka(_) => "kafka",
            Self::Command { .. } => "command",
        }
    }

    /// The series that a probe of this kind gives.
    #[must_use]
    pub fn series(&self) -> Vec<SeriesInfo> {
        match self {
            Self::Rabbitmq { .. } => RABBITMQ.to_vec(),
            Self::Process { .. } => PROCESS.to_vec(),
            Self::Pods { .. } => PODS.to_vec(),
            Self::Health { .. } => HEALTH.to_vec(),
            Self::Logs { .. } => LOGS.to_vec(),
            Self::RedisStreams { .. } => REDIS_STREAMS.to_vec(),
            Self::RabbitmqQueues { .. } => RABBITMQ_QUEUES.to_vec(),
            Self::Sql { counter, unit, waits, .. }
            | Self::Mongodb { counter, unit, waits, .. }
            | Self::Promql { counter, unit, waits, .. } => {
                let info = gauge("value", *unit, "the number that the query gives");
                let paced = info.paced || *waits || self.is_of_durations();
                vec![SeriesInfo { counter: *counter, paced, ..info }]
            }
            Self::Prometheus { metrics, .. } => {
                let series = |(name, metric): (&String, &Metric)| SeriesInfo {
                    name: Cow::Owned(name.clone()),
                    unit: metric.unit,
                    counter: metric.read.is_counter(),
                    paced: metric.waits
                        || is_paced(metric.unit)
                        || matches!(metric.read, MetricRead::Above { .. }),
                    about: "what the metric says",
                };
                metrics.iter().map(series).chain([RESETS]).collect()
            }
            Self::RedisKeys { .. } => REDIS_KEYS.to_vec(),
            Self::Kafka(kafka) => kafka.series(),
            Self::Command { series, .. } => {
                let info = |(name, printed): (&String, &Printed)| SeriesInfo {
                    name: Cow::Owned(name.clone()),
                    unit: printed.unit,
                    counter: printed.counter,
                    paced: printed.waits || is_paced(printed.unit),
                    about: "what the program prints",
                };
                series.iter().map(info).collect()
            }
        }
    }

    /// Whether it counts what a histogram, of durations as a rule, has above a bound.
    const fn is_of_durations(&self) -> bool {
        matches!(self, Self::Promql { scraped: Some(Scraped { above: Some(_), .. }), .. })
    }
}
