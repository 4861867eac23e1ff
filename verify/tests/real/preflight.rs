//! The look at somebody's own Redis and PostgreSQL before a run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

use lab::{Postgres, PostgresOptions, RabbitMq, RabbitMqOptions, Redis, RedisOptions};
use verify::preflight::{self, addresses};
use verify::targets::TargetError;

use crate::support::{lab, patience};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_from_a_wrong_address() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let options = RedisOptions { password: Some("secret".to_owned()), ..RedisOptions::default() };
    let redis = Redis::start(&lab, &options, patience()).unwrap();
    let postgres = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap();
    let source = scenarios::suite::find("channel-leak").unwrap();
    let plan = scenarios::plan("s", source.source, &scenarios::Settings::default()).unwrap();
    let ask = async |address: &str| {
        reach(&plan, &BTreeMap::from([("it".to_owned(), address.to_owned())])).await
    };
    ask(&redis.url).await.unwrap();
    ask(&postgres.url).await.unwrap();
    for wrong in [
        format!("redis://127.0.0.1:{}", redis.port()),
        format!("redis://:hunter2@127.0.0.1:{}", redis.port()),
    ] {
        let error = ask(&wrong).await.unwrap_err();
        assert!(matches!(error, TargetError::Unauthorized { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    // The lab's server trusts everybody, but not somebody without a name here.
    let nobody = format!("postgres://nobody:hunter2@127.0.0.1:{}/postgres", postgres.port());
    let error = ask(&nobody).await.unwrap_err();
    assert!(matches!(error, TargetError::Unauthorized { .. }), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let nowhere = format!("postgres://postgres@127.0.0.1:{}/nowhere", postgres.port());
    let error = ask(&nowhere).await.unwrap_err();
    assert!(error.to_string().contains("\"nowhere\" does not exist"), "{error}");
    for closed in ["redis://:hunter2@127.0.0.1:1", "postgres://a:hunter2@127.0.0.1:1/d"] {
        let error = ask(closed).await.unwrap_err();
        assert!(matches!(error, TargetError::Unreachable { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    // Not what it should be.
    let error = ask(&format!("redis://127.0.0.1:{}", postgres.port())).await.unwrap_err();
    assert!(matches!(error, TargetError::Unreachable { .. }), "{error}");
}

/// A scenario that reads what `reads` says, with a target of each kind.
pub(crate) fn plan(reads: &str) -> scenarios::Plan {
    let text = format!(
        r#"
name = "own"
title = "an own one"
[system.targets.db]
help = "a database"
schemes = ["postgres"]
[system.targets.redis]
help = "a store"
schemes = ["redis"]
[system.targets.documents]
help = "a store of documents"
schemes = ["mongodb"]
[system.targets.broker]
help = "a broker"
schemes = ["amqp"]
[system.targets.api]
help = "its management API"
schemes = ["http"]
[[phase]]
name = "load"
for = "5s"
[[workload]]
name = "orders"
rate = "5/s"
phases = ["load"]
command = {{ run = "true" }}
[[check]]
name = "accepted"
title = "orders are accepted"
ratio = {{ of = "orders.unsuccessful", to = "orders.due", phases = ["load"], max = "1%" }}
{reads}
"#
    );
    let keys = ["db", "redis", "documents", "broker", "api"].map(str::to_owned).into();
    let settings = scenarios::Settings { targets: Some(keys), ..scenarios::Settings::default() };
    let planned = scenarios::plan("own", &text, &settings);
    let mut plan = planned.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    // Every item, also those that no check reads.
    plan.left_out.clear();
    plan
}

/// The texts of what may be missing.
pub(crate) async fn reach(
    plan: &scenarios::Plan,
    targets: &BTreeMap<String, String>,
) -> Result<Vec<String>, TargetError> {
    let warnings = preflight::reach(plan, targets).await?;
    Ok(warnings.into_iter().map(|warning| warning.text).collect())
}

pub(crate) fn at(key: &str, url: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), url.to_owned())])
}

async fn query(url: &str, query: &str) -> Result<Vec<String>, String> {
    let reads = format!(
        "[[probe]]\nname = \"rows\"\nsql = {{ url = \"${{target.db}}\", query = \"{query}\" }}"
    );
    reach(&plan(&reads), &at("db", url)).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_prepared_and_what_is_missing_is_told_with_the_nearest() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let url = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap().url;
    let made = "create table orders (id text, customer text); create table payments (id text)";
    let output = Command::new("psql").args(["-XAtqc", made, &url]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(query(&url, "select count(*) from orders").await.unwrap(), Vec::<String>::new());
    assert_eq!(query(&url, "select 1; select 2").await.unwrap(), Vec::<String>::new());
    let told = query(&url, "select count(*) from ordrs").await.unwrap();
    assert_eq!(
        told,
        [
            "probe rows: relation \"ordrs\" does not exist, at character 22: \"ordrs\" (yet); there are: orders, payments"
        ]
    );
    let told = query(&url, "select count(custmer) from orders").await.unwrap_err();
    assert!(told.contains("column \"custmer\" does not exist, at character 14"), "{told}");
    let told = query(&url, "selct 1").await.unwrap_err();
    assert!(told.contains("probe rows") && told.contains("at character 1"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_groups_and_kinds_of_keys_are_looked_at() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let server = Redis::start(&lab, &RedisOptions::default(), patience()).unwrap();
    let client = redis::Client::open(server.url.as_str()).unwrap();
    let mut line = client.get_connection().unwrap();
    let mut ask = |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let _: redis::Value = command.query(&mut line).unwrap();
    };
    ask(&["XGROUP", "CREATE", "orders", "workers", "0", "MKSTREAM"]);
    ask(&["XADD", "payments", "*", "a", "b"]);
    ask(&["SET", "text", "x"]);
    ask(&["CLIENT", "SETNAME", "orders-svc"]);
    let look = async |reads: &str| {
        reach(&plan(reads), &at("redis", &server.url)).await.map_err(|error| error.to_string())
    };
    let streams = |streams: &str, group: &str| {
        format!(
            "[[probe]]\nname = \"lag\"\nredis_streams = {{ url = \"${{target.redis}}\", streams = {streams}, group = \"{group}\" }}"
        )
    };
    let found = look(&streams("[\"orders\"]", "workers")).await.unwrap();
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(
        look(&streams("[\"ordrs\"]", "workers")).await.unwrap(),
        ["probe lag: stream ordrs does not exist (yet); there are: orders, payments"]
    );
    assert_eq!(
        look(&streams("[\"orders\"]", "worker")).await.unwrap(),
        ["probe lag: stream orders has no group worker (yet); there are: workers"]
    );
    let told = look(&streams("[\"text\"]", "workers")).await.unwrap_err();
    assert!(told.contains("the key text is a string, where a stream is read"), "{told}");
    let keys = "[[probe]]\nname = \"n\"\nredis_keys = { url = \"${target.redis}\", keys = [\"none\", \"text\"] }";
    let told = look(keys).await.unwrap_err();
    assert!(told.contains("the key text is a string"), "{told}");
    // Whom a fault would hit.
    let kill = |matching: &str| {
        format!(
            "[[fault]]\nname = \"hangs-up\"\nphase = \"load\"\nredis_kill_clients = {{ url = \"${{target.redis}}\", matching = \"{matching}\" }}"
        )
    };
    assert_eq!(look(&kill("orders-svc")).await.unwrap(), Vec::<String>::new());
    let told = look(&kill("order-service")).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("fault hangs-up: there is no connection of a Redis client with \"order-service\" now; of connections there are: orders-svc 127.0.0.1:"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_and_queues_are_looked_at() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let broker = RabbitMq::start(&lab, &RabbitMqOptions::default(), patience()).unwrap();
    let look = async |reads: &str| {
        reach(&plan(reads), &at("broker", &broker.amqp_url))
            .await
            .map_err(|error| error.to_string())
    };
    let tap = |exchange: &str| {
        format!(
            "[[effects]]\nname = \"seen\"\namqp_tap = {{ url = \"${{target.broker}}\", exchange = \"{exchange}\", routing_key = \"\" }}"
        )
    };
    assert_eq!(look(&tap("amq.direct")).await.unwrap(), Vec::<String>::new());
    let told = look(&tap("ordrs")).await.unwrap_err();
    assert!(told.contains("effects seen: exchange \"ordrs\" does not exist at amqp://"), "{told}");
    let publish = "[[workload]]\nname = \"w\"\nrate = \"5/s\"\nphases = [\"load\"]\namqp = { url = \"${target.broker}\", routing_key = \"jobs\", body = \"@{id}\" }";
    let told = look(publish).await.unwrap();
    assert!(told[0].contains("workload w: queue \"jobs\" does not exist (yet)"), "{told:?}");
}

#[test]
fn an_address_that_a_source_cannot_read_is_refused_before_anything_starts() {
    let reads = |url: &str| {
        format!("[[effects]]\nname = \"stored\"\nsql = {{ url = \"{url}\", query = \"select 1\" }}")
    };
    let told = addresses(&plan(&reads("sqlite:///orders.db")), &BTreeMap::new()).unwrap_err();
    assert!(told.to_string().contains("effects stored"), "{told}");
    assert!(told.to_string().contains("postgres"), "{told}");
    let plan = plan(&reads("${target.db}"));
    assert!(addresses(&plan, &at("db", "sqlite://joe:hunter22@h/orders.db")).is_err());
    addresses(&plan, &at("db", "postgres://joe@h/orders")).unwrap();
    addresses(&plan, &BTreeMap::new()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_is_told_at_once() {
    let reads = "[[probe]]\nname = \"rows\"\nsql = { url = \"${target.db}\", query = \"select 1\" }\n\
                 [[probe]]\nname = \"n\"\nredis_keys = { url = \"${target.redis}\", keys = [\"a\"] }";
    let targets = BTreeMap::from([
        ("db".to_owned(), "postgres://a:hunter22@127.0.0.1:1/d".to_owned()),
        ("redis".to_owned(), "redis://127.0.0.1:1".to_owned()),
    ]);
    let told = reach(&plan(reads), &targets).await.unwrap_err().to_string();
    // Once for each address, not for each reader.
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("db: nobody answers") && told.contains("redis: nobody answers"));
    assert!(!told.contains("hunter22"), "{told}");
}

/// Somebody who accepts connections and answers what `says` says to a path; nothing
/// at all where that is nothing. Gives the address.
fn listener(says: fn(&str) -> Option<(&'static str, &'static str)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut path = String::new();
            let _ = reader.read_line(&mut path);
            let path = path.split(' ').nth(1).unwrap_or_default().to_owned();
            let mut stream = stream;
            match says(&path) {
                Some((status, body)) => {
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                }
                None => silent.push(stream),
            }
        }
    });
    address
}

async fn look_at(url: &str, reads: &str) -> Result<Vec<String>, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reach(&plan(reads), &at("api", url)).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_accepts_and_is_silent_is_refused() {
    let silent = listener(|_| None);
    for (name, reads) in [
        ("up", "health = { url = \"${target.api}/health\" }"),
        ("q", "promql = { url = \"${target.api}\", query = \"up\" }"),
        ("m", "prometheus = { url = \"${target.api}/metrics\", metric.up = { metric = \"up\" } }"),
    ] {
        let reads = format!("[[probe]]\nname = \"{name}\"\n{reads}");
        let told = look_at(&silent, &reads).await.unwrap_err();
        assert!(told.contains(&format!("probe {name}: {silent}")), "{told}");
        assert!(told.contains("gives no answer within 3.5 s: see that"), "{told}");
    }
    // One that is not there now may come.
    let says: fn(&str) -> Option<_> = |_| Some(("503 Unavailable", ""));
    let reads = "[[probe]]\nname = \"up\"\nhealth = { url = \"${target.api}/health\" }";
    assert_eq!(look_at(&listener(says), reads).await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_that_are_not_there_end_the_run_before_the_load() {
    let server = listener(|path| {
        Some(match path {
            "/metrics" => ("200 OK", "up 1\n"),
            "/busy" => ("503 Service Unavailable", "later"),
            _ => ("404 Not Found", "<html>"),
        })
    });
    let look = async |path: &str| {
        let reads = format!(
            "[[probe]]\nname = \"m\"\nprometheus = {{ url = \"${{target.api}}{path}\", metric.up = {{ metric = \"up\" }} }}"
        );
        look_at(&server, &reads).await
    };
    assert_eq!(look("/metrics").await.unwrap(), Vec::<String>::new());
    for (path, status) in [("/metric", "404 Not Found"), ("/busy", "503 Service Unavailable")] {
        let told = look(path).await.unwrap_err();
        assert!(told.contains(status) && told.contains("often /metrics"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_prometheus_is_asked_and_unknown_metrics_are_told_with_the_nearest() {
    let server = listener(|path| {
        Some(match path {
            "/api/v1/query?query=up" => (
                "200 OK",
                r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#,
            ),
            "/api/v1/query?query=rate%28order_total%5B1m%5D%29" => {
                ("200 OK", r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#)
            }
            "/api/v1/label/__name__/values" => {
                ("200 OK", r#"{"status":"success","data":["orders_total","up"]}"#)
            }
            "/api/v1/query?query=up+up" => (
                "400 Bad Request",
                r#"{"status":"error","errorType":"bad_data","error":"1:4: parse error: unexpected identifier"}"#,
            ),
            _ => ("404 Not Found", "<html>"),
        })
    });
    let look = async |query: &str| {
        let reads = format!(
            "[[probe]]\nname = \"q\"\npromql = {{ url = \"${{target.api}}\", query = \"{query}\" }}"
        );
        look_at(&server, &reads).await
    };
    assert_eq!(look("up").await.unwrap(), Vec::<String>::new());
    assert_eq!(
        look("rate(order_total[1m])").await.unwrap(),
        ["probe q: there is no metric order_total (yet); there are: orders_total, up"]
    );
    let told = look("up up").await.unwrap_err();
    assert!(told.contains("cannot carry out the query"), "{told}");
    assert!(told.contains("1:4: parse error: unexpected identifier"), "{told}");
    assert!(look("down").await.unwrap_err().contains("no answer of Prometheus"));
}

/// A name that only the workload's own way leads to need not mean anything here.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_load_comes_to_by_another_way_is_not_looked_at_by_its_name() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scenario = |way: &str, probe: &str| {
        let text = format!(
            r#"
name = "own"
title = "an own one"
[system.targets.shop]
help = "a shop"
schemes = ["http"]
[[phase]]
name = "load"
for = "5s"
[[workload]]
name = "orders"
rate = "5/s"
phases = ["load"]
[workload.http]
url = "${{target.shop}}/orders"
{way}
[[check]]
name = "accepted"
title = "orders are accepted"
ratio = {{ of = "orders.unsuccessful", to = "orders.due", phases = ["load"], max = "1%" }}
{probe}
"#
        );
        let keys = ["shop".to_owned()].into();
        let settings =
            scenarios::Settings { targets: Some(keys), ..scenarios::Settings::default() };
        let planned = scenarios::plan("own", &text, &settings);
        let mut plan = planned.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        plan.left_out.clear();
        plan
    };
    let shop = BTreeMap::from([("shop".to_owned(), "http://no-such-shop.invalid:81".to_owned())]);
    let probe = "[[probe]]\nname = \"up\"\nhealth = { url = \"${target.shop}/health\" }";
    for way in [
        "resolve = \"no-such-shop.invalid:81:127.0.0.1\"",
        "connect_to = \"::127.0.0.1:81\"",
        "unix_socket = \"/run/shop.sock\"",
        "proxy = \"http://127.0.0.1:3128\"",
    ] {
        assert_eq!(reach(&scenario(way, ""), &shop).await.unwrap(), Vec::<String>::new(), "{way}");
        let error = reach(&scenario(way, probe), &shop).await.unwrap_err().to_string();
        assert!(error.contains("no-such-shop.invalid"), "{error}");
    }
    let error = reach(&scenario("", ""), &shop).await.unwrap_err().to_string();
    assert!(error.contains("no-such-shop.invalid"), "{error}");
}
