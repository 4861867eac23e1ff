//! Answers: the same operation sent again gets the same answer, marked as a hit.
//!
//! Of an operation that is sent twice and accepted twice, both answers have the
//! same value, the later says that the operation was known (of two that
//! overlapped, either), and the earlier does not. Broken by any pair that
//! *disagrees*, by more than `max_unmarked` that are *unmarked* and by more than
//! `max_premature` that are *premature*: marked although nothing was sent
//! before. An earlier answer to a further attempt may be marked, because the
//! attempt before may have been carried out. Evidence: the first identities with
//! both values; in full, every one.
//!
//! Inconclusive when no answers were compared, or fewer pairs than `at_least`;
//! when some pairs had no value to compare; when the generator broke down.
//! Answers that were not accepted promise nothing and are not compared.

use loadgen::answers::{Compared, Flaw, Guilty};
use loadgen::identity;
use loadgen::shape::Again;
use reports::record::Evidence;
use scenarios::plan::check::Answers;
use scenarios::plan::workload::{Http, Transport};
use scenarios::plan::{Plan, Workload};
use serde_json::json;

use super::anomalies::Rows;
use super::counts::Counts;
use super::opinion::{Opinion, SHOWN, evidence};
use super::words;
use crate::history::{AnswersHistory, History};

pub(super) fn judge(check: &Answers, plan: &Plan, history: &History) -> Opinion {
    let http = plan.workloads.iter().find(|known| known.name == check.workload).and_then(http);
    let bound = bound(check, http);
    let Some(http) = http else {
        let why = format!("No answers of {} are compared in this run.", check.workload);
        return Opinion::inconclusive(&bound, why);
    };
    let known = history.workloads.get(&check.workload);
    let Some(answers) = known.and_then(|known| known.answers.as_ref()) else {
        let why = format!("Workload {} left no comparison of its answers.", check.workload);
        return Opinion::inconclusive(&bound, why);
    };
    let broken = known.is_some_and(|known| known.broken.is_some());
    decide(check, http, answers, broken, &bound)
}

/// Leaves out the pairs that are not marked as they should be and of which a
/// sending was due at `end` or later, in seconds, or nobody knows when. Whatever
/// else is so, two different answers stay two.
pub(super) fn keep_due_before(check: &Answers, history: &mut History, end: f64) {
    let Some(known) = history.workloads.get(&check.workload) else { return };
    let later = match known.shape.duplicates.when {
        Again::Later(later) => later.as_secs_f64(),
        Again::AtOnce | Again::Concurrently => 0.0,
    };
    let due = Counts::of(history, &check.workload, "due");
    let before = due.before((end - later).floor() as i64).unwrap_or(0.0) as u64;
    let Some(known) = history.workloads.get_mut(&check.workload) else { return };
    let Some(answers) = &mut known.answers else { return };
    let was_due = |row: &Guilty| {
        identity::parse(row.id.as_bytes()).is_some_and(|identity| identity.sequence < before)
    };
    answers.guilty.retain(|row| row.kind == Flaw::Disagreed || was_due(row));
    let count = |kind| answers.guilty.iter().filter(|row| row.kind == kind).count() as u64;
    let (unmarked, premature) = (count(Flaw::Unmarked), count(Flaw::Premature));
    answers.counts.unmarked = answers.counts.unmarked.min(unmarked);
    answers.counts.premature = answers.counts.premature.min(premature);
}

fn http(workload: &Workload) -> Option<&Http> {
    match &workload.transport {
        Transport::Http(http) if http.same.is_some() || http.hit.is_some() => Some(http),
        _ => None,
    }
}

fn decide(
    check: &Answers,
    http: &Http,
    answers: &AnswersHistory,
    broken: bool,
    bound: &str,
) -> Opinion {
    let counts = &answers.counts;
    let measured = measured(counts, http);
    let faults = faults(check, counts);
    if !faults.is_empty() {
        let why = format!(
            "Of {} that were sent twice and accepted twice, {}.",
            words::plural(counts.pairs, "operation"),
            words::list(&faults)
        );
        let rows = Rows::listed(answers.guilty.iter().map(|row| json!(row)));
        return Opinion::violated(bound, measured, why)
            .evidence(answers.guilty.iter().take(SHOWN).map(shown))
            .rows(rows);
    }
    if counts.pairs < check.at_least {
        let why = format!(
            "Only {} of {} were accepted twice; a verdict needs {}. Raise duplicates, the rate \
             or the time.",
            words::plural(counts.pairs, "operation"),
            check.workload,
            words::count(check.at_least)
        );
        return Opinion::doubtful(bound, measured, why);
    }
    if let Some(same) = http.same.as_ref().filter(|_| counts.valueless > 0) {
        let why = format!(
            "Neither answer to {} has a value at {same}, so nobody knows whether they are the \
             same.",
            words::plural(counts.valueless, "operation")
        );
        return Opinion::doubtful(bound, measured, why);
    }
    if counts.unread > 0 {
        let why = format!(
            "The answers to {} came in an encoding that was not read; add compressed = true to \
             the workload's http, or see that the service sends gzip.",
            words::plural(counts.unread, "operation")
        );
        return Opinion::doubtful(bound, measured, why);
    }
    if broken {
        let why = "The generator broke down, so not all answers were compared.";
        return Opinion::doubtful(bound, measured, why);
    }
    Opinion::held(bound, measured, praise(counts, http))
}

/// What is wrong, in words.
fn faults(check: &Answers, counts: &Compared) -> Vec<String> {
    let mut faults = Vec::new();
    if counts.disagreed > 0 {
        faults.push(format!("{} got two different answers", words::count(counts.disagreed)));
    }
    if counts.unmarked > check.max_unmarked {
        let unmarked = words::count(counts.unmarked);
        faults.push(format!("{unmarked} were not recognized when they came again"));
    }
    if counts.premature > check.max_premature {
        let premature = words::count(counts.premature);
        faults.push(format!("{premature} were said to be known when they came first"));
    }
    faults
}

fn bound(check: &Answers, http: Option<&Http>) -> String {
    let mut parts = Vec::new();
    if http.is_none_or(|http| http.same.is_some()) {
        parts.push("the same answer each time".to_owned());
    }
    if http.is_none_or(|http| http.hit.is_some()) {
        parts.push(match check.max_unmarked {
            0 => "marked as a hit when it comes again".to_owned(),
            most => format!("at most {} not marked as a hit", words::count(most)),
        });
    }
    words::list(&parts)
}

/// `1,790 pairs: 0 disagree, 0 unmarked`.
fn measured(counts: &Compared, http: &Http) -> String {
    let mut parts = Vec::new();
    if http.same.is_some() {
        parts.push(format!("{} disagree", words::count(counts.disagreed)));
    }
    if http.hit.is_some() {
        parts.push(format!("{} unmarked", words::count(counts.unmarked)));
    }
    if counts.premature > 0 {
        parts.push(format!("{} premature", words::count(counts.premature)));
    }
    format!("{}: {}", words::plural(counts.pairs, "pair"), parts.join(", "))
}

fn praise(counts: &Compared, http: &Http) -> String {
    let mut parts = Vec::new();
    if http.same.is_some() {
        parts.push(format!("{} got the same answer again", words::count(counts.agreed)));
    }
    if http.hit.is_some() {
        parts.push(format!("{} were recognized", words::count(counts.marked)));
    }
    let pairs = words::plural(counts.pairs, "operation");
    format!("Of {pairs} that were sent twice and accepted twice, {}.", words::list(&parts))
}

fn shown(row: &Guilty) -> Evidence {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "no value".to_owned());
    let seen = match row.kind {
        Flaw::Disagreed => format!("{}, then {}", value(&row.first), value(&row.second)),
        Flaw::Unmarked => "not marked as a hit when it came again".to_owned(),
        Flaw::Premature => "marked as a hit when it came first".to_owned(),
    };
    evidence(format!("operation {}", row.id), seen, None)
}
