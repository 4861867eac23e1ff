//! The record of a comparison: that of the later run, with the earlier one beside it.

use std::collections::BTreeMap;

use reports::record::{
    Finding, HostRecord, Record, Run, SCHEMA, SeriesRecord, TableRecord, WorkloadRecord,
};
use scenarios::plan::Place;
use scenarios::units::Unit;

use super::{POINTS, host, thin, workloads};
use crate::folder::Folder;
use crate::folder::read::Told;
use crate::judge::Judgement;
use crate::judge::compare::Comparison;

/// What the reader has to know of every comparison.
const CANNOT: &str = "The two runs took place at different times. This comparison cannot tell \
                      another version from another host, a busier or slower machine, other data \
                      in the stores, or a service behind the system that was slower: what is \
                      worse here is worse in the run, for whatever reason.";

/// One of the shares that a record of a host has.
type Pressure = fn(&HostRecord) -> Option<f64>;

/// A difference in the pressure of the hosts that is told: points of all processors.
const PRESSURE: f64 = 0.02;

/// Puts the record together; `own` is what each run comes to by itself, and `again` the command that makes it again. It has no folder
/// until it is written into one.
#[must_use]
pub fn record(
    baseline: (&Folder, &Told),
    run: (&Folder, &Told),
    own: &[Judgement; 2],
    comparison: Comparison,
    again: String,
) -> Record {
    let (before, now) = (baseline.1, run.1);
    let (plan, facts, history) = (&now.plan, &now.facts, &now.history);
    let mut warnings = vec![CANNOT.to_owned()];
    warnings.extend(comparison.differences);
    warnings.extend(surroundings(before, now));
    Record {
        schema: SCHEMA,
        run: Run {
            title: format!("no worse than run {}, of {}", before.facts.run, before.facts.started),
            description: format!(
                "Run {} is compared with run {}, phase by phase. {CANNOT}",
                facts.run, before.facts.run
            ),
            again,
            folder: String::new(),
            ..super::run(run.0, now)
        },
        verdict: comparison.verdict,
        headline: comparison.headline,
        advice: comparison.advice,
        advised: Vec::new(),
        steps: Vec::new(),
        findings: comparison.findings,
        workloads: both(before, now),
        courses: super::course::courses(plan, history),
        effects: Vec::new(),
        faults: Vec::new(),
        deployments: Vec::new(),
        roll_backs: Vec::new(),
        past: None,
        phases: history.phases.clone(),
        series: comparison.series.into_iter().map(thinned).collect(),
        tables: vec![runs(baseline, run, own), changed(own)],
        host: host(history),
        warnings,
        left_out: comparison.left_out,
        params: plan.params.clone(),
        targets: facts.targets.clone(),
    }
}

fn thinned(series: SeriesRecord) -> SeriesRecord {
    SeriesRecord { points: thin(&series.points, POINTS), ..series }
}

/// What each workload did in both runs, the baseline's behind the run's.
fn both(before: &Told, now: &Told) -> Vec<WorkloadRecord> {
    let old = workloads(before);
    let mut records = Vec::new();
    for new in workloads(now) {
        let old = old.iter().find(|old| old.name == new.name).cloned();
        let name = format!("{} (baseline)", new.name);
        records.push(new);
        records.extend(old.map(|old| WorkloadRecord { name, ..old }));
    }
    records
}

/// What the runs say of their surroundings that differs.
fn surroundings(before: &Told, now: &Told) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, old: String, new: String| {
        if old != new {
            told.push(format!("{what}: {old} in the baseline, {new} in the run."));
        }
    };
    let brokers = |of: &Told| match of.facts.brokers.join(", ") {
        none if none.is_empty() => "not known".to_owned(),
        brokers => brokers,
    };
    tell("Brokers", brokers(before), brokers(now));
    tell("Version of verify", before.facts.version.clone(), now.facts.version.clone());
    let hosts = [before, now].map(|of| host(&of.history));
    if let [Some(old), Some(new)] = hosts {
        let pressures: [(&str, Pressure); 2] = [
            ("Processors used by others", |host| host.foreign),
            ("Processors taken by the hypervisor", |host| host.steal),
        ];
        for (what, of) in pressures {
            if let (Some(old), Some(new)) = (of(&old), of(&new))
                && (old - new).abs() >= PRESSURE
            {
                tell(what, Unit::Share.show(old), Unit::Share.show(new));
            }
        }
    }
    // A lab has other ports each time.
    if now.plan.place == Place::Targets {
        let address = |of: &BTreeMap<String, String>, key: &String| {
            of.get(key).cloned().unwrap_or_else(|| "none".to_owned())
        };
        for key in now.facts.targets.keys() {
            let (old, new) = (&before.facts.targets, &now.facts.targets);
            tell(&format!("Address of {key}"), address(old, key), address(new, key));
        }
    }
    if before.facts.run == now.facts.run {
        told.push("Both are the same run.".to_owned());
    } else if before.facts.started > now.facts.started {
        told.push(
            "The baseline is the later one of the two runs; are they the wrong way round?"
                .to_owned(),
        );
    }
    told
}

/// The checks that came to something else, with what was measured.
fn changed(own: &[Judgement; 2]) -> TableRecord {
    let [before, now] = own.each_ref().map(|own| &own.findings);
    let cell = |of: Option<&Finding>| match of {
        Some(one) => format!("{}: {}", one.verdict.word(), one.measured),
        None => "not judged".to_owned(),
    };
    let find = |of: &'_ [Finding], name: &str| of.iter().find(|one| one.check == name).cloned();
    let gone = before.iter().filter(|old| find(now, &old.check).is_none());
    let mut rows = Vec::new();
    for name in now.iter().chain(gone).map(|one| &one.check) {
        let (old, new) = (find(before, name), find(now, name));
        if old.as_ref().map(|one| one.verdict) != new.as_ref().map(|one| one.verdict) {
            rows.push(vec![name.clone(), cell(old.as_ref()), cell(new.as_ref())]);
        }
    }
    if rows.is_empty() {
        rows.push(vec![format!("none of {}", now.len()), "–".to_owned(), "–".to_owned()]);
    }
    let columns = ["check", "baseline", "run"].map(str::to_owned).to_vec();
    TableRecord { title: "Checks that changed".to_owned(), columns, rows }
}

/// Both runs side by side.
fn runs(baseline: (&Folder, &Told), run: (&Folder, &Told), own: &[Judgement; 2]) -> TableRecord {
    let both = [baseline, run];
    let own = own.each_ref().map(|own| own.verdict.word().to_owned());
    let hosts = both.map(|(_, told)| host(&told.history));
    let of = |what: &str, cell: &dyn Fn(&Folder, &Told) -> String| {
        let [old, new] = both.map(|(folder, told)| cell(folder, told));
        vec![what.to_owned(), old, new]
    };
    let pressure = |what: &str, cell: fn(&HostRecord) -> Option<String>| {
        let [old, new] =
            hosts.map(|host| host.as_ref().and_then(cell).unwrap_or_else(|| "–".to_owned()));
        vec![what.to_owned(), old, new]
    };
    let [old, new] = own;
    let rows = vec![
        of("run", &|_, told| told.facts.run.clone()),
        of("started", &|_, told| told.facts.started.clone()),
        vec!["its own verdict".to_owned(), old, new],
        of("variant", &|_, told| match told.plan.place {
            Place::Lab => told.plan.variant.clone(),
            Place::Targets => "–".to_owned(),
        }),
        of("seed", &|_, told| told.plan.seed.to_string()),
        of("brokers", &|_, told| told.facts.brokers.join(", ")),
        of("folder", &|folder, _| folder.path().display().to_string()),
        pressure("processors", |host| host.cpus.map(|cpus| Unit::Count.show(cpus))),
        pressure("load average", |host| host.load.map(|load| Unit::Count.show(load))),
        pressure("processors busy", |host| host.busy.map(|busy| Unit::Share.show(busy))),
        pressure("used by others", |host| host.foreign.map(|share| Unit::Share.show(share))),
        pressure("taken by the hypervisor", |host| host.steal.map(|share| Unit::Share.show(share))),
        pressure("starved for", |host| Some(Unit::Seconds.show(host.starved))),
    ];
    let columns = ["", "baseline", "run"].map(str::to_owned).to_vec();
    TableRecord { title: "The two runs".to_owned(), columns, rows }
}
