//! Private servers that speak MongoDB's protocol: each product that is there starts,
//! keeps what it has answered when it is killed, and goes.

use std::path::Path;
use std::time::Instant;

use lab::server::mongodb::{Product, SERVER};
use lab::{LabError, MongoDb, MongoDbOptions, Server};
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Collection};
use rustix::process::Signal;
use tokio::runtime::Runtime;

use crate::support::{Host, kill, kill_process, lab, mentioning, patience, until};

/// A client as a correct program has one.
pub(crate) async fn collection(url: &str, name: &str) -> Collection<Document> {
    let mut options = ClientOptions::parse(url).await.unwrap();
    options.direct_connection = Some(true);
    options.write_concern = Some(WriteConcern::builder().journal(true).build());
    let client = Client::with_options(options).unwrap();
    client.default_database().unwrap().collection(name)
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The products that are there; a test that runs with none would show nothing.
fn products() -> Vec<Product> {
    let all = [Product::Mongod, Product::Secantusdb, Product::Ferretdb];
    let (here, missing): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|product| product.need().is_installed());
    for product in missing {
        eprintln!("SKIPPED: {}", product.need().missing());
    }
    assert!(!here.is_empty(), "there is no server that speaks MongoDB's protocol");
    here
}

#[test]
fn a_killed_server_comes_back_with_what_it_had_answered() {
    for product in products() {
        let logs = tempfile::tempdir().unwrap();
        let lab = lab(logs.path());
        let begun = Instant::now();
        let options = MongoDbOptions { product: Some(product), ..MongoDbOptions::default() };
        let server = MongoDb::start(&lab, &options, patience()).unwrap();
        println!("{} was ready after {:?}", server.product(), begun.elapsed());
        assert_eq!(server.product, product);
        assert!(server.version.starts_with(|c: char| c.is_ascii_digit()), "{}", server.version);
        assert!(server.product().contains(&server.version));
        for round in 1..=3_u32 {
            let rounds = runtime().block_on(async {
                let rounds = collection(&server.url, "rounds").await;
                rounds.insert_one(doc! { "round": round }).await.unwrap();
                rounds.count_documents(doc! {}).await.unwrap()
            });
            assert_eq!(rounds, u64::from(round), "{product:?}");
            kill_process(&lab, SERVER);
            server.wait_until_ready(&lab, patience()).unwrap();
        }
        let scratch = lab.scratch().to_owned();
        lab.stop().unwrap();
        assert!(!scratch.exists() && mentioning(&scratch).is_empty());
    }
}

/// What optimistic locking stands on. FerretDB looks and then writes, so that it does
/// not hold there.
#[test]
fn of_updates_at_once_to_one_version_only_one_is_made() {
    for product in products().into_iter().filter(|product| *product != Product::Ferretdb) {
        let logs = tempfile::tempdir().unwrap();
        let lab = lab(logs.path());
        let options = MongoDbOptions { product: Some(product), ..MongoDbOptions::default() };
        let server = MongoDb::start(&lab, &options, patience()).unwrap();
        runtime().block_on(async {
            let counters = collection(&server.url, "counters").await;
            counters.insert_one(doc! { "name": "c", "version": 0_i64 }).await.unwrap();
            for version in 0..50_i64 {
                let update = || async {
                    let filter = doc! { "name": "c", "version": version };
                    let raise = doc! { "$inc": { "version": 1_i64 } };
                    counters.update_one(filter, raise).await.unwrap().matched_count
                };
                let made = futures_util::join!(update(), update(), update(), update());
                assert_eq!(made.0 + made.1 + made.2 + made.3, 1, "{product:?} at {version}");
            }
        });
    }
}

#[test]
fn a_killed_program_and_a_killed_keeper_take_their_server_along() {
    let mut host = Host::start("mongodb", &[]);
    until("ready", || (host.line() == ["ready"]).then_some(()));
    host.child.kill().unwrap();
    host.expect_nothing_left();

    let mut host = Host::start("mongodb", &[]);
    let keeper: u32 = host.line()[1].parse().unwrap();
    until("ready", || (host.line() == ["ready"]).then_some(()));
    kill(keeper, Signal::KILL);
    let host_pid = host.child.id();
    until("the server's end", || {
        mentioning(host.folder.path()).into_iter().all(|pid| pid == host_pid).then_some(())
    });
    drop(host.child.stdin.take());
    host.expect_nothing_left();
}

#[test]
fn a_product_that_is_not_there_is_told_with_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let named = |product: &'static str| ("SHAKEDOWN_MONGODB", Path::new(product));
    let here = ("SHAKEDOWN_MONGODB_BIN", empty.path());
    for (product, words) in [
        ("mongod", ["mongod is not installed", "by hand", "SHAKEDOWN_MONGODB_BIN"]),
        ("mongo", ["SHAKEDOWN_MONGODB", "`mongo`", "mongod, secantusdb, ferretdb"]),
    ] {
        let mut host = Host::start("mongodb", &[named(product), here]);
        let errors = host.errors();
        for words in words {
            assert!(errors.contains(words), "{errors}");
        }
        host.expect_nothing_left();
    }
    let cache = ("XDG_CACHE_HOME", empty.path());
    let (secantusdb, ferretdb) =
        (("SHAKEDOWN_SECANTUSDB_BIN", empty.path()), ("SHAKEDOWN_FERRETDB_BIN", empty.path()));
    let mut host = Host::start("mongodb", &[here, secantusdb, ferretdb, cache]);
    let errors = host.errors();
    assert!(errors.contains("pip install secantusdb==") && errors.contains("--provision"));
    host.expect_nothing_left();
}

#[test]
fn a_taken_port_is_told() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(taken.local_addr().unwrap().port());
    let options = MongoDbOptions { port, ..MongoDbOptions::default() };
    let error = MongoDb::start(&lab, &options, patience()).unwrap_err();
    assert!(matches!(error, LabError::PortInUse { .. }), "{error}");
}
