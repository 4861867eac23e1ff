//! Documents of MongoDB as effects, dead letters and figures, and the look before a run.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::{MongoDb, MongoDbOptions};
use loadgen::{Fate, Ledger};
use mongodb::Client;
use mongodb::bson::{DateTime, Document, doc};
use scenarios::plan::{Ask, Listing, ProbeKind};
use scenarios::template::Template;
use scenarios::units::{Span, Unit};
use verify::effects::dead::DeadLetters;
use verify::effects::listing::{List, OrderOf, Spec};
use verify::effects::offered::Offered;
use verify::event::Reader;
use verify::history::Seen;
use verify::mongodb::clock_of;
use verify::preflight::{self, addresses};
use verify::signal::Cancel;

use crate::preflight::{at, plan, reach};
use crate::support::{Watch, lab, patience};

const USERS: u64 = 60;
const EVENTS: u64 = 50;

/// A document for each user, each with the events that it was made of.
fn documents() -> Vec<Document> {
    let user = |user: u64| {
        let event = |event: u64| {
            let at = DateTime::from_millis(1_769_817_600_000 + i64::try_from(event).unwrap());
            doc! { "id": format!("r/w/{}", event * USERS + user), "at": at }
        };
        doc! {
            "user_id": format!("user-{user}"),
            "vector": vec![0.5; 64],
            "version": i64::try_from(EVENTS).unwrap(),
            "processed": (0..EVENTS).map(event).collect::<Vec<_>>(),
        }
    };
    (0..USERS).map(user).collect()
}

async fn fill(url: &str, collection: &str, documents: Vec<Document>) {
    let client = Client::with_uri_str(url).await.unwrap();
    let collection = client.default_database().unwrap().collection(collection);
    collection.insert_many(documents).await.unwrap();
}

fn listing(url: &str, collection: &str, ask: Ask, identity: &str) -> Listing {
    Listing::Mongodb {
        url: Template::new(url),
        database: None,
        collection: collection.to_owned(),
        ask,
        timeout: Span::seconds(60),
        identity: identity.parse().unwrap(),
    }
}

fn find(filter: &str, sort: Option<&str>) -> Ask {
    let sort = sort.map(|sort| sort.parse().unwrap());
    Ask::Find { filter: filter.parse().unwrap(), projection: None, sort }
}

fn aggregate(pipeline: &str) -> Ask {
    Ask::Aggregate { pipeline: pipeline.parse().unwrap() }
}

fn list(listing: &Listing) -> List {
    List::new(listing, &BTreeMap::new()).unwrap()
}

async fn read(listing: &Listing, key: Option<&str>) -> Result<Seen, String> {
    let mut known = Ledger::new("r", "w");
    known.add_due(USERS * EVENTS);
    (0..USERS * EVENTS).for_each(|sequence| known.record(sequence, Fate::Acked));
    let spec = Spec {
        at: None,
        aggregate: None,
        schema: None,
        effects: list(listing),
        dead: None,
        order: key.map(|key| OrderOf::Records(key.parse().unwrap())),
        settle: Duration::ZERO,
        run: "r".to_owned(),
        workloads: vec!["w".to_owned()],
    };
    spec.finish(&BTreeMap::from([("w", &known)]), &Offered::default(), &Cancel::default()).await
}

const EACH: &str = r#"[{"$unwind":"$processed"},{"$project":{"user_id":1,"event":"$processed"}}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_read_as_effects_and_dead_letters() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let server = MongoDb::start(&lab, &MongoDbOptions::default(), patience()).unwrap();
    let url = server.url.as_str();
    fill(url, "user_embeddings", documents()).await;
    let each = listing(url, "user_embeddings", aggregate(EACH), "field:event.id");
    let seen = read(&each, Some("field:user_id")).await.unwrap();
    let told = &seen.workloads["w"];
    assert_eq!((told.once.len(), told.more.len()), (USERS * EVENTS, 0));
    let order = seen.order.unwrap();
    let told = &order.workloads["w"];
    assert_eq!((order.trouble, told.keys, told.inverted), (None, USERS, 0));
    // By a pointer, of those that a filter lets through.
    let filter = r#"{"user_id":{"$in":["user-3","user-4"]}}"#;
    let some = listing(url, "user_embeddings", find(filter, None), "/processed/0/id");
    let seen = read(&some, None).await.unwrap();
    assert_eq!(seen.workloads["w"].once.iter().collect::<Vec<_>>(), [3, 4]);
    let sorted = find("{}", Some(r#"{"processed.0.id":-1}"#));
    let sorted = listing(url, "user_embeddings", sorted, "field:processed.0.id");
    let order = read(&sorted, Some("field:version")).await.unwrap().order.unwrap();
    let told = &order.workloads["w"];
    assert_eq!((told.keys, told.operations), (1, USERS));
    assert!(told.inverted > 50, "sorted downwards: {told:?}");
    // What is looked for at the wrong place is not lost.
    let wrong = listing(url, "user_embeddings", find("{}", None), "field:nobody");
    let error = read(&wrong, None).await.unwrap_err();
    assert!(error.contains("none of 60 records"), "{error}");
    // A collection without documents is there; one that is not there is empty.
    let none = listing(url, "user_embeddings", find(r#"{"user_id":"x"}"#, None), "field:id");
    let seen = read(&none, None).await.unwrap();
    assert!(seen.workloads.is_empty() && seen.absent.is_empty(), "{:?}", seen.absent);
    let nothing = listing(url, "nothing", find("{}", None), "field:id");
    let seen = read(&nothing, None).await.unwrap();
    assert!(seen.workloads.is_empty() && seen.absent == ["collection nothing"]);
    let wrong = listing(url, "user_embeddings", aggregate(r#"[{"$nope":1}]"#), "/id");
    let error = read(&wrong, None).await.unwrap_err();
    assert!(error.contains("nope"), "{error}");

    let dead =
        |(id, tries): (u64, i32)| doc! { "id": format!("r/w/{id}"), "tries": f64::from(tries) };
    fill(url, "failed", [(1, 5), (2, 5), (3, 4)].map(dead).into()).await;
    let letters = DeadLetters {
        list: list(&listing(url, "failed", find("{}", None), "field:id")),
        tries: Some("field:tries".parse().unwrap()),
        at: None,
    };
    let mut found = Vec::new();
    let (read, tries) = letters.read("r", |text| found.push(text.to_owned())).await;
    assert_eq!((read.unwrap().nameless, found.len()), (0, 3));
    let tried = &tries.unwrap().workloads["w"];
    assert_eq!((tried.numbers[&5].count, tried.numbers[&4].first.as_slice()), (2, &[3][..]));
}

fn asked(url: &str, collection: &str, ask: Ask) -> ProbeKind {
    ProbeKind::Mongodb {
        url: Template::new(url),
        database: Some("embeddings".to_owned()),
        collection: collection.to_owned(),
        ask,
        timeout: Span::seconds(5),
        counter: false,
        unit: Unit::Count,
        waits: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_counted_from_before_it_is_there() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let server = MongoDb::start(&lab, &MongoDbOptions::default(), patience()).unwrap();
    let count = Ask::Count { filter: r#"{"version":{"$gte":50}}"#.parse().unwrap() };
    let mut watch = Watch::start(asked(&server.url, "user_embeddings", count));
    watch.until("nothing yet", |watch| watch.last("value", "")).await;
    assert_eq!((watch.last("value", ""), watch.absent.len()), (Some(0.0), 1));
    fill(&server.url, "user_embeddings", documents()).await;
    watch.until("all", |watch| watch.last("value", "").filter(|&count| count == 60.0)).await;
    assert_eq!((watch.absent.len(), watch.troubles.len()), (0, 0), "{:?}", watch.troubles);
    watch.end().await;
    let by_user = r#"[{"$match":{"user_id":{"$in":["user-1","user-2"]}}},{"$unwind":"$processed"},{"$group":{"_id":"$user_id","value":{"$sum":1}}}]"#;
    let mut watch = Watch::start(asked(&server.url, "user_embeddings", aggregate(by_user)));
    watch.until("of each", |watch| watch.last("value", "user-2")).await;
    let of = |user| watch.last("value", user);
    assert_eq!((of("user-1"), of("user-2"), of("user-3")), (Some(50.0), Some(50.0), None));
    watch.end().await;
    // A count of nothing is 0, although the server gives no result.
    let none = aggregate(r#"[{"$match":{"user_id":"x"}},{"$count":"value"}]"#);
    let mut watch = Watch::start(asked(&server.url, "user_embeddings", none));
    watch.until("none", |watch| watch.last("value", "").filter(|&count| count == 0.0)).await;
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_database_is_told_before_the_run() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let server = MongoDb::start(&lab, &MongoDbOptions::default(), patience()).unwrap();
    fill(&server.url, "user_embeddings", documents()).await;
    let probe = |rest: &str| {
        plan(&format!(
            "[[probe]]\nname = \"stored\"\nmongodb = {{ url = \"${{target.documents}}\", {rest} }}"
        ))
    };
    let look = async |url: &str, rest: &str| {
        reach(&probe(rest), &at("documents", url)).await.map_err(|error| error.to_string())
    };
    let url = server.url.as_str();
    let right = "collection = \"user_embeddings\", count = '{}'";
    assert_eq!(look(url, right).await.unwrap(), Vec::<String>::new());
    assert_eq!(
        look(url, "collection = \"user_embedings\", count = '{}'").await.unwrap(),
        [
            "probe stored: collection user_embedings does not exist (yet); there are: user_embeddings"
        ]
    );
    // One thing that is missing is one warning, whoever looks at it.
    let source = |rest: &str| {
        format!("mongodb = {{ url = \"${{target.documents}}\", collection = \"later\", {rest} }}")
    };
    let several = plan(&format!(
        "[[probe]]\nname = \"depth\"\n{}\n[[probe]]\nname = \"age\"\n{}\n[[effects]]\nname = \"done\"\n{}",
        source("count = '{}'"),
        source("count = '{\"done\":true}'"),
        source("identity = \"/id\""),
    ));
    let told = preflight::reach(&several, &at("documents", url)).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let begin = "probe depth, probe age, effects done: collection later does not exist (yet)";
    assert!(told[0].text.starts_with(begin), "{told:?}");
    let reader = |name: &str| Reader::Probe(name.to_owned());
    let awaited = [reader("depth"), reader("age"), Reader::Effects("done".to_owned())];
    assert_eq!(told[0].awaited_by, awaited);
    let elsewhere = "database = \"embedings\", collection = \"user_embeddings\", count = '{}'";
    let told = look(url, elsewhere).await.unwrap();
    assert!(told[0].contains("the database embedings has no collections"), "{told:?}");
    let wrong = "collection = \"user_embeddings\", aggregate = '[{\"$nope\":1}]'";
    let told = look(url, wrong).await.unwrap_err();
    assert!(told.contains("MongoDB cannot carry out aggregate") && told.contains("nope"), "{told}");
    // No such user, and no such server.
    let stranger = url.replace("mongodb://", "mongodb://joe:hunter2@");
    let told = look(&stranger, right).await.unwrap_err();
    assert!(told.contains("give them as mongodb://USER"), "{told}");
    assert!(told.contains("authSource") && !told.contains("hunter2"), "{told}");
    let told = look("mongodb://joe:hunter2@127.0.0.1:1/d", right).await.unwrap_err();
    assert!(told.contains("127.0.0.1:1") && told.contains("refused"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    // No database at all.
    let nameless = format!("mongodb://127.0.0.1:{}", server.port());
    let told = addresses(&probe(right), &at("documents", &nameless)).unwrap_err().to_string();
    assert!(told.contains("it names no database"), "{told}");
    let given = probe("database = \"embeddings\", collection = \"user_embeddings\", count = '{}'");
    addresses(&given, &at("documents", &nameless)).unwrap();
    // It is the same clock.
    let offset = clock_of(url).await.unwrap();
    println!("{offset:?}");
    assert!(offset.ms.abs() <= offset.error_ms + 1.0, "{offset:?}");
}
