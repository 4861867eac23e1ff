//! One RabbitMQ and one MongoDB, on which one worker-queue after the other plays.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::{Document, doc};
use lab::reference::worker_queue::{Variant, WorkerQueue, WorkerQueueOptions};
use lab::server::{mongodb, rabbitmq};
use lab::{Lab, MongoDb, MongoDbOptions, RabbitMq, RabbitMqOptions, Server};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::mongodb::{collection, runtime};
use crate::support::{self, http, lab, patience, until};

pub(super) const QUEUE: &str = "user_embedding_updates";
/// Before the first retry; all five take 31 times as long.
pub(super) const BACKOFF: Duration = Duration::from_millis(20);

pub(super) struct Stage {
    pub(super) lab: Lab,
    broker: RabbitMq,
    store: MongoDb,
    runtime: Runtime,
    documents: Collection<Document>,
    _logs: tempfile::TempDir,
}

/// A worker-queue of one variant, on servers without anything in them.
pub(super) struct Play<'a> {
    pub(super) queue: WorkerQueue,
    stage: &'a Stage,
}

/// A user's document.
#[derive(Debug)]
pub(super) struct Embedding {
    pub(super) version: i64,
    pub(super) vector: Vec<f64>,
    /// In milliseconds since the epoch.
    pub(super) newest: i64,
    /// The events, in the order in which they took effect.
    pub(super) processed: Vec<String>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let logs = tempfile::tempdir().unwrap();
        let lab = lab(logs.path());
        let broker = RabbitMq::start(&lab, &RabbitMqOptions::default(), patience()).unwrap();
        let store = MongoDb::start(&lab, &MongoDbOptions::default(), patience()).unwrap();
        let runtime = runtime();
        let documents = runtime.block_on(collection(&store.url, "user_embeddings"));
        Self { lab, broker, store, runtime, documents, _logs: logs }
    }

    pub(super) fn play(&self, variant: Variant) -> Play<'_> {
        self.play_with(variant, |_| ())
    }

    pub(super) fn play_with(
        &self,
        variant: Variant,
        change: impl FnOnce(&mut WorkerQueueOptions),
    ) -> Play<'_> {
        // Not by dropping the collection, which a killed secantusdb may forget. A
        // connection from before the server's last restart fails once.
        let clear = async || self.documents.delete_many(doc! {}).await;
        until("no documents", || self.runtime.block_on(clear()).ok());
        let (_, queues) = self.management("GET", "queues/%2F?columns=name", "").unwrap();
        let queues: Value = serde_json::from_str(&queues).unwrap();
        for queue in queues.as_array().unwrap() {
            let path = format!("queues/%2F/{}", queue["name"].as_str().unwrap());
            self.management("DELETE", &path, "").unwrap();
        }
        let mut options = WorkerQueueOptions {
            variant,
            ..WorkerQueueOptions::new(&self.broker.amqp_url, &self.store.url)
        };
        options.settings.backoff = BACKOFF;
        change(&mut options);
        Play { queue: WorkerQueue::start(&self.lab, &options, patience()).unwrap(), stage: self }
    }

    fn management(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        http(method, &format!("{}/api/{path}", self.broker.management_url), body)
    }

    /// Each dead letter, with its count of retries.
    pub(super) fn dead_letters(&self) -> Vec<(String, i64)> {
        let ask = json!({ "count": 1000, "ackmode": "ack_requeue_true", "encoding": "auto" });
        let (status, text) =
            self.management("POST", "queues/%2F/failed/get", &ask.to_string()).unwrap();
        assert_eq!(status, 200, "{text}");
        let letters: Value = serde_json::from_str(&text).unwrap();
        let read = |letter: &Value| {
            let properties = &letter["properties"];
            let id = properties["message_id"].as_str().unwrap_or_default().to_owned();
            (id, properties["headers"]["x-retry-count"].as_i64().unwrap_or_default())
        };
        letters.as_array().unwrap().iter().map(read).collect()
    }

    /// How many messages the broker has delivered and waits for, a moment ago.
    pub(super) fn unacknowledged(&self) -> u64 {
        let path = format!("queues/%2F/{QUEUE}?columns=messages_unacknowledged");
        let (_, text) = self.management("GET", &path, "").unwrap();
        let queue: Value = serde_json::from_str(&text).unwrap();
        queue["messages_unacknowledged"].as_u64().unwrap_or(u64::MAX)
    }

    pub(super) fn document(&self, user: &str) -> Option<Embedding> {
        let find = async || self.documents.find_one(doc! { "user_id": user }).await;
        let document = until("an answer", || self.runtime.block_on(find()).ok())?;
        let processed = document.get_array("processed").unwrap().iter();
        Some(Embedding {
            version: document.get_i64("version").unwrap(),
            vector: document
                .get_array("vector")
                .unwrap()
                .iter()
                .map(|number| number.as_f64().unwrap())
                .collect(),
            newest: document.get_datetime("newest_event").unwrap().timestamp_millis(),
            processed: processed
                .map(|entry| entry.as_document().unwrap().get_str("id").unwrap().to_owned())
                .collect(),
        })
    }

    /// Waits until a user's document has so many events.
    pub(super) fn events(&self, user: &str, count: usize) -> Embedding {
        until(&format!("{count} events of {user}"), || {
            self.document(user).filter(|document| document.processed.len() >= count)
        })
    }

    pub(super) fn kill(&self, name: &str) {
        support::kill_process(&self.lab, name);
    }

    /// Kills processes at once and waits until all are back.
    pub(super) fn kill_all(&self, names: &[String]) {
        support::kill_processes(&self.lab, names);
    }

    pub(super) fn away(&self, name: &str, meanwhile: impl FnOnce()) {
        support::away(&self.lab, name, meanwhile);
        match name {
            mongodb::SERVER => self.store.wait_until_ready(&self.lab, patience()).unwrap(),
            rabbitmq::SERVER => self.broker.wait_until_ready(&self.lab, patience()).unwrap(),
            _ => {}
        }
    }
}

impl Play<'_> {
    /// Publishes an event of a user.
    pub(super) fn send(&self, id: &str, user: &str) {
        self.send_body(&event(id, user, 1_764_201_600_000));
    }

    pub(super) fn send_body(&self, body: &str) {
        assert_eq!(self.offer(body), Some(202));
    }

    /// The status of an answer.
    pub(super) fn offer(&self, body: &str) -> Option<u16> {
        http("POST", &format!("{}/events", self.queue.url), body).map(|(status, _)| status)
    }

    /// Publishes so many events, several at once.
    pub(super) fn send_many(&self, count: usize, user: impl Fn(usize) -> String + Sync) {
        let (user, part) = (&user, |part: usize| {
            (part..count).step_by(4).map(move |number| (format!("m{number}"), number))
        });
        thread::scope(|scope| {
            for lane in 0..4 {
                scope.spawn(move || {
                    part(lane).for_each(|(id, number)| self.send(&id, &user(number)));
                });
            }
        });
    }

    /// The value of a sample of the control's page.
    pub(super) fn metric(&self, sample: &str) -> Option<f64> {
        let (_, page) = http("GET", &format!("{}/metrics", self.queue.url), "")?;
        page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
    }

    /// How many messages came to such an end.
    pub(super) fn counted(&self, status: &str) -> f64 {
        let sample =
            format!("messenger_processed_messages_total{{queue=\"{QUEUE}\",status=\"{status}\"}}");
        until("the metrics", || self.metric(&sample))
    }

    /// Waits until so many messages came to such an end.
    pub(super) fn expect(&self, status: &str, count: f64) {
        until(&format!("{count} × {status}"), || (self.counted(status) == count).then_some(()));
    }

    pub(super) fn depth(&self, queue: &str) -> Option<f64> {
        self.metric(&format!("messenger_queue_depth{{queue=\"{queue}\"}}"))
    }

    /// Waits until nothing waits and nobody holds anything.
    pub(super) fn drained(&self) {
        until("an empty queue", || (self.depth(QUEUE)? == 0.0).then_some(()));
    }

    pub(super) fn healthy(&self) {
        for replica in &self.queue.replicas {
            let url = format!("{}/health", replica.url);
            until("health", || (http("GET", &url, "")?.0 == 200).then_some(()));
        }
    }

    pub(super) fn workers(&self) -> Vec<String> {
        let workers = self.queue.replicas.iter().filter(|replica| replica.role == "worker");
        workers.map(|replica| replica.name.clone()).collect()
    }
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        for replica in &self.queue.replicas {
            let stopped = self.stage.lab.stop_process(&replica.name, patience());
            if !thread::panicking() {
                stopped.unwrap();
            }
        }
    }
}

impl Embedding {
    /// Events that took effect more than once.
    pub(super) fn repeated(&self) -> usize {
        self.processed.len() - self.processed.iter().collect::<BTreeSet<_>>().len()
    }
}

pub(super) fn event(id: &str, user: &str, at: i64) -> String {
    json!({ "message_id": id, "user_id": user, "occurred_at": at, "kind": "view", "weight": 3 })
        .to_string()
}

pub(super) fn poison(id: &str) -> String {
    json!({ "message_id": id, "user_id": "u", "occurred_at": "never", "kind": "poison", "weight": 0 })
        .to_string()
}
