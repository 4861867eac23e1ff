//! The record of a run, put together from what its folder tells and what the
//! judge says. It computes no judgement.

pub mod comparison;
mod course;
pub(crate) mod occurrences;
pub(crate) mod past;
mod times;

use std::collections::BTreeMap;
use std::sync::Arc;

use loadgen::Fate;
use reports::record::{
    AnswersRecord, HostRecord, Operations, Quantiles, Record, ResentRecord, Run, SCHEMA,
    SeriesRecord, TableRecord, WorkloadRecord,
};
use scenarios::plan::{Place, Plan, ProbeKind};
use scenarios::series::{DEPLOYMENT, HOST, HOST_NAME, WORKLOAD};
use scenarios::units::Unit;

use crate::event::Reader;
use crate::folder::Folder;
use crate::folder::read::Told;
use crate::history::{History, Sample, WorkloadHistory};
use crate::judge::{Judgement, starved};

/// The most points of a series in the record.
const POINTS: usize = 240;
/// The most labels of a series in the record: those with the greatest values.
const LABELS: usize = 6;
/// The most rows of a table.
const ROWS: usize = 12;

/// Puts the record together.
#[must_use]
pub fn record(folder: &Folder, told: &Told, judgement: Judgement) -> Record {
    let Told { plan, facts, history, .. } = told;
    Record {
        schema: SCHEMA,
        run: run(folder, told),
        verdict: judgement.verdict,
        headline: judgement.headline,
        advice: judgement.advice,
        findings: judgement.findings,
        steps: judgement.steps,
        advised: judgement.advised,
        workloads: workloads(told),
        courses: course::courses(plan, history),
        effects: judgement.effects,
        faults: history.faults.clone(),
        deployments: history.deployments.clone(),
        roll_backs: history.advised.clone(),
        past: None,
        phases: history.phases.clone(),
        series: series(plan, history),
        tables: tables(plan, history),
        host: host(history),
        warnings: warnings(told),
        left_out: plan.left_out.clone(),
        params: plan.params.clone(),
        targets: facts.targets.clone(),
    }
}

/// Which run it was.
fn run(folder: &Folder, told: &Told) -> Run {
    let Told { plan, facts, history, .. } = told;
    Run {
        id: facts.run.clone(),
        scenario: plan.name.clone(),
        title: plan.title.clone(),
        description: plan.description.clone(),
        variant: (plan.place == Place::Lab).then(|| plan.variant.clone()),
        place: plan.place,
        seed: plan.seed,
        started: facts.started.clone(),
        seconds: facts.seconds,
        interrupted: history.interrupted,
        version: facts.version.clone(),
        brokers: facts.brokers.clone(),
        again: facts.again.clone(),
        folder: folder.path().display().to_string(),
    }
}

/// What was said during the run, and what never was there in it.
fn warnings(told: &Told) -> Vec<String> {
    let mut warnings = told.facts.warnings.clone();
    let has_come = |readers: &[Reader]| readers.iter().all(|reader| saw(reader, &told.history));
    warnings.retain(|text| !told.facts.awaited.get(text).is_some_and(|by| has_come(by)));
    warnings.extend(never_there(told));
    if !told.facts.has_ended && told.facts.record >= 3 {
        let text = "The run did not come to its end, so nothing says whether samples.csv is as it was written.";
        warnings.push(text.to_owned());
    }
    for (source, seen) in &told.history.effects {
        let Ok(seen) = seen else { continue };
        let absent = seen.absent.iter();
        warnings
            .extend(absent.map(|what| format!("{source}: {what} did not exist when it was read.")));
        if seen.nameless > 0 {
            warnings.push(format!(
                "{source}: {} records without an identity were read, beside others that have one.",
                seen.nameless
            ));
        }
    }
    warnings
}

/// What never was there, each once, whoever looks at it.
fn never_there(told: &Told) -> impl Iterator<Item = String> {
    let mut all: BTreeMap<(&str, bool, &str), Vec<&str>> = BTreeMap::new();
    for ((owner, _), what) in &told.history.never_there {
        let probe = told.plan.probes.iter().find(|probe| probe.name == *owner);
        let kind = probe.map(|probe| &probe.kind);
        let is_key = matches!(kind, Some(ProbeKind::RedisKeys { .. }));
        // Each query has a table of its own.
        let apart = if matches!(kind, Some(ProbeKind::Sql { .. })) { owner } else { "" };
        all.entry((what, is_key, apart)).or_default().push(owner);
    }
    all.into_iter().map(|((what, is_key, _), owners)| {
        let (probes, look) =
            if owners.len() == 1 { ("probe", "looks") } else { ("probes", "look") };
        let never = match is_key {
            true => "was never seen to have an element",
            false => "never existed during the run",
        };
        format!("{what}, which {probes} {} {look} at, {never}.", owners.join(", "))
    })
}

/// Whether what somebody looks at was there in the end.
fn saw(reader: &Reader, history: &History) -> bool {
    match reader {
        Reader::Probe(name) => {
            let begin = format!("{name}.");
            !history.never_there.keys().any(|(owner, _)| owner == name)
                && history.samples.names().any(|series| series.starts_with(&begin))
        }
        Reader::Effects(name) => {
            matches!(history.effects.get(name), Some(Ok(seen)) if seen.absent.is_empty())
        }
    }
}

/// How the host fared over the phases, where that was recorded.
fn host(history: &History) -> Option<HostRecord> {
    let end = history.phases.last()?.to;
    let series = |name: &str| format!("{HOST_NAME}.{name}");
    let windows = history.samples.read(&series("window"))?;
    let during_phases = |name: &str| {
        let within = |sample: &Sample| sample.at > 0.0 && sample.at <= end;
        history.samples.of(&series(name)).filter(within).map(|sample| sample.value)
    };
    let mean = |name: &str| {
        let (mut sum, mut time) = (0.0, 0.0);
        for sample in
            history.samples.of(&series(name)).filter(|sample| sample.at > 0.0 && sample.at <= end)
        {
            let window = windows.binary_search_by(|known| known.at.total_cmp(&sample.at));
            let window = window.map_or(0.0, |index| windows[index].value);
            (sum, time) = (sum + sample.value * window, time + window);
        }
        (time > 0.0).then(|| sum / time)
    };
    let during = |(from, to): &(f64, f64)| (to.min(end) - from.max(0.0)).max(0.0);
    Some(HostRecord {
        cpus: history.samples.last(&series("cpus")).map(|sample| sample.value),
        load: mean("load"),
        load_max: during_phases("load").reduce(f64::max),
        busy: mean("cpu_busy"),
        foreign: mean("cpu_foreign"),
        steal: mean("steal"),
        starved: starved(history).iter().map(during).sum(),
        cpu_stalled: mean("cpu_stalled"),
        io_stalled: mean("io_stalled"),
        memory_stalled: mean("memory_stalled"),
    })
}

fn workloads(told: &Told) -> Vec<WorkloadRecord> {
    let mut records = Vec::new();
    for workload in &told.plan.workloads {
        let (Some(summary), Some(history)) =
            (told.facts.workloads.get(&workload.name), told.history.workloads.get(&workload.name))
        else {
            continue;
        };
        let ledger = &history.ledger;
        let late = told.history.last(&format!("{}.late", workload.name));
        let operations = Operations {
            due: ledger.due(),
            acked: ledger.count(Fate::Acked),
            failed: ledger.count(Fate::Failed),
            indeterminate: ledger.count(Fate::Indeterminate),
            dropped: ledger.count(Fate::Dropped),
            late: late as u64,
        };
        let started = operations.due - operations.dropped.min(operations.due);
        records.push(WorkloadRecord {
            name: workload.name.clone(),
            target: summary.target.clone(),
            rate_asked: workload.rate.0,
            rate_got: started as f64 / summary.due_seconds.max(1.0),
            operations,
            response: quantiles(&history.latency.response),
            service: quantiles(&history.latency.service),
            delay: quantiles(&history.latency.delay),
            outages: summary.outages.clone(),
            errors: summary.errors.clone(),
            resent: resent(history),
            poison: history.poison.len(),
        });
    }
    records
}

/// The operations that were sent twice, if any were.
fn resent(history: &WorkloadHistory) -> Option<ResentRecord> {
    let again = history.resent;
    (again.planned() > 0).then(|| ResentRecord {
        acked: again.acked,
        failed: again.failed,
        indeterminate: again.indeterminate,
        unsent: again.unsent,
        answers: history.answers.as_ref().map(|answers| AnswersRecord {
            pairs: answers.counts.pairs,
            agreed: answers.counts.agreed,
            disagreed: answers.counts.disagreed,
            valueless: answers.counts.valueless,
            unread: answers.counts.unread,
            marked: answers.counts.marked,
            unmarked: answers.counts.unmarked,
            premature: answers.counts.premature,
        }),
    })
}

/// The series of the probes and the counts of each workload, thinned.
fn series(plan: &Plan, history: &History) -> Vec<SeriesRecord> {
    let workloads = plan.workloads.iter().map(|workload| (&workload.name, WORKLOAD.to_vec()));
    let probes = plan.probes.iter().map(|probe| (&probe.name, probe.kind.series()));
    let deployments = plan.deployments.iter().flat_map(|deployment| {
        std::iter::once(&deployment.name)
            .chain(&deployment.canary)
            .map(|name| (name, DEPLOYMENT.to_vec()))
    });
    let mut records = Vec::new();
    let host = HOST_NAME.to_owned();
    let host = std::iter::once((&host, HOST.to_vec()));
    for (owner, infos) in probes.chain(workloads).chain(deployments).chain(host) {
        for info in infos {
            let name = format!("{owner}.{}", info.name);
            records.extend(by_label(history.samples.of(&name)).into_iter().map(
                |(label, points)| SeriesRecord {
                    name: name.clone(),
                    label,
                    unit: info.unit,
                    counter: info.counter,
                    points: thin(&points, POINTS),
                },
            ));
        }
    }
    records
}

/// The points of each label; of many labels, those that rose highest.
fn by_label(samples: impl Iterator<Item = Sample>) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut labels: BTreeMap<Arc<str>, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in samples {
        labels.entry(sample.label).or_default().push((sample.at, sample.value));
    }
    let mut labels: Vec<_> = labels.into_iter().map(|(l, p)| (l.to_string(), p)).collect();
    let top = |points: &[(f64, f64)]| points.iter().map(|p| p.1).fold(f64::MIN, f64::max);
    labels.sort_by(|a, b| top(&b.1).total_cmp(&top(&a.1)).then_with(|| a.0.cmp(&b.0)));
    labels.truncate(LABELS);
    labels
}

/// At most `most` points: of each stretch of equal length its lowest and its
/// highest, so that extremes survive.
fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let size = points.len().div_ceil(most / 2);
    let mut thinned = Vec::with_capacity(most);
    for stretch in points.chunks(size) {
        let low = stretch.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = stretch.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut both: Vec<(f64, f64)> = low.into_iter().chain(high).copied().collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        both.dedup();
        thinned.extend(both);
    }
    thinned
}

/// The connections with the most channels, what the processes used, and how long it took
/// until operations had their effect.
fn tables(plan: &Plan, history: &History) -> Vec<TableRecord> {
    let mut tables = Vec::new();
    for probe in &plan.probes {
        match &probe.kind {
            ProbeKind::Rabbitmq { .. } => {
                let name = format!("{}.connection_channels", probe.name);
                tables.extend(connections(history, &name));
            }
            ProbeKind::Process { .. } => tables.extend(processes(history, &probe.name)),
            ProbeKind::Health { .. }
            | ProbeKind::Pods { .. }
            | ProbeKind::Logs { .. }
            | ProbeKind::RedisStreams { .. }
            | ProbeKind::Sql { .. }
            | ProbeKind::Prometheus { .. }
            | ProbeKind::Promql { .. }
            | ProbeKind::RabbitmqQueues { .. }
            | ProbeKind::Mongodb { .. }
            | ProbeKind::RedisKeys { .. }
            | ProbeKind::Kafka(_)
            | ProbeKind::Command { .. } => {}
        }
    }
    tables.extend(times::tables(history));
    tables
}

fn connections(history: &History, series: &str) -> Option<TableRecord> {
    if !history.samples.has(series) {
        return None;
    }
    let mut most: BTreeMap<Arc<str>, (f64, f64)> = BTreeMap::new();
    for sample in history.samples.of(series) {
        let (highest, last) = most.entry(sample.label).or_insert((0.0, 0.0));
        *highest = highest.max(sample.value);
        *last = sample.value;
    }
    let mut rows: Vec<_> = most.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    rows.truncate(ROWS);
    let show = |value: f64| Unit::Count.show(value);
    Some(TableRecord {
        title: "Connections with the most channels".to_owned(),
        columns: ["connection", "most channels", "last seen"].map(str::to_owned).to_vec(),
        rows: rows
            .into_iter()
            .map(|(label, (highest, last))| vec![label.to_string(), show(highest), show(last)])
            .collect(),
    })
}

fn processes(history: &History, probe: &str) -> Option<TableRecord> {
    let resident = format!("{probe}.resident");
    if !history.samples.has(&resident) {
        return None;
    }
    // By label: the most, and the last one.
    let figures = |series: &str| {
        let mut figures: BTreeMap<Arc<str>, (f64, f64)> = BTreeMap::new();
        for sample in history.samples.of(series) {
            let (most, last) = figures.entry(sample.label).or_default();
            (*most, *last) = (most.max(sample.value), sample.value);
        }
        figures
    };
    let restarts = figures(&format!("{probe}.restarts"));
    let show =
        |unit: Unit, value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| unit.show(v));
    Some(TableRecord {
        title: "Processes".to_owned(),
        columns: ["process", "restarts", "memory at most", "memory at the end"]
            .map(str::to_owned)
            .to_vec(),
        rows: figures(&resident)
            .into_iter()
            .map(|(label, (most, last))| {
                vec![
                    label.to_string(),
                    show(Unit::Count, restarts.get(&label).map(|&(_, last)| last)),
                    show(Unit::Bytes, Some(most)),
                    show(Unit::Bytes, Some(last)),
                ]
            })
            .collect(),
    })
}

/// The quantiles of a latency, if anything was measured.
fn quantiles(histogram: &loadgen::Histogram) -> Option<Quantiles> {
    if histogram.is_empty() {
        return None;
    }
    let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e6;
    Some(Quantiles {
        count: histogram.len(),
        mean: histogram.mean() / 1e6,
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        max: histogram.max() as f64 / 1e6,
    })
}

#[cfg(test)]
mod tests {
    use super::thin;

    #[test]
    fn extremes_survive_the_thinning() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), 1.0)).collect();
        points[7_777].1 = 99.0;
        points[1_234].1 = -5.0;
        let thinned = thin(&points, 240);
        assert!(thinned.len() <= 240);
        assert!(thinned.contains(&(7_777.0, 99.0)) && thinned.contains(&(1_234.0, -5.0)));
        assert!(thinned.is_sorted_by(|a, b| a.0 <= b.0));
    }
}

#[cfg(test)]
mod warned;
