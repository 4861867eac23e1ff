//! What two runs have in common, and what they have not.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::plan::{Cause, LeftOut, Place, Plan, Transport, Workload};
use scenarios::series::HOST_NAME;
use serde_json::Value as Json;

use super::{Asked, Incomparable};
use crate::history::History;
use crate::judge::{starvation, words};

/// What can be compared.
pub(super) struct Common {
    /// Workloads or parts of them, each with a phase in which both runs have load due.
    pub(super) pairs: Vec<(String, String)>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Finds what both runs did alike.
///
/// # Errors
/// When that is nothing.
pub(super) fn find(baseline: &Plan, run: &Plan, asked: &Asked) -> Result<Common, Incomparable> {
    if baseline.name != run.name {
        let (baseline, run) = (baseline.name.clone(), run.name.clone());
        return Err(Incomparable::Scenarios { baseline, run });
    }
    let mut left_out = Vec::new();
    let mut leave = |kind: &str, name: &str, why: &str| {
        let (kind, name, why) = (kind.to_owned(), name.to_owned(), why.to_owned());
        left_out.push(LeftOut { kind, name, why, cause: Cause::Unable });
    };
    let phases = phases(baseline, run, asked, &mut leave)?;
    let mut pairs = Vec::new();
    for (workload, before) in workloads(baseline, run, &mut leave) {
        let asked = asked.workloads.iter().filter(|name| workload.is_named(name)).cloned();
        let names = std::iter::once(workload.name.clone()).chain(workload.outermost()).chain(asked);
        let names: BTreeSet<String> = names.collect();
        let is_due =
            |phase: &&String| workload.phases.contains(phase) && before.phases.contains(phase);
        let due: Vec<&String> = phases.iter().filter(is_due).collect();
        if due.is_empty() {
            leave("workload", &workload.name, "no judged phase has its load in both runs");
        }
        pairs.extend(names.into_iter().flat_map(|name| {
            due.iter().map(move |&phase| (name.clone(), phase.clone())).collect::<Vec<_>>()
        }));
    }
    if let Some(name) = asked.workloads.iter().find(|name| !has(&pairs, name)) {
        let mut known: Vec<&str> = pairs.iter().map(|(workload, _)| workload.as_str()).collect();
        known.dedup();
        return Err(Incomparable::Workload { name: name.clone(), known: words::list(&known) });
    }
    if !asked.workloads.is_empty() {
        pairs.retain(|(workload, _)| asked.workloads.contains(workload));
    }
    if pairs.is_empty() {
        let whys: Vec<String> = left_out
            .iter()
            .map(|left| format!("{} {}: {}", left.kind, left.name, left.why))
            .collect();
        let why = if whys.is_empty() { "no workload".to_owned() } else { whys.join("; ") };
        return Err(Incomparable::Nothing { why });
    }
    if !run.probes.is_empty() {
        let why = "what a probe reads is no share of operations that could be compared; the checks \
                   of each run judge it";
        let names: Vec<&str> = run.probes.iter().map(|probe| probe.name.as_str()).collect();
        left_out.push(LeftOut {
            kind: "probes".to_owned(),
            name: words::list(&names),
            why: why.to_owned(),
            cause: Cause::Unable,
        });
    }
    Ok(Common { pairs, left_out })
}

fn has(pairs: &[(String, String)], name: &str) -> bool {
    pairs.iter().any(|(workload, _)| workload == name)
}

/// The phases that are judged: in both runs, and broken alike in both until their end.
fn phases(
    baseline: &Plan,
    run: &Plan,
    asked: &Asked,
    leave: &mut impl FnMut(&str, &str, &str),
) -> Result<Vec<String>, Incomparable> {
    let is_in = |plan: &Plan, name: &str| plan.phases.iter().any(|phase| phase.name == name);
    let both: Vec<&str> = run.phases.iter().map(|phase| phase.name.as_str()).collect();
    let both: Vec<&str> = both.into_iter().filter(|name| is_in(baseline, name)).collect();
    if let Some(name) = asked.phases.iter().find(|name| !both.contains(&name.as_str())) {
        return Err(Incomparable::Phase { name: name.clone(), known: words::list(&both) });
    }
    let wanted = if asked.phases.is_empty() { judged(run) } else { asked.phases.clone() };
    let mut phases = Vec::new();
    for name in wanted {
        if !both.contains(&name.as_str()) {
            leave("phase", &name, "the baseline has no such phase");
        } else if let Some(fault) = broken_otherwise(baseline, run, &name) {
            let why = format!(
                "fault {fault} is not the same in both runs, so they were not broken alike until its end"
            );
            leave("phase", &name, &why);
        } else {
            phases.push(name);
        }
    }
    Ok(phases)
}

/// The phases that the checks of a plan judge, in order; all, where none judges one.
fn judged(plan: &Plan) -> Vec<String> {
    let mut kinds: Vec<_> = plan.checks.iter().map(|check| check.kind.clone()).collect();
    let mut named: Vec<String> = Vec::new();
    for kind in &mut kinds {
        named.extend(kind.statement().phases.iter().map(str::to_owned));
    }
    let all = plan.phases.iter().map(|phase| phase.name.clone());
    let loaded = |name: &String| plan.workloads.iter().any(|work| work.phases.contains(name));
    let all: Vec<String> = all.filter(loaded).collect();
    let judged: Vec<String> = all.iter().filter(|name| named.contains(name)).cloned().collect();
    if judged.is_empty() { all } else { judged }
}

/// A fault of one run until the end of a phase that the other has not, or otherwise.
fn broken_otherwise(baseline: &Plan, run: &Plan, phase: &str) -> Option<String> {
    let until = |plan: &Plan| {
        let place = |name: &str| plan.phases.iter().position(|phase| phase.name == name);
        let last = place(phase);
        let faults = plan.faults.iter().filter(|fault| place(&fault.phase) <= last);
        faults.map(|fault| (fault.name.clone(), fault.clone())).collect::<BTreeMap<_, _>>()
    };
    let (before, now) = (until(baseline), until(run));
    let other = before.iter().find(|(name, fault)| now.get(*name) != Some(fault));
    let new = now.keys().find(|name| !before.contains_key(*name));
    other.map(|(name, _)| name).or(new).cloned()
}

/// The workloads that ask for the same in both runs, each of the run with its own of the
/// baseline.
fn workloads<'a>(
    baseline: &'a Plan,
    run: &'a Plan,
    leave: &mut impl FnMut(&str, &str, &str),
) -> Vec<(&'a Workload, &'a Workload)> {
    let of = |plan: &'a Plan, name: &str| plan.workloads.iter().find(|work| work.name == name);
    for gone in baseline.workloads.iter().filter(|work| of(run, &work.name).is_none()) {
        leave("workload", &gone.name, "the run has no such workload");
    }
    let mut pairs = Vec::new();
    for workload in &run.workloads {
        match of(baseline, &workload.name) {
            None => leave("workload", &workload.name, "the baseline has no such workload"),
            Some(before) if asks_same(before, workload) => pairs.push((workload, before)),
            Some(_) => {
                let why = "its operations are others in the two runs (their request, shape or \
                           data); compare runs with the same parameters and the same file";
                leave("workload", &workload.name, why);
            }
        }
    }
    pairs
}

/// Whether the operations are the same, wherever they go to.
fn asks_same(before: &Workload, now: &Workload) -> bool {
    before.shape == now.shape
        && before.data == now.data
        && before.body_file == now.body_file
        && before.expect == now.expect
        && request(&before.transport) == request(&now.transport)
}

/// A transport without the host that it goes to and the way there.
fn request(transport: &Transport) -> Option<Json> {
    let mut told = serde_json::to_value(transport).ok()?;
    for fields in told.as_object_mut()?.values_mut() {
        let Some(fields) = fields.as_object_mut() else { continue };
        fields.remove("route");
        if let Some(Json::String(url)) = fields.get_mut("url") {
            let start = url.find("://").map_or(0, |at| at + 3);
            let length = url[start..].find('/').unwrap_or(url.len() - start);
            url.replace_range(..start + length, "");
        }
    }
    Some(told)
}

/// What differs between the plans and is no reason not to compare, in sentences.
pub(super) fn differences(baseline: &Plan, run: &Plan) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, before: String, now: String| {
        if before != now {
            told.push(format!("The {what} was {before} in the baseline and is {now} in the run."));
        }
    };
    let place = |plan: &Plan| match plan.place {
        Place::Lab => format!("variant {} in the lab", plan.variant),
        Place::Targets => "a system at given addresses".to_owned(),
    };
    tell("system under test", place(baseline), place(run));
    tell("seed", baseline.seed.to_string(), run.seed.to_string());
    let unset = || "not there".to_owned();
    let params: BTreeSet<&String> = baseline.params.keys().chain(run.params.keys()).collect();
    for name in params {
        let value = |plan: &Plan| plan.params.get(name).cloned().unwrap_or_else(unset);
        tell(&format!("parameter {name}"), value(baseline), value(run));
    }
    for now in &run.workloads {
        let Some(before) = baseline.workloads.iter().find(|work| work.name == now.name) else {
            continue;
        };
        let name = &now.name;
        tell(&format!("rate of {name}"), before.rate.to_string(), now.rate.to_string());
        let (was, is) = (before.connections.to_string(), now.connections.to_string());
        tell(&format!("number of connections of {name}"), was, is);
        tell(&format!("time-out of {name}"), before.timeout.to_string(), now.timeout.to_string());
        let otherwise =
            |work: &Workload| (work.arrival, work.late, work.max_in_flight, work.workers);
        if otherwise(before) != otherwise(now) {
            tell(&format!("pacing of {name}"), "one".to_owned(), "another".to_owned());
        }
    }
    for now in &run.phases {
        let before = baseline.phases.iter().find(|phase| phase.name == now.name);
        let length = |phase: &scenarios::plan::Phase| phase.length.to_string();
        let before = before.map_or_else(unset, length);
        tell(&format!("length of phase {}", now.name), before, length(now));
    }
    told
}

/// How the hosts of the runs differ, and what of them is not known.
pub(super) fn hosts(baseline: &History, run: &History) -> Vec<String> {
    let mut told = Vec::new();
    let cpus = |history: &History| {
        history.samples.last(&format!("{HOST_NAME}.cpus")).map(|sample| sample.value)
    };
    for (name, history) in super::NAMES.into_iter().zip([baseline, run]) {
        if !history.samples.has(&format!("{HOST_NAME}.window")) {
            told.push(format!(
                "The {name} has no record of its host, so that nobody knows whether it was busy."
            ));
        }
        let starved: f64 = starvation::starved(history).iter().map(|(from, to)| to - from).sum();
        if starved > 0.0 {
            told.push(format!(
                "The host of the {name} was starved for {} in all.",
                words::seconds(starved)
            ));
        }
    }
    if let (Some(before), Some(now)) = (cpus(baseline), cpus(run))
        && before != now
    {
        told.push(format!(
            "The host had {} processors in the baseline and {} in the run: it is another one, or \
             was changed.",
            words::number(before),
            words::number(now)
        ));
    }
    told
}
