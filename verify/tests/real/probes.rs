//! Probes against Redis and PostgreSQL.

use lab::{Postgres, PostgresOptions, Redis, RedisOptions};
use scenarios::plan::ProbeKind;
use scenarios::template::Template;
use scenarios::units::{Span, Unit};

use crate::support::{Watch, lab, patience};

async fn ask(url: &str, words: &str) -> redis::Value {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        command.arg(word);
    });
    command.query_async(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_redis_has_lost_count_of_has_no_lag() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let options = RedisOptions { password: Some("secret".to_owned()), ..RedisOptions::default() };
    let url = Redis::start(&lab, &options, patience()).unwrap().url;
    for stream in ["s:0", "s:1"] {
        ask(&url, &format!("XGROUP CREATE {stream} workers 0 MKSTREAM")).await;
        for number in 1..=5 {
            ask(&url, &format!("XADD {stream} {number}-0 id x")).await;
        }
    }
    ask(&url, "XREADGROUP GROUP workers one COUNT 2 STREAMS s:0 >").await;
    let mut watch = Watch::start(ProbeKind::RedisStreams {
        url: Template::new(&*url),
        streams: vec!["s:0".to_owned(), "s:1".to_owned()],
        group: Some("workers".to_owned()),
    });
    watch.until("a backlog", |watch| watch.last("max_backlog", "")).await;
    let last = |watch: &Watch, series: &str, label: &str| watch.last(series, label).unwrap();
    assert_eq!(last(&watch, "lag", "s:0"), 3.0);
    assert_eq!(last(&watch, "pending", "s:0"), 2.0);
    assert_eq!(last(&watch, "backlog", "s:0"), 5.0);
    assert_eq!(last(&watch, "total_backlog", ""), 10.0);
    assert_eq!(last(&watch, "max_lag", ""), 5.0, "the average hides nothing");
    assert_eq!(last(&watch, "added", "s:1"), 5.0);

    // An entry is taken away ahead of the group: Redis no longer knows.
    ask(&url, "XDEL s:0 4-0").await;
    watch.until("the shorter stream", |w| w.last("length", "s:0").filter(|&n| n == 4.0)).await;
    watch.forget();
    watch.until("more samples", |w| (w.samples.get("it.length")?.len() > 6).then_some(())).await;
    assert_eq!(watch.last("lag", "s:0"), None, "unknown is no sample");
    assert_eq!(watch.last("backlog", "s:0"), None);
    assert_eq!(watch.last("max_lag", ""), None, "nor is a maximum of which a part is unknown");
    assert_eq!(watch.last("lag", "s:1"), Some(5.0));
    assert_eq!(watch.last("pending", "s:0"), Some(2.0));

    // It knows again when the last entry has been delivered.
    ask(&url, "XREADGROUP GROUP workers one COUNT 9 STREAMS s:0 >").await;
    watch.until("the lag again", |w| w.last("lag", "s:0").filter(|&n| n == 0.0)).await;

    // A group that is gone is trouble, and no zero.
    ask(&url, "XGROUP DESTROY s:1 workers").await;
    watch
        .until("the trouble", |w| w.troubles.iter().any(|t| t.contains("no group")).then_some(()))
        .await;
    assert!(watch.troubles.iter().all(|trouble| !trouble.contains("secret")));
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_exist_yet_is_empty() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Redis::start(&lab, &RedisOptions::default(), patience()).unwrap().url;
    let streams = |group: Option<&str>| ProbeKind::RedisStreams {
        url: Template::new(&*url),
        streams: vec!["s".to_owned()],
        group: group.map(str::to_owned),
    };
    let (mut of_group, mut alone) =
        (Watch::start(streams(Some("workers"))), Watch::start(streams(None)));
    let keys = ProbeKind::RedisKeys { url: Template::new(&*url), keys: vec!["list".to_owned()] };
    let mut keys = Watch::start(keys);
    for watch in [&mut of_group, &mut alone] {
        let added = watch.until("an empty stream", |watch| watch.last("added", "s")).await;
        assert_eq!((added, watch.absent.as_slice()), (0.0, &["s".to_owned()][..]));
    }
    assert_eq!(of_group.until("a backlog", |w| w.last("total_backlog", "")).await, 0.0);
    keys.until("an empty list", |watch| watch.last("length", "list")).await;
    assert_eq!(keys.absent, ["list"]);

    // Of a group that does not exist every entry waits.
    ask(&url, "XADD s 1-0 id x").await;
    ask(&url, "RPUSH list x").await;
    of_group.until("what waits", |w| w.last("lag", "s").filter(|&n| n == 1.0)).await;
    assert_eq!(of_group.absent, ["s"], "the group is not there");
    alone.until("an entry", |w| w.last("added", "s").filter(|&n| n == 1.0)).await;
    assert!(alone.absent.is_empty(), "the stream is");
    keys.until("an element", |w| w.last("length", "list").filter(|&n| n == 1.0)).await;
    assert!(keys.absent.is_empty());
    ask(&url, "XGROUP CREATE s workers $").await;
    of_group.until("the group", |w| w.last("lag", "s").filter(|&n| n == 0.0)).await;
    assert!(of_group.absent.is_empty() && of_group.troubles.is_empty());
    for watch in [of_group, alone, keys] {
        watch.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_exist_yet_is_empty() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap().url;
    let mut watch = Watch::start(sql(&url, "select count(*) from outbox"));
    assert_eq!(watch.until("nothing", |watch| watch.last("value", "")).await, 0.0);
    assert_eq!((watch.absent.len(), watch.troubles.len()), (1, 0));
    let psql = |statement: &str| {
        let command = ["-XAtqc", statement, &url];
        assert!(std::process::Command::new("psql").args(command).status().unwrap().success());
    };
    psql("create table outbox as select 1 as x");
    watch.until("a row", |w| w.last("value", "").filter(|&n| n == 1.0)).await;
    assert!(watch.absent.is_empty());
    // What was there and is gone is no zero.
    psql("drop table outbox");
    let told = watch.until("the trouble", |w| w.troubles.first().cloned()).await;
    assert!(told.contains("outbox"), "{told}");
    watch.forget();
    watch.end().await;
}

fn sql(url: &str, query: &str) -> ProbeKind {
    ProbeKind::Sql {
        url: Template::new(url),
        query: query.to_owned(),
        timeout: Span::seconds(1),
        counter: false,
        unit: Unit::Count,
        waits: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_asked_and_never_changed() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap().url;
    let mut one = Watch::start(sql(&url, "select 12.50::numeric"));
    one.until("a number", |w| w.last("value", "").filter(|&n| n == 12.5)).await;
    one.end().await;
    let rows = "select * from (values ('a', 1::bigint), ('b', null), ('c', 3)) as t";
    let mut labelled = Watch::start(sql(&url, rows));
    labelled.until("a row", |w| w.last("value", "c").filter(|&n| n == 3.0)).await;
    assert_eq!(labelled.last("value", "a"), Some(1.0));
    assert_eq!(labelled.last("value", "b"), None, "NULL is unknown");
    labelled.end().await;
    for (query, trouble) in [
        ("create table t (x int)", "read-only"),
        ("select pg_sleep(60)", "timeout"),
        ("select 'much'", "no number"),
        ("select", "no column"),
        ("select nowhere", "nowhere"),
    ] {
        let mut watch = Watch::start(sql(&url, query));
        let told = watch.until(query, |w| w.troubles.first().cloned()).await;
        assert!(told.contains(trouble), "{query}: {told}");
        assert!(watch.samples.is_empty(), "{query}");
        watch.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_asked_again() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap().url;
    let mut watch = Watch::start(sql(&url, "select 1"));
    watch.until("a number", |w| w.last("value", "")).await;
    let pid = lab.process("postgres").unwrap().pid.unwrap();
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    watch.until("the trouble", |w| w.troubles.first().cloned()).await;
    watch.forget();
    watch.until("a number again", |w| w.last("value", "")).await;
    watch.end().await;
}
