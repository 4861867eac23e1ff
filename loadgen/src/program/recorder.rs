//! Takes in the seconds of a run as they are sealed: writes the latency logs,
//! watches the thresholds, and keeps a row of figures for each.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use anyhow::Context as _;
use loadgen::threshold::Watch;
use loadgen::{Kept, Latency, Quantiles, Report, Second, Tally, hlog};

use super::args::Output;

/// The figures of one second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Which second after T0.
    pub(crate) second: u64,
    pub(crate) tally: Tally,
    pub(crate) delay: Quantiles,
    pub(crate) service: Quantiles,
    pub(crate) response: Quantiles,
}

/// The run so far, warm-up left out, for those who watch it.
#[derive(Debug, Default)]
pub(crate) struct SoFar {
    measured: Tally,
    latency: Latency,
    /// The first second that counts.
    first: Option<u64>,
    /// Delay, service and response.
    pub(crate) quantiles: Option<[Quantiles; 3]>,
    /// How the thresholds stand.
    pub(crate) kept: Vec<Kept>,
}

/// Takes in seconds.
pub(crate) struct Recorder {
    workload: String,
    seconds: Receiver<Second>,
    logs: Vec<hlog::Writer<BufWriter<File>>>,
    watch: Watch,
    warm_up: u64,
    pub(crate) rows: Vec<Row>,
    /// Only kept when somebody watches.
    pub(crate) so_far: Option<SoFar>,
}

impl Recorder {
    /// Begins the logs, and makes sure that the other files can be written.
    pub(crate) fn new(
        output: &Output,
        workload: &str,
        seconds: Receiver<Second>,
        warm_up: u64,
        t0: SystemTime,
    ) -> anyhow::Result<Self> {
        let open = |path: &PathBuf| hlog::Writer::new(BufWriter::new(File::create(path)?), t0);
        let mut logs = Vec::new();
        for path in &output.hlogs {
            let log = open(path);
            logs.push(log.with_context(|| format!("cannot write {}", path.display()))?);
        }
        for path in output.late_files() {
            super::output::probe(path)?;
        }
        Ok(Self {
            workload: workload.to_owned(),
            seconds,
            logs,
            watch: Watch::new(output.thresholds.clone(), warm_up),
            warm_up,
            rows: Vec::new(),
            so_far: output.tui.then(SoFar::default),
        })
    }

    /// Takes in what is sealed by now.
    pub(crate) fn take(&mut self) -> anyhow::Result<()> {
        for second in self.seconds.try_iter() {
            for log in &mut self.logs {
                log.write(&self.workload, &second).context("cannot write the latency log")?;
            }
            self.watch.take(&second);
            if let Some(so_far) = self.so_far.as_mut().filter(|_| second.second >= self.warm_up) {
                so_far.take(&second, &self.watch);
            }
            let latency = &second.latency;
            self.rows.push(Row {
                second: second.second,
                tally: second.tally,
                delay: Quantiles::of(&latency.delay),
                service: Quantiles::of(&latency.service),
                response: Quantiles::of(&latency.response),
            });
        }
        for log in &mut self.logs {
            log.flush().context("cannot write the latency log")?;
        }
        Ok(())
    }

    /// Ends the records; gives the rows, and how the thresholds were kept.
    pub(crate) fn finish(mut self, report: &Report) -> anyhow::Result<(Vec<Row>, Vec<Kept>)> {
        self.take()?;
        Ok((self.rows, self.watch.finish(report)))
    }
}

impl SoFar {
    fn take(&mut self, second: &Second, watch: &Watch) {
        self.measured += second.tally;
        self.latency.merge(&second.latency);
        let first = *self.first.get_or_insert(second.second);
        let seconds = (second.second + 1).saturating_sub(first) as f64;
        let Latency { delay, service, response } = &self.latency;
        self.quantiles = Some([delay, service, response].map(Quantiles::of));
        self.kept = watch.standing(&self.measured, &self.latency, seconds);
    }
}
