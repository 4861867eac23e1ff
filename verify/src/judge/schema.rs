//! Schema: the records of a source follow its JSON Schema.
//!
//! Broken by more records than `max_invalid` that depart from it; one that is no JSON does.
//! Judged are the records of this run. Those without an identity are of this run in the lab,
//! where nobody else writes, unless they may be what the load sent for poison. Elsewhere
//! they are judged only where the source shows no identity of any run at all. A record of
//! an aggregate has its key for an identity. Those of
//! operations that the load itself poisoned break the contract on purpose and are not looked
//! at, nor are dead letters. Evidence: the first of them, with the place in the record and
//! what is wrong there.
//!
//! Inconclusive when the source could not be read or was blind for a while, with fewer
//! records than `at_least`, or when records of this run hold while others without an
//! identity do not: they may be of this run, or somebody else's, or poison.

use scenarios::plan::check::SchemaCheck;
use scenarios::plan::{Place, Plan};
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::words;
use crate::history::{Conformity, Departure, History, Seen, Tally};

pub(super) fn judge(check: &SchemaCheck, plan: &Plan, history: &History) -> Opinion {
    let bound = match check.max_invalid {
        0 => "every record follows the schema".to_owned(),
        most => format!("at most {} depart from the schema", words::plural(most, "record")),
    };
    match known(check, history) {
        Ok((seen, schema)) => {
            let judged = Judged::of(check, plan, history, schema);
            decide(check, seen, &judged, &bound)
        }
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

/// The records that are judged, and those of which nobody knows whose they are.
struct Judged {
    tally: Tally,
    /// `of this run`.
    of: &'static str,
    nobodys: Tally,
}

impl Judged {
    fn of(check: &SchemaCheck, plan: &Plan, history: &History, schema: &Conformity) -> Self {
        let Conformity { own, unnamed, foreign, poison, trouble: _ } = schema;
        let of = "of this run";
        let may_be_poison = history.workloads.values().any(|told| !told.poison.is_empty())
            && plan.effects.iter().any(|e| e.name == check.source && e.source.has_messages());
        if plan.place == Place::Lab && !may_be_poison {
            let examples = own.examples.iter().chain(&unnamed.examples).cloned().collect();
            let checked = own.checked + unnamed.checked;
            let tally = Tally { checked, invalid: own.invalid + unnamed.invalid, examples };
            return Self { tally, of, nobodys: Tally::default() };
        }
        // Where identities are known, those without one are nobody's.
        if own.checked > 0 || *foreign > 0 || *poison > 0 {
            return Self { tally: own.clone(), of, nobodys: unnamed.clone() };
        }
        let of = "(none has an identity of any run)";
        Self { tally: unnamed.clone(), of, nobodys: Tally::default() }
    }
}

fn decide(check: &SchemaCheck, seen: &Seen, judged: &Judged, bound: &str) -> Opinion {
    let Judged { tally, of, nobodys } = judged;
    let records = format!("{} {of}", words::plural(tally.checked, "record"));
    let (invalid, checked) = (words::count(tally.invalid), words::count(tally.checked));
    let measured = format!("{invalid} of {checked} depart");
    if tally.invalid > check.max_invalid {
        return violated(tally, &records, bound, measured);
    }
    let source = &check.source;
    if tally.checked < check.at_least {
        let why =
            format!("{source} showed {records}; a verdict needs {}.", words::count(check.at_least));
        Opinion::doubtful(bound, measured, why)
    } else if let Some(why) = &seen.blind {
        let why = format!("{records} were held against it, and others were not seen: {why}.");
        Opinion::doubtful(bound, measured, why)
    } else if nobodys.invalid > check.max_invalid {
        let first = nobodys.examples.first().map(told).unwrap_or_default();
        let why = format!(
            "{} without an identity depart from the schema, the first: {first}; nobody knows whose they are.",
            words::plural(nobodys.invalid, "record")
        );
        Opinion::doubtful(bound, measured, why).evidence(pieces(nobodys)).rows(rows(nobodys))
    } else {
        let few = match tally.invalid {
            0 => String::new(),
            some => format!(" but {}", words::count(some)),
        };
        let why = format!("{records} were held against it, and all{few} follow it.");
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
    Rows::listed(tally.examples.iter().map(row))
}
