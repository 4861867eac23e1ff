//! What an instance says of itself: `instance.json` in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use loadgen::{Connected, Limit, Outage, Pace, Pump, Resent, Retries, Tally};
use serde::{Deserialize, Serialize};

use super::super::Offered;
use super::super::args::Load;
use super::clock::Read;
use super::settings;

/// The record, in the folder of an instance.
pub(crate) const FILE: &str = "instance.json";
/// The ledger, beside it.
pub(crate) const LEDGER: &str = "operations.ledger";
/// The latency log, beside it.
pub(crate) const LOG: &str = "latency.hlog";

/// The version of the record. It changes with its shape.
const VERSION: u32 = 1;

/// How far an instance has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It was started, and may be under way.
    Started,
    /// Its results are whole.
    Ended,
    /// It has none.
    Failed,
}

/// What an instance says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) version: u32,
    pub(crate) state: State,
    /// Why it failed.
    pub(crate) trouble: Option<String>,
    pub(crate) run: String,
    pub(crate) workload: String,
    /// Which one, from 1.
    pub(crate) instance: u32,
    pub(crate) of: u32,
    /// The machine.
    pub(crate) host: String,
    pub(crate) target: String,
    /// What all instances of a run have the same: values, and digests of what is long.
    pub(crate) settings: BTreeMap<String, String>,
    /// Operations of the whole run; `None` in a closed loop.
    pub(crate) scheduled: Option<u64>,
    /// Operations of the whole run per second; `None` in a closed loop.
    pub(crate) asked_per_second: Option<f64>,
    pub(crate) thresholds: Vec<String>,
    pub(crate) fails_on_error: bool,
    /// What became of its operations, when it has ended.
    pub(crate) result: Option<Figures>,
}

/// What became of an instance's operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) clock: Clock,
    pub(crate) interrupted: bool,
    pub(crate) kept_up: bool,
    pub(crate) totals: Tally,
    pub(crate) measured: Tally,
    /// Whole seconds.
    pub(crate) warm_up: Duration,
    /// Those in which some came due, in order.
    pub(crate) seconds: Vec<(u64, Tally)>,
    pub(crate) duplicates: Resent,
    pub(crate) retries: Retries,
    pub(crate) idled_out: Retries,
    /// Stretches without a success, whether or not an operation was hit.
    pub(crate) quiet: Vec<Outage>,
    pub(crate) pump: Pump,
    pub(crate) errors: Vec<(String, u64)>,
    pub(crate) unreachable: u64,
    pub(crate) forbidden: u64,
    pub(crate) limits: Vec<(Limit, u64)>,
    pub(crate) connected: Option<Connected>,
    pub(crate) first_due: Duration,
    pub(crate) last_due: Duration,
    pub(crate) last_settled: Duration,
}

/// What an instance knows of its own clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// T0, by this instance's own clock.
    pub(crate) start: Timestamp,
    /// How long before T0 everything was ready.
    pub(crate) ready_before: Duration,
    /// By how many seconds the clock was set, forwards or backwards (below 0), between T0
    /// and the end: wall clock less monotonic clock.
    pub(crate) moved_seconds: f64,
    /// How far it is from a common reference, if there is one.
    pub(crate) read: Option<Read>,
}

impl Record {
    /// The record of an instance that has not begun.
    pub(crate) fn new(load: &Load) -> anyhow::Result<Self> {
        let job = &load.job;
        Ok(Self {
            version: VERSION,
            state: State::Started,
            trouble: None,
            run: job.run.clone(),
            workload: job.workload.clone(),
            instance: job.instance.number,
            of: job.instance.of,
            host: host(),
            target: load.title.target.clone(),
            settings: settings::of(load)?,
            scheduled: match &job.pace {
                Pace::Open(schedule) => Some(schedule.total()),
                Pace::Closed(_) => None,
            },
            asked_per_second: load.title.rate,
            thresholds: load.output.thresholds.iter().map(ToString::to_string).collect(),
            fails_on_error: load.output.fails_on_error,
            result: None,
        })
    }

    /// Takes in what became of the operations.
    pub(crate) fn end(&mut self, offered: &Offered) -> anyhow::Result<()> {
        let report = &offered.report;
        self.state = State::Ended;
        self.result = Some(Figures {
            clock: offered.clock.clone().context("a run has a clock")?,
            interrupted: offered.interrupted,
            kept_up: offered.kept_up(),
            totals: report.totals,
            measured: report.measured,
            warm_up: report.warm_up,
            seconds: report.seconds.clone(),
            duplicates: report.duplicates,
            retries: report.retries,
            idled_out: report.idled_out,
            quiet: report.quiet.clone(),
            pump: report.pump,
            errors: report.errors.clone(),
            unreachable: report.unreachable,
            forbidden: report.forbidden,
            limits: report.limits.clone(),
            connected: report.connected,
            first_due: report.first_due,
            last_due: report.last_due,
            last_settled: report.last_settled,
        });
        Ok(())
    }

    /// Reads the record of a folder.
    ///
    /// # Errors
    /// When it cannot be read, or another version of `loadgen` wrote it.
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let path = folder.join(FILE);
        let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let bad = || format!("{} is no record of an instance", path.display());
        let Versioned { version } = serde_json::from_slice(&text).with_context(bad)?;
        ensure!(
            version == VERSION,
            "{} is of version {version}, and this loadgen reads version {VERSION}; merge with the \
             loadgen that wrote it",
            path.display()
        );
        serde_json::from_slice(&text).with_context(bad)
    }

    /// `3/8`
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.instance, self.of)
    }
}

/// The name of this machine, or of the one that whoever started this says it is.
fn host() -> String {
    let said = std::env::var("LOADGEN_HOST").ok();
    let own = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = said.filter(|name| !name.is_empty()).or_else(own).unwrap_or_default();
    loadgen::printable::line(name.trim())
}
