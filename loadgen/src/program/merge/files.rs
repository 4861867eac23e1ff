//! Ledgers and latency logs, put together file by file.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use anyhow::{Context as _, bail, ensure};
use loadgen::{Ledger, Quantiles, hlog};
use scenarios::units::Unit;

use super::super::output::Destination;
use super::MergeArgs;

/// Merges ledgers and latency logs, and says what came of it.
pub(super) fn run(args: &MergeArgs) -> anyhow::Result<String> {
    let mut ledger: Option<Ledger> = None;
    let mut log = Log::default();
    for path in &args.inputs {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if bytes.starts_with(b"#[") || bytes.starts_with(b"Tag=") {
            log.add(&bytes).with_context(|| format!("in {}", path.display()))?;
        } else {
            let part = Ledger::load(path)?;
            match &mut ledger {
                None => ledger = Some(part),
                Some(whole) => {
                    whole.merge(&part).with_context(|| format!("in {}", path.display()))?;
                }
            }
        }
    }
    let mut said = String::new();
    if let Some(ledger) = &ledger {
        said.push_str(&format!("{} operations", ledger.due()));
        if !ledger.is_complete() {
            said.push_str(", not all with a fate");
        }
        said.push('\n');
    }
    for (tag, histogram) in log.whole() {
        let q = Quantiles::of(&histogram);
        let show = |time: std::time::Duration| Unit::Seconds.show(time.as_secs_f64());
        said.push_str(&format!(
            "{tag}: {} timed, p50 {}, p99 {}, max {}\n",
            q.count,
            show(q.p50),
            show(q.p99),
            show(q.max)
        ));
    }
    if let Some(path) = &args.ledger {
        let Some(ledger) = ledger else { bail!("--ledger is asked for and no ledger was given") };
        Destination::open(path)?.save(&ledger.to_bytes()?)?;
    }
    if let Some(path) = &args.hlog {
        ensure!(!log.intervals.is_empty(), "--hlog is asked for and no latency log was given");
        let mut bytes = Vec::new();
        log.write(&mut bytes)?;
        Destination::open(path)?.save(&bytes)?;
    }
    Ok(said)
}

/// Intervals by their time and tag.
#[derive(Default)]
struct Log {
    t0: Option<SystemTime>,
    intervals: BTreeMap<(std::time::Duration, String), hlog::Interval>,
}

impl Log {
    fn add(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let t0 = hlog::base_time(bytes).context("the log does not tell when it began")?;
        if let Some(other) = self.t0 {
            ensure!(
                other == t0,
                "this log counts from another T0; start instances with the same --start-at"
            );
        }
        self.t0 = Some(t0);
        for interval in hlog::intervals(bytes) {
            let interval = interval?;
            let key = (interval.start, interval.tag.clone());
            match self.intervals.get_mut(&key) {
                Some(known) => known.histogram.add(&interval.histogram)?,
                None => {
                    self.intervals.insert(key, interval);
                }
            }
        }
        Ok(())
    }

    /// The sum of all intervals, by tag.
    fn whole(&self) -> BTreeMap<String, loadgen::Histogram> {
        let mut whole: BTreeMap<String, loadgen::Histogram> = BTreeMap::new();
        for ((_, tag), interval) in &self.intervals {
            let sum = whole.entry(tag.clone()).or_insert_with(loadgen::latency::histogram);
            // All have the same bounds; what does not fit would have failed above.
            let _ = sum.add(&interval.histogram);
        }
        whole
    }

    fn write(&self, out: impl std::io::Write) -> anyhow::Result<()> {
        let mut writer = hlog::Writer::new(out, self.t0.unwrap_or(SystemTime::UNIX_EPOCH))?;
        for interval in self.intervals.values() {
            writer.write_interval(interval)?;
        }
        Ok(writer.flush()?)
    }
}
