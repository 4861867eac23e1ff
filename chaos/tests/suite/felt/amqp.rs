//! Faults of a RabbitMQ node, felt by a publisher.

use std::time::Duration;

use lab::{RabbitMq, RabbitMqOptions, server::rabbitmq::SERVER};
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, PublisherConfirm};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::ground::patience;
use super::{Case, Ground, feel, words};
use crate::program::Desk;
use crate::sleeper::wait_for;

const QUEUE: &str = "work";
/// Too long for the confirm of a broker that is well.
const SILENCE: Duration = Duration::from_secs(1);

/// A node and one publisher, which connects again when it was cut.
struct Publisher {
    ground: Ground,
    broker: RabbitMq,
    runtime: Runtime,
    link: Option<(Connection, Channel)>,
    /// One that was not confirmed yet.
    open: Option<PublisherConfirm>,
}

impl Publisher {
    fn start() -> Self {
        let ground = Ground::new();
        let options = RabbitMqOptions::default();
        let broker = RabbitMq::start(&ground.lab, &options, patience()).unwrap();
        let runtime = Runtime::new().unwrap();
        Self { ground, broker, runtime, link: None, open: None }
    }

    fn connect(&mut self) {
        if self.link.as_ref().is_some_and(|(connection, _)| connection.status().connected()) {
            return;
        }
        let properties = ConnectionProperties::default().with_connection_name("publisher".into());
        let link = self.runtime.block_on(async {
            let connection = Connection::connect(&self.broker.amqp_url, properties).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let plain = QueueDeclareOptions::default();
            channel.queue_declare(QUEUE.into(), plain, FieldTable::default()).await?;
            Ok::<_, lapin::Error>((connection, channel))
        });
        self.link = Some(link.unwrap());
        self.open = None;
    }

    fn publish(&mut self) {
        let (_, channel) = self.link.as_ref().unwrap();
        let (plain, none) = (BasicPublishOptions::default(), BasicProperties::default());
        let publish = channel.basic_publish("".into(), QUEUE.into(), plain, b"one", none);
        self.open = self.runtime.block_on(publish).ok();
    }

    /// Whether the broker confirms a message in time. One that is late is waited
    /// for again the next time, before another is published.
    fn is_confirmed(&mut self) -> bool {
        if self.open.is_none() {
            self.publish();
        }
        let Some(open) = &mut self.open else { return false };
        let waited = self.runtime.block_on(async { tokio::time::timeout(SILENCE, open).await });
        if waited.is_ok() {
            self.open = None;
        }
        matches!(waited, Ok(Ok(_)))
    }

    /// Messages in the queue, as the broker knows them now.
    fn depth(&mut self) -> u32 {
        self.connect();
        let (_, channel) = self.link.as_ref().unwrap();
        let plain = QueueDeclareOptions::default();
        let asked = channel.queue_declare(QUEUE.into(), plain, FieldTable::default());
        self.runtime.block_on(asked).unwrap().message_count()
    }

    /// What the management API says of the node.
    fn node(&self) -> Value {
        let url = format!("{}/api/nodes", self.broker.management_url);
        let http = chaos::http_client().unwrap();
        let asked = async { http.get(url).send().await };
        let answer = self.runtime.block_on(async { asked.await.unwrap().text().await.unwrap() });
        serde_json::from_str::<Value>(&answer).unwrap()[0].clone()
    }
}

/// The broker blocks whoever publishes.
struct Blocked {
    publisher: Publisher,
    of: &'static str,
    /// The thresholds before.
    limits: [Value; 2],
}

impl Blocked {
    fn start(of: &'static str) -> Self {
        let mut publisher = Publisher::start();
        publisher.connect();
        let mut blocked = Self { publisher, of, limits: [Value::Null, Value::Null] };
        // A node that has just started knows no figures of itself.
        wait_for("the thresholds", || {
            blocked.limits = blocked.limits();
            blocked.limits.iter().all(Value::is_number)
        });
        blocked
    }

    fn limits(&self) -> [Value; 2] {
        let node = self.publisher.node();
        ["mem_limit", "disk_free_limit"].map(|name| node[name].clone())
    }
}

impl Case for Blocked {
    fn arguments(&self) -> Vec<String> {
        let pid = self.publisher.ground.pid(SERVER).unwrap().to_string();
        words(&["rabbitmq-alarm", "--of", self.of, "--pid", &pid])
    }

    /// The client is told, and its message is not confirmed.
    fn is_felt(&mut self, _: &Desk) -> bool {
        !self.publisher.is_confirmed()
            && self.publisher.link.as_ref().unwrap().0.status().blocked()
            && self.limits() != self.limits
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.publisher.connect();
        self.publisher.is_confirmed() && self.limits() == self.limits
    }
}

/// The broker closes the publisher's connection.
struct Cut(Publisher);

impl Case for Cut {
    fn arguments(&self) -> Vec<String> {
        let url = &self.0.broker.management_url;
        words(&["close-connections", "--management", url, "--matching", "publisher"])
    }

    fn lasts(&self) -> bool {
        false
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        let cut = self.0.link.as_ref().is_some_and(|(link, _)| !link.status().connected());
        if cut {
            self.0.connect();
        }
        cut
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.0.connect();
        self.0.is_confirmed()
    }
}

/// Messages that waited are gone.
struct Purged(Publisher);

impl Case for Purged {
    fn arguments(&self) -> Vec<String> {
        let url = &self.0.broker.management_url;
        words(&["purge-queue", "--management", url, "--queue", QUEUE, "--lose-messages"])
    }

    fn lasts(&self) -> bool {
        false
    }

    /// Whoever lost messages publishes others.
    fn begin(&mut self) {
        self.0.connect();
        while self.0.depth() < 5 {
            assert!(self.0.is_confirmed());
        }
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        self.0.depth() == 0
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.0.is_confirmed()
    }
}

#[test]
fn a_memory_alarm_is_felt() {
    feel(&mut Blocked::start("memory"));
}

#[test]
fn a_disk_alarm_is_felt() {
    feel(&mut Blocked::start("disk"));
}

/// Shorter than it takes to ask the node.
#[test]
fn a_short_alarm_is_confirmed() {
    let mut blocked = Blocked::start("memory");
    let desk = Desk::new();
    let mut arguments = blocked.arguments();
    arguments.extend(words(&["--for", "100ms"]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (code, _, err) = desk.run(&arguments);
    assert_eq!(code, Some(0), "{err}");
    wait_for("a whole node", || blocked.is_whole(&desk));
}

#[test]
fn a_closed_connection_of_rabbitmq_is_felt() {
    feel(&mut Cut(Publisher::start()));
}

#[test]
fn a_purge_is_felt_and_refused_if_it_was_not_meant() {
    let mut purged = Purged(Publisher::start());
    feel(&mut purged);
    purged.begin();
    let desk = Desk::new();
    let arguments = purged.arguments();
    let meant = arguments.iter().map(String::as_str).filter(|word| *word != "--lose-messages");
    let (code, _, err) = desk.run(&meant.collect::<Vec<_>>());
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("--lose-messages"), "{err}");
    assert!(purged.0.depth() >= 5);

    // And one of an empty queue hits nobody.
    let (_, channel) = purged.0.link.as_ref().unwrap();
    let purge = channel.queue_purge(QUEUE.into(), QueuePurgeOptions::default());
    purged.0.runtime.block_on(purge).unwrap();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (code, _, err) = desk.run(&arguments);
    assert_eq!(code, Some(3), "{err}");
}
