//! `[[workload]]`: a stream of operations.

use std::collections::BTreeMap;

mod http;

use super::links::{Kind, Links};
use crate::plan::SchemaFile;
use crate::plan::data::{Data, Order};
use crate::plan::shape::{Again, Shape};
use crate::plan::workload::{
    Acks, Amqp, Arrival, Command, Expect, Http, Kafka, Late, Redis, RedisInto, Transport, Workload,
};
use crate::program::Program;
use crate::read::{At, Table};
use crate::template::Template;
use crate::units::{Rate, Share, Span};

const BODY: &str = "The payload; @{id}, @{seq}, @{run}, @{time}, @{key}, @{int:A-B} and @{rand:N} differ for each operation, and @{pad} fills up to the size.";

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, links: &Links) -> Workload {
    let rate = table.req_at::<Rate>("rate", "Operations a second: \"500/s\".");
    if rate.value.0 <= 0.0 {
        let message = "a workload at this rate does nothing";
        let help = "to leave it out, write enabled = \"off\"".to_owned();
        table.context.problem(Some(rate.span), message, Some(help));
    }
    let phases = table.list("phases", "The phases in which operations come due.");
    let phases = links.refer_all(table.context, Kind::Phase, phases);
    let connections = table.or("connections", "Connections that are held open.", 16_u32);
    let timeout =
        table.or("timeout", "When an unanswered operation is indeterminate.", Span::seconds(5));
    let expect = table.or(
        "expect",
        "\"refused\" where the operations are bad on purpose.",
        Expect::Accepted,
    );
    let arrival = table.or("arrival", "How operations arrive.", Arrival::Uniform);
    let max_in_flight = table.opt(
        "max_in_flight",
        "The most operations under way at once; else as many as the connections carry.",
    );
    let workers = table.or("workers", "Threads that share the connections.", 1_u32);
    let late = table.or(
        "late",
        "\"drop\" where operations that cannot start within 10 ms are not attempted.",
        Late::Queue,
    );
    let shape = read_shape(table);
    let data = table.opt_table(
        "data",
        "Rows that fill in the operations: @{column}, wherever @{id} may stand.",
        read_data,
    );
    let body_file = table.opt_at::<String>(
        "body_file",
        "A file that holds the body, in place of the transport's: a template, or sent as it is where it is no UTF-8 text. Relative to the scenario's folder.",
    );
    let schema = table.opt(
        "schema",
        "A file with the JSON Schema (2020-12 or 7) that the bodies must follow, but not those of poison: some of them are held against it before the load. Relative to the scenario's folder, or to a folder there of the scenario's name.",
    );
    let transport = read_transport(table);
    if let Some(file) = &body_file {
        check_body_file(table, file, &shape, &transport);
    } else {
        check_size(table, &shape, &transport);
    }
    check_comparison(table, &transport);
    Workload {
        name: name.to_owned(),
        rate: rate.value,
        phases,
        connections: connections.max(1),
        timeout,
        expect,
        arrival,
        max_in_flight: max_in_flight.map(|most: u64| most.max(1)),
        workers: workers.max(1),
        late,
        shape,
        data,
        body_file: body_file.map(|file| file.value),
        schema: schema.map(SchemaFile::at),
        transport,
    }
}

/// The one transport that is given.
fn read_transport(table: &mut Table<'_, '_>) -> Transport {
    let context = table.context;
    let command = table
        .opt_table(
            "command",
            "A program, run once for each operation. While run is empty it is passed over, else it takes the place of the other transports.",
            read_command,
        )
        .flatten();
    let mut others = || {
        let http = table.opt_table("http", "HTTP requests.", http::read);
        let amqp = table.opt_table("amqp", "AMQP publishes with confirms.", read_amqp);
        let redis = table.opt_table("redis", "Redis commands.", read_redis);
        let kafka = table.opt_table("kafka", "Records of a Kafka topic.", read_kafka);
        let found = [
            ("http", http.map(Transport::Http)),
            ("amqp", amqp.map(Transport::Amqp)),
            ("redis", redis.map(Transport::Redis)),
            ("kafka", kafka.map(Transport::Kafka)),
        ];
        found.into_iter().filter_map(|(word, found)| Some((word, found?))).collect()
    };
    // A transport that is not used needs no address.
    let mut others: Vec<(&str, Transport)> =
        if command.is_some() { context.forgiving(others) } else { others() };
    match (command, others.len()) {
        (Some(command), _) => Transport::Command(command),
        (None, 1) => others.remove(0).1,
        (None, _) => {
            let words: Vec<&str> = others.iter().map(|&(word, _)| word).collect();
            no_single_transport(table, &words);
            Transport::Command(Command { run: Program::default(), refused: Vec::new() })
        }
    }
}

fn read_data(table: &mut Table<'_, '_>) -> Data {
    Data {
        file: table.req(
            "file",
            "CSV with the names of the columns in its first line, or a JSON object in each line. Relative to the scenario's folder.",
        ),
        order: table.or(
            "order",
            "Which row an operation gets. With once there must be as many rows as operations.",
            Order::InTurn,
        ),
    }
}

fn read_shape(table: &mut Table<'_, '_>) -> Shape {
    let usual = Shape::default();
    let size = table.opt("size", "The whole length of a body, which @{pad} fills up.");
    let keys = table.or("keys", "How many keys, @{key}, there are.", usual.keys);
    let key_dist = table.or("key_dist", "How an operation's key is drawn.", usual.key_dist);
    let duplicates = table.or_at(
        "duplicates",
        "The share of operations that are sent twice with the same identity.",
        usual.duplicates,
    );
    let duplicates_when = table.or("duplicates_when", "When they are sent again.", Again::AtOnce);
    needs(table, "duplicates_when", "duplicates", "\"3%\"");
    let poison = table.or_at(
        "poison",
        "The share of operations with a body that cannot be worked on.",
        usual.poison,
    );
    let poison_body = table
        .opt("poison_body", "The payload of those; else bytes that no reader of text understands.");
    needs(table, "poison_body", "poison", "\"0.1%\"");
    Shape {
        size,
        keys: keys.max(1),
        key_dist,
        duplicates: part(table, duplicates),
        duplicates_when,
        poison: part(table, poison),
        poison_body,
    }
}

/// A share of operations: not more than all of them.
fn part(table: &Table<'_, '_>, at: At<Share>) -> Share {
    if at.value.0 > 1.0 {
        let message = format!("{} is more than all of the operations", at.value);
        let help = "give a share from 0% to 100%".to_owned();
        table.context.problem(Some(at.span), message, Some(help));
    }
    at.value
}

/// A key that says nothing without another one.
fn needs(table: &Table<'_, '_>, key: &str, other: &str, example: &str) {
    if table.has(key) && !table.has(other) {
        let message = format!("{key:?} says nothing without {other:?}");
        let help = format!("add {other} = {example}, or take it out");
        table.context.problem(Some(table.place_of(key)), message, Some(help));
    }
}

/// A file takes the place of a body, and has the size that it has.
fn check_body_file(table: &Table<'_, '_>, file: &At<String>, shape: &Shape, transport: &Transport) {
    let (written, has_none) = match transport {
        Transport::Http(Http { body, .. }) | Transport::Amqp(Amqp { body, .. }) => {
            (!body.as_str().is_empty(), false)
        }
        // They have a body of their own that nobody wrote.
        Transport::Kafka(_) | Transport::Command(_) => (false, false),
        Transport::Redis(redis) => (false, matches!(redis.into, RedisInto::Stream { .. })),
    };
    let wrong = |message: &str, help: &str| {
        table.context.problem(Some(file.span.clone()), message, Some(help.to_owned()));
    };
    if written {
        wrong("there are two bodies, body and body_file", "take one of them out");
    }
    if has_none {
        wrong(
            "an entry of a stream has fields and no body",
            "write fields, and take body_file out",
        );
    }
    if shape.size.is_some() {
        wrong("a size is asked for, and a file has the size that it has", "take size out");
    }
}

/// A body that is to have a size needs a place that can be filled up.
fn check_size(table: &Table<'_, '_>, shape: &Shape, transport: &Transport) {
    let is_padded = |body: &Template| body.as_str().contains("@{pad}");
    let (padded, what) = match transport {
        Transport::Http(Http { body, .. })
        | Transport::Amqp(Amqp { body, .. })
        | Transport::Kafka(Kafka { body, .. }) => (is_padded(body), "body"),
        Transport::Redis(redis) => match &redis.into {
            RedisInto::Stream { fields, .. } => (fields.values().any(is_padded), "fields"),
            RedisInto::List { body, .. } | RedisInto::Channel { body, .. } => {
                (is_padded(body), "body")
            }
        },
        Transport::Command(_) => (false, "body (a command has none)"),
    };
    // Of the fields of an entry, the one that is filled up is the body.
    if shape.poison.0 > 0.0 && !padded && matches!(transport, Transport::Redis(_)) {
        let message = format!("nothing in the {what} says what poison takes the place of");
        let help = "put @{pad} into it; without a size it is filled up with nothing".to_owned();
        table.context.problem(Some(table.place_of("poison")), message, Some(help));
    }
    if shape.size.is_none() {
        return;
    }
    let poisoned = shape.poison_body.as_ref().is_none_or(is_padded);
    for (is_right, what) in [(padded, what), (poisoned, "poison_body")] {
        if !is_right {
            let message =
                format!("a size is asked for, and nothing in the {what} can be filled up");
            let help = "put @{pad} where letters are to stand, or take size out".to_owned();
            table.context.problem(Some(table.place_of("size")), message, Some(help));
        }
    }
}

/// Only of operations that are sent twice are there two answers to compare.
fn check_comparison(table: &Table<'_, '_>, transport: &Transport) {
    let Transport::Http(http) = transport else { return };
    if (http.same.is_some() || http.hit.is_some()) && !table.has("duplicates") {
        let message = "answers are compared where operations are sent twice, and none is";
        let help = "add duplicates = \"3%\" to the workload, or take same and hit out".to_owned();
        table.context.problem(Some(table.head()), message, Some(help));
    }
}

fn no_single_transport(table: &Table<'_, '_>, words: &[&str]) {
    if table.is_described() {
        return;
    }
    let message = if words.is_empty() {
        "this workload has no transport".to_owned()
    } else {
        format!("a workload has one transport, and this one has {}", words.join(" and "))
    };
    let help = Some("give one of the tables http, amqp, redis, kafka or command".to_owned());
    table.context.problem(Some(table.head()), message, help);
}

fn read_amqp(table: &mut Table<'_, '_>) -> Amqp {
    Amqp {
        url: table.req("url", "The broker."),
        exchange: table.or("exchange", "The exchange; empty for the default one.", String::new()),
        routing_key: table
            .req_or_blank(
                "routing_key",
                "The routing key; the queue's name with the default exchange.",
            )
            .value,
        body: table.or("body", BODY, Template::default()),
        confirm_window: table
            .or("confirm_window", "Unconfirmed messages a connection.", 200_u32)
            .max(1),
    }
}

fn read_redis(table: &mut Table<'_, '_>) -> Redis {
    let url = table.req("url", "The server: redis://HOST:PORT, rediss:// for TLS.");
    let cluster = table.or("cluster", "The server is a node of a Redis Cluster.", false);
    let pipeline = table.or("pipeline", "Unanswered commands a connection.", 64_u32).max(1);
    let stream = table.opt("stream", "The stream that is added to.");
    let partitions = table.or(
        "partitions",
        "Spread the operations over STREAM-0, STREAM-1 and so on, by their key.",
        1_u32,
    );
    let maxlen = table.opt("maxlen", "About how long a stream may become.");
    let mut fields: BTreeMap<String, Template> =
        table.values("fields", "The fields of an entry; their values are payload templates. Without any, an entry has the fields id = \"@{id}\" and pad = \"@{pad}\", and pad is empty where the workload has no size.");
    let list = table.opt("list", "The list that is pushed to.");
    let left = table.or("left", "Push to the head of the list.", false);
    let channel = table.opt("channel", "The channel that is published to.");
    let body = table.or("body", "The element or message.", Template::new("@{id}@{pad}"));
    let into = match (stream, list, channel) {
        (Some(name), None, None) => {
            if fields.is_empty() {
                fields.insert("id".to_owned(), Template::new("@{id}"));
                fields.insert("pad".to_owned(), Template::new("@{pad}"));
            }
            RedisInto::Stream { name, partitions: partitions.max(1), maxlen, fields }
        }
        (None, Some(name), None) => RedisInto::List { name, left, body },
        (None, None, Some(name)) => RedisInto::Channel { name, body },
        _ => {
            if !table.is_described() {
                let message = "operations go into one of stream, list and channel";
                let help = Some("give exactly one of them".to_owned());
                table.context.problem(Some(table.head()), message, help);
            }
            RedisInto::Channel { name: Template::default(), body }
        }
    };
    Redis { url, cluster, pipeline, into }
}

fn read_kafka(table: &mut Table<'_, '_>) -> Kafka {
    Kafka {
        brokers: table.req("brokers", "Brokers to begin with: \"HOST:PORT,HOST:PORT\"."),
        topic: table.req("topic", "The topic."),
        partitions: table
            .opt("partitions", "Make the topic with so many partitions if it is not there."),
        key: table.opt("key", "The key of each record, such as \"@{key}\"."),
        body: table.or("body", BODY, Template::new("@{id}@{pad}")),
        headers: table.texts("headers", "Headers of each record."),
        acks: table.or("acks", "Whose answer acknowledges a record.", Acks::All),
        settings: table.texts("settings", "Settings of librdkafka."),
    }
}

fn read_command(table: &mut Table<'_, '_>) -> Option<Command> {
    let run = table.opt(
        "run",
        "The program; @{id} and its like may stand in it, and the identity is in the variable SHAKEDOWN_ID, too. It runs in the folder from which the run was started. Exit code 0 accepts the operation.",
    );
    let refused = table
        .list_or_empty(
            "refused",
            "Exit codes that mean definitely not done; any other than 0 leaves it unknown.",
        )
        .into_iter()
        .map(|at| at.value)
        .collect();
    run.map(|run| Command { run, refused })
}
