use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn contract(schema: &Value) -> Contract {
    Contract::new(&schema.to_string()).unwrap()
}

fn refused(schema: &Value) -> ContractError {
    Contract::new(&schema.to_string()).unwrap_err()
}

#[test]
fn a_breach_says_where_and_what_in_plain_words() {
    let order = contract(&json!({
        "type": "object",
        "required": ["id", "at"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "string", "pattern": "^r/[a-z]+/[0-9]+$" },
            "at": { "type": ["integer", "null"], "minimum": 0 },
            "when": { "format": "date-time" },
            "lines": { "type": "array", "minItems": 2, "items": { "enum": ["a", "b"] } },
            "kind": { "oneOf": [{ "const": 1 }, { "const": 2 }] },
        },
    }));
    for (text, at, what) in [
        (r#"{"id":"r/w/1"}"#, "", "\"at\" is missing"),
        (r#"{"id":7,"at":1}"#, "/id", "7 is an integer, and must be string"),
        (r#"{"id":"r/w/x","at":1}"#, "/id", "\"r/w/x\" does not match \"^r/[a-z]+/[0-9]+$\""),
        (r#"{"id":"r/w/1","at":-1}"#, "/at", "-1 is less than 0"),
        (r#"{"id":"r/w/1","at":"x"}"#, "/at", "\"x\" is a string, and must be null or integer"),
        (r#"{"id":"r/w/1","at":1,"extra":1}"#, "", "\"extra\" must not be there"),
        (r#"{"id":"r/w/1","at":1,"when":"today"}"#, "/when", "\"today\" is no date-time"),
        (r#"{"id":"r/w/1","at":1,"lines":["a"]}"#, "/lines", "an array of 1 item has fewer than 2"),
        (r#"{"id":"r/w/1","at":1,"lines":["a","c"]}"#, "/lines/1", "\"c\" is none of \"a\", \"b\""),
        (r#"{"id":"r/w/1","at":1,"kind":3}"#, "/kind", "3 fits none of the 2 forms of oneOf"),
        ("", "", "it is empty, and no JSON"),
        ("{", "", "it is no JSON: EOF while parsing an object at line 1 column 1"),
    ] {
        let breach = order.breach(text.as_bytes()).unwrap();
        assert_eq!((breach.at.as_str(), breach.what.as_str()), (at, what), "{text}");
        assert!(!order.is_followed(text.as_bytes()), "{text}");
    }
    assert!(order.breach(b"\xff\xfe").unwrap().what.contains("no UTF-8"));
    let good =
        br#"{"id":"r/w/1","at":1,"when":"2026-01-02T03:04:05.678Z","lines":["a","b"],"kind":2}"#;
    assert_eq!(order.breach(good), None);
    assert!(order.is_followed(good));
}

#[test]
fn what_is_no_schema_is_refused_with_the_place_and_what_to_do() {
    let remote = |reference: &str| json!({ "properties": { "a": { "$ref": reference } } });
    for (schema, at, hint) in [
        (json!(7), "", "a schema is an object"),
        (json!({ "type": "strin" }), "/type", "strin"),
        (json!({ "properties": { "a": { "minLength": -1 } } }), "/properties/a/minLength", "-1"),
        (json!({ "required": "id" }), "/required", "must be array"),
        (json!({ "$schema": "http://json-schema.org/draft-03/schema#" }), "/$schema", "draft-07"),
        (remote("https://example.com/item.json"), "/properties/a/$ref", "nothing is fetched"),
        (remote("file:///etc/passwd"), "/properties/a/$ref", "nothing is fetched"),
        (remote("item.json"), "/properties/a/$ref", "copy what stands there into \"$defs\""),
        (remote("#/$defs/item"), "/properties/a/$ref", "there is nothing at \"#/$defs/item\""),
        (json!({ "pattern": "(?=a)b" }), "/pattern", "without look-around"),
        (json!({ "pattern": r"(a)\1" }), "/pattern", "back-references"),
        (json!({ "pattern": "(((a{1000}){1000}){1000})" }), "/pattern", "larger than a mebibyte"),
        (json!({ "patternProperties": { "(?<!a)b": {} } }), "/patternProperties", "(?<!a)b"),
        (json!({}), "", "every JSON value follows"),
        (json!(true), "", "every JSON value follows"),
        (json!({ "title": "nothing is asked" }), "", "every JSON value follows"),
    ] {
        let error = refused(&schema);
        assert!(error.at.starts_with(at), "{schema}: {error:?}");
        assert!(error.to_string().contains(hint), "{schema}: {error}");
    }
    assert!(Contract::new("{").unwrap_err().why.starts_with("this is no JSON"));
}

#[test]
fn a_schema_may_refer_to_itself_and_to_its_parts() {
    for draft in
        ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"]
    {
        let tree = contract(&json!({
            "$schema": draft,
            "$id": "https://example.com/tree.json",
            "type": "object",
            "properties": {
                "next": { "$ref": "#" },
                "leaf": { "$ref": "#/definitions/leaf" },
                "same": { "$ref": "https://example.com/tree.json#/definitions/leaf" },
            },
            "definitions": { "leaf": { "type": "integer" } },
        }));
        assert!(tree.is_followed(br#"{"next":{"next":{"leaf":1}},"same":2}"#));
        assert_eq!(
            tree.breach(br#"{"next":{"next":{"leaf":"x"}}}"#).unwrap().at,
            "/next/next/leaf"
        );
        assert!(!tree.is_followed(br#"{"same":"x"}"#));
    }
}

#[test]
fn tuples_are_those_of_the_draft() {
    let text = |draft: &str, key: &str| json!({ "$schema": draft, "type": "array", key: [{ "type": "integer" }] });
    let new = contract(&text("https://json-schema.org/draft/2020-12/schema", "prefixItems"));
    let old = contract(&text("http://json-schema.org/draft-07/schema#", "items"));
    for tuple in [new, old] {
        assert!(tuple.is_followed(b"[1,\"x\"]") && !tuple.is_followed(b"[\"x\"]"));
    }
}

#[test]
fn a_format_that_nobody_knows_is_doubted() {
    let known = contract(&json!({ "type": "string", "format": "date-time" }));
    assert_eq!(known.doubts().count(), 0);
    let unknown = contract(&json!({
        "type": "object",
        "properties": { "format": { "type": "integer", "format": "int64" } },
        "examples": [{ "format": "none" }],
    }));
    let doubts: Vec<String> = unknown.doubts().collect();
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    assert!(
        doubts[0].starts_with("at /properties/format/format: nobody knows the format \"int64\"")
    );
}

/// A pattern that takes a time exponential in the length of the text for whoever tries, and a
/// reference that goes in circles, take no longer than others.
#[test]
fn no_schema_takes_for_ever() {
    let begun = Instant::now();
    let pattern = contract(&json!({ "type": "string", "pattern": "^(a+)+$" }));
    let text = format!("\"{}b\"", "a".repeat(50_000));
    assert!(!pattern.is_followed(text.as_bytes()));
    let circle = Contract::new(
        r##"{"type":"object","allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##,
    );
    if let Ok(circle) = circle {
        let _ = circle.breach(b"{}");
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let list = contract(&json!({ "type": "array", "items": { "$ref": "#" } }));
    assert!(list.breach(deep.as_bytes()).unwrap().what.contains("no JSON"));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

proptest! {
    /// What is told of a breach has a bounded length, whatever was read.
    #[test]
    fn words_are_bounded(text in ".{0,400}", length in 0_usize..3_000) {
        let contract = contract(&json!({
            "type": "object", "properties": { "a": { "maxLength": 3 }, "v": { "maxItems": 2 } },
            "additionalProperties": false,
        }));
        let vector: Vec<usize> = (0..length).collect();
        for value in [json!(text), json!({ "a": text }), json!({ "v": vector }), json!({ text: 1 })] {
            if let Some(breach) = contract.breach(value.to_string().as_bytes()) {
                prop_assert!(breach.what.chars().count() <= 301, "{}", breach.what);
            }
        }
    }

    /// Both ways to ask agree, on texts that are no JSON, too.
    #[test]
    fn a_text_is_followed_or_has_a_breach(
        text in prop_oneof![".{0,20}", r#"\{"id": ?("[a-c/0-9]{0,6}"|[0-9]{0,3})(,"x":1)?\}"#],
    ) {
        let contract = contract(&json!({
            "type": "object",
            "properties": { "id": { "pattern": "^[a-c]/[0-9]$" } },
            "additionalProperties": false,
        }));
        let bytes = text.as_bytes();
        prop_assert_eq!(contract.breach(bytes).is_none(), contract.is_followed(bytes));
    }
}
