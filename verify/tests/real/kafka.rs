//! Topics and groups of Apache Kafka: what is watched of them, and records that are
//! looked at and stay. A broker takes some seconds to start, so that tests which leave it
//! as it was share one.

mod broker;
mod records;

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::plan::ProbeKind;
use scenarios::plan::probe::{Isolation, Kafka, Uncommitted};
use scenarios::template::Template;
use verify::preflight::reach;

use crate::support::Watch;
use broker::{Broker, Worker};

fn probe(broker: &str, topics: &[&str], groups: &[&str]) -> Kafka {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Kafka {
        brokers: Template::new(broker),
        topics: own(topics),
        groups: own(groups),
        isolation: Isolation::ReadUncommitted,
        uncommitted: Uncommitted::Unknown,
        settings: BTreeMap::new(),
    }
}

/// Waits until a series of a label has a value.
async fn until(watch: &mut Watch, series: &str, label: &str, value: f64) {
    let what = format!("{series} of {label:?} is {value}");
    watch.until(&what, |watch| watch.last(series, label).filter(|last| *last == value)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_watched_and_its_topics_are_read() {
    let broker = Broker::start();
    a_partition_that_is_stuck_is_told_from_the_others(&broker).await;
    a_group_of_the_newer_protocol_is_not_dead(&broker).await;
    what_a_transaction_holds_open_is_not_at_the_end(&broker).await;
    what_is_not_there_is_told_before_the_load_with_the_nearest(&broker).await;
    records::every_partition_is_read_and_what_was_aborted_is_no_effect(&broker).await;
    records::a_topic_that_is_written_meanwhile_is_read_to_where_it_ended(&broker).await;
    records::dead_letters_say_how_often_they_were_tried(&broker).await;
    records::what_was_deleted_since_the_run_began_was_not_seen(&broker).await;
    records::of_a_compacted_topic_only_what_is_whole_is_known(&broker).await;
    records::keys_that_are_spread_over_partitions_have_no_order(&broker).await;
    records::many_records_do_not_fill_the_memory(&broker).await;
}

async fn a_partition_that_is_stuck_is_told_from_the_others(broker: &Broker) {
    let mut watch = Watch::start(ProbeKind::Kafka(probe(
        &broker.address,
        &["events", "nowhere"],
        &["workers"],
    )));
    // Nothing of it is there, and nothing waits.
    until(&mut watch, "dead", "workers", 1.0).await;
    until(&mut watch, "total_lag", "workers", 0.0).await;
    assert_eq!(watch.absent, ["events", "nowhere", "workers"]);
    assert_eq!(watch.last("members", "workers"), Some(0.0));

    broker.make("events", 3).await;
    broker.write("events", 0, 0..10);
    broker.write("events", 1, 10..30);
    until(&mut watch, "end_offset", "events-1", 20.0).await;
    until(&mut watch, "end_offset", "events-0", 10.0).await;
    // What nobody has committed is unknown; where there is nothing, nothing waits.
    let told = "workers events-0: no offset is committed";
    let is_told = |watch: &Watch| watch.troubles.iter().any(|why| why.contains(told)).then_some(());
    watch.until(told, is_told).await;
    watch.forget();
    until(&mut watch, "lag", "workers events-2", 0.0).await;
    until(&mut watch, "end_offset", "events-2", 0.0).await;
    for label in ["workers events-0", "workers events-1"] {
        assert_eq!((watch.last("lag", label), watch.last("committed_offset", label)), (None, None));
    }
    let earliest = Kafka {
        uncommitted: Uncommitted::Earliest,
        ..probe(&broker.address, &["events"], &["workers"])
    };
    let mut all = Watch::start(ProbeKind::Kafka(earliest));
    until(&mut all, "lag", "workers events-1", 20.0).await;
    until(&mut all, "max_lag", "workers", 20.0).await;
    until(&mut all, "total_lag", "workers", 30.0).await;
    all.end().await;

    // One partition comes to its sixth record and no further.
    let mut worker = Worker::start(&broker.address, "events", "workers", "worker-a", Some((1, 5)));
    until(&mut watch, "lag", "workers events-0", 0.0).await;
    until(&mut watch, "lag", "workers events-1", 15.0).await;
    until(&mut watch, "committed_offset", "workers events-1", 5.0).await;
    // There is no topic "nowhere", of which nothing waits.
    until(&mut watch, "total_lag", "workers", 15.0).await;
    until(&mut watch, "max_lag", "workers", 15.0).await;
    until(&mut watch, "stable", "workers", 1.0).await;
    until(&mut watch, "assigned", "workers worker-a", 3.0).await;
    assert_eq!(watch.last("members", "workers"), Some(1.0));
    assert_eq!(watch.last("dead", "workers"), Some(0.0));
    watch
        .until("a rebalance", |watch| watch.last("rebalances", "workers").filter(|n| *n >= 1.0))
        .await;
    assert_eq!(watch.absent, ["nowhere"]);

    // A second member takes some of them over.
    let before = watch.last("rebalances", "workers").unwrap();
    let mut other = Worker::start(&broker.address, "events", "workers", "worker-b", Some((1, 5)));
    until(&mut watch, "members", "workers", 2.0).await;
    watch
        .until("a partition of its own", |watch| {
            let own = watch.last("assigned", "workers worker-b")?;
            let others = watch.last("assigned", "workers worker-a")?;
            (own >= 1.0 && own + others == 3.0).then_some(())
        })
        .await;
    let more = |watch: &Watch| watch.last("rebalances", "workers").filter(|count| *count > before);
    watch.until("another rebalance", more).await;
    other.stop();
    worker.stop();
    // The consumers are gone, and what comes waits.
    until(&mut watch, "empty", "workers", 1.0).await;
    until(&mut watch, "members", "workers", 0.0).await;
    broker.write("events", 0, 30..60);
    until(&mut watch, "lag", "workers events-0", 30.0).await;
    until(&mut watch, "total_lag", "workers", 45.0).await;
    until(&mut watch, "max_lag", "workers", 30.0).await;
    // Looking on is no member and commits nothing.
    assert_eq!(watch.last("committed_offset", "workers events-0"), Some(10.0));
    watch.end().await;
}

async fn a_group_of_the_newer_protocol_is_not_dead(broker: &Broker) {
    broker.make("newer", 2).await;
    broker.write("newer", 0, 0..10);
    let mut worker =
        Worker::of_protocol(&broker.address, "newer", "newer-workers", "new", "consumer");
    let mut watch =
        Watch::start(ProbeKind::Kafka(probe(&broker.address, &["newer"], &["newer-workers"])));
    until(&mut watch, "stable", "newer-workers", 1.0).await;
    until(&mut watch, "assigned", "newer-workers new", 2.0).await;
    until(&mut watch, "lag", "newer-workers newer-0", 0.0).await;
    worker.stop();
    watch.end().await;
}

async fn what_a_transaction_holds_open_is_not_at_the_end(broker: &Broker) {
    broker.make("transacted", 1).await;
    broker.write("transacted", 0, 0..3);
    let open = broker.begin("transacted", 0, 3..8);
    let seen = |isolation| {
        let probe = Kafka { isolation, ..probe(&broker.address, &["transacted"], &[]) };
        Watch::start(ProbeKind::Kafka(probe))
    };
    let mut all = seen(Isolation::ReadUncommitted);
    let mut committed = seen(Isolation::ReadCommitted);
    until(&mut all, "end_offset", "transacted-0", 8.0).await;
    until(&mut committed, "end_offset", "transacted-0", 3.0).await;
    open.commit();
    // The mark of its end has an offset, too.
    until(&mut committed, "end_offset", "transacted-0", 9.0).await;
    all.end().await;
    committed.end().await;
}

async fn what_is_not_there_is_told_before_the_load_with_the_nearest(broker: &Broker) {
    let looked = async |address: &str, topics: &str, groups: &str| {
        let reads = format!(
            "[[probe]]\nname = \"lag\"\n\
             kafka = {{ brokers = \"{address}\", topics = [{topics}], groups = [{groups}] }}\n\
             [[effects]]\nname = \"done\"\n\
             kafka_topic = {{ brokers = \"{address}\", topic = \"events\" }}"
        );
        let plan = crate::preflight::plan(&reads);
        reach(&plan, &BTreeMap::new()).await.map_err(|error| error.to_string())
    };
    let fine = looked(&broker.address, "\"events\"", "\"workers\"").await.unwrap();
    assert!(fine.is_empty(), "{fine:?}");
    let told = looked(&broker.address, "\"event\"", "\"worker\"").await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].text.contains("topic event does not exist (yet); there are: events"),
        "{told:?}"
    );
    assert!(told[0].text.contains("group worker does not exist (yet); there are:"), "{told:?}");
    assert!(told[0].text.contains("workers"), "{told:?}");
    // A look makes no topic, and nobody there ends the run.
    assert!(!broker.topics().contains(&"event".to_owned()));
    let error = looked("127.0.0.1:1", "\"events\"", "").await.unwrap_err();
    assert!(error.contains("probe lag") && error.contains("Connection refused"), "{error}");
}

/// Nothing of the tool waits for a broker longer than it may.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_is_unknown_and_seen_again_when_it_is_back() {
    let broker = Broker::start();
    broker.make("events", 2).await;
    broker.write("events", 0, 0..10);
    let mut watch = Watch::start(ProbeKind::Kafka(probe(&broker.address, &["events"], &[])));
    until(&mut watch, "end_offset", "events-0", 10.0).await;
    broker.crash();
    let refused = |watch: &Watch| {
        watch.troubles.iter().any(|why| why.contains("Connection refused")).then_some(())
    };
    watch.until("that nobody answers", refused).await;
    watch.forget();
    // It is looked for again and again, and told once.
    tokio::time::timeout(Duration::from_secs(12), watch.until("more", |_| None::<()>))
        .await
        .unwrap_err();
    assert!(watch.samples.is_empty() && watch.troubles.len() <= 1, "{:?}", watch.troubles);
    broker.come_back();
    until(&mut watch, "end_offset", "events-0", 10.0).await;
    broker.write("events", 0, 10..15);
    until(&mut watch, "end_offset", "events-0", 15.0).await;
    // The end of a run does not wait for who does not answer.
    broker.hang();
    watch.forget();
    watch.until("that it hangs", |watch| watch.troubles.first().cloned()).await;
    // Without a limit it would wait until somebody ends the broker.
    tokio::time::timeout(Duration::from_secs(120), watch.end()).await.unwrap();
}
