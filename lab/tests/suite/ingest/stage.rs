//! One Redis and one PostgreSQL, on which one ingest after the other plays.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::stores::{ask, query};
use crate::support::{self, http, lab, patience, until};
use lab::reference::ingest::{Ingest, IngestOptions, Variant};
use lab::{Lab, Postgres, PostgresOptions, Redis, RedisOptions, Server};

pub(super) struct Stage {
    pub(super) lab: Lab,
    pub(super) redis: Redis,
    postgres: Postgres,
    _logs: tempfile::TempDir,
}

/// An ingest of one variant, on stores without anything in them.
pub(super) struct Play<'a> {
    pub(super) ingest: Ingest,
    stage: &'a Stage,
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether the header says that it was a hit.
    pub(super) hit: bool,
    pub(super) body: serde_json::Value,
}

/// The samples of a page of metrics.
pub(super) struct Metrics(String);

/// How many requests were accepted while clients send without a pause.
pub(super) struct Progress(AtomicUsize);

impl Stage {
    pub(super) fn new() -> Self {
        let logs = tempfile::tempdir().unwrap();
        let lab = lab(logs.path());
        let redis = Redis::start(&lab, &RedisOptions::default(), patience()).unwrap();
        let postgres = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap();
        Self { lab, redis, postgres, _logs: logs }
    }

    pub(super) fn play(&self, variant: Variant) -> Play<'_> {
        self.play_with(variant, |_| ())
    }

    pub(super) fn play_with(
        &self,
        variant: Variant,
        change: impl FnOnce(&mut IngestOptions),
    ) -> Play<'_> {
        self.redis("FLUSHALL");
        self.sql("drop table if exists messages, message_receipts");
        let mut options = IngestOptions {
            variant,
            workers: 2,
            ..IngestOptions::new(&self.redis.url, &self.postgres.url)
        };
        change(&mut options);
        Play { ingest: Ingest::start(&self.lab, &options, patience()).unwrap(), stage: self }
    }

    pub(super) fn sql(&self, statement: &str) -> String {
        query(&self.postgres, statement)
    }

    /// All that Redis answers.
    pub(super) fn redis_all(&self, command: &str) -> String {
        ask(&self.redis, command)
    }

    /// The number or word that Redis answers.
    pub(super) fn redis(&self, command: &str) -> String {
        let answer = self.redis_all(command);
        answer.lines().next().unwrap_or_default().trim_start_matches([':', '+']).to_owned()
    }

    /// How many messages are not the next of their conversation.
    pub(super) fn out_of_order(&self) -> u32 {
        let count = self.sql(
            "select count(*) from (select \"acceptedSeq\" < lag(\"acceptedSeq\") over \
             (partition by \"conversationId\" order by id) as back from messages) m where back",
        );
        count.parse().unwrap()
    }

    /// Kills a process and waits until it is back and the stores answer.
    pub(super) fn kill(&self, name: &str) {
        self.kill_process(name);
        self.stores_answer();
    }

    /// Kills a process and waits until it is back.
    pub(super) fn kill_process(&self, name: &str) {
        support::kill_process(&self.lab, name);
    }

    /// Kills a process and keeps it away meanwhile.
    pub(super) fn away(&self, name: &str, meanwhile: impl FnOnce()) {
        support::away(&self.lab, name, meanwhile);
        self.stores_answer();
    }

    fn stores_answer(&self) {
        self.redis.wait_until_ready(&self.lab, patience()).unwrap();
        self.postgres.wait_until_ready(&self.lab, patience()).unwrap();
    }
}

impl Play<'_> {
    pub(super) fn send(&self, key: &str, conversation: &str) -> Answer {
        send(&self.ingest.url, &message(key, conversation, "text/plain")).unwrap()
    }

    /// Waits until there are so many rows.
    pub(super) fn rows(&self, count: usize) {
        let count = count.to_string();
        until(&format!("{count} rows"), || {
            (self.stage.sql("select count(*) from messages") == count).then_some(())
        });
    }

    pub(super) fn workers(&self) -> Vec<String> {
        self.ingest.replicas[1..].iter().map(|replica| replica.name.clone()).collect()
    }

    pub(super) fn switch_consumers(&self, on: bool) {
        let word = if on { "start" } else { "stop" };
        for replica in &self.ingest.replicas[1..] {
            let url = format!("{}/consumers/{word}", replica.url);
            until("the switch", || (http("POST", &url, "")?.0 == 200).then_some(()));
        }
        if !on {
            // A read that has begun may still be given messages.
            let waiting = || self.stage.redis_all("CLIENT LIST").matches("flags=b").count();
            until("no reader", || (waiting() == 0).then_some(()));
        }
    }

    pub(super) fn metrics(&self) -> Metrics {
        let url = format!("{}/metrics", self.ingest.url);
        Metrics(until("the metrics", || http("GET", &url, "").map(|(_, text)| text)))
    }

    /// The lag of each partition, if all are known.
    pub(super) fn lags(&self) -> Option<Vec<u64>> {
        let metrics = self.metrics();
        let lag = |n: u16| metrics.value(&format!("stream_partition_lag{{partition=\"{n}\"}}"));
        (0..16).map(|n| lag(n).map(|lag| lag as u64)).collect()
    }

    pub(super) fn healthy(&self) {
        for replica in &self.ingest.replicas {
            let url = format!("{}/health", replica.url);
            until("health", || (http("GET", &url, "")?.0 == 200).then_some(()));
        }
    }

    /// Sends without a pause over so many connections while `faults` happen;
    /// gives what each message was answered, if it was.
    pub(super) fn through(
        &self,
        clients: usize,
        faults: impl FnOnce(&Progress),
    ) -> BTreeMap<String, Option<Answer>> {
        let progress = &Progress(AtomicUsize::new(0));
        let stop = &AtomicBool::new(false);
        let client = |client: usize| {
            let mut answers = BTreeMap::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("c{client}-{number:06}");
                let body =
                    message(&key, &format!("conversation-{client}-{}", number % 3), "text/x");
                let answer = send(&self.ingest.url, &body);
                let accepted = answer.as_ref().is_some_and(|answer| answer.status < 300);
                progress.0.fetch_add(usize::from(accepted), Ordering::Relaxed);
                if !accepted {
                    thread::park_timeout(Duration::from_millis(5));
                }
                answers.insert(key, answer);
            }
            answers
        };
        thread::scope(|scope| {
            let clients: Vec<_> = (0..clients).map(|n| scope.spawn(move || client(n))).collect();
            faults(progress);
            stop.store(true, Ordering::Relaxed);
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        })
    }
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        for replica in &self.ingest.replicas {
            let stopped = self.stage.lab.stop_process(&replica.name, patience());
            if !thread::panicking() {
                stopped.unwrap();
            }
        }
    }
}

impl Progress {
    /// Waits until another hundred requests were accepted.
    pub(super) fn more(&self) {
        let goal = self.0.load(Ordering::Relaxed) + 100;
        until("traffic", || (self.0.load(Ordering::Relaxed) > goal).then_some(()));
    }
}

impl Answer {
    pub(super) fn text(&self, key: &str) -> Option<String> {
        Some(self.body.get(key)?.as_str()?.to_owned())
    }

    pub(super) fn id(&self) -> String {
        self.text("messageId").unwrap_or_default()
    }
}

impl Metrics {
    /// The value of one sample.
    pub(super) fn value(&self, sample: &str) -> Option<f64> {
        self.0.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
    }

    /// The sum of the samples that have each of the parts, which commas divide.
    pub(super) fn sum(&self, parts: &str) -> f64 {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        let wanted = lines.filter(|line| parts.split(',').all(|part| line.contains(part)));
        wanted.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

/// The body of a request, with two recipients.
pub(super) fn message(key: &str, conversation: &str, content_type: &str) -> String {
    format!(
        r#"{{"conversationId":"{conversation}","senderId":"s","content":"hello",
        "contentType":"{content_type}","clientMessageId":"{key}","recipientIds":["a","b"]}}"#
    )
}

/// One request on a connection of its own.
pub(super) fn send(url: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!("POST /api/messages HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        hit: head.contains("\r\nidempotency-hit: true"),
        body: serde_json::from_str(body).ok()?,
    })
}
