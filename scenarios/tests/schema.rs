//! The JSON Schema and the reference: up to date, complete, and true of the
//! scenarios that ship. `UPDATE_SCHEMA=1` writes both files anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use scenarios::schema::{reference, schema};
use scenarios::suite;
use serde_json::Value as Json;

/// Compares a generated text with its file, which `UPDATE_SCHEMA` replaces.
fn is_up_to_date(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is out of date: run this test with UPDATE_SCHEMA=1", path.display());
}

#[test]
fn the_schema_file_is_up_to_date() {
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    is_up_to_date("scenario.schema.json", &text);
}

#[test]
fn the_reference_is_up_to_date() {
    is_up_to_date("../docs/scenarios.md", &reference());
}

#[test]
fn the_examples_of_the_reference_plan() {
    let reference = reference();
    let blocks = reference.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    // What has a name is a whole scenario.
    let whole = blocks.map(|(block, _)| block).filter(|block| block.starts_with("name = "));
    let mut count = 0;
    for example in whole {
        scenarios::plan("example", example, &scenarios::Settings::default())
            .unwrap_or_else(|problems| panic!("{problems}\n{example}"));
        if count == 0 {
            let document: Json = toml::from_str(example).unwrap();
            assert_eq!(faults(&schema(), &schema(), &document, "example"), [""; 0]);
        }
        count += 1;
    }
    assert!(count >= 3, "{count}");
}

#[test]
fn the_reference_has_every_key() {
    let reference = reference();
    fn visit(value: &Json, reference: &str) {
        for (name, inner) in value["properties"].as_object().into_iter().flatten() {
            assert!(
                reference.contains(&format!("`{name}`"))
                    || reference.contains(&format!("{name}]"))
                    || reference.contains(&format!("{name}.NAME]")),
                "{name} is not in the reference"
            );
            visit(inner, reference);
            visit(&inner["items"], reference);
            visit(&inner["additionalProperties"], reference);
        }
    }
    visit(&schema(), &reference);
}

#[test]
fn every_field_is_described() {
    fn visit(value: &Json, path: &str) {
        for (name, inner) in value["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            let about = inner["description"].as_str().unwrap_or_default();
            assert!(!about.is_empty(), "{path} has no description");
            assert!(about.ends_with(['.', '…', '"', ';']), "{path}: {about:?} is no sentence");
            visit(inner, &path);
            visit(&inner["items"], &path);
            visit(&inner["additionalProperties"], &path);
        }
    }
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    visit(&schema, "");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        assert!(definition["description"].is_string(), "type {name} has no description");
    }
}

#[test]
fn shipped_scenarios_match_the_schema() {
    let schema = schema();
    for shipped in suite::ALL {
        let document: Json = toml::from_str(shipped.source).unwrap();
        assert_eq!(faults(&schema, &schema, &document, shipped.name), [""; 0]);
    }
}

#[test]
fn every_reference_within_the_schema_leads_to_a_definition() {
    fn references<'a>(schema: &'a Json, found: &mut Vec<&'a str>) {
        match schema {
            Json::Object(object) => {
                found.extend(object.get("$ref").and_then(Json::as_str));
                object.values().for_each(|inner| references(inner, found));
            }
            Json::Array(list) => list.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }
    let schema = schema();
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 100, "{} references", found.len());
    for reference in found {
        let is_there = schema.pointer(reference.trim_start_matches('#')).is_some();
        assert!(is_there, "{reference} leads nowhere");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = schema();
    let refused = |from: &str, to: &str| {
        let source = suite::find("channel-leak").unwrap().source;
        assert!(source.contains(from), "{from:?} is not in the scenario");
        let document: Json = toml::from_str(&source.replacen(from, to, 1)).unwrap();
        let faults = faults(&schema, &schema, &document, "x");
        assert!(!faults.is_empty(), "{to:?} in place of {from:?} is not refused");
    };
    refused("connections = 16", "conections = 16");
    refused("connections = 16", "connections = true");
    refused("connections = 16", "connections = [16]");
    refused("title = ", "titel = ");
    refused("[[phase]]", "[phases]\n[[phase]]");
    refused(
        "trend = {",
        "speed = { series = \"a.b\", phases = \"load\", max = \"1/s\" }\ntrend = {",
    );
    refused("trend = {", "trand = {");
    refused("per = 1000", "per = 1000, until_when = 3");
}

/// Where a value breaks the schema; knows as much of JSON Schema as ours uses.
fn faults(root: &Json, schema: &Json, value: &Json, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(name) = schema["$ref"].as_str() {
        let definition = root.pointer(name.trim_start_matches('#')).expect("a definition");
        found.extend(faults(root, definition, value, path));
    }
    let types: Vec<&str> = match &schema["type"] {
        Json::String(one) => vec![one],
        Json::Array(several) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        other => panic!("unknown type {other}"),
    };
    if !types.is_empty() && !types.iter().any(is) {
        found.push(format!("{path}: {value} is not {types:?}"));
    }
    if let Some(kinds) = schema["anyOf"].as_array()
        && kinds.iter().all(|kind| !faults(root, kind, value, path).is_empty())
    {
        found.push(format!("{path}: {value} is none of {kinds:?}"));
    }
    if let Some(kinds) = schema["oneOf"].as_array()
        && kinds.iter().filter(|kind| faults(root, kind, value, path).is_empty()).count() != 1
    {
        found.push(format!("{path}: not exactly one of {kinds:?}"));
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        if value.get(key.as_str().unwrap()).is_none() {
            found.push(format!("{path}: {key} is missing"));
        }
    }
    let items = value.as_array().into_iter().flatten();
    for (index, item) in items.enumerate().filter(|_| schema["items"].is_object()) {
        found.extend(faults(root, &schema["items"], item, &format!("{path}[{index}]")));
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        let other = &schema["additionalProperties"];
        match schema["properties"].get(key) {
            Some(schema) => found.extend(faults(root, schema, inner, &path)),
            None if other == false => found.push(format!("{path} is unknown")),
            None if other.is_object() => found.extend(faults(root, other, inner, &path)),
            None => {}
        }
    }
    found
}
