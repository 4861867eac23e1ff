//! Duplicates in a real queue and in a real stream: as many as are written
//! down, of those that were meant, and the originals untouched.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};

use futures_util::StreamExt;
use lab::{RabbitMq, RabbitMqOptions, Redis, RedisOptions};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};

use crate::felt::{Ground, SECRET, patience};
use crate::program::{Desk, kill, send};
use crate::sleeper::wait_for;
use chaos::victim::Signal;

const MESSAGES: u32 = 1_000;

/// How often each identity is there.
type Census = BTreeMap<String, u32>;

/// The identities that are written down; each stands there once.
fn written(desk: &Desk) -> Vec<String> {
    let path = desk.journal().with_extension("duplicates.ndjson");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
    // What comes after the last end of a line is being written just now.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let named = whole.lines().map(|text| line(text)["identity"].as_str().unwrap().to_owned());
    let mut named: Vec<String> = named.collect();
    named.sort();
    let count = named.len();
    named.dedup();
    assert_eq!(named.len(), count, "nobody is chosen twice");
    named
}

/// N originals, and a duplicate of each that is written down, and nothing else.
fn expect(census: &Census, written: &[String]) {
    let twice: Vec<&String> = census.iter().filter(|(_, n)| **n == 2).map(|(id, _)| id).collect();
    assert_eq!(census.len() as u32, MESSAGES);
    assert!(census.values().all(|&count| count <= 2));
    assert_eq!(twice, written.iter().collect::<Vec<_>>());
    assert!((10..=300).contains(&written.len()), "{}", written.len());
}

fn begin(desk: &Desk, arguments: &[&str]) -> Child {
    let mut command = desk.command(&[&["duplicate"][..], arguments].concat());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Ends it as soon as all that it has written down has been taken.
fn end(desk: &Desk, chaos: Child, settled: impl FnMut() -> bool) -> String {
    wait_for("the last duplicate", settled);
    send(&chaos, Signal::INT);
    let output = chaos.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let journal = std::fs::read_to_string(desk.journal()).unwrap();
    assert!(!journal.contains(SECRET), "{journal}");
    String::from_utf8(output.stdout).unwrap()
}

/// A stream with something in it from before.
struct Stream {
    redis: Redis,
    _ground: Ground,
}

impl Stream {
    fn start() -> Self {
        let ground = Ground::new();
        let password = Some(SECRET.to_owned());
        let options = RedisOptions { password, ..RedisOptions::default() };
        let redis = Redis::start(&ground.lab, &options, patience()).unwrap();
        let stream = Self { redis, _ground: ground };
        stream.ask::<String>(redis::cmd("XADD").arg("orders").arg("*").arg("id").arg("old"));
        stream
    }

    fn connect(&self) -> redis::Connection {
        redis::Client::open(self.redis.url.as_str()).unwrap().get_connection().unwrap()
    }

    fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        command.query(&mut self.connect()).unwrap()
    }

    fn length(&self) -> usize {
        self.ask(redis::cmd("XLEN").arg("orders"))
    }

    fn fill(&self) {
        let mut connection = self.connect();
        for number in 0..MESSAGES {
            let mut add = redis::cmd("XADD");
            add.arg("orders")
                .arg("*")
                .arg("amount")
                .arg(number)
                .arg("id")
                .arg(format!("o{number}"));
            add.query::<String>(&mut connection).unwrap();
        }
    }

    /// Every entry but the old one: its fields, which name it.
    fn census(&self) -> Census {
        let range = redis::cmd("XRANGE").arg("orders").arg("-").arg("+").to_owned();
        let entries: Vec<(String, Vec<String>)> = self.ask(&range);
        let mut census = Census::new();
        for (_, fields) in entries.into_iter().skip(1) {
            let [_, amount, _, id] = fields.as_slice() else { panic!("{fields:?}") };
            assert_eq!(id, &format!("o{amount}"));
            *census.entry(id.clone()).or_default() += 1;
        }
        census
    }
}

/// A tap at the end of the stream has no moment at which it is seen from
/// outside but by what it says.
fn started(desk: &Desk) {
    wait_for("the tap", || desk.states().contains(&"injected".to_owned()));
}

#[test]
fn entries_of_a_stream_come_twice_as_written_down_and_a_seed_repeats() {
    let mut chosen = Vec::new();
    for _ in 0..2 {
        let (stream, desk) = (Stream::start(), Desk::new());
        let from = ["--from", "orders", "--share", "5%", "--for", "1h", "--seed", "7"];
        let chaos = begin(&desk, &[&[stream.redis.url.as_str()][..], &from].concat());
        started(&desk);
        stream.fill();
        end(&desk, chaos, || is_all_read(&stream));
        expect(&stream.census(), &written(&desk));
        chosen.push(written(&desk));
    }
    assert_eq!(chosen[0], chosen[1]);
}

/// A read waits only at the end of the stream: then everything was seen, and
/// its duplicates put in before.
fn is_all_read(stream: &Stream) -> bool {
    let clients: String = stream.ask(redis::cmd("CLIENT").arg("LIST"));
    clients.lines().any(|line| line.contains("name=shakedown:chaos") && line.contains(" flags=b "))
}

/// Killed in the middle: what stands there twice was written down, whatever else
/// was.
#[test]
fn a_killed_tap_has_written_down_every_duplicate() {
    let (stream, desk) = (Stream::start(), Desk::new());
    let from = ["--from", "orders", "--share", "100%", "--for", "1h"];
    let chaos = begin(&desk, &[&[stream.redis.url.as_str()][..], &from].concat());
    started(&desk);
    std::thread::scope(|scope| {
        scope.spawn(|| stream.fill());
        wait_for("some duplicates", || written(&desk).len() > 100);
        kill(chaos);
    });
    let (census, written) = (stream.census(), written(&desk));
    let twice: Vec<&String> = census.iter().filter(|(_, n)| **n > 1).map(|(id, _)| id).collect();
    assert!(!twice.is_empty() && twice.len() < MESSAGES as usize, "{}", twice.len());
    assert!(twice.iter().all(|identity| written.contains(identity)));
    let (code, out, err) = desk.run(&["recover"]);
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
fn a_tap_ends_by_itself_and_says_what_it_did() {
    let (stream, desk) = (Stream::start(), Desk::new());
    let from = ["--from", "orders", "--share", "100%", "--most", "20", "--for", "5s"];
    let chaos = begin(&desk, &[&[stream.redis.url.as_str()][..], &from].concat());
    started(&desk);
    stream.fill();
    let output = chaos.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("20 duplicates of 1000 messages"), "{said}");
    assert_eq!(stream.length(), 1 + MESSAGES as usize + 20);
    assert_eq!(written(&desk).len(), 20);
    let clients: String = stream.ask(redis::cmd("CLIENT").arg("LIST"));
    assert!(!clients.contains("shakedown:"), "{clients}");
}

#[test]
fn nothing_to_duplicate_is_told() {
    let (stream, desk) = (Stream::start(), Desk::new());
    let url = stream.redis.url.as_str();
    let (code, _, err) = desk.run(&["duplicate", url, "--from", "absent", "--for", "1s"]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("stream \"absent\" matches nothing"), "{err}");
    let (code, _, err) = desk.run(&["duplicate", url, "--from", "orders", "--for", "1s"]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("0 duplicates of 0 messages"), "{err}");
    for address in ["nats://127.0.0.1:1", "amqp://127.0.0.1:1"] {
        let (code, _, err) = desk.run(&["duplicate", address, "--from", "q", "--for", "1s"]);
        assert_eq!(code, Some(2), "{err}");
    }
    let (code, _, err) = desk.run(&["duplicate", "amqp://192.0.2.1", "--from", "q", "--for", "1s"]);
    assert_eq!(code, Some(3), "{err}");
}

/// A queue that an exchange feeds.
struct Queue {
    // The connection ends before the broker.
    channel: Channel,
    connection: Connection,
    broker: RabbitMq,
    _ground: Ground,
}

impl Queue {
    async fn start() -> Self {
        let ground = Ground::new();
        let broker = RabbitMq::start(&ground.lab, &RabbitMqOptions::default(), patience()).unwrap();
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&broker.amqp_url, properties).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let (plain, none) = (ExchangeDeclareOptions::default(), FieldTable::default);
        let topic = ExchangeKind::Topic;
        channel.exchange_declare("events".into(), topic, plain, none()).await.unwrap();
        let queue = Self { channel, connection, broker, _ground: ground };
        queue.depth().await;
        let plain = QueueBindOptions::default();
        let bind = queue.channel.queue_bind(
            "work".into(),
            "events".into(),
            "order.#".into(),
            plain,
            none(),
        );
        bind.await.unwrap();
        queue
    }

    async fn depth(&self) -> u32 {
        let plain = QueueDeclareOptions::default();
        let asked = self.channel.queue_declare("work".into(), plain, FieldTable::default());
        asked.await.unwrap().message_count()
    }

    async fn fill(&self) {
        let mut confirms = Vec::new();
        for number in 0..MESSAGES {
            let mut headers = FieldTable::default();
            headers.insert("attempt".into(), AMQPValue::LongInt(1));
            let properties = BasicProperties::default()
                .with_message_id(format!("m{number}").into())
                .with_content_type("text/plain".into())
                .with_headers(headers);
            let (plain, body) = (BasicPublishOptions::default(), number.to_string());
            let key = "order.made".into();
            let publish = self.channel.basic_publish(
                "events".into(),
                key,
                plain,
                body.as_bytes(),
                properties,
            );
            confirms.push(publish.await.unwrap());
        }
        for confirm in confirms {
            confirm.await.unwrap();
        }
    }

    /// Takes everything out. Duplicates have the properties and the body of
    /// their originals.
    async fn census(&self) -> Census {
        let (depth, mut census) = (self.depth().await, Census::new());
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consume =
            self.channel.basic_consume("work".into(), "".into(), options, FieldTable::default());
        let mut consumer = consume.await.unwrap();
        for _ in 0..depth {
            let delivery = consumer.next().await.unwrap().unwrap();
            let identity = delivery.properties.message_id().clone().unwrap();
            assert_eq!(identity.as_str(), format!("m{}", String::from_utf8_lossy(&delivery.data)));
            assert!(delivery.properties.headers().as_ref().unwrap().contains_key("attempt"));
            assert_eq!(delivery.properties.content_type().as_ref().unwrap().as_str(), "text/plain");
            *census.entry(identity.to_string()).or_default() += 1;
        }
        census
    }
}

const TAP: [&str; 6] = ["--from", "work", "--exchange", "events", "--routing-key", "order.#"];

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_queue_come_twice_as_written_down() {
    let (queue, desk) = (Queue::start().await, Desk::new());
    let more = ["--share", "100%", "--most", "200", "--for", "1h", "--seed", "7"];
    let url = queue.broker.amqp_url.clone();
    let chaos = begin(&desk, &[&[url.as_str()][..], &TAP, &more].concat());
    started(&desk);
    queue.fill().await;
    let handle = tokio::runtime::Handle::current();
    let depth = || tokio::task::block_in_place(|| handle.block_on(queue.depth()));
    end(&desk, chaos, || depth() == MESSAGES + 200);
    assert_eq!(queue.depth().await, MESSAGES + written(&desk).len() as u32);
    expect(&queue.census().await, &written(&desk));
    wait_for("the tap to be gone", || queues(&queue, &handle).len() == 1);
    queue.connection.close(200, "done".into()).await.unwrap();
}

/// The names of the broker's queues.
fn queues(queue: &Queue, handle: &tokio::runtime::Handle) -> Vec<String> {
    let url = format!("{}/api/queues", queue.broker.management_url);
    let http = chaos::http_client().unwrap();
    let asked = async {
        let answer = http.get(url).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let text = tokio::task::block_in_place(|| handle.block_on(asked));
    let listed: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    listed.iter().map(|queue| queue["name"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_tap_leaves_the_broker_as_it_was() {
    let (queue, desk) = (Queue::start().await, Desk::new());
    let url = queue.broker.amqp_url.clone();
    let chaos = begin(&desk, &[&[url.as_str()][..], &TAP, &["--for", "1h"]].concat());
    let handle = tokio::runtime::Handle::current();
    started(&desk);
    wait_for("the tap", || queues(&queue, &handle).len() == 2);
    kill(chaos);
    wait_for("the tap to be gone", || queues(&queue, &handle).len() == 1);
    let (code, out, err) = desk.run(&["recover"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let foreign = url.replace("guest:guest", &format!("joe:{SECRET}"));
    let nowhere = format!("amqp://joe:{SECRET}@127.0.0.1:1");
    for (address, says) in [(foreign, "ACCESS_REFUSED"), (nowhere, "cannot be reached")] {
        let line = [&["duplicate", address.as_str()][..], &TAP, &["--for", "1s"]].concat();
        let (code, _, err) = desk.run(&line);
        assert_eq!(code, Some(4), "{err}");
        assert!(err.contains(says) && !err.contains(SECRET), "{err}");
    }
    for (option, value) in [("--from", "absent"), ("--exchange", "absent")] {
        let mut arguments = TAP.to_vec();
        let at = arguments.iter().position(|word| *word == option).unwrap();
        arguments[at + 1] = value;
        let line = [&["duplicate", url.as_str()][..], &arguments, &["--for", "1s"]].concat();
        let (code, _, err) = desk.run(&line);
        assert_eq!(code, Some(3), "{err}");
        assert!(err.contains("\"absent\" matches nothing"), "{err}");
    }
}
