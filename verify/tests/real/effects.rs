//! Effects read from PostgreSQL and Redis.

use std::collections::BTreeMap;
use std::process::Command;

use lab::{Postgres, PostgresOptions, Redis, RedisOptions};
use loadgen::{Fate, Ledger};
use scenarios::plan::Listing;
use scenarios::plan::effects::OrderQuery;
use scenarios::template::Template;
use scenarios::units::Span;
use verify::effects::listing::{List, Spec};
use verify::signal::Cancel;

use crate::support::{lab, patience};

fn psql(url: &str, statement: &str) {
    let output = Command::new("psql").args(["-XAtqc", statement, url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn rows(url: &str, query: &str) -> Listing {
    Listing::Sql { url: Template::new(url), query: query.to_owned(), timeout: Span::seconds(60) }
}

fn list(listing: &Listing) -> List {
    List::new(listing, &BTreeMap::new()).unwrap()
}

fn spec(effects: &Listing, settle: u64) -> Spec {
    Spec {
        effects: list(effects),
        dead: None,
        order: None,
        settle: std::time::Duration::from_secs(settle),
        run: "r".to_owned(),
        workloads: vec!["w".to_owned(), "v".to_owned()],
    }
}

fn ledger(operations: u64) -> Ledger {
    let mut ledger = Ledger::new("r", "w");
    ledger.add_due(operations);
    (0..operations).for_each(|sequence| ledger.record(sequence, Fate::Acked));
    ledger
}

const ROWS: u64 = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_read_one_at_a_time() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap().url;
    // Each row is padded, so that all of them would be 200 MB in memory.
    psql(
        &url,
        &format!(
            "create table rows as select n as place, 'r/w/' || n as id, 'key-' || n % 5000 as key \
         from generate_series(0, {}) n; \
         insert into rows values (-1, 'r/w/7', 'key-7'), (-2, 'another/w/1', 'x'), (-3, 'r/nobody/1', 'x'), \
         (-4, 'no identity', 'x'), (-5, null, 'x'); \
         delete from rows where id = 'r/w/11'; update rows set place = 1000000 where id = 'r/w/12'",
            ROWS - 1
        ),
    );
    let query = "select id, repeat('x', 1000) from rows";
    let mut spec = spec(&rows(&url, query), 0);
    spec.order = Some((
        OrderQuery {
            url: Template::new(&*url),
            query: "select key, id from rows order by key, place".to_owned(),
            timeout: Span::seconds(60),
        },
        url.clone(),
    ));
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    let known = ledger(ROWS);
    let seen = spec.finish(&[("w", &known)].into(), &Cancel::default()).await.unwrap();
    println!("{} KiB more at most for 200 MB of rows", resident() - before);
    let told = &seen.workloads["w"];
    assert_eq!(told.once.len(), ROWS - 1, "one is missing");
    assert!(!told.once.contains(11));
    assert_eq!(told.more, [(7, 2)].into());
    assert_eq!((seen.foreign_count, seen.foreign.as_slice()), (1, &["r/nobody/1".to_owned()][..]));
    assert_eq!(seen.blind, None, "nothing was still coming");
    // 7 was stored first by its second row, which moves nothing; 12 came last.
    let order = seen.order.unwrap();
    assert_eq!(order.trouble, None);
    let ordered = &order.workloads["w"];
    assert_eq!((ordered.keys, ordered.operations), (5_000, ROWS - 1));
    assert_eq!(ordered.inverted, 1);
    assert_eq!((ordered.inversions[0].sequence, ordered.inversions[0].after), (12, 195_012));

    // Rows of a key that do not stand together are no order.
    spec.order.as_mut().unwrap().0.query = "select key, id from rows order by place".to_owned();
    let seen = spec.finish(&[("w", &known)].into(), &Cancel::default()).await.unwrap();
    assert!(seen.order.unwrap().trouble.unwrap().contains("order by the key first"));
    // Nor is a query that fails an empty list.
    let broken = self::spec(&rows(&url, "select id from nowhere"), 0);
    let error = broken.finish(&[("w", &known)].into(), &Cancel::default()).await.unwrap_err();
    assert!(error.contains("nowhere"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_is_waited_for() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap().url;
    psql(&url, "create table rows as select 'r/w/' || n as id from generate_series(0, 8) n");
    let spec = spec(&rows(&url, "select id from rows"), 60);
    let known = ledger(10);
    let ledgers = [("w", &known)].into();
    let cancel = Cancel::default();
    let reading = spec.finish(&ledgers, &cancel);
    let late = async {
        // Later than two passes that see the same.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        psql(&url, "insert into rows values ('r/w/9')");
    };
    let (seen, ()) = tokio::join!(reading, late);
    assert_eq!(seen.unwrap().workloads["w"].once.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_a_stream_and_lines_of_a_file() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Redis::start(&lab, &RedisOptions::default(), patience()).unwrap().url;
    let client = redis::Client::open(&*url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut adds = redis::pipe();
    // More than a page.
    for number in 0..2_500 {
        let body = format!("{{\"message\":{{\"clientMessageId\":\"r/w/{number}\"}}}}");
        adds.cmd("XADD").arg("dlq").arg("*").arg("payload").arg(body).arg("error").arg("poison");
    }
    adds.exec_async(&mut connection).await.unwrap();
    let dead = Listing::RedisStream {
        url: Template::new(&*url),
        stream: "dlq".to_owned(),
        field: "payload".to_owned(),
        identity: Some("/message/clientMessageId".parse().unwrap()),
    };
    let file = logs.path().join("effects.ndjson");
    std::fs::write(&file, "{\"id\":\"r/w/2500\"}\n{\"id\":\"r/w/2501\"}\nnot json\n").unwrap();
    let lines = Listing::Ndjson {
        file: Template::new(file.display().to_string()),
        identity: Some("/id".parse().unwrap()),
    };
    let mut spec = spec(&lines, 60);
    spec.dead = Some(list(&dead));
    let known = ledger(2_502);
    let seen = spec.finish(&[("w", &known)].into(), &Cancel::default()).await.unwrap();
    assert_eq!(seen.workloads["w"].once.len(), 2);
    let found = seen.dead.unwrap();
    assert_eq!((found.trouble, found.workloads["w"].len()), (None, 2_500));
    // A stream that does not exist has no entries; a server that does is asked.
    let nothing = Listing::RedisStream {
        url: Template::new("redis://127.0.0.1:1"),
        stream: "dlq".to_owned(),
        field: "payload".to_owned(),
        identity: None,
    };
    spec.dead = Some(list(&nothing));
    spec.settle = std::time::Duration::ZERO;
    let seen = spec.finish(&[("w", &known)].into(), &Cancel::default()).await.unwrap();
    assert!(seen.dead.unwrap().trouble.is_some());
}
