//! Records of topics as effects.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use loadgen::{Fate, Ledger};
use rdkafka::producer::Producer as _;
use scenarios::plan::Listing;
use scenarios::plan::effects::KafkaTopic;
use scenarios::plan::probe::Isolation;
use scenarios::template::Template;
use scenarios::units::Span;
use verify::effects::dead::DeadLetters;
use verify::effects::listing::{List, OrderOf, Spec};
use verify::effects::offered::Offered;
use verify::history::Seen;
use verify::signal::Cancel;

use super::broker::{Broker, send};
use crate::support::LIMIT;

fn topic(broker: &Broker, topic: &str, identity: &str) -> Listing {
    Listing::KafkaTopic(KafkaTopic {
        brokers: Template::new(&*broker.address),
        topic: topic.to_owned(),
        isolation: Isolation::ReadCommitted,
        timeout: Span::seconds(60),
        settings: BTreeMap::new(),
        identity: identity.parse().unwrap(),
    })
}

fn list(listing: &Listing) -> List {
    List::new(listing, &BTreeMap::new()).unwrap()
}

fn spec(listing: &Listing) -> Spec {
    Spec {
        schema: None,
        at: None,
        aggregate: None,
        effects: list(listing),
        dead: None,
        order: None,
        settle: Duration::ZERO,
        run: "r".to_owned(),
        workloads: vec!["w".to_owned()],
    }
}

async fn finish(spec: &Spec, operations: u64) -> Seen {
    let mut ledger = Ledger::new("r", "w");
    ledger.add_due(operations);
    (0..operations).for_each(|sequence| ledger.record(sequence, Fate::Acked));
    let ledgers = BTreeMap::from([("w", &ledger)]);
    spec.finish(&ledgers, &Offered::default(), &Cancel::default()).await.unwrap()
}

fn once(seen: &Seen) -> u64 {
    seen.workloads.get("w").map_or(0, |told| told.once.len())
}

pub(super) async fn every_partition_is_read_and_what_was_aborted_is_no_effect(broker: &Broker) {
    let seen = finish(&spec(&topic(broker, "done", "/id")), 1).await;
    assert!(seen.workloads.is_empty() && seen.absent == ["topic done"], "{:?}", seen.absent);
    broker.make("done", 4).await;
    let seen = finish(&spec(&topic(broker, "done", "/id")), 1).await;
    assert!(seen.workloads.is_empty() && seen.absent.is_empty(), "an empty topic is there");
    // Of the fourth there is nothing; each of the others has its own keys.
    for partition in 0..3 {
        let from = partition * 7_000;
        broker.write("done", i32::try_from(partition).unwrap(), from..from + 1_000);
    }
    broker.begin("done", 0, 100_000..100_010).abort();
    broker.begin("done", 1, 1_000..1_010).commit();
    let open = broker.begin("done", 2, 200_000..200_010);
    for identity in ["/id", "header:id"] {
        let seen = finish(&spec(&topic(broker, "done", identity)), 1_000).await;
        let told = &seen.workloads["w"];
        assert_eq!((told.once.len(), told.more.len()), (3_010, 0), "{identity}");
        assert!(seen.blind.is_none() && seen.nameless == 0, "{seen:?}");
    }
    let Listing::KafkaTopic(uncommitted) = topic(broker, "done", "/id") else { panic!() };
    let uncommitted = KafkaTopic { isolation: Isolation::ReadUncommitted, ..uncommitted };
    let seen = finish(&spec(&Listing::KafkaTopic(uncommitted)), 1_000).await;
    assert_eq!(once(&seen), 3_030);
    open.abort();
    // In a partition there is an order, by any part of a record.
    let mut ordered = spec(&topic(broker, "done", "/id"));
    ordered.order = Some(OrderOf::Records("property:partition".parse().unwrap()));
    let order = finish(&ordered, 1_000).await.order.unwrap();
    let told = &order.workloads["w"];
    assert_eq!((order.trouble, told.keys, told.inverted, told.operations), (None, 3, 10, 3_010));
    // An identity that stands nowhere is no loss.
    let error = list(&topic(broker, "done", "header:nothing")).read(|_, _| {}).await.unwrap_err();
    assert!(error.contains("none of 3010 records has a text at \"header:nothing\""), "{error}");
}

pub(super) async fn a_topic_that_is_written_meanwhile_is_read_to_where_it_ended(broker: &Broker) {
    broker.make("written", 2).await;
    let (is_over, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (told, count, producer) = (Arc::clone(&is_over), Arc::clone(&written), broker.producer());
    let writer = std::thread::spawn(move || {
        let mut number = 0;
        while !told.load(Ordering::Relaxed) {
            for _ in 0..100 {
                send(&producer, "written", i32::try_from(number % 2).unwrap(), number, &[]);
                number += 1;
            }
            producer.flush(LIMIT).unwrap();
            count.store(number, Ordering::Relaxed);
        }
    });
    let list = list(&topic(broker, "written", "/id"));
    let begun = Instant::now();
    while begun.elapsed() < LIMIT && written.load(Ordering::Relaxed) < 2_000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..3 {
        let before = written.load(Ordering::Relaxed);
        let mut seen = 0;
        list.read(|_, _| seen += 1).await.unwrap();
        assert!((before..=written.load(Ordering::Relaxed) + 100).contains(&seen), "{seen}");
    }
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

pub(super) async fn dead_letters_say_how_often_they_were_tried(broker: &Broker) {
    broker.make("tried", 1).await;
    broker.make("failed", 1).await;
    broker.write("tried", 0, 0..10);
    broker.write_with("failed", 10, &[("x-retry-count", b"5")]);
    broker.write_with("failed", 11, &[("x-retry-count", b"1"), ("x-retry-count", b"4")]);
    // As a serializer of Java writes a number.
    broker.write_with("failed", 12, &[("x-retry-count", &[0, 0, 0, 5])]);
    broker.write_with("failed", 13, &[]);
    let mut spec = spec(&topic(broker, "tried", "/id"));
    spec.at = Some("property:timestamp".parse().unwrap());
    spec.dead = Some(DeadLetters {
        list: list(&topic(broker, "failed", "header:id")),
        tries: Some("header:x-retry-count".parse().unwrap()),
        at: Some("property:timestamp".parse().unwrap()),
    });
    let seen = finish(&spec, 14).await;
    assert_eq!(once(&seen), 10);
    assert!(seen.times.unwrap().trouble.is_none() && seen.dead_times.unwrap().trouble.is_none());
    let dead = seen.dead.unwrap();
    assert_eq!((dead.trouble, dead.workloads["w"].len()), (None, 4));
    let tried = &dead.tries.unwrap().workloads["w"];
    let numbers: Vec<(u64, u64)> = tried.numbers.iter().map(|(n, of)| (*n, of.count)).collect();
    assert_eq!((numbers, tried.none.count), (vec![(4, 1), (5, 2)], 1));
}

pub(super) async fn what_was_deleted_since_the_run_began_was_not_seen(broker: &Broker) {
    broker.make("short", 1).await;
    broker.write("short", 0, 0..10);
    let mut spec = spec(&topic(broker, "short", "/id"));
    spec.begin().await;
    broker.write("short", 0, 10..20);
    // What was there before the run is none of its effects, and may go.
    broker.delete_before("short", 0, 5).await;
    let seen = finish(&spec, 1).await;
    assert_eq!((once(&seen), seen.blind), (10, None));
    broker.delete_before("short", 0, 15).await;
    let seen = finish(&spec, 1).await;
    let why =
        "partition 0 of topic short begins at offset 15 now, and ended at 10 when the run began";
    assert!(seen.blind.as_ref().is_some_and(|blind| blind.contains(why)), "{:?}", seen.blind);
    assert_eq!(once(&seen), 5);
    // The same of dead letters: what is missing there would be taken for lost.
    let mut other = self::spec(&topic(broker, "tried", "/id"));
    other.dead = Some(DeadLetters::from(spec.effects.clone()));
    let dead = finish(&other, 10).await.dead.unwrap();
    assert!(dead.trouble.is_some_and(|trouble| trouble.contains(why)));
}

/// What compaction takes away looks like the mark of a transaction.
pub(super) async fn of_a_compacted_topic_only_what_is_whole_is_known(broker: &Broker) {
    broker.make_with("compacted", 1, &[("cleanup.policy", "compact")]).await;
    broker.write("compacted", 0, 0..10);
    let spec = spec(&topic(broker, "compacted", "/id"));
    let seen = finish(&spec, 10).await;
    assert_eq!((once(&seen), seen.blind), (10, None));
    broker.begin("compacted", 0, 10..15).commit();
    let seen = finish(&spec, 15).await;
    assert_eq!(once(&seen), 15);
    assert!(seen.blind.is_some_and(|blind| blind.contains("topic compacted is compacted")));
}

pub(super) async fn keys_that_are_spread_over_partitions_have_no_order(broker: &Broker) {
    broker.make("spread", 2).await;
    // The same keys in both, and the later operations in the first.
    broker.write("spread", 0, 20..40);
    broker.write("spread", 1, 0..20);
    let mut spec = spec(&topic(broker, "spread", "/id"));
    spec.order = Some(OrderOf::Records("property:key".parse().unwrap()));
    let order = finish(&spec, 40).await.order.unwrap();
    assert_eq!(order.workloads["w"].inverted, 0);
    let why = "has effects in several partitions";
    assert!(order.trouble.is_some_and(|trouble| trouble.contains(why)));
}

const MANY: u64 = 500_000;

/// All of them together would be some 200 MB.
pub(super) async fn many_records_do_not_fill_the_memory(broker: &Broker) {
    broker.make("many", 4).await;
    let producer = broker.producer();
    let mut chance = fastrand::Rng::with_seed(1);
    let mut pad = [0; 256];
    for number in 0..MANY {
        // What cannot be compressed.
        chance.fill(&mut pad);
        send(&producer, "many", i32::try_from(number % 4).unwrap(), number, &[("pad", &pad)]);
    }
    producer.flush(LIMIT).unwrap();
    drop(producer);
    let list = list(&topic(broker, "many", "header:id"));
    let before = peak();
    let (begun, mut seen) = (Instant::now(), 0_u64);
    list.read(|_, _| seen += 1).await.unwrap();
    let grown = peak() - before;
    println!("{seen} records in {:?}, {grown} kB more", begun.elapsed());
    assert_eq!(seen, MANY);
    assert!(grown < 100_000, "{grown} kB more");
}

/// The most memory that this process has had, in kB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
