//! The three kinds of patch that the API takes, as far as they are used.

use serde_json::Value;

/// RFC 7386.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    combine(target, patch, false);
}

/// As [`merge`], but lists of named things are merged by name.
pub(crate) fn strategic(target: &mut Value, patch: &Value) {
    combine(target, patch, true);
}

fn combine(target: &mut Value, patch: &Value, by_name: bool) {
    match (target, patch) {
        (target @ Value::Array(_), Value::Array(patch)) if by_name => {
            let list = target.as_array_mut().unwrap();
            for part in patch {
                match list.iter_mut().find(|element| element["name"] == part["name"]) {
                    Some(element) => combine(element, part, by_name),
                    None => list.push(part.clone()),
                }
            }
        }
        (target, Value::Object(patch)) => {
            if !target.is_object() {
                *target = Value::Object(serde_json::Map::new());
            }
            for (key, part) in patch {
                if part.is_null() {
                    target.as_object_mut().unwrap().remove(key);
                } else {
                    combine(&mut target[key.as_str()], part, by_name);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// RFC 6902: `add` and `replace` in objects.
pub(crate) fn operations(target: &mut Value, patch: &Value) {
    for operation in patch.as_array().unwrap() {
        let path = operation["path"].as_str().unwrap();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let parent = target.pointer_mut(parent).unwrap();
        let key = key.replace("~1", "/").replace("~0", "~");
        let is_there = parent.get(&key).is_some();
        match operation["op"].as_str().unwrap() {
            "add" => {}
            "replace" => assert!(is_there, "{path} is not there to be replaced"),
            other => panic!("{other} is not known here"),
        }
        parent[key] = operation["value"].clone();
    }
}

#[test]
fn a_list_of_named_things_is_merged_by_name_only_by_the_strategic_patch() {
    let object = serde_json::json!({"list": [{"name": "a", "is": 1}, {"name": "b", "is": 2}]});
    let patch = serde_json::json!({"list": [{"name": "b", "is": 3}]});
    let (mut merged, mut strategically) = (object.clone(), object);
    merge(&mut merged, &patch);
    strategic(&mut strategically, &patch);
    assert_eq!(merged, patch);
    assert_eq!(
        strategically["list"],
        serde_json::json!([
            {"name": "a", "is": 1}, {"name": "b", "is": 3},
        ])
    );
}
