//! The parts of the program: arguments, the run itself, its live line, its
//! summary and its exit code.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use loadgen::{Job, Report, Running, Second, hlog};
use tokio::signal::unix::{SignalKind, signal};

use args::Output;
use live::Live;

pub(crate) mod args;
pub(crate) mod exit;
mod live;
pub(crate) mod summary;

/// What connections get to be made before the first operation is due.
const LEAD: Duration = Duration::from_millis(100);

/// How often the live line is looked after.
const GLANCE: Duration = Duration::from_millis(200);

/// A run that has ended.
pub(crate) struct Offered {
    pub(crate) report: Report,
    /// A signal ended it early.
    pub(crate) interrupted: bool,
}

/// The latency log, while the run goes on.
struct Log {
    workload: String,
    seconds: Receiver<Second>,
    writer: hlog::Writer<BufWriter<File>>,
}

impl Log {
    fn create(
        path: &Path,
        running: &mut Running,
        workload: &str,
        t0: SystemTime,
    ) -> anyhow::Result<Self> {
        let create = || hlog::Writer::new(BufWriter::new(File::create(path)?), t0);
        let writer = create().with_context(|| format!("cannot write {}", path.display()))?;
        let seconds = running.sealed().context("the seconds are read elsewhere")?;
        Ok(Self { workload: workload.to_owned(), seconds, writer })
    }

    /// Writes the seconds that are sealed by now.
    fn write(&mut self) -> anyhow::Result<()> {
        for second in self.seconds.try_iter() {
            self.writer.write(&self.workload, &second).context("cannot write the latency log")?;
        }
        self.writer.flush().context("cannot write the latency log")
    }
}

/// Runs the job to its end, or until a signal ends it.
pub(crate) fn offer(
    job: Job,
    start_at: Option<SystemTime>,
    output: &Output,
) -> anyhow::Result<Offered> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let workload = job.workload.clone();
    let total = job.pace.total().unwrap_or(0);
    let (t0, unix_t0) = beginning(start_at)?;
    let mut running = loadgen::start(job, t0, unix_t0)?;
    let mut log = match &output.hlog {
        Some(path) => Some(Log::create(path, &mut running, &workload, unix_t0)?),
        None => {
            // Nobody listens, so nothing is kept.
            drop(running.sealed());
            None
        }
    };
    let mut live = Live::new(total, output);
    let interrupted = runtime.block_on(watch(&running, &mut live, log.as_mut()))?;
    let report = running.wait()?;
    live.end();
    if let Some(log) = &mut log {
        log.write()?;
    }
    Ok(Offered { report, interrupted })
}

/// T0 on both clocks: the time that was asked for, or as soon as connections
/// can be made.
#[expect(clippy::disallowed_methods, reason = "the program owns the wall clock")]
fn beginning(start_at: Option<SystemTime>) -> anyhow::Result<(Instant, SystemTime)> {
    let (now, unix_now) = (Instant::now(), SystemTime::now());
    let Some(start_at) = start_at else { return Ok((now + LEAD, unix_now + LEAD)) };
    let left = start_at
        .duration_since(unix_now)
        .ok()
        .context("--start-at is in the past; give a time that is still to come")?;
    Ok((now + left, start_at))
}

/// Looks after the live line and the log until the run ends; says whether a
/// signal ended it.
async fn watch(
    running: &Running,
    live: &mut Live,
    mut log: Option<&mut Log>,
) -> anyhow::Result<bool> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupted = false;
    let mut glance = tokio::time::interval(GLANCE);
    while !running.is_finished() {
        tokio::select! {
            _ = glance.tick() => {}
            _ = interrupt.recv() => interrupted = true,
            _ = terminate.recv() => interrupted = true,
        }
        if interrupted {
            running.stop();
        }
        live.show(running.progress());
        if let Some(log) = log.as_deref_mut() {
            log.write()?;
        }
    }
    Ok(interrupted)
}

/// Keeps the ledger, if it is asked for.
pub(crate) fn keep(report: &Report, output: &Output) -> anyhow::Result<()> {
    if let Some(path) = &output.ledger {
        report.ledger.save(path)?;
    }
    Ok(())
}
