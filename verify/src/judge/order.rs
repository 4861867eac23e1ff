//! Order: within a key, the effects of operations came to be in the order in
//! which the operations were accepted.
//!
//! What is claimed, exactly: let A and B be operations of one key, A
//! acknowledged, and B due after A had been answered, so that they were not
//! under way at the same time. Then the (first) effect of B did not come before
//! that of A. Operations that were under way at the same time may be swapped,
//! and so may those of which the earlier one was not acknowledged, because
//! nobody knows when, or whether, it was accepted. A second sending or a second
//! effect of an operation moves nothing.
//!
//! Where a workload has one operation under way at a time (`max_in_flight = 1`,
//! and nothing is sent twice), B was sent only when A had been answered, whatever
//! their times: every pair of a key is put to the test, and every inversion is
//! certain.
//!
//! Elsewhere no time of a single operation is on record. Known is the second in
//! which each was due (sequence numbers come due in order, and their count by second
//! is), and the longest response time of those that were due in that second. A
//! was answered at the latest when its second was over and this time had passed;
//! B was sent at the earliest when it was due. So an inversion counts only when
//! B's second begins after that: what is reported is certain, and what is less
//! than a second apart is not judged. Pairs in order that are so far apart are
//! counted as put to the test, by the lower bound of their distance.
//!
//! Evidence: the first inversions; in full, all that are certain. Inconclusive
//! without an order, with too few pairs that were put to the test, with more
//! inversions than were kept of which none is certain, or with an inversion whose
//! operations have no times in the record.

use std::collections::BTreeMap;

use loadgen::Fate;
use scenarios::plan::check::OrderCheck;
use scenarios::plan::{Plan, Workload};
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::words;
use crate::effects::order::BLOCK;
use crate::history::{History, Inversion, Order, Ordered, WorkloadHistory};

const BOUND: &str = "none of a key after a later one that followed its answer";

pub(super) fn judge(check: &OrderCheck, plan: &Plan, history: &History) -> Opinion {
    match order(check, history) {
        Ok(order) => decide(check, plan, history, order),
        Err(why) => Opinion::inconclusive(BOUND, why),
    }
}

fn order<'a>(check: &OrderCheck, history: &'a History) -> Result<&'a Order, String> {
    let source = &check.source;
    let seen = match history.effects.get(source) {
        Some(Ok(seen)) => seen,
        Some(Err(why)) => return Err(format!("{source} could not be read: {why}.")),
        None => return Err(format!("{source} was never read; let the run come to its end.")),
    };
    match &seen.order {
        None => {
            Err(format!("{source} has no query for the order; give its table sql the key order."))
        }
        Some(Order { trouble: Some(why), .. }) => {
            Err(format!("The order of {source} could not be read: {why}."))
        }
        Some(order) => Ok(order),
    }
}

/// A certain inversion.
struct Proof<'a> {
    workload: &'a str,
    inversion: &'a Inversion,
    /// By when the earlier operation had been answered, in seconds; `None` where
    /// operations follow one another.
    answered: Option<f64>,
    /// From when on the later one was due; none where the record has no times and
    /// none are needed.
    due: Option<f64>,
}

/// What is known of an inversion.
enum Known<'a> {
    Certain(Proof<'a>),
    /// They may have been under way at the same time.
    Possible,
    /// The record has no times of its operations.
    Untimed,
}

/// Whether an operation is sent only when the one before has been answered, or
/// given up.
fn is_serial(workload: &Workload) -> bool {
    workload.max_in_flight == Some(1) && workload.shape.duplicates.0 == 0.0
}

fn decide(check: &OrderCheck, plan: &Plan, history: &History, order: &Order) -> Opinion {
    let (mut proofs, mut tested, mut operations, mut doubted) = (Vec::new(), 0, 0, 0);
    let mut is_cut = false;
    let mut untimed = 0;
    for name in &check.workloads {
        let Some(known) = history.workloads.get(name) else {
            return Opinion::inconclusive(BOUND, format!("Workload {name} left no ledger."));
        };
        let Some(told) = order.workloads.get(name) else { continue };
        let is_serial = plan.workloads.iter().any(|w| w.name == *name && is_serial(w));
        let times = Times::of(history, name, known, is_serial);
        let mut certain: Vec<Proof<'_>> = Vec::new();
        for inversion in &told.inversions {
            match times.proof(name, known, inversion) {
                Known::Certain(proof) => certain.push(proof),
                Known::Possible => {}
                Known::Untimed => untimed += 1,
            }
        }
        tested += times.tested(told) + certain.len() as u64;
        operations += told.operations;
        doubted += told.inverted - certain.len() as u64;
        is_cut |= told.inverted > told.inversions.len() as u64;
        proofs.extend(certain);
    }
    let swapped = match doubted {
        0 => String::new(),
        some => format!(
            " {} came after a later one of their key that may have been under way at the same time.",
            words::plural(some, "operation")
        ),
    };
    if !proofs.is_empty() {
        return violated(&proofs, tested, &swapped);
    }
    let measured = format!("0 of {} that were put to the test", words::plural(tested, "pair"));
    if is_cut {
        let why =
            format!("There are more inversions than are kept, none of these is certain.{swapped}");
        Opinion::doubtful(BOUND, measured, why)
    } else if untimed > 0 {
        let why = format!(
            "{} came after a later one of their key, and the record does not tell when they were due and answered.",
            words::plural(untimed, "operation")
        );
        Opinion::doubtful(BOUND, measured, why)
    } else if tested < check.at_least {
        let advice = advice(check, plan);
        let why = format!(
            "Of {} only {} certainly followed the answer of the one before in its key; a verdict needs {}. {advice}{swapped}",
            words::plural(operations, "operation"),
            words::count(tested),
            words::count(check.at_least)
        );
        Opinion::doubtful(BOUND, measured, why)
    } else {
        let why = format!(
            "{} followed the answer of the one before in its key, and so did the effects.{swapped}",
            words::plural(tested, "operation")
        );
        Opinion::held(BOUND, measured, why)
    }
}

/// What would give more pairs that are certain, for workloads as they are.
fn advice(check: &OrderCheck, plan: &Plan) -> &'static str {
    let named = |workload: &&Workload| check.workloads.contains(&workload.name);
    let workloads: Vec<&Workload> = plan.workloads.iter().filter(named).collect();
    if workloads.iter().all(|workload| is_serial(workload)) {
        // Every pair counts: there are too few.
        "Each was sent only when the one before had been answered, so all pairs of a key count, and there are too few of them: give it fewer keys, a longer load or a higher rate."
    } else if workloads.iter().any(|w| w.max_in_flight == Some(1) && w.shape.duplicates.0 > 0.0) {
        "max_in_flight = 1 makes pairs certain only where nothing is sent twice: take out duplicates, or give it so many keys that two of a key are some seconds apart."
    } else {
        "With several under way, only operations of a key that are some seconds apart count: use max_in_flight = 1, or so many keys that two of a key are so far apart."
    }
}

fn violated(proofs: &[Proof<'_>], tested: u64, swapped: &str) -> Opinion {
    let number = proofs.len() as u64;
    let measured = format!("{} of {}", words::count(number), words::plural(tested, "pair"));
    let why = format!(
        "{} came after a later one of the same key that was sent only when the earlier one had been answered.{swapped}",
        words::plural(number, "effect")
    );
    let told = proofs.iter().map(|proof| {
        let Inversion { key, sequence, after } = proof.inversion;
        let what = format!("operation {}/{sequence}", proof.workload);
        let due = proof.due.map(words::seconds);
        let seen = match (proof.answered, due) {
            (Some(answered), Some(due)) => format!(
                "after {after} of key {key}, though answered by {} and that one due from {due} on",
                words::seconds(answered)
            ),
            (_, Some(due)) => format!(
                "after {after} of key {key}, though answered before that one was sent; it was due from {due} on"
            ),
            (_, None) => {
                format!("after {after} of key {key}, though answered before that one was sent")
            }
        };
        evidence(what, seen, proof.due)
    });
    let rows = proofs.iter().map(|proof| {
        json!({
            "workload": proof.workload,
            "key": proof.inversion.key,
            "sequence": proof.inversion.sequence,
            "after": proof.inversion.after,
            "answered_by": proof.answered,
            "later_due_from": proof.due,
        })
    });
    let since = proofs.iter().filter_map(|proof| proof.due).min_by(f64::total_cmp);
    let rows = Rows::listed(rows);
    Opinion::violated(BOUND, measured, why).since(since).evidence(told).rows(rows)
}

/// When the operations of a workload were due and answered, to a second.
struct Times {
    /// Whether each was answered before the next was sent.
    is_serial: bool,
    /// Operations that came due before each second that the record has; both rise.
    due: Vec<(i64, u64)>,
    /// The longest response time of those that were due in a second, in whole
    /// seconds, rounded up.
    longest: BTreeMap<i64, i64>,
}

impl Times {
    fn of(history: &History, name: &str, known: &WorkloadHistory, is_serial: bool) -> Self {
        let due = history.samples.of(&format!("{name}.due"));
        let due = due.map(|sample| (sample.at.round() as i64, sample.value as u64)).collect();
        let longest = known.response.iter().map(|(second, times)| {
            let micros = times.histogram().max();
            (*second as i64, (micros as f64 / 1e6).ceil() as i64)
        });
        Self { is_serial, due, longest: longest.collect() }
    }

    /// The first and the last second in which an operation may have been due.
    /// They are the same where no second is missing.
    fn seconds(&self, sequence: u64) -> Option<(i64, i64)> {
        let behind = self.due.partition_point(|&(_, count)| count <= sequence);
        let (first, _) = *self.due.get(behind.checked_sub(1)?)?;
        let (end, _) = *self.due.get(behind)?;
        Some((first, end - 1))
    }

    /// The second by whose beginning everything that was due in `second` had
    /// been answered.
    fn answered(&self, second: i64) -> Option<i64> {
        Some(second + 1 + self.longest.get(&second)?)
    }

    fn proof<'a>(
        &self,
        workload: &'a str,
        known: &WorkloadHistory,
        inversion: &'a Inversion,
    ) -> Known<'a> {
        if !known.ledger.of(Fate::Acked).contains(inversion.sequence) {
            return Known::Possible;
        }
        let due = self.seconds(inversion.after).map(|(first, _)| first);
        let proof = |answered: Option<i64>| {
            let (answered, due) = (answered.map(|at| at as f64), due.map(|at| at as f64));
            Known::Certain(Proof { workload, inversion, answered, due })
        };
        if self.is_serial {
            return proof(None);
        }
        let answered = self.seconds(inversion.sequence).and_then(|(_, last)| self.answered(last));
        match due.zip(answered) {
            None => Known::Untimed,
            Some((due, answered)) if due >= answered => proof(Some(answered)),
            Some(_) => Known::Possible,
        }
    }

    /// How many pairs in order were certainly not under way together.
    fn tested(&self, told: &Ordered) -> u64 {
        if self.is_serial {
            return told.pairs.iter().map(|pairs| pairs.count).sum();
        }
        let mut needed: BTreeMap<u64, Option<u64>> = BTreeMap::new();
        let mut tested = 0;
        for pairs in &told.pairs {
            let needed = *needed.entry(pairs.block).or_insert_with(|| self.needed(pairs.block));
            if needed.is_some_and(|needed| 1_u64 << pairs.distance >= needed) {
                tested += pairs.count;
            }
        }
        tested
    }

    /// How far apart two operations must be, of which the first is in the
    /// block, so that the second was due when the first had been answered.
    fn needed(&self, block: u64) -> Option<u64> {
        let (end, all) = *self.due.last()?;
        let (first, _) = self.seconds(block * BLOCK)?;
        let last = self.seconds(block * BLOCK + BLOCK - 1).map_or(end, |(_, last)| last);
        let place = |second: i64| self.due.partition_point(|&(known, _)| known < second);
        // The most that may have come due before a second, and the fewest.
        let most = |second: i64| self.due.get(place(second)).map_or(all, |&(_, count)| count);
        let fewest = |second: i64| {
            let before = place(second + 1).checked_sub(1);
            before.and_then(|index| self.due.get(index)).map_or(0, |&(_, count)| count)
        };
        // A second without a response time has no operation that was answered.
        let needed = (first..=last).filter_map(|second| {
            let answered = self.answered(second)?;
            Some(most(answered + 1) - fewest(second))
        });
        needed.max()
    }
}
