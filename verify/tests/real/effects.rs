//! Effects read from PostgreSQL and Redis.

use std::collections::BTreeMap;
use std::process::Command;

use lab::{Postgres, PostgresOptions, Redis, RedisOptions};
use loadgen::{Fate, Ledger};
use scenarios::locator::Locator;
use scenarios::plan::Listing;
use scenarios::plan::effects::OrderQuery;
use scenarios::template::Template;
use scenarios::units::Span;
use verify::effects::listing::{List, OrderOf, Spec};
use verify::effects::offered::Offered;
use verify::effects::schema::Inspector;
use verify::signal::Cancel;

use crate::support::{lab, patience};

fn psql(url: &str, statement: &str) {
    let output = Command::new("psql").args(["-XAtqc", statement, url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn rows(url: &str, query: &str) -> Listing {
    Listing::Sql {
        url: Template::new(url),
        query: query.to_owned(),
        timeout: Span::seconds(60),
        identity: Locator::default(),
    }
}

fn list(listing: &Listing) -> List {
    List::new(listing, &BTreeMap::new()).unwrap()
}

fn spec(effects: &Listing, settle: u64) -> Spec {
    Spec {
        at: None,
        aggregate: None,
        effects: list(effects),
        dead: None,
        order: None,
        schema: None,
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
    spec.order = Some(OrderOf::Query(
        OrderQuery {
            url: Template::new(&*url),
            query: "select key, id from rows order by key, place".to_owned(),
            timeout: Span::seconds(60),
        },
        url.clone(),
    ));
    let resident = || machine::process::peak_resident(std::process::id()).unwrap() >> 10;
    let before = resident();
    let known = ledger(ROWS);
    let seen = spec
        .finish(&[("w", &known)].into(), &Offered::default(), &Cancel::default())
        .await
        .unwrap();
    println!("{} KiB more at most for 200 MB of rows", resident() - before);
    let told = &seen.workloads["w"];
    assert_eq!(told.once.len(), ROWS - 1, "one is missing");
    assert!(!told.once.contains(11));
    assert_eq!(told.more, [(7, 2)].into());
    assert_eq!((seen.foreign_count, seen.foreign.as_slice()), (1, &["r/nobody/1".to_owned()][..]));
    assert_eq!(seen.blind, None, "nothing was still coming");
    assert_eq!(seen.nameless, 1, "a row is null");
    // 7 was stored first by its second row, which moves nothing; 12 came last.
    let order = seen.order.unwrap();
    assert_eq!(order.trouble, None);
    let ordered = &order.workloads["w"];
    assert_eq!((ordered.keys, ordered.operations), (5_000, ROWS - 1));
    assert_eq!(ordered.inverted, 1);
    assert_eq!((ordered.inversions[0].sequence, ordered.inversions[0].after), (12, 195_012));

    // How the rows of different keys are mixed does not matter.
    let Some(OrderOf::Query(query, _)) = &mut spec.order else { unreachable!() };
    query.query = "select key, id from rows order by place".to_owned();
    let seen = spec
        .finish(&[("w", &known)].into(), &Offered::default(), &Cancel::default())
        .await
        .unwrap();
    let order = seen.order.unwrap();
    assert_eq!((order.trouble, &order.workloads["w"]), (None, ordered));
    // An identity may stand in a column that is not the first.
    let by_name = Listing::Sql {
        url: Template::new(&*url),
        query: "select key, id from rows".to_owned(),
        timeout: Span::seconds(60),
        identity: Locator::field("id"),
    };
    let by_name = self::spec(&by_name, 0);
    let seen = by_name
        .finish(&[("w", &known)].into(), &Offered::default(), &Cancel::default())
        .await
        .unwrap();
    assert_eq!(seen.workloads["w"].once.len(), ROWS - 1);
    // Nor is a query that fails an empty list.
    let broken = self::spec(&rows(&url, "select id from nowhere"), 0);
    let error = broken
        .finish(&[("w", &known)].into(), &Offered::default(), &Cancel::default())
        .await
        .unwrap_err();
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
    let nothing = Offered::default();
    let reading = spec.finish(&ledgers, &nothing, &cancel);
    let late = async {
        // Later than two passes that see the same.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        psql(&url, "insert into rows values ('r/w/9')");
    };
    let (seen, ()) = tokio::join!(reading, late);
    assert_eq!(seen.unwrap().workloads["w"].once.len(), 10);
    // Dead letters may have a table that their first one makes; effects may not.
    let mut spec = self::spec(&rows(&url, "select id from rows"), 0);
    spec.dead = Some(list(&rows(&url, "select id from dead")).into());
    let seen = spec.finish(&ledgers, &Offered::default(), &cancel).await.unwrap();
    assert_eq!(seen.dead.unwrap().trouble, None);
    assert!(seen.absent[0].contains("select id from dead"), "{:?}", seen.absent);
    psql(&url, "create table dead as select 'r/w/11' as id");
    let seen = spec.finish(&ledgers, &Offered::default(), &cancel).await.unwrap();
    assert!(seen.absent.is_empty() && seen.dead.unwrap().workloads["w"].contains(11));
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
        field: None,
        identity: "field:payload /message/clientMessageId".parse().unwrap(),
    };
    let file = logs.path().join("effects.ndjson");
    std::fs::write(&file, "{\"id\":\"r/w/2500\"}\n{\"id\":\"r/w/2501\"}\nnot json\n").unwrap();
    let lines = Listing::Ndjson {
        file: Template::new(file.display().to_string()),
        identity: "/id".parse().unwrap(),
    };
    let mut spec = spec(&lines, 60);
    spec.dead = Some(list(&dead).into());
    let known = ledger(2_502);
    let seen = spec
        .finish(&[("w", &known)].into(), &Offered::default(), &Cancel::default())
        .await
        .unwrap();
    assert_eq!(seen.workloads["w"].once.len(), 2);
    let found = seen.dead.unwrap();
    assert_eq!((found.trouble, found.workloads["w"].len()), (None, 2_500));
    assert_eq!((seen.nameless, seen.absent.len()), (1, 0), "a line is no JSON");
    // A stream that does not exist has no entries; a server that does is asked.
    let nothing = Listing::RedisStream {
        url: Template::new("redis://127.0.0.1:1"),
        stream: "dlq".to_owned(),
        field: Some("payload".to_owned()),
        identity: Locator::default(),
    };
    spec.dead = Some(list(&nothing).into());
    spec.settle = std::time::Duration::ZERO;
    let seen = spec
        .finish(&[("w", &known)].into(), &Offered::default(), &Cancel::default())
        .await
        .unwrap();
    assert!(seen.dead.unwrap().trouble.is_some());
}

/// The elements of a key and entries of a stream, with their order.
#[tokio::test(flavor = "multi_thread")]
async fn redis_keys_of_every_kind() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Redis::start(&lab, &RedisOptions::default(), patience()).unwrap().url;
    let client = redis::Client::open(&*url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut puts = redis::pipe();
    // More than a page, and more than a set packs into one piece.
    for number in 0..3_000_u32 {
        let id = format!("r/w/{number}");
        let json = format!("{{\"id\":\"{id}\",\"customer\":{}}}", number % 7);
        puts.cmd("RPUSH").arg("list").arg(&json);
        puts.cmd("SADD").arg("set").arg(&id);
        puts.cmd("ZADD").arg("sorted").arg(number).arg(&json);
        puts.cmd("HSET").arg("hash").arg(&id).arg("done");
        puts.cmd("HSET").arg("by-number").arg(number).arg(&json);
        puts.cmd("XADD").arg("stream").arg("*").arg("data").arg(&json).arg("id").arg(&id);
        // No more than a slow machine answers within the client's patience.
        if number % 100 == 99 {
            std::mem::replace(&mut puts, redis::pipe()).exec_async(&mut connection).await.unwrap();
        }
    }
    // 1 comes after 8, which is of the same customer.
    puts.cmd("LREM").arg("list").arg(1).arg("{\"id\":\"r/w/1\",\"customer\":1}");
    let (one, eight) = ("{\"id\":\"r/w/1\",\"customer\":1}", "{\"id\":\"r/w/8\",\"customer\":1}");
    puts.cmd("LINSERT").arg("list").arg("AFTER").arg(eight).arg(one);
    puts.exec_async(&mut connection).await.unwrap();
    let known = ledger(3_000);
    let read = async |listing: Listing, key: Option<&str>| {
        let mut spec = spec(&listing, 0);
        spec.order = key.map(|key| OrderOf::Records(key.parse().unwrap()));
        spec.finish(&[("w", &known)].into(), &Offered::default(), &Cancel::default()).await
    };
    let key = |key: &str, identity: &str| Listing::RedisKey {
        url: Template::new(&*url),
        key: key.to_owned(),
        identity: if identity.is_empty() { Locator::default() } else { identity.parse().unwrap() },
    };
    for (name, identity) in [
        ("list", "/id"),
        ("set", ""),
        ("sorted", "/id"),
        ("hash", ""),
        ("hash", "field:name"),
        ("by-number", "field:value /id"),
        ("by-number", "field:value regex:r/w/[0-9]+"),
    ] {
        let seen = read(key(name, identity), None).await.unwrap();
        let told = &seen.workloads["w"];
        assert_eq!((told.once.len(), told.more.len()), (3_000, 0), "{name} {identity}");
    }
    let order = read(key("list", "/id"), Some("/customer")).await.unwrap().order.unwrap();
    let told = &order.workloads["w"];
    assert_eq!((order.trouble, told.keys, told.inverted), (None, 7, 1));
    assert_eq!((told.inversions[0].sequence, told.inversions[0].after), (1, 8));
    let order = read(key("sorted", "/id"), Some("/customer")).await.unwrap().order.unwrap();
    assert_eq!((order.trouble, order.workloads["w"].inverted), (None, 0));
    let order = read(key("hash", ""), Some("field:name")).await.unwrap().order.unwrap();
    assert!(order.trouble.unwrap().contains("no order"));
    let stream = Listing::RedisStream {
        url: Template::new(&*url),
        stream: "stream".to_owned(),
        field: None,
        identity: Locator::field("id"),
    };
    let order = read(stream.clone(), Some("field:data /customer")).await.unwrap().order.unwrap();
    assert_eq!((order.trouble, order.workloads["w"].keys), (None, 7));
    let order = read(stream, Some("field:data /nobody")).await.unwrap().order.unwrap();
    assert!(order.trouble.unwrap().contains("3000 effects have no key"));
    // What is looked for at the wrong place is not lost.
    let error = read(key("list", "/number"), None).await.unwrap_err();
    assert!(error.contains("none of 3000 records"), "{error}");
    // A key that is not there has no elements.
    let seen = read(key("nothing", ""), None).await.unwrap();
    assert!(seen.workloads.is_empty() && seen.absent == ["key nothing"]);
}

/// What of a record is held against a schema, each kind of list by itself.
#[tokio::test(flavor = "multi_thread")]
async fn records_are_held_against_their_schema() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Redis::start(&lab, &RedisOptions::default(), patience()).unwrap().url;
    let mut connection = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    let put = |connection: &mut redis::Connection, words: &[&str]| {
        redis::cmd(words[0]).arg(&words[1..]).exec(connection).unwrap();
    };
    for number in 0..3 {
        let id = format!("r/w/{number}");
        put(&mut connection, &["XADD", "s", "*", "id", &id, "weight", &number.to_string()]);
        put(
            &mut connection,
            &["HSET", "h", &id, &format!("{{\"id\":\"{id}\",\"weight\":\"{number}\"}}")],
        );
    }
    put(&mut connection, &["XADD", "s", "*", "id", "r/w/3", "wait", "1"]);
    put(&mut connection, &["XADD", "s", "*", "id", "other/w/3", "wait", "1"]);
    put(&mut connection, &["XADD", "s", "*", "name", "nobody"]);
    put(&mut connection, &["HSET", "h", "r/w/3", "weightless"]);
    let lines = logs.path().join("lines");
    let text = "{\"id\":\"r/w/0\",\"weight\":\"1\"}\n{\"id\":\"r/w/1\"}\n[1\n";
    std::fs::write(&lines, text).unwrap();
    let schema =
        r#"{"type":"object","required":["id","weight"],"properties":{"weight":{"type":"string"}}}"#;
    let inspector = |url: &str| {
        let text = format!(
            "name = \"t\"\ntitle = \"t\"\n[[phase]]\nname = \"p\"\nfor = \"1s\"\n[system]\n\
             [[effects]]\nname = \"e\"\nschema = \"s.json\"\nndjson = {{ file = \"{url}\" }}\n\
             [[check]]\nname = \"c\"\ntitle = \"t\"\nschema = {{ source = \"e\" }}\n"
        );
        let plan = scenarios::plan("t", &text, &scenarios::Settings::default());
        let mut plan = plan.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        plan.read_schemas(|_| Ok(schema.to_owned())).unwrap();
        Inspector::of(&plan.effects[0], &plan, "r").unwrap().unwrap()
    };
    let identity: Locator = "/id".parse().unwrap();
    for (listing, own, unnamed, what) in [
        (
            Listing::RedisStream {
                url: Template::new(&*url),
                stream: "s".to_owned(),
                field: None,
                identity: Locator::field("id"),
            },
            (4, 1),
            (1, 1),
            "\"weight\" is missing",
        ),
        (
            Listing::RedisKey {
                url: Template::new(&*url),
                key: "h".to_owned(),
                identity: Locator::default(),
            },
            (4, 1),
            (0, 0),
            "it is no JSON: expected value at line 1 column 1",
        ),
        (
            Listing::Ndjson { file: Template::new(lines.to_str().unwrap()), identity },
            (2, 1),
            (1, 1),
            "\"weight\" is missing",
        ),
    ] {
        let spec = Spec { schema: Some(inspector("x")), ..spec(&listing, 0) };
        let seen =
            spec.finish(&BTreeMap::new(), &Offered::default(), &Cancel::default()).await.unwrap();
        let found = seen.schema.unwrap();
        assert_eq!(found.trouble, None, "{listing:?}");
        assert_eq!((found.own.checked, found.own.invalid), own, "{listing:?}: {found:?}");
        assert_eq!((found.unnamed.checked, found.unnamed.invalid), unnamed, "{found:?}");
        assert_eq!(found.own.examples[0].what, what);
    }
}
