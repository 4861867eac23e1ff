//! The seconds of instances, read from their latency logs side by side: a histogram takes
//! 180 KiB, and a long run has many.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use loadgen::hlog::{self, Interval};
use loadgen::{Latency, Second, Tally};

use super::record::LOG;
use super::whole::Part;

/// What is left to read of an instance's seconds.
pub(super) struct Lane {
    path: PathBuf,
    workload: String,
    log: Vec<u8>,
    seconds: VecDeque<(u64, Tally)>,
}

impl Lane {
    pub(super) fn open(part: &Part) -> anyhow::Result<Self> {
        let path = part.folder.join(LOG);
        let log = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let record = &part.record;
        let seconds = record.result.as_ref().map(|figures| figures.seconds.clone());
        let seconds = seconds.unwrap_or_default().into();
        Ok(Self { path, workload: record.workload.clone(), log, seconds })
    }
}

/// Hands on the sum of each second, in order.
pub(super) fn together(
    mut lanes: Vec<Lane>,
    mut take: impl FnMut(Second) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let logs: Vec<_> = lanes.iter_mut().map(|lane| std::mem::take(&mut lane.log)).collect();
    let mut lines: Vec<_> = logs.iter().map(|log| hlog::intervals(log)).collect();
    while let Some(number) = lanes.iter().filter_map(|lane| Some(lane.seconds.front()?.0)).min() {
        let mut sum = Second::empty(number);
        for (lane, lines) in lanes.iter_mut().zip(&mut lines) {
            let Some((_, tally)) = lane.seconds.pop_front_if(|(second, _)| *second == number)
            else {
                continue;
            };
            sum.tally += tally;
            add(&mut sum.latency, lane, number, lines)
                .with_context(|| format!("in {}", lane.path.display()))?;
        }
        take(sum)?;
    }
    for (lane, mut lines) in lanes.iter().zip(lines) {
        ensure!(
            lines.next().is_none(),
            "{} has seconds that the record beside it has not",
            lane.path.display()
        );
    }
    Ok(())
}

/// Adds the three latencies of a second.
fn add(
    sum: &mut Latency,
    lane: &Lane,
    number: u64,
    lines: &mut impl Iterator<Item = Result<Interval, hlog::HlogError>>,
) -> anyhow::Result<()> {
    let Latency { delay, service, response } = sum;
    for (name, into) in [("delay", delay), ("service", service), ("response", response)] {
        let line = lines.next().with_context(|| format!("second {number} is not there"))??;
        ensure!(
            line.tag == format!("{}.{name}", lane.workload) && line.start.as_secs() == number,
            "{} of second {} is where {name} of second {number} should be",
            line.tag,
            line.start.as_secs()
        );
        into.add(&line.histogram)?;
    }
    Ok(())
}
