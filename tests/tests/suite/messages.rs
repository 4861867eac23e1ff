//! What the proxy's toxics do to single messages, on real brokers: exactly what
//! the record says, and nothing else.

use std::collections::{BTreeMap, VecDeque};

use chaos::proxy::{Effect, ProxyRequest, Server, Settings};
use serde_json::{Value, json};
use tests::broker::OwnBroker;
use tests::machine::Machine;
use tests::program::{Profile, Program};
use tests::run::Run;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::amqp::{Client, Tap};
use crate::support::{expect, sandbox};

/// A proxy that runs on a thread of its own until it is dropped.
struct Proxy {
    server: Server,
    runtime: Handle,
    listen: String,
    _end: oneshot::Sender<()>,
}

impl Proxy {
    fn start(upstream: &str, toxics: Value) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || drop(runtime.block_on(ended)));
        let server = Server::new(&Settings { seed: 7, ..Settings::default() }).unwrap();
        let asked = json!({"name": "p", "upstream": upstream, "toxics": toxics});
        let asked: ProxyRequest = serde_json::from_value(asked).unwrap();
        let listen = handle.block_on(server.create(&asked)).unwrap().listen;
        Self { server, runtime: handle, listen, _end: end }
    }

    fn remove(&self, toxic: &str) {
        self.runtime.block_on(self.server.remove_toxic("p", toxic)).unwrap();
    }

    fn effects(&self) -> Vec<Effect> {
        let page = self.runtime.block_on(self.server.effects("p", 0, usize::MAX)).unwrap();
        assert_eq!((page.missed, page.refused), (0, 0));
        page.effects
    }

    /// The identities of the messages to which this was done.
    fn struck(&self, what: &str) -> Vec<String> {
        let effects = self.effects();
        let effects = effects.iter().filter(|effect| effect.what == what);
        effects.map(|effect| effect.identity["id"].as_str().unwrap().to_owned()).collect()
    }
}

fn identities(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("m{number}")).collect()
}

/// Each of these once, and once more for each time it is among the others.
fn once_and<'a>(ids: &'a [String], more: &'a [String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    ids.iter().chain(more).for_each(|id| *counts.entry(id.clone()).or_default() += 1);
    counts
}

/// The client's tags in the order in which the broker confirmed its own.
fn in_the_brokers_order(tap: &Tap, proxy: &Proxy) -> Vec<u64> {
    let effects = proxy.effects();
    let twice: Vec<u64> =
        effects.iter().map(|effect| effect.identity["number"].as_u64().unwrap()).collect();
    // The number of a duplicate is the one behind its original.
    let ours: Vec<u64> = (1..).zip(&twice).map(|(count, number)| number + count).collect();
    let theirs = tap.confirmed().into_iter().filter(|tag| ours.binary_search(tag).is_err());
    theirs.map(|tag| tag - ours.partition_point(|ours| *ours < tag) as u64).collect()
}

#[test]
fn duplicates_are_those_of_the_record_and_each_confirm_comes_once_and_in_order() {
    let _machine = Machine::acquire().unwrap();
    let broker = OwnBroker::start(Profile::from_environment()).unwrap();
    let ids = identities(10_000);
    for window in [1, 20, 1000] {
        let toxic =
            json!({"type": "amqp_duplicate", "name": "twice", "attributes": {"share": 0.03}});
        let tap = Tap::before(&broker.address()).unwrap();
        let proxy = Proxy::start(&tap.address, json!([toxic]));
        let mut client = Client::connect(&proxy.listen).unwrap();
        // One by one, ten thousand writes to the disk would take a while.
        client.persistent = window > 1;
        let queue = format!("window-{window}");
        client.declare(&queue).unwrap();
        client.select_confirms().unwrap();
        let (confirmed, returned) = client.publish_all(&queue, &ids, window);
        assert_eq!((confirmed.len(), returned.len()), (10_000, 0));
        let twice = proxy.struck("duplicated");
        let out_of_order = confirmed.windows(2).filter(|pair| pair[0] > pair[1]).count();
        println!(
            "window {window}: {} duplicates of {}, {out_of_order} confirms behind a later one",
            twice.len(),
            ids.len()
        );
        assert!(confirmed == in_the_brokers_order(&tap, &proxy), "another order");
        assert!((200..400).contains(&twice.len()), "{}", twice.len());
        let mut direct = Client::connect(&broker.address()).unwrap();
        let found = direct.drain(&queue, ids.len() + twice.len());
        assert!(once_and(&found, &[]) == once_and(&ids, &twice), "the queue holds something else");
        // The numbers stay right when the toxic is gone.
        proxy.remove("twice");
        let more = identities(100);
        let mut tag = 10_000;
        for id in &more {
            client.publish(&queue, id, b"more");
            client.flush().unwrap();
            tag += 1;
            assert_eq!(client.next().unwrap().confirm().0, tag);
        }
        assert_eq!(proxy.struck("duplicated").len(), twice.len());
    }
}

#[test]
fn what_the_broker_gives_back_comes_back_once() {
    let _machine = Machine::acquire().unwrap();
    let broker = OwnBroker::start(Profile::from_environment()).unwrap();
    let toxic = json!({"type": "amqp_duplicate", "attributes": {"share": 0.5}});
    let proxy = Proxy::start(&broker.address(), json!([toxic]));
    let mut client = Client::connect(&proxy.listen).unwrap();
    client.select_confirms().unwrap();
    let ids = identities(500);
    let (confirmed, returned) = client.publish_all("no such queue", &ids, 50);
    assert_eq!((confirmed.len(), &returned), (500, &ids));
    assert!(proxy.struck("duplicated").len() > 200);
}

#[test]
fn our_own_load_goes_through_duplication() {
    let _machine = Machine::acquire().unwrap();
    let broker = OwnBroker::start(Profile::from_environment()).unwrap();
    let toxic = json!({"type": "amqp_duplicate", "attributes": {"share": 0.03}});
    let proxy = Proxy::start(&broker.address(), json!([toxic]));
    let sandbox = sandbox();
    let url = format!("amqp://guest:guest@{}/%2f", proxy.listen);
    let line = ["amqp", &url, "--queue", "load", "--json", "--connections", "1"];
    let shape = ["--rate", "2000/s", "--duration", "5s", "--confirm", "1000"];
    let mut command = sandbox.command(Program::Loadgen, &[&line[..], &shape[..]].concat()).unwrap();
    let ended = Run::start(&mut command).unwrap().end().unwrap();
    expect(&ended, 0, &[]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["operations"]["acked"], 10_000, "{report}");
    let twice = proxy.struck("duplicated");
    assert!((200..400).contains(&twice.len()), "{}", twice.len());
    let mut direct = Client::connect(&broker.address()).unwrap();
    assert_eq!(direct.ready("load") as usize, 10_000 + twice.len());
}

#[test]
fn a_publisher_that_retries_makes_the_duplicates_that_the_record_lists() {
    let _machine = Machine::acquire().unwrap();
    let broker = OwnBroker::start(Profile::from_environment()).unwrap();
    let mut direct = Client::connect(&broker.address()).unwrap();
    for (queue, attributes, window, cuts) in [
        ("one", json!({"from": 5000, "count": 1}), 20, 1),
        ("some", json!({"share": 0.003, "count": 10}), 300, 10),
    ] {
        direct.declare(queue).unwrap();
        let toxic = json!({"type": "amqp_swallow_confirm", "attributes": attributes});
        let proxy = Proxy::start(&broker.address(), json!([toxic]));
        let ids = identities(10_000);
        let mut todo: VecDeque<String> = ids.iter().cloned().collect();
        let mut connections = 0;
        while !todo.is_empty() {
            connections += 1;
            let mut client = Client::connect(&proxy.listen).unwrap();
            client.select_confirms().unwrap();
            let _ = client.publish_some(queue, &mut todo, window);
        }
        let (swallowed, unsure) = (proxy.struck("confirm_swallowed"), proxy.struck("unconfirmed"));
        println!("{queue}: {cuts} cuts, {} confirms swallowed", swallowed.len());
        assert_eq!((connections, unsure.len()), (cuts + 1, 0));
        assert!(swallowed.len() >= cuts);
        assert!(queue == "some" || swallowed.contains(&"m4999".to_owned()), "{swallowed:?}");
        let mut drain = Client::connect(&broker.address()).unwrap();
        let found = drain.drain(queue, ids.len() + swallowed.len());
        assert!(
            once_and(&found, &[]) == once_and(&ids, &swallowed),
            "the queue holds something else"
        );
    }
}

#[test]
fn our_own_load_does_not_know_what_became_of_swallowed_confirms() {
    let _machine = Machine::acquire().unwrap();
    let broker = OwnBroker::start(Profile::from_environment()).unwrap();
    let attributes = json!({"from": 2000, "count": 1});
    let toxic = json!({"type": "amqp_swallow_confirm", "attributes": attributes});
    let proxy = Proxy::start(&broker.address(), json!([toxic]));
    let sandbox = sandbox();
    let url = format!("amqp://guest:guest@{}/%2f", proxy.listen);
    let line = ["amqp", &url, "--queue", "load", "--json", "--connections", "1"];
    let shape = ["--rate", "1000/s", "--duration", "5s", "--confirm", "100"];
    let mut command = sandbox.command(Program::Loadgen, &[&line[..], &shape[..]].concat()).unwrap();
    let ended = Run::start(&mut command).unwrap().end().unwrap();
    expect(&ended, 0, &[]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let count =
        |outcome: &str| usize::try_from(report["operations"][outcome].as_u64().unwrap()).unwrap();
    let swallowed = proxy.struck("confirm_swallowed").len();
    assert!(swallowed > 0 && count("indeterminate") >= swallowed, "{report}");
    let mut direct = Client::connect(&broker.address()).unwrap();
    assert_eq!(direct.ready("load") as usize, count("acked") + swallowed);
}

#[test]
fn a_withheld_acknowledgement_has_the_broker_deliver_again() {
    let _machine = Machine::acquire().unwrap();
    let broker = OwnBroker::start(Profile::from_environment()).unwrap();
    let attributes = json!({"share": 0.2, "most": 2});
    let toxic = json!({"type": "amqp_withhold_ack", "attributes": attributes});
    let proxy = Proxy::start(&broker.address(), json!([toxic]));
    let ids = identities(500);
    let mut direct = Client::connect(&broker.address()).unwrap();
    direct.declare("work").unwrap();
    direct.select_confirms().unwrap();
    direct.publish_all("work", &ids, 100);
    let (mut first, mut again) = (Vec::new(), BTreeMap::<String, u64>::new());
    let is_over = |error: &std::io::Error, direct: &mut Client| {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        // All that came was acknowledged, and no acknowledgement was withheld,
        // since otherwise the connection would have ended.
        matches!(error.kind(), TimedOut | WouldBlock) && direct.ready("work") == 0
    };
    let mut connections = 0;
    'connections: loop {
        connections += 1;
        let mut client = Client::connect(&proxy.listen).unwrap();
        client.consume("work", 5, true);
        client.hurry();
        loop {
            match client.next() {
                Ok(said) => {
                    let (tag, redelivered) = said.delivery();
                    if redelivered {
                        *again.entry(said.id).or_default() += 1;
                    } else {
                        first.push(said.id);
                    }
                    // What cannot be said any more is said of the next delivery.
                    let _ = client.ack(tag, false);
                }
                Err(error) if is_over(&error, &mut direct) => break 'connections,
                Err(_) => continue 'connections,
            }
        }
    }
    let withheld = proxy.struck("ack_withheld");
    let mut times = BTreeMap::<String, u64>::new();
    let all = [withheld.clone(), proxy.struck("unacked")].concat();
    all.into_iter().for_each(|id| *times.entry(id).or_default() += 1);
    println!("{} acknowledgements withheld, {} delivered again", withheld.len(), again.len());
    assert!(connections > 10 && withheld.len() == connections - 1, "{connections}");
    assert!(times.values().all(|times| *times <= 2), "{times:?}");
    // What was on its way at the end of a connection also comes again.
    times.iter().for_each(|(id, times)| assert!(again[id] >= *times, "{id}"));
    assert!(first.iter().all(|id| !again.contains_key(id) || times.contains_key(id)));
}

#[test]
fn what_is_dropped_swapped_or_late_is_what_the_record_lists() {
    let _machine = Machine::acquire().unwrap();
    let broker = OwnBroker::start(Profile::from_environment()).unwrap();
    let ids = identities(3000);
    for (kind, attributes, what) in [
        ("amqp_drop", json!({"share": 0.03}), "dropped"),
        ("amqp_reorder", json!({"share": 0.1, "wait": 1000}), "reordered"),
        ("amqp_delay", json!({"share": 0.01, "delay": 30}), "delayed"),
    ] {
        let toxic = json!({"type": kind, "attributes": attributes});
        let proxy = Proxy::start(&broker.address(), json!([toxic]));
        let mut client = Client::connect(&proxy.listen).unwrap();
        client.declare(kind).unwrap();
        client.select_confirms().unwrap();
        let (confirmed, returned) = client.publish_all(kind, &ids, 100);
        assert_eq!((confirmed.len(), returned.len()), (3000, 0));
        let struck = proxy.struck(what);
        println!("{}: {} of {}", what, struck.len(), ids.len());
        assert!(struck.len() > 10, "{}", struck.len());
        let mut expected = ids.clone();
        match what {
            "dropped" => expected.retain(|id| !struck.contains(id)),
            "reordered" => {
                for id in &struck {
                    let at = expected.iter().position(|other| other == id).unwrap();
                    expected.swap(at, at + 1);
                }
            }
            _ => {}
        }
        let mut direct = Client::connect(&broker.address()).unwrap();
        assert!(direct.drain(kind, expected.len()) == expected, "{what}: something else");
    }
}
