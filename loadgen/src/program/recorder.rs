//! Takes in the seconds of a run as they are sealed: writes the latency logs,
//! watches the thresholds, and keeps a row of figures for each.

use std::io::{BufWriter, Write};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use anyhow::Context as _;
use loadgen::course::Course;
use loadgen::threshold::Watch;
use loadgen::{Kept, Latency, Quantiles, Report, Second, Tally, hlog};

use super::args::Output;
use super::output::Destination;

const NO_LOG: &str = "the latency log cannot be written";

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

impl Row {
    pub(crate) fn of(second: &Second) -> Self {
        let latency = &second.latency;
        Self {
            second: second.second,
            tally: second.tally,
            delay: Quantiles::of(&latency.delay),
            service: Quantiles::of(&latency.service),
            response: Quantiles::of(&latency.response),
        }
    }
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

/// What was recorded of a run.
pub(crate) struct Recorded {
    pub(crate) rows: Vec<Row>,
    /// The load over time, if somebody draws it.
    pub(crate) course: Option<Course>,
    /// How the thresholds were kept.
    pub(crate) kept: Vec<Kept>,
    /// Why a log could not be written to its end.
    pub(crate) logged: anyhow::Result<()>,
}

/// Takes in seconds.
pub(crate) struct Recorder {
    workload: String,
    seconds: Receiver<Second>,
    logs: Vec<hlog::Writer<BufWriter<Box<dyn Write>>>>,
    /// Why the first log that could not be written any more ended.
    trouble: Option<std::io::Error>,
    watch: Watch,
    warm_up: u64,
    /// Only kept when somebody draws it.
    course: Option<Course>,
    pub(crate) rows: Vec<Row>,
    /// Only kept when somebody watches.
    pub(crate) so_far: Option<SoFar>,
}

impl Recorder {
    /// Begins the logs.
    pub(crate) fn new(
        output: &Output,
        hlogs: Vec<Destination>,
        workload: &str,
        seconds: Receiver<Second>,
        warm_up: u64,
        t0: SystemTime,
    ) -> anyhow::Result<Self> {
        let mut logs = Vec::new();
        for log in hlogs {
            let log = hlog::Writer::new(BufWriter::new(log.stream()?), t0);
            logs.push(log.context(NO_LOG)?);
        }
        Ok(Self {
            workload: workload.to_owned(),
            seconds,
            logs,
            trouble: None,
            watch: Watch::new(output.thresholds.clone(), warm_up),
            warm_up,
            course: (!output.htmls.is_empty()).then(Course::default),
            rows: Vec::new(),
            so_far: output.tui.then(SoFar::default),
        })
    }

    /// Takes in what is sealed by now. A log that cannot be written ends; the
    /// run goes on.
    pub(crate) fn take(&mut self) {
        let Self { logs, trouble, workload, watch, course, rows, so_far, seconds, warm_up } = self;
        for second in seconds.try_iter() {
            keep_to(logs, trouble, |log| log.write(workload, &second));
            watch.take(&second);
            if let Some(so_far) = so_far.as_mut().filter(|_| second.second >= *warm_up) {
                so_far.take(&second, watch);
            }
            if let Some(course) = course {
                course.take(&second);
            }
            rows.push(Row::of(&second));
        }
        keep_to(logs, trouble, hlog::Writer::flush);
    }

    /// Ends the records.
    pub(crate) fn finish(mut self, report: &Report) -> Recorded {
        self.take();
        let logged = self.trouble.map_or(Ok(()), |error| Err(error).context(NO_LOG));
        let Self { rows, course, watch, .. } = self;
        Recorded { rows, course, kept: watch.finish(report), logged }
    }
}

/// Goes on with the logs that can be written.
fn keep_to<W>(
    logs: &mut Vec<W>,
    trouble: &mut Option<std::io::Error>,
    mut write: impl FnMut(&mut W) -> std::io::Result<()>,
) {
    logs.retain_mut(|log| match write(log) {
        Ok(()) => true,
        Err(error) => {
            trouble.get_or_insert(error);
            false
        }
    });
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
