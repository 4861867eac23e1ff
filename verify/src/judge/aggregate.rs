//! Aggregate: what the operations of a key came to together is right.
//!
//! Let *a* be the operations of a key that were acknowledged, without poison, and
//! *i* those whose outcome is unknown. A record of that key must say that it has at
//! least *a* and at most *a* + *i* operations, and its value must be what all of
//! *a* and some of *i*, or none, come to. Broken by a record that says fewer (an
//! update was lost) or more (one counted twice), that has another value, that is
//! there twice, that is missing although something was acknowledged, or that is of
//! a key that no operation has.
//!
//! Evidence: the keys, the worst first; in full, all of them. Inconclusive without
//! records of these keys, where the generator broke down before it wrote down what
//! it had sent, where records lack the number that is compared, where no value
//! could be compared, and where only too little is there while effects were still
//! coming or a fault stands that the tool did not take back: what waits may still
//! come, and what is too much stays too much.

use std::collections::BTreeMap;

use loadgen::Fate;
use scenarios::plan::check::AggregateCheck;
use scenarios::plan::effects::Aggregate;
use scenarios::plan::{Place, Plan};
use serde_json::json;

use super::anomalies::Rows;
use super::leftover::leftover;
use super::opinion::{Opinion, evidence};
use super::words;
use crate::effects::aggregate::Names;
use crate::history::{Aggregated, Aggregates, History, Seen, ValueFinding};

/// The operations of a key.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    acked: u64,
    indeterminate: u64,
    failed: u64,
}

/// What is wrong with a key, in the order of its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    TooMany,
    Twice,
    Unexpected,
    Value,
    TooFew,
    Missing,
}

impl Wrong {
    fn words(self) -> &'static str {
        match self {
            Self::TooMany => "counts more than was sent",
            Self::Twice => "has several records",
            Self::Unexpected => "was never sent",
            Self::Value => "has another value",
            Self::TooFew => "counts less than was acknowledged",
            Self::Missing => "has no record",
        }
    }

    /// The same of several keys.
    fn words_of(self, keys: u64) -> &'static str {
        match (keys, self) {
            (1, wrong) => wrong.words(),
            (_, Self::TooMany) => "count more than was sent",
            (_, Self::Twice) => "have several records",
            (_, Self::Unexpected) => "were never sent",
            (_, Self::Value) => "have another value",
            (_, Self::TooFew) => "count less than was acknowledged",
            (_, Self::Missing) => "have no record",
        }
    }

    /// Whether it may be only that something still waits.
    fn may_wait(self) -> bool {
        matches!(self, Self::Value | Self::TooFew | Self::Missing)
    }
}

struct Breach {
    key: u64,
    name: String,
    wrong: Wrong,
    seen: String,
}

pub(super) fn judge(check: &AggregateCheck, plan: &Plan, history: &History) -> Opinion {
    let spec = plan.effects.iter().find(|source| source.name == check.source);
    let spec = spec.and_then(|source| source.aggregate.as_ref());
    let bound = bound(spec);
    match read(check, history) {
        Ok((seen, told)) => decide(check, plan, history, spec, &bound, seen, told),
        Err(why) => Opinion::inconclusive(&bound, why),
    }
}

fn bound(spec: Option<&Aggregate>) -> String {
    let counts = spec.is_none_or(|spec| spec.count.is_some());
    let values = spec.is_some_and(|spec| spec.value.is_some());
    match (counts, values) {
        (true, true) => "each key as many operations as acknowledged, and their value",
        (false, true) => "for each key the value of its operations",
        (_, false) => "each key as many operations as acknowledged",
    }
    .to_owned()
}

fn read<'a>(
    check: &AggregateCheck,
    history: &'a History,
) -> Result<(&'a Seen, &'a Aggregates), String> {
    let source = &check.source;
    let seen = match history.effects.get(source) {
        Some(Ok(seen)) => seen,
        Some(Err(why)) => return Err(format!("{source} could not be read: {why}.")),
        None => return Err(format!("{source} was never read; let the run come to its end.")),
    };
    match &seen.aggregates {
        Some(Aggregates { trouble: Some(why), .. }) => {
            Err(format!("{source} could not be read: {why}."))
        }
        Some(told) => Ok((seen, told)),
        None => Err(format!("The record of the run has nothing of {source}.")),
    }
}

/// The operations of every key; an error says what of them is not known.
fn sent(check: &AggregateCheck, history: &History) -> Result<BTreeMap<u64, Sent>, String> {
    let mut keys: BTreeMap<u64, Sent> = BTreeMap::new();
    for name in &check.workloads {
        let known = history.workloads.get(name);
        let known = known.ok_or_else(|| format!("Workload {name} left no ledger."))?;
        if known.broken.is_some() || !known.ledger.is_complete() {
            return Err(format!(
                "The generator of {name} broke down before it wrote down what it had sent."
            ));
        }
        for seq in &known.sound(Fate::Acked) {
            keys.entry(known.shape.key(seq)).or_default().acked += 1;
        }
        for seq in &known.sound(Fate::Indeterminate) {
            keys.entry(known.shape.key(seq)).or_default().indeterminate += 1;
        }
        for seq in &known.sound(Fate::Failed) {
            keys.entry(known.shape.key(seq)).or_default().failed += 1;
        }
    }
    Ok(keys)
}

fn decide(
    check: &AggregateCheck,
    plan: &Plan,
    history: &History,
    spec: Option<&Aggregate>,
    bound: &str,
    seen: &Seen,
    told: &Aggregates,
) -> Opinion {
    let sent = match sent(check, history) {
        Ok(sent) => sent,
        Err(why) => return Opinion::inconclusive(bound, why),
    };
    let run = check.workloads.iter().find_map(|name| history.workloads.get(name));
    let run = run.map_or("", |workload| workload.ledger.run());
    let names = Names::of(spec.map_or("@{key}", |spec| &spec.keys), run);
    let judged = Judged::of(&sent, told, spec, &names);
    let Judged { mut breaches, uncounted, right, open, of_ours } = judged;
    breaches.sort_by(|a, b| a.wrong.cmp(&b.wrong).then(a.key.cmp(&b.key)));

    let acked: u64 = sent.values().map(|sent| sent.acked).sum();
    let keys = words::plural(of_ours, "record");
    let measured = match breaches.len() as u64 {
        0 => format!("{keys}, none wrong"),
        wrong => {
            format!("{} of {} wrong", words::count(wrong), words::plural(sent.len() as u64, "key"))
        }
    };
    let proven = breaches.iter().any(|breach| !breach.wrong.may_wait());
    if !breaches.is_empty() {
        let left = leftover(plan, history).filter(|left| !left.has_healed);
        let doubt = match (&seen.blind, left) {
            _ if proven => None,
            (Some(blind), _) => Some(format!("{} was blind: {blind}.", check.source)),
            (None, Some(left)) => Some(format!("What is missing may still wait: {}", left.why)),
            (None, None) if of_ours == 0 && plan.place == Place::Targets => Some(format!(
                "{} has no record of any of {} with a key such as {:?}: see its address, and how \
                 keys are written.",
                check.source,
                words::plural(sent.len() as u64, "key"),
                sent.keys().next().map_or_else(String::new, |&key| names.name(key))
            )),
            (None, None) => None,
        };
        return match doubt {
            Some(why) => Opinion::doubtful(bound, measured, why),
            None => violated(bound, measured, &breaches),
        };
    }
    if acked == 0 {
        let why = "No operation was acknowledged, so no promise was put to the test.";
        return Opinion::doubtful(bound, measured, why);
    }
    if of_ours < check.at_least {
        let why =
            format!("There are only {keys}; a verdict needs {}.", words::count(check.at_least));
        return Opinion::doubtful(bound, measured, why);
    }
    if uncounted > 0 {
        let why = format!(
            "{} have no number where it was looked for: see where count stands.",
            words::plural(uncounted, "record")
        );
        return Opinion::doubtful(bound, measured, why);
    }
    let has_values = spec.is_some_and(|spec| spec.value.is_some());
    if let (true, 0) = (has_values, right) {
        let why = open.map_or_else(
            || "No value was compared.".to_owned(),
            |why| format!("No value could be compared: {why}."),
        );
        return Opinion::doubtful(bound, measured, why);
    }
    let uncompared = of_ours.saturating_sub(right);
    let values = match (has_values, uncompared) {
        (false, _) => String::new(),
        (true, 0) => ", and has the right value".to_owned(),
        (true, some) => format!(
            ", and has the right value but for {} of which nobody knows",
            words::plural(some, "record")
        ),
    };
    let why = format!(
        "Each of {} has what was acknowledged of its key, {} in all{values}.",
        keys,
        words::plural(acked, "operation")
    );
    Opinion::held(bound, measured, why)
}

/// What the records of all keys come to.
struct Judged {
    breaches: Vec<Breach>,
    /// Records without the number that is compared.
    uncounted: u64,
    /// Values that are right.
    right: u64,
    /// Why a value could not be compared, of one that could not.
    open: Option<String>,
    /// Records of keys of this run's operations.
    of_ours: u64,
}

impl Judged {
    fn of(
        sent: &BTreeMap<u64, Sent>,
        told: &Aggregates,
        spec: Option<&Aggregate>,
        names: &Names,
    ) -> Self {
        let has_count = spec.is_none_or(|spec| spec.count.is_some());
        let mut judged =
            Self { breaches: Vec::new(), uncounted: 0, right: 0, open: None, of_ours: 0 };
        for (&key, sent) in sent {
            let Some(told) = told.keys.get(&key) else {
                if sent.acked > 0 {
                    let seen = format!("no record, {} acknowledged", words::count(sent.acked));
                    judged.breach(key, names.name(key), Wrong::Missing, seen);
                }
                continue;
            };
            judged.of_ours += 1;
            judged.one(key, *sent, told, has_count);
        }
        for (&key, told) in told.keys.iter().filter(|(key, _)| !sent.contains_key(key)) {
            let seen = "a record, and no operation has this key".to_owned();
            judged.breach(key, told.name.clone(), Wrong::Unexpected, seen);
        }
        judged
    }

    fn one(&mut self, key: u64, sent: Sent, told: &Aggregated, has_count: bool) {
        let mut breach =
            |wrong, seen| self.breaches.push(Breach { key, name: told.name.clone(), wrong, seen });
        if told.records > 1 {
            breach(Wrong::Twice, words::plural(told.records, "record"));
            return;
        }
        let (least, most) = (sent.acked as f64, (sent.acked + sent.indeterminate) as f64);
        if sent.acked + sent.indeterminate == 0 && sent.failed > 0 {
            let seen = "a record, and all of its operations were refused".to_owned();
            breach(Wrong::Unexpected, seen);
            return;
        }
        let expected = match sent.indeterminate {
            0 => words::count(sent.acked),
            some => format!("{} to {}", words::count(sent.acked), words::count(sent.acked + some)),
        };
        match told.count {
            Some(count) if count > most => {
                breach(Wrong::TooMany, format!("{} instead of {expected}", words::number(count)));
            }
            Some(count) if count < least => {
                breach(Wrong::TooFew, format!("{} instead of {expected}", words::number(count)));
            }
            None if has_count => self.uncounted += 1,
            _ => match &told.value {
                Some(ValueFinding::Wrong(how)) => breach(Wrong::Value, how.clone()),
                Some(ValueFinding::Right) => self.right += 1,
                Some(ValueFinding::Unknown(why)) => {
                    self.open.get_or_insert_with(|| why.clone());
                }
                None => {}
            },
        }
    }

    fn breach(&mut self, key: u64, name: String, wrong: Wrong, seen: String) {
        self.breaches.push(Breach { key, name, wrong, seen });
    }
}

fn violated(bound: &str, measured: String, breaches: &[Breach]) -> Opinion {
    let mut kinds: BTreeMap<Wrong, u64> = BTreeMap::new();
    for breach in breaches {
        *kinds.entry(breach.wrong).or_default() += 1;
    }
    let told: Vec<String> = kinds
        .iter()
        .map(|(wrong, &count)| format!("{} {}", words::plural(count, "key"), wrong.words_of(count)))
        .collect();
    let why = format!("{}.", told.join("; "));
    let shown = breaches.iter().map(|breach| evidence(&breach.name, &breach.seen, None));
    let rows = breaches.iter().map(|breach| {
        json!({ "key": breach.name, "anomaly": breach.wrong.words(), "seen": breach.seen })
    });
    Opinion::violated(bound, measured, why).evidence(shown).rows(Rows::listed(rows))
}
