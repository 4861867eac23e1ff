//! What became of the workloads, read back: ledgers, latencies and answers. A
//! file that is missing, damaged or of another run is told, and what it would
//! have said is unknown.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use loadgen::answers::Guilty;
use loadgen::{Latency, Ledger, Shape, hlog};
use scenarios::plan::{Plan, Workload};

use super::lines::{whole, whole_lines};
use super::{Facts, Folder, is_as_written};
use crate::history::{self, AnswersHistory, Flaw, History, Times, WorkloadHistory};

/// The file, as a flaw names it.
const LATENCIES: &str = "latency.hlog";
/// Clocks may be set while a run goes on.
const CLOCKS: Duration = Duration::from_secs(5);

/// The latencies of every workload, by name.
pub(super) type Latencies = BTreeMap<String, OfWorkload>;

/// Reads what became of every workload that came to its end.
pub(super) fn read(
    folder: &Folder,
    plan: &Plan,
    facts: &Facts,
    history: &mut History,
    mut latencies: Latencies,
) {
    for workload in &plan.workloads {
        let Some(summary) = facts.workloads.get(&workload.name) else { continue };
        let ledger = match ledger(folder, workload, facts) {
            Ok(ledger) => ledger,
            Err(flaw) => {
                history.flaws.push(flaw);
                continue;
            }
        };
        for (part, keys) in keys_of_parts(workload, &summary.keys) {
            let response = latencies.remove(&part).unwrap_or_default().response;
            let told = WorkloadHistory { keys, ..WorkloadHistory::with_times(&part, response) };
            history.workloads.insert(part, told);
        }
        let latencies = latencies.remove(&workload.name).unwrap_or_default();
        let shape = Shape::from_plan(workload, plan.seed);
        let answers = summary.answers.map(|counts| {
            let path = folder.answers_of(&workload.name);
            let guilty = read_answers(folder, facts, &path).unwrap_or_else(|why| {
                // The counts say what the verdict is; this is the evidence.
                history.flaws.push(Flaw::of(&folder.name_of(&path), why));
                Vec::new()
            });
            AnswersHistory { counts, guilty }
        });
        let told = WorkloadHistory {
            poison: history::poison(&shape, ledger.due()),
            shape,
            resent: summary.resent,
            answers,
            ledger,
            response: latencies.response,
            latency: latencies.whole,
            outages: summary.outages.clone(),
            pump: summary.pump,
            broken: summary.broken.clone(),
            forbidden: summary.forbidden,
            keys: Vec::new(),
            limits: summary.limits.clone(),
        };
        history.workloads.insert(workload.name.clone(), told);
    }
}

/// What is known of the keys of each part of a workload, and of groups of parts.
fn keys_of_parts(
    workload: &Workload,
    keys: &BTreeMap<String, Vec<(u64, u64)>>,
) -> Vec<(String, Vec<(u64, u64)>)> {
    let values = workload.split().map_or(&[][..], |split| &split.values);
    let of_value = |value: &String| keys.get(value).cloned().unwrap_or_default();
    let alone = workload.parts().zip(values.iter().map(of_value));
    let sum = |places: Vec<usize>| {
        let mut sum: Vec<(u64, u64)> = Vec::new();
        for keys in places.into_iter().map(|place| of_value(&values[place])) {
            sum.resize(sum.len().max(keys.len()), (0, 0));
            for (sum, (all, failed)) in sum.iter_mut().zip(keys) {
                *sum = (sum.0 + all, sum.1 + failed);
            }
        }
        sum
    };
    let groups = workload.groups().into_iter().map(|(name, places)| (name, sum(places)));
    alone.chain(groups).collect()
}

fn ledger(folder: &Folder, workload: &Workload, facts: &Facts) -> Result<Ledger, Flaw> {
    let path = folder.outcomes_of(&workload.name);
    let flaw = |why: String| Flaw::of(&folder.name_of(&path), why);
    if !path.exists() {
        return Err(flaw("it is missing".to_owned()));
    }
    let ledger = Ledger::load(&path).map_err(|error| flaw(error.to_string()))?;
    // A generator that broke down leaves one without an identity.
    let is_broken = facts.workloads.get(&workload.name).is_some_and(|told| told.broken.is_some());
    let is_ours = ledger.run() == facts.run || (is_broken && ledger.run().is_empty());
    if !is_ours || ledger.workload() != workload.name {
        let (run, of) = (ledger.run(), ledger.workload());
        let why = format!("it is of workload {of} of run {run}, and this is run {}", facts.run);
        return Err(flaw(why));
    }
    let bytes = std::fs::read(&path).map_err(|error| flaw(error.to_string()))?;
    is_as_written(folder, facts, &path, &bytes).map_err(|why| flaw(why.to_owned()))?;
    Ok(ledger)
}

/// The answers that something is wrong with.
fn read_answers(folder: &Folder, facts: &Facts, path: &Path) -> Result<Vec<Guilty>, String> {
    let rows = read_rows(path)?;
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    is_as_written(folder, facts, path, &bytes)?;
    Ok(rows)
}

/// The lines of a file, each a JSON object.
fn read_rows<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, String> {
    let lines = whole_lines(path).map_err(|error| error.to_string())?;
    let lines = lines.ok_or("it is missing")?;
    let row = |line: &str| serde_json::from_str(line).map_err(|error| error.to_string());
    lines.text.lines().map(row).collect()
}

/// The latencies of one workload.
#[derive(Default)]
pub(super) struct OfWorkload {
    response: Vec<(u64, Times)>,
    whole: Box<Latency>,
}

/// The latencies of every workload, by name. The log is read a line at a time,
/// because a soak's histograms do not fit into memory together.
pub(super) fn latencies(folder: &Folder, facts: &Facts, history: &mut History) -> Latencies {
    let mut workloads = Latencies::new();
    let mut flaw = |why: String| history.flaws.push(Flaw::of(LATENCIES, why));
    let log = match std::fs::read(folder.latency()) {
        Ok(log) => log,
        Err(error) => {
            if !facts.workloads.is_empty() {
                flaw(format!("it cannot be read: {error}"));
            }
            return workloads;
        }
    };
    if let Err(why) = is_of_run(&log, facts) {
        flaw(why);
        return workloads;
    }
    let mut read = 0;
    for interval in hlog::intervals(&log) {
        match interval {
            Ok(interval) => {
                read += 1;
                if let Err(why) = take(interval, &mut workloads) {
                    flaw(why);
                }
            }
            Err(error) => flaw(error.to_string()),
        }
    }
    if let Some(written) = facts.written
        && written.latencies != read
    {
        flaw(format!("the run wrote {} histograms, and it has {read}", written.latencies));
    }
    for latencies in workloads.values_mut() {
        latencies.response.sort_by_key(|&(second, _)| second);
        let before = latencies.response.len();
        latencies.response.dedup_by_key(|&mut (second, _)| second);
        if latencies.response.len() < before {
            flaw("it has a second twice".to_owned());
        }
    }
    workloads
}

fn take(interval: hlog::Interval, workloads: &mut Latencies) -> Result<(), String> {
    let Some((workload, which)) = interval.tag.rsplit_once('.') else { return Ok(()) };
    let latencies = workloads.entry(workload.to_owned()).or_default();
    let whole = match which {
        "delay" => &mut latencies.whole.delay,
        "service" => &mut latencies.whole.service,
        "response" => {
            let second = interval.start.as_secs();
            latencies.response.push((second, Times::of(&interval.histogram)));
            &mut latencies.whole.response
        }
        _ => return Ok(()),
    };
    whole.add(&interval.histogram).map_err(|error| error.to_string())
}

/// The latencies of the operations that were due in one second, by their kind. A line
/// takes a few hundred bytes, and the log of a soak has a hundred thousand of each.
pub(super) fn latencies_of(
    folder: &Folder,
    workload: &str,
    second: u64,
) -> std::io::Result<BTreeMap<String, Times>> {
    let mut found = BTreeMap::new();
    let Some(mut log) = whole(&folder.latency())? else { return Ok(found) };
    let tag = format!("Tag={workload}.");
    let mut line = Vec::new();
    while log.lines.read_until(b'\n', &mut line)? > 0 {
        // A histogram is decoded only where it is wanted.
        let mut columns = line.split(|&byte| byte == b',').skip(1);
        let start = columns.next().and_then(|column| str::from_utf8(column).ok());
        let start = start.and_then(|column| column.parse::<f64>().ok());
        let is_then = start.is_some_and(|start| start as u64 == second);
        if is_then && line.starts_with(tag.as_bytes()) {
            for interval in hlog::intervals(&line).filter_map(Result::ok) {
                let kind = interval.tag.rsplit_once('.').filter(|(name, _)| *name == workload);
                if let Some((_, kind)) = kind {
                    found.insert(kind.to_owned(), Times::of(&interval.histogram));
                }
            }
        }
        line.clear();
    }
    Ok(found)
}

/// Whether a log is of this run: it says so, or, as older ones do not, it began
/// while the run went on.
fn is_of_run(log: &[u8], facts: &Facts) -> Result<(), String> {
    let runs: Vec<&str> = hlog::runs(log).collect();
    if let Some(other) = runs.iter().find(|run| **run != facts.run) {
        return Err(format!("it is of run {other}, and this is run {}", facts.run));
    }
    if runs.is_empty() && facts.record > 0 {
        return Err("it does not say which run it is of".to_owned());
    }
    let (Some(base), Ok(started)) =
        (hlog::base_time(log), facts.started.parse::<jiff::Timestamp>())
    else {
        return Ok(());
    };
    let started = SystemTime::from(started);
    let lasted = Duration::try_from_secs_f64(facts.seconds).unwrap_or_default();
    let is_early = base + CLOCKS < started;
    let is_late = facts.has_ended && base > started + lasted + CLOCKS;
    if is_early || is_late {
        return Err("it began before or after this run, and is of another one".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use loadgen::answers::{Flaw, Guilty};

    use super::*;
    use crate::folder::write::Writer;

    #[test]
    fn answers_read_back_as_they_were_written() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(parent.path(), "shop", "now", "r").unwrap();
        let source = scenarios::suite::find("channel-leak").unwrap().source;
        let plan = scenarios::plan("f", source, &scenarios::Settings::default()).unwrap();
        let mut writer =
            Writer::open(folder.clone(), "r", &plan, scenarios::redact::Secrets::default())
                .unwrap();
        writer.start("0.1.0", "verify").unwrap();
        let row = |kind, first: Option<&str>| Guilty {
            id: "r/checkout/7".to_owned(),
            kind,
            first: first.map(str::to_owned),
            second: None,
        };
        let rows = vec![row(Flaw::Disagreed, Some("\"a\"")), row(Flaw::Unmarked, None)];
        writer.answers("checkout", rows.iter().cloned()).unwrap();
        let path = folder.answers_of("checkout");
        let mut facts = Facts::default();
        super::super::events::read(&folder, &mut facts, &mut History::default());
        assert_eq!(read_answers(&folder, &facts, &path).unwrap(), rows);
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(first.starts_with("{\"id\":\"r/checkout/7\",\"kind\":\"disagreed\",\"first\":"));
        // Another file in its place is not believed.
        std::fs::write(&path, first.replace("checkout/7", "checkout/8")).unwrap();
        let why = read_answers(&folder, &facts, &path).unwrap_err();
        assert_eq!(why, "it is not the file that the run wrote");
    }
}
