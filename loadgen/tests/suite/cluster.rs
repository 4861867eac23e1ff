//! A real Redis Cluster, each node of it a private child of the test.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use loadgen::tally::Tally;
use loadgen::transport::redis::{Into, Stream};
use loadgen::{Fate, Job, Redis, Report, Schedule, Tls, Transport};
use rustix::process::Signal;
use scenarios::units::Rate;

use crate::support::redis::Redis as Server;
use crate::support::{PATIENCE, SECOND, complete, start, until_acked};

/// How many hash slots there are.
const SLOTS: usize = 16_384;

const PARTITIONS: u32 = 16;

/// Three masters, and a replica of each if wanted.
struct Cluster {
    masters: Vec<Server>,
    replicas: Vec<Server>,
}

impl Cluster {
    fn start(with_replicas: bool) -> Self {
        let masters: Vec<_> = (0..3).map(|_| Server::start_node()).collect();
        let replicas: Vec<_> =
            (0..if with_replicas { 3 } else { 0 }).map(|_| Server::start_node()).collect();
        let cluster = Self { masters, replicas };
        for (number, master) in cluster.masters.iter().enumerate() {
            let (first, last) = (SLOTS * number / 3, SLOTS * (number + 1) / 3 - 1);
            let (first, last) = (first.to_string(), last.to_string());
            master.demand(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            master.demand(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        for node in cluster.all().skip(1) {
            let (port, bus) = (node.port.to_string(), node.bus.unwrap().to_string());
            cluster.masters[0].demand(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let known = format!("cluster_known_nodes:{}\r", cluster.all().count());
        for node in cluster.all() {
            wait("all nodes know each other", || node.info().contains(&known));
        }
        for (replica, master) in cluster.replicas.iter().zip(&cluster.masters) {
            let id = master.ask(&["CLUSTER", "MYID"]).unwrap();
            // It is refused for as long as the replica has not heard of it.
            wait("a replica", || {
                replica.ask(&["CLUSTER", "REPLICATE", &id]).as_deref() == Some("+OK")
            });
        }
        for replica in &cluster.replicas {
            wait("replication", || {
                let info = replica.ask(&["INFO", "REPLICATION"]).unwrap_or_default();
                info.contains("master_link_status:up")
            });
        }
        let replicas = cluster.replicas.len();
        for node in cluster.all() {
            wait("a cluster that stands", || {
                let nodes = node.ask(&["CLUSTER", "NODES"]).unwrap_or_default();
                node.info().contains("cluster_state:ok")
                    && nodes.matches("slave").count() == replicas
                    && !nodes.contains("handshake")
            });
        }
        cluster
    }

    /// The master that serves a key, by its number.
    fn owner(&self, key: &str) -> usize {
        let slot = self.masters[0].number(&["CLUSTER", "KEYSLOT", key]) as usize;
        (0..3).find(|number| slot < SLOTS * (number + 1) / 3).unwrap()
    }

    fn all(&self) -> impl Iterator<Item = &Server> + Clone {
        self.masters.iter().chain(&self.replicas)
    }

    /// The operations in all the streams, in any order. `nodes` are those that
    /// may serve them.
    fn held<'a>(nodes: impl Iterator<Item = &'a Server> + Clone) -> Vec<u64> {
        let mut held = Vec::new();
        for part in 0..PARTITIONS {
            let stream = format!("s-{part}");
            let found = nodes.clone().find_map(|node| node.operations(&stream));
            held.extend(found.expect("somebody serves the stream"));
        }
        held
    }
}

impl Server {
    pub(crate) fn demand(&self, words: &[&str]) {
        assert_eq!(self.ask(words).as_deref(), Some("+OK"), "{words:?}");
    }

    fn info(&self) -> String {
        self.ask(&["CLUSTER", "INFO"]).unwrap_or_default()
    }

    /// The operations in a stream; `None` if it is served elsewhere.
    fn operations(&self, stream: &str) -> Option<Vec<u64>> {
        let mut server = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        server.write_all(format!("XRANGE {stream} - +\r\n").as_bytes()).ok()?;
        let mut words = Vec::new();
        words_of(&mut BufReader::new(server), &mut words)?;
        let numbers = words.iter().filter(|word| word.starts_with("test"));
        Some(numbers.map(|id| number_of(id)).collect())
    }
}

/// The number of an operation, at the end of its identity.
fn number_of(id: &str) -> u64 {
    let digits = id.trim_end().rfind(|byte: char| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    id[digits..].parse().unwrap()
}

/// Reads an answer's bulk strings; `None` if it is an error.
fn words_of(reader: &mut impl BufRead, words: &mut Vec<String>) -> Option<()> {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (kind, rest) = line.split_at_checked(1)?;
    let length = || rest.trim().parse::<usize>().unwrap();
    match kind {
        "*" => (0..length()).try_for_each(|_| words_of(reader, words)),
        "$" => {
            let mut bytes = vec![0; length() + 2];
            reader.read_exact(&mut bytes).unwrap();
            words.push(String::from_utf8(bytes[..bytes.len() - 2].to_vec()).unwrap());
            Some(())
        }
        _ => None,
    }
}

/// Waits until something holds.
#[expect(clippy::disallowed_methods, reason = "the pause between two looks at a condition")]
pub(crate) fn wait(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn job(node: &Server, rate: f64, length: Duration) -> Job {
    let stream = Stream {
        name: "s".to_owned(),
        partitions: PARTITIONS,
        max_length: None,
        exact: false,
        existing: false,
    };
    job_into(node, Into::Stream(stream), rate, length)
}

fn job_into(node: &Server, into: Into, rate: f64, length: Duration) -> Job {
    job_to(node.port, into, rate, length)
}

pub(crate) fn job_to(port: u16, into: Into, rate: f64, length: Duration) -> Job {
    let redis = Redis {
        url: format!("redis://127.0.0.1:{port}/"),
        cluster: true,
        into,
        pipeline: 16,
        fields: vec![("id".to_owned(), "@{id}".into())],
        group: "g".to_owned(),
        ack_every: 10,
        tls: Tls::default(),
    };
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job {
        connections: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "redis", schedule, Transport::Redis(redis))
    }
}

/// Sees that no operation is there twice, that every acknowledged one is
/// there, and no other that is not indeterminate.
fn exactly_once(report: &Report, held: &[u64]) {
    let once: BTreeSet<u64> = held.iter().copied().collect();
    assert_eq!(once.len(), held.len(), "an operation is there twice");
    let acked = report.ledger.of(Fate::Acked);
    let lost: Vec<_> = acked.iter().filter(|number| !once.contains(number)).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    only_what_may_be(report, held);
}

/// Sees that nothing is there that has definitely not been done.
fn only_what_may_be(report: &Report, held: &[u64]) {
    let unknown = report.ledger.of(Fate::Indeterminate);
    let acked = report.ledger.of(Fate::Acked);
    for number in held {
        assert!(acked.contains(*number) || unknown.contains(*number), "{number} was not done");
    }
}

#[test]
fn every_partition_is_written_and_read_where_it_is() {
    let cluster = Cluster::start(false);
    let job = Job { consumers: 3, ..job(&cluster.masters[1], 2_000.0, 2 * SECOND) };
    let report = complete(start(job).wait().unwrap());
    assert_eq!((report.totals.due, report.totals.acked), (4_000, 4_000), "{:?}", report.errors);
    let held = Cluster::held(cluster.all());
    assert_eq!(held.len(), 4_000);
    exactly_once(&report, &held);
    for master in &cluster.masters {
        assert!(master.number(&["DBSIZE"]) > 0, "a node has no partition");
    }
    let received = report.received.unwrap();
    assert_eq!((received.seen.len(), received.messages), (4_000, 4_000), "{received:?}");
    assert_eq!((received.foreign, received.repeated), (0, 0));
    assert_eq!(received.errors, []);
}

#[test]
fn lists_and_channels_of_a_cluster() {
    let cluster = Cluster::start(false);
    let list = Into::List { name: "l".to_owned(), left: true };
    // Two that do not serve the list are asked, too.
    for (number, node) in cluster.masters.iter().enumerate() {
        let report = start(job_into(node, list.clone(), 300.0, SECOND)).wait().unwrap();
        assert_eq!(complete(report).totals.acked, 300);
        let owner = &cluster.masters[cluster.owner("l")];
        assert_eq!(owner.number(&["LLEN", "l"]), 300 * (number as u64 + 1));
    }
    let list = Into::List { name: "read".to_owned(), left: true };
    let job = Job { consumers: 2, ..job_into(&cluster.masters[0], list, 300.0, SECOND) };
    let report = complete(start(job).wait().unwrap());
    assert_eq!(report.received.unwrap().seen.len(), 300);

    let channel = Into::Channel("c".to_owned());
    let heard = Job { consumers: 1, ..job_into(&cluster.masters[0], channel, 300.0, SECOND) };
    // A publish reaches those that listen already: the consumer comes first.
    let running = loadgen::start(heard, Instant::now() + SECOND, SystemTime::UNIX_EPOCH).unwrap();
    let report = complete(running.wait().unwrap());
    assert_eq!(report.totals.acked, 300);
    assert_eq!(report.received.unwrap().seen.len(), 300);
}

#[test]
fn a_slot_that_moves_during_the_run_loses_and_fails_nothing() {
    let cluster = Cluster::start(false);
    let stream = "s-7";
    let from = cluster.owner(stream);
    let (source, target) = (&cluster.masters[from], &cluster.masters[(from + 1) % 3]);
    let job = Job { consumers: 2, ..job(&cluster.masters[0], 1_000.0, PATIENCE) };
    let running = start(job);
    let go_on = |count| until_acked(&running, running.progress().acked + count);
    go_on(500);
    let slot = source.number(&["CLUSTER", "KEYSLOT", stream]).to_string();
    let id = |node: &Server| node.ask(&["CLUSTER", "MYID"]).unwrap();
    let (source_id, target_id) = (id(source), id(target));
    target.demand(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id]);
    source.demand(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id]);
    go_on(200);
    let port = target.port.to_string();
    source.demand(&["MIGRATE", "127.0.0.1", &port, stream, "0", "30000"]);
    // Until the slot is the target's, the source says ASK.
    go_on(500);
    for node in [target, source, &cluster.masters[(from + 2) % 3]] {
        node.demand(&["CLUSTER", "SETSLOT", &slot, "NODE", &target_id]);
    }
    go_on(500);
    running.stop();
    let report = complete(running.wait().unwrap());
    let Tally { acked, failed, indeterminate, .. } = report.totals;
    assert_eq!((failed, indeterminate), (0, 0), "{:?}", report.errors);
    assert!(source.operations(stream).is_none());
    assert!(target.operations(stream).is_some_and(|held| held.len() > 50));
    let held = Cluster::held(cluster.all());
    assert_eq!(held.len() as u64, acked);
    exactly_once(&report, &held);
    let received = report.received.unwrap();
    assert_eq!(received.seen.len(), acked, "{:?}", received.errors);
}

/// A replica takes over while operations and consumers are under way.
/// Operations may take as long as `timeout`.
fn takes_over(timeout: Duration, end: impl FnOnce(&mut Server)) -> Report {
    let mut cluster = Cluster::start(true);
    let stream = "s-3";
    // The address that was given dies, too: the others are known by then.
    let victim = cluster.owner(stream);
    for (number, replica) in cluster.replicas.iter().enumerate() {
        if number != victim {
            // A busy machine must not make another master look dead.
            replica.demand(&["CONFIG", "SET", "cluster-replica-no-failover", "yes"]);
        }
    }
    let job = job(&cluster.masters[victim], 600.0, 2 * PATIENCE);
    let running = start(Job { consumers: 2, timeout, ..job });
    until_acked(&running, 600);
    end(&mut cluster.masters[victim]);
    let replica = &cluster.replicas[victim];
    wait("a replica that takes over", || {
        replica.ask(&["INFO", "REPLICATION"]).is_some_and(|info| info.contains("role:master"))
    });
    let promoted = running.progress().due;
    let later = |held: &[u64]| held.iter().filter(|&&number| number >= promoted).count();
    wait("operations at the new master", || {
        replica.operations(stream).is_some_and(|held| later(&held) >= 20)
    });
    wait("a consumer at the new master", || {
        replica.ask(&["CLIENT", "LIST"]).is_some_and(|list| list.contains("cmd=xreadgroup"))
    });
    running.stop();
    let report = complete(running.wait().unwrap());
    // What was under way on the two links to the dead node, and no more.
    assert!(report.totals.indeterminate <= 2 * 16, "{:?} {:?}", report.totals, report.errors);
    let survivors = cluster.all().filter(|node| node.port != cluster.masters[victim].port);
    let held = Cluster::held(survivors);
    let once: BTreeSet<u64> = held.iter().copied().collect();
    assert_eq!(once.len(), held.len(), "an operation is there twice");
    only_what_may_be(&report, &held);
    // Redis may lose what a master acknowledged and did not replicate; not
    // what was acknowledged later.
    let acked = report.ledger.of(Fate::Acked);
    let lost = acked.iter().filter(|number| *number >= promoted && !once.contains(number));
    let lost: Vec<_> = lost.collect();
    assert!(lost.is_empty(), "{lost:?}");
    let received = report.received.as_ref().unwrap();
    let read = replica.operations(stream).unwrap();
    let read = read.iter().filter(|number| received.seen.contains(**number));
    assert!(read.filter(|&&number| number >= promoted).count() >= 20, "{:?}", received.errors);
    report
}

#[test]
fn a_replica_that_takes_over_from_a_dead_master_is_found() {
    let report = takes_over(PATIENCE, |master| {
        master.child.kill().unwrap();
        master.child.wait().unwrap();
    });
    // One operation for each attempt to reach the dead node.
    assert!(report.totals.failed < report.totals.due / 10, "{:?}", report.totals);
}

#[test]
fn a_replica_that_takes_over_from_a_master_that_hangs_is_found() {
    let report = takes_over(Duration::from_secs(10), |master| master.signal(Signal::STOP));
    assert!(report.totals.indeterminate > 0, "{:?}", report.totals);
}

#[test]
fn a_cluster_that_is_gone_ends_the_run_on_time() {
    let mut cluster = Cluster::start(false);
    let job = Job {
        timeout: SECOND,
        grace: SECOND,
        consumers: 2,
        ..job(&cluster.masters[0], 500.0, Duration::from_secs(3))
    };
    let began = Instant::now();
    let running = start(job);
    until_acked(&running, 200);
    for master in &mut cluster.masters {
        master.child.kill().unwrap();
    }
    let report = complete(running.wait().unwrap());
    let totals = report.totals;
    assert_eq!(totals.due, 1_500);
    assert!(totals.acked >= 200 && totals.acked < 1_500, "{totals:?}");
    assert!(totals.indeterminate <= 3 * 2 * 16, "{totals:?}");
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(report.outages.len(), 1, "{:?}", report.outages);
}

#[test]
fn a_node_that_hangs_is_waited_for_no_longer_than_allowed() {
    let cluster = Cluster::start(false);
    let victim = &cluster.masters[cluster.owner("s-3")];
    let job = Job {
        timeout: SECOND,
        grace: SECOND,
        ..job(&cluster.masters[0], 500.0, Duration::from_secs(4))
    };
    let began = Instant::now();
    let running = start(job);
    until_acked(&running, 200);
    victim.signal(Signal::STOP);
    let report = complete(running.wait().unwrap());
    let took = began.elapsed();
    victim.signal(Signal::CONT);
    let totals = report.totals;
    assert_eq!(totals.due, 2_000);
    assert!(totals.acked >= 200 && totals.indeterminate > 0, "{totals:?}");
    assert!(took < PATIENCE, "{took:?}");
}

#[test]
fn a_user_must_be_let_in_by_every_node() {
    let cluster = Cluster::start(false);
    let stranger = cluster.owner("s-3");
    for (number, node) in cluster.masters.iter().enumerate() {
        if number != stranger {
            node.demand(&["ACL", "SETUSER", "load", "on", ">right", "~*", "&*", "+@all"]);
        }
    }
    let seed = &cluster.masters[(stranger + 1) % 3];
    let mut job = Job { timeout: SECOND, grace: SECOND, ..job(seed, 200.0, SECOND) };
    let Transport::Redis(redis) = &mut job.transport else { unreachable!() };
    redis.url = format!("redis://load:right@127.0.0.1:{}/", seed.port);
    let report = match start(job).wait() {
        Ok(report) => complete(report),
        // It was refused before any operation was accepted elsewhere.
        Err(error) => {
            assert!(error.to_string().contains("WRONGPASS"), "{error}");
            return;
        }
    };
    // The links to the other nodes are not concerned.
    for part in 0..PARTITIONS {
        let stream = format!("s-{part}");
        let owner = cluster.owner(&stream);
        let held = cluster.masters[owner].operations(&stream).unwrap().len();
        assert_eq!(held > 0, owner != stranger, "{stream}: {held} {:?}", report.errors);
    }
    assert!(report.totals.failed > 0, "{:?}", report.totals);
    let refused = report.errors.iter().any(|(error, _)| error.contains("WRONGPASS"));
    assert!(refused, "{:?}", report.errors);
}

#[test]
fn a_server_that_is_no_node_is_told() {
    let server = Server::start();
    let error = job(&server, 100.0, SECOND).ready().unwrap_err().to_string();
    assert!(error.contains("is no node of a cluster"), "{error}");
    // And the other way round.
    let cluster = Cluster::start(false);
    let mut job = job(&cluster.masters[0], 100.0, SECOND);
    let Transport::Redis(redis) = &mut job.transport else { unreachable!() };
    redis.cluster = false;
    let report = complete(start(job).wait().unwrap());
    assert!(report.totals.failed > 0, "{:?}", report.totals);
    assert!(report.errors[0].0.contains("use --cluster"), "{:?}", report.errors);
}

/// A node that says of itself that it serves every slot, and answers as
/// `answer` wants, which is given the command and the one before it. Gives its
/// port.
pub(crate) fn pretend(answer: impl Fn(u16, &str, &str) -> String + Send + Clone + 'static) -> u16 {
    pretend_to_know(|port| slots(&[("127.0.0.1", port)]), answer)
}

/// The answer to `CLUSTER SLOTS` in which the first of these nodes serves every
/// slot and the others are its replicas.
pub(crate) fn slots(nodes: &[(&str, u16)]) -> String {
    let node = |(host, port): &(&str, u16)| {
        format!("\r\n*3\r\n${}\r\n{host}\r\n:{port}\r\n$1\r\na", host.len())
    };
    let nodes_of: String = nodes.iter().map(node).collect();
    format!("*1\r\n*{}\r\n:0\r\n:16383{nodes_of}", nodes.len() + 2)
}

/// [`pretend`], with what it says of the cluster at its port.
pub(crate) fn pretend_to_know(
    knows: impl Fn(u16) -> String + Send + Clone + 'static,
    answer: impl Fn(u16, &str, &str) -> String + Send + Clone + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, knows, answer) = (stream.unwrap(), knows.clone(), answer.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut before = String::new();
                // The connection ends with the run.
                while reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
                    let mut words = Vec::new();
                    words_of(&mut reader, &mut words).unwrap();
                    let command = words.swap_remove(0);
                    let text = match command.as_str() {
                        "CLIENT" => "+OK".to_owned(),
                        "CLUSTER" => knows(port),
                        command => answer(port, command, &before),
                    };
                    before = command;
                    let _ = stream.write_all(format!("{text}\r\n").as_bytes());
                }
            });
        }
    });
    port
}

pub(crate) fn pretended(port: u16, timeout: Duration) -> Report {
    let list = Into::List { name: "l".to_owned(), left: false };
    let job = Job { timeout, ..job_to(port, list, 20.0, SECOND) };
    complete(start(job).wait().unwrap())
}

#[test]
fn redirections_that_do_not_end_are_ended() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let port = pretend(move |port, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        format!("-MOVED 1 127.0.0.1:{port}")
    });
    let report = pretended(port, PATIENCE);
    assert_eq!(report.totals.failed, 20, "{:?}", report.errors);
    assert!(report.errors[0].0.contains("MOVED"), "{:?}", report.errors);
    assert_eq!(asked.load(Ordering::SeqCst), 20 * 17);
}

#[test]
fn what_was_not_done_is_done_later_or_has_failed_for_the_reason_given() {
    std::thread::scope(|scope| {
        for reason in ["TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"] {
            let port = pretend(move |_, _, _| format!("-{reason} not now"));
            scope.spawn(move || {
                let report = pretended(port, 5 * SECOND);
                // An attempt that is under way just when the time is over
                // leaves its operation indeterminate; a busy machine has some.
                let given = format!("refused: {reason} not now");
                let named = report.errors.iter().find(|(error, _)| *error == given);
                let failed = named.map_or(0, |(_, count)| *count);
                assert!(failed > 0, "{:?}", report.errors);
                assert_eq!((report.totals.failed, report.totals.acked), (failed, 0));
            });
        }
    });
    let first = Arc::new(AtomicU64::new(0));
    let port = pretend(move |_, _, _| match first.fetch_add(1, Ordering::SeqCst) {
        0..50 => "-LOADING not now".to_owned(),
        _ => ":1".to_owned(),
    });
    let report = pretended(port, PATIENCE);
    assert_eq!(report.totals.acked, 20, "{:?}", report.errors);
}

#[test]
fn a_node_is_told_that_it_is_asked() {
    let port = pretend(|port, command, before| match (command, before) {
        ("ASKING", _) => "+OK".to_owned(),
        (_, "ASKING") => ":1".to_owned(),
        _ => format!("-ASK 1 127.0.0.1:{port}"),
    });
    let report = pretended(port, PATIENCE);
    assert_eq!(report.totals.acked, 20, "{:?}", report.errors);
}
