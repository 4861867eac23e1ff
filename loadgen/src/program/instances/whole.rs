//! The whole of a run from the results of its instances.
//!
//! What can be added up is added up, histograms without loss; the ledgers refuse an
//! operation that two instances have; outages are where no instance had a success. What
//! is missing is refused unless it is allowed, and is said in any case.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, bail, ensure};
use loadgen::course::Course;
use loadgen::threshold::Watch;
use loadgen::{Connected, Ledger, Report, Second, Threshold, outage};
use scenarios::redact::Secrets;

use super::super::Offered;
use super::super::args::Title;
use super::super::recorder::Row;
use super::clock::{Offset, Skew};
use super::record::{FILE, Figures, LEDGER, Record, State};
use super::{lane, settings};

/// An instance whose results are in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) folder: PathBuf,
    pub(crate) record: Record,
}

/// The instances of a run that was put together.
#[derive(Debug)]
pub(crate) struct Instances {
    pub(crate) of: u32,
    /// By number.
    pub(crate) contributed: Vec<Record>,
    /// By number, with why.
    pub(crate) missing: Vec<(u32, String)>,
    /// How far their clocks are apart, where at least two were read from one reference.
    pub(crate) skew: Option<Skew>,
}

/// Finds the instances in these folders: the folder of an instance, or one that holds some.
///
/// # Errors
/// When a folder cannot be read, or holds none.
pub(crate) fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Part>> {
    let mut folders = BTreeSet::new();
    for path in paths {
        let unread = || format!("{} cannot be read", path.display());
        let within = if path.join(FILE).exists() {
            vec![path.clone()]
        } else {
            let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let entries = entries.with_context(unread)?.into_iter().map(|entry| entry.path());
            entries.filter(|folder| folder.join(FILE).exists()).collect()
        };
        ensure!(
            !within.is_empty(),
            "{} holds the results of no instance; give the folder that was given as --results",
            path.display()
        );
        // The same folder may be given twice.
        for folder in within {
            folders.insert(fs::canonicalize(&folder).with_context(unread)?);
        }
    }
    let part = |folder: PathBuf| Ok(Part { record: Record::load(&folder)?, folder });
    folders.into_iter().map(part).collect()
}

/// Whether nothing more is to be waited for: every instance has ended or failed.
pub(crate) fn is_settled(parts: &[Part]) -> bool {
    let Some(first) = parts.first() else { return false };
    let settled: BTreeSet<u32> = parts
        .iter()
        .filter(|part| part.record.state != State::Started)
        .map(|part| part.record.instance)
        .collect();
    settled.len() as u64 >= u64::from(first.record.of)
}

/// Parts that make up one load: of the same run, each there once.
///
/// # Errors
/// When they do not, or some are missing and that is not allowed.
pub(crate) fn fit(parts: Vec<Part>, allow_missing: bool) -> anyhow::Result<(Vec<Part>, Instances)> {
    let first = parts.first().context("there is no instance")?.clone();
    let of = first.record.of;
    let mut known: BTreeMap<u32, Part> = BTreeMap::new();
    for part in parts {
        let (one, other) = (&first.record, &part.record);
        let between = format!("{} and {}", first.folder.display(), part.folder.display());
        let run = |record: &Record| format!("{}/{}", record.run, record.workload);
        ensure!(
            run(one) == run(other),
            "{between} are of different runs, {} and {}; merge each run by itself",
            run(one),
            run(other)
        );
        ensure!(one.of == other.of, "{between} are of {} instances and of {}", one.of, other.of);
        if let Some(differs) = settings::difference(&one.settings, &other.settings) {
            bail!("{between} were not given the same: {differs}; their loads do not make up one");
        }
        if let Some(twice) = known.get(&other.instance) {
            bail!(
                "instance {} is there twice, in {} and {}: its operations may have been offered \
                 twice; leave the one out that offered nothing, if there is one",
                other.name(),
                twice.folder.display(),
                part.folder.display()
            );
        }
        known.insert(other.instance, part);
    }
    let missing: Vec<_> = (1..=of)
        .filter_map(|number| match known.get(&number) {
            None => Some((number, "left no results".to_owned())),
            Some(part) => why_missing(&part.record).map(|why| (number, why)),
        })
        .collect();
    if !missing.is_empty() && !allow_missing {
        let said: Vec<_> =
            missing.iter().map(|(number, why)| format!("{number}/{of} {why}")).collect();
        bail!(
            "{} of {of} instances are missing: {}; add --allow-missing to merge the others",
            missing.len(),
            said.join("; ")
        );
    }
    let parts: Vec<_> =
        known.into_values().filter(|part| why_missing(&part.record).is_none()).collect();
    ensure!(!parts.is_empty(), "no instance has results");
    let contributed: Vec<_> = parts.iter().map(|part| part.record.clone()).collect();
    let skew = skew(&contributed);
    Ok((parts, Instances { of, contributed, missing, skew }))
}

fn why_missing(record: &Record) -> Option<String> {
    match (record.state, &record.result) {
        (State::Ended, Some(_)) => None,
        (State::Failed, _) => {
            let trouble = record.trouble.as_deref().unwrap_or("for no known reason");
            Some(format!("failed on {}: {trouble}", record.host))
        }
        _ => Some(format!("was started on {} and has not ended", record.host)),
    }
}

/// How far the clocks are apart that were read from the reference of the first.
fn skew(records: &[Record]) -> Option<Skew> {
    let read = |record: &Record| record.result.as_ref()?.clock.read.clone();
    let from = records.iter().find_map(|record| Some(read(record)?.from))?;
    let reads = records.iter().filter_map(read).filter(|read| read.from == from);
    let offsets: Vec<Offset> = reads.filter_map(|read| read.offset).collect();
    Skew::of(&offsets)
}

/// When the run began.
pub(crate) fn start(parts: &[Part]) -> SystemTime {
    let clocks = parts.iter().filter_map(|part| Some(&part.record.result.as_ref()?.clock));
    clocks.map(|clock| clock.start.into()).next().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Puts parts that fit together; `sealed` is given each second of the whole, in order.
///
/// # Errors
/// When a file cannot be read, contradicts another, or operations are there twice.
pub(crate) fn merge(
    parts: &[Part],
    instances: Instances,
    mut sealed: impl FnMut(&str, &Second) -> anyhow::Result<()>,
) -> anyhow::Result<(Offered, Title)> {
    let first = &parts.first().context("there is no instance")?.record;
    let thresholds = first.thresholds.iter().map(|text| text.parse::<Threshold>());
    let thresholds = thresholds.collect::<Result<Vec<_>, _>>().map_err(anyhow::Error::msg)?;
    let mut report = Report::empty(&first.run, &first.workload);
    let mut quiet = Vec::new();
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    let (mut interrupted, mut lanes) = (false, Vec::new());
    for part in parts {
        let figures = part.record.result.as_ref().context("an instance has no result")?;
        let within = || format!("in {}", part.folder.display());
        let ledger = Ledger::load(&part.folder.join(LEDGER))?;
        ensure!(
            ledger.due() == figures.totals.due && ledger.is_complete(),
            "the ledger in {} is not of its run",
            part.folder.display()
        );
        report.ledger.merge(&ledger).with_context(within)?;
        quiet.push(figures.quiet.clone());
        for (reason, count) in &figures.errors {
            *errors.entry(reason.clone()).or_default() += count;
        }
        interrupted |= figures.interrupted;
        add(&mut report, figures);
        lanes.push(lane::Lane::open(part)?);
    }
    report.quiet = outage::common(&quiet);
    report.outages = outage::hit(&report.quiet);
    report.errors = errors.into_iter().collect();
    report.errors.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    report.limits.sort_by_key(|&(_, count)| std::cmp::Reverse(count));

    let warm_up = report.warm_up.as_secs();
    let mut watch = Watch::new(thresholds.clone(), warm_up);
    let (mut rows, mut course) = (Vec::new(), Course::default());
    lane::together(lanes, |second| {
        watch.take(&second);
        course.take(&second);
        report.seconds.push((second.second, second.tally));
        if second.second >= warm_up {
            report.latency.merge(&second.latency);
        }
        rows.push(Row::of(&second));
        sealed(&first.workload, &second)
    })?;
    is_whole(&report, first, interrupted || !instances.missing.is_empty())?;
    let title = Title {
        target: first.target.clone(),
        secrets: Secrets::default(),
        rate: first.asked_per_second,
        notes: Vec::new(),
    };
    let offered = Offered {
        kept: watch.finish(&report),
        report,
        rows,
        course: Some(course),
        started: start(parts),
        thresholds,
        interrupted,
        logged: Ok(()),
        fails_on_error: first.fails_on_error,
        clock: None,
        instances: Some(instances),
    };
    Ok((offered, title))
}

/// Adds the figures of one instance, but for those that are in its files.
fn add(report: &mut Report, figures: &Figures) {
    // An instance in which nothing came due has no times.
    if figures.totals.due > 0 {
        let is_first = report.totals.due == 0;
        let first_due = if is_first { figures.first_due } else { report.first_due };
        report.first_due = first_due.min(figures.first_due);
        report.last_due = report.last_due.max(figures.last_due);
        report.last_settled = report.last_settled.max(figures.last_settled);
    }
    report.totals += figures.totals;
    report.measured += figures.measured;
    report.warm_up = figures.warm_up;
    report.duplicates.merge(figures.duplicates);
    report.retries.merge(figures.retries);
    report.idled_out.merge(figures.idled_out);
    report.pump.merge(figures.pump);
    report.unreachable += figures.unreachable;
    report.forbidden += figures.forbidden;
    for (limit, count) in &figures.limits {
        match report.limits.iter_mut().find(|(known, _)| known == limit) {
            Some((_, known)) => *known += count,
            None => report.limits.push((*limit, *count)),
        }
    }
    report.connected = match (report.connected, figures.connected) {
        (Some(one), Some(other)) => Some(Connected {
            connections: one.connections + other.connections,
            all_since: one.all_since.zip(other.all_since).map(|(one, other)| one.max(other)),
        }),
        (one, other) => one.or(other),
    };
}

/// Sees that every operation of the run is there, where all instances are.
fn is_whole(report: &Report, record: &Record, may_lack: bool) -> anyhow::Result<()> {
    let Some(scheduled) = record.scheduled.filter(|_| !may_lack) else { return Ok(()) };
    let settled = report.ledger.settled();
    ensure!(
        settled.len() == scheduled && settled.max().is_none_or(|last| last < scheduled),
        "the run has {scheduled} operations and its instances account for {}, although none is \
         missing: they did not share one schedule",
        settled.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests;
