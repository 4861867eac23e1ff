//! Workloads: streams of operations, each due at its time.

mod statuses;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::data::Data;
use super::route::Route;
use super::schema_file::SchemaFile;
use super::shape::Shape;
use crate::pointer::Pointer;
use crate::program::Program;
use crate::template::Template;
use crate::units::{Rate, Span};
pub use statuses::{Statuses, StatusesError};

/// A stream of operations at a rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The middle part of an operation's identity `run/workload/sequence`.
    pub name: String,
    /// Operations due per second.
    pub rate: Rate,
    /// The phases during which operations come due.
    pub phases: Vec<String>,
    /// Connections that are held open; also the most operations under way at
    /// once where the protocol carries one a connection.
    pub connections: u32,
    /// When an operation without an answer counts as indeterminate.
    pub timeout: Span,
    /// What the system should answer.
    pub expect: Expect,
    /// How operations arrive.
    #[serde(default)]
    pub arrival: Arrival,
    /// The most operations under way at once; without it, as many as the
    /// connections carry.
    #[serde(default)]
    pub max_in_flight: Option<u64>,
    /// Threads among which the connections are shared out.
    #[serde(default = "one")]
    pub workers: u32,
    /// What happens to operations that cannot be started in time.
    #[serde(default)]
    pub late: Late,
    /// What the operations look like.
    #[serde(default)]
    pub shape: Shape,
    /// The rows that fill in the operations.
    #[serde(default)]
    pub data: Option<Data>,
    /// A file that holds the body, in place of the transport's.
    #[serde(default)]
    pub body_file: Option<String>,
    /// What its bodies must follow, but those of poison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaFile>,
    /// How an operation reaches the system.
    pub transport: Transport,
}

impl Workload {
    /// Whether the answers to operations that are sent twice are compared. A
    /// command that takes the place of a request has no answers, and that is no
    /// mistake of the file.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        match &self.transport {
            Transport::Http(http) => http.same.is_some() || http.hit.is_some(),
            Transport::Command(_) => true,
            Transport::Amqp(_) | Transport::Redis(_) | Transport::Kafka(_) => false,
        }
    }

    /// The header by which its figures are split, if they are.
    #[must_use]
    pub fn split(&self) -> Option<&Split> {
        match &self.transport {
            Transport::Http(http) => http.split.as_deref(),
            Transport::Command(_)
            | Transport::Amqp(_)
            | Transport::Redis(_)
            | Transport::Kafka(_) => None,
        }
    }

    /// The names of its parts, where its figures are split: `WORKLOAD.VALUE`.
    pub fn parts(&self) -> impl Iterator<Item = String> {
        let values = self.split().into_iter().flat_map(|split| &split.values);
        values.map(|value| format!("{}.{value}", self.name))
    }

    /// What parts whose values begin alike, up to a dot, come to together: of the values
    /// `canary.read` and `canary.write` it is `WORKLOAD.canary`. Each has the places of
    /// its values.
    #[must_use]
    pub fn groups(&self) -> BTreeMap<String, Vec<usize>> {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let values = self.split().map_or(&[][..], |split| &split.values);
        for (place, value) in values.iter().enumerate() {
            for (dot, _) in value.match_indices('.').filter(|&(dot, _)| dot > 0) {
                let name = format!("{}.{}", self.name, &value[..dot]);
                groups.entry(name).or_default().push(place);
            }
        }
        groups
    }

    /// The names of its parts and of what they come to in groups.
    pub fn divisions(&self) -> impl Iterator<Item = String> {
        self.parts().chain(self.groups().into_keys())
    }

    /// The coarsest of its divisions, which together are what was answered: groups within
    /// no other, and parts within none.
    pub fn outermost(&self) -> impl Iterator<Item = String> {
        let groups = self.groups();
        let is_within = move |name: &str| {
            let of = |group: &String| {
                name.strip_prefix(group.as_str()).is_some_and(|rest| rest.starts_with('.'))
            };
            groups.keys().any(of)
        };
        self.divisions().filter(move |name| !is_within(name))
    }

    /// Whether this is its name or that of a part of it.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.divisions().any(|part| part == name)
    }
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

/// How operations arrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// Evenly spaced.
    #[default]
    Uniform,
    /// At random, with exponential gaps, drawn from the seed.
    Poisson,
}

/// What happens to operations that cannot be started in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// They wait, and are started as soon as they can be.
    #[default]
    Queue,
    /// They are dropped when they have waited for 10 ms.
    Drop,
}

/// What the system should answer to a workload's operations. It changes no
/// outcome, only what a report says of them: where refusals are meant, a stretch
/// without a success is no outage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// They are good, and should be accepted.
    #[default]
    Accepted,
    /// They are bad on purpose, and should be refused.
    Refused,
}

/// How an operation reaches the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Transport {
    /// One request for each operation.
    Http(Http),
    /// One message for each operation.
    Amqp(Amqp),
    /// One command for each operation.
    Redis(Redis),
    /// One record for each operation.
    Kafka(Kafka),
    /// One run of a program for each operation.
    Command(Command),
}

impl Transport {
    /// The words of all kinds.
    pub const WORDS: &'static [&'static str] = Self::VARIANTS;

    /// Its key in the file.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Amqp(_) => "amqp",
            Self::Redis(_) => "redis",
            Self::Kafka(_) => "kafka",
            Self::Command(_) => "command",
        }
    }
}

/// HTTP requests. The body is a payload template: `@{id}`, `@{seq}`, `@{run}`
/// and `@{time}` (Unix time in milliseconds) differ for each operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where the requests go.
    pub url: Template,
    /// The request method.
    pub method: String,
    /// Headers beside the usual ones; their values are payload templates.
    pub headers: BTreeMap<String, String>,
    /// The payload template of the body.
    pub body: Template,
    /// Statuses that mean *accepted*, as `200-299,304`.
    pub accepted: Statuses,
    /// Statuses that mean *definitely not done*. Every other status leaves the
    /// operation indeterminate.
    pub refused: Statuses,
    /// How often a request whose outcome is unknown is sent again, with the
    /// same identity.
    #[serde(default)]
    pub retries: u32,
    /// Where an answer has the value that must be the same whenever the
    /// operation is sent: a JSON pointer into the body.
    #[serde(default)]
    pub same: Option<Pointer>,
    /// Where an answer says that the operation was known already.
    #[serde(default)]
    pub hit: Option<Hit>,
    /// Whether a connection is used for more than one request.
    #[serde(default = "yes")]
    pub keepalive: bool,
    /// How the host of the URL is reached.
    #[serde(default)]
    pub route: Route,
    /// How many redirects are followed for each operation; with 0 a redirect is
    /// an answer.
    #[serde(default)]
    pub follow_redirects: u32,
    /// Ask for answers that are compressed, and read them where they are
    /// compared.
    #[serde(default)]
    pub compressed: bool,
    /// By which header of the answers the figures are split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Box<Split>>,
}

/// A header of the answers that says who answered, such as a version. The figures of
/// each are those of a workload named `WORKLOAD.VALUE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The header's name.
    pub header: String,
    /// Its values; an answer with any other counts for none of them.
    pub values: Vec<String>,
}

/// Where an answer says that the operation was known already. What stands there
/// says *no* when it is missing, empty, `0`, `false`, `no` or `miss`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hit {
    /// A JSON pointer into the body.
    Body(Pointer),
    /// The name of a header.
    Header(String),
}

/// AMQP 0-9-1 publishes with confirms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amqp {
    /// The broker.
    pub url: Template,
    /// The exchange that is published to; empty for the default exchange.
    pub exchange: String,
    /// The routing key; the queue's name with the default exchange.
    pub routing_key: String,
    /// The payload template of the message.
    pub body: Template,
    /// Unconfirmed messages a channel.
    pub confirm_window: u32,
}

/// Redis commands: entries of a stream, elements of a list or messages of a
/// channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// The server.
    pub url: Template,
    /// The server is a node of a Redis Cluster.
    pub cluster: bool,
    /// Unanswered commands a connection.
    pub pipeline: u32,
    /// What the operations are put into.
    pub into: RedisInto,
}

/// What operations are put into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RedisInto {
    /// A stream, or several.
    Stream {
        /// The stream, or what stands before the number of each.
        name: Template,
        /// With more than one, operations go to `name-0`, `name-1` … by key.
        partitions: u32,
        /// About how long a stream may become.
        maxlen: Option<u64>,
        /// The fields of an entry; their values are payload templates.
        fields: BTreeMap<String, Template>,
    },
    /// A list.
    List {
        /// Its key.
        name: Template,
        /// Push to the head instead of the tail.
        left: bool,
        /// The payload template of the element.
        body: Template,
    },
    /// A channel.
    Channel {
        /// Its name.
        name: Template,
        /// The payload template of the message.
        body: Template,
    },
}

/// Kafka records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Brokers to begin with, `HOST:PORT` with commas between them.
    pub brokers: Template,
    /// The topic.
    pub topic: Template,
    /// Make the topic with so many partitions if it is not there.
    pub partitions: Option<u32>,
    /// The payload template of each record's key.
    pub key: Option<String>,
    /// The payload template of each record's value.
    pub body: Template,
    /// Headers of each record; their values are payload templates.
    pub headers: BTreeMap<String, String>,
    /// Whose answer acknowledges a record.
    pub acks: Acks,
    /// Settings of librdkafka.
    pub settings: BTreeMap<String, String>,
}

/// Whose answer acknowledges a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acks {
    /// That of all replicas that are in sync.
    #[default]
    #[serde(rename = "all")]
    All,
    /// The leader's.
    #[serde(rename = "1")]
    Leader,
    /// Nobody's: sent is acknowledged.
    #[serde(rename = "0")]
    Nobody,
}

/// A program that is run once for each operation, with the
/// identity in `SHAKEDOWN_ID` and the payload on its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program; `@{id}` and its like in it are replaced.
    pub run: Program,
    /// Exit codes that mean *definitely not done*; 0 is accepted and every
    /// other code leaves the operation indeterminate.
    pub refused: Vec<i32>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn parts_that_begin_alike_are_a_group() {
        let plan = |values: &str| {
            let text = format!(
                "name = \"t\"\ntitle = \"t\"\n[system.targets.s]\nhelp = \"h\"\nschemes = [\"http\"]\n\
                 [[phase]]\nname = \"p\"\nfor = \"1s\"\n[[workload]]\nname = \"w\"\nrate = \"1/s\"\n\
                 phases = [\"p\"]\nhttp = {{ url = \"${{target.s}}\", split = {{ header = \"x\", values = [{values}] }} }}\n\
                 [[check]]\nname = \"c\"\ntitle = \"t\"\nratio = {{ of = \"w.failed\", to = \"w.due\", phases = [\"p\"], max = \"1%\" }}\n"
            );
            let settings = crate::Settings {
                targets: Some(["s".to_owned()].into()),
                ..crate::Settings::default()
            };
            let plan = crate::plan("t", &text, &settings);
            plan.map_err(|problems| problems.render(false)).unwrap().workloads.remove(0)
        };
        let found = plan(r#""canary.read", "stable.read", "canary.write", "stable.write.slow""#);
        let expected =
            [("w.canary", vec![0, 2]), ("w.stable", vec![1, 3]), ("w.stable.write", vec![3])];
        assert_eq!(found.groups(), expected.map(|(name, places)| (name.to_owned(), places)).into());
        assert_eq!(found.outermost().collect::<Vec<_>>(), ["w.canary", "w.stable"]);
        let alone = plan(r#""a", "ab.c", "d""#);
        assert_eq!(alone.groups(), [("w.ab".to_owned(), vec![1])].into());
        assert_eq!(alone.outermost().collect::<Vec<_>>(), ["w.a", "w.d", "w.ab"]);
    }
}
