//! `[[probe]]`: what is watched.

mod kafka;
mod prometheus;

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask;
use super::links::Links;
use crate::plan::probe::Printed;
use crate::plan::{Probe, ProbeKind};
use crate::pointer::Pointer;
use crate::read::Table;
use crate::template::Template;
use crate::units::{Span, Unit};
pub(super) use kafka::SETTINGS;

/// The most streams that one probe reads: each is asked about every time.
const MOST_STREAMS: u32 = 1_024;

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, _: &Links) -> Probe {
    let every = table.or_at(
        "every",
        "The time between two samples, at least 100ms.",
        Span(Duration::from_millis(500)),
    );
    if every.value.0 < Duration::from_millis(100) {
        let message =
            format!("{} between two samples is too short; give at least 100ms", every.value);
        table.context.problem(Some(every.span.clone()), message, None);
    }
    let kinds = [
        ("rabbitmq", table.opt_table("rabbitmq", "A RabbitMQ node.", rabbitmq)),
        ("process", table.opt_table("process", "The processes of a role.", process)),
        ("pods", table.opt_table("pods", "Pods of a Kubernetes cluster.", pods)),
        (
            "health",
            table.opt_table("health", "A health endpoint.", |table| ProbeKind::Health {
                url: table.req("url", "Answers 200 when healthy."),
            }),
        ),
        ("logs", table.opt_table("logs", "Log lines that contain a text or a field.", logs)),
        (
            "redis_streams",
            table.opt_table(
                "redis_streams",
                "Redis streams, and what a consumer group has not done yet.",
                redis_streams,
            ),
        ),
        ("sql", table.opt_table("sql", "A number, or labelled numbers, of a database.", sql)),
        (
            "prometheus",
            table.opt_table(
                "prometheus",
                "Endpoints in the text format of Prometheus.",
                prometheus::endpoints,
            ),
        ),
        (
            "promql",
            table.opt_table("promql", "A query to a Prometheus server.", prometheus::server),
        ),
        (
            "rabbitmq_queues",
            table.opt_table(
                "rabbitmq_queues",
                "Queues of RabbitMQ, and who consumes them.",
                rabbitmq_queues,
            ),
        ),
        (
            "mongodb",
            table.opt_table(
                "mongodb",
                "A number, or labelled numbers, of a MongoDB collection.",
                mongodb,
            ),
        ),
        (
            "redis_keys",
            table.opt_table(
                "redis_keys",
                "How many elements Redis lists, sets, sorted sets, hashes or streams have.",
                redis_keys,
            ),
        ),
        (
            "kafka",
            table.opt_table(
                "kafka",
                "Topics of Kafka, and how far consumer groups have come. It joins no group and commits nothing.",
                kafka::topics,
            ),
        ),
        (
            "command",
            table.opt_table(
                "command",
                "A number, or lines of series, that a program prints.",
                command,
            ),
        ),
    ];
    let kind = table.one_of("probe", kinds).unwrap_or(ProbeKind::Process { role: String::new() });
    Probe { name: name.to_owned(), every: every.value, kind }
}

fn rabbitmq(table: &mut Table<'_, '_>) -> ProbeKind {
    let metrics = table.opt::<Template>("metrics", "The Prometheus endpoint, exact at once.");
    let management = table.opt::<Template>("management", "The management API.");
    if metrics.is_none() && management.is_none() {
        table.nothing_of(&["metrics", "management"], "none of its addresses is given");
    }
    ProbeKind::Rabbitmq { metrics, management }
}

fn rabbitmq_queues(table: &mut Table<'_, '_>) -> ProbeKind {
    let management =
        table.req("management", "The management API: http://user:password@host:15672.");
    let queues = table.list::<String>("queues", "The queues. One that does not exist is empty.");
    let vhost = table.or("vhost", "The virtual host.", "/".to_owned());
    ProbeKind::RabbitmqQueues {
        management,
        vhost,
        queues: queues.into_iter().map(|at| at.value).collect(),
    }
}

fn mongodb(table: &mut Table<'_, '_>) -> ProbeKind {
    let ask::Place { url, database, collection } = ask::place(table);
    ProbeKind::Mongodb {
        url,
        database,
        collection,
        ask: ask::number(table),
        timeout: table.or("timeout", "How long the answer may take.", Span::seconds(5)),
        counter: counter(table),
        unit: unit(table),
        waits: waits(table),
    }
}

fn process(table: &mut Table<'_, '_>) -> ProbeKind {
    let role = table.req_at("role", "The role: one of [system.roles], or of the lab.");
    table.plays(&role);
    ProbeKind::Process { role: role.value }
}

fn pods(table: &mut Table<'_, '_>) -> ProbeKind {
    let labels = table.req_at::<String>("labels", "A label selector: \"app=worker\".");
    if labels.value.trim().is_empty() && !labels.is_placeholder() {
        let message = "an empty text selects every pod of the namespace".to_owned();
        let help = Some("write a selector such as \"app=web\"".to_owned());
        table.context.problem(Some(labels.span.clone()), message, help);
    }
    ProbeKind::Pods {
        context: table.or(
            "context",
            "The kubeconfig's context; the current one, or the cluster that the tool runs in, without.",
            String::new(),
        ),
        namespace: table.req("namespace", "The namespace."),
        labels: labels.value,
    }
}

fn logs(table: &mut Table<'_, '_>) -> ProbeKind {
    let role =
        table.opt("role", "The role in the lab whose output is read, where no file is named.");
    let file = table.opt("file", "A file that is followed.");
    if role.is_none() && file.is_none() {
        table.nothing_of(&["role", "file"], "its file is not given");
    } else if file.is_none() {
        table.lab_only("it names no file, and what processes of your own write is in one");
    }
    let containing = table
        .list_or_empty::<String>("containing", "The texts of which one makes a line count.")
        .into_iter()
        .map(|at| at.value)
        .collect::<Vec<_>>();
    let json = table.texts(
        "json",
        "The fields that make a line of JSON count, by name or JSON pointer: { level = \"error\" }.",
    );
    for name in json.keys().filter(|name| name.starts_with('/')) {
        if let Err(error) = name.parse::<Pointer>() {
            table.context.problem(Some(table.head()), error.to_string(), None);
        }
    }
    if containing.is_empty() && json.is_empty() && !table.is_described() {
        let message = "nothing says which lines count".to_owned();
        let help = Some("give containing, json or both".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    ProbeKind::Logs { role, file, containing, json }
}

fn redis_streams(table: &mut Table<'_, '_>) -> ProbeKind {
    let url = table.req("url", "The server: redis://user:password@host:6379.");
    let names = table.list::<String>("streams", "The streams, or what their names begin with.");
    let partitions = table.opt_at::<u32>(
        "partitions",
        "How many streams each name stands for, numbered from 0 behind it.",
    );
    if let Some(at) = &partitions
        && !(1..=MOST_STREAMS).contains(&at.value)
    {
        let message = format!("{} partitions; give 1 to {MOST_STREAMS}", at.value);
        table.context.problem(Some(at.span.clone()), message, None);
    }
    let partitions = partitions.map(|at| at.value.min(MOST_STREAMS));
    let mut streams = Vec::new();
    for name in names {
        match partitions {
            Some(partitions) => {
                streams.extend((0..partitions).map(|number| format!("{}{number}", name.value)));
            }
            None => streams.push(name.value),
        }
    }
    let group = table.opt("group", "The consumer group; without one, only length and added.");
    ProbeKind::RedisStreams { url, streams, group }
}

fn counter(table: &mut Table<'_, '_>) -> bool {
    table.or("counter", "Whether the number only rises.", false)
}

fn waits(table: &mut Table<'_, '_>) -> bool {
    table.or(
        "waits",
        "Whether it counts what waits to be done, such as a lag, so that a starved host can raise it.",
        false,
    )
}

fn unit(table: &mut Table<'_, '_>) -> Unit {
    table.or("unit", "What the number is measured in.", Unit::Count)
}

fn sql(table: &mut Table<'_, '_>) -> ProbeKind {
    ProbeKind::Sql {
        url: table.req("url", "The database: postgres://user:password@host/database."),
        query: table.req("query", "Gives one number, or rows of a label and a number."),
        timeout: table.or("timeout", "How long the query may take.", Span::seconds(5)),
        counter: counter(table),
        unit: unit(table),
        waits: waits(table),
    }
}

fn redis_keys(table: &mut Table<'_, '_>) -> ProbeKind {
    let url = table.req("url", "The server: redis://user:password@host:6379.");
    let keys = table.list::<String>("keys", "The keys. One that does not exist has 0 elements.");
    ProbeKind::RedisKeys { url, keys: keys.into_iter().map(|at| at.value).collect() }
}

fn command(table: &mut Table<'_, '_>) -> ProbeKind {
    let run = table.req("run", "The program; it prints one number, or lines of SERIES{LABEL} NUMBER, and ends with exit code 0.");
    let timeout = table.or("timeout", "How long it may take.", Span::seconds(5));
    let own = ["unit", "counter", "waits"].into_iter().find(|key| table.has(key));
    let value = printed(table);
    let series =
        table.named("series", "A series that it prints; NAME is the series' name.", |_, table| {
            printed(table)
        });
    let mut series: BTreeMap<String, Printed> =
        series.into_iter().map(|(name, at)| (name, at.value)).collect();
    if series.is_empty() {
        series.insert("value".to_owned(), value);
    } else if let Some(key) = own {
        let message = format!("{key:?} belongs into the table of a series here");
        table.context.problem(Some(table.place_of(key)), message, None);
    }
    ProbeKind::Command { run, timeout, series }
}

fn printed(table: &mut Table<'_, '_>) -> Printed {
    Printed { counter: counter(table), unit: unit(table), waits: waits(table) }
}
