//! Queues of RabbitMQ: messages that are looked at and stay, and what is watched of
//! them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use lab::{RabbitMq, RabbitMqOptions};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use loadgen::{Fate, Ledger};
use scenarios::plan::{Listing, ProbeKind};
use scenarios::template::Template;
use scenarios::units::Span;
use verify::effects::dead::DeadLetters;
use verify::effects::listing::{List, OrderOf, Spec};
use verify::effects::offered::Offered;
use verify::signal::Cancel;

use crate::support::{Watch, lab, patience};

async fn channel(url: &str, name: &str) -> (Connection, Channel) {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(url, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn declare(channel: &Channel, queue: &str, kind: &str) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), durable, arguments).await.unwrap();
}

/// Publishes `r/w/N` with the number of tries that is given, and waits until the
/// broker has all of them.
async fn publish(channel: &Channel, queue: &str, count: u64, tries: impl Fn(u64) -> Option<i32>) {
    channel.confirm_select(Default::default()).await.unwrap();
    for number in 0..count {
        let mut headers = FieldTable::default();
        if let Some(tries) = tries(number) {
            headers.insert("x-retry-count".into(), AMQPValue::LongInt(tries));
        }
        let properties = BasicProperties::default()
            .with_message_id(format!("r/w/{number}").into())
            .with_headers(headers);
        let body = format!("{{\"id\":\"r/w/{number}\",\"user\":{}}}", number % 7);
        let options = BasicPublishOptions::default();
        let sent =
            channel.basic_publish("".into(), queue.into(), options, body.as_bytes(), properties);
        sent.await.unwrap();
    }
    channel.wait_for_confirms().await.unwrap();
}

fn queue(url: &str, queue: &str, identity: &str) -> Listing {
    Listing::AmqpQueue {
        url: Template::new(url),
        queue: queue.to_owned(),
        timeout: Span::seconds(60),
        identity: identity.parse().unwrap(),
    }
}

fn spec(listing: &Listing) -> Spec {
    Spec {
        schema: None,
        at: None,
        aggregate: None,
        effects: List::new(listing, &BTreeMap::new()).unwrap(),
        dead: None,
        order: None,
        settle: Duration::ZERO,
        run: "r".to_owned(),
        workloads: vec!["w".to_owned()],
    }
}

fn ledger(operations: u64) -> Ledger {
    let mut ledger = Ledger::new("r", "w");
    ledger.add_due(operations);
    (0..operations).for_each(|sequence| ledger.record(sequence, Fate::Acked));
    ledger
}

/// More than one consumer is sent.
const MESSAGES: u64 = 2_500;

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_queue_are_read_and_stay_where_they_are() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let broker = RabbitMq::start(&lab, &RabbitMqOptions::default(), patience()).unwrap();
    let url = broker.amqp_url.as_str();
    let (_connection, channel) = channel(url, "the system").await;
    let known = ledger(MESSAGES);
    let ledgers = BTreeMap::from([("w", &known)]);
    let read = async |listing: &Listing, key: Option<&str>| {
        let mut spec = spec(listing);
        spec.order = key.map(|key| OrderOf::Records(key.parse().unwrap()));
        spec.finish(&ledgers, &Offered::default(), &Cancel::default()).await
    };
    for kind in ["classic", "quorum"] {
        declare(&channel, kind, kind).await;
        publish(&channel, kind, MESSAGES, |_| Some(5)).await;
        for identity in ["message_id", "/id"] {
            let seen = read(&queue(url, kind, identity), Some("/user")).await.unwrap();
            let told = &seen.workloads["w"];
            assert_eq!((told.once.len(), told.more.len()), (MESSAGES, 0), "{kind} {identity}");
            assert!(seen.absent.is_empty() && seen.blind.is_none(), "{kind}: {seen:?}");
            let order = seen.order.unwrap();
            let told = &order.workloads["w"];
            assert_eq!((order.trouble, told.keys, told.inverted), (None, 7, 0), "{kind}");
        }
        // Every one is there, in its place, with what it had.
        for number in 0..MESSAGES {
            let got = channel.basic_get(kind.into(), BasicGetOptions { no_ack: true }).await;
            let got = got.unwrap().unwrap_or_else(|| panic!("{kind}: {number} is gone"));
            let id = got.delivery.properties.message_id().clone().unwrap();
            assert_eq!(id.as_str(), format!("r/w/{number}"), "{kind}");
            if number == 0 {
                println!("{kind}: {:?}", got.delivery.properties.headers());
            }
        }
        assert!(channel.basic_get(kind.into(), Default::default()).await.unwrap().is_none());
        let seen = read(&queue(url, kind, "message_id"), None).await.unwrap();
        assert!(seen.workloads.is_empty() && seen.absent.is_empty(), "an empty queue is there");
    }
    // Dead letters say how often they were tried.
    declare(&channel, "failed", "classic").await;
    publish(&channel, "failed", 30, |number| (number != 7).then_some(5 - i32::from(number > 27)))
        .await;
    let mut dead = spec(&queue(url, "quorum", "message_id"));
    let list = List::new(&queue(url, "failed", "message_id"), &BTreeMap::new()).unwrap();
    dead.dead =
        Some(DeadLetters { list, tries: Some("header:x-retry-count".parse().unwrap()), at: None });
    let seen =
        dead.finish(&ledgers, &Offered::default(), &Cancel::default()).await.unwrap().dead.unwrap();
    let tried = &seen.tries.unwrap().workloads["w"];
    assert_eq!((seen.trouble, seen.workloads["w"].len(), tried.letters()), (None, 30, 30));
    let numbers: Vec<(u64, u64)> = tried.numbers.iter().map(|(n, of)| (*n, of.count)).collect();
    assert_eq!(numbers, [(4, 2), (5, 27)]);
    assert_eq!(
        (tried.numbers[&4].first.as_slice(), tried.none.first.as_slice()),
        (&[28, 29][..], &[7][..])
    );
    let seen = read(&queue(url, "nothing", "message_id"), None).await.unwrap();
    assert!(seen.workloads.is_empty() && seen.absent == ["queue nothing"], "{:?}", seen.absent);
    // What somebody consumes cannot be read: either would miss messages.
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume("classic".into(), "other".into(), options, none).await;
    let error = read(&queue(url, "classic", "message_id"), None).await.unwrap_err();
    assert!(error.contains("it has 1 consumers"), "{error}");
    drop(consumer);
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_their_consumers_are_watched() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let broker = RabbitMq::start(&lab, &RabbitMqOptions::default(), patience()).unwrap();
    let (_connection, channel) = channel(&broker.amqp_url, "the system").await;
    let mut watch = Watch::start(ProbeKind::RabbitmqQueues {
        management: Template::new(&*broker.management_url),
        vhost: "/".to_owned(),
        queues: vec!["work".to_owned(), "failed".to_owned()],
    });
    watch.until("no queue", |watch| watch.last("total_depth", "")).await;
    assert_eq!(watch.absent, ["work", "failed"]);
    assert_eq!(watch.last("acked", "work"), Some(0.0));
    declare(&channel, "failed", "classic").await;
    declare(&channel, "work", "classic").await;
    publish(&channel, "work", 100, |_| None).await;
    let depth = |watch: &Watch| watch.last("depth", "work").filter(|&depth| depth == 100.0);
    watch.until("its messages", depth).await;
    watch.until("all", |w| w.last("total_depth", "").filter(|&depth| depth == 100.0)).await;
    assert!(watch.absent.is_empty(), "{:?}", watch.absent);
    let (worker, taken) = self::channel(&broker.amqp_url, "worker-1").await;
    taken.basic_qos(10, BasicQosOptions::default()).await.unwrap();
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer =
        taken.basic_consume("work".into(), "tag-1".into(), options, none).await.unwrap();
    let held = |watch: &Watch| watch.last("consumer_unacked", "worker-1").filter(|&n| n == 10.0);
    watch.until("what the worker holds", held).await;
    let most = |watch: &Watch| watch.last("max_consumer_unacked", "").filter(|&most| most == 10.0);
    watch.until("the most", most).await;
    let unacked = |watch: &Watch| watch.last("unacked", "work").filter(|&unacked| unacked == 10.0);
    watch.until("what is unacked", unacked).await;
    assert_eq!(watch.last("ready", "work"), Some(90.0));
    assert_eq!(watch.last("depth", "work"), Some(100.0));
    assert_eq!(watch.last("total_consumers", ""), Some(1.0));
    for _ in 0..30 {
        let delivery = consumer.next().await.unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
    let acked = |watch: &Watch| watch.last("acked", "work").filter(|&acked| acked == 30.0);
    watch.until("what was acknowledged", acked).await;
    watch.until("what is left", |w| w.last("depth", "work").filter(|&depth| depth == 70.0)).await;
    assert_eq!(watch.last("published", "work"), Some(100.0));
    assert_eq!(watch.last("redelivered", "work"), Some(0.0));
    worker.close(200, "killed".into()).await.unwrap();
    watch.until("no consumer", |w| w.last("consumers", "work").filter(|&n| n == 0.0)).await;
    watch.until("the most", |w| w.last("max_consumer_unacked", "").filter(|&n| n == 0.0)).await;
    // What was there and is gone is not empty.
    watch.forget();
    channel.queue_delete("work".into(), QueueDeleteOptions::default()).await.unwrap();
    watch.until("that it is gone", |watch| watch.troubles.first().cloned()).await;
    assert!(watch.troubles[0].contains("work: there is no such queue"), "{:?}", watch.troubles);
    watch.end().await;
}
