//! Takes in the seconds of a run as they are sealed: writes the latency logs,
//! watches the thresholds, and keeps a row of figures for each.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use anyhow::Context as _;
use loadgen::threshold::Watch;
use loadgen::{Kept, Quantiles, Report, Second, Tally, hlog};

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

/// Takes in seconds.
pub(crate) struct Recorder {
    workload: String,
    seconds: Receiver<Second>,
    logs: Vec<hlog::Writer<BufWriter<File>>>,
    watch: Watch,
    pub(crate) rows: Vec<Row>,
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
            rows: Vec::new(),
        })
    }

    /// Takes in what is sealed by now.
    pub(crate) fn take(&mut self) -> anyhow::Result<()> {
        for second in self.seconds.try_iter() {
            for log in &mut self.logs {
                log.write(&self.workload, &second).context("cannot write the latency log")?;
            }
            self.watch.take(&second);
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
