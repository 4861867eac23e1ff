//! The parts of the program: arguments, the run itself, its live view, its
//! summary, its files and its exit code.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use loadgen::course::Course;
use loadgen::{Job, Kept, LoadError, Report, Running, Threshold};
use tokio::signal::unix::{Signal, SignalKind, signal};

use args::{Load, Output, Title};
use instances::record::Clock;
use instances::whole::Instances;
use instances::{Folder, clock};
use live::Live;
use origin::Origin;
use output::{Destination, Files};
use prometheus::Exporter;
use recorder::{Recorded, Recorder, Row};

pub(crate) mod args;
pub(crate) mod compare;
pub(crate) mod exit;
pub(crate) mod export;
pub(crate) mod find_max;
mod instances;
mod live;
pub(crate) mod merge;
pub(crate) mod origin;
pub(crate) mod output;
mod prometheus;
mod recorder;
pub(crate) mod summary;
pub(crate) mod verdict;

/// What connections get to be made before the first operation is due: this, and so
/// much more for each.
const LEAD: Duration = Duration::from_millis(100);
const LEAD_EACH: Duration = Duration::from_micros(300);

/// How often the live view is looked after.
const GLANCE: Duration = Duration::from_millis(200);

/// How long the last answers are waited for after a signal behind which there is
/// nobody who could send a second one: a supervisor kills what does not end soon.
const PARTING: Duration = Duration::from_millis(1500);

/// The part of its time that a generator may lose before its figures say
/// little about the target.
const MAY_LOSE: f64 = 0.02;

/// A run that has ended.
pub(crate) struct Offered {
    pub(crate) report: Report,
    /// The figures of each second.
    pub(crate) rows: Vec<Row>,
    /// The load over time, where it is drawn.
    pub(crate) course: Option<Course>,
    /// When T0 was.
    pub(crate) started: SystemTime,
    /// What the run was to keep to …
    pub(crate) thresholds: Vec<Threshold>,
    /// … and how it did, in the same order.
    pub(crate) kept: Vec<Kept>,
    /// A signal ended it early.
    pub(crate) interrupted: bool,
    /// Whether the latency logs were written to their end.
    pub(crate) logged: anyhow::Result<()>,
    /// Whether an operation that was not acked is a failure of the run.
    pub(crate) fails_on_error: bool,
    /// What this process knows of its clock; `None` of a run that was merged.
    pub(crate) clock: Option<Clock>,
    /// The instances of a run that was merged.
    pub(crate) instances: Option<Instances>,
}

impl Offered {
    /// How many operations failed or are indeterminate.
    pub(crate) fn errors(&self) -> u64 {
        self.report.totals.failed + self.report.totals.indeterminate
    }

    /// Whether there were operations, and the target accepted not one of them.
    pub(crate) fn is_in_vain(&self) -> bool {
        self.report.totals.acked == 0 && self.errors() > 0 && !self.report.never_reached()
    }

    /// Whether a part of the load is not in these figures, because instances are missing.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.instances.as_ref().is_some_and(|instances| !instances.missing.is_empty())
    }

    /// Whether the generator itself was on time.
    pub(crate) fn kept_up(&self) -> bool {
        let lasted = self.report.last_due.saturating_sub(self.report.first_due);
        let pump = self.report.pump;
        // A short run is not lost by a single hiccup.
        pump.lost.as_secs_f64() <= MAY_LOSE * lasted.as_secs_f64().max(10.0)
    }
}

/// Offers a load, shows and keeps what became of it, and says so by the exit
/// code.
pub(crate) fn offer_and_report(mut load: Load) -> ExitCode {
    for note in &load.title.notes {
        eprintln!("loadgen: {}", load.title.secrets.hide(note));
    }
    let folder = match Folder::claim(&mut load) {
        Ok(folder) => folder,
        Err(error) => return exit::failure(&error, &load.title.secrets),
    };
    let Load { job, title, output, start_at, .. } = load;
    let outcome = Files::open(&output).map_err(Into::into).and_then(|mut files| {
        let hlogs = std::mem::take(&mut files.hlogs);
        let mut offered = offer(job, &title, start_at, &output, hlogs)?;
        let logged = std::mem::replace(&mut offered.logged, Ok(()));
        // What cannot be written keeps nothing else from being.
        let written = files.write(&offered, &title, &Origin::here(&title.secrets));
        let printed = summary::print(&offered, &title, &output);
        logged.and(written).and(printed).map(|()| offered)
    });
    let Some(folder) = folder else {
        return match outcome {
            Ok(offered) => exit::of(&offered),
            Err(error) => exit::failure(&error, &title.secrets),
        };
    };
    match outcome {
        Ok(offered) => {
            let path = folder.path().display().to_string();
            match folder.end(&offered) {
                Ok(()) => exit::of_part(&offered, &path),
                Err(error) => exit::failure(&error, &title.secrets),
            }
        }
        Err(error) => {
            folder.fail(&error, &title.secrets);
            exit::failure(&error, &title.secrets)
        }
    }
}

/// Runs the load to its end, or until a signal ends it.
fn offer(
    job: Job,
    title: &Title,
    start_at: Option<SystemTime>,
    output: &Output,
    hlogs: Vec<Destination>,
) -> anyhow::Result<Offered> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let job = job.ready()?;
    let clock_from = output.clock_from.as_ref();
    let read = clock_from.map(|reference| runtime.block_on(reference.read(start_at.map(until))));
    let (t0, unix_t0) = beginning(start_at, job.job().connections)?;
    let workload = job.job().workload.clone();
    let warm_up = job.job().warm_up;
    let warm_up = warm_up.as_secs() + u64::from(warm_up.subsec_nanos() > 0);
    let mut live = Live::new(job.job(), title, t0);
    // Addresses are looked at before anything is sent.
    let exporter = output.prometheus.map(|at| runtime.block_on(Exporter::bind(at))).transpose()?;
    let (sender, seconds) = std::sync::mpsc::channel();
    let mut recorder = Recorder::new(output, hlogs, &workload, seconds, warm_up, unix_t0)?;
    let ready_before = t0.saturating_duration_since(Instant::now());
    let running = job.start(t0, unix_t0, Some(sender))?;
    let interrupted =
        runtime.block_on(watch(&running, &mut live, &mut recorder, exporter, output))?;
    let mut report = running.wait()?;
    let reading = report.received.iter_mut().flat_map(|received| &mut received.errors);
    for (said, _) in report.errors.iter_mut().chain(reading) {
        *said = title.secrets.hide(said);
    }
    live.end();
    let Recorded { rows, course, kept, logged } = recorder.finish(&report);
    let (thresholds, fails_on_error) = (output.thresholds.clone(), output.fails_on_error);
    let clock = Clock {
        start: unix_t0.try_into()?,
        ready_before,
        moved_seconds: clock::moved(t0, unix_t0),
        read,
    };
    Ok(Offered {
        report,
        rows,
        course,
        started: unix_t0,
        thresholds,
        kept,
        interrupted,
        logged,
        fails_on_error,
        clock: Some(clock),
        instances: None,
    })
}

/// The same time on the other clock; now if it has come.
#[expect(clippy::disallowed_methods, reason = "the program owns the wall clock")]
fn until(at: SystemTime) -> Instant {
    Instant::now() + at.duration_since(SystemTime::now()).unwrap_or_default()
}

/// T0 on both clocks: the time that was asked for, or as soon as connections
/// can be made.
#[expect(clippy::disallowed_methods, reason = "the program owns the wall clock")]
fn beginning(
    start_at: Option<SystemTime>,
    connections: u32,
) -> anyhow::Result<(Instant, SystemTime)> {
    let (now, unix_now) = (Instant::now(), SystemTime::now());
    let lead = LEAD + LEAD_EACH * connections;
    let Some(start_at) = start_at else { return Ok((now + lead, unix_now + lead)) };
    let left = start_at.duration_since(unix_now).map_err(|_| LoadError::Setting {
        what: "time to start",
        value: jiff::Timestamp::try_from(start_at)
            .map_or_else(|e| e.to_string(), |t| t.to_string()),
        problem: "it is in the past; give a time that is still to come".to_owned(),
    })?;
    Ok((now + left, start_at))
}

/// The signals that end a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one; tells how long whoever sent it waits for the last answers.
    async fn next(&mut self) -> Option<Duration> {
        tokio::select! {
            _ = self.interrupt.recv() => None,
            _ = self.terminate.recv() => Some(PARTING),
            _ = self.hangup.recv() => Some(PARTING),
        }
    }
}

/// Looks after the live view and the records until the run ends; says whether
/// a signal or a key ended it. A second one does not wait for the last answers.
async fn watch(
    running: &Running,
    live: &mut Live,
    recorder: &mut Recorder,
    exporter: Option<Exporter>,
    output: &Output,
) -> anyhow::Result<bool> {
    let mut signals = Signals::listen()?;
    // Signals are heard from here on, so the terminal is always put back.
    live.begin(output);
    let figures = exporter.as_ref().map(Exporter::figures);
    let serving = async {
        match exporter {
            Some(exporter) => exporter.serve().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(serving);
    let mut interrupted = false;
    let mut cut_off_at: Option<Instant> = None;
    let mut glance = tokio::time::interval(GLANCE);
    while !running.is_finished() {
        let ends = tokio::select! {
            _ = glance.tick() => live.ends(),
            patience = signals.next() => {
                cut_off_at = patience.map(|patience| Instant::now() + patience);
                true
            }
            () = &mut serving => false,
        };
        if ends {
            if interrupted {
                running.cut_off();
            } else {
                running.stop();
            }
            interrupted = true;
        }
        if cut_off_at.is_some_and(|at| at <= Instant::now()) {
            running.cut_off();
        }
        recorder.take();
        let progress = running.progress();
        live.show(progress, recorder, interrupted);
        if let Some(figures) = &figures {
            figures.show(progress, recorder.rows.last());
        }
    }
    Ok(interrupted)
}
