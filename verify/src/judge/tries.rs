//! Tries: what ended among the dead letters was tried again as often as it must be.
//!
//! A part of the check [`super::effects`], where it names a number of tries. Broken by
//! a dead letter that says another number, or says none although others do: it was
//! given up too early or too late, or nobody can tell. Only the system's own number is
//! read, so that what the tool's faults had delivered again changes nothing. Evidence:
//! the first identities of each wrong number.
//!
//! Inconclusive when the dead letters or their numbers could not be read, or none of
//! them says one: then it is looked for in the wrong place. Without dead letters it
//! says nothing.

use std::collections::BTreeMap;

use reports::record::{Evidence, Verdict};
use scenarios::plan::Plan;
use scenarios::plan::check::{EffectsCheck, Tries};
use serde_json::{Value, json};

use super::anomalies::Rows;
use super::opinion::{Opinion, SHOWN, evidence};
use super::words;
use crate::history::{History, Letters, Seen, Tried};

/// What an opinion of the effects becomes by the tries of the dead letters.
pub(super) fn with_tries(
    opinion: Opinion,
    check: &EffectsCheck,
    plan: &Plan,
    history: &History,
    seen: &Seen,
) -> Opinion {
    let Some(allowed) = check.tries else { return opinion };
    let found = Found::of(allowed, check, plan, history, seen);
    let bound = format!("{}; dead letters after {allowed} tries", opinion.bound);
    let opinion = Opinion { bound, ..opinion };
    if !found.wrong.is_empty() {
        return found.reproach(opinion, allowed);
    }
    let why = match (&found.unknown, opinion.verdict) {
        (Some(unknown), Verdict::Held) => {
            let why = format!("How often dead letters were tried again is unknown: {unknown}.");
            return Opinion { verdict: Verdict::Inconclusive, why, ..opinion };
        }
        (Some(unknown), Verdict::Inconclusive) => {
            format!(
                "{} How often dead letters were tried again is unknown, too: {unknown}.",
                opinion.why
            )
        }
        (None, Verdict::Held) if found.letters > 0 => {
            let letters = words::plural(found.letters, "dead letter");
            format!("{} {letters}, each after {allowed} tries.", opinion.why)
        }
        _ => opinion.why,
    };
    Opinion { why, ..opinion }
}

/// Dead letters of one workload that say the same wrong number, or none.
struct Wrong<'a> {
    /// What comes before the sequence in an identity: `run/workload/`.
    prefix: String,
    tries: Option<u64>,
    letters: &'a Letters,
}

impl Wrong<'_> {
    fn identities(&self) -> impl Iterator<Item = String> {
        self.letters.first.iter().map(|sequence| format!("{}{sequence}", self.prefix))
    }
}

/// What the dead letters say.
struct Found<'a> {
    letters: u64,
    wrong: Vec<Wrong<'a>>,
    /// Why it is not known of all of them.
    unknown: Option<String>,
}

impl<'a> Found<'a> {
    fn of(
        allowed: Tries,
        check: &EffectsCheck,
        plan: &Plan,
        history: &History,
        seen: &'a Seen,
    ) -> Self {
        let mut found = Self { letters: 0, wrong: Vec::new(), unknown: None };
        let Some(dead) = &seen.dead else {
            found.unknown = Some(format!("{} reads no dead letters", check.source));
            return found;
        };
        let Some(tries) = &dead.tries else {
            found.unknown = Some("the run did not read what they say of it".to_owned());
            return found;
        };
        let told =
            || check.workloads.iter().filter_map(|name| Some((name, tries.workloads.get(name)?)));
        let says = told().any(|(_, tried)| tried.beyond > 0 || !tried.numbers.is_empty());
        found.unknown = dead.trouble.clone().or_else(|| tries.trouble.clone());
        let mut unknown = |why: String| {
            found.unknown.get_or_insert(why);
        };
        for workload in &check.workloads {
            let known = dead.workloads.get(workload).map_or(0, roaring::RoaringTreemap::len);
            let said = tries.workloads.get(workload).map_or(0, Tried::letters);
            if said < known {
                unknown(format!("of {known} dead letters of {workload} it is known of {said}"));
            }
        }
        let mut nameless = 0;
        for (workload, tried) in told() {
            found.letters += tried.letters();
            if tried.beyond > 0 {
                unknown(format!("those of {workload} say more than a thousand different numbers"));
            }
            let run = history.workloads.get(workload).map_or("", |known| known.ledger.run());
            let prefix = format!("{run}/{workload}/");
            let numbers = tried.numbers.iter().filter(|(tries, _)| !allowed.holds(**tries));
            let numbers = numbers.map(|(tries, letters)| (Some(*tries), letters));
            let none = (says && tried.none.count > 0).then_some((None, &tried.none));
            nameless += tried.none.count;
            for (tries, letters) in numbers.chain(none) {
                found.wrong.push(Wrong { prefix: prefix.clone(), tries, letters });
            }
        }
        if !says && nameless > 0 {
            let planned = plan.effects.iter().find(|effects| effects.name == check.source);
            let place = planned.and_then(|effects| effects.tries.as_ref());
            let place = place.map(ToString::to_string).unwrap_or_default();
            unknown(format!("none of {nameless} dead letters says a number at {place:?}"));
        }
        found
    }

    /// The opinion with what is wrong here.
    fn reproach(&self, opinion: Opinion, allowed: Tries) -> Opinion {
        let mut numbers: BTreeMap<Option<u64>, u64> = BTreeMap::new();
        for wrong in &self.wrong {
            *numbers.entry(wrong.tries).or_default() += wrong.letters.count;
        }
        let parts: Vec<String> = numbers
            .iter()
            .map(|(tries, &count)| match tries {
                Some(tries) => format!("{} after {tries}", words::count(count)),
                None => format!("{} that do not say", words::count(count)),
            })
            .collect();
        let wrong: u64 = numbers.values().sum();
        let told = format!(
            "{} of {} were not given up after {allowed} tries: {}.",
            words::count(wrong),
            words::plural(self.letters, "dead letter"),
            words::list(&parts)
        );
        let measured = format!(
            "{}; {} of {} tried otherwise",
            opinion.measured,
            words::count(wrong),
            words::plural(self.letters, "dead letter")
        );
        let why = match opinion.verdict {
            Verdict::Violated => format!("{} {told}", opinion.why),
            Verdict::Held => told,
            _ => format!("{told} What else is to be judged is not certain: {}", opinion.why),
        };
        let mut shown = opinion.evidence;
        shown.truncate(SHOWN / 2);
        shown.extend(self.evidence(allowed, SHOWN - shown.len()));
        let rows = match opinion.rows {
            Rows::Operations { cells, foreign, mut listed } => {
                listed.extend(self.rows());
                Rows::Operations { cells, foreign, listed }
            }
            Rows::Listed(mut rows) => {
                rows.extend(self.rows());
                Rows::Listed(rows)
            }
        };
        Opinion { verdict: Verdict::Violated, measured, why, evidence: shown, rows, ..opinion }
    }

    /// The first identities of each number.
    fn evidence(&self, allowed: Tries, most: usize) -> Vec<Evidence> {
        let each = most.div_ceil(self.wrong.len().max(1));
        let told = |wrong: &Wrong<'_>| match wrong.tries {
            Some(tries) => format!("dead-lettered after {tries} tries instead of {allowed}"),
            None => "dead-lettered without a number of tries".to_owned(),
        };
        let shown = self.wrong.iter().flat_map(|wrong| {
            wrong
                .identities()
                .take(each)
                .map(|id| evidence(format!("operation {id}"), told(wrong), None))
                .collect::<Vec<_>>()
        });
        shown.take(most).collect()
    }

    /// A row for each number, and one for each identity that is known of it.
    fn rows(&self) -> Vec<Value> {
        let rows = self.wrong.iter().flat_map(|wrong| {
            let (tries, count) = (wrong.tries, wrong.letters.count);
            let all = json!({
                "id": format!("{}*", wrong.prefix),
                "anomaly": "wrong tries",
                "tries": tries,
                "dead_letters": count,
            });
            let one = move |id| json!({ "id": id, "anomaly": "wrong tries", "tries": tries });
            let each: Vec<Value> = wrong.identities().map(one).collect();
            std::iter::once(all).chain(each)
        });
        rows.collect()
    }
}
