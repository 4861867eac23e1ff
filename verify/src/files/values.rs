//! What the values of aggregates are made of, looked for in some of what a workload will
//! send: a pure function of the plan, its seed and its files.

use std::collections::BTreeSet;

use loadgen::IdentityRef;
use scenarios::nearest::nearest_help;
use scenarios::plan::effects::aggregate::{Function, Value};
use scenarios::plan::{CheckKind, Effects, Workload};
use scenarios::{Mistake, Plan};
use serde_json::Value as Json;

use super::any_targets;
use super::sample::{BODIES, OPERATIONS, RUN, TIME, shown};
use crate::effects::aggregate::{NoPart, part};
use crate::effects::offered::Operations;

/// How many places of a body are named.
const NAMED: usize = 8;

/// The sources of whose values no body of a workload, or not every one, has the parts;
/// each once.
pub(super) fn mistakes(plan: &Plan) -> Vec<Mistake> {
    let of = |effects: &Effects| {
        let value = effects.aggregate.as_ref()?.value.as_ref()?;
        let checks = plan.checks.iter().filter_map(|check| match &check.kind {
            CheckKind::Aggregate(check) if check.source == effects.name => Some(check),
            _ => None,
        });
        let names: BTreeSet<&str> =
            checks.flat_map(|check| &check.workloads).map(String::as_str).collect();
        let mut workloads =
            plan.workloads.iter().filter(|workload| names.contains(&*workload.name));
        let (why, help) = workloads.find_map(|workload| lacks(plan, workload, value))?;
        Some(Mistake {
            kind: "effects",
            name: effects.name.clone(),
            keys: vec!["aggregate", "value", value.is.word()],
            why: format!("effects {}: {why}", effects.name),
            help,
        })
    };
    plan.effects.iter().filter_map(of).collect()
}

/// What some operation of a workload does not have that the value is made of, and what
/// would be right.
fn lacks(plan: &Plan, workload: &Workload, value: &Value) -> Option<(String, Option<String>)> {
    let operations = Operations::of(plan, workload, &any_targets(plan));
    let identity = |sequence| IdentityRef { run: RUN, workload: &workload.name, sequence };
    let is_poison = |sequence| operations.as_ref().is_some_and(|o| o.shape.is_poison(sequence));
    let sound = (0..OPERATIONS).filter(|&sequence| !is_poison(sequence)).take(BODIES);
    let mut wrong = sound.filter_map(|sequence| {
        let part = part(&value.is, operations.as_ref(), identity(sequence));
        Some((sequence, part.err()?))
    });
    let (sequence, why) = wrong.next()?;
    let body = operations.as_ref().and_then(|o| o.body(identity(sequence), TIME));
    let body = body.unwrap_or_default();
    let of = format!("operation {sequence} of workload {}", workload.name);
    let told = |what: &str, at: &str, places: Vec<String>| {
        let why = format!(
            "the body of {of} has no {what} at {at}: {}",
            shown(body.to_string().as_bytes())
        );
        let known = places.iter().map(String::as_str);
        (why, nearest_help(at, known, &format!("{what}s stand at")))
    };
    Some(match why {
        NoPart::Number(at) => told("number", at.as_str(), places(&body, Json::is_number)),
        NoPart::Text(at) => told("text", at.as_str(), places(&body, Json::is_string)),
        NoPart::NoJson(_) => {
            let help = "a value is made of numbers in bodies that are JSON objects";
            (format!("the body of {of} is no JSON"), Some(help.to_owned()))
        }
        NoPart::Timed(_) => {
            let is_vector = matches!(value.is, Function::Embedding(_));
            let what = if is_vector { "what its vector is drawn from" } else { "the number" };
            let why = format!("{what} in the body of {of} is another one each time it is sent");
            let help = "nobody knows when it was sent last; write what stays the same, such as @{int:1-100} or @{seq}, in place of @{time}";
            (why, Some(help.to_owned()))
        }
    })
}

/// Where such values stand in a body, as JSON pointers; the first ones.
fn places(body: &Json, is_meant: fn(&Json) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    collect(body, String::new(), is_meant, &mut found);
    found.truncate(NAMED);
    found
}

fn collect(value: &Json, at: String, is_meant: fn(&Json) -> bool, found: &mut Vec<String>) {
    match value {
        _ if is_meant(value) => found.push(at),
        Json::Object(object) => {
            for (name, value) in object {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{at}/{name}"), is_meant, found);
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter().enumerate().take(NAMED) {
                collect(value, format!("{at}/{index}"), is_meant, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use scenarios::Settings;

    use super::*;

    /// A scenario of accounts with this body and this value.
    fn told(body: &str, value: &str) -> Vec<(String, Option<String>, Vec<&'static str>)> {
        let source = format!(
            r#"name = "accounts"
title = "a balance is the sum of its payments"
[system.targets.bank]
help = "the bank"
schemes = ["http"]
[[phase]]
name = "load"
for = "10s"
[[workload]]
name = "pay"
rate = "50/s"
phases = ["load"]
keys = 10
http = {{ url = "${{target.bank}}/pay", body = '{body}' }}
[[effects]]
name = "balances"
mongodb = {{ url = "mongodb://127.0.0.1:1/bank", collection = "accounts", identity = "/_id" }}
[effects.aggregate]
key = "/_id"
value = {{ at = "/balance", {value} }}
[[check]]
name = "sums"
title = "the sums are right"
aggregate = {{ source = "balances", workloads = ["pay"] }}
"#
        );
        let plan = scenarios::plan("s", &source, &Settings::default()).unwrap();
        let mistakes = mistakes(&plan).into_iter();
        mistakes.map(|mistake| (mistake.why, mistake.help, mistake.keys)).collect()
    }

    const BODY: &str =
        r#"{"id":"@{id}","amount":@{int:1-9},"lines":[{"price":@{int:1-9}}],"at":@{time}}"#;

    #[test]
    fn a_value_is_made_of_what_bodies_have() {
        assert_eq!(told(BODY, "sum = \"/amount\""), []);
        assert_eq!(told(BODY, "max = \"/lines/0/price\""), []);
        for (body, value, why, help) in [
            (BODY, "sum = \"/amuont\"", "has no number at /amuont: {", "did you mean \"/amount\"?"),
            (
                BODY,
                "min = \"/id\"",
                "has no number at /id",
                "numbers stand at: /amount, /at, /lines/0/price",
            ),
            (BODY, "max = \"/at\"", "is another one each time it is sent", "in place of @{time}"),
            ("@{id}", "sum = \"/amount\"", "is no JSON", "JSON objects"),
            (
                BODY,
                "embedding = { length = 3, of = \"/category\", weight = \"/amount\", time = \"/amount\", decay = 0.1 }",
                "has no text at /category",
                "texts stand at: /id",
            ),
        ] {
            let all = told(body, value);
            let [(told, told_help, keys)] = all.as_slice() else { panic!("{all:?}") };
            assert!(told.starts_with("effects balances: ") && told.contains(why), "{told}");
            assert!(told_help.as_ref().unwrap().contains(help), "{told_help:?}");
            assert!(value.starts_with(keys[2]), "{keys:?}");
        }
    }
}
