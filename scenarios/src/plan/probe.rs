//! Probes: what is watched during the whole run, and the series that each kind
//! of probe gives.

use serde::{Deserialize, Serialize};

use crate::series::SeriesInfo;
use crate::template::Template;
use crate::units::{Span, Unit};

/// A probe that samples series named `<probe>.<series>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// The processes of a role in the lab.
    Process {
        /// The role.
        role: String,
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
        /// The texts that make a line count; case matters.
        containing: Vec<String>,
    },
}

const fn gauge(name: &'static str, unit: Unit, about: &'static str) -> SeriesInfo {
    SeriesInfo { name, unit, counter: false, about }
}

const fn counter(name: &'static str, about: &'static str) -> SeriesInfo {
    SeriesInfo { name, unit: Unit::Count, counter: true, about }
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
    gauge("messages_ready", Unit::Count, "messages ready in all queues"),
    gauge("messages_unacked", Unit::Count, "messages delivered and not yet acknowledged"),
];

/// Series of [`ProbeKind::Process`], labelled with the process's name.
const PROCESS: &[SeriesInfo] = &[
    counter("restarts", "times that the supervisor started it again"),
    gauge("resident", Unit::Bytes, "resident memory"),
    counter("cpu", "processor time used, in milliseconds"),
    gauge("running", Unit::Count, "1 while it runs, else 0"),
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

/// Every kind of probe by its word, with its series.
pub(crate) const KINDS: &[(&str, &[SeriesInfo])] =
    &[("rabbitmq", RABBITMQ), ("process", PROCESS), ("health", HEALTH), ("logs", LOGS)];

impl ProbeKind {
    /// The word by which the file names this kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Rabbitmq { .. } => "rabbitmq",
            Self::Process { .. } => "process",
            Self::Health { .. } => "health",
            Self::Logs { .. } => "logs",
        }
    }

    /// The series that a probe of this kind gives.
    #[must_use]
    pub fn series(&self) -> &'static [SeriesInfo] {
        match self {
            Self::Rabbitmq { .. } => RABBITMQ,
            Self::Process { .. } => PROCESS,
            Self::Health { .. } => HEALTH,
            Self::Logs { .. } => LOGS,
        }
    }
}
