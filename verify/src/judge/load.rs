//! Load: the generator offered what was asked, and something was accepted.
//!
//! Every run has this finding, because a promise that was never put to the test
//! is not kept. A scenario without workloads judges the traffic of others. Never
//! violated: a generator that falls short says nothing against the system. Inconclusive
//! when a workload's generator broke down, its machine had no more open files, ports or
//! memory for it, its target led to a host that nobody allowed, nothing came due or much
//! less than was asked, more than 1 % was never attempted, the generator lost more than 2 %
//! of its time or slept for more than 2 s at once, or no workload had a single
//! operation accepted. Evidence: what came due in each workload.

use reports::record::Evidence;
use scenarios::plan::check::{Check, CheckKind, Figure};
use scenarios::plan::workload::Arrival;
use scenarios::plan::{Cause, LeftOut, Plan, Severity, Workload};

use super::opinion::{Opinion, evidence};
use super::words;
use crate::history::{History, WorkloadHistory};
use loadgen::Fate;

/// The share of its time that a generator may lose.
const MAY_LOSE: f64 = 0.02;
/// The longest that it may sleep at once, in seconds.
const MAY_SLEEP: f64 = 2.0;
/// The share of operations that may be left unattempted.
const MAY_DROP: f64 = 0.01;
/// The share of the operations asked for that must come due.
const MUST_COME: f64 = 0.95;
/// How many standard deviations fewer may come where they arrive at random.
const MAY_STRAY: f64 = 5.0;

pub(super) fn judge(plan: &Plan, history: &History) -> Opinion {
    let bound = "what the workloads ask for";
    if plan.workloads.is_empty() {
        return without_load(plan);
    }
    let mut shortfalls = Vec::new();
    let mut told: Vec<Evidence> = Vec::new();
    let (mut due, mut acked) = (0, 0);
    for workload in &plan.workloads {
        let Some(known) = history.workloads.get(&workload.name) else {
            shortfalls.push(format!("workload {} left no ledger", workload.name));
            continue;
        };
        due += known.ledger.due();
        acked += known.ledger.count(Fate::Acked);
        let seen = format!(
            "{} due, {} acked, {} dropped, {} lost by the generator",
            words::count(known.ledger.due()),
            words::count(known.ledger.count(Fate::Acked)),
            words::count(known.ledger.count(Fate::Dropped)),
            words::seconds(known.pump.lost_seconds)
        );
        told.push(evidence(format!("workload {}", workload.name), seen, None));
        shortfalls.extend(shortfall(workload, known, history));
    }
    if acked == 0 && shortfalls.is_empty() {
        shortfalls.push(
            "no operation of any workload was accepted; see that the address, the request and \
             its accepted statuses are right"
                .to_owned(),
        );
    }
    let measured = words::plural(due, "operation");
    if shortfalls.is_empty() {
        let workloads = words::plural(plan.workloads.len() as u64, "workload");
        let why = format!(
            "{workloads} offered {measured} in time, and {} were accepted.",
            words::count(acked)
        );
        Opinion::held(bound, measured, why).evidence(told)
    } else {
        Opinion::doubtful(bound, measured, format!("{}.", shortfalls.join("; "))).evidence(told)
    }
}

/// A run without a workload, as its file or its user wants it, judges the traffic that
/// there is. That there is some, only a share or a split of requests shows: without any it
/// is inconclusive.
fn without_load(plan: &Plan) -> Opinion {
    let unasked = |item: &LeftOut| item.kind == "workload" && item.cause == Cause::Unable;
    let is_left_out = plan.left_out.iter().any(unasked);
    let sees_traffic = |check: &&Check| match &check.kind {
        CheckKind::Canary(canary) => {
            matches!(canary.figure, Figure::Share(_) | Figure::Split(_))
                && check.severity == Severity::Violation
        }
        _ => false,
    };
    let seen = plan.checks.iter().find(sees_traffic).filter(|_| !is_left_out);
    match seen {
        Some(check) => {
            let why = format!(
                "There is no workload: what others sent is judged, and {} counts it.",
                check.name
            );
            Opinion::held("the traffic that there is", "no load of this run", why)
        }
        None => Opinion::inconclusive(
            "what the workloads ask for",
            "No workload is part of this run, and no canary check of a share or a split counts \
             what others sent, so nothing was put to the test.",
        ),
    }
}

fn shortfall(workload: &Workload, known: &WorkloadHistory, history: &History) -> Option<String> {
    let name = &workload.name;
    let due = known.ledger.due();
    let dropped = known.ledger.count(Fate::Dropped);
    let pump = known.pump;
    let phases = workload.phases.iter().filter_map(|phase| history.phase(phase));
    let asked = workload.rate.0 * phases.map(|phase| phase.to - phase.from).sum::<f64>();
    let chance = match workload.arrival {
        Arrival::Uniform => 0.0,
        Arrival::Poisson => MAY_STRAY * asked.sqrt(),
    };
    if let Some(broken) = &known.broken {
        Some(format!("the generator of {name} broke down: {broken}"))
    } else if known.forbidden > 0 {
        Some(format!(
            "{} of {name} were not sent, because the target led to hosts that nobody allowed; its \
             errors name them",
            words::plural(known.forbidden, "operation")
        ))
    } else if let Some((limit, count)) = known.limits.first() {
        Some(format!(
            "{} of {name} met a limit of the generator's own machine, which says nothing of the \
             system ({limit})",
            words::plural(*count, "operation")
        ))
    } else if due == 0 {
        Some(format!("no operation of {name} came due; see its phases and its rate"))
    } else if (due as f64) < MUST_COME * asked - 1.0 - chance {
        let asked = words::number(asked);
        Some(format!("only {} of {asked} operations of {name} came due", words::count(due)))
    } else if !known.ledger.is_complete() {
        Some(format!("the ledger of {name} does not account for every operation"))
    } else if pump.lost_seconds > MAY_LOSE * pump.due_seconds || pump.worst_seconds > MAY_SLEEP {
        Some(format!(
            "the generator of {name} could not keep up: it lost {} of {}, at worst {} at once; \
             lower the rate or give it more processor time",
            words::seconds(pump.lost_seconds),
            words::seconds(pump.due_seconds),
            words::seconds(pump.worst_seconds)
        ))
    } else if dropped as f64 > MAY_DROP * due as f64 {
        let dropped = words::count(dropped);
        Some(format!(
            "{dropped} of {} operations of {name} were never attempted",
            words::count(due)
        ))
    } else if !(pump.lost_seconds.is_finite() && pump.worst_seconds.is_finite()) {
        Some(format!("nobody knows whether the generator of {name} kept up"))
    } else {
        None
    }
}
