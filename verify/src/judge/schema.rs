//! Schema: the records of a source follow its JSON Schema.
//!
//! Broken by more records than `max_invalid` that depart from it; one that is no JSON does.
//! Judged are the records of this run. Where the source shows no identity of any run at all,
//! so that nobody knows whose its records are, all of them are. Those of operations that the
//! load itself poisoned break the contract on purpose and are not looked at, nor are dead
//! letters. Evidence: the first of them, with the place in the record and what is wrong
//! there.
//!
//! Inconclusive when the source could not be read or was blind for a while, with fewer
//! records than `at_least`, or when records of this run hold while others without an
//! identity do not: they may be of this run, or somebody else's. Where the load offers poison
//! they may be that.

use scenarios::plan::check::SchemaCheck;
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::words;
use crate::history::{Conformity, Departure, History, Seen, Tally};

pub(super) fn judge(check: &SchemaCheck, history: &History) -> Opinion {
    let bound = match check.max_invalid {
        0 => "every record follows the schema".to_owned(),
        most => format!("at most {} depart from the schema", words::plural(most, "record")),
    };
    match known(check, history) {
        Ok((seen, schema)) => decide(check, history, seen, schema, &bound),
        Err(why) => Opinion::inconclusive(&bound, why),
    }
}

fn known<'a>(
    check: &SchemaCheck,
    history: &'a History,
) -> Result<(&'a Seen, &'a Conformity), String> {
    let source = &check.source;
    let seen = match history.effects.get(source) {
        Some(Ok(seen)) => seen,
        Some(Err(why)) => return Err(format!("{source} could not be read: {why}.")),
        None => return Err(format!("{source} was never read; let the run come to its end.")),
    };
    match &seen.schema {
        None => Err(format!("The records of {source} were not held against a schema.")),
        Some(Conformity { trouble: Some(why), .. }) => {
            Err(format!("How the records of {source} follow the schema is unknown: {why}."))
        }
        Some(schema) => Ok((seen, schema)),
    }
}

fn decide(
    check: &SchemaCheck,
    history: &History,
    seen: &Seen,
    schema: &Conformity,
    bound: &str,
) -> Opinion {
    // Where identities are known, those without one are nobody's.
    let is_named = schema.own.checked > 0 || schema.foreign > 0 || schema.poison > 0;
    let tally = if is_named { &schema.own } else { &schema.unnamed };
    let of = if is_named { "of this run" } else { "(none has an identity of any run)" };
    let records = format!("{} {of}", words::plural(tally.checked, "record"));
    let measured = format!("{} of {}", words::count(tally.invalid), words::count(tally.checked));
    if tally.invalid > check.max_invalid {
        return violated(tally, &records, bound, measured);
    }
    let source = &check.source;
    let nobodys = if is_named { &schema.unnamed } else { &Tally::default() };
    let is_poison = history.workloads.values().any(|workload| !workload.poison.is_empty());
    if tally.checked < check.at_least {
        let why =
            format!("{source} showed {records}; a verdict needs {}.", words::count(check.at_least));
        Opinion::doubtful(bound, measured, why)
    } else if let Some(why) = &seen.blind {
        let why = format!("{records} were held against it, and others were not seen: {why}.");
        Opinion::doubtful(bound, measured, why)
    } else if nobodys.invalid > check.max_invalid && !is_poison {
        let first = nobodys
            .examples
            .first()
            .map_or_else(String::new, |example| format!(", such as {}", told(example)));
        let why = format!(
            "{} without an identity depart from the schema{first}; nobody knows whose they are.",
            words::plural(nobodys.invalid, "record")
        );
        Opinion::doubtful(bound, measured, why).evidence(pieces(nobodys)).rows(rows(nobodys))
    } else {
        let few = match tally.invalid {
            0 => String::new(),
            some => format!(" but {}", words::count(some)),
        };
        let poison = match nobodys.invalid {
            0 => String::new(),
            some => format!(
                " {} without an identity do not, and may be the load's poison.",
                words::plural(some, "record")
            ),
        };
        let why = format!("{records} were held against it, and all{few} follow it.{poison}");
        Opinion::held(bound, measured, why).evidence(pieces(tally)).rows(rows(tally))
    }
}

fn violated(tally: &Tally, records: &str, bound: &str, measured: String) -> Opinion {
    let first = tally.examples.first().map(told).unwrap_or_default();
    let why = format!(
        "Of {records} {} depart from the schema, the first: {first}.",
        words::count(tally.invalid)
    );
    Opinion::violated(bound, measured, why).evidence(pieces(tally)).rows(rows(tally))
}

fn told(example: &Departure) -> String {
    let Departure { identity, at, what } = example;
    let of = identity.as_ref().map(|identity| format!(" (of {identity})")).unwrap_or_default();
    let place = if at.is_empty() { "" } else { ": " };
    format!("{at}{place}{what}{of}")
}

fn pieces(tally: &Tally) -> impl Iterator<Item = reports::record::Evidence> {
    tally.examples.iter().map(|Departure { identity, at, what }| {
        let record = match identity {
            Some(identity) => format!("record {identity}"),
            None => "a record without an identity".to_owned(),
        };
        let place = if at.is_empty() { "" } else { ": " };
        evidence(record, format!("{at}{place}{what}"), None)
    })
}

fn rows(tally: &Tally) -> Rows {
    let row = |Departure { identity, at, what }: &Departure| json!({ "id": identity, "anomaly": "invalid", "at": at, "what": what });
    Rows::Listed(tally.examples.iter().map(row).collect())
}
