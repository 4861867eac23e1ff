//! Probes: what is watched during the whole run, and the series that each kind
//! of probe gives.

pub mod exporter;
pub mod matchers;
mod metric;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::ask::Ask;
use crate::program::Program;
use crate::series::SeriesInfo;
use crate::template::Template;
use crate::units::{Span, Unit};

pub use metric::{Metric, MetricRead, Scraped, is_bound};

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

const fn gauge(name: &'static str, unit: Unit, about: &'static str) -> SeriesInfo {
    let paced = is_paced(unit);
    SeriesInfo { name: Cow::Borrowed(name), unit, counter: false, paced, about }
}

/// Whether what is measured in a unit depends on how fast everything goes.
const fn is_paced(unit: Unit) -> bool {
    matches!(unit, Unit::Seconds | Unit::PerSecond)
}

const fn counter(name: &'static str, about: &'static str) -> SeriesInfo {
    SeriesInfo { name: Cow::Borrowed(name), unit: Unit::Count, counter: true, paced: false, about }
}

/// Series of [`ProbeKind::Rabbitmq`].
const RABBITMQ: &[SeriesInfo] = &[
    gauge("channels", Unit::Count, "channels open on the node"),
    gauge("connections", Unit::Count, "connections open on the node"),
    gauge("channels_per_connection", Unit::Count, "mean, without the tool's own connections"),
    gauge("connection_channels", Unit::Count, "of one connection, labelled with its name"),
    gauge("client_connections", Unit::Count, "of one client, labelled with its name"),
    counter("channels_opened", "channels opened since the node started"),
    counter("channels_closed", "channels closed since the node started"),
    counter("connections_opened", "connections opened since the node started"),
    gauge("messages_ready", Unit::Count, "messages ready in all queues").paced(),
    gauge("messages_unacked", Unit::Count, "messages delivered and not yet acknowledged").paced(),
];

/// Series of [`ProbeKind::RabbitmqQueues`]: of each queue, labelled with its name, of
/// each consumer, labelled with the name that its client gave, and of all of them.
const RABBITMQ_QUEUES: &[SeriesInfo] = &[
    gauge("depth", Unit::Count, "messages of a queue, ready and unacked; 0 before it exists")
        .paced(),
    gauge("ready", Unit::Count, "messages of a queue that nobody was given").paced(),
    gauge("unacked", Unit::Count, "messages of a queue given to a consumer and not acknowledged")
        .paced(),
    gauge("consumers", Unit::Count, "consumers of a queue"),
    counter("published", "messages published to a queue, as old as the broker's statistics"),
    counter("delivered", "messages delivered from a queue, as old as the broker's statistics"),
    counter("redelivered", "of these, those that were not the first time"),
    counter(
        "acked",
        "messages of a queue that were acknowledged, as old as the broker's statistics",
    ),
    gauge(
        "consumer_unacked",
        Unit::Count,
        "unacked messages of a consumer (of its channel), as old as the broker's statistics",
    )
    .paced(),
    gauge("total_depth", Unit::Count, "messages of all queues").paced(),
    gauge("max_depth", Unit::Count, "messages of the queue that has most").paced(),
    gauge("total_consumers", Unit::Count, "consumers of all queues"),
    gauge(
        "max_consumer_unacked",
        Unit::Count,
        "unacked messages of the consumer that has most, as old as the broker's statistics",
    )
    .paced(),
];

/// Series of [`ProbeKind::Process`], labelled with the process's name.
const PROCESS: &[SeriesInfo] = &[
    counter(
        "restarts",
        "times that it was started again; of your own, times that another was seen in its place",
    ),
    counter(
        "crashes",
        "times that it ended otherwise than by exit code 0, also by a signal; only of the lab's processes",
    ),
    gauge("resident", Unit::Bytes, "resident memory"),
    counter("cpu", "processor time used, in milliseconds"),
    gauge("running", Unit::Count, "1 while it runs, else 0"),
];

/// Series of [`ProbeKind::Pods`], of all of them together; `terminations` are
/// labelled with the reason that the cluster gives.
const PODS: &[SeriesInfo] = &[
    gauge("pods", Unit::Count, "pods that are not on their way out"),
    gauge("ready", Unit::Count, "of these, those that are ready"),
    gauge("unready", Unit::Count, "of these, those that are not"),
    gauge("images", Unit::Count, "different images of these, 1 where all run the same one"),
    counter(
        "restarts",
        "containers started again, and pods seen in the place of others, since the run began",
    ),
    counter("replaced", "pods seen in the place of others since the run began"),
    counter("terminations", "containers that ended since the run began, labelled with the reason"),
];

/// Series of [`ProbeKind::Health`].
const HEALTH: &[SeriesInfo] = &[
    gauge("up", Unit::Count, "1 when it answered 200, else 0"),
    counter("failures", "probes that were not answered with 200"),
    gauge("response", Unit::Seconds, "time to the answer"),
];

/// Series of [`ProbeKind::Logs`], labelled with the process or file.
const LOGS: &[SeriesInfo] =
    &[counter("matches", "lines that contain one of the texts"), counter("lines", "lines read")];

/// Series of [`ProbeKind::RedisStreams`]: first of each stream, labelled with
/// its name, then of all of them together, which have no value while one of
/// them is unknown.
const REDIS_STREAMS: &[SeriesInfo] = &[
    gauge("length", Unit::Count, "entries of a stream"),
    counter("added", "entries ever added to a stream (Redis 7)"),
    gauge(
        "lag",
        Unit::Count,
        "entries that the group was not given yet; none while Redis does not know",
    )
    .paced(),
    gauge("pending", Unit::Count, "entries given to a consumer and not acknowledged").paced(),
    gauge("backlog", Unit::Count, "lag and pending together").paced(),
    gauge("consumers", Unit::Count, "consumers of the group"),
    gauge("total_length", Unit::Count, "entries of all streams"),
    gauge("total_lag", Unit::Count, "lag of all streams").paced(),
    gauge("total_pending", Unit::Count, "pending entries of all streams").paced(),
    gauge("total_backlog", Unit::Count, "backlog of all streams").paced(),
    gauge("max_lag", Unit::Count, "lag of the stream that lags most").paced(),
    gauge("max_backlog", Unit::Count, "backlog of the stream that has most").paced(),
];

/// Series of [`ProbeKind::Sql`], [`ProbeKind::Mongodb`] and [`ProbeKind::Promql`],
/// as the reference shows them.
const SQL: &[SeriesInfo] = &[gauge(
    "value",
    Unit::Count,
    "the number, labelled where the query gives labels; its unit, and whether it is a counter, say `unit` and `counter`",
)];

/// Series of [`ProbeKind::Prometheus`], as the reference shows them.
const PROMETHEUS: &[SeriesInfo] = &[
    gauge("METRIC", Unit::Count, "one for each `metric` table, a counter where it says so"),
    RESETS,
];

/// Series of [`ProbeKind::RedisKeys`]: of each key, labelled with it, and of all.
const REDIS_KEYS: &[SeriesInfo] = &[
    gauge("length", Unit::Count, "elements of a key; 0 where it does not exist"),
    gauge("total_length", Unit::Count, "elements of all keys"),
];

/// Series of [`ProbeKind::Command`], as the reference shows them.
const COMMAND: &[SeriesInfo] = &[
    gauge(
        "value",
        Unit::Count,
        "the number, where no `series` table names others; its unit, and whether it is a counter, say `unit` and `counter`",
    ),
    gauge("SERIES", Unit::Count, "one for each `series` table, a counter where it says so"),
];

/// A counter that began again may have counted something between the last look
/// at it and its end, which nobody knows.
const RESETS: SeriesInfo =
    counter("resets", "times that a process behind a counter was seen to have begun again");

/// Every kind of probe by its word, with its series.
pub(crate) const KINDS: &[(&str, &[SeriesInfo])] = &[
    ("rabbitmq", RABBITMQ),
    ("process", PROCESS),
    ("pods", PODS),
    ("health", HEALTH),
    ("logs", LOGS),
    ("redis_streams", REDIS_STREAMS),
    ("sql", SQL),
    ("prometheus", PROMETHEUS),
    ("promql", SQL),
    ("rabbitmq_queues", RABBITMQ_QUEUES),
    ("mongodb", SQL),
    ("redis_keys", REDIS_KEYS),
    ("command", COMMAND),
];

impl ProbeKind {
    /// The words of all kinds.
    pub const WORDS: &'static [&'static str] = Self::VARIANTS;

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
