//! Each variant of the publisher shows its behaviour, and no other, on a real
//! broker.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::reference::publisher::{Publisher, PublisherOptions, Variant};
use lab::reference::{self, Running, StartOptions};
use lab::server::rabbitmq::SERVER;
use lab::{Lab, RabbitMq, RabbitMqOptions};
use rustix::process::Signal;

use crate::support::{http, kill, lab, patience, until};

/// One broker, one part at a time.
struct Stage {
    lab: Lab,
    broker: RabbitMq,
    _logs: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let logs = tempfile::tempdir().unwrap();
        let lab = lab(logs.path());
        let broker = RabbitMq::start(&lab, &RabbitMqOptions::default(), patience()).unwrap();
        Self { lab, broker, _logs: logs }
    }

    /// A node total as it is now.
    fn metric(&self, name: &str) -> Option<u64> {
        let (_, text) = http("GET", &self.broker.metrics_url, "")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.parse().ok()
    }

    fn channels(&self) -> u64 {
        self.metric("rabbitmq_channels").unwrap()
    }

    fn expect(&self, metric: &str, value: u64) {
        until(&format!("{metric} = {value}"), || (self.metric(metric)? == value).then_some(()));
    }

    /// Runs `play` on one replica of `variant`, on a broker without channels.
    fn play(&self, variant: Variant, play: impl FnOnce(&Self, &Publisher)) {
        let begun = Instant::now();
        let options = PublisherOptions {
            variant,
            replicas: 1,
            role: variant.to_string(),
            ..PublisherOptions::new(&self.broker.amqp_url)
        };
        let publisher = Publisher::start(&self.lab, &options, patience()).unwrap();
        play(self, &publisher);
        self.lab.stop_process(&publisher.replicas[0].name, patience()).unwrap();
        self.expect("rabbitmq_connections", 0);
        self.expect("rabbitmq_channels", 0);
        println!("{variant}: {:?}", begun.elapsed());
    }

    fn log(&self, variant: Variant) -> String {
        fs::read_to_string(self.lab.log(&format!("{variant}-1"))).unwrap()
    }
}

fn publish(url: &str, body: &str) -> Option<u16> {
    http("POST", &format!("{url}/publish"), body).map(|(status, _)| status)
}

/// Publishes `count` messages four at a time; gives how many were answered 200.
fn publish_many(url: &str, count: usize) -> usize {
    let quarter = |part: usize| {
        let mine = (0..count).filter(|i| i % 4 == part);
        mine.filter(|i| publish(url, &format!(r#"{{"id":"m{i}","text":"x"}}"#)) == Some(200))
            .count()
    };
    thread::scope(|scope| {
        let parts: Vec<_> = (0..4).map(|part| scope.spawn(move || quarter(part))).collect();
        parts.into_iter().map(|part| part.join().unwrap()).sum()
    })
}

const UNROUTABLE: &str = r#"{"id":"u","text":"x","routing_key":"nobody.listens"}"#;
const NO_EXCHANGE: &str = r#"{"id":"e","text":"x","exchange":"no.such.exchange"}"#;

#[test]
fn the_whole_system_stands_with_all_its_targets_and_survives_kills() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let publisher = reference::system("publisher").unwrap();
    let running = publisher.start(&lab, &StartOptions::default(), patience()).unwrap();
    let names: Vec<&str> = running.targets.keys().map(String::as_str).collect();
    // There is a proxy only where something is reached through it.
    let mut declared = publisher.all_targets();
    declared.retain(|&key| key != "proxy");
    declared.sort_unstable();
    assert_eq!(names, declared);
    let replicas: Vec<&str> = running.replicas.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(replicas, ["service-1", "service-2", "stable-1", "stable-2"]);

    let service = &running.targets["service"];
    assert_eq!(publish_many(service, 40), 40);
    let metrics = || http("GET", &running.targets["metrics"], "").map(|(_, text)| text);
    let has = |line: &str| metrics().is_some_and(|text| text.contains(line));
    assert!(has("\nrabbitmq_channels 16\n") && has("\nrabbitmq_connections 4\n"));

    kill(lab.process("service-1").unwrap().pid.unwrap(), Signal::KILL);
    let health = format!("{}/health", running.replicas[0].url);
    until("service-1 is back", || (lab.process("service-1")?.restarts == 1).then_some(()));
    until("service-1 is healthy", || (http("GET", &health, "")?.0 == 200).then_some(()));

    let answers = publish_through_a_restart(&lab, &running);
    let statuses: BTreeSet<u16> = answers.iter().filter_map(|(_, status)| *status).collect();
    assert!(statuses.is_subset(&BTreeSet::from([200, 503, 504])), "{statuses:?}");
    let kept = messages_in_the_queue(&running.targets["management"]);
    for (id, status) in &answers {
        match status {
            Some(200) => assert!(kept.contains(id), "{id} was confirmed and is lost"),
            Some(503) => assert!(!kept.contains(id), "{id} was refused and is there"),
            _ => {}
        }
    }
    until("all channels are back", || has("\nrabbitmq_channels 16\n").then_some(()));
    assert_eq!(publish_many(service, 40), 40);
    assert_eq!(lab.process("service-2").unwrap().restarts, 0);

    // Asked nicely, a replica ends as it should.
    kill(lab.process("service-2").unwrap().pid.unwrap(), Signal::TERM);
    let exit = until("service-2's end", || lab.process("service-2")?.last_exit);
    assert_eq!(exit, "exit code 0");
}

/// Publishes without a pause while the broker is killed and comes back; gives
/// every identity with the status that it was answered, if any.
fn publish_through_a_restart(lab: &Lab, running: &Running) -> Vec<(String, Option<u16>)> {
    let service = &running.targets["service"];
    let stop = AtomicBool::new(false);
    let confirmed = AtomicUsize::new(0);
    let client = &|number: usize| {
        let mut answers = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let id = format!("c{number}-{}", answers.len());
            let status = publish(service, &format!(r#"{{"id":"{id}","text":"x"}}"#));
            confirmed.fetch_add(usize::from(status == Some(200)), Ordering::Relaxed);
            answers.push((id, status));
            thread::park_timeout(Duration::from_millis(5));
        }
        answers
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|number| scope.spawn(move || client(number))).collect();
        until("traffic", || (confirmed.load(Ordering::Relaxed) > 200).then_some(()));
        let pid = lab.process(SERVER).unwrap().pid.unwrap();
        kill(pid, Signal::KILL);
        until("the broker's restart", || (lab.process(SERVER)?.restarts == 1).then_some(()));
        running.servers[0].wait_until_ready(lab, patience()).unwrap();
        until("a confirm", || (publish(service, r#"{"id":"after"}"#)? == 200).then_some(()));
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

/// Takes every message out of `events.out`; gives their identities.
fn messages_in_the_queue(management: &str) -> BTreeSet<String> {
    let url = format!("{management}/api/queues/%2f/events.out/get");
    let request = r#"{"count":10000,"ackmode":"ack_requeue_false","encoding":"auto"}"#;
    let (status, body) = http("POST", &url, request).unwrap();
    assert_eq!(status, 200, "{body}");
    let messages: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
    let id = |message: &serde_json::Value| {
        Some(message.get("properties")?.get("message_id")?.as_str()?.to_owned())
    };
    messages.iter().filter_map(id).collect()
}

#[test]
fn each_variant_shows_its_behaviour() {
    let stage = Stage::new();
    stage.play(Variant::Correct, correct);
    stage.play(Variant::LeakOnError, leak_on_error);
    stage.play(Variant::SlowLeak, slow_leak);
    stage.play(Variant::ConnectionLeak, connection_leak);
    stage.play(Variant::Churn, churn);
    stage.play(Variant::StaleChannel, stale_channel);
    stage.play(Variant::LeakEveryPublish, leak_every_publish);
    stage.play(Variant::LoseOnExhaustion, lose_on_exhaustion);
}

fn correct(stage: &Stage, publisher: &Publisher) {
    assert_eq!(stage.channels(), 4);
    let opened = stage.metric("rabbitmq_channels_opened_total");
    let begun = Instant::now();
    assert_eq!(publish_many(&publisher.url, 1000), 1000);
    println!("1,000 publishes by 4 clients took {:?}", begun.elapsed());
    assert_eq!(publish(&publisher.url, UNROUTABLE), Some(422));
    assert_eq!(stage.metric("rabbitmq_channels_opened_total"), opened);
    // The broker closes the channel; the next turn on that slot opens another.
    assert_eq!(publish(&publisher.url, NO_EXCHANGE), Some(422));
    assert_eq!(publish_many(&publisher.url, 16), 16);
    stage.expect("rabbitmq_channels", 4);
    assert_eq!(publish(&publisher.url, "hello"), Some(400));
    assert_eq!(publish(&publisher.url, r#"{"text":"no id"}"#), Some(400));
    let (_, metrics) = http("GET", &format!("{}/metrics", publisher.url), "").unwrap();
    assert!(metrics.contains("{outcome=\"confirmed\"} 1016\n"), "{metrics}");
    assert!(metrics.contains("{outcome=\"refused\"} 2\n"), "{metrics}");
    let log = stage.log(Variant::Correct);
    assert!(log.contains("\"info\",\"code\":\"publish_returned\""), "{log}");
    assert!(log.contains("\"error\",\"code\":\"amqp_channel_closed\""), "{log}");
}

fn leak_on_error(stage: &Stage, publisher: &Publisher) {
    assert_eq!(publish_many(&publisher.url, 40), 40);
    assert_eq!(stage.channels(), 4);
    for _ in 0..20 {
        assert_eq!(publish(&publisher.url, UNROUTABLE), Some(422));
    }
    assert_eq!(publish_many(&publisher.url, 8), 8);
    assert_eq!(stage.channels(), 24);
}

fn slow_leak(stage: &Stage, publisher: &Publisher) {
    assert_eq!(publish_many(&publisher.url, 299), 299);
    assert_eq!(stage.channels(), 4);
    assert_eq!(publish_many(&publisher.url, 601), 601);
    assert_eq!(stage.channels(), 7);
}

fn connection_leak(stage: &Stage, publisher: &Publisher) {
    assert_eq!(stage.metric("rabbitmq_connections"), Some(1));
    assert_eq!(publish_many(&publisher.url, 20), 20);
    assert_eq!(stage.metric("rabbitmq_connections"), Some(21));
    assert_eq!(stage.channels(), 20);
    let log = fs::read_to_string(stage.lab.log(SERVER)).unwrap();
    assert_eq!(log.matches(" - connection-leak-1)").count(), 21, "one name for all of them");
}

fn churn(stage: &Stage, publisher: &Publisher) {
    let opened = stage.metric("rabbitmq_channels_opened_total").unwrap();
    assert_eq!(publish_many(&publisher.url, 40), 40);
    stage.expect("rabbitmq_channels", 0);
    assert_eq!(stage.metric("rabbitmq_channels_opened_total"), Some(opened + 40));
}

fn stale_channel(stage: &Stage, publisher: &Publisher) {
    assert_eq!(publish_many(&publisher.url, 40), 40);
    assert_eq!(publish(&publisher.url, NO_EXCHANGE), Some(422));
    // Slots take turns: of each four messages one now meets the dead channel.
    let answers: Vec<u16> =
        (0..40).map(|_| publish(&publisher.url, r#"{"id":"s"}"#).unwrap()).collect();
    assert_eq!(answers.iter().filter(|status| **status == 503).count(), 10, "{answers:?}");
    assert_eq!(stage.channels(), 3);
    assert!(stage.log(Variant::StaleChannel).contains("publish_not_sent"));
}

fn leak_every_publish(stage: &Stage, publisher: &Publisher) {
    assert_eq!(publish_many(&publisher.url, 50), 50);
    assert_eq!(stage.channels(), 50);
    assert_eq!(publish_many(&publisher.url, 2010), 2047 - 50);
    assert_eq!(stage.channels(), 2047);
    assert_eq!(publish(&publisher.url, r#"{"id":"late"}"#), Some(503));
    let log = stage.log(Variant::LeakEveryPublish);
    let line = log.lines().find(|line| line.contains("No free channel ids")).unwrap();
    assert!(line.contains("\"level\":\"error\",\"code\":\"no_free_channel_ids\""), "{line}");
}

fn lose_on_exhaustion(stage: &Stage, publisher: &Publisher) {
    let received = "rabbitmq_global_messages_received_confirm_total{protocol=\"amqp091\"}";
    let before = stage.metric(received).unwrap();
    assert_eq!(publish_many(&publisher.url, 2060), 2060);
    assert_eq!(stage.channels(), 2047);
    stage.expect(received, before + 2047);
    assert!(stage.log(Variant::LoseOnExhaustion).contains("No free channel ids"));
}
