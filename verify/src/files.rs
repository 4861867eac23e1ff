//! The files that a scenario names: bodies, rows that fill them in, and the JSON Schemas
//! that bodies and records have to follow.

mod sample;
mod values;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use loadgen::content::{self, Content, FileError, LONGEST_BODY};
use loadgen::payload::Payload;
use loadgen::{Arrival, Data, Schedule, Segment, Shape, Transport};
use scenarios::plan::Workload;
use scenarios::plan::data::Order;
use scenarios::{Mistake, Plan, suite};

use crate::conduct::windows;
use crate::contract;

/// A workload's transport and shape, with what its files hold.
///
/// # Errors
/// When a file cannot be read, or is no table.
pub(crate) fn filled(
    workload: &Workload,
    transport: Transport,
    shape: Shape,
) -> Result<(Transport, Shape), FileError> {
    let transport = match &workload.body_file {
        None => transport,
        Some(file) => {
            transport.with_body(Content::of_file(content::read(Path::new(file), LONGEST_BODY)?))
        }
    };
    let data = match &workload.data {
        None => None,
        Some(data) => Some(Arc::new(Data::read(Path::new(&data.file), data.order)?)),
    };
    Ok((transport, Shape { data, ..shape }))
}

/// The text of a schema: at its path, or in a folder beside it that has the scenario's name,
/// as the files of shipped scenarios stand.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn schema(path: &Path, scenario: &str) -> Result<String, String> {
    let name = path.file_name().unwrap_or_default();
    let within = path.with_file_name(scenario).join(name);
    let path = if path.exists() || !within.exists() { path } else { &within };
    let bytes = content::read(path, contract::LONGEST).map_err(|error| {
        let shipped = name.to_str().and_then(|name| Some((suite::has_file(name)?, name)));
        let help = shipped.filter(|_| !path.exists()).map_or_else(String::new, |(of, name)| {
            format!("; the one of {of} is given by verify show {of} --file {name}")
        });
        format!("{}{help}", error.problem)
    })?;
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())
}

/// Sees that the files of all workloads are there, have the columns that are
/// asked for, and rows enough, that schemas are some, that what is sent follows them, and
/// that it has what values are to be made of.
/// Gives what is probably not meant so.
///
/// # Errors
/// Everything that is wrong.
pub(crate) fn check(plan: &Plan) -> Result<Vec<String>, Vec<Mistake>> {
    let (mut doubts, mut wrong) = (Vec::new(), Vec::new());
    for workload in &plan.workloads {
        let of = |why: String| format!("workload {}: {why}", workload.name);
        match examine(plan, workload) {
            Ok(found) => doubts.extend(found.into_iter().map(of)),
            Err(Wrong { keys, why }) => wrong.push(Mistake {
                kind: "workload",
                name: workload.name.clone(),
                keys,
                why: of(why),
                help: None,
            }),
        }
    }
    for effects in &plan.effects {
        let of = |why: String| format!("effects {}: {why}", effects.name);
        match effects.schema.as_ref().map(sample::contract).transpose() {
            Ok(contract) => {
                let found = contract.iter().flat_map(|(_, doubts)| doubts.iter().cloned());
                doubts.extend(found.map(of));
            }
            Err(why) => wrong.push(Mistake {
                kind: "effects",
                name: effects.name.clone(),
                keys: vec!["schema"],
                why: of(why),
                help: None,
            }),
        }
    }
    // A workload that is wrong by itself has no bodies.
    if wrong.is_empty() {
        wrong.extend(values::mistakes(plan));
    }
    if wrong.is_empty() { Ok(doubts) } else { Err(wrong) }
}

/// What is wrong with a workload, and where it stands there.
struct Wrong {
    keys: Vec<&'static str>,
    why: String,
}

impl Wrong {
    fn at(keys: &[&'static str], why: impl ToString) -> Self {
        Self { keys: keys.to_vec(), why: why.to_string() }
    }
}

/// What the addresses are is of no interest here.
fn any_targets(plan: &Plan) -> BTreeMap<String, String> {
    plan.system.targets.keys().map(|key| (key.clone(), "x".to_owned())).collect()
}

fn examine(plan: &Plan, workload: &Workload) -> Result<Vec<String>, Wrong> {
    let targets = any_targets(plan);
    let word = workload.transport.word();
    let transport = Transport::from_plan(&workload.transport, &targets);
    let transport = transport.map_err(|error| Wrong::at(&[word], error))?;
    let shape = Shape::from_plan(workload, plan.seed);
    let (transport, shape) = filled(workload, transport, shape).map_err(|error| {
        let is_body = workload.body_file.as_deref().is_some_and(|file| error.shown == file);
        Wrong::at(if is_body { &["body_file"] } else { &["data", "file"] }, error)
    })?;
    for text in transport.texts() {
        Payload::plain(text, &shape).map_err(|error| Wrong::at(&[word], error))?;
    }
    let once = shape.data.as_ref().filter(|data| data.order() == Order::Once);
    if let Some(data) = once {
        let segments = windows(plan, workload).into_iter().map(Segment::from);
        let schedule = Schedule::of(segments, Arrival::Uniform);
        let schedule = schedule.map_err(|error| Wrong::at(&["rate"], error))?;
        if schedule.total() > data.rows() {
            let why = format!(
                "{} has {} rows for {} operations, and each is to have one of its own; give more \
                 rows, or write order = \"in-turn\"",
                data.shown(),
                data.rows(),
                schedule.total()
            );
            return Err(Wrong::at(&["data", "file"], why));
        }
    }
    let mut doubts = Vec::new();
    if let Some(schema) = &workload.schema {
        doubts = sample::follow(schema, workload, &transport, shape, &targets)
            .map_err(|why| Wrong::at(&["schema"], why))?;
    }
    if workload.data.is_none() && workload.body_file.is_none() && workload.schema.is_none() {
        return Ok(doubts);
    }
    let doubt = "its body is sent as it is and nothing beside it says @{id}; add a header, a key \
                 or the like where effects are looked for";
    doubts.extend(transport.is_nameless().then(|| doubt.to_owned()));
    Ok(doubts)
}

#[cfg(test)]
mod tests {
    use scenarios::{Settings, suite};

    use super::*;

    /// The shipped scenario with these lines in its first workload, in a folder
    /// with some files.
    fn checked(lines: &str, url: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("rows.csv", &b"user\nann\n"[..]),
            ("body", b"\xff\x00"),
            ("text", b"{\"u\":\"@{user}\",\"id\":\"@{id}\"}"),
        ] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let source = suite::find("idempotent-ingest").unwrap().source;
        let source = source
            .replacen("name = \"send\"\n", &format!("name = \"send\"\n{lines}\n"), 1)
            .replacen("url = \"${target.service}${path}\"", &format!("url = \"{url}\""), 1);
        let source = match lines.contains("body_file") {
            true => source.replacen("body = \"${body}\"\n", "", 1),
            false => source,
        };
        let mut plan = scenarios::plan("s", &source, &Settings::default()).unwrap();
        plan.anchor(folder.path());
        check(&plan).map_err(|wrong| wrong[0].why.clone())
    }

    const ITEM: &str = r#"{"type":"object","required":["clientMessageId"],"properties":{"content":{"maxLength":9}}}"#;

    /// The shipped scenario with these lines in its first workload, which has this schema.
    fn followed(lines: &str, schema: &str) -> Result<Vec<String>, String> {
        let source = suite::find("idempotent-ingest").unwrap().source;
        let lines = format!("name = \"send\"\nschema = \"item.json\"\n{lines}\n");
        let source = source.replacen("name = \"send\"\n", &lines, 1);
        let set = [("body".to_owned(), r#"{"clientMessageId":"@{id}","n":@{int:1-9}}"#.to_owned())];
        let settings = Settings { set: set.into(), ..Settings::default() };
        let mut plan = scenarios::plan("s", &source, &settings).unwrap();
        plan.read_schemas(|_| Ok(schema.to_owned())).unwrap();
        check(&plan).map_err(|wrong| wrong[0].why.clone())
    }

    #[test]
    fn what_is_sent_is_held_against_its_schema_before_the_run() {
        assert_eq!(followed("", ITEM), Ok(Vec::new()));
        let few = ITEM.replace("\"content\"", "\"n\":{\"maximum\":8},\"content\"");
        for (schema, hint) in [
            (ITEM.replace("clientMessageId", "key"), "\"key\" is missing; correct the body"),
            // One of some dozen bodies is enough.
            (few, "/n: 9 is more than 8"),
            ("{}".to_owned(), "schema item.json: every JSON value follows"),
            (ITEM.replace("object", "objekt"), "schema item.json: at /type"),
            (
                ITEM.replace("{\"maxLength\":9}", "{\"$ref\":\"http://127.0.0.1:1/a\"}"),
                "nothing is fetched",
            ),
        ] {
            let error = followed("", &schema).unwrap_err();
            assert!(error.starts_with("workload send: ") && error.contains(hint), "{error}");
        }
        let format = ITEM.replace("\"maxLength\":9", "\"format\":\"int64\"");
        assert!(followed("", &format).unwrap()[0].contains("\"int64\""));
    }

    #[test]
    fn poison_that_follows_the_schema_is_doubted() {
        // The shipped scenario has poison already; its body is none by default.
        let source = suite::find("idempotent-ingest").unwrap().source;
        assert!(source.contains("poison"), "the test has lost its ground");
        let poisoned = |body: &str| {
            let mut plan = scenarios::plan("s", source, &Settings::default()).unwrap();
            let workload = &mut plan.workloads[0];
            workload.shape.poison = scenarios::units::Share(0.02);
            workload.shape.poison_body = Some(scenarios::template::Template::new(body));
            let file = "item.json".to_owned();
            let text = r#"{"type":"object","not":{"required":["poison"]}}"#.to_owned();
            workload.schema = Some(scenarios::plan::SchemaFile { file, text });
            check(&plan).unwrap()
        };
        assert_eq!(poisoned(r#"{"poison":"@{id}"}"#), Vec::<String>::new());
        assert_eq!(poisoned("no JSON"), Vec::<String>::new());
        let doubts = poisoned(r#"{"id":"@{id}"}"#);
        assert!(doubts[0].contains("its poison follows item.json"), "{doubts:?}");
    }

    #[test]
    fn a_schema_is_found_beside_the_scenario_or_in_a_folder_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("shop")).unwrap();
        std::fs::write(folder.path().join("a.json"), "a").unwrap();
        std::fs::write(folder.path().join("shop/b.json"), "b").unwrap();
        let read = |name: &str| schema(&folder.path().join(name), "shop");
        assert_eq!((read("a.json"), read("b.json")), (Ok("a".to_owned()), Ok("b".to_owned())));
        assert_eq!(read("c.json").unwrap_err(), "there is no such file");
        let shipped = read("event.schema.json").unwrap_err();
        assert!(
            shipped.ends_with("verify show worker-queue --file event.schema.json"),
            "{shipped}"
        );
    }

    /// The contracts of the shipped scenario say what its events and documents are.
    #[test]
    fn the_contracts_of_the_worker_queue_can_be_broken() {
        let contract = |name| {
            let text = suite::file("worker-queue", name).unwrap();
            let contract = contract::Contract::new(text).unwrap();
            assert_eq!(contract.doubts().count(), 0);
            contract
        };
        let broken = |contract: &contract::Contract, value: &serde_json::Value| {
            contract.breach(value.to_string().as_bytes()).map(|breach| breach.to_string())
        };
        let event = contract("event.schema.json");
        let good = serde_json::json!({
            "message_id": "r/publish/1", "user_id": "user-17", "occurred_at": 1_764_201_600_000_u64,
            "kind": "view", "weight": 3,
        });
        assert_eq!(broken(&event, &good), None);
        for (key, value, hint) in [
            ("weight", 0.into(), "/weight: 0 is less than 1"),
            ("weight", 6.into(), "/weight: 6 is more than 5"),
            ("weight", 1.5.into(), "must be integer"),
            ("occurred_at", "never".into(), "/occurred_at: \"never\" is a string"),
            ("user_id", "".into(), "shorter than 1"),
            ("extra", 1.into(), "\"extra\" must not be there"),
        ] {
            let mut event_ = good.clone();
            event_[key] = value;
            let breach = broken(&event, &event_).unwrap();
            assert!(breach.contains(hint), "{breach}");
        }
        for key in ["message_id", "user_id", "occurred_at", "kind", "weight"] {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(key);
            assert_eq!(broken(&event, &without), Some(format!("\"{key}\" is missing")));
        }
        let document = contract("document.schema.json");
        let vector = vec![0.25; 1_536];
        let at = "2026-01-02T03:04:05.678Z";
        let good = serde_json::json!({
            "_id": "65a", "user_id": "user-17", "vector": vector, "version": 1, "newest_event": at,
            "last_updated": at, "processed": [{ "id": "r/publish/1", "at": at }],
        });
        assert_eq!(broken(&document, &good), None);
        for (pointer, value, hint) in [
            ("/vector", vec![0.25; 1_535].into(), "an array of 1535 items has fewer than 1536"),
            ("/vector", vec![0.25; 1_537].into(), "has more than 1536"),
            ("/vector/1535", "x".into(), "/vector/1535: \"x\" is a string"),
            ("/version", 0.into(), "/version: 0 is less than 1"),
            ("/last_updated", "yesterday".into(), "is no date-time"),
            ("/newest_event", 5.into(), "must be string"),
            ("/processed", Vec::<i32>::new().into(), "fewer than 1"),
            ("/processed/0/at", "".into(), "/processed/0/at: \"\" is no date-time"),
        ] {
            let mut other = good.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            let breach = broken(&document, &other).unwrap();
            assert!(breach.contains(hint), "{breach}");
        }
    }

    #[test]
    fn files_are_looked_at_before_the_run() {
        let rows = "data = { file = \"rows.csv\" }";
        let plain = "${target.service}${path}";
        assert_eq!(checked(rows, "${target.service}/@{user}"), Ok(Vec::new()));
        assert_eq!(checked(&format!("{rows}\nbody_file = \"text\""), plain), Ok(Vec::new()));
        let doubts = checked("body_file = \"body\"", plain).unwrap();
        assert!(doubts[0].contains("nothing beside it says @{id}"), "{doubts:?}");
        for (lines, url, hint) in [
            ("data = { file = \"none.csv\" }", plain, "none.csv cannot be read: there is no such"),
            (rows, "${target.service}/@{usr}", "did you mean @{user}?"),
            ("body_file = \"text\"", plain, "@{user} is unknown"),
            ("data = { file = \"rows.csv\", order = \"once\" }", plain, "has 1 rows for"),
        ] {
            let error = checked(lines, url).unwrap_err();
            assert!(error.starts_with("workload send: ") && error.contains(hint), "{error}");
        }
    }
}
