//! What every transport's command has in common: rate, length, accounts.

use std::path::PathBuf;

use anyhow::bail;
use loadgen::{Job, Schedule, Transport};
use scenarios::units::{Rate, Span};

use super::{Asked, Load, Output, Title};

#[derive(Debug, clap::Args)]
pub(super) struct LoadArgs {
    /// Operations due per second
    #[arg(long, short, default_value = "100/s")]
    rate: Rate,
    /// How long operations come due
    #[arg(long, short = 'z', default_value = "10s")]
    duration: Span,
    /// Connections held open
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// When an operation without an answer counts as indeterminate
    #[arg(long, default_value = "10s")]
    timeout: Span,
    /// How long late operations may still be started at the end
    #[arg(long, default_value = "10s")]
    grace: Span,
    /// Threads
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// The first part of each identity [default: made from the time]
    #[arg(long)]
    run: Option<String>,
    /// Keep the fate of every operation in this file
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Keep the latencies of every second in this HDR interval log
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

impl LoadArgs {
    pub(super) fn read(
        self,
        workload: &str,
        target: String,
        transport: Transport,
    ) -> anyhow::Result<Asked> {
        let schedule = Schedule::constant(self.rate, self.duration.0)?;
        if schedule.total() == 0 {
            bail!(
                "nothing comes due at {} in {}; raise --rate or --duration",
                self.rate,
                self.duration
            );
        }
        let run = self.run.unwrap_or_else(run_name);
        let job = Job {
            connections: self.connections,
            timeout: self.timeout.0,
            workers: self.workers,
            grace: self.grace.0,
            ..Job::new(&run, workload, schedule, transport)
        };
        let title = Title { target, rate: self.rate.0 };
        let Self { json, quiet, ledger, hlog, .. } = self;
        let output = Output { json, quiet, ledger, hlog };
        Ok(Asked::Load(Box::new(Load { job, title, output })))
    }
}

/// A name that no other run has: the time in milliseconds and the process.
#[expect(clippy::disallowed_methods, reason = "the program owns the wall clock")]
fn run_name() -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("load-{:x}-{:x}", since.as_millis(), std::process::id())
}
